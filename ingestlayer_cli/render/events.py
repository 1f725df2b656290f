"""Stored events as lines of a table that fits its place. Plain text: a list is asked for often."""

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..system.clock import format_time
from ..system.console import safe
from ..system.typed import Payload

if TYPE_CHECKING:
    from ..model.events import Event
    from ..store.contract.reading import Outcome

_MARKS = {
    "delivered": "✓",
    "shown": "✓",
    "dead": "✗",
    "unknown": "?",
    "pending": "…",
    "retrying": "…",
    "failed": "✗",
    "dropped": "–",
}
MOST_TYPE = 24
MOST_WHO = 18
MOST_OUTCOMES = 28
LEAST = 8  # columns that are worth a key or fields


def width() -> int | None:
    """Return how wide a line may be; None where nobody looks at it: in a pipe."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns):
        return int(columns)
    return os.get_terminal_size().columns if sys.stdout.isatty() else None


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, most: int | None) -> str:
    """Return a text in one line of at most so many columns, cut visibly."""
    if most is not None and len(text) > 4 * most:
        text = text[: 4 * most]  # a payload may be of a million characters
    text = safe(" ".join(text.split()))
    if most is None or cells(text) <= most:
        return text
    text = text[: max(most, 0) + 1]
    while text and cells(text) >= most:
        text = text[:-1]
    return text.rstrip() + "…" if most > 0 else ""


def moment(at: int, now: int) -> str:
    """Return a time (UTC) as short as it is clear: today's hour, this year's day, or the day."""
    text, today = format_time(at), format_time(now)
    if text[:10] == today[:10]:
        return f"{text[11:19]}   "
    return f"{text[5:10]} {text[11:16]}" if text[:4] == today[:4] else f"{text[:10]} "


def fields(payload: Payload) -> str:
    """Return a payload in one line: `customer_id acme, used 10250`."""
    return ", ".join(f"{name} {shown(value)}" for name, value in payload.items())


def shown(value: object) -> str:
    """Show a value as people write it; lists and objects as JSON."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def told(outcomes: "list[Outcome]") -> str:
    """Return what became of an event: `✓ #alerts, … #growth retrying, – limits: filter`."""
    if not outcomes:
        return "– no pipeline"
    parts = []
    for item in outcomes:
        if not item.target:
            parts.append(f"{_MARKS.get(item.status, '?')} {item.pipeline} {item.reason or item.status}")
        else:
            state = "" if item.status == "delivered" else f" {item.status}"
            parts.append(f"{_MARKS.get(item.status, '?')} {item.target}{state}")
    return ", ".join(parts)


def table(rows: "list[tuple[str, Event, str, list[Outcome]]]", now: int, wide: int | None) -> list[str]:
    """Return a line for each (id, event, who, outcomes), its columns aligned, none wider than the place."""
    if wide is None:
        return [
            "  ".join(
                [
                    id_,
                    format_time(event.received_at),
                    event.type,
                    cut(told(outcomes), None),
                    event.key or cut(who, None),
                ]
            ).rstrip()
            for id_, event, who, outcomes in rows
        ]
    cells_of = [
        (
            id_,
            moment(event.received_at, now),
            cut(who, MOST_WHO),
            cut(event.type, MOST_TYPE),
            cut(told(outcomes), MOST_OUTCOMES),
            cut(event.key or fields(event.payload), wide),
        )
        for id_, event, who, outcomes in rows
    ]
    return columns(cells_of, wide, (2, 3))


def columns(rows: Sequence[tuple[str, ...]], wide: int, narrow: tuple[int, ...]) -> list[str]:
    """Return rows of texts as lines, their columns aligned, none wider than the place.

    Where that is small, the columns `narrow` have less of it in turn, so that there is some for the one after them.
    """
    sizes = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    ends = max(narrow) + 2  # of the columns that are to be seen
    for column in reversed(narrow):
        over = sum(size + 2 for size in sizes[:ends]) - 2 - wide
        sizes[column] -= min(max(over, 0), max(sizes[column] - LEAST, 0))
    lines = []
    for row in rows:
        line = ""
        for text, size in zip(row, sizes, strict=True):
            room = wide - cells(line)
            if room < LEAST and line:
                break
            if size:
                text = cut(text, min(size, room))
                line += text + " " * (size - cells(text) + 2)
        lines.append(cut_end(line.rstrip(), wide))
    return lines


def cut_end(line: str, wide: int) -> str:
    """Return a line of a table that is too wide, cut; its columns stay where they are."""
    line = safe(line)
    if cells(line) <= wide:
        return line
    while cells(line) >= wide:
        line = line[:-1]
    return line.rstrip() + "…"
