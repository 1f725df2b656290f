"""What is told once events are committed: their runs are counted, their messages sent, and whatever fails then.

Before the commit an error means that nothing was accepted. After it the result is told all the same, with the error
as its `trouble`.
"""

from collections.abc import Iterable, Iterator

from ..model.events import Event
from ..store.contract.accepting import NOTHING, Queued
from ..store.contract.sending import OPEN, OVER, Wanted, no_deliveries
from ..system.clock import DAY
from ..system.document import Document
from ..system.errors import Exit, IngestlayerError, in_words
from ..system.typed import TYPE_CHECKING, Any, Literal, cast
from .pipeline import Run
from .runtime import Runtime

if TYPE_CHECKING:
    from ..model.documents.events import (
        EmitDocument,
        QueuedDocument,
        RanDocument,
        RunCounts,
        RunDocument,
        SettledDocument,
        SkippedDocument,
        StandingDocument,
        Status,
        TroubledDocument,
    )
    from ..store.contract.sending import Attempt, Claimed, Doubtful
    from .attempts import Said
    from .unfinished import Again

WAIT = 10_000  # milliseconds that a call waits for what it queued
FEW = 50  # runs that a call which is not patient runs again
HINTS = 10  # more of them nobody reads
SAFE = "what was accepted is safe, do not emit it again: `ingestlayer deliver` sends its messages"


def no_runs() -> "RunCounts":
    """Return the counts of runs by their outcome, before the first."""
    return {"queued": 0, "dropped": 0, "failed": 0}


def count(result: "Document[RanDocument]", runs: Iterable[Run]) -> None:
    """Count runs that are committed. Of a failed one the result has the exit code, and a hint."""
    for run in runs:
        result.told["runs"][run.outcome] += 1
        if run.error is None:
            continue
        if run.error.exit_code not in result.exit_codes:
            result.exit_codes.append(run.error.exit_code)
        words = f"{run.pipeline}: {run.error.message}" + (f"; {run.error.hint}" if run.error.hint else "")
        if words not in result.hints and len(result.hints) < HINTS:
            result.hints.append(words)


def settle(
    runtime: Runtime, result: "Document[SettledDocument]", queued: Queued, deliver: bool, wait: int = WAIT
) -> None:
    """Send what many events queued, unless it is to wait; the result says what became of it."""
    try:
        if deliver and queued:
            send_own(runtime, queued, wait)
    except Exception as error:
        add_trouble(result, error)
    try:
        result.told["deliveries"] = runtime.store.outbox.counts(queued)
    except Exception as error:
        add_trouble(result, error)
        result.told["deliveries"] = no_deliveries()
        result.told["deliveries"][unread(deliver)] = len(queued)
    result.exit_codes += _codes(result, deliver)


def unread(deliver: bool) -> 'Literal["unknown", "pending"]':
    """Return the status of a message that cannot be read from the store any more."""
    return "unknown" if deliver else "pending"


def nothing_accepted(error: IngestlayerError) -> IngestlayerError:
    """Say of an error that it came before the commit."""
    error.add_hint("nothing was accepted: emit again")
    return error


def note_spool(runtime: Runtime, result: Document[Any]) -> None:
    """Tell in a result what is wrong with what is kept on this machine, if anything is."""
    if runtime.spool_error is not None:
        from .spool import note_fault

        note_fault(runtime.spool_error, result)


def add_trouble(
    result: "Document[TroubledDocument]", error: Exception, after: str = "after the commit", hint: str = SAFE
) -> None:
    """Tell in a result what failed once some of it was committed; the first that did."""
    known = in_words(error)
    code = known.exit_code if known.exit_code == Exit.DEFECT else Exit.WAITING
    if code not in result.exit_codes:
        result.exit_codes.append(code)
    if "trouble" not in result:
        known.add_hint(hint)
        result.told["trouble"] = known.document()["error"]
        result.told["trouble"]["message"] = f"{after}: {known.message}"


def run_again(runtime: Runtime, ids: list[str], pipeline: str | None = None) -> "tuple[list[Again], Queued]":
    """Run again at once what failed of these events; return it, and what it queued."""
    if not (ids and runtime.store.has_unfinished()):
        return [], NOTHING
    from .unfinished import run_events

    return run_events(runtime, ids, pipeline)


def send_own(runtime: Runtime, queued: Queued, wait: int, said: "Said | None" = None) -> None:
    """Send what this call queued, and in the same channels what was accepted before it: order is kept.

    `said` is told of each attempt that is made here.
    """
    connections, clock = runtime.connections, runtime.clock
    due_by, until = clock.now() + wait, clock.steady() + wait
    is_drawn = all(connections.of(label).is_drawn for label in runtime.store.outbox.destinations(queued))
    wanted = Wanted(queued, with_older=not is_drawn)
    if runtime.courier is None or is_drawn:
        runtime.outbox.send(wanted, due_by, until, said)
    else:
        runtime.courier.send(wanted, due_by, until, connections, runtime.another)


def send_due(runtime: Runtime, started: int, until: int, is_patient: bool = False) -> Document[Any]:
    """Send what was due before this call started, whoever accepted it; the hints tell what went wrong.

    It ends when the steady clock is at `until`. A patient call waits for the pace of channels, another sends what may
    go at once. What a terminal draws is drawn by the call that accepted it, or by `deliver`. In a process that lives
    long one thread sends, and not this. Before that, runs that failed are run again where that is due; of these that
    thread sends what may go at once.
    """
    result = Document()
    try:
        _send_due(runtime, result, started, until, is_patient)
    except Exception as error:  # what this call accepted is committed
        result.exit_codes.append(Exit.WAITING)
        result.hints.append(f"what had waited could not be sent: {in_words(error).message}")
    del result.hints[HINTS:]
    return result


def _send_due(runtime: Runtime, result: Document[Any], started: int, until: int, is_patient: bool) -> None:
    clock, of, due_by = runtime.clock, runtime.connections.of, started - 1
    queued = NOTHING
    if runtime.store.has_unfinished():
        from .unfinished import run_due

        queued = Queued.joined([own for _, own in run_due(runtime, due_by, most=None if is_patient else FEW)])
    if runtime.courier is not None and queued:
        labels = runtime.store.outbox.destinations(queued)
        drawn_ones = tuple((label, "") for label in labels if of(label).is_drawn)
        own = Wanted(queued, without=drawn_ones)
        runtime.courier.send(own, clock.now(), clock.steady(), runtime.connections, runtime.another)
    if runtime.courier is not None or clock.steady() >= until:
        return
    is_drawn = {label: of(label).is_drawn for label in runtime.store.outbox.unfinished(due_by)}
    if all(is_drawn.values()):
        return
    wanted = Wanted(without=tuple((label, "") for label, drawn in is_drawn.items() if drawn), due_by=due_by)
    outbox, last = runtime.outbox, dict[str, tuple[str, "Attempt"]]()

    def heard(row: "Claimed | Doubtful", attempt: "Attempt") -> None:
        last[row.id] = row.target, attempt

    # What could not be seen for a day is left to `deliver`, and to people.
    outbox.reconcile(wanted, heard, started - DAY)
    while clock.steady() < until and outbox.send(wanted, due_by, until if is_patient else clock.steady(), heard):
        pass
    for id_, (target, attempt) in last.items():
        if attempt.status not in OVER:
            result.exit_codes.append(Exit.DEAD if attempt.status == "dead" else Exit.WAITING)
            result.hints.append(f"{id_} to {target}, which had waited, is {attempt.status}: {attempt.error}")


def _codes(result: "Document[SettledDocument]", deliver: bool) -> Iterator[Exit]:
    """Yield the exit codes that the counts of events and their deliveries call for."""
    if result.get("rejected"):
        yield Exit.REJECTED
    deliveries = result.told["deliveries"]
    if deliveries["dead"]:
        yield Exit.DEAD
    if deliver and any(deliveries[status] for status in OPEN):
        yield Exit.WAITING


# One event -------------------------------------------------------------------------------------------------


Numbered = list[tuple[int, Run]]  # runs, each with its number among those of its event


def states_of(runtime: Runtime, queued: Queued) -> "list[StandingDocument]":
    """Return what was queued as it is now, each with the trouble that it waits for."""
    states = runtime.store.outbox.states(queued) if queued else []
    unrecorded = runtime.unrecorded
    for state in states:
        if state["id"] in unrecorded:
            state["status"], state["error"] = "unknown", "what came of sending it could not be recorded"
        broken = runtime.connections.trouble(state["destination"], state["target"])
        if broken is not None and state["status"] == "pending" and state["error"] is None:
            # An older message of its channel met the trouble first.
            state["error"], state["hint"] = broken.why, broken.hint
    return states


def unread_of(runs: Numbered, status: "Status") -> "list[StandingDocument]":
    """Return the deliveries of runs as far as they are known without the store."""
    return [
        {
            "run": number,
            "id": message.id,
            "destination": message.destination,
            "target": message.target,
            "status": status,
            "attempts": 0,
            "error": None,
            "hint": None,
        }
        for number, run in runs
        for message in run.messages
    ]


# `meant` only where it is another target, `next_at` only of one that is delayed.
_SHOWN = ("id", "destination", "target", "meant", "status", "attempts", "error", "next_at")


def accepted(
    event: Event, runs: Numbered, states: "list[StandingDocument]", waits: dict[int, str | None]
) -> "Document[EmitDocument]":
    """Return the document of an event with these runs; `waits` says when those that failed are run again."""
    failed = [run.error for _, run in runs if run.error is not None]
    shown = [_run(run, [state for state in states if state["run"] == number]) for number, run in runs]
    for (number, run), told in zip(runs, shown, strict=True):
        if run.outcome == "failed":
            told["retry_at"] = waits.get(number)
    document: EmitDocument = {"status": "accepted", "differs": [], "event": event.document(), "runs": shown}
    result = Document(document)
    result.exit_codes = [error.exit_code for error in failed]
    result.hints = [error.hint for error in failed if error.hint]
    result.hints += [state["hint"] for state in states if state["hint"]]
    return result


def _run(run: Run, states: "list[StandingDocument]") -> "RunDocument":
    known = [{**state} for state in states]
    deliveries = [{name: state[name] for name in _SHOWN if name in state} for state in known]
    return {
        "pipeline": run.pipeline,
        "version": run.version,
        "outcome": run.outcome,
        "dropped_by": run.dropped_by,
        "reason": run.reason,
        "skipped": cast("list[SkippedDocument]", [*run.skipped]),
        "deliveries": cast("list[QueuedDocument]", deliveries),
    }
