"""The outbox's rows: claiming one with a lease, and recording what came of it."""

import json
from typing import Any, NamedTuple

from . import Store

_WAITING = "w.status IN ('pending', 'retrying') AND w.lease_until IS NULL"


class Claimed(NamedTuple):
    """A delivery that this process alone may send until its lease ends."""

    seq: int
    id: str
    lane: int
    destination: str
    target: str
    body: str
    attempts: int


class Wanted(NamedTuple):
    """Which deliveries a sender cares for; all of them when nothing is set."""

    queued: tuple[range, ...] = ()  # those with these numbers alone
    lanes: tuple[int, ...] = ()  # all of these lanes
    pipeline: str | None = None
    target: str | None = None

    def condition(self) -> tuple[str, list[Any]]:
        """Return SQL over a delivery `w`, and its values."""
        terms: list[str] = [_WAITING]
        values: list[Any] = []
        if self.queued:
            terms.append("(" + " OR ".join(["w.seq BETWEEN ? AND ?"] * len(self.queued)) + ")")
            values += [bound for numbers in self.queued for bound in (numbers[0], numbers[-1])]
        for column, value in (("pipeline", self.pipeline), ("target", self.target)):
            if value is not None:
                terms.append(f"w.{column} = ?")
                values.append(value)
        return " AND ".join(terms), values


def lanes_of(store: Store, queued: list[range]) -> tuple[int, ...]:
    """Return the lanes that these deliveries wait in."""
    found: set[int] = set()
    for numbers in queued:
        rows = store.select("SELECT DISTINCT lane FROM deliveries WHERE seq BETWEEN ? AND ?", numbers[0], numbers[-1])
        found.update(lane for (lane,) in rows)
    return tuple(sorted(found))


def claim(store: Store, wanted: Wanted, now: int, lease: int, pace: int, owner: str) -> Claimed | None:
    """Claim the oldest due delivery of a free lane, reserve the lane's next slot, and return it.

    Its cost depends on the number of lanes, not of deliveries: settled ones are not in the index.
    """
    condition, values = wanted.condition()
    lanes = f" AND l.seq IN ({','.join('?' * len(wanted.lanes))})" if wanted.lanes else ""
    with store.transaction() as transaction:
        row = transaction.connection.execute(
            "SELECT d.seq, d.id, d.lane, d.destination, d.target, d.body, d.attempts FROM lanes l"
            " JOIN deliveries d ON d.seq = (SELECT w.seq FROM deliveries w WHERE w.lane = l.seq"
            f" AND {condition} AND w.due_at <= ? ORDER BY w.due_at, w.seq LIMIT 1)"
            f" WHERE l.free_at <= ? AND coalesce(l.busy_until, 0) <= ?{lanes} ORDER BY d.due_at, d.seq LIMIT 1",
            (*values, now, now, now, *wanted.lanes),
        ).fetchone()
        if row is None:
            return None
        claimed = Claimed(*row)
        execute = transaction.connection.execute
        execute(
            "UPDATE deliveries SET lease_by = ?, lease_until = ? WHERE seq = ?",
            (owner, now + lease, claimed.seq),
        )
        execute(
            "UPDATE lanes SET free_at = ?, busy_until = ? WHERE seq = ?",
            (now + pace, now + lease, claimed.lane),
        )
        return claimed


def next_at(store: Store, wanted: Wanted, until: int) -> int | None:
    """Return when the next wanted delivery that is due by `until` may go, or None when there is none."""
    condition, values = wanted.condition()
    lanes = f" AND l.seq IN ({','.join('?' * len(wanted.lanes))})" if wanted.lanes else ""
    rows = store.select(
        "SELECT min(max(l.free_at, coalesce(l.busy_until, 0), d.due_at)) FROM lanes l"
        " JOIN deliveries d ON d.seq = (SELECT w.seq FROM deliveries w WHERE w.lane = l.seq"
        f" AND {condition} AND w.due_at <= ? ORDER BY w.due_at, w.seq LIMIT 1) WHERE 1{lanes}",
        *values,
        until,
        *wanted.lanes,
    )
    return rows[0][0] if rows else None


class Attempt(NamedTuple):
    """What came of one attempt, and what the delivery is now. Times in milliseconds."""

    at: int
    took: int
    outcome: str
    status: str
    counts: bool
    due_at: int
    error: str | None = None
    hint: str | None = None
    receipt: dict[str, str] | None = None
    lane_free_at: int = 0  # not before this


def record(store: Store, claimed: Claimed, attempt: Attempt, owner: str) -> bool:
    """Record an attempt and give the lease back; False when the lease was lost meanwhile."""
    settled = attempt.at + attempt.took if attempt.status in ("delivered", "dead") else None
    receipt = json.dumps(attempt.receipt) if attempt.receipt else None
    with store.transaction() as transaction:
        execute = transaction.connection.execute
        done = execute(
            "UPDATE deliveries SET status = ?, due_at = ?, attempts = attempts + ?, error = ?, hint = ?, receipt = ?,"
            " settled_at = ?, lease_by = NULL, lease_until = NULL WHERE seq = ? AND lease_by = ?",
            (
                attempt.status,
                attempt.due_at,
                attempt.counts,
                attempt.error,
                attempt.hint,
                receipt,
                settled,
                claimed.seq,
                owner,
            ),
        )
        execute(
            "UPDATE lanes SET busy_until = NULL, free_at = max(free_at, ?) WHERE seq = ?",
            (attempt.lane_free_at, claimed.lane),
        )
        execute(
            "INSERT INTO attempts SELECT ?, 1 + coalesce(max(number), 0), ?, ?, ?, ?, ? FROM attempts"
            " WHERE delivery = ?",
            (claimed.seq, attempt.at, attempt.took, attempt.outcome, attempt.error, owner, claimed.seq),
        )
        return done.rowcount == 1


def expire(store: Store, now: int, why: str) -> int:
    """Make deliveries whose sender vanished `unknown`; return how many."""
    if not store.select("SELECT 1 FROM deliveries WHERE lease_until <= ? LIMIT 1", now):
        return 0
    with store.transaction() as transaction:
        execute = transaction.connection.execute
        execute(
            "INSERT INTO attempts SELECT d.seq, 1 + coalesce((SELECT max(number) FROM attempts a"
            " WHERE a.delivery = d.seq), 0), ?, 0, 'unknown', ?, d.lease_by FROM deliveries d WHERE d.lease_until <= ?",
            (now, why, now),
        )
        return execute(
            "UPDATE deliveries SET status = 'unknown', error = ?, due_at = ?, attempts = attempts + 1, lease_by = NULL,"
            " lease_until = NULL WHERE lease_until <= ?",
            (why, now, now),
        ).rowcount


def states(store: Store, queued: range) -> list[dict[str, Any]]:
    """Return the deliveries with these numbers as `--json` shows them, with `event` and `run` beside."""
    rows = store.select(
        "SELECT event, run, id, destination, target, status, attempts, error, hint FROM deliveries"
        " WHERE seq BETWEEN ? AND ? ORDER BY seq",
        queued.start,
        queued.stop - 1,
    )
    names = ("event", "run", "id", "destination", "target", "status", "attempts", "error", "hint")
    return [dict(zip(names, row, strict=True)) for row in rows]


def counts(store: Store, queued: list[range]) -> dict[str, int]:
    """Count the deliveries with these numbers by status."""
    found = dict.fromkeys(("delivered", "pending", "retrying", "dead", "unknown"), 0)
    for numbers in queued:
        rows = store.select(
            "SELECT status, count(*) FROM deliveries WHERE seq BETWEEN ? AND ? GROUP BY status",
            numbers.start,
            numbers.stop - 1,
        )
        for status, count in rows:
            found[status] += count
    return found
