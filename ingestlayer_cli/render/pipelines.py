"""Pipelines for a terminal: each with its counts, or one drawn as a tree."""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text
from rich.tree import Tree

from ..system.terminal import clean
from ..system.typed import TomlTable

if TYPE_CHECKING:
    from ..model.documents.events import RunOutcome
    from ..model.documents.pipelines import WholePipelineDocument

_STATUSES = {"active": "green", "paused": "yellow", "draft": "dim", "broken": "red"}
_OUTCOMES: "dict[RunOutcome, str]" = {"queued": "green", "dropped": "dim", "failed": "red"}
_BARS = "▁▂▃▄▅▆▇█"


def listed(rows: "Iterable[WholePipelineDocument]") -> Iterator[RenderableType]:
    """Yield the pipelines of a list, a few lines each."""
    for index, row in enumerate(rows):
        if index:
            yield Text()
        yield _head(row)
        yield from _paused(row)
        yield _indented(_matches(row["match"]))
        yield _indented(Text(_since(row), "dim"))
        yield from _counts(row)


def shown(row: "WholePipelineDocument") -> Iterator[RenderableType]:
    """Yield one pipeline whole."""
    yield _head(row)
    yield from _paused(row)
    if row["description"]:
        yield Text(_one_line(row["description"]), overflow="fold")
    yield Text(_one_line(row["file"]), "dim", overflow="fold")
    yield Text()
    yield _tree(row)
    yield Text()
    yield from _counts(row)
    yield Text()
    yield Text("versions", "bold")
    if not any(version["current"] for version in row["versions"]):
        yield _indented(Text(f"{row['version']}  the file as it is now, not used yet"))
    for version in row["versions"]:
        current = "  the file as it is now" if version["current"] else ""
        yield _indented(Text(f"{version['version']}  first used {_minute(version['first_used'])}{current}"))
    for edit in row.get("edits", ()):
        yield _indented(Text(f"{edit['version']}  an edit that never ran, kept {_minute(edit['kept'])}", "dim"))


def _head(row: "WholePipelineDocument") -> Text:
    return Text.assemble((_one_line(row["name"]), "bold"), "  ", (row["status"], _STATUSES[row["status"]]))


def _paused(row: "WholePipelineDocument") -> Iterator[RenderableType]:
    if (note := row.get("paused")) is not None:
        why = f": {_one_line(note['why'])}" if note["why"] else ""
        yield _indented(Text(f"by {_one_line(note['by'])} at {_minute(note['at'])}{why}", "yellow", overflow="fold"))


def _matches(match: list[str]) -> Text:
    return Text(_one_line(f"matches {', '.join(match) or 'every type'}"), overflow="fold")


def _since(row: "WholePipelineDocument") -> str:
    used = f"since {_minute(row['since'])}" if row["since"] else "not used yet"
    return f"version {row['version']} {used}"


def _minute(time: str) -> str:
    return f"{time[:10]} {time[11:16]} UTC"


def _counts(row: "WholePipelineDocument") -> Iterator[RenderableType]:
    counts = {"24 h": row["last_24h"], " 7 d": row["last_7d"]}
    widths = {name: max(len(f"{count[name]:,}") for count in counts.values()) for name in _OUTCOMES}
    for span, count in counts.items():
        line = Text(span)
        for name, style in _OUTCOMES.items():
            line.append(f"  {count[name]:>{widths[name]},} {name}", style if count[name] else "dim")
        if span == " 7 d":
            line.append(f"   {sparkline([sum(day[name] for name in _OUTCOMES) for day in row['days']])}")
        yield _indented(line)


def sparkline(counts: list[int]) -> str:
    """Draw numbers as bars, the greatest as the highest; nothing at all is a dot."""
    most = max(counts, default=0)
    return "".join(_BARS[(count * len(_BARS) - 1) // most] if count else "·" for count in counts)


def _tree(row: "WholePipelineDocument") -> Tree:
    """Draw match → steps → conditions → destinations, the texts as their author wrote them."""
    tree = Tree(_matches(row["match"]))
    at = tree
    for step in row["steps"]:
        at = at.add(_step(step))
    for destination in row["destinations"]:
        branch = at.add(Text(_one_line(f"when {destination['when']}"))) if "when" in destination else at
        branch.add(_destination(destination))
    if not row["destinations"]:
        at.add(Text("no destination: it posts nothing", "yellow"))
    return tree


def _destination(table: TomlTable) -> Text:
    message = table.get("message") or {}
    said = message.get("title") or message.get("text") or message.get("blocks") if isinstance(message, dict) else ""
    line = Text.assemble((_one_line(str(table["use"])), "bold"), " ", _one_line(_target(table)))
    if table.get("mention"):
        line.append(f"  mentions {_one_line(str(table['mention']))}")
    if said:
        line.append(f"\n{_one_line(str(said))}", "dim")
    return line


def _target(table: TomlTable) -> str:
    """Return where a destination sends to, as its author wrote it; of an address without its query."""
    if "url" in table:
        return str(table["url"]).partition("?")[0]
    return str(table.get("channel", table.get("path", "")))


def _step(table: TomlTable) -> Text:
    """Draw a step: its kind, and its keys a line each."""
    line = Text.assemble((_one_line(str(table["use"])), "bold"))
    for name, value in table.items():
        if name != "use":
            written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            line.append(f"\n{_one_line(name)} {_one_line(written)}", "dim")
    return line


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _indented(line: Text) -> RenderableType:
    return Padding(line, (0, 0, 0, 2), expand=False)
