"""The story of `why` as lines of plain text: (text, style). Values are data; they come in one line, safe."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..destinations.base import in_thread
from ..engine.unfinished import when
from ..operations.came_to import utc
from ..store.contract.sending import place_of
from .events import cells, fields
from .several import found
from .wrapping import STATES, Line, one_line, times, wrapped

if TYPE_CHECKING:
    from ..model.documents.stories import (
        FoundDocument,
        PlaceDocument,
        RefusedDocument,
        StoredRunDocument,
        StoryDeliveryDocument,
        StoryDocument,
    )

MOST = 30  # pipelines that had nothing to do with the event
_VERDICTS = {"continue": "✓", "drop": "✗", "error": "✗"}
_ANSWERS = ("sent", "shown", "retry", "refused", "unknown")  # of a request that was made
_OUTCOMES = {
    "sent": "taken",
    "shown": "taken",
    "retry": "not taken",
    "refused": "refused",
    "unknown": "no answer",
    "not-connected": "not connected",
    "found": "looked: it is there",
    "resend": "looked: it is not there",
    "held": "looked, and could not tell",
    "given-up": "given up",
    "settled": "settled by hand",
    "waits": "put off",
    "dropped": "not sent",
}


def story(told: "StoryDocument | RefusedDocument | FoundDocument") -> Iterator[Line]:
    """Yield the lines of a story that `why.tell`, `why.refused` or `several.story_of` returned."""
    if told["status"] == "accepted":
        yield from _accepted(told)
    elif told["status"] == "refused":
        yield from _refused(told)
    else:
        yield from found(told)
    for hint in told["hints"]:
        words, colon, command = hint.partition(": ingestlayer ")
        yield from wrapped("next: ", words + colon[:1], "yellow")
        if command:  # in a line of its own, to be copied
            yield f"      ingestlayer {one_line(command)}", "yellow"


def _accepted(told: "StoryDocument") -> Iterator[Line]:
    event, accepted = told["event"], told["accepted"]
    yield f"{event['type']}  {event['id']}", "bold"
    yield from wrapped("  ", fields(event["payload"]), "dim")
    yield from wrapped("= ", told["summary"], "")
    yield "", ""
    words = f"accepted {utc(accepted['at'])} from {event['source']}"
    if event["received_at"] != accepted["at"]:
        words += f"; the time it is of: {utc(event['received_at'])}"
    yield from wrapped("✓ ", words)
    if event["idempotency_key"] is not None:
        yield from wrapped("  ", f"idempotency key {event['idempotency_key']}")
    if accepted["duplicates"] and accepted["last_duplicate_at"]:
        last = utc(accepted["last_duplicate_at"])
        words = f"its key came again {times(accepted['duplicates'])}, last {last}: duplicates, nothing sent"
        yield from wrapped("– ", words)
    if conflicts := accepted["conflicts"]:
        words = f"its key came {times(len(conflicts))} with other values, last {utc(conflicts[0]['at'])}: refused"
        yield from wrapped("✗ ", words)
    if accepted["same_key"]:
        yield from wrapped("  ", f"other events had this key: {', '.join(accepted['same_key'][:3])}")
    yield from _pipelines(told)
    yield "", ""


def _pipelines(told: "StoryDocument") -> Iterator[Line]:
    asked = told["asked"].get("delivery") if told["asked"] else None
    idle = []
    for row in told["pipelines"]:
        if not row["ran"]:
            idle.append((row["pipeline"], row["why_not"] or "did not run"))
        for run in row["runs"]:
            yield "", ""
            yield from _run(row["pipeline"], run, asked)
    if idle:
        yield "", ""
    for name, why in idle[:MOST]:
        yield from wrapped("– ", f"{name} {why}", "dim")
    if len(idle) > MOST:
        yield f"… {len(idle) - MOST:,} more that did not run", "dim"
    if not told["line_up_kept"]:
        yield "", ""
        yield from wrapped("  ", "which other pipelines there were was not kept when this event was accepted", "dim")


def _run(pipeline: str, run: "StoredRunDocument", asked: str | None) -> Iterator[Line]:
    again = f", replayed {utc(run['replayed_at'])}" if run["replayed_at"] else ""
    yield f"{pipeline}  version {run['version'][:12]}{again}", "bold"
    names = [entry["step"] for entry in run["steps"]] + [_place(place) for place in run["destinations"]]
    column = min(max(map(cells, names), default=0), 30)
    for entry in run["steps"]:
        words = {"drop": "drops the event: ", "error": "fails: "}.get(entry["verdict"], "")
        style = {"drop": "yellow", "error": "red"}.get(entry["verdict"], "")
        yield from _row(_VERDICTS.get(entry["verdict"], "?"), entry["step"], column, words + entry["note"], style)
        if "by" in entry:
            start = " " * (column + 6)
            yield from wrapped(start, f"{entry['by']} was before it: {entry['came_to']}", style, indent=2)
    for place in run["destinations"]:
        if not place["chosen"]:
            yield from _row("–", _place(place), column, f"skipped: {place['note']}", "dim")
            continue
        yield from _row("✓", _place(place), column, place["note"] or "always")
        if place["delivery"] is not None:
            yield from _delivery(place["delivery"], asked)
    if run["outcome"] != "queued" and not run["dropped_by"] and run["reason"] not in [e["note"] for e in run["steps"]]:
        words = "fails" if run["outcome"] == "failed" else "sends nothing"
        yield from wrapped("  ✗ ", f"{words}: {run['reason']}", "red" if words == "fails" else "yellow")
    if "retry_at" in run:
        yield from wrapped("  … ", f"it is run again {when(run['retry_at'])}", "yellow")


def _delivery(row: "StoryDeliveryDocument", asked: str | None) -> Iterator[Line]:
    mark, style = STATES.get(row["status"], ("?", ""))
    words = f"{row['status']}  {row['id']}" + ("  (the one asked for)" if row["id"] == asked else "")
    yield from wrapped(f"    {mark} ", words, style)
    if row["thread"] is not None:
        yield from wrapped("      ", in_thread(row), indent=2)
    for attempt in row["attempts_made"]:
        took = f" in {attempt['took_ms']:,} ms" if attempt["outcome"] in _ANSWERS else ""
        why = f": {attempt['error']}" if attempt["error"] else ""
        outcome = _OUTCOMES.get(attempt["outcome"], attempt["outcome"])
        yield from wrapped("      ", f"{utc(attempt['at'])}  {outcome}{took} by {attempt['process']}{why}", indent=2)
    for words in _next(row):
        yield from wrapped("      ", words, indent=2)


def _next(row: "StoryDeliveryDocument") -> Iterator[str]:
    """Yield what will come of a delivery that is not settled."""
    if row["carried_by"]:
        yield f"{row['carried_by']} says it, with others: ingestlayer deliveries list --digest {row['carried_by']}"
        return
    if row["in_hand_of"]:
        yield f"{row['in_hand_of']} is sending it"
    elif row["held_until"]:
        yield f"its channel is held until {utc(row['held_until'])}"
    elif row["next_at"]:
        yield f"{'due since' if row['due'] else 'next attempt'} {utc(row['next_at'])}"
    if row["waits_for"]:
        yield f"waits for {row['waits_for']}, which is before it in its thread{_cause(row)}"
    if row["behind"]:
        yield f"behind {row['behind']:,} older of its channel" + ("" if row["waits_for"] else _cause(row))
    if not row["attempts_made"] and row["status"] == "pending":
        yield "not tried yet"
    if row["error"] and all(row["error"] != attempt["error"] for attempt in row["attempts_made"]):
        yield row["error"]


def _cause(row: "StoryDeliveryDocument") -> str:
    """Return why the older message waits that a delivery is behind."""
    before = row["before"]
    name = "" if before["id"] == row["waits_for"] else f", the first {before['id']}"
    if not before["error"]:
        return name
    when = f", next attempt {utc(before['next_at'])}" if before["next_at"] else ""
    return f"{name}: {before['error']}{when}"


def _refused(told: "RefusedDocument") -> Iterator[Line]:
    letter = told["refused"]
    place = f", line {letter['line']:,} of a batch" if letter["line"] is not None else ""
    yield f"{letter['type'] or 'an event without a type'}  refused", "bold"
    yield from wrapped("✗ ", f"{utc(letter['at'])} from {letter['source']}{place}, by the rule {letter['kind']}")
    yield from wrapped("  ", letter["message"], "red")
    for problem in letter["details"]:
        path = f"{problem['path']}: " if problem["path"] else ""
        yield from wrapped("    ", path + problem["problem"])
    yield "", ""
    yield from wrapped("  ", f"what came: {letter['raw']}", "dim")
    if told["others"]:
        yield f"  {told['others']:,} more refused before it", "dim"
    yield "", ""


def _row(mark: str, name: str, column: int, words: str, style: str = "") -> Iterator[Line]:
    name = one_line(name)
    return wrapped(f"  {mark} {name}{' ' * (column - cells(name))}  ", words, style)


def _place(place: "PlaceDocument") -> str:
    return one_line(place_of(place["delivery"] or place))
