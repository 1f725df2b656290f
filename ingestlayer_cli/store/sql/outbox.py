"""What waits to be sent: claiming one with a lease, and recording what came of it."""

import json
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

from ...model.people import Person
from ...system.clock import HOUR, format_time
from ..contract.accepting import NOTHING, Queued
from ..contract.sending import ARRIVED, COUNTED, Attempt, Claimed, Doubtful, Gathered, Leased, Wanted, went
from .base import Base
from .names import lane_name
from .queued import lanes, spans

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
_OWN = (
    "w.seq BETWEEN ? AND ? AND EXISTS (SELECT 1 FROM json_each(?)"
    " WHERE w.seq BETWEEN CAST(value ->> 0 AS BIGINT) AND CAST(value ->> 1 AS BIGINT))"
)

# When a delivery `w` may be sent for its rate's sake; of the values, of `_of_rate`, the last is when to look again at
# one that is in hand. What no pace and no lease explains was written by a clock that was ahead.
_RATE_FREE_AT = (
    "coalesce((SELECT max(CASE WHEN r.free_at > ? + r.pace THEN 0 ELSE r.free_at END,"
    f" CASE WHEN r.busy_until > ? AND r.busy_until <= ? + {HOUR} THEN ? ELSE 0 END)"
    " FROM rates r WHERE r.seq = w.rate), 0)"
)
NEVER = 253_402_300_799_000  # the end of the year 9999: what another message says is not sent itself
_LEARN = (
    "INSERT INTO people (workspace, email, user, why, at) VALUES (?,?,?,?,?) ON CONFLICT (workspace, email)"
    " DO UPDATE SET user = excluded.user, why = excluded.why, at = excluded.at"
)
_HELD_BACK = "('budget ' || d.lane)"  # the digest of what waits for its target's budget

# What is due beside a claimed delivery to its target: what goes into a thread that is there is not in the channel, and
# behind what is held up in one it waits. Values: the claimed one's id, twice, the time, the id, the time.
_BESIDE = (
    "d.lane = (SELECT lane FROM deliveries WHERE id = ?) AND d.id <> ? AND d.status IN ('pending', 'retrying')"
    " AND d.carried_by IS NULL AND d.lease_until IS NULL AND d.due_at <= ?"
    " AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.seq = d.thread AND t.ts IS NOT NULL)"
    f" AND NOT EXISTS ({_BEFORE_IN_THREAD.replace('w.', 'd.')} AND p.id <> ?"
    " AND (p.status = 'unknown' OR p.lease_until IS NOT NULL OR p.due_at > ?))"
)
_RATE_OF = "seq = (SELECT rate FROM deliveries WHERE id = ?)"

# Whether of the thread of a delivery `d` one of a newer event is delivered: what is sent late, by hand or by a replay,
# must not put the first message back.
_OVERTAKEN = (
    "EXISTS (SELECT 1 FROM threads h JOIN deliveries n ON n.seq = h.newest JOIN events newer ON newer.seq = n.event"
    " JOIN events own ON own.seq = d.event"
    " WHERE h.seq = d.thread AND (newer.received_at, n.seq) > (own.received_at, d.seq))"
)

# The thread `t` of a delivery `d`, once the place of its first message is known.
_ITS_THREAD = "t.seq = d.thread AND t.ts IS NOT NULL"

# What the first message of the thread of a delivery `d` says, while `d` would be the first to edit it; and whether this
# or another that died has been tried before.
_OPENING = (
    "SELECT f.id, f.body, EXISTS (SELECT 1 FROM attempts a WHERE a.delivery = d.seq) OR EXISTS"
    " (SELECT 1 FROM deliveries p WHERE p.status = 'dead' AND p.status <> 'delivered' AND p.thread = t.seq),"
    " f.receipt, t.ts FROM deliveries d JOIN threads t ON t.seq = d.thread JOIN deliveries f ON f.seq = t.newest"
    " WHERE d.seq = ?"
)

# Whether of a delivery's attempts the last is what `abandon` noted of a claim: by whom, and when.
_ABANDONED_LAST = (
    "EXISTS (SELECT 1 FROM attempts a WHERE a.delivery = deliveries.seq AND a.number ="
    " (SELECT max(number) FROM attempts b WHERE b.delivery = deliveries.seq)"
    " AND a.outcome = 'unknown' AND a.process = ? AND a.at = ?)"
)


class SqlOutbox:
    """See `contract.protocols.StoredOutbox`.

    `Queued.parts` are spans: the first and the last number of each, and the lanes that they wait in.
    """

    def __init__(self, store: Base) -> None:
        self._store = store
        self._rows = store.rows

    def claim(self, wanted: Wanted, now: int, lease: int, pace: Callable[[str], int], owner: str) -> Claimed | None:
        """Its cost depends on the number of lanes, not of deliveries: settled ones are not in the index."""
        with self._store.transaction() as transaction:
            execute = transaction.connection.execute
            found = self._first(execute, wanted, now)
            if found is None:
                return None
            seq, lane = found
            id_, destination, target, body, attempts, due_at, retry, directions, *place, overtaken, held_back = execute(
                "SELECT d.id, d.destination, d.target, d.body, d.attempts, d.due_at, d.retry, d.directions, t.channel,"
                f" t.ts, {_OVERTAKEN}, coalesce(d.digest = {_HELD_BACK}, FALSE) FROM deliveries d"
                f" LEFT JOIN threads t ON {_ITS_THREAD} WHERE d.seq = ?",
                (seq,),
            ).fetchone()
            told = _read(directions) or {}
            opening = _opening(execute, seq) if told.get("update") and _place(*place) else None
            until = now + lease
            execute("UPDATE deliveries SET lease_by = ?, lease_until = ? WHERE seq = ?", (owner, until, seq))
            free_at = now + pace(destination)
            execute("UPDATE lanes SET free_at = ?, busy_until = ? WHERE seq = ?", (free_at, until, lane))
            execute(f"UPDATE rates SET free_at = ? + pace, busy_until = ? WHERE {_RATE_OF}", (now, until, id_))
            head = (id_, destination, target, body, attempts, due_at, now, until)
            more = (_read(retry), told, _place(*place), bool(overtaken), opening, bool(held_back))
            return Claimed(*head, *more)

    def _first(self, execute: Any, wanted: Wanted, now: int) -> tuple[int, int] | None:
        """Return the numbers of the delivery that goes first and of its lane, which nobody else takes meanwhile."""
        row: tuple[int, int] | None = execute(*first_due(wanted, now)).fetchone()
        return row

    def next_at(self, wanted: Wanted, now: int, due_by: int, look: int) -> int | None:
        condition, values = _condition(wanted, now)
        of_lanes, own = _of_lanes(wanted)
        rate = _of_rate(now, look)
        rows = self._rows(
            "SELECT min(max(free_at, due_at, min(busy_until, ?))) FROM ("
            "SELECT l.free_at, coalesce(l.busy_until, 0) AS busy_until, coalesce("
            f"(SELECT w.due_at {_WAIT_IN_LANE} AND {condition} AND w.due_at <= ? AND {_RATE_FREE_AT} <= ?"
            " ORDER BY w.seq LIMIT 1),"
            f"(SELECT min(max(w.due_at, {_RATE_FREE_AT})) {_WAIT_IN_LANE} AND {condition} AND w.due_at <= ?)) AS due_at"
            f" FROM lanes l WHERE TRUE{of_lanes}) waiting WHERE due_at IS NOT NULL",
            *(look, *values, now, *rate, now, *rate, *values, due_by, *own),
        )
        found: int | None = rows[0][0]
        return found

    def unfinished(self, due_by: int) -> list[str]:
        rows = self._rows(
            f"SELECT destination FROM deliveries w INDEXED BY deliveries_waiting WHERE {_WAITING} AND w.due_at <= ?"
            " UNION SELECT destination FROM deliveries INDEXED BY deliveries_open"
            " WHERE status = 'unknown' AND status <> 'delivered'"
            " UNION SELECT destination FROM deliveries INDEXED BY deliveries_leased WHERE lease_until IS NOT NULL",
            due_by,
        )
        return [label for (label,) in rows]

    def set_right(self, now: int, hold: Callable[[str], int], pause: int, lease: int) -> None:
        lanes = self._rows("SELECT seq, name, free_at FROM lanes WHERE free_at > ?", now)
        held = [(now, seq) for seq, name, free_at in lanes if free_at > now + hold(name.partition(" ")[0])]
        busy = self._rows("SELECT seq FROM lanes WHERE busy_until > ?", now + lease)
        waiting = self._rows(
            "SELECT w.seq, w.status, w.due_at, w.queued_at, w.retry FROM deliveries w INDEXED BY deliveries_waiting"
            f" WHERE {_WAITING} AND w.due_at > ?",
            now,
        )
        due = []
        for seq, status, due_at, queued_at, retry in waiting:
            longest = max(_read(retry) or [pause]) * 1.5
            if queued_at > now + lease:
                due.append((max(due_at - queued_at, 0) + now if status == "pending" else now, now, seq))
            elif status == "retrying" and due_at > now + longest:
                due.append((now, queued_at, seq))
        # A replay's rate is held for its pace at most.
        rates = self._rows("SELECT seq FROM rates WHERE free_at > ? + pace OR busy_until > ?", now + lease, now + lease)
        if held or busy or due or rates:
            with self._store.transaction() as transaction:
                run = transaction.connection.executemany
                run("UPDATE lanes SET free_at = ? WHERE seq = ?", held)
                run("UPDATE lanes SET busy_until = NULL WHERE seq = ?", busy)
                run("UPDATE rates SET free_at = 0, busy_until = NULL WHERE seq = ?", rates)
                run("UPDATE deliveries SET due_at = ?, queued_at = ? WHERE seq = ?", due)

    def own_open(self, wanted: Wanted, due_by: int) -> bool:
        queued = wanted.queued or NOTHING
        own = _own(queued)
        # Of those before it in its thread, none may be held up for longer.
        held_up = f"EXISTS ({_BEFORE_IN_THREAD} AND (p.status = 'unknown' OR (p.due_at > ? AND p.lease_until IS NULL)))"
        rows = self._rows(
            "SELECT EXISTS (SELECT 1 FROM deliveries w INDEXED BY deliveries_waiting"
            f" WHERE w.lane IN (SELECT value FROM json_each(?)) AND {_WAITING} AND {_OWN} AND w.due_at <= ?"
            f" AND {_NOT_WITHOUT} AND NOT {held_up})"
            " OR EXISTS (SELECT 1 FROM deliveries w INDEXED BY deliveries_leased"
            f" WHERE w.lease_until IS NOT NULL AND {_OWN})",
            *(_lanes(queued), *own, due_by, json.dumps(wanted.without), due_by, *own),
        )
        return bool(rows[0][0])

    def destinations(self, queued: Queued) -> list[str]:
        rows = self._rows("SELECT name FROM lanes WHERE seq IN (SELECT value FROM json_each(?))", _lanes(queued))
        return sorted({name.partition(" ")[0] for (name,) in rows})

    def gather(self, claimed: Claimed, now: int, most: int) -> list[Gathered]:
        rows = self._rows(
            "SELECT d.id, e.id, d.directions FROM deliveries d JOIN events e ON e.seq = d.event WHERE d.digest ="
            " (SELECT digest FROM deliveries WHERE id = ?) AND d.id <> ? AND d.status IN ('pending', 'retrying')"
            " AND d.carried_by IS NULL AND d.lease_until IS NULL AND d.due_at <= ? ORDER BY d.seq LIMIT ?",
            *(claimed.id, claimed.id, now, most),
        )
        return [Gathered(id_, event, _read(directions) or {}) for id_, event, directions in rows]

    def posted(self, claimed: Claimed, since: int) -> list[int]:
        """It is looked for among the latest attempts of all, which are few; not what a clock wrote that was ahead."""
        rows = self._rows(
            "SELECT max(a.at + a.took), d.receipt FROM attempts a INDEXED BY attempts_by_time CROSS JOIN deliveries d"
            " WHERE d.seq = a.delivery AND a.at > ? AND a.at <= ? AND a.at + a.took > ?"
            " AND a.outcome IN ('sent', 'unknown') AND d.id <> ?"
            " AND d.lane = (SELECT lane FROM deliveries WHERE id = ?)"
            " GROUP BY d.seq, d.receipt ORDER BY 1",
            *(since - HOUR, claimed.claimed_at + HOUR, since, claimed.id, claimed.id),
        )
        return [at for at, receipt in rows if "thread_ts" not in (_read(receipt) or {})]

    def beside(self, claimed: Claimed, now: int, most: int, shown: int) -> list[Gathered]:
        rows = self._rows(
            "SELECT d.id, e.id, d.directions, CASE WHEN row_number() OVER (ORDER BY d.seq) <= ? THEN d.body END"
            f" FROM deliveries d JOIN events e ON e.seq = d.event WHERE {_BESIDE} ORDER BY d.seq LIMIT ?",
            *(shown, *_beside(claimed, now), most),
        )
        return [Gathered(id_, event, _read(directions) or {}, body) for id_, event, directions, body in rows]

    def hold_back(self, claimed: Claimed, now: int, until: int, why: str) -> None:
        with self._store.transaction() as transaction:
            execute = transaction.connection.execute
            execute(f"UPDATE deliveries AS d SET digest = {_HELD_BACK} WHERE id = ?", (claimed.id,))
            execute(
                f"UPDATE deliveries AS d SET digest = {_HELD_BACK}, due_at = ?, status = 'pending', error = ?,"
                f" hint = NULL WHERE {_BESIDE}",
                (until, why, *_beside(claimed, now)),
            )

    def carry(self, claimed: Claimed, ids: Sequence[str], body: str, directions: dict[str, Any], owner: str) -> bool:
        free = "carried_by IS NULL AND lease_until IS NULL AND status IN ('pending', 'retrying')"
        with suppress(_TakenError), self._store.transaction() as transaction:
            done = transaction.connection.executemany(
                f"UPDATE deliveries SET carried_by = ?, due_at = ? WHERE id = ? AND {free}",
                [(claimed.id, NEVER, id_) for id_ in ids],
            ).rowcount
            transaction.connection.executemany(
                "UPDATE deliveries SET carried_by = ? WHERE carried_by = ?", [(claimed.id, id_) for id_ in ids]
            )
            # What says many is of no one thread.
            done += transaction.connection.execute(
                "UPDATE deliveries SET body = ?, directions = ?, digest = NULL, thread = CASE WHEN ? THEN NULL"
                " ELSE thread END WHERE id = ? AND lease_by = ? AND lease_until = ?",
                (body, json.dumps(directions), bool(ids), claimed.id, owner, claimed.lease_until),
            ).rowcount
            if done != len(ids) + 1:
                raise _TakenError
            return True
        return False

    def record(self, claimed: Claimed, attempt: Attempt, owner: str) -> None:
        arrived = attempt.status in ARRIVED
        with self._store.transaction() as transaction:
            execute = transaction.connection.execute
            ours = execute(
                "UPDATE deliveries SET lease_by = NULL, lease_until = NULL WHERE id = ? AND ((lease_by = ? AND"
                f" lease_until = ?) OR (lease_by IS NULL AND ((status = 'unknown' AND {_ABANDONED_LAST})"
                " OR (? AND status <> 'delivered'))))",
                (claimed.id, owner, claimed.lease_until, owner, claimed.claimed_at, arrived),
            ).rowcount
            if ours:
                _settle(execute, claimed.id, attempt)
            execute(
                "UPDATE lanes SET busy_until = nullif(busy_until, ?), free_at = max(free_at, ?),"
                " channel = coalesce(?, channel) WHERE name = ?",
                (
                    claimed.lease_until,
                    attempt.lane_free_at,
                    (attempt.receipt or {}).get("channel"),
                    lane_name(claimed.destination, claimed.target),
                ),
            )
            execute(
                "UPDATE rates SET busy_until = nullif(busy_until, ?), free_at = max(free_at, ? + pace)"
                f" WHERE {_RATE_OF}",
                (claimed.lease_until, attempt.at + attempt.took, claimed.id),
            )
            _keep_attempt(execute, claimed.id, attempt, owner)
            workspace = claimed.destination.partition("/")[2]
            learned = [(workspace, *person) for person in attempt.learned]
            transaction.connection.executemany(_LEARN, learned)

    def leased(self) -> list[Leased]:
        """They are few, and have an index of their own."""
        rows = self._rows(
            "SELECT id, destination, target, lease_by, lease_until FROM deliveries WHERE lease_until IS NOT NULL"
        )
        return [Leased(*row) for row in rows]

    def abandon(self, row: Leased, attempt: Attempt) -> None:
        with self._store.transaction() as transaction:
            execute = transaction.connection.execute
            lost = execute(
                "UPDATE deliveries SET lease_by = NULL, lease_until = NULL"
                " WHERE id = ? AND lease_by = ? AND lease_until = ?",
                (row.id, row.lease_by, row.lease_until),
            ).rowcount
            if lost:
                _settle(execute, row.id, attempt)
                _keep_attempt(execute, row.id, attempt, row.lease_by)
                lane = lane_name(row.destination, row.target)
                execute("UPDATE lanes SET busy_until = NULL WHERE name = ? AND busy_until = ?", (lane, row.lease_until))
                free = f"UPDATE rates SET busy_until = NULL WHERE {_RATE_OF} AND busy_until = ?"
                execute(free, (row.id, row.lease_until))

    def doubtful(self, wanted: Wanted) -> list[Doubtful]:
        terms, values = _filters(wanted)
        if wanted.queued is not None:
            terms.append(_OWN)
            values += _own(wanted.queued)
        where = " AND ".join(["w.status = 'unknown'", *terms])
        rows = self._rows(
            "SELECT w.id, w.destination, w.target, l.channel, w.attempts,"
            " coalesce((SELECT max(number) FROM attempts a WHERE a.delivery = w.seq), 0),"
            " coalesce(a.at, w.queued_at), coalesce(a.at + a.took, w.queued_at), w.retry, w.body, w.directions,"
            " t.channel, t.ts FROM deliveries w JOIN lanes l ON l.seq = w.lane"
            " LEFT JOIN attempts a ON a.delivery = w.seq AND a.number ="
            " (SELECT max(number) FROM attempts b WHERE b.delivery = w.seq AND b.outcome = 'unknown')"
            " LEFT JOIN threads t ON t.seq = w.thread AND t.ts IS NOT NULL"
            f" WHERE {where} ORDER BY w.seq",
            *values,
        )
        return [
            Doubtful._make((*head, _read(retry), body, _read(directions) or {}, _place(channel, ts)))
            for *head, retry, body, directions, channel, ts in rows
        ]

    def settle(self, row: Doubtful, attempt: Attempt, owner: str) -> bool:
        same = (
            "status = 'unknown' AND lease_until IS NULL"
            " AND ? = coalesce((SELECT max(number) FROM attempts a WHERE a.delivery = d.seq), 0)"
        )
        return settle_where(self._store, same, (row.last_attempt,), row.id, attempt, owner)

    def people(self, workspace: str, emails: list[str]) -> dict[str, Person]:
        rows = self._rows(
            "SELECT email, user, why, at FROM people WHERE workspace = ? AND email IN (SELECT value FROM json_each(?))",
            *(workspace, json.dumps(emails)),
        )
        return {row[0]: Person(*row) for row in rows}

    def states(self, queued: Queued) -> list[dict[str, Any]]:
        names = ("run", "id", "destination", "target", "status", "attempts", "error", "hint")
        later = "CASE WHEN status = 'pending' AND due_at > queued_at THEN due_at END"
        select = f"SELECT receipt, {later}, {', '.join(names)} FROM deliveries WHERE seq BETWEEN ? AND ? ORDER BY seq"
        found = []
        for receipt, at, *row in (row for ends in spans(queued) for row in self._rows(select, *ends)):
            state = dict(zip(names, row, strict=True))
            state |= went(state["target"], _read(receipt))
            found.append(state if at is None else state | {"next_at": format_time(at)})
        return found

    def counts(self, queued: Queued) -> dict[str, int]:
        found = dict.fromkeys(COUNTED, 0)
        select = "SELECT status, count(*) FROM deliveries WHERE seq BETWEEN ? AND ? GROUP BY status"
        for ends in spans(queued):
            for status, count in self._rows(select, *ends):
                found[status] = found.get(status, 0) + count
        return found

    def still_waiting(self, wanted: Wanted) -> dict[str, int]:
        terms, values = _filters(wanted)
        where = " AND ".join(["w.status IN ('pending', 'retrying', 'unknown')", *terms])
        return dict(self._rows(f"SELECT w.status, count(*) FROM deliveries w WHERE {where} GROUP BY w.status", *values))

    def waiting(
        self, own: Queued, places: Collection[tuple[str, str]], than: Queued | None, replaced: Queued, due_by: int
    ) -> dict[str, int]:
        older, values = "TRUE", list[Any]()
        if than is not None:
            of = _own(than)
            older, values = f"w.seq <= ? AND NOT ({_OWN})", [of[1], *of]
        rows = self._rows(
            "SELECT w.target, count(*) FROM deliveries w JOIN lanes l ON l.seq = w.lane"
            f" WHERE w.status IN ('pending', 'retrying') AND ({_OWN}"
            f" OR (l.name IN (SELECT value FROM json_each(?)) AND {older} AND w.due_at <= ?"
            f" AND NOT ({_OWN}))) GROUP BY w.target",
            *(*_own(own), json.dumps([lane_name(*place) for place in places]), *values, due_by, *_own(replaced)),
        )
        return dict(rows)

    def soonest(self, wanted: Wanted) -> int | None:
        terms, values = _filters(wanted)
        where = " AND ".join([_WAITING, *terms])
        rows = self._rows(
            "SELECT min(max(w.due_at, l.free_at, coalesce((SELECT free_at FROM rates WHERE seq = w.rate), 0)))"
            f" FROM deliveries w JOIN lanes l ON l.seq = w.lane WHERE {where}",
            *values,
        )
        found: int | None = rows[0][0]
        return found


# How the first of a lane stands beside it.
_FIRST = "JOIN deliveries d ON d.seq = ({first})"


def first_due(wanted: Wanted, now: int, of_lane: str = "", beside: str = _FIRST) -> tuple[str, list[Any]]:
    """Return SQL for the first of what is due to a target that is free, and its lane; and its values."""
    condition, values = _condition(wanted)
    of_lanes, own = _of_lanes(wanted)
    first = (
        f"SELECT w.seq {_WAIT_IN_LANE} AND {condition} AND w.due_at <= ?"
        f" AND (w.rate IS NULL OR {_RATE_FREE_AT} <= ?) ORDER BY w.seq LIMIT 1"
    )
    sql = (
        f"SELECT d.seq, l.seq FROM lanes l {beside.format(first=first)}"
        f" WHERE l.free_at <= ? AND coalesce(l.busy_until, 0) <= ?{of_lanes}{of_lane} ORDER BY d.seq LIMIT 1"
    )
    return sql, [*values, now, *_of_rate(now, now + 1), now, now, now, *own]


def _condition(wanted: Wanted, soon: int | None = None) -> tuple[str, list[Any]]:
    """Return SQL over a waiting delivery `w`, and its values; `soon`: now, for one that may wait a little."""
    terms, values = _filters(wanted)
    if soon is None:
        terms.append(_FIRST_IN_THREAD)
    else:
        terms.append(_SOON_FIRST_IN_THREAD)
        values.append(soon)
    if wanted.queued is not None:
        own = _own(wanted.queued)
        if wanted.with_older:
            terms.append("w.seq <= ?")
            values.append(own[1])
        else:
            terms.append(_OWN)
            values += own
    return " AND ".join([_WAITING, *terms]), values


def _of_rate(now: int, look: int) -> tuple[int, ...]:
    """Return the values of `_RATE_FREE_AT`."""
    return now, now, now, look


def _of_lanes(wanted: Wanted) -> tuple[str, list[Any]]:
    """Return SQL over a lane `l`, and its values."""
    if wanted.queued is None:
        return "", []
    return " AND l.seq IN (SELECT value FROM json_each(?))", [_lanes(wanted.queued)]


def _lanes(queued: Queued) -> str:
    """Return the lanes that queued deliveries wait in, as JSON."""
    return json.dumps(lanes(queued))


def _own(queued: Queued) -> list[Any]:
    """Return the values of `_OWN`."""
    found = spans(queued)
    first, last = (found[0][0], found[-1][1]) if found else (1, 0)
    return [first, last, json.dumps(found)]


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


def _beside(claimed: Claimed, now: int) -> tuple[Any, ...]:
    """Return the values of `_BESIDE`."""
    return claimed.id, claimed.id, now, claimed.id, now


def _place(channel: str | None, ts: str | None) -> tuple[str, str] | None:
    return None if channel is None or ts is None else (channel, ts)


def _opening(execute: Any, seq: int) -> tuple[str, str, bool] | None:
    """Return what a delivery would be the first to edit: see `_OPENING`."""
    row = execute(_OPENING, (seq,)).fetchone()
    if row is None:
        return None
    id_, body, is_tried, receipt, ts = row
    return (id_, body, bool(is_tried)) if (_read(receipt) or {}).get("ts") == ts else None


def _read(text: Any) -> Any:
    return json.loads(text) if text else None


def settle_where(store: Base, term: str, values: tuple[Any, ...], id_: str, attempt: Attempt, owner: str) -> bool:
    """Record what became of a delivery of which a term over `d` holds; say whether it did."""
    with store.transaction() as transaction:
        execute = transaction.connection.execute
        holds = execute(f"SELECT 1 FROM deliveries d WHERE {term} AND id = ?", (*values, id_)).fetchone()
        if holds:
            _settle(execute, id_, attempt)
            _keep_attempt(execute, id_, attempt, owner)
        return bool(holds)


class _TakenError(Exception):
    """Something was taken up by another process."""


def _told(attempt: Attempt) -> tuple[str | None, str | None]:
    """Return the error and the hint that a delivery has by now."""
    return None if attempt.status in ARRIVED else attempt.error, attempt.hint


def _settle(execute: Any, id_: str, attempt: Attempt) -> None:
    settled = attempt.at + attempt.took if attempt.status in (*ARRIVED, "dead") else None
    receipt = json.dumps(attempt.receipt) if attempt.receipt else None
    execute(
        "UPDATE deliveries SET status = ?, due_at = ?, attempts = attempts + ?, error = ?, hint = ?,"
        " receipt = coalesce(?, receipt), settled_at = ? WHERE id = ?",
        (
            attempt.status,
            attempt.due_at,
            int(attempt.counts),
            *_told(attempt),
            receipt,
            settled,
            id_,
        ),
    )
    if settled is not None:
        execute(
            "UPDATE deliveries SET status = ?, error = ?, hint = ?, receipt = ?, settled_at = ? WHERE carried_by = ?"
            " AND status IN ('pending', 'retrying', 'dead')",
            (attempt.status, *_told(attempt), receipt, settled, id_),
        )
    if attempt.status in ARRIVED:
        execute(
            "UPDATE threads SET newest = d.seq FROM deliveries d"
            f" WHERE d.id = ? AND threads.seq = d.thread AND NOT {_OVERTAKEN}",
            (id_,),
        )
    if attempt.receipt and attempt.receipt.get("ts") and "thread_ts" not in attempt.receipt:
        # It is the first message of its thread now, and what that says is of its event.
        execute(
            "UPDATE threads SET channel = ?, ts = ?, newest = d.seq FROM deliveries d"
            " WHERE d.id = ? AND threads.seq = d.thread",
            (attempt.receipt["channel"], attempt.receipt["ts"], id_),
        )


def _keep_attempt(execute: Any, id_: str, attempt: Attempt, owner: str) -> None:
    execute(
        "INSERT INTO attempts SELECT d.seq, 1 + coalesce((SELECT max(number) FROM attempts WHERE delivery = d.seq), 0),"
        " ?, ?, ?, ?, ? FROM deliveries d WHERE d.id = ?",
        (attempt.at, attempt.took, attempt.outcome, attempt.error, owner, id_),
    )
