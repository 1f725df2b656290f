"""Drawing messages on the terminal. Rich is loaded when the first one is drawn."""

import sys
from collections.abc import Iterable

from ..engine.connections import Show, drawn_kinds
from ..engine.runtime import Runtime
from ..model.families import kind_of, member
from ..project import Project
from ..system.console import note
from ..system.document import Document
from ..system.typed import TYPE_CHECKING, Body

if TYPE_CHECKING:
    from ..model.documents.events import TroubledDocument


_TOLD = "told", "terminal"  # the store's note that it was said


def drawing(silent: bool) -> Show:
    """Return what draws the messages of the terminal connection."""
    return _nothing if silent else draw


def note_real(project: Project, kinds: Iterable[str], words: str) -> None:
    """Say, where the terminal stands for some kind of destination, that it does so for no other."""
    drawn = drawn_kinds(project.connections)
    others = ", ".join(dict.fromkeys(kind for kind in kinds if kind_of(kind) not in drawn))
    if others and drawn:
        names = " and ".join(member("destinations", kind).__name__ for kind in drawn)
        note(f'note: connection = "terminal" stands for {names} alone; {others}: {words}', "dim")


def note_unsent(runtime: Runtime, shown: int) -> None:
    """Say to a person, once for a store, that what `-q` does not even draw leaves this machine by nothing.

    A job of cron has `-q` for errors alone: of it `status` and `doctor` say the same.
    """
    if shown and sys.stderr.isatty() and runtime.store.note(*_TOLD) is None:
        with runtime.store.transaction() as transaction:
            transaction.write_note(*_TOLD, True, runtime.clock.now())
        note(
            'note: connection = "terminal": messages are shown here at most, and nothing leaves this machine', "yellow"
        )
        note("hint: to send them: ingestlayer slack connect (this is said once)", "yellow")


def note_trouble(result: "Document[TroubledDocument]") -> None:
    """Say what failed once something was committed, and the hints of a result: all on stderr."""
    hints = list(result.hints)
    if trouble := result.told.get("trouble"):
        note(f"error: {trouble['message']}", "red")
        hints.append(trouble["hint"])
    for hint in dict.fromkeys(hints):
        note(f"hint: {hint}", "yellow")


def _nothing(kind: str, target: str, body: Body) -> None:
    pass


def as_drawn(kind: str, target: str, body: Body) -> str:
    """Return one message as it would look where it goes."""
    from ..render.message import message
    from ..render.screen import screen

    console = screen()
    with console.capture() as drawn:
        console.print(message(kind, target, body))
    return drawn.get()


def draw(kind: str, target: str, body: Body) -> None:
    """Draw one message on stdout as it would look where it goes."""
    sys.stdout.write(as_drawn(kind, target, body))
    sys.stdout.flush()
