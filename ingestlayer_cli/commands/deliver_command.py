"""`deliver` for Typer."""

from typing import Annotated

import typer

from .deliver import send
from .options import MOST, Json, LogFile, Quiet


def deliver(
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and send whatever falls due.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, max=MOST, help="Send at most so many.")] = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", metavar="NAME", help="Of this pipeline only.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", metavar="NAME", help="To this channel only.")] = None,
    log: LogFile = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Send everything that is due, once: retries, and what could not be sent before; runs that failed are run again.

    What may or may not have arrived is looked up in the channel's history.
    """
    return send(watch=watch, limit=limit, pipeline=pipeline, channel=channel, log=log, json=json, quiet=quiet)
