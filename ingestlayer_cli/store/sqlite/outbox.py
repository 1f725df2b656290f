"""The outbox's rows: claiming one with a lease, and recording what came of it."""

import json
from collections.abc import Callable
from typing import Any

from ...model.people import Person
from ..contract.sending import ARRIVED, COUNTED, Attempt, Claimed, Doubtful, Leased, Wanted, went
from .connection import Store

_WAITING = "w.status IN ('pending', 'retrying') AND w.lease_until IS NULL"
_WAIT_IN_LANE = "FROM deliveries w INDEXED BY deliveries_waiting WHERE w.lane = l.seq"


# A message of a thread waits for those before it: the first one's place must be known, and an older update must not
# come after a newer one.
_BEFORE_IN_THREAD = (
    "SELECT 1 FROM deliveries p INDEXED BY deliveries_in_thread"
    " WHERE p.thread = w.thread AND p.thread IS NOT NULL AND p.seq < w.seq"
    " AND p.status IN ('pending', 'retrying', 'unknown')"
)
_FIRST_IN_THREAD = f"(w.thread IS NULL OR NOT EXISTS ({_BEFORE_IN_THREAD}))"
# The same for a sender that waits: what is in some process's hand is no obstacle for long, while its lease runs.
_SOON_FIRST_IN_THREAD = f"(w.thread IS NULL OR NOT EXISTS ({_BEFORE_IN_THREAD} AND coalesce(p.lease_until, 0) <= ?))"

_NOT_WITHOUT = (
    "NOT EXISTS (SELECT 1 FROM json_each(?) WHERE value ->> 0 = w.destination AND value ->> 1 IN ('', w.target))"
)

# A batch has a span of numbers for each of its transactions: more than there may be terms in an expression.
_OWN = "w.seq BETWEEN ? AND ? AND EXISTS (SELECT 1 FROM json_each(?) WHERE w.seq BETWEEN value ->> 0 AND value ->> 1)"


def _filters(wanted: Wanted) -> tuple[list[str], list[Any]]:
    """Return SQL terms over a delivery `w`, and their values."""
    terms: list[str] = []
    values: list[Any] = []
    if wanted.pipeline is not None:
        terms.append("w.pipeline = ?")
        values.append(wanted.pipeline)
    if wanted.target is not None:
        terms.append("w.target IN (?, '#' || ?)")
        values += [wanted.target] * 2
    if wanted.without:
        terms.append(_NOT_WITHOUT)
        values.append(json.dumps(wanted.without))
    if wanted.due_by is not None:
        terms.append("w.due_at <= ?")
        values.append(wanted.due_by)
    return terms, values


def _condition(wanted: Wanted, soon: int | None = None) -> tuple[str, list[Any]]:
    """Return SQL over a waiting delivery `w`, and its values; `soon`: now, for one that may wait a little."""
    terms, values = _filters(wanted)
    if soon is None:
        terms.append(_FIRST_IN_THREAD)
    else:
        terms.append(_SOON_FIRST_IN_THREAD)
        values.append(soon)
    if wanted.lanes:
        terms.append("w.seq <= ?")
        values.append(wanted.queued[-1][-1])
    elif wanted.queued:
        terms.append(_OWN)
        values += _own(wanted)
    return " AND ".join([_WAITING, *terms]), values


def _own(wanted: Wanted) -> list[Any]:
    """Return the values of `_OWN`."""
    spans = [[numbers[0], numbers[-1]] for numbers in wanted.queued]
    return [spans[0][0], spans[-1][1], json.dumps(spans)]


def _of_lanes(wanted: Wanted) -> tuple[str, list[Any]]:
    """Return SQL over a lane `l`, and its values."""
    return (" AND l.seq IN (SELECT value FROM json_each(?))", [json.dumps(wanted.lanes)]) if wanted.lanes else ("", [])


def lanes_of(store: Store, queued: list[range]) -> dict[int, str]:
    """Return the lanes that these deliveries wait in, each with its destination."""
    found: dict[int, str] = {}
    for numbers in queued:
        select = "SELECT DISTINCT lane, destination FROM deliveries WHERE seq BETWEEN ? AND ?"
        found.update(store.select(select, numbers[0], numbers[-1]))
    return found


def claim(store: Store, wanted: Wanted, now: int, lease: int, pace: Callable[[str], int], owner: str) -> Claimed | None:
    """Claim of what is due in a free lane what was accepted first, reserve the lane's next slot, and return it.

    `pace` is the time between two messages to one target of a kind of destination.
    Its cost depends on the number of lanes, not of deliveries: settled ones are not in the index.
    """
    condition, values = _condition(wanted)
    of_lanes, lanes = _of_lanes(wanted)
    with store.transaction() as transaction:
        execute = transaction.connection.execute
        row = execute(
            "SELECT d.seq, d.id, d.lane, d.destination, d.target, d.body, d.attempts, d.due_at, d.retry, d.directions,"
            f" {_place('d')}, {_OVERTAKEN} FROM lanes l"
            f" JOIN deliveries d ON d.seq = (SELECT w.seq {_WAIT_IN_LANE}"
            f" AND {condition} AND w.due_at <= ? ORDER BY w.seq LIMIT 1)"
            f" WHERE l.free_at <= ? AND coalesce(l.busy_until, 0) <= ?{of_lanes} ORDER BY d.seq LIMIT 1",
            (*values, now, now, now, *lanes),
        ).fetchone()
        if row is None:
            return None
        seq, id_, lane, destination, target, body, attempts, due_at, retry, directions, place, overtaken = row
        until, told = now + lease, (_read(retry), _read(directions) or {}, _read(place), bool(overtaken))
        claimed = Claimed(seq, id_, lane, destination, target, body, attempts, due_at, now, until, *told)
        execute("UPDATE deliveries SET lease_by = ?, lease_until = ? WHERE seq = ?", (owner, until, seq))
        execute("UPDATE lanes SET free_at = ?, busy_until = ? WHERE seq = ?", (now + pace(destination), until, lane))
        return claimed


# Whether of the thread of a delivery `d` one of a newer event is delivered: what is sent late, by hand or by a replay,
# must not put the first message back.
_OVERTAKEN = (
    "EXISTS (SELECT 1 FROM threads t JOIN deliveries n ON n.seq = t.newest JOIN events newer ON newer.seq = n.event"
    " JOIN events own ON own.seq = d.event"
    " WHERE t.seq = d.thread AND (newer.received_at, n.seq) > (own.received_at, d.seq))"
)


def _place(delivery: str) -> str:
    """Return SQL for the place of the first message of a delivery's thread, as JSON."""
    return f"(SELECT json_array(t.channel, t.ts) FROM threads t WHERE t.seq = {delivery}.thread AND t.ts IS NOT NULL)"


def _read(text: Any) -> Any:
    return json.loads(text) if text else None


def next_at(store: Store, wanted: Wanted, now: int, due_by: int, look: int) -> int | None:
    """Return when the next wanted delivery that is due by a time may go, or None when there is none.

    A lane that is in some process's hand may be free at any moment: `look` is when to look again.
    """
    condition, values = _condition(wanted, now)
    of_lanes, lanes = _of_lanes(wanted)
    rows = store.select(
        "SELECT min(max(free_at, due_at, min(busy_until, ?))) FROM ("
        "SELECT l.free_at, coalesce(l.busy_until, 0) AS busy_until, coalesce("
        f"(SELECT w.due_at {_WAIT_IN_LANE} AND {condition} AND w.due_at <= ? ORDER BY w.seq LIMIT 1),"
        f"(SELECT min(w.due_at) {_WAIT_IN_LANE} AND {condition} AND w.due_at <= ?)) AS due_at"
        f" FROM lanes l WHERE 1{of_lanes}) WHERE due_at IS NOT NULL",
        look,
        *values,
        now,
        *values,
        due_by,
        *lanes,
    )
    found: int | None = rows[0][0]
    return found


def unfinished(store: Store, due_by: int) -> list[str]:
    """Return over which connections anything is due by a time, may or may not have arrived, or is being sent."""
    rows = store.select(
        f"SELECT destination FROM deliveries w INDEXED BY deliveries_waiting WHERE {_WAITING} AND w.due_at <= ?"
        " UNION SELECT destination FROM deliveries INDEXED BY deliveries_open"
        " WHERE status = 'unknown' AND status <> 'delivered'"
        " UNION SELECT destination FROM deliveries INDEXED BY deliveries_leased WHERE lease_until IS NOT NULL",
        due_by,
    )
    return [label for (label,) in rows]


def own_open(store: Store, wanted: Wanted, due_by: int) -> bool:
    """Say whether some of what a call itself queued is in some process's hand, or due by a time."""
    lanes, own = json.dumps(wanted.lanes), _own(wanted)
    # Of those before it in its thread, none may be held up for longer.
    held_up = (
        "EXISTS (SELECT 1 FROM deliveries p INDEXED BY deliveries_in_thread WHERE p.thread = w.thread"
        " AND p.thread IS NOT NULL AND p.seq < w.seq AND p.status IN ('pending', 'retrying', 'unknown')"
        " AND (p.status = 'unknown' OR (p.due_at > ? AND p.lease_until IS NULL)))"
    )
    return bool(
        store.select(
            "SELECT EXISTS (SELECT 1 FROM deliveries w INDEXED BY deliveries_waiting"
            f" WHERE w.lane IN (SELECT value FROM json_each(?)) AND {_WAITING} AND {_OWN} AND w.due_at <= ?"
            f" AND {_NOT_WITHOUT} AND NOT {held_up})"
            " OR EXISTS (SELECT 1 FROM deliveries w INDEXED BY deliveries_leased"
            f" WHERE w.lease_until IS NOT NULL AND {_OWN})",
            lanes,
            *own,
            due_by,
            json.dumps(wanted.without),
            due_by,
            *own,
        )[0][0]
    )


# Whether of a delivery's attempts the last is what `abandon` noted of a claim: by whom, and when.
_ABANDONED_LAST = (
    "EXISTS (SELECT 1 FROM attempts a WHERE a.delivery = deliveries.seq AND a.number ="
    " (SELECT max(number) FROM attempts b WHERE b.delivery = deliveries.seq)"
    " AND a.outcome = 'unknown' AND a.process = ? AND a.at = ?)"
)


def record(store: Store, claimed: Claimed, attempt: Attempt, owner: str) -> None:
    """Record an attempt and give the lease back.

    A sender that was so slow that it was taken for vanished still knows what came of its attempt: that it arrived, or
    anything else as long as nobody has tried since.
    """
    arrived = attempt.status in ARRIVED
    with store.transaction() as transaction:
        execute = transaction.connection.execute
        ours = execute(
            "UPDATE deliveries SET lease_by = NULL, lease_until = NULL WHERE seq = ? AND ((lease_by = ? AND"
            f" lease_until = ?) OR (lease_by IS NULL AND ((status = 'unknown' AND {_ABANDONED_LAST})"
            " OR (? AND status <> 'delivered'))))",
            (claimed.seq, owner, claimed.lease_until, owner, claimed.claimed_at, arrived),
        ).rowcount
        if ours:
            _settle(execute, claimed.seq, attempt)
        execute(
            "UPDATE lanes SET busy_until = nullif(busy_until, ?), free_at = max(free_at, ?),"
            " channel = coalesce(?, channel) WHERE seq = ?",
            (claimed.lease_until, attempt.lane_free_at, (attempt.receipt or {}).get("channel"), claimed.lane),
        )
        _keep_attempt(execute, claimed.seq, attempt, owner)
        workspace = claimed.destination.partition("/")[2]
        learned = [(workspace, *person) for person in attempt.learned]
        transaction.connection.executemany("INSERT OR REPLACE INTO people VALUES (?,?,?,?,?)", learned)


def settle_row(store: Store, row: Doubtful, attempt: Attempt, owner: str) -> bool:
    """Record what became of a delivery that was `unknown`, unless another process was quicker."""
    with store.transaction() as transaction:
        execute = transaction.connection.execute
        same = execute(
            "SELECT 1 FROM deliveries d WHERE seq = ? AND status = 'unknown' AND lease_until IS NULL"
            " AND ? = coalesce((SELECT max(number) FROM attempts a WHERE a.delivery = d.seq), 0)",
            (row.seq, row.last_attempt),
        ).fetchone()
        if same:
            _settle(execute, row.seq, attempt)
            _keep_attempt(execute, row.seq, attempt, owner)
        return bool(same)


def settle_by_hand(store: Store, id_: str, attempt: Attempt, owner: str) -> bool:
    """Record the operator's word on a delivery; False when it is delivered, or in some process's hand."""
    with store.transaction() as transaction:
        execute = transaction.connection.execute
        found = execute(
            "SELECT seq FROM deliveries WHERE id = ? AND status <> 'delivered' AND lease_until IS NULL", (id_,)
        ).fetchone()
        if found:
            _settle(execute, found[0], attempt)
            _keep_attempt(execute, found[0], attempt, owner)
        return bool(found)


def _settle(execute: Any, seq: int, attempt: Attempt) -> None:
    settled = attempt.at + attempt.took if attempt.status in (*ARRIVED, "dead") else None
    receipt = json.dumps(attempt.receipt) if attempt.receipt else None
    execute(
        "UPDATE deliveries SET status = ?, due_at = ?, attempts = attempts + ?, error = ?, hint = ?,"
        " receipt = coalesce(?, receipt), settled_at = ? WHERE seq = ?",
        (
            attempt.status,
            attempt.due_at,
            attempt.counts,
            None if attempt.status in ARRIVED else attempt.error,
            attempt.hint,
            receipt,
            settled,
            seq,
        ),
    )
    if attempt.status in ARRIVED:
        execute(
            "UPDATE threads SET newest = d.seq FROM deliveries d"
            f" WHERE d.seq = ? AND threads.seq = d.thread AND NOT {_OVERTAKEN}",
            (seq,),
        )
    if attempt.receipt and attempt.receipt.get("ts") and "thread_ts" not in attempt.receipt:
        # It is the first message of its thread now.
        execute(
            "UPDATE threads SET channel = ?, ts = ? WHERE seq = (SELECT thread FROM deliveries WHERE seq = ?)",
            (attempt.receipt["channel"], attempt.receipt["ts"], seq),
        )


def _keep_attempt(execute: Any, seq: int, attempt: Attempt, owner: str) -> None:
    execute(
        "INSERT INTO attempts SELECT ?, 1 + coalesce(max(number), 0), ?, ?, ?, ?, ? FROM attempts WHERE delivery = ?",
        (seq, attempt.at, attempt.took, attempt.outcome, attempt.error, owner, seq),
    )


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


def doubtful(store: Store, wanted: Wanted) -> list[Doubtful]:
    """Return the wanted deliveries that are `unknown`, in their order."""
    terms, values = _filters(wanted)
    if wanted.queued:
        terms.append(_OWN)
        values += _own(wanted)
    where = " AND ".join(["w.status = 'unknown'", *terms])
    rows = store.select(
        "SELECT w.seq, w.id, w.lane, w.destination, w.target, l.channel, w.attempts,"
        " coalesce((SELECT max(number) FROM attempts a WHERE a.delivery = w.seq), 0),"
        " coalesce(a.at, w.queued_at), coalesce(a.at + a.took, w.queued_at), w.retry, w.body, w.directions,"
        f" {_place('w')} FROM deliveries w JOIN lanes l ON l.seq = w.lane"
        " LEFT JOIN attempts a ON a.delivery = w.seq AND a.number ="
        " (SELECT max(number) FROM attempts b WHERE b.delivery = w.seq AND b.outcome = 'unknown')"
        f" WHERE {where} ORDER BY w.seq",
        *values,
    )
    found = [Doubtful(*row) for row in rows]
    return [
        row._replace(retry=_read(row.retry), directions=_read(row.directions) or {}, thread=_read(row.thread))
        for row in found
    ]


def people(store: Store, workspace: str, emails: list[str]) -> dict[str, Person]:
    """Return what a workspace said of these e-mail addresses."""
    rows = store.select(
        "SELECT email, user, why, at FROM people WHERE workspace = ? AND email IN (SELECT value FROM json_each(?))",
        workspace,
        json.dumps(emails),
    )
    return {row[0]: Person(*row) for row in rows}


def states(store: Store, queued: range) -> list[dict[str, Any]]:
    """Return the deliveries with these numbers as `--json` shows them, with `run` and `hint` beside."""
    names = ("run", "id", "destination", "target", "status", "attempts", "error", "hint")
    rows = store.select(
        f"SELECT receipt, {', '.join(names)} FROM deliveries WHERE seq BETWEEN ? AND ? ORDER BY seq",
        queued.start,
        queued.stop - 1,
    )
    found = []
    for receipt, *row in rows:
        state = dict(zip(names, row, strict=True))
        found.append(state | went(state["target"], _read(receipt)))
    return found


def counts(store: Store, queued: list[range]) -> dict[str, int]:
    """Count the deliveries with these numbers by status; what is shown only where something is."""
    found = dict.fromkeys(COUNTED, 0)
    for numbers in queued:
        rows = store.select(
            "SELECT status, count(*) FROM deliveries WHERE seq BETWEEN ? AND ? GROUP BY status",
            numbers.start,
            numbers.stop - 1,
        )
        for status, count in rows:
            found[status] = found.get(status, 0) + count
    return found


def still_waiting(store: Store, wanted: Wanted) -> dict[str, int]:
    """Count what is wanted and neither delivered nor dead, by status."""
    terms, values = _filters(wanted)
    where = " AND ".join(["w.status IN ('pending', 'retrying', 'unknown')", *terms])
    return dict(store.select(f"SELECT w.status, count(*) FROM deliveries w WHERE {where} GROUP BY w.status", *values))


def soonest(store: Store, wanted: Wanted) -> int | None:
    """Return when the next of what waits may go; None when nothing does."""
    terms, values = _filters(wanted)
    where = " AND ".join([_WAITING, *terms])
    found: int | None = store.select(
        f"SELECT min(max(w.due_at, l.free_at)) FROM deliveries w JOIN lanes l ON l.seq = w.lane WHERE {where}",
        *values,
    )[0][0]
    return found
