"""What waits to be sent: claiming one with a lease, and recording what came of it."""

import json
from collections.abc import Callable, Collection

from ...model.people import Person
from ...system.clock import format_time
from ...system.typed import TYPE_CHECKING, Any
from ..contract.accepting import NOTHING, Queued
from ..contract.sending import ARRIVED, Attempt, Claimed, Leased, Wanted, no_deliveries, went
from .base import Base
from .names import IS_OPEN, WAITS, lane_name
from .queued import spans
from .settling import OVERTAKEN, keep_attempt, settle
from .wanted import (
    BEFORE_IN_THREAD,
    FREE,
    NOT_WITHOUT,
    OWN,
    RATE_FREE_AT,
    WAIT_IN_LANE,
    filters,
    first_due,
    fits,
    in_lanes,
    lanes_json,
    of_rate,
    own_values,
)

if TYPE_CHECKING:
    from ...model.documents.events import DeliveryCounts, StandingDocument, Status

_LEARN = (
    "INSERT INTO people (workspace, email, user, why, at) VALUES (?,?,?,?,?) ON CONFLICT (workspace, email)"
    " DO UPDATE SET user = excluded.user, why = excluded.why, at = excluded.at"
)
HELD_BACK = "('budget ' || d.lane)"  # the digest of what waits for its target's budget
RATE_OF = "seq = (SELECT rate FROM deliveries WHERE id = ?)"
_UNSENT = ("waits", "dropped")  # of an attempt: nothing was posted, so that the next message need not wait for its pace

# The thread `t` of a delivery `d`, once the place of its first message is known.
_ITS_THREAD = "t.seq = d.thread AND t.ts IS NOT NULL"

# What is told of a delivery `d` that is claimed, but for its thread.
CLAIMED = (
    f"d.seq, d.lane, d.thread, d.rate, coalesce(d.digest = {HELD_BACK}, FALSE),"
    " d.id, d.destination, d.target, d.body, d.attempts, d.due_at, d.retry, d.directions"
)
_PLACE = f"SELECT t.channel, t.ts, {OVERTAKEN} FROM deliveries d LEFT JOIN threads t ON {_ITS_THREAD} WHERE d.seq = ?"

# Whether a delivery `d` is in somebody's hand by his claim; and whether it was taken out of it, and is still his: the
# last of its attempts is what `abandon` noted of the claim, or what he sent has arrived.
_LEASED = "lease_by = ? AND lease_until = ?"
_LET_GO = (
    "lease_by IS NULL AND ((status = 'unknown' AND EXISTS (SELECT 1 FROM attempts a WHERE a.delivery = d.seq"
    " AND a.number = (SELECT max(number) FROM attempts b WHERE b.delivery = d.seq)"
    " AND a.outcome = 'unknown' AND a.process = ? AND a.at = ?)) OR (? AND status <> 'delivered'))"
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
            until = now + lease
            row = self._taken(execute, wanted, now, until, owner)
            if row is None:
                return None
            seq, lane, thread, rate, held_back, id_, destination, target, body, attempts, due_at, retry, told = row
            free_at = now + pace(destination)
            execute("UPDATE lanes SET free_at = ?, busy_until = ? WHERE seq = ?", (free_at, until, lane))
            if rate is not None:
                execute("UPDATE rates SET free_at = ? + pace, busy_until = ? WHERE seq = ?", (now, until, rate))
            directions, place, overtaken, opening = told_in(told) or {}, None, False, None
            if thread is not None:
                *there, overtaken = execute(_PLACE, (seq,)).fetchone()
                place = place_of(*there)
                if directions.get("update") and place:
                    from .opening import opening_of

                    opening = opening_of(execute, seq)
            head = (id_, destination, target, body, attempts, due_at, now, until)
            return Claimed(*head, told_in(retry), directions, place, bool(overtaken), opening, bool(held_back))

    def _taken(self, execute: Any, wanted: Wanted, now: int, until: int, owner: str) -> Any:
        """Lease what goes first until a time; return it as `CLAIMED` says."""
        found = self._first(execute, wanted, now)
        if found is None:
            return None
        row = execute(f"SELECT {CLAIMED} FROM deliveries d WHERE d.seq = ?", found[:1]).fetchone()
        execute("UPDATE deliveries SET lease_by = ?, lease_until = ? WHERE seq = ?", (owner, until, found[0]))
        return row

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
            f"SELECT destination FROM deliveries w INDEXED BY deliveries_waiting WHERE {FREE} AND w.due_at <= ?"
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
            f" WHERE {FREE} AND w.due_at > ? AND w.carried_by IS NULL",
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
            f" WHERE w.lane IN (SELECT value FROM json_each(?)) AND {FREE} AND {OWN} AND w.due_at <= ?"
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
            ours = settle(execute, claimed.id, attempt, _LEASED, (owner, claimed.lease_until)) or settle(
                execute, claimed.id, attempt, _LET_GO, (owner, claimed.claimed_at, arrived)
            )
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
            if ours is None or ours[1] is not None:
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
        later = "CASE WHEN status = 'pending' AND due_at > queued_at THEN due_at END"
        names = "run, id, destination, target, status, attempts, error, hint"
        select = f"SELECT receipt, {later}, {names} FROM deliveries WHERE seq BETWEEN ? AND ? ORDER BY seq"
        found = []
        for receipt, at, run, id_, destination, target, status, attempts, error, hint in (
            row for ends in spans(queued) for row in self._rows(select, *ends)
        ):
            place = went(target, told_in(receipt))
            state: StandingDocument = {
                "run": run,
                "id": id_,
                "destination": destination,
                "target": place["target"],
                "status": status,
                "attempts": attempts,
                "error": error,
                "hint": hint,
            }
            if "meant" in place:
                state["meant"] = place["meant"]
            if at is not None:
                state["next_at"] = format_time(at)
            found.append(state)
        return found

    def counts(self, queued: Queued) -> "DeliveryCounts":
        found = no_deliveries()
        status: Status
        select = "SELECT status, count(*) FROM deliveries WHERE seq BETWEEN ? AND ? GROUP BY status"
        for ends in spans(queued):
            for status, count in self._rows(select, *ends):
                found[status] = found.get(status, 0) + count
        return found

    def still_waiting(self, wanted: Wanted) -> dict[str, int]:
        terms, values = filters(wanted)
        where = " AND ".join([f"w.status {IS_OPEN}", *terms])
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
            f" WHERE w.status {WAITS} AND ({OWN}"
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
        where = " AND ".join([FREE, *terms])
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
