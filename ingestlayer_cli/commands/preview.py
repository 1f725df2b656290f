"""`preview`: what emit would do and how the message will look; writes nothing, sends nothing."""

import json

from ..engine import flow
from ..engine.runtime import Runtime
from ..model import families
from ..model.events import Event
from ..model.gate import Raw
from ..project import Project, load
from ..system.clock import format_time
from ..system.console import note, say, say_json
from ..system.document import Document
from ..system.errors import Exit, ProjectError, UsageError, gravest
from ..system.typed import TYPE_CHECKING
from ..system.zones import moment_at
from . import Settings
from .arguments import PREVIEW, Arguments, parse, read_event
from .show import note_real

if TYPE_CHECKING:
    from ..model.documents.events import MessageDocument, PreviewDocument

BUILDER = "https://app.slack.com/block-kit-builder"


def run(settings: Settings, args: list[str]) -> Exit:
    """Run `preview` with its arguments and return the exit code."""
    project = load(settings.project, keep=False)
    return show(project, parse(args, PREVIEW, project.declaration))


def show(project: Project, arguments: Arguments) -> Exit:
    """Preview the event that the arguments mean."""
    with Runtime(project, keep=False) as runtime:
        runtime.gate.allows_future = arguments.on("--allow-future")
        result, twin = _previewed(runtime, arguments)
    if arguments.on("--json"):
        say_json(result)
    elif arguments.on("--blocks"):
        _say_blocks(result.told)
    elif arguments.on("--link"):
        _say_links(result.told)
    else:
        _draw(project, result.told, arguments)
        if not arguments.on("--quiet"):
            note_real(project, [message["destination"] for message in _messages(result.told)], "emit sends it")
    if twin and not arguments.on("--quiet"):
        note(
            f"note: {twin} already took this idempotency key: emit would answer duplicate and send nothing",
            "yellow",
        )
    for hint in dict.fromkeys(result.hints):
        note(f"hint: {hint}", "yellow")
    return gravest(result.exit_codes)


def _previewed(runtime: Runtime, arguments: Arguments) -> "tuple[Document[PreviewDocument], str | None]":
    """Return the preview, and the id of the event that already has its key."""
    at = _at(runtime.project, arguments.options["--at"]) if arguments.on("--at") else None
    if arguments.on("--event"):
        event = _stored_event(runtime, arguments.options["--event"])
        return flow.preview_event(runtime, event if at is None else event._replace(received_at=at)), None
    raw = _raw(runtime.project, arguments)
    if at is not None:
        runtime.gate.allows_future = True
        raw = raw._replace(timestamp=format_time(at))
    return flow.preview(runtime, raw)


def _at(project: Project, text: str) -> int:
    """Read a time as the project's clock shows it, unless it has an offset of its own."""
    from datetime import datetime, timedelta

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--at: {text} is no time", "write it like 2026-12-24T20:00") from None
    if moment.tzinfo is not None:
        return round(moment.timestamp() * 1000)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return moment_at(moment.date(), (moment - midnight) // timedelta(milliseconds=1), project.timezone)


def _stored_event(runtime: Runtime, word: str) -> Event:
    from ..operations.naming import named

    return named(runtime.stored, word).event


def _raw(project: Project, arguments: Arguments) -> Raw:
    """Return the event to preview: the declaration's example when only a type is given."""
    raw = read_event(project, arguments)
    if arguments.assignments or arguments.on("--data"):
        return raw
    declaration = project.declaration(arguments.type)
    if declaration is None or declaration.example is None:
        if declaration is None:
            return raw  # the gate says that it is not declared
        raise ProjectError(
            f"{arguments.type} has no [example] to preview",
            f"add one to its declaration, or give the fields: ingestlayer preview {arguments.type} --help",
        )
    return raw._replace(payload=declaration.example)


def _messages(result: "PreviewDocument") -> "list[MessageDocument]":
    return [message for run in result["runs"] for message in run["messages"]]


def _of_blocks(result: "PreviewDocument", flag: str) -> "list[MessageDocument]":
    """Return the messages that have blocks; say so when none has."""
    messages = _messages(result)
    kinds = {kind for kind in families.kinds("destinations") if families.member("destinations", kind).block_kit}
    found = [message for message in messages if families.kind_of(message["destination"]) in kinds]
    if not found:
        what = "no message in Slack: `ingestlayer preview` without {} shows what is sent" if messages else ""
        note((what or "no message: `ingestlayer preview` without {} says why").format(flag), "yellow")
    return found


def _say_blocks(result: "PreviewDocument") -> None:
    """Print {"blocks": […]} as the Block Kit Builder takes it; a list when there are several messages."""
    found = [{"blocks": message["body"]["blocks"]} for message in _of_blocks(result, "--blocks")]
    say_json(found[0] if len(found) == 1 else found)


def _say_links(result: "PreviewDocument") -> None:
    from urllib.parse import quote

    for message in _of_blocks(result, "--link"):
        blocks = json.dumps({"blocks": message["body"]["blocks"]}, ensure_ascii=False, separators=(",", ":"))
        say(f"{BUILDER}#{quote(blocks)}")


def _draw(project: Project, result: "PreviewDocument", arguments: Arguments) -> None:
    from ..render.preview import preview

    drawn = preview(result, project.timezone)
    title = f"ingestlayer preview {result['event']['type']}"
    for flag in ("--svg", "--html"):
        if arguments.on(flag):
            from ..render import picture

            text = picture.svg(drawn, title) if flag == "--svg" else picture.html(drawn, title)
            _write(arguments.options[flag], text, flag)
    if not (arguments.on("--quiet") or arguments.on("--svg") or arguments.on("--html")):
        from ..render.screen import screen

        screen().print(*drawn, sep="\n")


def _write(path: str, text: str, flag: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{flag} {path}: {error.strerror}") from None
    note(f"wrote {path}")
