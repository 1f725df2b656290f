"""Options that several commands share."""

from typing import Annotated

import typer

MOST = 1_000_000_000  # that a count may be: a store has no more of anything
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LogFile = Annotated[
    str | None, typer.Option("--log", metavar="FILE", help="Append what is decided, one JSON object a line.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
