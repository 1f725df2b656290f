"""`capture`: a stored event as a test of its pipeline."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from .options import Hushed, Json

if TYPE_CHECKING:
    from ..model.documents.projects import CapturedDocument, CaptureDocument
    from ..operations.capturing import Captured
    from ..store.contract.protocols import Store


def capture(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its id, the start of it, @last or @-2.")],
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", metavar="NAME", help="Of this pipeline's run only.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="What the test is called.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the test, and write nothing.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Write it also where the pipeline as it is now does something else.")
    ] = False,
    json: Json = False,
    hushed: Hushed = False,
) -> int:
    """Write a stored event, with what it led to, as a [[tests]] at the end of its pipeline's file.

    Personal data is masked by the rules of redact.pii, the same for the same value. The test passes at once; where it
    would not, nothing is written, and it is said why.
    """
    from ..operations import capturing
    from ..operations.naming import named
    from ..system.console import say_json
    from ..system.errors import Exit
    from . import open_runtime

    with open_runtime(keep=False) as runtime:
        item = named(runtime.stored, event)
        store = cast("Store", runtime.stored)  # an event of it was found
        done = capturing.capture(runtime, store, item.event, only=pipeline, name=name, write=not dry_run, anyway=anyway)
    if json:
        document: CaptureDocument = {"event": item.event.id, "tests": [_document(it) for it in done]}
        say_json(document)
    else:
        for it in done:
            _say(it, dry_run)
    return Exit.FOUND if any(it.why for it in done) else Exit.OK


def _document(captured: "Captured") -> "CapturedDocument":
    return {
        "pipeline": captured.pipeline,
        "file": captured.file,
        "name": captured.name or None,
        "line": captured.line,
        "known": captured.known,
        "masked": captured.masked,
        "toml": "\n".join(captured.lines) or None,
        "reason": captured.why or None,
    }


def _say(captured: "Captured", dry_run: bool) -> None:
    from ..system.console import note, say

    if captured.known:
        say(f'{captured.file} has it already: "{captured.name}"')
        return
    if dry_run:
        for line in captured.lines:
            say(line)
    elif captured.line is not None:
        say(f'{captured.file}:{captured.line}: "{captured.name}"')
    if captured.masked:
        note(f"masked: {', '.join(captured.masked)}")
    if captured.why:
        note(f"{captured.pipeline}: {captured.why}", "red")
    if captured.why and captured.lines and captured.line is None and not dry_run:
        note("nothing is written; --dry-run shows the test, --anyway writes it")
