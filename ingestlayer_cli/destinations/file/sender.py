"""Appending lines to files: whole ones, one after the other, on the disk before they count."""

import errno
import fcntl
import os
import stat
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from ...model.events import encode
from ...model.sending import LATE, CannotTell, Doubt, Found, NotConnected, Outgoing, Refused, Result, Retry, Sent
from .paths import problem_of

PATIENCE = 10.0  # seconds that another writer may hold the file
NAP = 0.01
GRAIN = 2_000  # milliseconds by which a file's time may be behind the clock

_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NEVER = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO)
_DELIVER = "what waits goes out with `ingestlayer deliver`"


class Files:
    """The files below a project's folder."""

    name = "file"

    def __init__(self, root: str) -> None:
        self._root = root

    def send(self, outgoing: Outgoing) -> Result:
        """Append the body as one line."""
        path = outgoing.target
        if problem := problem_of(path) or self._way_out(path):
            return Refused(f"nothing is written to {path}: {problem}", "correct `path`; then replay the event")
        try:
            if not self._append(path, encode(outgoing.body).encode() + b"\n", outgoing.is_ours):
                return LATE
        except BlockingIOError:
            return Retry(f"{path} is locked by another program", hint="end the program that holds it")
        except OSError as error:
            words = f"{path} cannot be written: {error.strerror or type(error).__name__}"
            if error.errno in _CLOSED:
                return NotConnected(words, f"check the permissions of {path} and its folder; {_DELIVER}")
            if error.errno in _NEVER:
                return Refused(words, "correct `path`, or what is in its place; then replay the event")
            return Retry(words, hint="make room, or mend the disk" if error.errno == errno.ENOSPC else "")
        return Sent({"path": path})

    def _way_out(self, path: str) -> str | None:
        """Say where a link leads that is not what a path says, or None."""
        root = os.path.realpath(self._root)
        real = os.path.relpath(os.path.realpath(os.path.join(root, path)), root)
        return "a link in it leads out of the project" if real.split(os.sep)[0] == ".." else problem_of(real)

    def _append(self, path: str, line: bytes, is_ours: Callable[[], bool]) -> bool:
        """Append a line; False when by the time that the file is ours the delivery is not."""
        full = os.path.join(self._root, path)
        folder = os.path.dirname(full)
        os.makedirs(folder, exist_ok=True)
        is_new = not os.path.exists(full)
        file = _opened(full)
        try:
            if not is_ours():
                return False
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line  # ends what a writer that was killed has left
            _write(file, line, size)
            os.fsync(file)
        finally:
            os.close(file)  # and gives the lock back
        if is_new:
            _sync_folder(folder)
        return True

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        """Look for the very lines. Of two deliveries with the same body, one line tells of one."""
        path = doubts[0].outgoing.target
        lines = {doubt.outgoing.id: encode(doubt.outgoing.body).encode() for doubt in doubts}
        wanted = set(lines.values())
        there: Counter[bytes] = Counter()
        try:
            with open(os.path.join(self._root, path), "rb") as file:
                if os.fstat(file.fileno()).st_mtime_ns // 1_000_000 + GRAIN < min(doubt.since for doubt in doubts):
                    return Found({})  # nothing was written since
                there.update(line for row in file if (line := row.rstrip(b"\n")) in wanted)
        except FileNotFoundError:
            return Found({})
        except OSError as error:
            return CannotTell(f"{path} cannot be read: {error.strerror}")
        receipts = {}
        for id_, line in lines.items():
            if there[line]:
                there[line] -= 1
                receipts[id_] = {"path": path}
        return Found(receipts)


def _opened(path: str) -> int:
    """Open a file to append and lock it. One that was taken away in between (rotated) is opened anew."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "it is no regular file")
            _lock(file)
            with suppress(FileNotFoundError):
                if os.path.samestat(status, os.stat(path)):
                    return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _lock(file: int) -> None:
    """Wait for the lock that all writers of the file take; BlockingIOError when it is held for too long."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= ends:
                raise
        time.sleep(NAP)


def _write(file: int, line: bytes, size: int) -> None:
    """Write all of a line at once, or nothing: a full disk takes a part of it."""
    written = 0
    try:
        while written < len(line):
            written += os.write(file, line[written:])
    except OSError:
        with suppress(OSError):
            # Whoever writes without the lock may have come after it.
            if os.fstat(file).st_size == size + written:
                os.ftruncate(file, size)
        raise


def _sync_folder(folder: str) -> None:
    """Keep the name of a new file through a loss of power; where folders cannot be synced, the file is."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
