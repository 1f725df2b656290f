"""Accepting one event inside a transaction: its key, its runs, what they remember and queue; or its dead letter."""

from collections.abc import Callable, Iterable, Iterator

from ..model.declarations import Declaration
from ..model.events import Event, encode
from ..model.gate import Raw
from ..model.memory import Foreseen
from ..store.contract.accepting import First, LookedUp, NewDelivery, NewRun, NewThread, Queued, Rate, RepeatError
from ..system.clock import DAY
from ..system.errors import Problem, RejectedError, StoreError
from ..system.typed import TYPE_CHECKING, TypeVar
from .outside import NotReadError
from .pipeline import Message, Run
from .runtime import PAUSED, Runtime

if TYPE_CHECKING:
    from ..store.contract.roles.transaction import Transaction
    from .ahead import Ahead

Found = TypeVar("Found")


def accept(
    runtime: Runtime, transaction: "Transaction", event: Event, payload: str, now: int, ahead: "Ahead | None" = None
) -> list[Run] | First:
    """Store an event with its runs and messages, or return the event that took its key first.

    A run that was made `ahead` is not made again.
    """
    if event.key is not None:
        declaration = runtime.project.declaration(event.type)
        first = transaction.first_with_key(event.type, event.key, now - window(declaration))
        if first is not None:
            check_conflict(declaration, first.event, event)
            if first.event.id != event.id:  # else it is this one, of whose commit nobody had heard
                transaction.add_duplicate(first.event.id, now)
            return first
    transaction.add_event(event, payload, runtime.project.line_up, now)
    runs = []
    for number, pipeline in enumerate(runtime.pipelines(event.type), start=1):
        run = ahead.run(event, pipeline, transaction) if ahead is not None else None
        if run is None:
            run = pipeline.run(event, runtime.outside, transaction)
        settle_run(runtime, transaction, event, number, pipeline.text, run, now)
        runs.append(run)
    return runs


def settle_run(
    runtime: Runtime,
    transaction: "Transaction",
    event: Event,
    number: int,
    text: str,
    run: Run,
    now: int,
    tries: int = 1,
) -> int | None:
    """Store a run of an event's acceptance with all that comes of it.

    One that failed, so many times by now, is unfinished work: return when it is run again.
    """
    keep_run(transaction, event, number, text, run, now, held_until=runtime.held_until)
    for item in run.to_remember:
        transaction.remember(item, event.id)
    if run.outcome != "failed":
        return None
    from .causes import cause, retry_at

    again_at = retry_at(run, tries, now)
    transaction.add_unfinished(event.id, number, cause(runtime.project, run), tries, again_at)
    return again_at


def look_up(runtime: Runtime, events: list[Event]) -> LookedUp:
    """Read what the store has under the keys of events."""
    return runtime.store.look_up([event.key for event in events if event.key is not None])


def without_first(runtime: Runtime, events: list[Event], looked_up: LookedUp, now: int) -> Iterator[Event]:
    """Yield the events whose key is not taken: the others will not run, and ask for nothing."""
    if not looked_up.firsts:
        yield from events
        return
    for event in events:
        first = looked_up.firsts.get((event.type, event.key or ""))
        if first is None or first.accepted_at <= now - window(runtime.project.declaration(event.type)):
            yield event


def foresee(runtime: Runtime, events: Iterable[Event], foreseen: Foreseen | None = None) -> Foreseen:
    """Return what accepting these events will look up, as far as they tell it, beside what is foreseen already."""
    foreseen = Foreseen() if foreseen is None else foreseen
    for event in events:
        scope = event.scope()
        for pipeline in runtime.pipelines(event.type):
            pipeline.foresee(event, scope, foreseen)
    return foreseen


def transact(runtime: Runtime, foreseen: Foreseen, work: "Callable[[Transaction], Found]") -> tuple[Found, Queued]:
    """Do `work` in one transaction; return what it returned, and the messages that it queued.

    Nothing outside the store is read while it is held: what is foreseen is read before. Where the work asks for more,
    all of it is undone, what was missing is read, and it is done again: it must not count what it does.
    """
    store, outside = runtime.store, runtime.outside
    if not store.is_in_place:
        raise StoreError(f"the store {store.path} was deleted, or replaced, while it was open", "start again")
    outside.prepare(foreseen)
    while True:
        try:
            with store.transaction(may_repeat=True) as transaction, outside.held():
                runtime.heed(transaction.notes(PAUSED))
                found = work(transaction)
            return found, transaction.queued
        except NotReadError:
            outside.read_on()
        except RepeatError:
            continue  # others were in the way: nothing of it is done


def look_ahead(transaction: "Transaction", looked_up: LookedUp | None, foreseen: Foreseen) -> None:
    """Read at once what accepting many events will look up one by one."""
    transaction.look_ahead(looked_up, foreseen.entities(), foreseen.states, foreseen.seen)


def keep_run(
    transaction: "Transaction",
    of: Event,
    number: int,
    text: str,
    run: Run,
    now: int,
    due: Iterator[int] | None = None,
    rate: Rate | None = None,
    held_until: int | None = None,
) -> None:
    """Store a run, of a pipeline of this text, with what it learned of entities, and queue its messages.

    What one call finds is held until that ends, at most until a time, where that is one message.

    `number` is the run's among the event's. `due` is given for a replay: when each of its messages may go; so may be
    the rate that all of them go at.
    """
    replayed_at, given = (None, run.given) if due is None else (now, None)
    head, ended = (number, run.pipeline, run.version, text), (run.outcome, run.dropped_by, run.reason)
    transaction.add_run(of.id, NewRun(*head, *ended, run.stored_trace(), replayed_at, given), now)
    for item in run.upserts:
        transaction.upsert(item)
    for message in run.messages:
        due_at = due_of(message, max(now if due is None else next(due), run.not_before or 0))
        if held_until is not None and due_at <= now and "digest" in message.directions:
            due_at = held_until  # its window is this call: any other is longer
            from ..system.processes import identity

            message.directions["digest"]["held_by"] = identity()  # no one waits for it that has vanished
        transaction.add_delivery(of.id, number, _delivery(run, message, of.received_at, rate), now, due_at)


def due_of(message: Message, earliest: int) -> int:
    """Return when a message goes that may go from a time on: its digest, where it is the first, and its hours say."""
    due_at = earliest
    if "digest" in message.directions:
        from .gathering import goes_at

        due_at = goes_at(message.directions["digest"], due_at)
    if "hours" in message.directions:
        from ..system.hours import opens_at

        due_at = opens_at(message.directions["hours"], due_at) or due_at
    return due_at


def digest_of(run: Run, message: Message) -> str | None:
    """Return the name of the digest that a message waits to be in."""
    if "digest" not in message.directions:
        return None
    from .gathering import name_of

    return name_of(run.pipeline, message.destination, message.target, message.directions["digest"])


def _delivery(run: Run, message: Message, at: int, rate: Rate | None) -> NewDelivery:
    directions = message.directions
    thread = None
    if key := directions.get("thread"):
        thread = NewThread(f"{run.pipeline} {message.destination} {message.target}", key, at, directions["window"])
    told = encode(directions) if directions else None
    head = (message.id, run.pipeline, message.destination, message.target, message.body)
    return NewDelivery(*head, message.retry, told, thread, rate, digest_of(run, message))


def window(declaration: Declaration | None) -> int:
    """Return how long a key is taken; 24 hours where no declaration says otherwise."""
    return declaration.window if declaration else DAY


def check_conflict(declaration: Declaration | None, first: Event, event: Event) -> None:
    """Refuse an event that differs from the first one of its key, where its declaration says so."""
    if declaration is None or not declaration.rejects_difference:
        return
    if names := differing(first, event):
        raise RejectedError(
            "conflict",
            f"{first.id} already took the idempotency key {event.key} with another {', '.join(names)}",
            'the declaration says on_difference = "reject": give this event a key of its own, or correct it',
            [Problem(name, "differs from the first event's") for name in names],
        )


def differing(first: Event, event: Event) -> list[str]:
    """Return the names of the payload fields whose values are not the first event's."""
    names = {**first.payload, **event.payload}
    missing = object()
    return [name for name in names if first.payload.get(name, missing) != event.payload.get(name, missing)]


def bury(runtime: Runtime, raw: Raw, text: str, error: RejectedError) -> None:
    """Keep a refused event, whose `text` is what came, as a dead letter, where there is room for one."""
    try:
        with runtime.store.transaction() as transaction:
            bury_line(transaction, raw, text, error, runtime.clock.now(), None)
    except StoreError as failure:
        error.add_hint(f"it is not kept as a dead letter: {failure.message}")


LASTING = "source"  # the rule of what waits for its declaration
_WAITING = ("undeclared", "type", "schema", "key", "timestamp")  # the rules that another declaration may satisfy


def bury_line(
    transaction: "Transaction",
    raw: Raw,
    text: str,
    error: RejectedError,
    now: int,
    line: int | None,
    is_lasting: bool = False,
) -> None:
    """Keep a refused event as a dead letter; one that `is_lasting` may be taken once it is declared."""
    from ..store.contract.refused import NewDeadLetter

    kind = LASTING if is_lasting and error.kind in _WAITING else error.kind
    details = [{"path": path, "problem": _sound(problem)} for path, problem in error.details]
    type_, source, message = (_sound(str(part))[:1000] for part in (raw.type, raw.source, error.message))
    letter = NewDeadLetter(now, kind, type_, source, line, message, details, raw=_sound(text))
    transaction.add_dead_letter(letter)


def as_text(raw: Raw) -> str:
    """Return what a sender gave, for its dead letter."""
    try:
        return encode(raw.envelope())
    except (TypeError, ValueError, RecursionError):
        return "it cannot be written as JSON"


def _sound(text: str) -> str:
    """Make a text storable as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
