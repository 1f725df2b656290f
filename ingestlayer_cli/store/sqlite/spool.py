"""What is kept on this machine while the store that several machines share is out of reach: a small SQLite file."""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from time import monotonic, sleep

from ...model.events import Event
from ...system import ending
from ...system.errors import StoreError
from ...system.typed import TextIO, Values
from ..contract.accepting import AwayError, SpoolError
from ..sql.lookups import stored_event
from .connection import errors, writing

PATIENCE = 10  # seconds for another process that hands it over
_TABLE = """
CREATE TABLE IF NOT EXISTS kept (
    seq INTEGER PRIMARY KEY,            -- the order in which they came
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    key TEXT,
    payload TEXT NOT NULL,
    at INTEGER NOT NULL                 -- when it was kept
) STRICT
"""


class SqliteSpool:
    """See `contract.roles.upkeep.Spool`."""

    def __init__(self, path: str) -> None:
        self.path = path

    def add(self, events: Sequence[tuple[Event, str]], at: int) -> None:
        rows = [(*event[:-1], payload, at) for event, payload in events]
        columns = "id, type, received_at, source, key, payload, at"
        with self._opened() as connection:
            connection.executemany(f"INSERT INTO kept ({columns}) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING", rows)

    @contextmanager
    def taken(self, most: int) -> Iterator[list[tuple[Event, str]]]:
        """Yield the first events that are kept; without an error inside they are forgotten at its end.

        Others may keep more meanwhile: whoever takes them may wait for long, for a database that does not answer.
        """
        select = f"SELECT id, type, received_at, source, key, payload, seq FROM kept ORDER BY seq LIMIT {most}"
        with self._alone():
            with self._opened() as connection:
                rows = connection.execute(select).fetchall()
            with self._errors():
                events = [(stored_event(row), row[5]) for row in rows]
            yield events
            if rows:
                with self._opened() as connection:
                    connection.execute("DELETE FROM kept WHERE seq <= ?", (rows[-1][6],))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only one that takes events, of this process and others."""
        from fcntl import LOCK_EX, LOCK_NB, flock

        ends = monotonic() + PATIENCE
        with self._lock_file() as file:
            while True:
                try:
                    flock(file, LOCK_EX | LOCK_NB)
                    break
                except BlockingIOError:
                    if monotonic() > ends or ending.is_told():
                        words = f"another process hands over what is kept in {self.path}, for over {PATIENCE} s"
                        raise AwayError(words, "look for a process that is stuck") from None
                sleep(0.02)
            yield

    def _lock_file(self) -> TextIO:
        with self._errors():
            return open(f"{self.path}.lock", "a")

    def newest(self) -> dict[str, Values]:
        if not os.path.exists(self.path):
            return {}
        with self._errors(), self._opened() as connection:
            rows = connection.execute("SELECT key, payload, max(seq) FROM kept WHERE key IS NOT NULL GROUP BY key")
            return {key: json.loads(payload) for key, payload, _ in rows}

    def count(self) -> tuple[int, int | None]:
        if not os.path.exists(self.path):
            return 0, None
        with self._errors(), closing(sqlite3.connect(self.path, timeout=PATIENCE)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'kept'").fetchone():
                return 0, None
            number, oldest = connection.execute("SELECT count(*), min(at) FROM kept").fetchone()
        return number, oldest

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction; another process waits for it."""
        with self._errors():
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                with writing(connection):
                    connection.execute(_TABLE)
                    yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say what is wrong with the file: whatever that is, nothing of it is thrown away."""
        try:
            with errors(self.path, PATIENCE):
                yield
        except (StoreError, OSError, ValueError) as error:
            said = error.__cause__ or error
            hint = (
                f"it is left as it is: `sqlite3 {self.path} .recover` saves what can be read; move it away to keep more"
            )
            if "locked" in str(said):
                hint = "look for a process that is stuck"
            if isinstance(said, PermissionError) or "readonly" in str(said) or "unable to open" in str(said):
                hint = f"let this user write {self.path}, and its folder"
            raise SpoolError(f"what is kept in {self.path} is out of reach: {said}", hint) from error
