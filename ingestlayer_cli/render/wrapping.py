"""Lines of a story, each (text, style): values are data, and come in one line, safe."""

import textwrap
from collections.abc import Iterator

from ..system.console import safe
from .events import cells, width

Line = tuple[str, str]

WIDEST = 100
LONGEST = 400  # characters of a value
STATES = {
    "delivered": ("✓", "green"),
    "shown": ("✓", "green"),
    "dead": ("✗", "red"),
    "unknown": ("?", "yellow"),
    "retrying": ("…", "yellow"),
    "pending": ("…", "yellow"),
    "dropped": ("–", "dim"),
}


def wrapped(start: str, words: str, style: str = "", indent: int = 0) -> Iterator[Line]:
    """Yield a text in lines that fit, the following ones indented as the first one's text."""
    words = one_line(words[: 4 * LONGEST])
    words = words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"
    most = max(min(width() or 80, WIDEST), 40)
    after = " " * (min(cells(start), most // 2) + indent)
    lines = textwrap.wrap(
        words, most, initial_indent=start, subsequent_indent=after, break_on_hyphens=False, drop_whitespace=True
    )
    for line in lines or [start.rstrip()]:
        yield line, style


def one_line(text: str) -> str:
    return " ".join(safe(text).split())


def times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
