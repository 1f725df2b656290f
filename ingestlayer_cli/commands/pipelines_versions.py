"""`pipelines diff`, `pipelines restore` and `pipelines show --version`: the versions that the store has."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Hushed, Json
from .pipeline_name import Name, check_has_file, check_name

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..model.documents.pipelines import DiffDocument, PipelineVersionDocument, RestoreDocument
    from ..operations.versions import Plan


Wanted = Annotated[str, typer.Argument(metavar="VERSION", help="The version, or the start of its name.")]
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def diff(
    name: Name,
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="A version; without one, that which ran last.")
    ] = None,
    json: Json = False,
) -> int:
    """Show what is edited in a pipeline's file, since the version that ran last or another one."""
    from ..operations import versions
    from ..system.console import say, say_json

    check_has_file(name)
    with _runtime() as runtime:
        store = _store(runtime, name)
        known = versions.chosen(store, name, version)
        file = versions.file_of(runtime.project.root, name)
    lines = versions.diff(known, file)
    is_same = known.text == file.text and file.is_there
    if json:
        told: DiffDocument = {
            "pipeline": name,
            "file": file.name,
            "version": known.version,
            "changed": not is_same,
            "diff": "\n".join(lines),
        }
        say_json(told)
        return 0
    for line in lines:
        say(line, "bold" if line.startswith(("+++", "---")) else _STYLES.get(line[:1], ""))
    if is_same:
        say(f"{file.name} is {known.words}")
    elif not lines:
        say(f"{file.name} differs from {known.words} in its line ends alone")
    return 0


def restore(
    name: Name,
    version: Wanted,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
    hushed: Hushed = False,
) -> int:
    """Write a version into the pipeline's file. Edits that never ran are asked about, and kept in the store."""
    from ..operations import versions
    from ..system.console import note, say, say_json

    check_has_file(name)
    with _runtime() as runtime:
        planned = versions.plan(runtime, _store(runtime, name), name, version)
        done = planned.changes and (yes or _is_wanted(planned))
        if done:
            versions.restore(runtime, name, planned)
    file, known = planned.file, planned.version
    kept = planned.edits if done else None
    if json:
        told: RestoreDocument = {
            "pipeline": name,
            "file": file.name,
            "version": known.version,
            "changed": done,
            "kept": kept,
        }
        say_json(told)
        return 0
    if not planned.changes:
        say(f"{file.name} is {known.words} already")
    elif not done:
        say("nothing was changed")
    else:
        say(f"{file.name} is {known.words}")
        if kept is not None:
            note(f"what was edited is kept: ingestlayer pipelines restore {name} {kept}")
        for problem in planned.problems:
            note(f"warning: {problem.path}: {problem.problem}", "yellow")
    return 0


def print_version(name: str, version: str, json: bool) -> int:
    """Print the file of a version."""
    from ..operations import versions
    from ..system.console import note, say, say_json

    with _runtime() as runtime:
        known = versions.chosen(_store(runtime, name), name, version)
    if json:
        told: PipelineVersionDocument = {
            "name": name,
            "version": known.version,
            "file": f"pipelines/{name}.toml",
            "first_used": known.first_used or None,
            "text": known.text,
        }
        say_json(told)
        return 0
    note(f"{name} {known.words}", "dim")
    for line in known.text.splitlines():
        say(line)
    return 0


def _runtime() -> Any:
    from . import open_beside

    return open_beside(keep=False)


def _store(runtime: "Runtime", name: str) -> Any:
    """Return the store, which must know the pipeline, or the project must: a file may be gone."""
    from ..operations.versions import NOT_YET
    from ..system.errors import UsageError

    store = runtime.stored
    check_name(name, sorted({*runtime.project.names, *(store.runs.pipelines() if store else ())}))
    if store is None:
        raise UsageError(f"{name} has not run yet: there is no store", NOT_YET)
    return store


def _is_wanted(planned: "Plan") -> bool:
    """Ask where edits that never ran would be replaced, or the version does not fit the project of today."""
    from ..system.console import is_attended, note
    from ..system.errors import UsageError

    why = []
    if planned.edits is not None:
        why.append(f"{planned.file.name} has edits that never ran, and that no version has")
    if planned.held is not None:
        why.append(f'{planned.file.name} says status = "{planned.held}", and the version is active: it would run again')
    if planned.problems:
        path, problem = planned.problems[0]
        why.append(f"version {planned.version.version} does not fit the project of today: {path}: {problem}")
    if not why:
        return True
    if not (is_attended() and sys.stderr.isatty()):
        hint = "say --yes: the edits are kept in the store" if planned.edits else "say --yes"
        raise UsageError("; ".join(why), hint)
    for words in why:
        note(words, "yellow")
    return typer.confirm(f"Write version {planned.version.version} into {planned.file.name}?", err=True)
