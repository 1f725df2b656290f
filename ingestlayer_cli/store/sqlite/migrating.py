"""Making a store, and bringing an older one up to date."""

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from ...system.console import draw_over
from ...system.errors import StoreError
from ..sql.names import key_hash
from .connection import BUSY_SECONDS, version_of, writing
from .schema import APPLICATION_ID, MIGRATIONS, VERSION

SHOW_AFTER = 1.0  # seconds
STEPS = 100_000  # of SQLite's machine between two looks at the clock


def migrate(connection: sqlite3.Connection, path: str) -> None:
    if version_of(connection, path) == 0:
        _use_wal(connection)
    connection.create_function("key_hash", 1, key_hash, deterministic=True)
    with writing(connection):
        version = version_of(connection, path)  # another process may have been first
        if 0 < version < VERSION:
            _copy(path, f"{path}.v{version}")
        with _telling(connection, f"Bringing the store from version {version} to {VERSION}"):
            for script in MIGRATIONS[version:]:
                for statement in _statements(script):
                    connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


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
            draw_over(f"{words}: {seconds:.0f} s")

    connection.set_progress_handler(tell, STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)
        if shown:
            draw_over()


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
