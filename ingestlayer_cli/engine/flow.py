"""The whole program in a few functions: read this file to learn it.

    raw input ─▶ gate ─▶ prepare ─▶ [ one transaction: store event · run pipelines · queue deliveries ] ─▶ outbox

`emit` and `emit_batch` accept and deliver, and then send what else is due; `preview` runs the same code and writes
nothing, `deliver` sends what waits. Results are the documents that `--json` prints.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress

from ..model.events import Event
from ..model.gate import Line, Raw
from ..store.contract.accepting import AwayError, First, Queued
from ..store.contract.sending import OPEN
from ..store.opening import is_file
from ..system.clock import HOUR
from ..system.document import Document
from ..system.errors import Exit, RejectedError, StoreError, gravest
from ..system.typed import TYPE_CHECKING, Any, cast
from .accepting import (
    accept,
    as_text,
    bury,
    differing,
    foresee,
    look_ahead,
    look_up,
    transact,
    window,
    without_first,
)
from .memory import NoMemory
from .pipeline import Message, Run, entry_document
from .runtime import Runtime
from .tally import (
    WAIT,
    Numbered,
    accepted,
    add_trouble,
    note_spool,
    nothing_accepted,
    run_again,
    send_due,
    send_own,
    settle,
    states_of,
    unread,
    unread_of,
)

if TYPE_CHECKING:
    from ..model.documents.deliveries import RoundDocument
    from ..model.documents.events import (
        BatchDocument,
        EmitDocument,
        MessageDocument,
        PreviewDocument,
        PreviewedDocument,
        RunCounts,
        RunDocument,
        SkippedDocument,
        TracedDocument,
    )
    from ..store.contract.roles.transaction import Transaction
    from ..store.contract.sending import Attempt, Claimed, Doubtful, Wanted
    from .attempts import Said
    from .chunks import Chunk
    from .unfinished import Again


# Accepting ------------------------------------------------------------------------------------------------


def emit(runtime: Runtime, raw: Raw, deliver: bool = True, wait: int = WAIT) -> "Document[EmitDocument]":
    """Accept one event, run its pipelines and send its messages; RejectedError when it is refused.

    A refused event is kept as a dead letter.
    """
    now = runtime.clock.now()
    try:
        event, payload = runtime.gate.admit(raw, now)
        _hand_over(runtime)
        looked_up = look_up(runtime, [event])
        foreseen = foresee(runtime, without_first(runtime, [event], looked_up, now))

        def work(transaction: "Transaction") -> list[Run] | First:
            look_ahead(transaction, looked_up, foreseen)
            return accept(runtime, transaction, event, payload, now)

        runs, queued = transact(runtime, foreseen, work)
    except RejectedError as error:
        bury(runtime, raw, as_text(raw), error)
        raise
    except AwayError as error:
        return _kept(runtime, event, payload, error)
    except StoreError as error:
        raise nothing_accepted(error) from error
    until = runtime.clock.steady() + wait
    if isinstance(runs, First):
        again, queued = run_again(runtime, [runs.event.id])
        result = _settled(runtime, runs.event, [(it.number, it.run) for it in again], queued, deliver, wait)
        result.told["status"], result.told["differs"] = "duplicate", differing(runs.event, event)
    else:
        result = _settled(runtime, event, list(enumerate(runs, start=1)), queued, deliver, wait)
    if deliver:
        result.hints += send_due(runtime, now, until).hints
    note_spool(runtime, result)
    return result


def _hand_over(runtime: Runtime) -> None:
    """Accept what was kept on this machine while the store was out of reach, before anything else."""
    if not is_file(runtime.project.store_path):
        from .spool import hand_over

        hand_over(runtime)


def _kept(runtime: Runtime, event: Event, payload: str, error: AwayError) -> "Document[EmitDocument]":
    """Keep an event on this machine; nothing is accepted where that cannot be."""
    from .spool import keep, kept_document

    try:
        keep(runtime, [(event, payload)], error)
    except StoreError as failure:
        raise nothing_accepted(failure) from failure
    return kept_document(event, error)


# Batches --------------------------------------------------------------------------------------------------


def emit_batch(
    runtime: Runtime,
    chunks: "Iterable[Chunk]",
    deliver: bool = True,
    wait: int = WAIT,
    rejected: Callable[[Line, RejectedError], None] | None = None,
    progress: "Callable[[BatchDocument], None] | None" = None,
    are_letters: bool = False,
) -> "Document[BatchDocument]":
    """Accept many events, one transaction a chunk, then send their messages.

    A long batch from the command line is fed by a process beside this one: see `feeding`.

    `rejected` is called for each refused line, `progress` after each chunk with the counts so far. Where accepting
    fails after the first chunk, the result tells how far it came. `are_letters`: see `refusing.letters`.
    """
    from .chunks import Batch

    started = runtime.clock.now()
    batch = Batch(runtime, rejected, progress, are_letters)
    with suppress(AwayError):  # the batch meets it, too
        _hand_over(runtime)
        runtime.store.expect_many()
    runtime.held_until = started + HOUR
    try:
        batch.accept(chunks)
    finally:
        _release(runtime, Queued.joined(batch.queued))
    if batch.is_away and not any(batch.queued):
        return batch.result
    until = runtime.clock.steady() + wait
    settle(runtime, batch.result, Queued.joined(batch.queued), deliver, wait)
    if deliver:
        batch.result.hints += send_due(runtime, started, until, is_patient=True).hints
    note_spool(runtime, batch.result)
    return batch.result


def _release(runtime: Runtime, queued: Queued) -> None:
    """Let go what was held so that all that one call finds is one message; else it goes by itself, later."""
    until, runtime.held_until = runtime.held_until, None
    if until is not None and queued:
        with suppress(StoreError):
            runtime.store.gathering.release(queued, runtime.clock.now(), until)


# Previewing -----------------------------------------------------------------------------------------------


def preview(runtime: Runtime, raw: Raw) -> "tuple[Document[PreviewDocument], str | None]":
    """Show what emit would do with an event; writes nothing, sends nothing, needs no token.

    The second value is the id of the event that already has its idempotency key.
    """
    now = runtime.clock.now()
    event, _ = runtime.gate.admit_own(raw, now)
    first = None
    if runtime.stored is not None and event.key is not None:
        after = now - window(runtime.project.declaration(event.type))
        first = runtime.stored.first_with_key(event.type, event.key, after)
    return preview_event(runtime, event), first.event.id if first else None


def preview_event(runtime: Runtime, event: Event) -> "Document[PreviewDocument]":
    """Show what the pipelines as they are now would do with a (stored) event."""
    memory = runtime.stored if runtime.stored is not None else NoMemory()
    runs = [pipeline.run(event, runtime.outside, memory, with_sets=True) for pipeline in runtime.pipelines(event.type)]
    told: PreviewDocument = {"event": event.document(), "runs": [previewed(run) for run in runs]}
    result = Document(told)
    result.exit_codes = [run.error.exit_code for run in runs if run.error]
    result.hints = [run.error.hint for run in runs if run.error and run.error.hint]
    return result


def previewed(run: Run) -> "PreviewedDocument":
    """Return a run as the document of a preview has it."""
    trace = [{**entry_document(entry), "set": changed} for entry, changed in zip(run.trace, run.sets, strict=True)]
    return {
        "pipeline": run.pipeline,
        "outcome": run.outcome,
        "dropped_by": run.dropped_by,
        "reason": run.reason,
        "trace": cast("list[TracedDocument]", trace),
        "messages": [_message(message) for message in run.messages],
        "skipped": cast("list[SkippedDocument]", [*run.skipped]),
    }


def _message(message: Message) -> "MessageDocument":
    told: MessageDocument = {
        "destination": message.destination,
        "target": message.target,
        "when": message.when,
        "body": json.loads(message.body),
    }
    if "thread" in message.directions:
        told["thread"] = message.directions["thread"]
    if "update" in message.directions:
        told["update"] = message.directions["update"]
    return told


# Delivering -----------------------------------------------------------------------------------------------


def deliver(
    runtime: Runtime,
    wanted: "Wanted",
    said: "Said | None" = None,
    limit: int | None = None,
    until: int | None = None,
    ran: "Callable[[Again], None] | None" = None,
) -> "Document[RoundDocument]":
    """Run again what failed, send everything that is due, once, and settle what is unknown.

    The result counts what still waits. `until`: when to leave what channels are paced for, by the steady clock; else
    all of it goes. `ran` is told of every run.
    """
    outcomes: dict[str, int] = {}

    def heard(row: "Claimed | Doubtful", attempt: "Attempt") -> None:
        outcomes[attempt.status] = outcomes.get(attempt.status, 0) + 1
        if attempt.hint and attempt.hint not in hints:
            hints.append(attempt.hint)
        if said is not None:
            said(row, attempt)

    from ..system.processes import vanished

    hints: list[str] = []
    _hand_over(runtime)
    failed = _finish(runtime, wanted, ran)
    runtime.store.gathering.let_go(vanished, runtime.clock.now())
    runtime.outbox.reconcile(wanted, heard)
    sent = runtime.outbox.send(wanted, runtime.clock.now(), until, heard, limit)
    waiting = runtime.store.outbox.still_waiting(wanted)
    told: RoundDocument = {"sent": sent, "outcomes": outcomes, "waiting": waiting, "failed": failed}
    result = Document(told)
    result.hints = hints
    result.exit_codes = [Exit.DEAD] * ("dead" in outcomes)
    result.exit_codes += [Exit.WAITING] * (bool(waiting) or runtime.spool_error is not None)
    result.exit_codes += [Exit.CONFIG] * bool(failed)
    return result


def _finish(runtime: Runtime, wanted: "Wanted", ran: "Callable[[Again], None] | None") -> int:
    """Run again what is due; return how many runs still wait. Where one channel is wanted, none: they have none yet."""
    if wanted.target is not None or not runtime.store.has_unfinished():
        return 0
    from .unfinished import backlog, run_due

    runtime.outside.forget_secrets()
    for done, _ in run_due(runtime, runtime.clock.now(), pipeline=wanted.pipeline):
        if ran is not None:
            for again in done:
                ran(again)
        if runtime.outbox.stopped:
            break
    return backlog(runtime.store, runtime.project, wanted.pipeline).runs


# Results --------------------------------------------------------------------------------------------------


def _settled(
    runtime: Runtime, event: Event, runs: Numbered, queued: Queued, deliver: bool, wait: int
) -> "Document[EmitDocument]":
    """Send the messages of an event that is committed: whatever fails now, the result says what it came to."""
    troubles: list[Exception] = []
    try:
        if deliver and queued:
            send_own(runtime, queued, wait)
    except Exception as error:
        troubles.append(error)
    waits: dict[int, str | None] = {}
    try:
        states = states_of(runtime, queued)
        if any(run.outcome == "failed" for _, run in runs):
            from .unfinished import retry_times

            waits = retry_times(runtime.store, runtime.project, event.id)
    except Exception as error:
        troubles.append(error)
        states = unread_of(runs, unread(deliver))
    result = accepted(event, runs, states, waits)
    for trouble in troubles:
        add_trouble(result, trouble, f"after {event.id} was accepted")
    return result


def exit_code(result: Document[Any], delivering: bool = True) -> Exit:
    """Return what the process answers for a result: of one event, by its messages, too."""
    codes = list(result.exit_codes)
    runs: list[RunDocument] | RunCounts = result.told.get("runs", [])
    for run in runs if isinstance(runs, list) else []:
        statuses = {delivery["status"] for delivery in run["deliveries"]}
        if "dead" in statuses:
            codes.append(Exit.DEAD)
        if delivering and not statuses.isdisjoint(OPEN):
            codes.append(Exit.WAITING)
    return gravest(codes)
