"""A process that lives long works with a project as its files are now, else as they were when they were last sound."""

from collections.abc import Callable
from time import monotonic

from ..project import edition
from ..system.errors import IngestlayerError
from ..system.typed import Any
from .runtime import Runtime

PAUSE = 0.4  # seconds after which files that are broken are read again, though they look the same


class Renewing:
    """A runtime that is opened anew by `renew` when a file of its project has changed, or its store.

    While the files are broken it stays as it is: `trouble` says why, and `troubled` is told of it, once.
    """

    def __init__(
        self, runtime: Runtime, renew: Callable[[], Runtime], troubled: Callable[[IngestlayerError], None]
    ) -> None:
        self.runtime = runtime
        self.trouble: IngestlayerError | None = None
        self._renew = renew
        self._troubled = troubled
        self._not_before = 0.0
        self._broken: list[list[Any]] = []  # the files that were found to be

    def look(self) -> bool:
        """Say whether the runtime is another one now; the one before is closed."""
        root = self.runtime.project.root
        if monotonic() < self._not_before and edition(root) == self._broken:
            return False
        if self.runtime.is_current:
            self.trouble = None
            return False
        files = edition(root)
        try:
            renewed = self._renew()
        except IngestlayerError as error:
            if self.trouble is None or error.message != self.trouble.message:
                self._troubled(error)
            self.trouble = error
            self._not_before, self._broken = monotonic() + PAUSE, files
            return False
        self.trouble = None
        self.runtime.close(hurried=True)
        self.runtime = renewed
        return True

    def close(self) -> None:
        self.runtime.close(hurried=True)
