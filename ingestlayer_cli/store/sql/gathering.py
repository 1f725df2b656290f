"""Deliveries that one message says together."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress

from ...system.clock import HOUR
from ...system.typed import Any, Directions
from ..contract.accepting import Queued
from ..contract.sending import AT_ONCE, RUN, Attempt, Claimed, Gathered
from .base import Base
from .doubts import settle_where
from .names import WAITS
from .outbox import HELD_BACK, told_in
from .queued import spans
from .wanted import before_in_thread

NEVER = 253_402_300_799_000  # the end of the year 9999: what another message says is not sent itself

_IDLE = f"carried_by IS NULL AND lease_until IS NULL AND status {WAITS}"

# By the index of what waits to be one.
_OF_RUNS = f"digest >= '{RUN}' AND digest < '{RUN[:-1]}0' AND status {WAITS}"

# What is due beside a claimed delivery to its target: what goes into a thread that is there is not in the channel, and
# behind what is held up in one it waits. Values: the claimed one's id, twice, the time, the id, the time.
_BESIDE = (
    f"d.lane = (SELECT lane FROM deliveries WHERE id = ?) AND d.id <> ? AND d.status {WAITS}"
    " AND d.carried_by IS NULL AND d.lease_until IS NULL AND d.due_at <= ?"
    f" AND coalesce(d.directions, '') NOT LIKE '%\"{AT_ONCE}\":%'"
    " AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.seq = d.thread AND t.ts IS NOT NULL)"
    f" AND NOT EXISTS ({before_in_thread('d')} AND p.id <> ?"
    " AND (p.status = 'unknown' OR p.lease_until IS NOT NULL OR p.due_at > ?))"
)


class SqlGathering:
    """See `contract.roles.outbox.StoredGathering`."""

    def __init__(self, store: Base) -> None:
        self._store = store
        self._rows = store.rows

    def gather(self, claimed: Claimed, now: int, most: int) -> list[Gathered]:
        rows = self._rows(
            "SELECT d.id, e.id, d.directions FROM deliveries d JOIN events e ON e.seq = d.event WHERE d.digest ="
            f" (SELECT digest FROM deliveries WHERE id = ?) AND d.id <> ? AND d.status {WAITS}"
            " AND d.carried_by IS NULL AND d.lease_until IS NULL AND d.due_at <= ? ORDER BY d.seq LIMIT ?",
            *(claimed.id, claimed.id, now, most),
        )
        return [Gathered(id_, event, told_in(directions) or {}) for id_, event, directions in rows]

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
        return [at for at, receipt in rows if "thread_ts" not in (told_in(receipt) or {})]

    def beside(self, claimed: Claimed, now: int, most: int, shown: int) -> list[Gathered]:
        rows = self._rows(
            "SELECT d.id, e.id, d.directions, CASE WHEN row_number() OVER (ORDER BY d.seq) <= ? THEN d.body END"
            f" FROM deliveries d JOIN events e ON e.seq = d.event WHERE {_BESIDE} ORDER BY d.seq LIMIT ?",
            *(shown, *_beside(claimed, now), most),
        )
        return [Gathered(id_, event, told_in(directions) or {}, body) for id_, event, directions, body in rows]

    def hold_back(self, claimed: Claimed, now: int, until: int, why: str) -> None:
        with self._store.transaction() as transaction:
            execute = transaction.connection.execute
            execute(f"UPDATE deliveries AS d SET digest = {HELD_BACK} WHERE id = ?", (claimed.id,))
            execute(
                f"UPDATE deliveries AS d SET digest = {HELD_BACK}, due_at = ?, status = 'pending', error = ?,"
                f" hint = NULL WHERE {_BESIDE}",
                (until, why, *_beside(claimed, now)),
            )

    def carry(self, claimed: Claimed, ids: Sequence[str], body: str, directions: Directions, owner: str) -> bool:
        with suppress(_TakenError), self._store.transaction() as transaction:
            done = transaction.connection.executemany(
                f"UPDATE deliveries SET carried_by = ?, due_at = ? WHERE id = ? AND {_IDLE}",
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

    def release(self, queued: Queued, now: int, until: int) -> None:
        held = f"{_OF_RUNS} AND due_at > ? AND due_at <= ? AND carried_by IS NULL"
        if not queued or not self._rows(f"SELECT 1 FROM deliveries WHERE {held} LIMIT 1", now, until):
            return
        with self._store.transaction() as transaction:
            transaction.connection.executemany(
                f"UPDATE deliveries SET due_at = ? WHERE {held} AND seq BETWEEN ? AND ?",
                [(now, now, until, *ends) for ends in spans(queued)],
            )

    def let_go(self, is_gone: Callable[[str], bool], now: int) -> int:
        rows = self._rows(
            f"SELECT id, directions FROM deliveries WHERE {_OF_RUNS} AND due_at > ? AND carried_by IS NULL", now
        )
        holders = {id_: (told_in(directions) or {}).get("digest", {}).get("held_by") for id_, directions in rows}
        gone = {holder for holder in set(holders.values()) if holder is not None and is_gone(holder)}
        ids = [id_ for id_, holder in holders.items() if holder in gone]
        if ids:
            with self._store.transaction() as transaction:
                transaction.connection.executemany(
                    f"UPDATE deliveries SET due_at = ? WHERE id = ? AND {_IDLE}", [(now, id_) for id_ in ids]
                )
        return len(ids)

    def drop(self, row: Gathered, attempt: Attempt, owner: str) -> bool:
        return settle_where(self._store, _IDLE, (), row.id, attempt, owner)


def _beside(claimed: Claimed, now: int) -> tuple[Any, ...]:
    """Return the values of `_BESIDE`."""
    return claimed.id, claimed.id, now, claimed.id, now


class _TakenError(Exception):
    """Something was taken up by another process."""
