"""The side index of a large entity file: the place of every key, in a small SQLite file of its own.

It is derived data: whatever is wrong with it, it is built again. It is written once under another name
and renamed into place, so that a reader sees a whole index or none, and builders do not disturb each other.
"""

import os
import sys
from binascii import crc32
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

from ingestlayer_cli.entities.table import Place
from ingestlayer_cli.system.console import draw_over
from ingestlayer_cli.system.errors import count_of
from ingestlayer_cli.system.typed import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sqlite3 import Connection

ABANDONED = 3600  # seconds: an unfinished index older than this has lost its builder
PATIENCE = 60  # seconds that another builder is waited for
SHOW_AFTER = 1.0  # seconds
COUNT_EVERY = 20_000  # records

Item = TypeVar("Item")


class Index:
    """Keys and their places. Methods raise sqlite3.Error when the index is damaged."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    def find(self, key: str) -> list[Place]:
        """Return the places of `key` in the order of the file."""
        found = self._connection.execute(
            "SELECT number, start, length FROM place WHERE key = ? ORDER BY number", (_stored(key),)
        )
        return found.fetchall()

    def find_all(self, keys: Collection[str]) -> dict[str, list[Place]]:
        """Return the places of each of these keys that is there; they are printable texts."""
        from json import dumps

        sql = (
            "SELECT place.key, number, start, length FROM json_each(?)"
            " CROSS JOIN place ON place.key = CAST(value AS BLOB)"
        )
        found: dict[str, list[Place]] = {}
        # Sorted, so that neighbours are met on one page.
        for key, number, start, length in self._connection.execute(sql, (dumps(sorted(set(keys))),)):
            found.setdefault(key.decode(), []).append((number, start, length))
        for places in found.values():
            places.sort()
        return found

    def duplicates(self) -> Iterator[tuple[str, int, Place]]:
        """Yield each key that stood earlier, the number of its first record and the place of this one."""
        found = self._connection.execute(
            "SELECT key, first, number, start, length FROM place JOIN"
            " (SELECT key, min(number) AS first FROM place GROUP BY key HAVING count(*) > 1) USING (key)"
            " WHERE number > first ORDER BY number"
        )
        for key, first, number, start, length in found:
            yield key.decode("utf-8", "surrogatepass"), first, (number, start, length)

    def __iter__(self) -> Iterator[str]:
        for (key,) in self._connection.execute("SELECT key FROM place"):
            yield key.decode("utf-8", "surrogatepass")

    def close(self) -> None:
        self._connection.close()


@cache
def code() -> str:
    """Return what tells this room's code, which says what a place means, from any other."""
    number = 0
    for folder, folders, names in os.walk(os.path.dirname(__file__)):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                with open(os.path.join(folder, name), "rb") as file:
                    number = crc32(file.read(), number)
    return f"{number:08x}"


def open_index(path: str, identity: str) -> Index | None:
    """Open the index at `path`; None when there is none, or a damaged one, or one of another identity."""
    import sqlite3

    # Immutable: no locks and no journal, so it also opens in a folder that cannot be written.
    escaped = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    connection = None
    try:
        connection = sqlite3.connect(f"file:{escaped}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        if connection.execute("SELECT identity FROM source").fetchone() == (f"{code()} {identity}",):
            return Index(connection)
    except sqlite3.Error:
        pass
    if connection:
        connection.close()
    return None


@contextmanager
def building(path: str) -> Iterator[bool]:
    """Be the only one that builds an index in its folder; say whether another one was put at `path` meanwhile.

    Who has waited for long builds one, too: a builder may be stuck. So does everybody where nothing can be locked.
    """
    from fcntl import LOCK_EX, LOCK_NB, flock
    from time import monotonic, sleep

    before, ends, folder = _made(path), monotonic() + PATIENCE, -1
    try:
        with suppress(OSError):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            while monotonic() < ends:
                try:
                    flock(folder, LOCK_EX | LOCK_NB)
                    break
                except BlockingIOError:
                    sleep(0.02)
        yield _made(path) != before
    finally:
        if folder >= 0:
            os.close(folder)


def _made(path: str) -> tuple[int, int] | None:
    with suppress(OSError):
        found = os.stat(path)
        return found.st_ino, found.st_mtime_ns
    return None


def build_index(path: str, identity: str, keyed: Iterable[tuple[str, Place]]) -> Index:
    """Build the index at `path` and open it; its folder is made when it is missing.

    Raises OSError or sqlite3.Error when it cannot be written.
    """
    import sqlite3

    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    _sweep(path)
    unfinished = f"{path}.{os.urandom(6).hex()}.tmp"
    try:
        build_private_index(keyed, unfinished, identity).close()
        _sync(unfinished)
        os.replace(unfinished, path)
    except BaseException:
        if os.path.exists(unfinished):
            os.unlink(unfinished)
        raise
    index = open_index(path, identity)
    if index is None:
        raise sqlite3.OperationalError(f"{path} was replaced by an index of something else")
    return index


def build_private_index(keyed: Iterable[tuple[str, Place]], path: str = "", identity: str = "") -> Index:
    """Build an index that is SQLite's own temporary file and ends with this process.

    Raises sqlite3.Error when there is no room for it.
    """
    import sqlite3

    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        # Nothing to protect: a build that is cut short is never renamed into place.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE source (identity TEXT)")
        connection.execute("INSERT INTO source VALUES (?)", (f"{code()} {identity}",))
        columns = "key BLOB, number INTEGER, start INTEGER, length INTEGER"
        connection.execute(f"CREATE TEMP TABLE found ({columns})")
        rows = ((_stored(key), *place) for key, place in keyed)
        connection.executemany("INSERT INTO found VALUES (?, ?, ?, ?)", rows)
        # Sorted once, it is filled from end to end instead of being grown at random places; and a look-up is one
        # descent of one tree.
        connection.execute(f"CREATE TABLE place ({columns}, PRIMARY KEY (key, number)) WITHOUT ROWID")
        connection.execute("INSERT INTO place SELECT * FROM found ORDER BY key, number")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return Index(connection)


def with_progress(name: str, keyed: Iterable[Item]) -> Iterator[Item]:
    """Yield from `keyed`; tell a terminal on stderr how far it is once it takes over a second."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from keyed
        return
    from time import monotonic

    began = monotonic()
    shown = False
    try:
        for count, item in enumerate(keyed):
            if count % COUNT_EVERY == 0 and monotonic() - began > SHOW_AFTER:
                shown = True
                draw_over(f"Reading {name}: {count_of(count, 'record')}")
            yield item
    finally:
        if shown:
            draw_over()


def _stored(key: str) -> bytes:
    # As bytes: a text with half a surrogate pair, which JSON can hold, is none to SQLite.
    return key.encode("utf-8", "surrogatepass")


def _sync(path: str) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _sweep(path: str) -> None:
    """Remove what killed builders left."""
    from time import time

    folder, name = os.path.split(path)
    for other in os.listdir(folder):
        if other.startswith(f"{name}.") and other.endswith(".tmp"):
            with suppress(OSError):
                leftover = os.path.join(folder, other)
                if time() - os.stat(leftover).st_mtime > ABANDONED:
                    os.unlink(leftover)
