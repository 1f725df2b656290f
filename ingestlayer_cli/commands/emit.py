"""`emit`: accept an event, or a batch of them."""

import sys

from ..engine import flow
from ..engine.accepting import bury
from ..engine.runtime import Runtime
from ..model.gate import Raw
from ..project import Project, load
from ..system.console import note, say, say_json
from ..system.document import Document
from ..system.errors import Exit, ProjectError, RejectedError, UsageError
from ..system.typed import TYPE_CHECKING, Values
from . import Settings
from .arguments import EMIT, Arguments, parse, read_event, wait_of
from .show import drawing, note_real, note_trouble, note_unsent

if TYPE_CHECKING:
    from ..model.documents.events import EmitDocument, RunDocument
    from ..system.log import Log


def run(settings: Settings, args: list[str]) -> Exit:
    """Run `emit` with its arguments and return the exit code."""
    try:
        project = load(settings.project, keep="--dry-run" not in args)
    except ProjectError as error:
        from .refused import keep

        raise keep(settings, args, error) from None
    arguments = parse(args, EMIT, project.declaration)
    for flag in ("--format", "--rejects"):
        if arguments.on(flag) and not arguments.on("--batch"):
            raise UsageError(f"{flag} is of a batch, and there is none", "name it: --batch FILE")
    if arguments.on("--dry-run") and not arguments.on("--batch"):
        from .preview import show

        return show(project, arguments)
    deliver, wait = not arguments.on("--no-deliver"), wait_of(arguments)
    if arguments.on("--batch"):
        from .batch import run_batch

        return run_batch(project, arguments, deliver, wait)
    as_json, quiet = arguments.on("--json"), arguments.on("--quiet")
    log = _log(arguments)
    try:
        result, project = _emit(project, arguments, deliver, wait)
    except RejectedError as error:
        if log is not None:
            log.add("refused", type=arguments.type, kind=error.kind, why=error.message)
        raise
    if log is not None:
        log.add(**_decision(result.told))
    if as_json:
        say_json(result)
    elif quiet:
        _say_trouble(result.told)
    else:
        _say(project, result.told)
        _note_broken(project, result.told)
    if not as_json:
        note_trouble(result)
    return flow.exit_code(result, deliver)


def _emit(project: Project, arguments: Arguments, deliver: bool, wait: int) -> "tuple[Document[EmitDocument], Project]":
    """Return the result, and the project as it ran."""
    silent = arguments.on("--json") or arguments.on("--quiet")
    with Runtime(project, show=drawing(silent)) as runtime:
        runtime.gate.allows_future = arguments.on("--allow-future")
        try:
            raw = read_event(project, arguments)
        except RejectedError as error:  # it never came to the gate
            bury(runtime, Raw(arguments.type, None), error.text, error)
            raise
        result = flow.emit(runtime, raw, deliver, wait)
        if result.told["status"] == "duplicate" and not silent:
            _hint_shown(runtime, result)
        if arguments.on("--quiet") and not arguments.on("--json"):
            note_unsent(runtime, _shown(result.told))
        return result, runtime.project


def _shown(result: "EmitDocument") -> int:
    return sum(row["status"] == "shown" for run in result["runs"] for row in run["deliveries"])


def _hint_shown(runtime: Runtime, result: "Document[EmitDocument]") -> None:
    """Tell of a duplicate that the first was but drawn on a terminal: how it is seen, or sent once that can be."""
    from ..engine.connections import drawn_kinds
    from ..model.families import kind_of

    event, drawn = result.told["event"]["id"], drawn_kinds(runtime.project.connections)
    rows = [row for rows in runtime.store.deliveries.of_event(event, runtime.clock.now()).values() for row in rows]
    shown = {kind_of(row["destination"]) for row in rows if row["status"] == "shown"}
    if any(row["status"] == "delivered" for row in rows):
        return
    if not shown.issubset(drawn):
        result.hints.append(f"the first was only shown on a terminal; to send it: ingestlayer replay {event}")
    elif shown and not result.told["runs"]:
        result.hints.append("the first was drawn on the terminal then; to draw this one: preview in place of emit")


def _log(arguments: Arguments) -> "Log | None":
    """Return the log that `--log` names, or None. It is loaded only then."""
    if not arguments.on("--log"):
        return None
    from ..system.log import Log

    return Log(arguments.options["--log"], "emit")


def _decision(result: "EmitDocument") -> Values:
    """Return what was decided on an event, as the log has it."""
    event = result["event"]
    told = {"event": event["id"], "type": event["type"], "key": event["idempotency_key"]}
    runs = [
        {
            "pipeline": run["pipeline"],
            "outcome": run["outcome"],
            "dropped_by": run["dropped_by"],
            "reason": run["reason"],
            "deliveries": [
                {"id": row["id"], "target": row["target"], "status": row["status"]} for row in run["deliveries"]
            ],
        }
        for run in result["runs"]
    ]
    return {"decision": result["status"], **told, "runs": runs}


def _say(project: Project, result: "EmitDocument") -> None:
    from ..store.contract.sending import place_of

    event = result["event"]
    if result["status"] == "duplicate":
        words = "what had failed of it is run again" if result["runs"] else "nothing is sent"
        say(f"duplicate of {event['id']}, received {event['received_at']}: {words}", "bold")
        say(f"  idempotency key {event['idempotency_key']}")
        if result["differs"]:
            say(f"  differs from the first in: {', '.join(result['differs'])}")
    else:
        say(f"accepted {event['id']} {event['type']}{', kept on this machine' if 'kept' in result else ''}", "bold")
    for run in result["runs"]:
        say(f"  {run['pipeline']}")
        if run["outcome"] != "queued":
            by = f" by {run['dropped_by']}" if run["dropped_by"] else ""
            say(f"    {run['outcome']}{by}: {_why(run)}", "red" if run["outcome"] == "failed" else "")
        for delivery in run["deliveries"]:
            error = f": {delivery['error']}" if delivery["error"] else ""
            error = f" until {delivery['next_at']}" if not error and "next_at" in delivery else error
            style = {"delivered": "green", "shown": "green", "dead": "red"}.get(delivery["status"], "yellow")
            say(f"    {place_of(delivery)} {delivery['status']}{error}", style)
        for skipped in run["skipped"]:
            say(f"    {skipped['target']} skipped: {skipped['reason']}", "dim")
    sent = [row["destination"] for run in result["runs"] for row in run["deliveries"] if row["status"] == "delivered"]
    note_real(project, sent, "it was sent")
    if not result["runs"] and result["status"] == "accepted" and "kept" not in result:
        note(f"warning: {_unmatched(project, event['type'])}", "yellow")
    sys.stdout.flush()


def _note_broken(project: Project, result: "EmitDocument") -> None:
    """Say all that is wrong with the files of the pipelines whose runs failed by them."""
    failed = {run["pipeline"] for run in result["runs"] if run["outcome"] == "failed"}
    for row in project.broken:
        if row["name"] in failed:
            note(f"error: pipelines/{row['name']}.toml is broken: its run failed, the others went on", "red")
            for path, problem in row["problems"]:
                note(f"  {path}: {problem}")


def _say_trouble(result: "EmitDocument") -> None:
    """Say on stderr what went wrong after the event was accepted: all that `-q` prints."""
    for run in result["runs"]:
        if run["outcome"] == "failed":
            note(f"error: {run['pipeline']}: {_why(run)}", "red")
        for delivery in run["deliveries"]:
            if delivery["error"]:
                note(f"error: {delivery['target']} {delivery['status']}: {delivery['error']}", "red")


def _why(run: "RunDocument") -> str:
    """Return why a run sends nothing; of a failed one, when it is run again."""
    if run["outcome"] != "failed":
        return str(run["reason"])
    return f"{run['reason']}; it is run again " + (
        f"at {run['retry_at']}" if run["retry_at"] else "once its pipeline has changed"
    )


def _unmatched(project: Project, type_: str) -> str:
    from ..project.match import matches

    idle = [f"{p['name']} is {p['status']}" for p in project.pipelines + project.broken if matches(p["match"], type_)]
    return f"no active pipeline matches {type_}" + (f" ({', '.join(idle)})" if idle else "")
