"""Upkeep of the store: what it holds, forgetting what is old, giving space back."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ...system.clock import Clock, format_time
from ...system.typed import TYPE_CHECKING, Any
from ..contract.reading import Looked, Recent, Totals
from .base import Base
from .names import IS_OPEN

if TYPE_CHECKING:
    from ...model.documents.projects import StoredDocument
    from .link import Link

CHUNK = 5_000  # rows that are looked for at once
FEW = 50  # rows between two looks at the clock
BUSY = 10  # milliseconds that a transaction holds the store for, its commit aside
# Milliseconds that it then leaves the store to others for. SQLite's locks know no queue: who waits tries again after
# 1, 2, 5, 10, 15, 20, 25, 25, 25 ms (`sqliteDefaultBusyCallback` in https://sqlite.org/src/file/src/main.c), so that
# a pause that is as long as the longest of these is met by everyone who has waited for one transaction.
PAUSE = 25
TABLES = (
    *("events", "runs", "unfinished", "deliveries", "attempts", "threads", "memory", "states", "entities", "people"),
    *("dead_letters", "pipeline_versions"),
)
_OPEN = f"status <> 'delivered' AND status {IS_OPEN}"  # by the index of those


class SqlUpkeep:
    """See `contract.roles.upkeep.Upkeep`: what all engines do alike."""

    def __init__(self, store: Base) -> None:
        self._store = store

    def held(self) -> "StoredDocument":
        """Return what `info` tells of the rows: counts, and the oldest that waits."""
        rows = self._store.rows
        oldest = self._one(f"SELECT min(queued_at) FROM deliveries WHERE {_OPEN}")
        return {
            "rows": {table: rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES},
            "deliveries": dict(rows("SELECT status, count(*) FROM deliveries GROUP BY status")),
            "oldest_waiting": None if oldest is None else format_time(oldest),
        }

    def recent(self, since: int) -> Recent:
        accepted, repeated, unmatched = self._store.rows(
            "SELECT count(*), coalesce(sum(CASE WHEN e.duplicates > 0 THEN 1 ELSE 0 END), 0),"
            " coalesce(sum(CASE WHEN EXISTS (SELECT 1 FROM runs r WHERE r.event = e.seq) THEN 0 ELSE 1 END), 0)"
            " FROM events e WHERE e.received_at >= ?",
            since,
        )[0]
        refused, first, last = self._store.rows(
            "SELECT count(*), min(at), max(seq) FROM dead_letters WHERE at >= ?", since
        )[0]
        words = self._store.rows("SELECT message FROM dead_letters WHERE seq = ?", last) if refused else []
        return Recent(
            accepted=accepted,
            repeated=repeated,
            unmatched=unmatched,
            refused=refused,
            refused_since=first,
            refusal=words[0][0] if words else None,
        )

    def totals(self) -> Totals:
        rows = self._store.rows
        # Each by an index that has all that is asked for.
        runs = rows(
            "SELECT v.pipeline, g.outcome, CAST(sum(g.runs) AS BIGINT) FROM pipeline_versions v"
            " JOIN (SELECT version, outcome, count(*) runs FROM runs GROUP BY 1, 2) g ON g.version = v.seq"
            " GROUP BY 1, 2"
        )
        in_lanes = dict(_by_lane(rows("SELECT lane, status, count(*) FROM deliveries GROUP BY 1, 2")))
        superseded = rows(
            "SELECT lane, status, count(*) FROM deliveries"
            " WHERE status <> 'delivered' AND superseded_by IS NOT NULL GROUP BY 1, 2"
        )
        for place, count in _by_lane(superseded):
            in_lanes[place] -= count
        lanes = dict(rows("SELECT seq, name FROM lanes"))
        return Totals(
            dict(rows("SELECT type, count(*) FROM events GROUP BY type")),
            {(pipeline, outcome): count for pipeline, outcome, count in runs},
            {(*_parts(lanes[lane]), status): count for (lane, status), count in in_lanes.items() if count},
            self._one("SELECT accepted_at FROM events ORDER BY seq DESC LIMIT 1"),
            self._one("SELECT at FROM dead_letters ORDER BY seq DESC LIMIT 1"),
            self._one(f"SELECT min(queued_at) FROM deliveries WHERE {_OPEN}"),
            self._one(f"SELECT min(due_at) FROM deliveries WHERE {_OPEN} AND status <> 'unknown'"),
        )

    def _one(self, sql: str) -> Any:
        found = self._store.rows(sql)
        return found[0][0] if found else None

    def latest(self) -> int | None:
        # Of each the last ones alone: they are in the order of their writing, and there may be millions.
        newest = f"FROM deliveries ORDER BY seq DESC LIMIT {FEW}"
        found = self._store.rows(
            "SELECT max(at), (SELECT max(seq) FROM events) FROM ("
            f"SELECT max(accepted_at, coalesce(last_duplicate_at, 0)) AS at FROM"
            f" (SELECT accepted_at, last_duplicate_at FROM events ORDER BY seq DESC LIMIT {FEW})"
            " UNION ALL SELECT first_used FROM pipeline_versions"
            f" UNION ALL SELECT at FROM (SELECT at FROM dead_letters ORDER BY seq DESC LIMIT {FEW})"
            f" UNION ALL SELECT queued_at FROM (SELECT queued_at {newest})"
            f" UNION ALL SELECT at + took FROM attempts WHERE delivery IN (SELECT seq {newest}))"
        )
        at, event = found[0]
        return None if event is None else int(at)

    def count_after(self, at: int) -> int:
        return int(self._store.rows("SELECT count(*) FROM events WHERE received_at > ?", at)[0][0])

    def prune(
        self,
        clock: Clock,
        before: int,
        memory_before: int,
        progress: Looked | None = None,
        forever: Sequence[str] = (),
    ) -> int:
        """Forget in many short transactions, which take turns with those of others."""
        turns = _Turns(self._store, clock)
        removed = last = 0
        while rows := self._store.rows(
            "SELECT seq FROM events WHERE seq > ? AND accepted_at < ? ORDER BY seq LIMIT ?", last, before, CHUNK
        ):
            last = rows[-1][0]
            removed += turns.take(rows, partial(_forget, before=before))
            if progress is not None:
                progress(removed)
        _forget_memory(turns, memory_before, forever)
        _forget_states(turns, memory_before, forever)
        _forget_threads(turns, memory_before)
        _forget_rows(turns, "dead_letters", "seq", (0,), before)
        _forget_rows(turns, "people", "workspace, email", ("", ""), before)
        _forget_rates(turns)
        _forget_given(turns)
        return removed


def _by_lane(rows: list[Any]) -> Iterator[tuple[tuple[int, str], int]]:
    """Yield the place of a count, lane and status, and the count."""
    for lane, status, count in rows:
        yield (lane, status), count


def _parts(lane: str) -> tuple[str, str]:
    """Return the destination and the target that a lane is named after."""
    destination, _, target = lane.partition(" ")
    return destination, target


class _Turns:
    """Write transactions that take turns with those of other processes: what is to go is looked for outside them."""

    def __init__(self, store: Base, clock: Clock) -> None:
        self.store = store
        self._clock = clock
        self._first = True

    def take(self, rows: list[Any], forget: "Callable[[Link, list[Any]], int]") -> int:
        """Forget rows, in as many transactions as it takes; return the sum of what `forget` returned."""
        removed = start = 0
        while start < len(rows):
            if not self._first:
                self._clock.sleep(PAUSE)
            self._first = False
            with self.store.alone() as transaction:
                ends = self._clock.steady() + BUSY
                while start < len(rows):
                    few = rows[start : start + FEW]
                    removed += forget(transaction.connection, few)
                    start += len(few)
                    if self._clock.steady() >= ends:
                        break
        return removed

    def delete(self, sql: str, rows: list[Any]) -> None:
        """Run a statement that deletes one row, for each."""
        self.take(rows, lambda connection, few: connection.executemany(sql, few).rowcount)


def _forget_memory(turns: _Turns, before: int, forever: Sequence[str]) -> None:
    scope, key, at = "", "", -(1 << 62)
    while rows := turns.store.rows(
        "SELECT scope, key, at, at < ? AND NOT EXISTS (SELECT 1 FROM events WHERE id = event_id) FROM memory"
        " WHERE (scope, key, at) > (?, ?, ?) ORDER BY scope, key, at LIMIT ?",
        *(before, scope, key, at, CHUNK),
    ):
        scope, key, at, _ = rows[-1]
        # An event that came meanwhile may have left the same again.
        turns.delete(
            "DELETE FROM memory WHERE scope = ? AND key = ? AND at = ?"
            " AND NOT EXISTS (SELECT 1 FROM events WHERE id = event_id)",
            [row[:3] for row in rows if row[3] and row[0] not in forever],
        )


def _forget_states(turns: _Turns, before: int, forever: Sequence[str]) -> None:
    scope, key = "", ""
    while rows := turns.store.rows(
        "SELECT scope, key, at < ? AND NOT EXISTS (SELECT 1 FROM events WHERE id = event_id) FROM states"
        " WHERE (scope, key) > (?, ?) ORDER BY scope, key LIMIT ?",
        *(before, scope, key, CHUNK),
    ):
        scope, key, _ = rows[-1]
        # An event that came meanwhile may have left another.
        turns.delete(
            "DELETE FROM states WHERE scope = ? AND key = ? AND at < ?"
            " AND NOT EXISTS (SELECT 1 FROM events WHERE id = event_id)",
            [(*row[:2], before) for row in rows if row[2] and row[0] not in forever],
        )


def _forget_threads(turns: _Turns, before: int) -> None:
    """Forget the threads that began before a time and of whose messages none is left."""
    old = {seq for (seq,) in turns.store.rows("SELECT seq FROM threads WHERE opened_at < ?", before)}
    if old:
        held = turns.store.rows("SELECT DISTINCT thread FROM deliveries WHERE thread IS NOT NULL")
        old -= {seq for (seq,) in held}
    # A message that came meanwhile may hang on it; by the index of those that are not settled.
    turns.delete(
        "DELETE FROM threads WHERE seq = ? AND NOT EXISTS (SELECT 1 FROM deliveries d"
        " WHERE d.thread = threads.seq AND d.thread IS NOT NULL"
        f" AND d.status {IS_OPEN})",
        [(seq,) for seq in sorted(old)],
    )


def _forget_rates(turns: _Turns) -> None:
    """Forget the rates of what is sent."""
    held = "SELECT 1 FROM deliveries d WHERE d.rate = rates.seq AND d.status <> 'delivered'"
    # A replay that goes on meanwhile may queue more.
    turns.delete(
        f"DELETE FROM rates WHERE seq = ? AND NOT EXISTS ({held})",
        turns.store.rows(f"SELECT seq FROM rates WHERE NOT EXISTS ({held})"),
    )


def _forget_given(turns: _Turns) -> None:
    """Forget what no run was given that is still there."""
    newest = turns.store.rows("SELECT coalesce(max(seq), 0) FROM events")[0][0]
    # A run that came meanwhile may have been given it; one that is run again is of an older event, and waits.
    rows = turns.store.rows("SELECT seq FROM given WHERE seq NOT IN (SELECT given FROM runs WHERE given IS NOT NULL)")
    turns.delete(
        "DELETE FROM given WHERE seq = ? AND NOT EXISTS"
        " (SELECT 1 FROM runs r WHERE r.event > ? AND r.given = given.seq)",
        [(seq, newest) for (seq,) in rows],
    )


def _forget_rows(turns: _Turns, table: str, keys: str, first: tuple[Any, ...], before: int) -> None:
    """Forget what a table has from before a time; it has nothing that other rows hang on. `first` is before any key."""
    marks, last = ", ".join("?" * len(first)), first
    while rows := turns.store.rows(
        f"SELECT {keys} FROM {table} WHERE ({keys}) > ({marks}) AND at < ? ORDER BY {keys} LIMIT ?",
        *(*last, before, CHUNK),
    ):
        last = rows[-1]
        # It may have been written anew meanwhile.
        turns.delete(
            f"DELETE FROM {table} WHERE ({keys}) = ({marks}) AND at < ?",
            [(*row, before) for row in rows],
        )


def _forget(connection: "Link", rows: list[tuple[int]], before: int) -> int:
    """Delete the settled events of a span of numbers, the first and the last of `rows`."""
    execute = connection.execute
    going = execute(
        "SELECT seq FROM events e WHERE seq BETWEEN ? AND ? AND accepted_at < ? AND NOT EXISTS"
        f" (SELECT 1 FROM deliveries d WHERE d.event = e.seq AND d.status {IS_OPEN})"
        " AND NOT EXISTS (SELECT 1 FROM unfinished u WHERE u.event = e.seq)",
        (*rows[0], *rows[-1], before),
    ).fetchall()
    listed = (json.dumps([seq for (seq,) in going]),)
    these = "IN (SELECT value FROM json_each(?))"
    execute(f"DELETE FROM attempts WHERE delivery IN (SELECT d.seq FROM deliveries d WHERE d.event {these})", listed)
    execute(f"DELETE FROM deliveries WHERE event {these}", listed)
    execute(f"DELETE FROM runs WHERE event {these}", listed)
    return execute(f"DELETE FROM events WHERE seq {these}", listed).rowcount
