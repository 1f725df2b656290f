"""Files that others read while they are written: they meet what was there before, or all of what is there now."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import UsageError
from .typed import TextIO


@contextmanager
def written_whole(path: str) -> Iterator[TextIO]:
    """Write a text file beside its place, and move it there at the end; what is no file is written as it is.

    UsageError where that cannot be done. What goes wrong leaves what was there before.
    """
    target = os.path.realpath(path)
    part = f"{target}.{os.getpid()}.part"
    try:
        if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
            with open(target, "w", encoding="utf-8") as file:
                yield file
            return
        with open(part, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", "name a file in a folder that is there"
        ) from None
    finally:
        if os.path.exists(part):
            os.unlink(part)
