"""Runs that failed and are run again."""

import json
from collections.abc import Sequence

from ..contract.unfinished import UnfinishedGroup, UnfinishedRun
from .connection import Store
from .transaction import stored_event

_RUNS = (
    "SELECT e.id, e.type, e.received_at, e.source, e.key, e.payload, u.run, u.cause, r.reason, u.tries, u.retry_at"
    " FROM unfinished u JOIN events e ON e.seq = u.event JOIN runs r ON r.event = u.event AND r.number = u.run"
)
_LISTED = "IN (SELECT value FROM json_each(?))"


def groups(store: Store) -> list[UnfinishedGroup]:
    """Return what runs wait for, and how many."""
    rows = store.select("SELECT cause, count(*), min(retry_at) FROM unfinished GROUP BY cause")
    return [UnfinishedGroup(*row) for row in rows]


def due(
    store: Store, changed: Sequence[str], timed: Sequence[str], now: int, source: str | None, most: int
) -> list[UnfinishedRun]:
    """Return the first runs, in the order of acceptance, of causes that have changed, or of these whose time has come.

    Of the events from one source, where it is given.
    """
    return _runs(
        store,
        f"{_RUNS} WHERE (u.cause {_LISTED} OR (u.cause {_LISTED} AND u.retry_at <= ?))"
        " AND e.source = coalesce(?, e.source) ORDER BY u.event, u.run LIMIT ?",
        *(json.dumps(changed), json.dumps(timed), now, source, most),
    )


def of_events(store: Store, ids: Sequence[str]) -> list[UnfinishedRun]:
    """Return the unfinished runs of events, in the order of acceptance."""
    return _runs(store, f"{_RUNS} WHERE e.id {_LISTED} ORDER BY u.event, u.run", json.dumps(ids))


def of_event(store: Store, id_: str) -> list[UnfinishedRun]:
    """Return the unfinished runs of an event in their order."""
    return _runs(store, f"{_RUNS} WHERE u.event = (SELECT seq FROM events WHERE id = ?) ORDER BY u.run", id_)


def of_source(store: Store, source: str) -> list[UnfinishedRun]:
    """Return the unfinished runs of the events from a source, in the order of acceptance."""
    return _runs(store, f"{_RUNS} WHERE e.source = ? ORDER BY u.event, u.run", source)


def _runs(store: Store, sql: str, *values: object) -> list[UnfinishedRun]:
    return [UnfinishedRun(stored_event(row), *row[6:]) for row in store.select(sql, *values)]
