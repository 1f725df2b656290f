"""What replays and backtests read: chosen events with what became of them."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from ...model.events import Event
from ..contract.reading import FirstRun, Past, Version
from .connection import Store
from .transaction import Transaction, stored_event

_CHOSEN = "IN (SELECT value FROM json_each(?))"


def events(store: Store, numbers: Sequence[int]) -> list[tuple[int, Event]]:
    """Return the events with these numbers, in this order; those that are gone by now are left out."""
    rows = store.select(
        f"SELECT id, type, received_at, source, key, payload, seq FROM events WHERE seq {_CHOSEN}",
        json.dumps(list(numbers)),
    )
    found = {row[6]: stored_event(row) for row in rows}
    return [(number, found[number]) for number in numbers if number in found]


def find(
    store: Store, type_: str, key: str | None, received_at: int | None, payload: dict[str, Any]
) -> list[tuple[int, int]]:
    """Return (received_at, number) of the stored events that an envelope describes, the newest first."""
    terms: list[str] = ["type = ?"]
    values: list[Any] = [type_]
    for column, value in (("key", key), ("received_at", received_at)):
        if value is not None:
            terms.append(f"{column} = ?")
            values.append(value)
    rows = store.select(
        f"SELECT received_at, seq, payload FROM events WHERE {' AND '.join(terms)} ORDER BY seq DESC", *values
    )
    return [(at, seq) for at, seq, text in rows if json.loads(text) == payload]


def past(store: Store, numbers: Sequence[int]) -> dict[int, Past]:
    """Return the past of events."""
    chosen = json.dumps(list(numbers))
    found = {number: Past(0, {}) for number in numbers}
    for event, run in store.select(f"SELECT event, max(number) FROM runs WHERE event {_CHOSEN} GROUP BY event", chosen):
        found[event] = found[event]._replace(run=run)
    for event, seq, status, *place in store.select(
        f"SELECT event, seq, status, pipeline, destination, target FROM deliveries WHERE event {_CHOSEN}"
        " AND status IN ('delivered', 'pending', 'retrying', 'unknown') ORDER BY seq",
        chosen,
    ):
        sent, where = found[event].sent, tuple(place)
        known, waiting = sent.get(where, ("", []))
        if status in ("pending", "retrying"):
            sent[where] = "waiting", [*waiting, seq]
        elif known != "waiting" and "unknown" in (status, known):
            sent[where] = "unknown", []
        elif not known:
            sent[where] = "delivered", []
    return found


def unknown(store: Store, numbers: Sequence[int]) -> list[int]:
    """Return the numbers of the deliveries of events that may or may not have arrived."""
    rows = store.select(
        f"SELECT seq FROM deliveries WHERE event {_CHOSEN} AND status = 'unknown'", json.dumps(list(numbers))
    )
    return [seq for (seq,) in rows]


def waiting(
    store: Store,
    own: Sequence[int],
    places: Collection[tuple[str, str]],
    replaced: Sequence[int],
    before: int,
    due_by: int,
) -> dict[str, int]:
    """Count what waits, by target: deliveries with these numbers, and what is due by a time at (destination, target).

    That is of what was queued `before` another one alone, and is not `replaced`.
    """
    rows = store.select(
        "SELECT w.target, count(*) FROM deliveries w JOIN lanes l ON l.seq = w.lane"
        " WHERE w.status IN ('pending', 'retrying') AND (w.seq IN (SELECT value FROM json_each(?))"
        " OR (l.name IN (SELECT value FROM json_each(?)) AND w.seq < ? AND w.due_at <= ?"
        " AND w.seq NOT IN (SELECT value FROM json_each(?)))) GROUP BY w.target",
        json.dumps(list(own)),
        json.dumps([f"{destination} {target}" for destination, target in places]),
        before,
        due_by,
        json.dumps(list(replaced)),
    )
    return dict(rows)


def hasten(transaction: Transaction, numbers: Sequence[int], now: int) -> None:
    """Make those of some deliveries due that wait for their next attempt."""
    transaction.connection.execute(
        "UPDATE deliveries SET due_at = min(due_at, ?) WHERE status = 'retrying' AND lease_until IS NULL"
        " AND seq IN (SELECT value FROM json_each(?))",
        (now, json.dumps(numbers)),
    )


def supersede(transaction: Transaction, event: int, pipeline: str, by: dict[tuple[str, str], str], now: int) -> None:
    """Settle what was queued of an event before what replaces it: ids by (destination, target).

    That is whatever is not delivered at these places, and then what is dead of the same destinations elsewhere: their
    targets were mended.
    """
    for (destination, target), id_ in by.items():
        given = (id_, now, id_, event, pipeline, destination, target)
        transaction.connection.execute(f"{_SUPERSEDE} AND target = ? AND status IN {_NOT_DELIVERED}", given)
    for (destination, _), id_ in by.items():
        elsewhere = (id_, now, id_, event, pipeline, destination)
        transaction.connection.execute(f"{_SUPERSEDE} AND status = 'dead'", elsewhere)


_SUPERSEDE = (
    "UPDATE deliveries SET status = iif(status = 'shown', status, 'dead'), error = 'superseded by ' || ?, hint = NULL,"
    " settled_at = ?,"
    " superseded_by = ? WHERE event = ? AND pipeline = ? AND destination = ? AND superseded_by IS NULL"
    " AND lease_until IS NULL"
)
_NOT_DELIVERED = "('pending', 'retrying', 'unknown', 'dead', 'shown')"


def versions(store: Store, numbers: Sequence[int]) -> dict[int, list[Version]]:
    """Return the versions that events first ran under."""
    found: dict[int, list[Version]] = {number: [] for number in numbers}
    for event, *version in store.select(
        "SELECT r.event, v.pipeline, v.version, v.text FROM runs r JOIN pipeline_versions v ON v.seq = r.version"
        f" WHERE r.event {_CHOSEN} AND r.replayed_at IS NULL ORDER BY r.event, r.number",
        json.dumps(list(numbers)),
    ):
        found[event].append(Version(*version))
    return found


def first_runs(store: Store, numbers: Sequence[int], bodies: bool) -> dict[int, dict[str, FirstRun]]:
    """Return what was sent when events were accepted, by pipeline."""
    chosen = json.dumps(list(numbers))
    found: dict[int, dict[str, FirstRun]] = {number: {} for number in numbers}
    by_run: dict[tuple[int, int], FirstRun] = {}
    column = "body" if bodies else "''"
    for event, number, pipeline, outcome, reason in store.select(
        "SELECT r.event, r.number, v.pipeline, r.outcome, r.reason FROM runs r"
        f" JOIN pipeline_versions v ON v.seq = r.version WHERE r.event {_CHOSEN} AND r.replayed_at IS NULL",
        chosen,
    ):
        found[event][pipeline] = by_run[event, number] = FirstRun(number, outcome, reason, [], [])
    for event, number, target, body in store.select(
        f"SELECT event, run, target, {column} FROM deliveries WHERE event {_CHOSEN} ORDER BY seq",
        chosen,
    ):
        run = by_run.get((event, number))
        if run is not None:
            run.targets.append(target)
            run.bodies.append(body)
    return found


def skipped(store: Store, event: int, run: int) -> list[dict[str, str]]:
    """Return the destinations that a run passed over, [{destination, target, reason}]."""
    rows = store.select("SELECT trace FROM runs WHERE event = ? AND number = ?", event, run)
    return [entry for entry in json.loads(rows[0][0]) if "reason" in entry] if rows else []
