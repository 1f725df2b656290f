"""The door for reading: what other processes commit is seen at once, and nothing is left beside the file."""

import os
import sqlite3
from collections.abc import Callable
from urllib.parse import quote

from ...system.errors import StoreError
from ...system.typed import TypeVar
from .connection import BUSY_SECONDS, errors, version_of
from .store import SqliteStore

TRIES = 20  # of a read, while others write what cannot be shared with them
_CANNOT_WRITE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)

T = TypeVar("T")


def open_to_read(path: str) -> SqliteStore | None:
    """Open an existing store for reading alone, beside any writers; None when there is none.

    A reader of a store in WAL mode makes the -wal and -shm files, and only who may write takes them away again: so
    the file is opened for writing, and then writes nothing.
    """
    if not os.path.exists(path):
        return None
    with errors(path):
        store = (_shared(path) if _may_write(path) else None) or _Unwritable(path)
        try:
            version = store.read(lambda connection: version_of(connection, path))
        except BaseException:
            store.close()
            raise
    if version == 0:  # another process is just making it
        store.close()
        return None
    store.version = version
    return store


def _may_write(path: str) -> bool:
    return os.access(path, os.W_OK) and os.access(os.path.dirname(path), os.W_OK)


def _shared(path: str) -> SqliteStore | None:
    """Open a store as its writers do; None when there is no writing here after all, on a full disk for one."""
    connection = _connect(path, "mode=rw")
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _CANNOT_WRITE:
            return None
        raise
    return SqliteStore(connection, path)


def _connect(path: str, how: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(path)}?{how}", timeout=BUSY_SECONDS, isolation_level=None, uri=True)


class _Unwritable(SqliteStore):
    """A store that this user may not write, though others may: no -wal file can be made here.

    While theirs is there, it is shared with them. While there is none the file does not change, and SQLite must be
    told so; a read counts if nothing has changed meanwhile, else it is done again.
    """

    def __init__(self, path: str) -> None:
        super().__init__(self._open(path), path)

    def _open(self, path: str) -> sqlite3.Connection:
        self._before = _standing(path)
        self._is_shared = os.path.exists(f"{path}-wal")
        return _connect(path, "mode=ro" if self._is_shared else "immutable=1")

    def read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        with errors(self.path):
            for _ in range(TRIES):
                try:
                    found = look(self.connection)
                except sqlite3.Error:
                    if self._holds():
                        raise
                else:
                    if self._is_shared or self._holds():
                        return found
                self.connection.close()
                self.connection = self._open(self.path)
        raise StoreError(
            f"the store {self.path} changes while it is read",
            "try again, or make the file and its folder writable for this user",
        )

    def _holds(self) -> bool:
        """Say whether the way in which the file was opened is still the right one."""
        is_shared = os.path.exists(f"{self.path}-wal")
        return is_shared if self._is_shared else not is_shared and _standing(self.path) == self._before


def _standing(path: str) -> tuple[int, ...]:
    """Return what differs once a file was written, or replaced."""
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns
