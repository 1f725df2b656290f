"""The first message of a thread, which a later one edits."""

import json

from ...system.typed import Any

# What the first message of the thread of a delivery `d` says, while `d` would be the first to edit it; and whether this
# or another that died has been tried before.
_OPENING = (
    "SELECT f.id, f.body, EXISTS (SELECT 1 FROM attempts a WHERE a.delivery = d.seq) OR EXISTS"
    " (SELECT 1 FROM deliveries p WHERE p.status = 'dead' AND p.status <> 'delivered' AND p.thread = t.seq),"
    " f.receipt, t.ts FROM deliveries d JOIN threads t ON t.seq = d.thread JOIN deliveries f ON f.seq = t.newest"
    " WHERE d.seq = ?"
)


def opening_of(execute: Any, seq: int) -> tuple[str, str, bool] | None:
    """Return what a delivery would be the first to edit: see `_OPENING`."""
    row = execute(_OPENING, (seq,)).fetchone()
    if row is None:
        return None
    id_, body, is_tried, receipt, ts = row
    return (id_, body, bool(is_tried)) if json.loads(receipt or "{}").get("ts") == ts else None
