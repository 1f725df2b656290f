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
    lease_until: int
    retry: list[int] | None  # the pauses of its destination, in milliseconds


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

    def of_lanes(self) -> str:
        """Return SQL over a lane `l`; its values are `lanes`."""
        return f" AND l.seq IN ({','.join('?' * len(self.lanes))})" if self.lanes else ""


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
    with store.transaction() as transaction:
        execute = transaction.connection.execute
        row = execute(
            "SELECT d.seq, d.id, d.lane, d.destination, d.target, d.body, d.attempts, d.retry FROM lanes l"
            " JOIN deliveries d ON d.seq = (SELECT w.seq FROM deliveries w WHERE w.lane = l.seq"
            f" AND {condition} AND w.due_at <= ? ORDER BY w.due_at, w.seq LIMIT 1)"
            f" WHERE l.free_at <= ? AND coalesce(l.busy_until, 0) <= ?{wanted.of_lanes()}"
            " ORDER BY d.due_at, d.seq LIMIT 1",
            (*values, now, now, now, *wanted.lanes),
        ).fetchone()
        if row is None:
            return None
        seq, id_, lane, destination, target, body, attempts, retry = row
        pauses = json.loads(retry) if retry else None
        claimed = Claimed(seq, id_, lane, destination, target, body, attempts, now + lease, pauses)
        execute("UPDATE deliveries SET lease_by = ?, lease_until = ? WHERE seq = ?", (owner, now + lease, claimed.seq))
        execute("UPDATE lanes SET free_at = ?, busy_until = ? WHERE seq = ?", (now + pace, now + lease, claimed.lane))
        return claimed


def next_at(store: Store, wanted: Wanted, until: int) -> int | None:
    """Return when the next wanted delivery that is due by `until` may go, or None when there is none."""
    condition, values = wanted.condition()
    rows = store.select(
        "SELECT min(max(l.free_at, coalesce(l.busy_until, 0), d.due_at)) FROM lanes l"
        " JOIN deliveries d ON d.seq = (SELECT w.seq FROM deliveries w WHERE w.lane = l.seq"
        f" AND {condition} AND w.due_at <= ? ORDER BY w.due_at, w.seq LIMIT 1) WHERE 1{wanted.of_lanes()}",
        *values,
        until,
        *wanted.lanes,
    )
    found: int | None = rows[0][0]
    return found


class Attempt(NamedTuple):
    """What came of one attempt, and what the delivery is now. Times in milliseconds."""

    at: int
    took: int
    outcome: str  # sent retry refused unknown not-connected found resend held
    status: str
    counts: bool
    due_at: int
    error: str | None = None
    hint: str | None = None
    receipt: dict[str, str] | None = None
    lane_free_at: int = 0  # not before this


def record(store: Store, claimed: Claimed, attempt: Attempt, owner: str) -> None:
    """Record an attempt and give the lease back.

    A sender that was so slow that it was taken for vanished still knows what came of its attempt.
    """
    with store.transaction() as transaction:
        execute = transaction.connection.execute
        ours = execute(
            "UPDATE deliveries SET lease_by = NULL, lease_until = NULL"
            " WHERE seq = ? AND (lease_by = ? OR (lease_by IS NULL AND status = 'unknown'))",
            (claimed.seq, owner),
        ).rowcount
        if ours:
            _settle(execute, claimed.seq, attempt)
        execute(
            "UPDATE lanes SET busy_until = nullif(busy_until, ?), free_at = max(free_at, ?),"
            " channel = coalesce(?, channel) WHERE seq = ?",
            (claimed.lease_until, attempt.lane_free_at, (attempt.receipt or {}).get("channel"), claimed.lane),
        )
        _keep_attempt(execute, claimed.seq, attempt, owner)


def settle_row(store: Store, seq: int, attempt: Attempt, owner: str) -> None:
    """Record what became of a delivery without sending it: reconciled, or told by its operator."""
    with store.transaction() as transaction:
        _settle(transaction.connection.execute, seq, attempt)
        _keep_attempt(transaction.connection.execute, seq, attempt, owner)


def _settle(execute: Any, seq: int, attempt: Attempt) -> None:
    settled = attempt.at + attempt.took if attempt.status in ("delivered", "dead") else None
    receipt = json.dumps(attempt.receipt) if attempt.receipt else None
    execute(
        "UPDATE deliveries SET status = ?, due_at = ?, attempts = attempts + ?, error = ?, hint = ?,"
        " receipt = coalesce(?, receipt), settled_at = ? WHERE seq = ?",
        (
            attempt.status,
            attempt.due_at,
            attempt.counts,
            attempt.error,
            attempt.hint,
            receipt,
            settled,
            seq,
        ),
    )


def _keep_attempt(execute: Any, seq: int, attempt: Attempt, owner: str) -> None:
    execute(
        "INSERT INTO attempts SELECT ?, 1 + coalesce(max(number), 0), ?, ?, ?, ?, ? FROM attempts WHERE delivery = ?",
        (seq, attempt.at, attempt.took, attempt.outcome, attempt.error, owner, seq),
    )


class Leased(NamedTuple):
    """A delivery that some process has in hand."""

    seq: int
    id: str
    target: str
    lane: int
    lease_by: str
    lease_until: int


def leased(store: Store) -> list[Leased]:
    """Return what is in hand; few rows, by an index of their own."""
    rows = store.select(
        "SELECT seq, id, target, lane, lease_by, lease_until FROM deliveries WHERE lease_until IS NOT NULL"
    )
    return [Leased(*row) for row in rows]


def abandon(store: Store, row: Leased, attempt: Attempt) -> None:
    """Record that a delivery's sender vanished, unless the sender was quicker."""
    with store.transaction() as transaction:
        execute = transaction.connection.execute
        lost = execute(
            "UPDATE deliveries SET lease_by = NULL, lease_until = NULL"
            " WHERE seq = ? AND lease_by = ? AND lease_until = ?",
            (row.seq, row.lease_by, row.lease_until),
        ).rowcount
        if lost:
            _settle(execute, row.seq, attempt)
            _keep_attempt(execute, row.seq, attempt, row.lease_by)
            execute("UPDATE lanes SET busy_until = NULL WHERE seq = ? AND busy_until = ?", (row.lane, row.lease_until))


class Doubtful(NamedTuple):
    """A delivery that may or may not have arrived. `since` is when it was last sent, in milliseconds."""

    seq: int
    id: str
    lane: int
    destination: str
    target: str
    channel: str | None
    since: int


def doubtful(store: Store) -> list[Doubtful]:
    """Return the deliveries that are `unknown`, in their order."""
    rows = store.select(
        "SELECT d.seq, d.id, d.lane, d.destination, d.target, l.channel,"
        " coalesce((SELECT max(at) FROM attempts a WHERE a.delivery = d.seq AND a.outcome = 'unknown'), d.queued_at)"
        " FROM deliveries d JOIN lanes l ON l.seq = d.lane WHERE d.status = 'unknown' ORDER BY d.seq"
    )
    return [Doubtful(*row) for row in rows]


def states(store: Store, queued: range) -> list[dict[str, Any]]:
    """Return the deliveries with these numbers as `--json` shows them, with `run` and `hint` beside."""
    names = ("run", "id", "destination", "target", "status", "attempts", "error", "hint")
    rows = store.select(
        f"SELECT {', '.join(names)} FROM deliveries WHERE seq BETWEEN ? AND ? ORDER BY seq",
        queued.start,
        queued.stop - 1,
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


STATUSES = ("delivered", "pending", "retrying", "dead", "unknown")


def counts(store: Store, queued: list[range]) -> dict[str, int]:
    """Count the deliveries with these numbers by status."""
    found = dict.fromkeys(STATUSES, 0)
    for numbers in queued:
        rows = store.select(
            "SELECT status, count(*) FROM deliveries WHERE seq BETWEEN ? AND ? GROUP BY status",
            numbers.start,
            numbers.stop - 1,
        )
        for status, count in rows:
            found[status] += count
    return found


def still_waiting(store: Store, wanted: Wanted) -> dict[str, int]:
    """Count what is wanted and neither delivered nor dead, by status."""
    condition, values = wanted._replace(lanes=(), queued=()).condition()
    rows = store.select(
        "SELECT w.status, count(*) FROM deliveries w WHERE w.status IN ('pending', 'retrying', 'unknown')"
        f" AND ({condition.replace(_WAITING, '1')}) GROUP BY w.status",
        *values,
    )
    return dict(rows)
