"""`store prune` takes turns with emitters: how long it holds the store, and what it leaves to them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from ingestlayer_cli.store.sql.upkeep import PAUSE
from ingestlayer_cli.store.sqlite.store import SqliteStore, open_to_write
from tests.support.clock import FakeClock
from tests.support.posting import Posting, envelope

DAY = 86_400_000
LONGEST_SLEEP = 25  # of SQLite's busy handler, in milliseconds, while it has waited for less than 128 ms
OLD = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
FILL = {
    "events": f"{OLD} INSERT INTO events (seq, id, type, received_at, accepted_at, source, payload)"
    " SELECT i, 'evt_' || i, 't', 1, 1, 'cli', '{}' FROM n",
    "memory": f"{OLD} INSERT INTO memory SELECT 'p/dedupe/1', 'k' || i, 1, 'evt_' || i FROM n",
    "states": f"{OLD} INSERT INTO states SELECT 'p/crossing/1', 'k' || i, '{{}}', 'evt_' || i, 1 FROM n",
    "threads": f"{OLD} INSERT INTO threads (scope, key, opened_at) SELECT 'p #x', 'k' || i, 1 FROM n",
    "dead_letters": f"{OLD} INSERT INTO dead_letters (at, kind, type, source, message, details, raw)"
    " SELECT 1, 'schema', 't', 'cli', 'm', '[]', '{}' FROM n",
    "people": f"{OLD} INSERT INTO people SELECT '', i || '@x.example', NULL, '', 1 FROM n",
}


class Neighbour(FakeClock):
    """A clock that each look moves on by 10 ms; whenever prune sleeps another process begins a transaction."""

    def __init__(self, path: str, table: str) -> None:
        super().__init__()
        self._path = path
        self._table = table
        self.slept: list[int] = []
        self.left: list[int] = []

    def steady(self) -> int:
        self.at += 10
        return super().steady()

    def sleep(self, duration: int) -> None:
        super().sleep(duration)
        with closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            self.left += connection.execute(f"SELECT count(*) FROM {self._table}").fetchone()
            connection.execute("ROLLBACK")
        self.slept.append(duration)


@pytest.fixture
def store(posting: Posting) -> Iterator[SqliteStore]:
    with closing(open_to_write(str(posting.store))) as store:
        yield store


@pytest.mark.parametrize("table", FILL)
def test_old_rows_go_a_few_at_a_time_and_between_them_the_store_is_free(table: str, store: SqliteStore) -> None:
    store.connection.execute(FILL[table])
    clock = Neighbour(store.path, table)
    store.upkeep.prune(clock, 2, 2)
    assert len(clock.left) > 10
    steps = [before - after for before, after in zip([2000, *clock.left], [*clock.left, 0], strict=True)]
    assert max(steps) <= 200
    assert store.rows(f"SELECT count(*) FROM {table}") == [(0,)]


def test_whoever_waits_for_one_transaction_wakes_in_the_pause_after_it(store: SqliteStore) -> None:
    store.connection.execute(FILL["events"])
    clock = Neighbour(store.path, "events")
    store.upkeep.prune(clock, 2, 2)
    assert min(clock.slept) == PAUSE >= LONGEST_SLEEP


def test_the_clock_set_back_does_not_make_a_transaction_long(store: SqliteStore) -> None:
    class SetBack(Neighbour):
        def steady(self) -> int:
            self.sets(-DAY)
            return super().steady()

    store.connection.execute(FILL["events"])
    clock = SetBack(store.path, "events")
    assert store.upkeep.prune(clock, 2, 2) == 2000
    assert len(clock.left) > 10


@contextmanager
def statements(store: SqliteStore) -> Iterator[list[str]]:
    said: list[str] = []
    store.connection.set_trace_callback(said.append)
    try:
        yield said
    finally:
        store.connection.set_trace_callback(None)


def test_a_prune_that_finds_nothing_old_never_holds_the_store(store: SqliteStore) -> None:
    for statement in FILL.values():
        store.connection.execute(statement)
    with statements(store) as said:
        assert store.upkeep.prune(FakeClock(), 1, 1) == 0
    assert [line for line in said if line.startswith("BEGIN")] == []


def test_what_is_young_is_not_searched_while_the_store_is_held(store: SqliteStore) -> None:
    store.connection.execute(FILL["dead_letters"])
    store.connection.execute("UPDATE dead_letters SET at = 3 WHERE seq > 1")
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += store.connection.in_transaction
        return 0

    store.connection.set_progress_handler(count, 1)
    store.upkeep.prune(FakeClock(), 2, 2)
    store.connection.set_progress_handler(None, 1)
    assert store.rows("SELECT count(*) FROM dead_letters") == [(1999,)]
    assert 0 < steps < 1000


def test_events_emitted_between_two_turns_stay(posting: Posting, store: SqliteStore) -> None:
    class Emitting(FakeClock):
        """Emits an event whenever prune sleeps."""

        def __init__(self) -> None:
            super().__init__()
            self.emitted = 0

        def steady(self) -> int:
            self.at += 10
            return super().steady()

        def sleep(self, duration: int) -> None:
            posting.accept([self.emitted])
            self.emitted += 1

    store.connection.execute(FILL["events"])
    clock = Emitting()
    assert store.upkeep.prune(clock, 2, 2) == 2000
    keys = {key for (key,) in store.rows("SELECT key FROM events")}
    assert keys == {envelope(number)["idempotency_key"] for number in range(clock.emitted)}
    assert clock.emitted > 5
