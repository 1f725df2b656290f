"""Sending stored events again: each replay is one more run of the same event.

Pipelines run as when an event is accepted, on the event's own clock, but with a memory that starts empty and is
shared by the replayed events, in the order of their acceptance. `plan` and `replay` go through the same steps, so
what is done is what was shown.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from os import urandom
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from ..engine import tally
from ..engine.accepting import keep_run, transact
from ..engine.batch import NdjsonBatch
from ..engine.pipeline import Run
from ..engine.runtime import Runtime
from ..engine.unfinished import Again, foreseen_of_events
from ..model.declarations import printable
from ..model.events import Event
from ..model.gate import Raw
from ..project.match import matches
from ..store.contract.accepting import Queued, Rate
from ..store.contract.protocols import Store
from ..store.contract.reading import Selection
from ..store.contract.roles.transaction import Transaction
from ..store.contract.sending import Wanted, no_deliveries
from ..system.clock import parse_time
from ..system.document import Document
from ..system.errors import Problem, RejectedError, UsageError, count_of
from .player import Played, Player, ReplayOptions

if TYPE_CHECKING:
    from ..model.documents.past import ReplayDocument

CHUNK = 500  # events of a transaction

# What is told, now and then, of how many events are done.
Progress = Callable[[int], None]


class Sending(NamedTuple):
    """Whether the messages are sent, and for how long that is waited for, in milliseconds."""

    deliver: bool = True
    wait: int = tally.WAIT


SEND = Sending()


def choose(
    runtime: Runtime, store: Store, selection: Selection, options: ReplayOptions, looked: Progress | None = None
) -> list[str]:
    """Return the ids of the events that a selection means, in the order in which they are replayed.

    A pipeline that there is now chooses the events that it matches, else those on which it once ran.
    """
    match = None if options.original else _match(runtime, selection.pipeline)
    if match is not None:
        selection = selection._replace(pipeline=None)
    as_accepted = not options.by_time
    chosen = store.history.select(selection, newest_first=False, looked=looked, as_accepted=as_accepted)
    return [item.event.id for item in chosen if match is None or matches(match, item.event.type)]


def _match(runtime: Runtime, pipeline: str | None) -> list[str] | None:
    """Return what the active pipeline of this name matches; None when there is none."""
    rows = runtime.project.pipelines + runtime.project.broken
    found = (data for data in rows if data["name"] == pipeline and data["status"] == "active")
    return next((data["match"] for data in found), None)


def read_file(store: Store, file: BinaryIO, name: str) -> set[str]:
    """Return the ids of the stored events that the lines of an export are.

    A line is an event by all that an envelope has: type, payload, key and time. UsageError names the lines that
    are none: nothing is accepted here.
    """
    found: set[str] = set()
    problems: list[Problem] = []
    for line in (line for chunk in NdjsonBatch(file, None, "file").chunks() for line in chunk):
        try:
            if line.raw is None:
                raise line.error or RejectedError("json", "the line cannot be read")
            same = _stored(store, line.raw)
            # An event may be there several times: so may its line.
            found.add(next((id_ for id_ in same if id_ not in found), same[-1]))
        except RejectedError as error:
            problems.append(Problem(f"{name}:{line.number}", error.message))
    if problems:
        words = count_of(len(problems), "line is no stored event", "lines are no stored events")
        hint = f"`ingestlayer emit --batch {name}` accepts events that are not in the store"
        raise UsageError(f"--file {name}: {words}", hint, problems[:10])
    return found


def _stored(store: Store, raw: Raw) -> list[str]:
    try:
        at = None if raw.timestamp is None else parse_time(str(raw.timestamp), 0)
    except ValueError as error:
        raise RejectedError("timestamp", f"the timestamp {error}") from None
    if not isinstance(raw.payload, dict) or not (same := store.history.same(raw.type, raw.key, at, raw.payload)):
        raise RejectedError(
            "schema", f"no stored event is of type {printable(raw.type)} with this payload, key and time"
        )
    return same


def settle_unknown(runtime: Runtime, ids: Sequence[str]) -> None:
    """Find out, where that can be seen, whether what may or may not have arrived of these events did."""
    outbox = runtime.outbox
    outbox.expire()
    if found := Queued.joined(runtime.store.runs.unknown(chunk) for chunk in _chunks(ids)):
        outbox.reconcile(Wanted(found))


def plan(
    runtime: Runtime,
    store: Store,
    ids: Sequence[str],
    options: ReplayOptions,
    sending: Sending = SEND,
    progress: Progress | None = None,
    each: Callable[[Event, Run], None] | None = None,
) -> "Document[ReplayDocument]":
    """Count what a replay of these events would do; nothing is written. `each` is told of every run."""
    now = runtime.clock.now()
    counts = _Counts()
    player = Player(runtime, store, options, now)
    for chunk in _chunks(ids):
        again = _foreseen_again(runtime, store, chunk, options)
        counts.add_again(again)
        player.prepare(chunk, _places(again))
        player.begin()
        for played in player.play():
            counts.add(played)
            if each is not None and played.run is not None:
                each(played.event, played.run)
        if progress is not None:
            progress(counts.result.told["events"])
    counts.name_waiting(runtime, store, sending, now)
    return counts.result


def replay(
    runtime: Runtime,
    ids: Sequence[str],
    options: ReplayOptions,
    sending: Sending = SEND,
    progress: Progress | None = None,
) -> "Document[ReplayDocument]":
    """Run events again, queue their messages and send them, with those that wait already; these are due now.

    Each transaction holds some hundred events: one that is interrupted leaves whole events behind, and the next
    replay of the same ones passes over the destinations that have them.
    """
    now = runtime.clock.now()
    counts, queued = _Counts(), list[Queued]()
    try:
        for done, again, own in _replayed(runtime, ids, options, sending.deliver, now):
            counts.add_again(again)
            for played in done:
                counts.add(played)
            queued.append(own)
            if progress is not None:
                progress(counts.result.told["events"])
    except Exception as error:
        if not counts.result.told["events"]:
            raise
        after = f"stopped after {count_of(counts.result.told['events'], 'event')}"
        hint = "replay the same ones again: what their destinations took is left out"
        tally.add_trouble(counts.result, error, after, hint)
    counts.name_waiting(runtime, runtime.store, sending, now, Queued.joined(queued))
    queued += counts.waiting if sending.deliver else []
    tally.settle(runtime, counts.result, Queued.joined(queued), *sending)
    return counts.result


def _replayed(
    runtime: Runtime, ids: Sequence[str], options: ReplayOptions, deliver: bool, now: int
) -> Iterator[tuple[list[Played], list[Again], Queued]]:
    """Run events again, a transaction each chunk of them; yield what is committed, and what it queued.

    A run that had failed is not replayed: it is done, as the run that it is.
    """
    player = Player(runtime, runtime.store, options, now)
    rate = Rate(urandom(8).hex(), options.interval) if options.interval else None
    due_from = now
    for chunk in _chunks(ids):
        again, first = tally.run_again(runtime, _failed(runtime.store, chunk, options), options.pipeline)
        foreseen = player.prepare(chunk, _places(again))

        def work(transaction: Transaction, due_from: int = due_from) -> tuple[list[Played], int]:
            player.begin()
            due = count(due_from, options.interval)
            done = list(player.play())
            for played in done:
                if played.kept and played.run is not None:
                    keep_run(transaction, played.event, played.number, played.text, played.run, now, due, rate)
                    if options.channel is None:  # redirected, it replaces nothing
                        by = {(message.destination, message.target): message.id for message in played.run.messages}
                        transaction.earlier.supersede(played.event.id, played.run.pipeline, by, now)
            if deliver:
                transaction.earlier.hasten(Queued.joined(played.waiting for played in done), now, rate)
            return done, next(due)

        (done, due_from), own = transact(runtime, foreseen, work)
        yield done, again, Queued.joined((first, own))


def _failed(store: Store, ids: Sequence[str], options: ReplayOptions) -> list[str]:
    """Return the events whose failed runs are done by a replay: of one that is redirected, none."""
    return [] if options.channel is not None or not store.has_unfinished() else [*ids]


def _foreseen_again(runtime: Runtime, store: Store, ids: Sequence[str], options: ReplayOptions) -> list[Again]:
    failed = _failed(store, ids, options)
    return foreseen_of_events(runtime, store, failed, options.pipeline) if failed else []


def _places(again: list[Again]) -> set[tuple[str, str]]:
    return {(it.event.id, it.run.pipeline) for it in again}


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


class _Counts:
    """What a replay comes to, as `--json` shows it."""

    def __init__(self) -> None:
        told: ReplayDocument = {
            "events": 0,
            "messages": {},
            "waiting": {},
            "unknown": 0,
            "skipped": 0,
            "today": {},
            "runs": tally.no_runs(),
            "deliveries": no_deliveries(),
        }
        self.result = Document(told)
        self.waiting: list[Queued] = []  # the deliveries that are not queued again
        self._replaced: list[Queued] = []  # and those that something is queued in place of
        self._places: set[tuple[str, str]] = set()  # where messages are queued, or wait

    def add(self, played: Played) -> None:
        """Count one run."""
        result, run = self.result.told, played.run
        result["events"] += played.first
        result["skipped"] += played.skipped
        result["unknown"] += played.unknown
        self.waiting.append(played.waiting)
        self._replaced.append(played.replaced)
        self._places |= played.places
        for name in played.today:
            result["today"][name] = result["today"].get(name, 0) + 1
        if run is None or not played.kept:
            return
        tally.count(self.result, [run])
        for message in run.messages:
            result["messages"][message.target] = result["messages"].get(message.target, 0) + 1

    def add_again(self, again: list[Again]) -> None:
        """Count runs that had failed, and are done."""
        tally.count(self.result, (it.run for it in again))
        for message in (message for it in again for message in it.run.messages):
            self.result.told["messages"][message.target] = self.result.told["messages"].get(message.target, 0) + 1
            self._places.add((message.destination, message.target))

    def name_waiting(
        self, runtime: Runtime, store: Store, sending: Sending, now: int, queued: Queued | None = None
    ) -> None:
        """Count by target what waits: of these events, and before them in the same channels where that is sent, too.

        `queued` is what the replay has queued.
        """
        of = runtime.connections.of
        is_sent = sending.deliver and not all(of(destination).is_drawn for destination, _ in self._places)
        own, replaced = Queued.joined(self.waiting), Queued.joined(self._replaced)
        than, places = queued if self.result.told["messages"] else own, self._places if is_sent else ()
        self.result.told["waiting"] = store.outbox.waiting(own, places, than, replaced, now + sending.wait)
