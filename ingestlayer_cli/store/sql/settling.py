"""Recording what became of a delivery, and of what hangs on it: what it carries, and its thread."""

import json

from ...system.typed import Any
from ..contract.sending import ARRIVED, OVER, WAITING, Attempt
from .names import among

# Whether of the thread of a delivery `d` one of a newer event is delivered: what is sent late, by hand or by a replay,
# must not put the first message back.
OVERTAKEN = (
    "EXISTS (SELECT 1 FROM threads h JOIN deliveries n ON n.seq = h.newest JOIN events newer ON newer.seq = n.event"
    " JOIN events own ON own.seq = d.event"
    " WHERE h.seq = d.thread AND (newer.received_at, n.seq) > (own.received_at, d.seq))"
)


def _told(attempt: Attempt) -> tuple[str | None, str | None]:
    """Return the error and the hint that a delivery has by now."""
    return None if attempt.status in ARRIVED else attempt.error, attempt.hint


ThreadAndRate = tuple[int | None, int | None]  # their numbers


def settle(execute: Any, id_: str, attempt: Attempt, term: str, values: tuple[Any, ...]) -> ThreadAndRate | None:
    """Record what a delivery is now, which nobody has in hand any more; None where a term over `d` does not hold."""
    settled = attempt.at + attempt.took if attempt.status in (*OVER, "dead") else None
    receipt = json.dumps(attempt.receipt) if attempt.receipt else None
    told = _told(attempt)
    rows = execute(
        "UPDATE deliveries AS d SET lease_by = NULL, lease_until = NULL, status = ?, due_at = ?,"
        " attempts = attempts + ?, error = ?, hint = ?, receipt = coalesce(?, receipt), settled_at = ?"
        f" WHERE id = ? AND {term} RETURNING thread, rate",
        (attempt.status, attempt.due_at, int(attempt.counts), *told, receipt, settled, id_, *values),
    ).fetchall()
    if not rows:
        return None
    thread, rate = rows[0]
    if settled is not None:
        execute(
            "UPDATE deliveries SET status = ?, error = ?, hint = ?, receipt = ?, settled_at = ? WHERE carried_by = ?"
            f" AND status {among((*WAITING, 'dead'))}",
            (attempt.status, *told, receipt, settled, id_),
        )
    if thread is not None:
        _tell_thread(execute, id_, attempt)
    return thread, rate


def _tell_thread(execute: Any, id_: str, attempt: Attempt) -> None:
    if attempt.status in ARRIVED:
        execute(
            "UPDATE threads SET newest = d.seq FROM deliveries d"
            f" WHERE d.id = ? AND threads.seq = d.thread AND NOT {OVERTAKEN}",
            (id_,),
        )
    if attempt.receipt and attempt.receipt.get("ts") and "thread_ts" not in attempt.receipt:
        # It is the first message of its thread now, and what that says is of its event.
        execute(
            "UPDATE threads SET channel = ?, ts = ?, newest = d.seq FROM deliveries d"
            " WHERE d.id = ? AND threads.seq = d.thread",
            (attempt.receipt["channel"], attempt.receipt["ts"], id_),
        )


def keep_attempt(execute: Any, id_: str, attempt: Attempt, owner: str) -> None:
    execute(
        "INSERT INTO attempts SELECT d.seq, 1 + coalesce((SELECT max(number) FROM attempts WHERE delivery = d.seq), 0),"
        " ?, ?, ?, ?, ? FROM deliveries d WHERE d.id = ?",
        (attempt.at, attempt.took, attempt.outcome, attempt.error, owner, id_),
    )
