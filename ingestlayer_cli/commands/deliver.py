"""`deliver`: send what waits in the outbox."""

import signal
from typing import Annotated, Any

import typer

from .options import Json, Quiet


def deliver(
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and send whatever falls due.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Send at most so many.")] = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", metavar="NAME", help="Of this pipeline only.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", metavar="NAME", help="To this channel only.")] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Send everything that is due, once: retries, and what could not be sent before.

    What may or may not have arrived is looked up in the channel's history.
    """
    from .. import flow
    from ..console import Progress, note
    from ..project import load
    from ..runtime import Runtime
    from ..store.outbox import Wanted
    from . import settings
    from .show import drawing

    progress = Progress("deliveries", quiet or json)
    count = 0

    def said(row: Any, attempt: Any) -> None:
        nonlocal count
        count += 1
        if json or not quiet:
            _say(row, attempt, json)
        progress.at(count)

    with Runtime(load(settings.project), show=drawing(json or quiet)) as runtime:
        # SIGTERM, as from systemd: the messages in hand are finished, then the process ends.
        before = signal.signal(signal.SIGTERM, lambda *_: runtime.outbox.stop())
        try:
            run = flow.watch if watch else flow.deliver
            result = run(runtime, Wanted(pipeline=pipeline, target=channel), said, limit)
        finally:
            signal.signal(signal.SIGTERM, before)
        stopped = runtime.outbox.stopped
    progress.end()
    if not json:
        for hint in result.hints:
            note(f"hint: {hint}", "yellow")
        if result["waiting"] and not quiet:
            words = ", ".join(f"{count:,} {status}" for status, count in result["waiting"].items())
            note(f"still waiting: {words}; see `ingestlayer deliveries list`")
    return 0 if stopped else flow.exit_code(result)


def _say(row: Any, attempt: Any, json: bool) -> None:
    from ..clock import format_time
    from ..console import say, say_json_line

    next_at = format_time(attempt.due_at) if attempt.status == "retrying" else None
    if json:
        document = {
            "id": row.id,
            "destination": row.destination,
            "target": row.target,
            "outcome": attempt.outcome,
            "status": attempt.status,
            "error": attempt.error,
            "next_at": next_at,
        }
        say_json_line(document)
        return
    why = f": {attempt.error}" if attempt.error else ""
    style = {"delivered": "green", "dead": "red"}.get(attempt.status, "yellow")
    say(f"{row.target} {attempt.status} {row.id}{why}" + (f"; next at {next_at}" if next_at else ""), style)
