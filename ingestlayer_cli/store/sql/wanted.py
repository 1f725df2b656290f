"""Which of what waits is wanted, and may go: as SQL, with its values."""

import json

from ...system.clock import HOUR
from ...system.typed import Any
from ..contract.accepting import Queued
from ..contract.sending import Wanted
from .names import IS_OPEN, WAITS
from .queued import lanes, spans

FREE = f"w.status {WAITS} AND w.lease_until IS NULL"
WAIT_IN_LANE = "FROM deliveries w INDEXED BY deliveries_waiting WHERE w.lane = l.seq"


def before_in_thread(of: str) -> str:
    """Return SQL for what a message of a thread waits for, by the name of its row.

    The first one's place must be known, and an older update must not come after a newer one.
    """
    return (
        "SELECT 1 FROM deliveries p INDEXED BY deliveries_in_thread"
        f" WHERE p.thread = {of}.thread AND p.thread IS NOT NULL AND p.seq < {of}.seq AND p.status {IS_OPEN}"
    )


BEFORE_IN_THREAD = before_in_thread("w")
_FIRST_IN_THREAD = f"(w.thread IS NULL OR NOT EXISTS ({BEFORE_IN_THREAD}))"
# The same for a sender that waits: what is in some process's hand is no obstacle for long, while its lease runs.
_SOON_FIRST_IN_THREAD = f"(w.thread IS NULL OR NOT EXISTS ({BEFORE_IN_THREAD} AND coalesce(p.lease_until, 0) <= ?))"

NOT_WITHOUT = (
    "NOT EXISTS (SELECT 1 FROM json_each(?) WHERE value ->> 0 = w.destination AND value ->> 1 IN ('', w.target))"
)

# A batch has a span of numbers for each of its transactions: more than there may be terms in an expression.
OWN = (
    "w.seq BETWEEN ? AND ? AND EXISTS (SELECT 1 FROM json_each(?)"
    " WHERE w.seq BETWEEN CAST(value ->> 0 AS BIGINT) AND CAST(value ->> 1 AS BIGINT))"
)

# When a delivery `w` may be sent for its rate's sake; of the values, of `of_rate`, the last is when to look again at
# one that is in hand. What no pace and no lease explains was written by a clock that was ahead.
RATE_FREE_AT = (
    "coalesce((SELECT max(CASE WHEN r.free_at > ? + r.pace THEN 0 ELSE r.free_at END,"
    f" CASE WHEN r.busy_until > ? AND r.busy_until <= ? + {HOUR} THEN ? ELSE 0 END)"
    " FROM rates r WHERE r.seq = w.rate), 0)"
)

# How the first of a lane stands beside it.
_FIRST = "JOIN deliveries d ON d.seq = ({first})"


def first_due(wanted: Wanted, now: int, of_lane: str = "", beside: str = _FIRST) -> tuple[str, list[Any]]:
    """Return SQL for the first of what is due to a target that is free, and its lane; and its values."""
    condition, values = fits(wanted)
    of_lanes, own = in_lanes(wanted)
    first = (
        f"SELECT w.seq {WAIT_IN_LANE} AND {condition} AND w.due_at <= ?"
        f" AND (w.rate IS NULL OR {RATE_FREE_AT} <= ?) ORDER BY w.seq LIMIT 1"
    )
    sql = (
        f"SELECT d.seq, l.seq FROM lanes l {beside.format(first=first)}"
        f" WHERE l.free_at <= ? AND coalesce(l.busy_until, 0) <= ?{of_lanes}{of_lane} ORDER BY d.seq LIMIT 1"
    )
    return sql, [*values, now, *of_rate(now, now + 1), now, now, now, *own]


def fits(wanted: Wanted, soon: int | None = None) -> tuple[str, list[Any]]:
    """Return SQL over a waiting delivery `w`, and its values; `soon`: now, for one that may wait a little."""
    terms, values = filters(wanted)
    if soon is None:
        terms.append(_FIRST_IN_THREAD)
    else:
        terms.append(_SOON_FIRST_IN_THREAD)
        values.append(soon)
    if wanted.queued is not None:
        own = own_values(wanted.queued)
        if wanted.with_older:
            terms.append("w.seq <= ?")
            values.append(own[1])
        else:
            terms.append(OWN)
            values += own
    return " AND ".join([FREE, *terms]), values


def of_rate(now: int, look: int) -> tuple[int, ...]:
    """Return the values of `RATE_FREE_AT`."""
    return now, now, now, look


def in_lanes(wanted: Wanted) -> tuple[str, list[Any]]:
    """Return SQL over a lane `l`, and its values."""
    if wanted.queued is None:
        return "", []
    return " AND l.seq IN (SELECT value FROM json_each(?))", [lanes_json(wanted.queued)]


def lanes_json(queued: Queued) -> str:
    """Return the lanes that queued deliveries wait in, as JSON."""
    return json.dumps(lanes(queued))


def own_values(queued: Queued) -> list[Any]:
    """Return the values of `OWN`."""
    found = spans(queued)
    first, last = (found[0][0], found[-1][1]) if found else (1, 0)
    return [first, last, json.dumps(found)]


def filters(wanted: Wanted) -> tuple[list[str], list[Any]]:
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
        terms.append(NOT_WITHOUT)
        values.append(json.dumps(wanted.without))
    if wanted.due_by is not None:
        terms.append("w.due_at <= ?")
        values.append(wanted.due_by)
    return terms, values
