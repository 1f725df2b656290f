"""What waits to be sent: claiming one with a lease, and recording what came of it."""

import json
from collections.abc import Callable, Collection

from ...model.people import Person
from ...system.clock import format_time
from ...system.typed import TYPE_CHECKING, Any, cast
from ..contract.accepting import NOTHING, Queued
from ..contract.sending import ARRIVED, COUNTED, OVER, Attempt, Claimed, Leased, Wanted, went
from .base import Base
from .names import lane_name
from .queued import spans
from .wanted import (
    BEFORE_IN_THREAD,
    NOT_WITHOUT,
    OWN,
    RATE_FREE_AT,
    WAIT_IN_LANE,
    WAITING,
    filters,
    first_due,
    fits,
    in_lanes,
    lanes_json,
    of_rate,
    own_values,
)

if TYPE_CHECKING:
    from ...model.documents.events import DeliveryCounts, StandingDocument

_LEARN = (
    "INSERT INTO people (workspace, email, user, why, at) VALUES (?,?,?,?,?) ON CONFLICT (workspace, email)"
    " DO UPDATE SET user = excluded.user, why = excluded.why, at = excluded.at"
)
HELD_BACK = "('budget ' || d.lane)"  # the digest of what waits for its target's budget
RATE_OF = "seq = (SELECT rate FROM deliveries WHERE id = ?)"
_UNSENT = ("waits", "dropped")  # of an attempt: nothing was posted, so that the next message need not wait for its pace

# Whether of the thread of a delivery `d` one of a newer event is delivered: what is sent late, by hand or by a replay,
# must not put the first message back.
_OVERTAKEN = (
    "EXISTS (SELECT 1 FROM threads h JOIN deliveries n ON n.seq = h.newest JOIN events newer ON newer.seq = n.event"
    " JOIN events own ON own.seq = d.event"
    " WHERE h.seq = d.thread AND (newer.received_at, n.seq) > (own.received_at, d.seq))"
)

# The thread `t` of a delivery `d`, once the place of its first message is known.
_ITS_THREAD = "t.seq = d.thread AND t.ts IS NOT NULL"

# Whether of a delivery's attempts the last is what `abandon` noted of a claim: by whom, and when.
_ABANDONED_LAST = (
    "EXISTS (SELECT 1 FROM attempts a WHERE a.delivery = deliveries.seq AND a.number ="
    " (SELECT max(number) FROM attempts b WHERE b.delivery = deliveries.seq)"
    " AND a.outcome = 'unknown' AND a.process = ? AND a.at = ?)"
)


class SqlOutbox:
    """See `contract.roles.outbox.StoredOutbox`.

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
                f" t.ts, {_OVERTAKEN}, coalesce(d.digest = {HELD_BACK}, FALSE) FROM deliveries d"
                f" LEFT JOIN threads t ON {_ITS_THREAD} WHERE d.seq = ?",
                (seq,),
            ).fetchone()
            told = told_in(directions) or {}
            opening = None
            if told.get("update") and place_of(*place):
                from .opening import opening_of

                opening = opening_of(execute, seq)
            until = now + lease
            execute("UPDATE deliveries SET lease_by = ?, lease_until = ? WHERE seq = ?", (owner, until, seq))
            free_at = now + pace(destination)
            execute("UPDATE lanes SET free_at = ?, busy_until = ? WHERE seq = ?", (free_at, until, lane))
            execute(f"UPDATE rates SET free_at = ? + pace, busy_until = ? WHERE {RATE_OF}", (now, until, id_))
            head = (id_, destination, target, body, attempts, due_at, now, until)
            more = (told_in(retry), told, place_of(*place), bool(overtaken), opening, bool(held_back))
            return Claimed(*head, *more)

    def _first(self, execute: Any, wanted: Wanted, now: int) -> tuple[int, int] | None:
        """Return the numbers of the delivery that goes first and of its lane, which nobody else takes meanwhile."""
        row: tuple[int, int] | None = execute(*first_due(wanted, now)).fetchone()
        return row

    def next_at(self, wanted: Wanted, now: int, due_by: int, look: int) -> int | None:
        condition, values = fits(wanted, now)
        of_lanes, own = in_lanes(wanted)
        rate = of_rate(now, look)
        rows = self._rows(
            "SELECT min(max(free_at, due_at, min(busy_until, ?))) FROM ("
            "SELECT l.free_at, coalesce(l.busy_until, 0) AS busy_until, coalesce("
            f"(SELECT w.due_at {WAIT_IN_LANE} AND {condition} AND w.due_at <= ? AND {RATE_FREE_AT} <= ?"
            " ORDER BY w.seq LIMIT 1),"
            f"(SELECT min(max(w.due_at, {RATE_FREE_AT})) {WAIT_IN_LANE} AND {condition} AND w.due_at <= ?)) AS due_at"
            f" FROM lanes l WHERE TRUE{of_lanes}) waiting WHERE due_at IS NOT NULL",
            *(look, *values, now, *rate, now, *rate, *values, due_by, *own),
        )
        found: int | None = rows[0][0]
        return found

    def unfinished(self, due_by: int) -> list[str]:
        rows = self._rows(
            f"SELECT destination FROM deliveries w INDEXED BY deliveries_waiting WHERE {WAITING} AND w.due_at <= ?"
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
            f" WHERE {WAITING} AND w.due_at > ? AND w.carried_by IS NULL",
            now,
        )
        due = []
        for seq, status, due_at, queued_at, retry in waiting:
            longest = max(told_in(retry) or [pause]) * 1.5
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
        own = own_values(queued)
        # Of those before it in its thread, none may be held up for longer.
        held_up = f"EXISTS ({BEFORE_IN_THREAD} AND (p.status = 'unknown' OR (p.due_at > ? AND p.lease_until IS NULL)))"
        rows = self._rows(
            "SELECT EXISTS (SELECT 1 FROM deliveries w INDEXED BY deliveries_waiting"
            f" WHERE w.lane IN (SELECT value FROM json_each(?)) AND {WAITING} AND {OWN} AND w.due_at <= ?"
            f" AND {NOT_WITHOUT} AND NOT {held_up})"
            " OR EXISTS (SELECT 1 FROM deliveries w INDEXED BY deliveries_leased"
            f" WHERE w.lease_until IS NOT NULL AND {OWN})",
            *(lanes_json(queued), *own, due_by, json.dumps(wanted.without), due_by, *own),
        )
        return bool(rows[0][0])

    def destinations(self, queued: Queued) -> list[str]:
        rows = self._rows("SELECT name FROM lanes WHERE seq IN (SELECT value FROM json_each(?))", lanes_json(queued))
        return sorted({name.partition(" ")[0] for (name,) in rows})

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
                settle(execute, claimed.id, attempt)
            execute(
                "UPDATE lanes SET busy_until = nullif(busy_until, ?), "
                " free_at = CASE WHEN ? THEN ? ELSE max(free_at, ?) END, channel = coalesce(?, channel) WHERE name = ?",
                (
                    claimed.lease_until,
                    attempt.outcome in _UNSENT,
                    attempt.at,
                    attempt.lane_free_at,
                    (attempt.receipt or {}).get("channel"),
                    lane_name(claimed.destination, claimed.target),
                ),
            )
            execute(
                "UPDATE rates SET busy_until = nullif(busy_until, ?), free_at = max(free_at, ? + pace)"
                f" WHERE {RATE_OF}",
                (claimed.lease_until, attempt.at + attempt.took, claimed.id),
            )
            keep_attempt(execute, claimed.id, attempt, owner)
            workspace = claimed.destination.partition("/")[2]
            learned = [(workspace, *person) for person in attempt.learned]
            transaction.connection.executemany(_LEARN, learned)

    def leased(self) -> list[Leased]:
        """They are few, and have an index of their own."""
        rows = self._rows(
            "SELECT id, destination, target, lease_by, lease_until FROM deliveries WHERE lease_until IS NOT NULL"
        )
        return [Leased(*row) for row in rows]

    def people(self, workspace: str, emails: list[str]) -> dict[str, Person]:
        rows = self._rows(
            "SELECT email, user, why, at FROM people WHERE workspace = ? AND email IN (SELECT value FROM json_each(?))",
            *(workspace, json.dumps(emails)),
        )
        return {row[0]: Person(*row) for row in rows}

    def states(self, queued: Queued) -> "list[StandingDocument]":
        names = ("run", "id", "destination", "target", "status", "attempts", "error", "hint")
        later = "CASE WHEN status = 'pending' AND due_at > queued_at THEN due_at END"
        select = f"SELECT receipt, {later}, {', '.join(names)} FROM deliveries WHERE seq BETWEEN ? AND ? ORDER BY seq"
        found = []
        for receipt, at, *row in (row for ends in spans(queued) for row in self._rows(select, *ends)):
            state = dict(zip(names, row, strict=True))
            state |= {**went(state["target"], told_in(receipt))}
            found.append(state if at is None else state | {"next_at": format_time(at)})
        return cast("list[StandingDocument]", found)

    def counts(self, queued: Queued) -> "DeliveryCounts":
        found = dict.fromkeys(COUNTED, 0)
        select = "SELECT status, count(*) FROM deliveries WHERE seq BETWEEN ? AND ? GROUP BY status"
        for ends in spans(queued):
            for status, count in self._rows(select, *ends):
                found[status] = found.get(status, 0) + count
        return cast("DeliveryCounts", found)

    def still_waiting(self, wanted: Wanted) -> dict[str, int]:
        terms, values = filters(wanted)
        where = " AND ".join(["w.status IN ('pending', 'retrying', 'unknown')", *terms])
        return dict(self._rows(f"SELECT w.status, count(*) FROM deliveries w WHERE {where} GROUP BY w.status", *values))

    def waiting(
        self, own: Queued, places: Collection[tuple[str, str]], than: Queued | None, replaced: Queued, due_by: int
    ) -> dict[str, int]:
        older, values = "TRUE", list[Any]()
        if than is not None:
            of = own_values(than)
            older, values = f"w.seq <= ? AND NOT ({OWN})", [of[1], *of]
        rows = self._rows(
            "SELECT w.target, count(*) FROM deliveries w JOIN lanes l ON l.seq = w.lane"
            f" WHERE w.status IN ('pending', 'retrying') AND ({OWN}"
            f" OR (l.name IN (SELECT value FROM json_each(?)) AND {older} AND w.due_at <= ?"
            f" AND NOT ({OWN}))) GROUP BY w.target",
            *own_values(own),
            json.dumps([lane_name(*place) for place in places]),
            *values,
            due_by,
            *own_values(replaced),
        )
        return dict(rows)

    def soonest(self, wanted: Wanted) -> int | None:
        terms, values = filters(wanted)
        where = " AND ".join([WAITING, *terms])
        rows = self._rows(
            "SELECT min(max(w.due_at, l.free_at, coalesce((SELECT free_at FROM rates WHERE seq = w.rate), 0)))"
            f" FROM deliveries w JOIN lanes l ON l.seq = w.lane WHERE {where}",
            *values,
        )
        found: int | None = rows[0][0]
        return found


def place_of(channel: str | None, ts: str | None) -> tuple[str, str] | None:
    return None if channel is None or ts is None else (channel, ts)


def told_in(text: Any) -> Any:
    return json.loads(text) if text else None


def _told(attempt: Attempt) -> tuple[str | None, str | None]:
    """Return the error and the hint that a delivery has by now."""
    return None if attempt.status in ARRIVED else attempt.error, attempt.hint


def settle(execute: Any, id_: str, attempt: Attempt) -> None:
    settled = attempt.at + attempt.took if attempt.status in (*OVER, "dead") else None
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


def keep_attempt(execute: Any, id_: str, attempt: Attempt, owner: str) -> None:
    execute(
        "INSERT INTO attempts SELECT d.seq, 1 + coalesce((SELECT max(number) FROM attempts WHERE delivery = d.seq), 0),"
        " ?, ?, ?, ?, ? FROM deliveries d WHERE d.id = ?",
        (attempt.at, attempt.took, attempt.outcome, attempt.error, owner, id_),
    )
