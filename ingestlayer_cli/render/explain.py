"""Topics of the reference, on a terminal and as Markdown. Our own texts, printed as they are written."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from ..model.documents.reference import TopicDocument, TopicKind
from .events import width
from .page import drawn as page
from .wrapping import WIDEST, Line

Topics = Mapping[str, TopicDocument]  # all that there are, by their names: what is below one is found there

# What the names of a kind begin with, and need not when one is asked for.
_STARTS: dict[TopicKind, str] = {
    "step": "steps.",
    "destination": "destinations.",
    "filter": "filters.",
    "exit": "exit.",
    "error": "error.",
    "word": "word.",
}
_PAGES: tuple[TopicKind, ...] = ("page", "section")  # of Markdown
_TIED = "\N{NO-BREAK SPACE}"
_WHOLE: dict[str, Any] = {"break_on_hyphens": False, "break_long_words": False}

HEADINGS: dict[TopicKind, str] = {
    "file": "Files",
    "table": "Tables",
    "key": "Keys",
    "step": "Steps",
    "destination": "Destinations",
    "language": "Expressions and templates",
    "filter": "Filters",
    "status": "Statuses",
    "exit": "Exit codes",
    "error": "Kinds of errors",
    "event": "Events of its own",
    "variable": "Environment variables",
    "word": "Words",
    "page": "Pages",
    "section": "Sections",
}


def overview(topics: Iterable[TopicDocument]) -> Iterator[Line]:
    """Yield the names of all topics but single keys and sections, by their kinds."""
    for kind, heading in HEADINGS.items():
        found = [topic["name"] for topic in topics if topic["kind"] == kind and kind not in ("key", "section")]
        names = [name.removeprefix(_STARTS.get(kind, "")).replace(" ", _TIED) for name in found]
        if names:
            yield heading, "bold"
            for line in textwrap.wrap(
                "  ".join(names), _width(), initial_indent="  ", subsequent_indent="  ", **_WHOLE
            ):
                yield line.replace(_TIED, " "), ""


def listed(rows: Iterable[tuple[str, str]], indent: int = 0) -> Iterator[Line]:
    """Yield names, and beside each what it is."""
    rows = list(rows)
    column = min(max(len(name) for name, _ in rows), _width() // 3)
    for name, words in rows:
        start = f"{' ' * indent}{name:{column}}  "
        after = " " * (indent + column + 2)
        if len(name) > column:
            yield start.rstrip(), ""
            start = after
        for line in textwrap.wrap(words, _width(), initial_indent=start, subsequent_indent=after, **_WHOLE):
            yield line, ""


def whole(topic: TopicDocument, topics: Topics) -> Iterator[Line]:
    """Yield all of a topic."""
    yield topic["title"], "bold"
    yield from page(topic["text"], _width()) if topic["kind"] in _PAGES else _paragraphs(topic["text"])
    below = [topics[name] for name in topic["keys"]]
    if rows := list(_about(topic)) or [(_last(key), _meaning(key) + _brief(key)) for key in below]:
        yield from listed(rows, 2)
        yield "", ""


def _paragraphs(text: str) -> Iterator[Line]:
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("    "):
            yield from ((line, "dim") for line in paragraph.split("\n"))
        else:
            words = " ".join(paragraph.split())
            lines = textwrap.wrap(words, _width(), initial_indent="  ", subsequent_indent="  ", **_WHOLE)
            yield from ((line, "") for line in lines)
        yield "", ""


def markdown(topics: list[TopicDocument], every: Topics) -> Iterator[str]:
    """Yield the lines of a page that has these topics; a key stands below its table, if that is among them."""
    below = {name for topic in topics for name in topic["keys"]}
    for kind, found in groupby((it for it in topics if it["name"] not in below or it["keys"]), _place):
        yield from (f"## {kind}", "")
        for topic in found:
            yield from (f"### `{topic['name']}`", "", topic["text"], "")
            lines = [f"- {name}: `{value}`" for name, value in _about(topic)]
            for name in topic["keys"]:
                key = every[name]
                more = f" `{key['example']}`" if key["example"] else ""
                lines.append(f"- `{_last(key)}`: {_meaning(key)}{_brief(key)}{more}")
            yield from (*lines, "") if lines else ()


def _place(topic: TopicDocument) -> str:
    """Return the heading that a topic stands below; tables and keys stand below their files."""
    return HEADINGS["file" if topic["kind"] in ("table", "key") else topic["kind"]]


def _about(topic: TopicDocument) -> Iterator[tuple[str, str]]:
    if topic["kind"] == "key":
        yield "type", topic["type"] or ""
        yield "default", "none: it must be there" if topic["required"] else _default(topic) or "none"
    if topic["example"]:
        yield "example", topic["example"]


def _meaning(topic: TopicDocument) -> str:
    return topic["text"] if topic["kind"] == "key" else topic["summary"]


def _brief(topic: TopicDocument) -> str:
    """Return what a value is, and which it is without one: ` (text, "x")`."""
    if topic["kind"] != "key":
        return ""
    default = "required" if topic["required"] else _default(topic)
    type_ = re.split(r"(?<!of): ", topic["type"] or "")[0]
    return f" ({'; '.join(filter(None, (type_, default)))})"


def _default(topic: TopicDocument) -> str:
    from ..reference.keys import written

    return "" if topic["default"] is None else written(topic["default"])


def _last(topic: TopicDocument) -> str:
    """Return the name of a topic as it stands in a list of what is below another."""
    return topic["title"] if topic["kind"] == "table" else topic["name"].rpartition(".")[2]


def _width() -> int:
    return max(min(width() or 80, WIDEST), 40)
