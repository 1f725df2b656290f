"""`pipelines`: what there is, what it did, and stopping one for a while."""

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .options import Json
from .pipeline_name import Name, check_name
from .pipelines_pause import pause, resume
from .pipelines_versions import diff, print_version, restore

if TYPE_CHECKING:
    from ..model.documents.events import RunCounts
    from ..model.documents.pipelines import (
        EditDocument,
        PipelineDocument,
        PipelinesDocument,
        VersionDocument,
        WholePipelineDocument,
    )
    from ..store.contract.reading import UsedVersion
    from ..system.typed import TomlTable

app = typer.Typer(
    help="The pipelines: what they are and did; compare and restore versions; pause and resume.", no_args_is_help=True
)

DAYS = 7  # that are counted one by one


@app.command("list")
def list_pipelines(json: Json = False) -> int:
    """List the pipelines with what they match, their version, and what they did in the last 24 hours and 7 days."""
    from ..system.console import say_json

    rows = _rows(None)
    if json:
        told = [{name: value for name, value in row.items() if name not in _WHOLE} for row in rows]
        document: PipelinesDocument = {"pipelines": cast("list[PipelineDocument]", told)}
        say_json(document)
        return 0
    from ..render.pipelines import listed

    _print(listed(rows))
    return 0


@app.command()
def show(
    name: Name,
    version: Annotated[
        str | None, typer.Option("--version", metavar="VERSION", help="Print the file of this version instead.")
    ] = None,
    json: Json = False,
) -> int:
    """Show one pipeline: its steps, branches and channels as a tree, and its versions."""
    from ..system.console import say_json

    if version is not None:
        return print_version(name, version, json)
    (row,) = _rows(name)
    if json:
        say_json(row)
        return 0
    from ..render.pipelines import shown

    _print(shown(row))
    return 0


app.command()(pause)
app.command()(resume)
app.command()(diff)
app.command()(restore)


# What `show` has and `list` has not.
_WHOLE = ("description", "file", "versions", "steps", "destinations", "tests")


def _rows(only: str | None) -> "list[WholePipelineDocument]":
    from ..engine.runtime import Runtime
    from ..engine.tally import no_runs
    from ..operations.versions import EDITED
    from ..project import load
    from ..system.console import note
    from . import note_problems, settings

    project = load(settings.project)
    if only is not None:
        check_name(only, project.names)
        if any(row["name"] == only for row in project.broken):
            project.sound()
    note_problems(project)
    with Runtime(project, keep=False) as runtime:
        store = runtime.stored
        versions = store.runs.versions() if store else {}
        days = store.runs.days(runtime.clock.now(), DAYS) if store else {}
        edited = store.notes(EDITED) if store and only is not None else {}
        project = runtime.project
    for name in project.lost_pauses:
        words = f"{name} is paused in the store, and there is no such pipeline"
        note(f"warning: {words}; to forget it: ingestlayer pipelines resume {name}", "yellow")
    rows = [
        _row(data, versions.get(data["name"], []), days.get(data["name"]) or [no_runs() for _ in range(DAYS)])
        for data in sorted(project.pipelines + project.broken, key=lambda data: str(data["name"]))
        if only in (None, data["name"])
    ]
    edits: list[EditDocument] = [
        {"version": it["version"], "kept": it["at"]} for it in edited.values() if it["pipeline"] == only
    ]
    if edits:
        rows[0]["edits"] = sorted(edits, key=lambda it: it["kept"], reverse=True)
    return rows


def _row(data: "TomlTable", versions: "list[UsedVersion]", days: "list[RunCounts]") -> "WholePipelineDocument":
    """Return what there is to say of a pipeline, its texts as the file has them."""
    import json
    import tomllib

    from ..system.clock import format_time

    is_broken = "problems" in data
    text = "" if is_broken else data["text"]
    written = json.loads(json.dumps(tomllib.loads(text), default=str))  # TOML has dates, JSON has not
    known: list[VersionDocument] = [
        {"version": v.version, "first_used": format_time(v.first_used), "current": v.version == data["version"]}
        for v in versions
    ]
    told: WholePipelineDocument = {
        "name": data["name"],
        "status": "broken" if is_broken else data["status"],
        "match": data["match"],
        "version": data["version"],
        "since": next((version["first_used"] for version in known if version["current"]), None),
        "last_24h": days[-1],
        "last_7d": {
            "queued": sum(day["queued"] for day in days),
            "dropped": sum(day["dropped"] for day in days),
            "failed": sum(day["failed"] for day in days),
        },
        "days": days,
        "description": written.get("description", ""),
        "file": data.get("file", ""),
        "versions": known,
        "steps": written.get("steps", []),
        "destinations": written.get("destinations", []),
        "tests": len(written.get("tests", [])),
    }
    if "paused" in data:
        told["paused"] = data["paused"]
    return told


def _print(drawn: Any) -> None:
    from ..render.preview import Trimmed
    from ..render.screen import screen

    console = screen()
    for item in drawn:
        console.print(Trimmed(item))
