"""An open SQLite file: its one write transaction, its reads, and what SQLite says in words with a remedy.

WAL with `synchronous=FULL`: what a transaction committed survives a power cut; readers never wait for a
writer. Every write goes through `Database.transaction()`.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from ...system.errors import StoreError, UsageError
from ...system.typed import Any, TypeVar
from ..sql.base import Base
from ..sql.lookups import Lookups
from ..sql.transaction import SqlTransaction
from .schema import APPLICATION_ID, VERSION

BUSY_SECONDS = 60
# Of a batch. With what SQLite has by itself, 2 MB and 1,000 pages, a chunk of a thousand new keys in no order reads
# its pages twice and is copied at once, page by page.
CACHE = 10_000  # kB
CHECKPOINT = 4_000  # pages of 4 kB
SAVE = "restore a copy of it; `sqlite3 FILE .recover` saves what can be read"

T = TypeVar("T")


class Noticing(Lookups):
    """What tells a connection that others have written: https://sqlite.org/pragma.html#pragma_data_version."""

    def written(self) -> object:
        return self.rows("PRAGMA data_version")[0][0]


class SqliteTransaction(Noticing, SqlTransaction):
    """The only write transaction of a file."""


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the only write transaction of a file; commit at the end, roll everything back on any exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends one itself, on a full disk for one
            connection.execute("ROLLBACK")
        raise


class Database(Noticing, Base):
    """An open file. One thread at a time may use it."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self.connection = connection
        self.path = path
        self._place = _place(path)
        self._patience: float = BUSY_SECONDS
        self._versions: dict[tuple[str, str], int] = {}
        self._numbers: dict[tuple[str, str], int] = {}

    @contextmanager
    def transaction(self, may_repeat: bool = False) -> Iterator[SqliteTransaction]:
        with errors(self.path, self._patience):
            try:
                with writing(self.connection):
                    self._check_version()
                    transaction = SqliteTransaction(self.connection, self._versions, self._numbers)
                    yield transaction
                    transaction.flush()
            except BaseException:
                # Numbers that were handed out inside may not exist now.
                self._versions.clear()
                self._numbers.clear()
                raise

    def _check_version(self) -> None:
        """Write nothing into a store that another program has brought to a version that this one does not know."""
        if self.connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            version = version_of(self.connection, self.path)
            raise StoreError(f"the store {self.path} was replaced by one of version {version}", "try again")

    @contextmanager
    def as_of_now(self) -> Iterator[None]:
        """Hold the state of the file that the first read inside meets."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self.connection.execute("COMMIT")

    def expect_many(self) -> None:
        """Keep more pages at hand, and copy what changed to the file less often."""
        with errors(self.path):
            self.connection.execute(f"PRAGMA cache_size = -{CACHE}")
            self.connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")

    def wait_at_most(self, seconds: float) -> None:
        self._patience = seconds
        with errors(self.path):
            self.connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    @property
    def is_in_place(self) -> bool:
        """Whether its file is where it was: one that was deleted, or replaced, nobody else reads."""
        return _place(self.path) == self._place

    def read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Return what a look into the store finds; it reads all that it wants before it returns."""
        with errors(self.path):
            return look(self.connection)

    def rows(self, sql: str, *values: Any) -> list[Any]:
        return self.read(lambda connection: connection.execute(sql, values).fetchall())

    def has_unfinished(self) -> bool:
        """Asked by each call that accepts: the part itself is loaded where there is one."""
        return bool(self.rows("SELECT EXISTS (SELECT 1 FROM unfinished)")[0][0])

    def close(self) -> None:
        self.connection.close()


def _place(path: str) -> tuple[int, int] | None:
    """Return a file's device and inode: one that was put in its place is another."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def version_of(connection: sqlite3.Connection, path: str) -> int:
    """Return the version of a store, 0 for an empty file; StoreError when it is not ours or newer than us."""
    alone = not connection.in_transaction
    if alone:
        connection.execute("BEGIN")  # one state of the file: another process may be making it
    try:
        names = ("PRAGMA user_version", "PRAGMA application_id", "SELECT count(*) FROM sqlite_master")
        version, application, tables = (connection.execute(sql).fetchone()[0] for sql in names)
    finally:
        if alone and connection.in_transaction:  # SQLite ends it itself where the disk is full
            connection.execute("COMMIT")
    if application != APPLICATION_ID and (application or version or tables):
        raise StoreError(f"{path} is a database of another program", "set [store] path in ingestlayer.toml")
    if version > VERSION:
        raise StoreError(
            f"the store {path} is of version {version}, this program knows {VERSION}",
            "it was made by a newer ingestlayer: upgrade this one (pip install -U ingestlayer-cli)",
        )
    return int(version)


@contextmanager
def errors(path: str, patience: float = BUSY_SECONDS) -> Iterator[None]:
    """Turn what SQLite says into words with a remedy; `patience` is for how many seconds another one was waited for."""
    try:
        yield
    except sqlite3.Error as error:
        said = str(error)
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT:
            if _is_damaged(path):
                raise StoreError(f"the store {path} is damaged", SAVE) from error
            hint = "SQLite's check finds it whole: try again; `ingestlayer store info` looks closer"
            raise StoreError(f"the store {path} could not be read: {said}", hint) from error
        for words, message, hint in _ERRORS:
            if words in said:
                raise StoreError(f"the store {path} {message.format(patience=patience)}", hint) from error
        raise StoreError(f"the store {path} failed: {said}") from error
    except UnicodeEncodeError as error:  # of an argument with half a character, or in another encoding
        word = ascii(str(error.object)[:60])
        raise UsageError(
            f"{word} is not Unicode text", "nothing that is stored is called so: write it in UTF-8"
        ) from None


def _is_damaged(path: str) -> bool:
    """Say whether SQLite's own check, of one state of the file, finds it damaged."""
    from urllib.parse import quote

    for how in ("mode=rw", "mode=ro", "immutable=1"):  # where it may not be written the first, or both, may fail
        try:
            with closing(sqlite3.connect(f"file:{quote(path)}?{how}", uri=True, timeout=BUSY_SECONDS)) as connection:
                return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
        except sqlite3.OperationalError:
            continue
        except sqlite3.DatabaseError:
            return True
    return False


_ERRORS = [
    ("disk is full", "has no room: the disk is full", "free some space"),
    ("readonly", "cannot be written", "check the permissions of the file and of its folder"),
    ("unable to open", "cannot be opened", "check the permissions of the file and of its folder"),
    ("not a database", "is not a SQLite database", "move it away, or set [store] path in ingestlayer.toml"),
    (
        "locked",
        "is held by another process for over {patience:g} s",
        "look for a process that is stuck; then try again",
    ),
    ("disk I/O", "cannot be read or written", "check the disk, and that it is not full"),
]
