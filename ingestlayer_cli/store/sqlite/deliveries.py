"""Reading the outbox for its operator, and the operator's word on a delivery."""

import json
from typing import Any

from ...system.clock import format_time
from ...system.processes import identity
from ..contract.reading import Backlog, DeliverySelection, LastSettled
from ..contract.sending import Attempt, went
from .connection import Store
from .outbox import settle_by_hand

_COLUMNS = (
    "d.seq, d.id, e.id, d.pipeline, d.destination, d.target, d.status, d.attempts, d.queued_at,"
    " CASE WHEN d.status IN ('pending', 'retrying') THEN max(d.due_at, l.free_at) END, d.error, d.hint, d.settled_at,"
    " d.receipt, d.lease_by, d.superseded_by"
)
_FROM = " FROM deliveries d JOIN events e ON e.seq = d.event JOIN lanes l ON l.seq = d.lane"


def find(store: Store, selection: DeliverySelection, limit: int | None) -> list[dict[str, Any]]:
    """Return deliveries, newest first, as `--json` shows them."""
    where, values = _where(selection)
    rows = store.select(
        f"SELECT {_COLUMNS}{_FROM} WHERE {where} ORDER BY d.seq DESC LIMIT ?", *values, -1 if limit is None else limit
    )
    return [_document(row) for row in rows]


def _where(selection: DeliverySelection) -> tuple[str, list[Any]]:
    terms, values = ["1"], []
    if selection.open_only:
        terms.append("d.status NOT IN ('delivered', 'shown') AND d.superseded_by IS NULL")
    for column, value in (("status =", selection.status), ("queued_at >=", selection.since)):
        if value is not None:
            terms.append(f"d.{column} ?")
            values.append(value)
    if selection.pipeline is not None:
        terms.append("d.pipeline = ?")
        values.append(selection.pipeline)
    if selection.target is not None:  # with its # or without
        terms.append("d.target IN (?, '#' || ?)")
        values += [selection.target] * 2
    return " AND ".join(terms), values


def count(store: Store, selection: DeliverySelection) -> int:
    where, values = _where(selection)
    return int(store.select(f"SELECT count(*) FROM deliveries d WHERE {where}", *values)[0][0])


def open_pipelines(store: Store) -> list[str]:
    """Return the pipelines of what is not delivered."""
    return [name for (name,) in store.select("SELECT DISTINCT pipeline FROM deliveries WHERE status <> 'delivered'")]


def channels(store: Store) -> list[str]:
    """Return where anything was ever to go, without #."""
    return [name.partition(" ")[2].removeprefix("#") for (name,) in store.select("SELECT name FROM lanes")]


def starting(store: Store, prefix: str) -> list[dict[str, Any]]:
    """Return the deliveries whose id starts so, two at most."""
    rows = store.select(f"SELECT {_COLUMNS}{_FROM} WHERE d.id >= ? AND d.id < ? LIMIT 2", prefix, prefix + "\uffff")
    return [_document(row) for row in rows]


def whole(store: Store, id_: str) -> dict[str, Any]:
    """Return one delivery with its attempts and its body.

    `thread` is the key of its thread, `waits_for` the delivery of it that must be settled before, if any.
    """
    seq, body, directions, before = store.select(
        "SELECT d.seq, d.body, d.directions, (SELECT p.id FROM deliveries p INDEXED BY deliveries_in_thread"
        " WHERE p.thread = d.thread AND p.thread IS NOT NULL AND p.seq < d.seq"
        " AND p.status IN ('pending', 'retrying', 'unknown') AND d.status IN ('pending', 'retrying')"
        " ORDER BY p.seq LIMIT 1) FROM deliveries d WHERE d.id = ?",
        id_,
    )[0]
    told = json.loads(directions) if directions else {}
    threaded = {"thread": told.get("thread"), "update": told.get("update", False), "waits_for": before}
    rows = store.select(
        "SELECT at, took, outcome, error, process FROM attempts WHERE delivery = ? ORDER BY number", seq
    )
    attempts = [
        {"at": format_time(at), "took_ms": took, "outcome": outcome, "error": error, "process": process.split("/")[0]}
        for at, took, outcome, error, process in rows
    ]
    return {**starting(store, id_)[0], **threaded, "attempts_made": attempts, "body": json.loads(body)}


def _document(row: Any) -> dict[str, Any]:
    _, id_, event, pipeline, destination, target, status, attempts, queued, due, *last = row
    error, hint, settled, receipt, by, superseded_by = last
    told = json.loads(receipt) if receipt else None
    return {
        "id": id_,
        "event": event,
        "pipeline": pipeline,
        "destination": destination,
        **went(target, told),
        "status": status,
        "attempts": attempts,
        "queued_at": format_time(queued),
        "next_at": None if due is None else format_time(due),
        "settled_at": None if settled is None else format_time(settled),
        "error": error,
        "hint": hint,
        "receipt": told,
        "in_hand_of": by.split("/")[0] if by else None,
        "superseded_by": superseded_by,
    }


def backlog(store: Store, due_before: int, died_after: int) -> Backlog:
    """Return how the outbox stands: what was due before a time is late."""
    counts = store.select(
        "SELECT status, count(*) FROM deliveries WHERE status <> 'delivered' AND superseded_by IS NULL GROUP BY status"
    )
    late = store.select(
        "SELECT count(*) FROM deliveries WHERE status IN ('pending', 'retrying') AND due_at < ?", due_before
    )
    died = store.select(
        "SELECT count(*) FROM deliveries WHERE status = 'dead' AND superseded_by IS NULL AND settled_at > ?", died_after
    )
    return Backlog(dict(counts), late[0][0], died[0][0])


def last_settled(store: Store, destination: str, target: str) -> LastSettled | None:
    """Return what became of the last delivery to a target that is settled."""
    rows = store.select(
        "SELECT status, settled_at, receipt FROM deliveries"
        " WHERE destination = ? AND target = ? AND settled_at IS NOT NULL ORDER BY settled_at DESC LIMIT 1",
        *(destination, target),
    )
    return LastSettled(rows[0][0], rows[0][1], json.loads(rows[0][2] or "{}")) if rows else None


def retry(store: Store, ids: list[str], now: int) -> int:
    """Make deliveries due again, with all their attempts before them; return how many. None that is superseded.

    Who was not in Slack, or not to be looked up, is looked up again: that is what may have been mended.
    """
    with store.transaction() as transaction:
        transaction.connection.execute("DELETE FROM people WHERE user IS NULL")
        rows = [(now, id_) for id_ in ids]
        return transaction.connection.executemany(
            "UPDATE deliveries SET status = 'retrying', attempts = 0, due_at = ?, settled_at = NULL, hint = NULL"
            " WHERE id = ? AND status <> 'delivered' AND superseded_by IS NULL AND lease_until IS NULL",
            rows,
        ).rowcount


def settle(store: Store, id_: str, status: str, now: int) -> bool:
    """Record the operator's word: delivered or dead; False when it is delivered or being sent."""
    why = None if status == "delivered" else "given up by hand"
    return settle_by_hand(store, id_, Attempt(now, 0, "settled", status, False, now, why), identity())
