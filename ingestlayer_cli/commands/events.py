"""`events`: the stored events."""

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ..system.errors import count_of
from . import open_beside
from .grouped import grouped
from .options import MOST, Json, Quiet
from .selection import About, Filters, Source, Type, Where, selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..engine.runtime import Runtime
    from ..model.documents.events import (
        ExportDocument,
        OutcomeDocument,
        PassedOverDocument,
        ShownDocument,
        TailedDocument,
    )
    from ..store.contract.protocols import Store
    from ..store.contract.reading import Selection, Stored


app = typer.Typer(help="The stored events.", no_args_is_help=True)

POLL = 500  # milliseconds between two looks of `tail -f`
PATIENCE = 4  # looks that an event which is just being sent is waited for


@app.command("list")
@grouped
def list_events(
    filters: Filters,
    word: About = None,
    refused: Annotated[bool, typer.Option("--refused", help="What was not accepted, and why.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=MOST, help="At most so many.")] = 20,
    json: Json = False,
) -> int:
    """List events by the time they are of, newest first; with a customer, a name or any text, those about it."""
    if refused:
        from .events_refused import list_refused

        return list_refused(word, filters, limit, json)
    from shlex import quote

    from ..operations.finding import about, refusals
    from ..system.console import Progress, note, say, say_json_line, while_read

    progress = Progress("event looked at", many="events looked at")
    with open_beside(keep=False) as runtime:
        chosen = selection(runtime, **filters._asdict())
        store = runtime.stored
        chosen = chosen._replace(about=about(runtime, store, word, note))
        found = list(store.history.select(chosen, limit=limit + 1, looked=progress.at)) if store else []
        progress.end()
        if json:
            for item in while_read(found[:limit]):
                say_json_line(item.event.document())
            return 0
        for line in _lines(runtime, store, found[:limit]):
            say(line)
        others = len(refusals(store, chosen.about, MOST)) if store and chosen.about else 0
    if not found:
        say("no such event" if any(chosen) else "no event yet")
    if others:
        words = f"beside these {others:,} {'was' if others == 1 else 'were'} refused"
        note(f"{words}: ingestlayer events list --refused {quote(str(word))}")
    if len(found) > limit:
        note(f"the newest {limit:,}; --limit shows more")
    return 0


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The event's id or the start of it, or @last, @-2, ….")],
    json: Json = False,
) -> int:
    """Show one event whole."""
    from ..engine.unfinished import told_of, when
    from ..model.events import HEAD
    from ..operations.naming import named
    from ..render.events import shown
    from ..system.console import say, say_json

    with open_beside(keep=False) as runtime:
        store = runtime.stored
        document = cast("ShownDocument", named(store, id_).event.document())
        if store is not None and (waiting := told_of(store, runtime.project, document["id"])):
            document["unfinished"] = waiting
    if json:
        say_json(document)
        return 0
    for name, value in document.items():
        if name in HEAD:
            say(f"{name:16} {value if value is not None else '-'}")
    for name, value in document["payload"].items():
        say(f"  {name} = {shown(value)}")
    for run in document.get("unfinished", ()):
        say(f"{run['pipeline']} failed: {run['reason']}; it is run again {when(run['retry_at'])}", "red")
    return 0


@app.command()
def tail(
    count: Annotated[int, typer.Option("-n", min=0, max=MOST, help="So many of those that there are.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes; Ctrl-C ends it.")] = False,
    type_: Type = None,
    source: Source = None,
    where: Where = None,
    json: Json = False,
) -> int:
    """Show the latest events with what became of them, the newest last."""

    with open_beside(keep=False) as runtime:
        chosen = selection(runtime, type_=type_, source=source, where=where)
        store = runtime.stored
        last = store.history.mark() if store else None
        found = list(store.history.select(chosen, limit=count)) if store and count else []
        if store is not None:
            _say_with_outcomes(runtime, store, found[::-1], json)
        if follow:
            _follow(runtime, chosen, last, json)
    return 0


@app.command()
@grouped
def export(
    filters: Filters,
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="Where to; stdout unless given.")] = "-",
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Write events as `emit --batch` takes them: NDJSON, the oldest first.

    Without ingestlayer's own, which it does not take, unless --type names them.
    """
    from ..system.console import Progress, note, say_json

    progress = Progress("event", quiet)
    with open_beside(keep=False) as runtime:
        chosen = selection(runtime, **filters._asdict())
        store = runtime.stored
        found = store.history.select(chosen, newest_first=False, looked=progress.at) if store else iter(())
        count = _write(file, found if filters.type_ is not None else _not_ours(found))
    progress.end()
    if json and file != "-":
        document: ExportDocument = {"exported": count, "file": file}
        say_json(document)
    elif not quiet:
        note(count_of(count, "event") + (f" written to {file}" if file != "-" else ""))
    return 0


def _not_ours(found: "Iterable[Stored]") -> "Iterator[Stored]":
    from ..model.events import OURS

    return (item for item in found if not item.event.type.startswith(OURS))


def _write(file: str, found: "Iterable[Stored]") -> int:
    """Write envelopes to a file, whole or not at all, or to stdout; return how many."""
    import sys

    from ..system.console import speak_utf8, while_read
    from ..system.files import written_whole

    if file == "-":
        speak_utf8()
        return _write_lines(sys.stdout, while_read(found))
    with written_whole(file) as stream:
        return _write_lines(stream, found)


def _write_lines(stream: Any, found: "Iterable[Stored]") -> int:
    from ..model.events import encode
    from ..system.clock import format_time

    count = 0
    for count, item in enumerate(found, start=1):  # noqa: B007 (it is what is returned)
        event = item.event
        key = {} if event.key is None else {"idempotency_key": event.key}
        envelope = {"type": event.type, "payload": event.payload, **key, "timestamp": format_time(event.received_at)}
        stream.write(encode(envelope) + "\n")
    return count


def _follow(runtime: "Runtime", chosen: "Selection", last: Any, json: bool) -> None:
    """Show what is accepted from now on. The store is opened anew for each look: it may have been made since."""
    from itertools import count

    from ..store.opening import open_to_read
    from ..system.console import while_read
    from ..system.errors import StoreError

    looks = failures = 0
    for _ in while_read(count()):
        runtime.clock.sleep(POLL)
        try:
            store = open_to_read(runtime.project.store_path)
            if store is None:
                continue
            try:
                if last is not None:
                    last = store.history.mark(last)  # everything may have been pruned
                found = store.history.accepted_after(chosen, last)
                busy = next((at for at, (_, item) in enumerate(found) if _is_new(store, item)), len(found))
                looks = looks + 1 if busy < len(found) else 0
                ready = found[: busy if looks < PATIENCE else None]
                _say_with_outcomes(runtime, store, [item for _, item in ready], json)
                last = ready[-1][0] if ready else last
                failures = 0
            finally:
                store.close()
        except StoreError:
            failures += 1  # a look into a store that was just opened by its first writer may find it half written
            if failures > PATIENCE:
                raise


def _is_new(store: "Store", item: "Stored") -> bool:
    """Say whether an event was accepted so shortly ago that nothing of it was sent yet."""

    return any(outcome.status == "pending" and not outcome.attempts for outcome in store.runs.outcomes(item.event.id))


def _say_with_outcomes(runtime: "Runtime", store: "Store", found: "list[Stored]", json: bool) -> None:
    import sys

    from ..system.console import say, say_json_line

    if json:
        for item in found:
            outcomes = [cast("OutcomeDocument", it._asdict()) for it in store.runs.outcomes(item.event.id)]
            document: TailedDocument = {
                **item.event.document(),
                "outcomes": outcomes,
                "skipped": _skipped(store, item.event.id),
            }
            say_json_line(document)
        return
    for line in _lines(runtime, store, found):
        say(line)
    sys.stdout.flush()


def _skipped(store: "Store", event_id: str) -> "list[PassedOverDocument]":
    """Return the destinations that the runs of an event passed over, with the values of what did not hold."""
    runs = store.runs.of_event(event_id)
    passed = [{"pipeline": run.pipeline, **entry} for run in runs for entry in run.trace if "reason" in entry]
    return cast("list[PassedOverDocument]", passed)


def _lines(runtime: "Runtime", store: "Store | None", found: "list[Stored]") -> list[str]:
    """Return the table of events; their ids are shortened where the place is small."""
    from ..operations.about import who
    from ..render.events import table, width

    if not found or store is None:
        return []
    wide = width()
    ids = [item.event.id for item in found]
    short = ids if wide is None else store.history.shortest(ids)
    rows = [
        (id_, item.event, who(runtime.project, item.event.payload, item.event.key), store.runs.outcomes(item.event.id))
        for id_, item in zip(short, found, strict=True)
    ]
    return table(rows, runtime.clock.now(), wide)
