"""`serve`: take events over HTTP, and deliver."""

from typing import Annotated, Any

import typer

from .options import Json, Quiet

AGAIN = 60  # seconds after which a trouble that lasts is told again
MOST_TOLD = 100  # troubles of which it is known that they were told


def serve(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")] = 7070,
    is_open: Annotated[
        bool, typer.Option("--open", help="Take events without a key, from this machine alone: for development.")
    ] = False,
    no_deliver: Annotated[
        bool, typer.Option("--no-deliver", help="Accept alone: `deliver --watch` sends, beside it.")
    ] = False,
    forwarded: Annotated[
        str | None,
        typer.Option(
            "--forwarded-allow-ips",
            metavar="ADDRESSES",
            help="The proxies whose word counts for where a request comes from: 10.0.0.1,10.0.0.2.",
        ),
    ] = None,
    certfile: Annotated[str | None, typer.Option("--ssl-certfile", metavar="FILE", help="TLS without a proxy.")] = None,
    keyfile: Annotated[str | None, typer.Option("--ssl-keyfile", metavar="FILE", help="Its key.")] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="So many processes, where the store is PostgreSQL.")
    ] = 1,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Take events over HTTP: POST /v1/ingest with a key, POST /in/NAME for [sources.NAME]; deliver meanwhile.

    A request is answered once its events are durable. Each one is a line of JSON on stdout. SIGTERM finishes what is
    in hand.
    """
    import sys
    from time import monotonic

    from ..system.console import note, note_traceback
    from ..system.errors import Exit, UsageError, in_words
    from . import settings

    if is_open:
        _check_loopback(host)
    if keyfile and not certfile:
        raise UsageError("--ssl-keyfile without --ssl-certfile", "name both")
    try:
        from ..server.life import Life, Options
        from ..server.log import Output
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn", "h11"):
            raise
        from ..system.extras import to_install

        raise UsageError("serve needs starlette and uvicorn", to_install("serve")) from None
    options = Options(
        host=host,
        port=port,
        is_open=is_open,
        deliver=not no_deliver,
        forwarded=forwarded,
        certfile=certfile,
        keyfile=keyfile,
        is_quiet=quiet,
        workers=workers,
    )
    output = Output(sys.stdout.fileno())

    def said(words: str) -> None:
        if not quiet:
            note(words)

    told: dict[str, float] = {}

    def troubled(error: Exception) -> None:
        known = in_words(error)
        why = ": ".join(known.details[0]) if known.details else known.message
        if why in told and monotonic() - told[why] < AGAIN:
            return
        if len(told) >= MOST_TOLD:
            told.clear()
        told[why] = monotonic()
        if settings.debug:
            note_traceback(error)
        note(f"warning: {why}", "yellow")

    try:
        stopped = Life(settings.project, options, _drawing(output, json or quiet), output, said, troubled).run()
    finally:
        output.close()
    return Exit.INTERRUPTED if stopped else Exit.OK


def _check_loopback(host: str) -> None:
    from ..system.addresses import is_loopback
    from ..system.errors import UsageError

    if not is_loopback(f"[{host}]" if ":" in host else host):
        hint = "make a key for who sends: ingestlayer keys create NAME"
        raise UsageError(f"--open takes events from anybody: it is not for {host}", hint)


def _drawing(output: Any, silent: bool) -> Any:
    """Return what draws the messages of the terminal connection, between the lines of the log."""
    from .show import as_drawn, drawing

    return drawing(True) if silent else lambda kind, target, body: output.add(as_drawn(kind, target, body))
