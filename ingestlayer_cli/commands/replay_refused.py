"""`replay --refused`: accept what was kept while the project's files were broken."""

from typing import TYPE_CHECKING, Any

from ..engine import flow
from ..engine.refusing import letters
from ..engine.rehearsal import rehearse
from ..engine.runtime import Runtime
from ..operations.replay import Sending
from ..project import Project, load
from ..system.console import Progress, note, say, say_json
from ..system.document import Document
from ..system.errors import Exit, count_of
from . import settings
from .batch import say_batch
from .planned import Doing, asked, check_count
from .show import drawing, note_trouble

if TYPE_CHECKING:
    from ..model.documents.events import BatchDocument


def take(type_: str | None, doing: Doing, sending: Sending, as_json: bool, quiet: bool) -> int:
    """Show what would become of it, ask, and accept it; what is refused again is kept with its own rule."""
    project = load(settings.project, keep=not doing.dry_run)
    result = _planned(project, type_, quiet)
    events = result.told["accepted"] + result.told["duplicates"] + result.told["rejected"]
    messages = result.told["messages"]
    if not quiet and not as_json:
        say(f"{count_of(events, 'event')} refused, {count_of(sum(messages.values()), 'message')}", "bold")
        for target, number in sorted(messages.items()):
            say(f"  {target} {number:,}")
    check_count(doing.expect, events)
    if not doing.dry_run and events:
        if not doing.yes and not asked(sum(messages.values()), events):
            note("nothing was sent")
            return Exit.INTERRUPTED
        result = _taken(project, type_, sending, as_json or quiet, quiet)
        if not quiet and not as_json:
            say_batch(result.told)
    if as_json:
        say_json(result)
    else:
        for reject in result.told["rejects"][:10]:
            note(f"refused again: {reject['kind']}: {reject['message']}", "red")
        note_trouble(result)
    return flow.exit_code(result, sending.deliver and not doing.dry_run)


def _planned(project: Project, type_: str | None, quiet: bool) -> "Document[BatchDocument]":
    progress = Progress("event planned", quiet, "events planned")
    with Runtime(project, keep=False) as runtime:
        runtime.gate.allows_future = False
        chunks: Any = [] if runtime.stored is None else letters(runtime.stored, type_)
        result = rehearse(runtime, chunks, lambda so_far: progress.at(so_far["accepted"]))
    progress.end()
    return result


def _taken(
    project: Project, type_: str | None, sending: Sending, is_silent: bool, quiet: bool
) -> "Document[BatchDocument]":
    progress = Progress("event", quiet)
    with Runtime(project, show=drawing(is_silent)) as runtime:
        runtime.gate.allows_future = False
        chunks = letters(runtime.store, type_)
        result = flow.emit_batch(
            runtime, chunks, *sending, progress=lambda so_far: progress.at(so_far["accepted"]), are_letters=True
        )
    progress.end()
    return result
