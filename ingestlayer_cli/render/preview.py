"""A preview drawn: the trace of each pipeline, then its messages as they will look."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from ..destinations.base import in_thread
from ..language.expressions import dotted
from ..system.clock import parse_time
from ..system.terminal import clean
from ..system.typed import Values
from ..system.zones import local
from .message import message

if TYPE_CHECKING:
    from ..model.documents.events import EventDocument, PreviewDocument, PreviewedDocument, TracedDocument

LONGEST = 400  # characters of a value
MOST = 20  # values that a step set

_MARKS = {"continue": ("✓", "green"), "drop": ("✗", "yellow"), "error": ("✗", "red")}


def preview(result: "PreviewDocument", timezone: str = "") -> list[RenderableType]:
    """Return what to print for the document of a preview; the clock of its messages is that of a zone, else UTC."""
    event = result["event"]
    head = Text.assemble((clean(event["type"]), "bold"), "  ", (event["received_at"], "dim"))
    drawn: list[RenderableType] = [head]
    if event["payload"]:
        drawn.append(_line(", ".join(f"{name} {_shown(value)}" for name, value in event["payload"].items())))
    if event["idempotency_key"]:
        drawn.append(Text(clean(f"idempotency key {event['idempotency_key']}"), "dim"))
    if not result["runs"]:
        drawn += [Text(), Text("no active pipeline matches this event: nothing would be sent", "yellow")]
    for run in result["runs"]:
        drawn += [Text(), Text(clean(run["pipeline"]), "bold"), _trace(run)]
        for sent in run["messages"]:
            drawn += [Text(), message(sent["destination"], sent["target"], sent["body"], _time(event, timezone))]
    return drawn


def _time(event: "EventDocument", timezone: str) -> str:
    return f"{local(parse_time(event['received_at'], 0), timezone):%H:%M}"


def _trace(run: "PreviewedDocument") -> RenderableType:
    """Draw a line a step and a destination: a mark, its name, and what it had to say."""
    table = Table.grid(padding=(0, 1), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", max_width=30)
    table.add_column(overflow="fold")
    for entry in run["trace"]:
        mark, style = _MARKS[entry["verdict"]]
        words = {"drop": "drops the event: ", "error": "fails: "}.get(entry["verdict"], "")
        table.add_row(Text(mark, style), Text(clean(entry["step"])), Text(clean(words + _note(entry))))
        for ref in _refs(entry["set"]):
            table.add_row("", "", ref)
    for sent in run["messages"]:
        when = f"{sent['when']}  ✓" if sent["when"] else "always"
        table.add_row(Text("✓", "green"), _place(sent["target"]), Text(clean(when)))
        if "thread" in sent:
            table.add_row("", "", _line(in_thread(sent)))
    for skipped in run["skipped"]:
        table.add_row(
            Text("–", "dim"), _place(skipped["target"], "dim"), Text(clean(f"skipped: {skipped['reason']}"), "dim")
        )
    _add_outcome(table, run)
    return Trimmed(Padding(table, (0, 0, 0, 2), expand=False))


class Trimmed:
    """Something without the blanks at its lines' ends: previews are pasted into issues and chats."""

    def __init__(self, inside: RenderableType) -> None:
        self.inside = inside

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self.inside, options, pad=False):
            while line and not line[-1].text.strip():
                line.pop()
            yield from line[:-1]
            if line:
                yield line[-1]._replace(text=line[-1].text.rstrip())
            yield Segment.line()


def _note(entry: "TracedDocument") -> str:
    """Return what a step says, and the earlier event on account of which it does so."""
    by = entry.get("by", "")
    return entry["note"] if not by or by in entry["note"] else f"{entry['note']} ({by} was before it)"


def _add_outcome(table: Table, run: "PreviewedDocument") -> None:
    """Say what came of a run without messages, unless a step has said it."""
    if run["messages"] or run["dropped_by"] or any(entry["verdict"] == "error" for entry in run["trace"]):
        return
    word, style = ("fails", "red") if run["outcome"] == "failed" else ("sends nothing", "yellow")
    table.add_row(Text("✗", style), Text(word, style), Text(clean(run["reason"] or "")))


def _place(target: str, style: str = "") -> Text:
    return Text(" ".join(clean(target).split()), style)


def _refs(changed: Values) -> Iterator[Text]:
    """Draw what a step set, a line a value, as a template may name it: `$entity.customer.mrr  1900`."""
    for name, value in changed.items():
        rows = list(value.items()) if isinstance(value, dict) else [("", value)]
        for key, inner in rows[:MOST]:
            ref = f"${dotted([name, key])}" if key else f"${name}"
            yield _line(f"{ref} = {_shown(inner)}")
        if len(rows) > MOST:
            yield _line(f"… {len(rows) - MOST:,} more")


def _line(text: str) -> Text:
    """One dim line; what is longer than a few lines of a terminal is cut visibly."""
    text = " ".join(clean(text).split())
    return Text(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…", "dim", overflow="fold")


def _shown(value: object) -> str:
    """Show a value as people write it; lists and objects as JSON."""
    if isinstance(value, str):
        return value if value else '""'
    if value is None or isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
