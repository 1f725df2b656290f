"""`replay`: send stored events again."""

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..system.errors import count_of
from .grouped import grouped
from .options import Clock, Json, Quiet, say_today
from .planned import Doing, asked, check_count
from .selection import Since, Status, Type, Until, Where, selection

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..model.documents.past import ReplayDocument
    from ..operations.player import ReplayOptions
    from ..project import Project
    from ..store.contract.protocols import Store


class Chosen(NamedTuple):
    """Which events: named ones, those of a file, or all that fit."""

    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Events: ids, or the starts of them, or @last.")
    ] = None
    type_: Type = None
    since: Since = None
    until: Until = None
    where: Where = None
    status: Status = None
    pipeline: Annotated[str | None, typer.Option("--pipeline", metavar="NAME", help="Run this pipeline alone.")] = None
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="The stored events of a file of `events export`.")
    ] = None

    refused: Annotated[
        bool, typer.Option("--refused", help="What was refused for what the project was: its files were broken.")
    ] = False

    @property
    def filters(self) -> dict[str, str | None]:
        return {name: getattr(self, name) for name in ("type_", "since", "until", "where", "status")}


class Way(NamedTuple):
    """How they run, and where their messages go."""

    original: Annotated[bool, typer.Option("--original", help="In the version that each event first ran under.")] = (
        False
    )
    again: Annotated[bool, typer.Option("--again", help="Also to destinations that took the event.")] = False
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="NAME", help="Send every Slack message here instead.")
    ] = None
    rate: Annotated[str | None, typer.Option("--rate", metavar="N/s", help="At most so many: `2/s`, `30/m`.")] = None
    clock: Clock = "acceptance"
    quiet_mark: Annotated[
        bool, typer.Option("--quiet-mark", help="Do not say in the messages that they are replayed.")
    ] = False


@grouped
def replay(chosen: Chosen, way: Way, doing: Doing, json: Json = False, quiet: Quiet = False) -> int:
    """Run stored events through the pipelines again, and send what their destinations did not take.

    Pipelines run as they are now, on each event's own time, in the order of acceptance, with what was known of entities
    then, and with nothing remembered from before. The plan is shown first.
    """
    from ..engine.flow import exit_code
    from ..engine.runtime import Runtime
    from ..operations.player import ReplayOptions
    from ..operations.replay import Sending, plan, settle_unknown
    from ..operations.replay import replay as run
    from ..project import load
    from ..system.console import Progress, note, say_json
    from ..system.errors import Exit, UsageError
    from . import settings
    from .show import drawing, note_trouble

    _check_source(chosen)
    sending = Sending(not doing.no_deliver, _wait(doing.wait))
    if chosen.refused:
        from .replay_refused import take

        _check_refused(chosen, way)
        return take(chosen.type_, doing, sending, json, quiet)
    project = load(settings.project, keep=not doing.dry_run)
    options = ReplayOptions(
        pipeline=chosen.pipeline,
        original=way.original,
        again=way.again,
        channel=_channel(project, way.channel),
        interval=_interval(project, way.rate),
        mark=not way.quiet_mark,
        by_time=way.clock == "event",
    )
    with Runtime(project, show=drawing(json or quiet), keep=not doing.dry_run) as runtime:
        store = runtime.stored
        if store is None:
            raise UsageError("there is no event in the store", "`ingestlayer emit` accepts the first")
        ids = _ids(runtime, store, chosen, options, quiet)
        if sending.deliver and not doing.dry_run:
            settle_unknown(runtime, ids)
        progress = Progress("event planned", quiet, "events planned")
        result = plan(runtime, store, ids, options, sending, progress.at)
        progress.end()
        if not quiet and not json:
            _say_plan(result.told, sending.deliver, doing.dry_run)
        check_count(doing.expect, result.told["events"])
        if not doing.dry_run and ids:
            waiting = sum(result.told["messages"].values()) + sum(result.told["waiting"].values())
            if not doing.yes and not asked(waiting, result.told["events"]):
                note("nothing was sent")
                return Exit.INTERRUPTED
            progress = Progress("event", quiet)
            result = run(runtime, ids, options, sending, progress.at)
            progress.end()
    if json:
        say_json(result)
    elif not quiet and not doing.dry_run and ids:
        _say_result(result.told)
    if not json:
        note_trouble(result)
    return exit_code(result)


def _check_source(chosen: Chosen) -> None:
    """Refuse two ways of choosing at once, and none: everything is replayed when it is said."""
    from ..system.errors import UsageError

    filters = {name: value for name, value in chosen.filters.items() if not (chosen.refused and name == "type_")}
    ways = (
        ("ids", chosen.ids),
        ("filters", any(filters.values())),
        ("--file", chosen.file),
        ("--refused", chosen.refused),
    )
    given = [name for name, on in ways if on]
    if not given and chosen.pipeline is None:
        hint = "name them by id, or choose some: --since 2d, --type TYPE, --status dead; all of them: --until now"
        raise UsageError("which events?", hint)
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} both choose the events", "give one of them")


def _check_refused(chosen: Chosen, way: Way) -> None:
    """Refuse what is of stored events alone: an event that was refused has never run."""
    from ..system.errors import UsageError

    if chosen.pipeline is not None or way != Way():
        raise UsageError("beside --refused there is --type alone", "what was refused is accepted as `emit` accepts it")


def _wait(text: str | None) -> int:
    from ..engine.tally import WAIT
    from ..system.clock import parse_duration
    from ..system.errors import UsageError

    try:
        return WAIT if text is None else parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--wait: {error}") from None


def _channel(project: "Project", channel: str | None) -> str | None:
    """Return the channel that all messages go to, as their destinations name it."""
    from ..engine.connections import connection
    from ..model import families

    for kind in families.kinds("destinations") if channel is not None else ():
        member = families.member("destinations", kind)
        if member.redirectable:
            channel = member.redirected(channel, connection(project.connections, kind))
    return channel


def _interval(project: "Project", rate: str | None) -> int:
    """Return the milliseconds between two messages; on a terminal nothing is too fast."""
    from ..engine.connections import drawn_kinds
    from ..system.errors import UsageError
    from ..system.rates import parse_rate

    if rate is None:
        return 0
    try:
        per_second = parse_rate(rate).per_second
    except ValueError:
        raise UsageError(f"--rate {rate}: not a rate", "write 2/s or 30/m") from None
    return 0 if drawn_kinds(project.connections) else round(1000 / per_second)


def _ids(runtime: "Runtime", store: "Store", chosen: Chosen, options: "ReplayOptions", quiet: bool) -> Any:
    """Return the ids of the events to replay, in the order in which they are."""
    from ..operations.replay import choose
    from ..system.console import Progress

    meant = selection(runtime, pipeline=chosen.pipeline, **chosen.filters)
    named = _named(store, chosen)
    if named is not None:
        return store.history.in_order(named, as_accepted=not options.by_time)
    progress = Progress("event looked at", quiet, "events looked at")
    ids = choose(runtime, store, meant, options, progress.at)
    progress.end()
    return ids


def _named(store: "Store", chosen: Chosen) -> set[str] | None:
    """Return the ids of the events that are named; None when none is."""
    from ..operations.naming import named
    from ..operations.replay import read_file
    from ..system.console import stdin
    from ..system.errors import UsageError

    if chosen.file is not None:
        try:
            with stdin() if chosen.file == "-" else open(chosen.file, "rb") as source:
                return read_file(store, source, chosen.file)
        except OSError as error:
            raise UsageError(f"--file {chosen.file}: {error.strerror}") from None
    if chosen.ids:
        return {named(store, word).event.id for word in chosen.ids}
    return None


def _say_plan(result: "ReplayDocument", deliver: bool, dry_run: bool) -> None:
    from ..system.console import say

    runs = ", ".join(f"{count:,} {name}" for name, count in result["runs"].items() if count)
    say(f"{count_of(result['events'], 'event')}, {count_of(sum(result['messages'].values()), 'message')}", "bold")
    for target, count in sorted(result["messages"].items()):
        say(f"  {target} {count:,}")
    if result["waiting"]:
        targets = ", ".join(f"{target} {count:,}" for target, count in sorted(result["waiting"].items()))
        sent = "queued already, and sent first" if deliver else "queued already"
        say(f"  waiting: {count_of(sum(result['waiting'].values()), 'message')}, {sent}: {targets}")
    if result["unknown"]:
        looks = (
            "it is looked up first" if dry_run and deliver else "`ingestlayer deliver` looks, or `deliveries settle`"
        )
        say(f"  unknown: {count_of(result['unknown'], 'message')} that may have arrived: {looks}")
    if result["skipped"]:
        skipped = count_of(result["skipped"], "message")
        say(f"  {skipped} skipped: the destination already took the event (--again sends)")
    say_today(result)
    say(f"  runs: {runs or 'none'}", "dim")


def _say_result(result: "ReplayDocument") -> None:
    from ..store.contract.sending import WAITING
    from ..system.console import note, say

    words = ", ".join(f"{count:,} {name}" for name, count in result["deliveries"].items() if count)
    say(f"replayed {count_of(result['events'], 'event')}; deliveries: {words or 'none'}", "bold")
    if any(result["deliveries"][status] for status in WAITING):
        note("what waits is sent by `ingestlayer deliver --watch`")
