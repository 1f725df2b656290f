"""`deliveries`: the outbox, for its operator."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..system.errors import count_of
from . import open_beside
from .options import MOST, Hushed, Json
from .selection import About

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..model.documents.deliveries import DeliveryDocument, ListedDeliveryDocument, RetryDocument, SettleDocument
    from ..store.contract.reading import DeliverySelection

app = typer.Typer(help="The outbox: what was sent, what waits and why.", no_args_is_help=True)

Status = Annotated[
    str | None, typer.Option("--status", metavar="STATUS", help="pending, retrying, delivered, dead, unknown or shown.")
]
Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="Queued since: a time, or `2d`.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids, or the starts of them.")]


@app.command("list")
def list_deliveries(
    word: About = None,
    status: Status = None,
    since: Since = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", metavar="NAME", help="Of this pipeline.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", metavar="NAME", help="To this channel.")] = None,
    digest: Annotated[str | None, typer.Option("--digest", metavar="ID", help="All that one message says.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, help="At most so many.")] = 50,
    json: Json = False,
) -> int:
    """List deliveries, newest first; with no option those that are not delivered.

    With a customer, a name or any text: those of the events about it, or that say it.
    """
    from ..engine.unfinished import backlog
    from ..operations.finding import about
    from ..render.deliveries import table
    from ..render.events import width
    from ..system.console import note, say, say_json_line, while_read

    with open_beside() as runtime:
        selection = _selection(runtime, status, since, pipeline, channel)
        selection = selection._replace(about=about(runtime, runtime.store, word, note))
        if digest is not None:
            one = _one(runtime, digest)
            selection = selection._replace(digest=one["carried_by"] or one["id"])
        rows = runtime.store.deliveries.find(selection, limit)
        count = runtime.store.deliveries.count(selection) if len(rows) == limit else len(rows)
        failed = backlog(runtime.store, runtime.project, pipeline).runs if selection.open_only and not json else 0
        found = [_known(runtime, row) for row in rows]
        wide = width()
        short = runtime.store.deliveries.shortest([row["id"] for row in found]) if wide is not None else None
        now = runtime.clock.now()
    if json:
        for row in while_read(found):
            say_json_line(row)
    else:
        for line in while_read(table(found, short, now, wide)):
            say(line)
    if not found and not json:
        say("no such delivery" if not selection.open_only else "no message waits" if failed else "nothing waits")
    if count > len(found) and not json:
        note(f"the newest {len(found):,} of {count:,}; --limit shows more")
    if failed:
        runs = count_of(failed, "failed run")
        note(f"and what {runs} will send: ingestlayer events list --status failed")
    return 0


def _known(runtime: "Runtime", row: "DeliveryDocument") -> "ListedDeliveryDocument":
    """Return a delivery with what people know it by: its event's type, whom that is about, and what it says first."""
    from ..operations.about import title, who

    (event,) = runtime.store.history.events([row["event"]])
    said = title(row["destination"], runtime.store.deliveries.whole(row["id"])["body"])
    return {**row, "type": event.type, "who": who(runtime.project, event.payload, event.key), "title": said}


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The delivery's id, or the start of it.")], json: Json = False
) -> int:
    """Show one delivery: its state, every attempt, and its body."""
    from ..render.events import shown
    from ..system.console import say, say_json

    with open_beside() as runtime:
        row = _one(runtime, id_)
        document = runtime.store.deliveries.whole(row["id"])
    if json:
        say_json(document)
        return 0
    for name, value in document.items():
        if name not in ("attempts_made", "body"):
            say(f"{name:12} {shown(value) if value is not None else '-'}")
    for attempt in document["attempts_made"]:
        why = f": {attempt['error']}" if attempt["error"] else ""
        say(f"  {attempt['at']}  {attempt['outcome']} in {attempt['took_ms']} ms by {attempt['process']}{why}")
    return 0


@app.command()
def retry(
    ids: Ids = [],  # noqa: B006
    status: Status = None,
    since: Since = None,
    channel: Annotated[str | None, typer.Option("--channel", metavar="NAME", help="To this channel.")] = None,
    at_once: Annotated[
        bool, typer.Option("--now", help="Wait for no hours, no digest and no budget of the channel.")
    ] = False,
    json: Json = False,
    hushed: Hushed = False,
) -> int:
    """Send deliveries again that are dead, unknown, waiting or only shown: by ids, or by --status and others."""
    from ..system.console import note, say, say_json
    from ..system.errors import UsageError

    if bool(ids) == bool(status):
        raise UsageError("name deliveries by their ids or by --status", "deliveries retry --status dead --since 2d")
    if status == "delivered":
        raise UsageError("what is delivered is not sent again")
    with open_beside() as runtime:
        if ids:
            chosen = [_one(runtime, id_) for id_ in ids]
        else:
            chosen = runtime.store.deliveries.find(_selection(runtime, status, since, None, channel), None)
        if replaced := next((row for row in chosen if row["superseded_by"] and ids), None):
            words = f"{replaced['id']} is superseded by {replaced['superseded_by']}, and not sent again"
            raise UsageError(words, f"ingestlayer deliveries show {replaced['superseded_by']}")
        chosen = [row for row in chosen if not row["superseded_by"]]
        told = _told_elsewhere(runtime, chosen, bool(ids))
        if ids and told:
            words = f"{told[0]['id']} is one message with what a replay has sent: sent again, it would be told twice"
            raise UsageError(words, f"ingestlayer replay {told[0]['event']}")
        chosen = [row for row in chosen if row not in told]
        if delivered := [row["id"] for row in chosen if row["status"] == "delivered"]:
            raise UsageError(f"{delivered[0]} is delivered and is not sent again")
        runtime.outbox.expire()  # what a killed process had in hand is free
        now = runtime.clock.now()
        count = runtime.store.deliveries.retry([row["id"] for row in chosen], now, at_once)
    if json:
        document: RetryDocument = {"retrying": count}
        say_json(document)
    else:
        say(f"{count:,} due again")
        if count < len(chosen):
            note(f"{len(chosen) - count:,} not: they are being sent at this moment")
        if told:
            note(
                f"{len(told):,} not: they are one message with what a replay has sent; ingestlayer replay --status dead"
            )
        if count:
            note("to send them now: ingestlayer deliver")
    return 0


def _told_elsewhere(runtime: "Runtime", rows: "list[DeliveryDocument]", are_named: bool) -> "list[DeliveryDocument]":
    """Return those that one message says together with what a replay has sent for itself since."""
    from ..store.contract.reading import DeliverySelection

    carriers = {row["carried_by"] or (row["id"] if are_named else None) for row in rows} - {None}
    find = runtime.store.deliveries.find
    mixed = {it for it in carriers if any(row["superseded_by"] for row in find(DeliverySelection(digest=it), None))}
    return [row for row in rows if row["id"] in mixed or row["carried_by"] in mixed]


@app.command()
def settle(
    ids: Ids,
    delivered: Annotated[bool, typer.Option("--delivered", help="The message is in the channel.")] = False,
    dead: Annotated[bool, typer.Option("--dead", help="Give it up.")] = False,
    json: Json = False,
    hushed: Hushed = False,
) -> int:
    """Say what became of deliveries that are not settled; nothing is sent. With --dead also events, evt_…: their runs
    that failed are run again no more.
    """
    from ..system.console import say, say_json
    from ..system.errors import UsageError

    if delivered == dead:
        raise UsageError("say what became of it: --delivered or --dead")
    events = [id_ for id_ in ids if id_.startswith(("evt_", "@"))]
    if events and delivered:
        raise UsageError(f"{events[0]}: a run that failed has sent nothing", "--dead gives it up")
    with open_beside() as runtime:
        chosen = [_one(runtime, id_) for id_ in ids if id_ not in events]
        if settled := [row["id"] for row in chosen if row["status"] in ("delivered",)]:
            raise UsageError(f"{settled[0]} is delivered already")
        runtime.outbox.expire()  # what a killed process had in hand is free
        status: Literal["delivered", "dead"] = "delivered" if delivered else "dead"
        settled = [*_given_up(runtime, events), *(it["id"] for it in chosen if runtime.outbox.settle(it["id"], status))]
        if busy := [row["id"] for row in chosen if row["id"] not in settled]:
            raise UsageError(f"{busy[0]} is being sent at this moment", "look at it again when that is done")
    if json:
        document: SettleDocument = {"settled": settled, "status": status}
        say_json(document)
    else:
        say(f"{len(settled):,} {status}")
    return 0


def _given_up(runtime: "Runtime", words: list[str]) -> list[str]:
    """Let failed runs of events rest; return the events' ids."""
    from ..operations.naming import named
    from ..store.contract.sending import GIVEN_UP
    from ..system.errors import UsageError

    ids = [named(runtime.stored, word).event.id for word in words]
    for id_ in ids:
        with runtime.store.transaction() as transaction:
            if not transaction.earlier.give_up(id_, GIVEN_UP):
                raise UsageError(f"{id_} has no run that failed and waits", f"ingestlayer why {id_}")
    return ids


def _one(runtime: "Runtime", prefix: str) -> "DeliveryDocument":
    """Return the one delivery whose id starts so."""
    from ..system.errors import UsageError

    found = runtime.store.deliveries.starting(prefix)
    if len(found) != 1:
        words = f"{prefix} is the start of several deliveries" if found else f"there is no delivery {prefix}"
        raise UsageError(words, "`ingestlayer deliveries list` shows those that wait")
    return found[0]


def check_known(runtime: "Runtime", pipeline: str | None, channel: str | None) -> str | None:
    """Refuse a pipeline that there is not; return a warning for a channel that nothing ever went to."""
    from ..system.errors import UsageError, near_miss

    names = runtime.project.names
    if pipeline is not None and pipeline not in names and pipeline not in runtime.store.deliveries.open_pipelines():
        raise UsageError(f"--pipeline {pipeline}: there is none of this name{near_miss(pipeline, names)}")
    name = channel.removeprefix("#") if channel is not None else None
    if name is not None and name not in (known := runtime.store.deliveries.channels()):
        return f"--channel {channel}: nothing ever went there{near_miss(name, known)}"
    return None


def _selection(
    runtime: "Runtime", status: str | None, since: str | None, pipeline: str | None, channel: str | None
) -> "DeliverySelection":
    from ..store.contract.reading import DeliverySelection
    from ..store.contract.sending import STATUSES
    from ..system.clock import parse_time
    from ..system.errors import UsageError, near_miss

    if status is not None and status not in STATUSES:
        raise UsageError(f"--status {status}: there are {', '.join(STATUSES)}{near_miss(status, STATUSES)}")
    try:
        after = parse_time(since, runtime.clock.now()) if since else None
    except ValueError as error:
        raise UsageError(f"--since: {error}") from None
    return DeliverySelection(status, after, pipeline, channel)
