"""The story of somebody, which `several.story_of` returned, as lines of plain text: (text, style)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..operations.came_to import utc
from ..store.contract.sending import place_of
from .events import fields
from .wrapping import STATES, Line, one_line, times, wrapped

if TYPE_CHECKING:
    from ..model.documents.stories import (
        FoundDocument,
        FoundEventDocument,
        FoundRunDocument,
        KnowingDocument,
        RefusalDocument,
    )

_WORST = ("dead", "unknown", "retrying", "pending", "delivered", "shown", "dropped")


def found(told: "FoundDocument") -> Iterator[Line]:
    """Yield what the checks know, and then all that was accepted or refused, the newest first."""
    accepted = sum(row["status"] == "accepted" for row in told["found"])
    more = ", and more before" if told["more"] else ""
    counts = f"{accepted:,} event{'s' * (accepted != 1)}, {len(told['found']) - accepted:,} refused"
    yield f"{one_line(told['word'])}  {counts}{more}", "bold"
    for row in told["meant"]:
        yield from wrapped("  ", f"{row['kind']} {row['key']}: {', '.join(row['from'])}", "dim")
    yield from wrapped("= ", told["summary"])
    for known in told["checks"]:
        yield "", ""
        yield from _known(known)
    for item in told["found"]:
        yield "", ""
        yield from _event(item) if item["status"] == "accepted" else _refusal(item["refused"])
    yield "", ""


def _refusal(letter: "RefusalDocument") -> Iterator[Line]:
    name = letter["type"] or "an event without a type"
    yield from wrapped(
        "✗ ", f"{utc(letter['at'])}  {name} refused by the rule {letter['kind']}, from {letter['source']}"
    )
    yield from wrapped("  ", letter["message"], "red")
    yield from wrapped("  ", f"what came: {letter['raw']}", "dim")


def _event(row: "FoundEventDocument") -> Iterator[Line]:
    event = row["event"]
    statuses = [it["status"] for run in row["runs"] for it in run["deliveries"]]
    statuses += ["dead" for run in row["runs"] if run["outcome"] == "failed"]
    mark, style = next((STATES[status] for status in _WORST if status in statuses), ("–", ""))
    yield from wrapped(f"{mark} ", f"{utc(row['at'])}  {event['type']} {event['id']}", style)
    yield from wrapped("  ", fields(event["payload"]), "dim")
    if row["duplicates"]:
        yield from wrapped("  ", f"its key came again {times(row['duplicates'])}: duplicates, nothing sent", "dim")
    for run in row["runs"]:
        yield from _run(run)
    for it in row["did_not_run"]:
        yield from wrapped("  – ", f"{it['pipeline']} {it['why']}", "dim")
    if not row["runs"] and not row["did_not_run"]:
        yield "  – no pipeline took it", ""


def _run(run: "FoundRunDocument") -> Iterator[Line]:
    for it in run["deliveries"]:
        mark, style = STATES.get(it["status"], ("?", ""))
        words = f"{run['pipeline']}: {place_of(it)} {it['status']}" + (f": {it['error']}" if it["error"] else "")
        words += f", next {utc(it['next_at'])}" if it["next_at"] else ""
        yield from wrapped(f"  {mark} ", words, style)
    if run["outcome"] != "queued":
        by = f" by {run['dropped_by']}" if run["dropped_by"] else ""
        mark = "✗" if run["outcome"] == "failed" else "–"
        yield from wrapped(f"  {mark} ", f"{run['pipeline']}: {run['outcome']}{by}: {run['reason']}")
        if "by" in run:
            yield from wrapped("    ", f"{run['by']} was before it: {run['came_to']}")
    for words in run["skipped"]:
        yield from wrapped("  – ", f"{run['pipeline']}: {words}", "dim")


def _known(row: "KnowingDocument") -> Iterator[Line]:
    """Yield what a check knows of somebody."""
    read = f", read {utc(row['read_at'])}: {row['rows_read']:,} rows" if row["read_at"] else ", never read"
    yield from wrapped("", f"check {row['check']}  {row['source']}{read}", "bold")
    if row["failing_since"]:
        yield from wrapped("  ✗ ", f"failing since {utc(row['failing_since'])}", "red")
    if row["error"]:
        yield from wrapped("  ✗ ", row["error"], "red")
    for held in row["held"]:
        period = f" in {held['period']}" if held["period"] else ""
        words = f"{held['key']} holds {held['level']:g}{period} since {utc(held['since'])}"
        yield from wrapped("  ", f"{words}: " + (f"{held['event']}, " if held["event"] else "") + held["came_to"])
    for now in row["rows"]:
        level = f" at {now['level']:g}" if now["level"] is not None and now["state"] != "below" else ""
        yield from wrapped("  ", f"{now['key']} is now {now['why']}: {now['state']}{level}")
    for bad in row["problems"]:
        yield from wrapped("  ✗ ", f"{bad['key']}, {bad['place']}, is not judged: {bad['problem']}", "yellow")
    if row["looked"] and not (row["rows"] or row["problems"] or row["error"]):
        yield from wrapped("  – ", f"{row['source']} has no row of it now", "yellow")
