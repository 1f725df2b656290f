"""`--log FILE`: what was decided, one JSON object a line, for people and machines who look later."""

import json
import os
from collections.abc import Iterable
from itertools import islice

from .clock import Clock, format_time
from .errors import UsageError
from .typed import Any

AT_ONCE = 1_000  # lines of a write


class Log:
    """Appends lines to a file, each in one write: lines of several processes stay whole.

    The file is opened for each write, so that it may be moved away meanwhile (logrotate). A log that cannot be
    written later on stops nothing: what is accepted is safe in the store.
    """

    def __init__(self, path: str, command: str, clock: Clock | None = None) -> None:
        self._path = path
        self._command = command
        self._clock = clock or Clock()
        try:
            os.close(self._open())
        except OSError as error:
            raise UsageError(f"--log {path}: {error.strerror}", "name a file that can be written") from None

    def add(self, decision: str, **details: object) -> None:
        """Append one line: when, which command, what was decided, of what."""
        self.add_all([{"decision": decision, **details}])

    def add_all(self, lines: Iterable[dict[str, Any]]) -> None:
        """Append many lines, some at once."""
        head = {"at": format_time(self._clock.now()), "command": self._command, "pid": os.getpid()}
        rest = iter(lines)
        try:
            while some := list(islice(rest, AT_ONCE)):
                text = "".join([json.dumps({**head, **line}, ensure_ascii=False) + "\n" for line in some])
                self._write(text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            from .console import note

            note(f"warning: --log {self._path}: {error.strerror}", "yellow")

    def _write(self, data: bytes) -> None:
        from fcntl import LOCK_EX, flock

        handle = self._open()
        try:
            flock(handle, LOCK_EX)  # a write may be cut short, when the disk is full: it is gone on with alone
            while data:
                data = data[os.write(handle, data) :]
        finally:
            os.close(handle)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
