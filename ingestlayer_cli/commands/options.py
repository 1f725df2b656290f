"""Options that several commands share."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..system.console import hush
from ..system.errors import count_of

if TYPE_CHECKING:
    from .arguments import Option


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


def of_table(options: "Iterable[Option]") -> list[Any]:
    """Return for Typer's help the options that a command reads by itself."""
    from typer.core import TyperOption

    from .help_texts import literal

    params: list[Any] = []
    for option in options:
        names = [option.flag, option.short] if option.short else [option.flag]
        if option.metavar:
            params.append(TyperOption(param_decls=names, metavar=option.metavar, help=literal(option.help)))
        else:
            params.append(TyperOption(param_decls=names, is_flag=True, default=False, help=literal(option.help)))
    return params


def say_today(result: Any) -> None:
    """Say what of entities a replay or a backtest takes from today, since runs were not given it then."""
    from ..system.console import say

    for name, runs in sorted(result["today"].items()):
        say(f"  $entity.{name} as it is today in {count_of(runs, 'run')}: it was not kept", "yellow")
