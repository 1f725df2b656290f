"""Upkeep of the store: what it holds, forgetting what is old, giving space back."""

import os
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from ..clock import format_time
from . import Store, errors
from .schema import VERSION

CHUNK = 500  # events a transaction: an emitter never waits long for one
TABLES = (
    *("events", "runs", "deliveries", "attempts", "threads", "memory", "states", "entities", "people"),
    *("dead_letters", "pipeline_versions"),
)


def info(store: Store) -> dict[str, Any]:
    """Return counts, sizes in bytes, the oldest that waits, the schema's version and SQLite's own check."""
    statuses = dict(store.select("SELECT status, count(*) FROM deliveries GROUP BY status"))
    oldest = store.select(
        "SELECT min(queued_at) FROM deliveries WHERE status <> 'delivered'"
        " AND status IN ('pending', 'retrying', 'unknown')"
    )[0][0]
    pages, size, free = (store.select(f"PRAGMA {name}")[0][0] for name in ("page_count", "page_size", "freelist_count"))
    check = [row[0] for row in store.select("PRAGMA integrity_check(10)")]
    wal = f"{store.path}-wal"
    return {
        "path": store.path,
        "schema_version": VERSION,
        "bytes": pages * size,
        "free_bytes": free * size,
        "wal_bytes": os.path.getsize(wal) if os.path.exists(wal) else 0,
        "rows": {table: store.select(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES},
        "deliveries": statuses,
        "oldest_waiting": None if oldest is None else format_time(oldest),
        "integrity": "ok" if check == ["ok"] else check,
    }


def prune(
    store: Store,
    before: int,
    memory_before: int,
    progress: Callable[[int], None] | None = None,
    forever: Sequence[str] = (),
) -> int:
    """Forget events accepted before a time, with all that hangs on them; return how many.

    What is not settled stays, with its event; so do what steps remember and threads of the events that stay, or since
    `memory_before`. States of a scope that is `forever` and what is known of entities are never forgotten. Many
    short transactions: emitters go on meanwhile.
    """
    removed = last = 0
    while True:
        rows = store.select(
            "SELECT seq FROM events WHERE seq > ? AND accepted_at < ? ORDER BY seq LIMIT ?", last, before, CHUNK
        )
        if not rows:
            break
        first, last = rows[0][0], rows[-1][0]
        with store.transaction() as transaction:
            removed += _forget(transaction.connection, first, last, before)
        if progress is not None:
            progress(removed)
    _forget_memory(store, memory_before)
    _forget_states(store, memory_before, forever)
    _forget_threads(store, memory_before)
    _forget_rows(store, "dead_letters", "seq", before)
    _forget_rows(store, "people", "email", before)
    return removed


def _forget_memory(store: Store, before: int) -> None:
    scope, key, at = "", "", -(1 << 62)
    while rows := store.select(
        "SELECT scope, key, at, at < ? AND NOT EXISTS (SELECT 1 FROM events WHERE id = event_id) FROM memory"
        " WHERE (scope, key, at) > (?, ?, ?) ORDER BY scope, key, at LIMIT ?",
        *(before, scope, key, at, 10 * CHUNK),
    ):
        scope, key, at, _ = rows[-1]
        if going := [row[:3] for row in rows if row[3]]:
            with store.transaction() as transaction:
                # An event that came meanwhile may have left the same again.
                transaction.connection.executemany(
                    "DELETE FROM memory WHERE scope = ? AND key = ? AND at = ?"
                    " AND NOT EXISTS (SELECT 1 FROM events WHERE id = event_id)",
                    going,
                )


def _forget_states(store: Store, before: int, forever: Sequence[str]) -> None:
    scope, key = "", ""
    while rows := store.select(
        "SELECT scope, key, at < ? AND NOT EXISTS (SELECT 1 FROM events WHERE id = event_id) FROM states"
        " WHERE (scope, key) > (?, ?) ORDER BY scope, key LIMIT ?",
        *(before, scope, key, 10 * CHUNK),
    ):
        scope, key, _ = rows[-1]
        if going := [(*row[:2], before) for row in rows if row[2] and row[0] not in forever]:
            with store.transaction() as transaction:
                # An event that came meanwhile may have left another.
                transaction.connection.executemany(
                    "DELETE FROM states WHERE scope = ? AND key = ? AND at < ?"
                    " AND NOT EXISTS (SELECT 1 FROM events WHERE id = event_id)",
                    going,
                )


def _forget_threads(store: Store, before: int) -> None:
    """Forget the threads that began before a time and of whose messages none is left."""
    old = {seq for (seq,) in store.select("SELECT seq FROM threads WHERE opened_at < ?", before)}
    if old:
        old -= {seq for (seq,) in store.select("SELECT DISTINCT thread FROM deliveries WHERE thread IS NOT NULL")}
    going = sorted(old)
    for start in range(0, len(going), CHUNK):
        with store.transaction() as transaction:
            # A message that came meanwhile may hang on it; by the index of those that are not settled.
            transaction.connection.executemany(
                "DELETE FROM threads WHERE seq = ? AND NOT EXISTS (SELECT 1 FROM deliveries d"
                " WHERE d.thread = threads.seq AND d.thread IS NOT NULL"
                " AND d.status IN ('pending', 'retrying', 'unknown'))",
                [(seq,) for seq in going[start : start + CHUNK]],
            )


def _forget_rows(store: Store, table: str, key: str, before: int) -> None:
    """Forget what a table has from before a time; it has nothing that other rows hang on."""
    count = CHUNK
    while count == CHUNK:
        with store.transaction() as transaction:
            count = transaction.connection.execute(
                f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE at < ? LIMIT ?)", (before, CHUNK)
            ).rowcount


def _forget(connection: sqlite3.Connection, first: int, last: int, before: int) -> int:
    """Delete the settled events of a span of numbers."""
    execute = connection.execute
    execute("CREATE TEMP TABLE IF NOT EXISTS going (seq INTEGER PRIMARY KEY)")
    execute("DELETE FROM going")
    execute(
        "INSERT INTO going SELECT seq FROM events e WHERE seq BETWEEN ? AND ? AND accepted_at < ? AND NOT EXISTS"
        " (SELECT 1 FROM deliveries d WHERE d.event = e.seq AND d.status IN ('pending', 'retrying', 'unknown'))",
        (first, last, before),
    )
    execute("DELETE FROM attempts WHERE delivery IN (SELECT d.seq FROM deliveries d JOIN going g ON d.event = g.seq)")
    execute("DELETE FROM deliveries WHERE event IN (SELECT seq FROM going)")
    execute("DELETE FROM runs WHERE event IN (SELECT seq FROM going)")
    return execute("DELETE FROM events WHERE seq IN (SELECT seq FROM going)").rowcount


def vacuum(store: Store) -> tuple[int, int]:
    """Give free space back to the disk; return the sizes in bytes before and after. Writers wait meanwhile."""
    before = os.path.getsize(store.path)
    with errors(store.path):
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.connection.execute("VACUUM")
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, os.path.getsize(store.path)
