"""`status`: how the project stands, on one screen."""

from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json, Quiet

if TYPE_CHECKING:
    from ..model.documents.status import StatusDocument


SECONDS = 2  # between two looks of --watch


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and draw it anew.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Show on one screen whether all is well: what ran, what waits, what failed, and the command that mends it.

    Exits with 1 when something is wrong; with -q only that is printed.
    """
    from ..operations.status import status as look
    from ..system.clock import Clock
    from ..system.console import say_json
    from . import settings

    if watch:
        return _watch(json)
    document = look(settings.project, Clock())
    if json:
        say_json(document)
    else:
        show(document, quiet)
    return code_of(document)


def code_of(document: "StatusDocument") -> int:
    """Return the exit code of how a project stands."""
    from ..system.errors import Exit

    return Exit.FOUND if document["state"] == "trouble" else Exit.OK


def show(document: "StatusDocument", quiet: bool = False) -> None:
    """Print the page; `quiet`: its problems alone."""
    from shutil import get_terminal_size

    from ..render.slack_status import line
    from ..render.status import lines
    from ..system.console import say

    if quiet:
        for it in document["troubles"]:
            if it["mark"] == "problem":
                line(it["mark"], it["words"], it["hint"])
        return
    for text, style in lines(document, get_terminal_size().columns):
        say(text, style)


def _watch(json: bool) -> int:
    """Draw the page anew until it is interrupted; as JSON, a document a line."""
    import sys
    import time

    from ..operations.status import status as look
    from ..system.clock import Clock
    from ..system.console import coloured, lost, safe, say_json_line
    from ..system.errors import UsageError
    from . import settings

    clock = Clock()
    if json:
        while lost(sys.stdout) is None:
            say_json_line(look(settings.project, clock))
            time.sleep(SECONDS)
        return 0
    if not sys.stdout.isatty():
        raise UsageError("--watch draws on a terminal", "with --json it writes a document a line")
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from ..render.screen import screen
    from ..render.status import lines

    console = screen()

    def page() -> Group:
        found = lines(look(settings.project, clock), console.width)
        return Group(*(Text(safe(text), style, overflow="fold") for text, style in found))

    if not coloured(sys.stdout):  # nor may it draw over itself
        while lost(sys.stdout) is None:
            console.print(page())
            time.sleep(SECONDS)
        return 0
    with Live(page(), console=console, auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(SECONDS)
            live.update(page(), refresh=True)
