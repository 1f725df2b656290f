"""`pipelines`: what there is, what it did, and stopping one for a while."""

from typing import Annotated, Any

import typer

from .options import Json

app = typer.Typer(help="The pipelines: what they are and did; pause and resume one.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The pipeline's name: its file without .toml.")]

DAYS = 7  # that are counted one by one


@app.command("list")
def list_pipelines(json: Json = False) -> int:
    """List the pipelines with what they match, their version, and what they did in the last 24 hours and 7 days."""
    from ..system.console import say_json

    rows = _rows(None)
    if json:
        say_json({"pipelines": [{name: row[name] for name in row if name not in _WHOLE} for row in rows]})
        return 0
    from ..render.pipelines import listed

    _print(listed(rows))
    return 0


@app.command()
def show(name: Name, json: Json = False) -> int:
    """Show one pipeline: its steps, branches and channels as a tree, and its versions."""
    from ..system.console import say_json

    (row,) = _rows(name)
    if json:
        say_json(row)
        return 0
    from ..render.pipelines import shown

    _print(shown(row))
    return 0


@app.command()
def pause(name: Name, json: Json = False) -> int:
    """Stop a pipeline: its events are still accepted and stored, and can be replayed."""
    return _set(name, "paused", json)


@app.command()
def resume(name: Name, json: Json = False) -> int:
    """Let a paused pipeline run again."""
    return _set(name, "active", json)


# What `show` has and `list` has not.
_WHOLE = ("description", "file", "versions", "steps", "destinations", "tests")


def _rows(only: str | None) -> list[dict[str, Any]]:
    from ..engine.runtime import Runtime
    from ..engine.tally import no_runs
    from ..project import load
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
    return [
        _row(data, versions.get(data["name"], []), days.get(data["name"]) or [no_runs() for _ in range(DAYS)])
        for data in project.pipelines
        if only in (None, data["name"])
    ]


def _row(data: dict[str, Any], versions: list[Any], days: list[dict[str, int]]) -> dict[str, Any]:
    """Return what there is to say of a pipeline, its texts as the file has them."""
    import json
    import tomllib

    from ..system.clock import format_time

    written = json.loads(json.dumps(tomllib.loads(data["text"]), default=str))  # TOML has dates, JSON has not
    known = [
        {"version": v.version, "first_used": format_time(v.first_used), "current": v.version == data["version"]}
        for v in versions
    ]
    return {
        **{name: data[name] for name in ("name", "status", "match", "version")},
        "since": next((version["first_used"] for version in known if version["current"]), None),
        "last_24h": days[-1],
        "last_7d": {outcome: sum(day[outcome] for day in days) for outcome in days[-1]},
        "days": days,
        "description": written.get("description", ""),
        "file": f"pipelines/{data['name']}.toml",
        "versions": known,
        "steps": written.get("steps", []),
        "destinations": written.get("destinations", []),
        "tests": len(written.get("tests", [])),
    }


def _set(name: str, status: str, json: bool) -> int:
    """Edit the file. The project is not checked: stopping a pipeline must not wait for another file's mistake."""
    import os

    from ..project import find
    from ..project.edit import read
    from ..project.status import write
    from ..system.console import note, say, say_json
    from . import settings

    root = find(settings.project)
    folder = os.path.join(root, "pipelines")
    files = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    check_name(name, [file.removesuffix(".toml") for file in files if file.endswith(".toml")])
    file = f"pipelines/{name}.toml"
    path = os.path.join(root, file)
    if read(path, file)[1].get("status") == "draft":
        _refuse_draft(name, file, status)
    changed = write(path, file, status)
    if json:
        say_json({"pipeline": name, "status": status, "changed": changed, "file": file})
        return 0
    say(f"{name} is {status if changed else f'{status} already'}")
    if status == "paused":
        note("it posts nothing; events are accepted and stored as before, and can be replayed once it is resumed")
    elif changed:
        note("what came meanwhile is stored; to see what it would post: ingestlayer replay --since 1d --dry-run")
    return 0


def _refuse_draft(name: str, file: str, status: str) -> None:
    from ..system.errors import UsageError

    words = "there is nothing to pause" if status == "paused" else "it was not paused"
    raise UsageError(f"{name} is a draft: {words}", f'when it is ready, write status = "active" in {file}')


def check_name(name: str, known: list[str]) -> None:
    """Refuse the name of a pipeline that there is not."""
    from ..system.errors import UsageError, near_miss

    if name not in known:
        listed = near_miss(name, known) or (f": there are {', '.join(known)}" if known else "")
        raise UsageError(f'there is no pipeline "{name}"{listed}', "`ingestlayer pipelines list` shows them")


def _print(drawn: Any) -> None:
    from rich.console import Console

    from ..render.preview import Trimmed

    console = Console()
    for item in drawn:
        console.print(Trimmed(item))
