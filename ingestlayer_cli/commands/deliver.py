"""`deliver`: send what waits in the outbox."""

from typing import Any

from .options import Json, Quiet


def deliver(json: Json = False, quiet: Quiet = False) -> int:
    """Send everything that is due, once: retries, and what could not be sent before."""
    from .. import flow
    from ..console import note, say, say_json
    from ..project import load
    from ..runtime import Runtime
    from ..store.outbox import Wanted
    from . import settings
    from .show import drawing

    def said(claimed: Any, attempt: Any) -> None:
        if json:
            say_json({"id": claimed.id, "target": claimed.target, "status": attempt.status, "error": attempt.error})
        elif not quiet:
            why = f": {attempt.error}" if attempt.error else ""
            say(f"{claimed.target} {attempt.status} {claimed.id}{why}")

    with Runtime(load(settings.project), show=drawing(json or quiet)) as runtime:
        result = flow.deliver(runtime, Wanted(), said)
    for hint in dict.fromkeys(result.hints):
        if not json:
            note(f"hint: {hint}", "yellow")
    return flow.exit_code(result)
