"""A preview drawn: the trace of each pipeline, then its messages as they will look."""

from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .slack import clean, message

_MARKS = {"continue": ("✓", "green"), "drop": ("✗", "yellow"), "error": ("✗", "red")}


def preview(result: dict[str, Any]) -> list[RenderableType]:
    """Return what to print for the document of a preview."""
    event = result["event"]
    head = Text.assemble((event["type"], "bold"), "  ", (event["received_at"], "dim"))
    if event["idempotency_key"]:
        head.append(clean(f"\nkey {event['idempotency_key']}"), "dim")
    drawn: list[RenderableType] = [head]
    if not result["runs"]:
        drawn.append(Text("no active pipeline matches this event", "yellow"))
    for run in result["runs"]:
        drawn += [Text(), Text(clean(run["pipeline"]), "bold"), _trace(run)]
        drawn += [message(sent["body"], sent["target"], _time(event)) for sent in run["messages"]]
    return drawn


def _time(event: dict[str, Any]) -> str:
    return str(event["received_at"][11:16])


def _trace(run: dict[str, Any]) -> RenderableType:
    """Draw a line a step and a destination: a mark, its name, and what it had to say."""
    table = Table.grid(padding=(0, 1), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for entry in run["trace"]:
        mark, style = _MARKS[entry["verdict"]]
        words = {"drop": "drops: ", "error": "fails: "}.get(entry["verdict"], "")
        table.add_row(Text(mark, style), entry["step"], Text(clean(words + entry["note"])))
        for name, value in entry["set"].items():
            table.add_row("", "", Text(clean(f"${name} = {_values(value)}"), "dim"))
    for sent in run["messages"]:
        table.add_row(Text("✓", "green"), Text(clean(sent["target"])), Text(clean(_held(sent["when"], "✓"))))
    for skipped in run["skipped"]:
        table.add_row(
            Text("✗", "dim"),
            Text(clean(skipped["target"]), "dim"),
            Text(clean(_held(skipped["reason"], "✗ skipped")), "dim"),
        )
    if run["outcome"] != "queued" and not run["dropped_by"]:
        table.add_row("", Text(run["outcome"], "yellow"), Text(clean(run["reason"] or "")))
    return Padding(table, (0, 0, 0, 2))


def _held(condition: str, mark: str) -> str:
    return f"{condition}  {mark}" if condition else "always"


def _values(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {'null' if value is None else value}" for name, value in row.items())
