"""Deliveries as lines of a table that fits its place."""

from typing import TYPE_CHECKING

from ..store.contract.sending import place_of
from ..system.clock import parse_time
from .events import cells, columns, cut, cut_end, moment

if TYPE_CHECKING:
    from ..model.documents.deliveries import ListedDeliveryDocument

MOST_PLACE = 20
WIDE = 140  # columns that have room for all of it in one line


def table(rows: "list[ListedDeliveryDocument]", short: list[str] | None, now: int, wide: int | None) -> list[str]:
    """Return a line for each delivery; where the place is small with a shortened id, and one more for why it waits."""
    if wide is None or short is None:
        return [_whole(row) for row in rows]
    if wide >= WIDE and all(cells(_head(row)) <= wide for row in rows):
        return [cut_end(_whole(row), wide) for row in rows]
    texts = [
        (
            id_,
            moment(parse_time(row["queued_at"], now), now),
            cut(place_of(row), MOST_PLACE),
            f"{row['status']} ({row['attempts']})",
            row["who"],
            row["pipeline"],
            row["title"],
        )
        for id_, row in zip(short, rows, strict=True)
    ]
    lines = []
    for line, row in zip(columns(texts, wide, (4, 5)) if texts else [], rows, strict=True):
        lines.append(line)
        if words := "  ".join(filter(None, [_due(row), row["error"]])):
            lines.append(cut(f"    {words}", wide) if len(words) + 4 > wide else f"    {words}")
    return lines


def _whole(row: "ListedDeliveryDocument") -> str:
    return "  ".join(filter(None, [_head(row), row["pipeline"], cut(row["who"], None), cut(row["title"], None)]))


def _head(row: "ListedDeliveryDocument") -> str:
    parts = [
        row["id"],
        row["queued_at"],
        place_of(row),
        f"{row['status']} ({row['attempts']})",
        _due(row),
        row["error"],
    ]
    return "  ".join(part for part in parts if part)


def _due(row: "ListedDeliveryDocument") -> str:
    if row["in_hand_of"]:
        return f"in hand of {row['in_hand_of']}"
    return f"next {row['next_at']}" if row["next_at"] else ""
