"""Many events: their runs are counted once they are committed, their messages sent at the end."""

from collections.abc import Iterable, Iterator

from ..store.contract.sending import Wanted
from ..store.sqlite import outbox as rows
from ..system.document import Document
from ..system.errors import Exit
from .pipeline import Run
from .runtime import Runtime

WAIT = 10_000  # milliseconds that a call waits for what it queued
HINTS = 10  # more of them nobody reads


def no_runs() -> dict[str, int]:
    """Return the counts of runs by their outcome, before the first."""
    return {"queued": 0, "dropped": 0, "failed": 0}


def count(result: Document, runs: Iterable[Run]) -> None:
    """Count runs that are committed. Of a failed one the result has the exit code, and a hint."""
    for run in runs:
        result["runs"][run.outcome] += 1
        if run.error is None:
            continue
        if run.error.exit_code not in result.exit_codes:
            result.exit_codes.append(run.error.exit_code)
        words = f"{run.pipeline}: {run.error.message}" + (f"; {run.error.hint}" if run.error.hint else "")
        if words not in result.hints and len(result.hints) < HINTS:
            result.hints.append(words)


def settle(runtime: Runtime, result: Document, queued: list[range], deliver: bool, wait: int = WAIT) -> None:
    """Send what many events queued, unless it is to wait; the result says what became of it."""
    if deliver and queued:
        send_own(runtime, queued, wait)
    result["deliveries"] = rows.counts(runtime.store, queued)
    result.exit_codes += _codes(result, deliver)


def send_own(runtime: Runtime, queued: list[range], wait: int) -> None:
    """Send what this call queued, and in the same channels what was accepted before it: order is kept."""
    connections, wanted = runtime.connections, Wanted(queued=tuple(queued))
    lanes = rows.lanes_of(runtime.store, queued)
    until = runtime.clock.now() + wait
    is_drawn = all(connections.of(destination).is_drawn for destination in lanes.values())
    if not is_drawn:
        wanted = wanted._replace(lanes=tuple(sorted(lanes)))
    if runtime.courier is None or is_drawn:
        runtime.outbox.send(wanted, until, until)
    else:
        runtime.courier.send(wanted, until, connections)


def _codes(result: Document, deliver: bool) -> Iterator[Exit]:
    """Yield the exit codes that the counts of events and their deliveries call for."""
    if result.get("rejected"):
        yield Exit.REJECTED
    deliveries = result["deliveries"]
    if deliveries["dead"]:
        yield Exit.DEAD
    if deliver and (deliveries["pending"] or deliveries["retrying"] or deliveries["unknown"]):
        yield Exit.WAITING
