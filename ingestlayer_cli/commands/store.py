"""`store`: upkeep of the store."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..system.errors import count_of
from . import open_beside
from .options import Hushed, Json

if TYPE_CHECKING:
    from ..model.documents.copying import ComparedDocument, CopyDocument, ScriptDocument
    from ..model.documents.projects import PruneDocument, VacuumDocument


app = typer.Typer(help="The store: what it holds, forgetting what is old.", no_args_is_help=True)


To = Annotated[str, typer.Option("--to", metavar="PLACE", help="A file, or a database: env:DATABASE_URL")]
With = Annotated[str | None, typer.Option("--with", metavar="PLACE", help="Compare with a store: a file, env:NAME …")]
SchemaName = Annotated[str, typer.Option("--in-schema", metavar="NAME", help="The schema of that database.")]
_SCHEMA = "ingestlayer"


@app.command()
def info(
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the SQL that makes the store, and do nothing.")
    ] = False,
    compared: With = None,
    in_schema: SchemaName = _SCHEMA,
    json: Json = False,
) -> int:
    """Show counts, sizes, the oldest delivery that waits, and check the file's integrity."""
    from ..system.console import say, say_json
    from ..system.errors import Exit

    if schema:
        return _say_schema(json)
    if compared is not None:
        return _compare(compared, in_schema, json)
    with open_beside() as runtime:
        found = runtime.store.upkeep.info()
    if json:
        say_json(found)
    else:
        for name, value in found.items():
            say(f"{name.replace('_', ' '):16} {_shown(value) or '-'}")
    return Exit.OK if found["integrity"] == "ok" else Exit.CONFIG


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(_counted(*row) for row in value.items())
    if isinstance(value, list):  # what is wrong with the file
        return "; ".join(value)
    return f"{value:,}" if isinstance(value, int) else value or ""


_ONE = {"deliveries": "delivery", "entities": "entity"}


def _counted(name: str, count: int) -> str:
    return count_of(count, _ONE.get(name, name.removesuffix("s")), name)


@app.command()
def prune(
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="DURATION", help="Else the project's [store] retention.")
    ] = None,
    trust_clock: Annotated[
        bool, typer.Option("--trust-clock", help="Though nothing was written for days: the clock is right.")
    ] = False,
    json: Json = False,
    hushed: Hushed = False,
) -> int:
    """Forget settled events that are older than the retention; what waits is never removed."""
    from ..operations import upkeep
    from ..system.clock import format_duration, parse_duration
    from ..system.console import Progress, note, say, say_json
    from ..system.errors import UsageError

    with open_beside() as runtime:
        if runtime.project.trouble is not None:
            raise runtime.project.trouble  # who remembers what for how long is not known
        try:
            wanted = parse_duration(older_than) if older_than else runtime.project.retention
        except ValueError as error:
            raise UsageError(f"--older-than: {error}") from None
        if not trust_clock:
            upkeep.check_clock(runtime)
        kept = upkeep.retention(runtime.project, wanted)
        if kept.events > wanted:
            note(f"note: an idempotency window is {format_duration(kept.events)} long: nothing younger is forgotten")
        progress = Progress("event", json)
        removed = upkeep.prune(runtime, kept, progress.at)
        progress.end()
    if json:
        document: PruneDocument = {"removed": removed}
        say_json(document)
    else:
        say(f"{count_of(removed, 'event')} removed")
    return 0


@app.command()
def vacuum(json: Json = False, hushed: Hushed = False) -> int:
    """Give free space back to the disk. Emitters wait meanwhile."""
    from ..system.console import say, say_json

    with open_beside() as runtime:
        before, after = runtime.store.upkeep.vacuum()
    if json:
        document: VacuumDocument = {"bytes_before": before, "bytes_after": after}
        say_json(document)
    else:
        say(f"{count_of(before, 'byte')} before, {after:,} after")
    return 0


@app.command()
def copy(to: To, in_schema: SchemaName = _SCHEMA, json: Json = False, hushed: Hushed = False) -> int:
    """Copy the store to another place, and compare: emitters may go on. One that was interrupted goes on, too."""
    from ..operations import copying
    from ..system.console import Progress, note, say_json

    with open_beside() as runtime:
        progress = Progress("rows", json)
        result = copying.copy(runtime, copying.place_named(runtime, to, in_schema), progress.at)
        progress.end()
    if json:
        say_json(result)
    else:
        _say_compared(result)
        if result["same"]:
            note(f"the same: now let [store] name {to}")
        else:
            note("something was written meanwhile: once the emitters rest, copy again", "red")
    return _answer(result)


def _say_schema(json: bool) -> int:
    from ..project import load_beside
    from ..store.opening import script_of
    from ..system.console import say, say_json
    from . import settings

    script = script_of(load_beside(settings.project, keep=False).store_path)
    if json:
        document: ScriptDocument = {"sql": script}
        say_json(document)
    else:
        say(script.rstrip())
    return 0


def _compare(place: str, in_schema: str, json: bool) -> int:
    from ..operations import copying
    from ..system.console import say_json

    with open_beside(keep=False) as runtime:
        result = copying.compare(runtime, copying.place_named(runtime, place, in_schema))
    if json:
        say_json(result)
    else:
        _say_compared(result)
    return _answer(result)


def _say_compared(result: "ComparedDocument | CopyDocument") -> None:
    from ..system.console import say

    for name, it in result["tables"].items():
        mark, style = ("✓", "") if it["same"] else ("✗", "yellow")
        say(f"{mark} {name:18} {it['here']:>12,} {it['there']:>12,}", style)


def _answer(result: "ComparedDocument | CopyDocument") -> int:
    from ..system.errors import Exit

    return Exit.OK if result["same"] else Exit.FOUND
