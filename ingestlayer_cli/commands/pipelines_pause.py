"""`pipelines pause` and `pipelines resume`."""

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..system.errors import count_of
from .options import Hushed, Json
from .pipeline_name import Name, check_has_file, check_name

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..model.documents.pipelines import PauseDocument


Why = Annotated[str | None, typer.Option("--why", metavar="TEXT", help="Why: it is shown wherever the pause is.")]
InFile = Annotated[
    bool, typer.Option("--in-file", help="In the pipeline's file, for whoever takes that; not in this store.")
]


def pause(name: Name, why: Why = None, in_file: InFile = False, json: Json = False, hushed: Hushed = False) -> int:
    """Stop a pipeline: its events are still accepted and stored, and can be replayed.

    The pause is kept in the store, for every process that uses it, until `resume`; the pipeline's file stays as it is.
    """
    from ..operations import pausing
    from ..project.status import write
    from ..system.console import note, say

    path, file, said = _file(name)
    if said == "draft":
        _refuse_draft(name, file, "there is nothing to pause")
    if why is not None and in_file:
        _refuse_why(file)
    waiting = 0
    if in_file:
        changed = write(path, file, "paused")
    else:
        with _runtime() as runtime:
            changed = said != "paused" and pausing.pause(runtime, name, why)
            waiting = pausing.still_sent(runtime, name)
    if json:
        return _say_json(name, "paused", changed, file)
    say(f"{name} is paused{'' if changed else ' already'}")
    note("it posts nothing; events are accepted and stored as before, and can be replayed once it is resumed")
    if said == "paused" and not in_file:
        note(f"{file} says so")
    if waiting:
        said = count_of(waiting, "message that it queued before is", "messages that it queued before are")
        note(f"{said} still sent: ingestlayer deliveries list --pipeline {name}")
    return 0


def resume(name: Name, in_file: InFile = False, json: Json = False, hushed: Hushed = False) -> int:
    """Let a paused pipeline run again, wherever it was paused: in the store, or in its file."""
    from ..operations import pausing
    from ..project.status import write
    from ..system.console import note, say

    with _runtime() as runtime:
        path, file, said = _file(name, _noted(runtime))
        if said == "draft" and name not in runtime.project.pauses:
            _refuse_draft(name, file, "it was not paused")
        edited = os.path.exists(path) and (said == "paused" or in_file) and write(path, file, "active")
        changed = (not in_file and pausing.resume(runtime, name)) or edited
        left = in_file and name in runtime.project.pauses
    if json:
        return _say_json(name, "paused" if left else "draft" if said == "draft" else "active", changed, file)
    if not os.path.exists(path):
        say(f"the pause of {name}, which is no pipeline any more, is forgotten")
        return 0
    if edited:
        note(f"{file} says so now")
    if left:
        say(f"{name} is paused still, in the store: ingestlayer pipelines resume {name}")
        return 0
    if said == "draft":
        say(f"{name} is a draft, and paused no more")
        return 0
    say(f"{name} is active{'' if changed else ' already'}")
    if changed:
        note("what came meanwhile is stored; to see what it would post: ingestlayer replay --since 1d --dry-run")
    return 0


def _runtime() -> Any:
    """The project is not checked: stopping a pipeline must not wait for another file's mistake."""
    from ..engine.runtime import Runtime
    from ..project import load_beside
    from . import settings

    return Runtime(load_beside(settings.project))


def _noted(runtime: "Runtime") -> list[str]:
    from ..engine.runtime import PAUSED

    return list(runtime.stored.notes(PAUSED)) if runtime.stored else []


def _file(name: str, others: list[str] | None = None) -> tuple[str, str, str]:
    """Return the path of a pipeline's file, its name, and the status that stands in it, where that can be read."""
    from ..project import find
    from ..project.edit import read
    from ..system.errors import ProjectError
    from . import settings

    root = find(settings.project, even_gone=True)
    folder = os.path.join(root, "pipelines")
    files = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    names = [file.removesuffix(".toml") for file in files if file.endswith(".toml")]
    check_has_file(name)
    check_name(name, names + (others or []))
    file = f"pipelines/{name}.toml"
    path = os.path.join(root, file)
    try:
        said = read(path, file)[1].get("status", "active") if name in names else ""
    except ProjectError:  # what it says is nothing to wait for: the store can pause it
        said = ""
    return path, file, said if isinstance(said, str) else ""


def _refuse_draft(name: str, file: str, words: str) -> None:
    from ..system.errors import UsageError

    raise UsageError(f"{name} is a draft: {words}", f'when it is ready, write status = "active" in {file}')


def _refuse_why(file: str) -> None:
    from ..system.errors import UsageError

    raise UsageError("--why is kept in the store: it does not go with --in-file", f"write it as a comment into {file}")


def _say_json(name: str, status: Literal["active", "paused", "draft"], changed: bool, file: str) -> int:
    from ..system.console import say_json

    document: PauseDocument = {"pipeline": name, "status": status, "changed": changed, "file": file}
    say_json(document)
    return 0
