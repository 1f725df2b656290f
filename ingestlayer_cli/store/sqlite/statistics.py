"""What the pipelines did lately, counted."""

from typing import Any

from ...system.clock import DAY
from ..contract.reading import UsedVersion
from .connection import Store

DAYS = 7


def versions(store: Store) -> dict[str, list[UsedVersion]]:
    """Return each pipeline's versions, the newest first."""
    found: dict[str, list[UsedVersion]] = {}
    rows = store.select(
        "SELECT pipeline, version, first_used FROM pipeline_versions ORDER BY first_used DESC, seq DESC"
    )
    for pipeline, version, first_used in rows:
        found.setdefault(pipeline, []).append(UsedVersion(version, first_used))
    return found


def outcomes(store: Store, now: int) -> dict[str, list[dict[str, int]]]:
    """Return for each pipeline its runs by outcome on each of the last seven days, the oldest first.

    A day is 24 hours, the last one ends now; an event counts where its `received_at` is. Replays are left out.
    """
    start = now - DAYS * DAY
    rows = store.select(
        "SELECT v.pipeline, r.outcome, (e.received_at - ? - 1) / ?, count(*) FROM events e"
        " JOIN runs r ON r.event = e.seq JOIN pipeline_versions v ON v.seq = r.version"
        " WHERE e.received_at > ? AND e.received_at <= ? AND r.replayed_at IS NULL GROUP BY 1, 2, 3",
        start,
        DAY,
        start,
        now,
    )
    found: dict[str, list[dict[str, int]]] = {}
    for pipeline, outcome, day, count in rows:
        found.setdefault(pipeline, nothing())[day][outcome] += count
    return found


def nothing() -> list[dict[str, Any]]:
    """Return seven days on which nothing happened."""
    return [{"queued": 0, "dropped": 0, "failed": 0} for _ in range(DAYS)]
