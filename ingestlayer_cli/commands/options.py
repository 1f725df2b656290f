"""Options that several commands share."""

from typing import Annotated, Any, Literal

import typer

from ..system.console import hush
from ..system.errors import count_of

MOST = 1_000_000_000  # that a count may be: a store has no more of anything
Clock = Annotated[
    Literal["acceptance", "event"],
    typer.Option(
        "--clock",
        help="In which order: of acceptance, with what was known of entities then; or of the events' own times, with"
        " what is known today.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LogFile = Annotated[
    str | None, typer.Option("--log", metavar="FILE", help="Append what is decided, one JSON object a line.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
# The same for a command that does something and has nothing to tell that matters: it does not ask for it.
Hushed = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.", callback=hush, expose_value=False)]


def say_today(result: Any) -> None:
    """Say what of entities a replay or a backtest takes from today, since runs were not given it then."""
    from ..system.console import say

    for name, runs in sorted(result["today"].items()):
        say(f"  $entity.{name} as it is today in {count_of(runs, 'run')}: it was not kept", "yellow")
