"""What tells one state of a file from another."""

import os

Stamp = list[int] | None  # None: there is no such file
FileStamp = tuple[int, int, int, int]  # size, time of the last write, time of the last change, inode
Stamped = tuple[str, Stamp]  # a file by its path, as it was when it was looked at


def stamp_in(found: os.stat_result) -> FileStamp:
    """Return what an edit changes: one that keeps size and time of a file still has its inode changed."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def stamp_of(path: str) -> Stamp:
    """Return the stamp of a file as it is now."""
    try:
        return [*stamp_in(os.stat(path))]
    except (OSError, ValueError):  # ValueError: a null character in the path
        return None
