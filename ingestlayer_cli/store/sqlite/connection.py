"""The store: one SQLite file, the only place that speaks SQL.

WAL with `synchronous=FULL`: what a transaction committed survives a power cut; readers never wait for a
writer. Every write goes through `Store.transaction()`.
"""

import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

from ...model.memory import Seen, State, Traits
from ...system.errors import StoreError, UsageError
from ..contract.accepting import First, LookedUp
from .schema import APPLICATION_ID, MIGRATIONS, VERSION, key_hash
from .transaction import Transaction, first_with_key, look_up, remembered, state, traits

BUSY_SECONDS = 60
SHOW_AFTER = 1.0  # seconds
STEPS = 100_000  # of SQLite's machine between two looks at the clock
# Of a batch. With what SQLite has by itself, 2 MB and 1,000 pages, a chunk of a thousand new keys in no order reads
# its pages twice and is copied at once, page by page.
CACHE = 16_000  # kB
CHECKPOINT = 4_000  # pages of 4 kB
SAVE = "restore a copy of it; `sqlite3 FILE .recover` saves what can be read"

T = TypeVar("T")


class Store:
    """An open store. One thread at a time may use it."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self.connection = connection
        self.path = path
        self.version = VERSION  # opened for reading, it may be an older one
        self._place = _place(path)
        self._versions: dict[tuple[str, str], int] = {}
        self._numbers: dict[tuple[str, str], int] = {}

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Hold the only write transaction; commit at the end, roll everything back on any exception."""
        with errors(self.path):
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                self._check_version()
                transaction = Transaction(self.connection, self._versions, self._numbers)
                yield transaction
                transaction.flush()
                self.connection.execute("COMMIT")
            except BaseException:
                # Numbers that were handed out inside may not exist now.
                self._versions.clear()
                self._numbers.clear()
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def _check_version(self) -> None:
        """Write nothing into a store that another program has brought to a version that this one does not know."""
        if self.connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            version = version_of(self.connection, self.path)
            raise StoreError(f"the store {self.path} was replaced by one of version {version}", "try again")

    def expect_many(self) -> None:
        """Get ready for many transactions: keep more pages at hand, and copy what changed to the file less often."""
        with errors(self.path):
            self.connection.execute(f"PRAGMA cache_size = -{CACHE}")
            self.connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")

    @property
    def is_in_place(self) -> bool:
        """Whether its file is where it was: one that was deleted, or replaced, nobody else reads."""
        return _place(self.path) == self._place

    @property
    def is_outdated(self) -> bool:
        return self.version < VERSION

    def read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Return what a look into the store finds; it reads all that it wants before it returns."""
        with errors(self.path):
            return look(self.connection)

    def select(self, sql: str, *values: Any) -> list[Any]:
        return self.read(lambda connection: connection.execute(sql, values).fetchall())

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        """Return the latest remembrance of a key strictly between two times."""
        return self.read(lambda connection: remembered(connection, scope, key, after, before))

    def state(self, scope: str, key: str) -> State | None:
        """Return the state that was kept last of a key."""
        return self.read(lambda connection: state(connection, scope, key))

    def states(self, scope: str, start: str) -> dict[str, State]:
        """Return the states of the keys that begin with a text, by key."""
        rows = self.select(
            "SELECT key, value, event_id, at FROM states WHERE scope = ? AND key >= ? AND key < ?",
            *(scope, start, start + "\U0010ffff"),
        )
        return {key: State(json.loads(value), event_id, at) for key, value, event_id, at in rows}

    def look_up(self, keys: list[str]) -> LookedUp:
        """Read what is stored under many idempotency keys at once."""
        return self.read(lambda connection: look_up(connection, keys))

    def first_with_key(self, type_: str, key: str, after: int) -> First | None:
        """Return the newest event of a type with this idempotency key accepted after a time."""
        return self.read(lambda connection: first_with_key(connection, type_, key, after))

    def has_unfinished(self) -> bool:
        """Say whether a run failed and is to be run again."""
        return bool(self.select("SELECT EXISTS (SELECT 1 FROM unfinished)")[0][0])

    def traits(self, kind: str, key: str) -> Traits | None:
        """Return what the store knows of an entity."""
        return self.read(lambda connection: traits(connection, kind, key))

    def close(self) -> None:
        self.connection.close()


def _place(path: str) -> tuple[int, int] | None:
    """Return a file's device and inode: one that was put in its place is another."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def open_store(path: str) -> Store:
    """Open a store, making or migrating it when needed; StoreError says what is in the way."""
    with errors(path):
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the store's folder {os.path.dirname(path)} cannot be made: {error.strerror}",
                "make it writable, or set [store] path in ingestlayer.toml",
            ) from None
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
        return Store(connection, path)


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    if version_of(connection, path) == 0:
        _use_wal(connection)
    connection.create_function("key_hash", 1, key_hash, deterministic=True)
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection, path)  # another process may have been first
        if 0 < version < VERSION:
            _copy(path, f"{path}.v{version}")
        with _telling(connection, f"Bringing the store from version {version} to {VERSION}"):
            for script in MIGRATIONS[version:]:
                for statement in _statements(script):
                    connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _telling(connection: sqlite3.Connection, words: str) -> Iterator[None]:
    """Tell a terminal on stderr what takes so long, once it takes over a second."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    started = time.monotonic()
    shown = False

    def tell() -> None:
        nonlocal shown
        seconds = time.monotonic() - started
        if seconds > SHOW_AFTER:
            shown = True
            sys.stderr.write(f"\r{words}: {seconds:.0f} s")
            sys.stderr.flush()

    connection.set_progress_handler(tell, STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)
        if shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait for the others that want the same: it fails at once."""
    ends = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > ends:
                raise
        time.sleep(0.01)


def _copy(path: str, copy: str) -> None:
    """Keep a whole copy of the store as it is before its migration, whose lock is held."""
    part = f"{copy}.part"
    try:
        with suppress(FileNotFoundError):  # it is there where one was killed
            os.unlink(part)
        try:
            with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(part)) as new:
                old.backup(new)
            os.replace(part, copy)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(part)
    except OSError as error:
        words = f"the store {path} cannot be copied before its migration: {error.filename}: {error.strerror}"
        raise StoreError(words, "make room for the copy, or move what is in its way; the store is as it was") from None


def _statements(script: str) -> Iterator[str]:
    """Split a script: executescript would commit the transaction that makes a migration whole."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def version_of(connection: sqlite3.Connection, path: str) -> int:
    """Return the version of a store, 0 for an empty file; StoreError when it is not ours or newer than us."""
    alone = not connection.in_transaction
    if alone:
        connection.execute("BEGIN")  # one state of the file: another process may be making it
    try:
        names = ("PRAGMA user_version", "PRAGMA application_id", "SELECT count(*) FROM sqlite_master")
        version, application, tables = (connection.execute(sql).fetchone()[0] for sql in names)
    finally:
        if alone:
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
def errors(path: str) -> Iterator[None]:
    """Turn what SQLite says into words with a remedy."""
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
                raise StoreError(f"the store {path} {message}", hint) from error
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
        f"is held by another process for over {BUSY_SECONDS} s",
        "look for a process that is stuck; then try again",
    ),
    ("disk I/O", "cannot be read or written", "check the disk, and that it is not full"),
]
