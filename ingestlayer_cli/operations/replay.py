"""Sending stored events again: each replay is one more run of the same event.

Pipelines run as when an event is accepted, on the event's own clock, but with a memory that starts empty and is
shared by the replayed events, in the order of their times. `plan` and `replay` go through the same steps, so what
is done is what was shown.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import BinaryIO, NamedTuple

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
from ..store.contract.reading import Selection
from ..store.contract.sending import COUNTED, Wanted
from ..store.sqlite import replays
from ..store.sqlite.connection import Store
from ..store.sqlite.history import select
from ..store.sqlite.transaction import Transaction
from ..system.clock import parse_time
from ..system.document import Document
from ..system.errors import Problem, RejectedError, UsageError
from .player import Played, Player, ReplayOptions

CHUNK = 500  # events of a transaction
NONE = (1 << 63) - 1  # no delivery has this number

# What is told, now and then, of how many events are done.
Progress = Callable[[int], None]


class Sending(NamedTuple):
    """Whether the messages are sent, and for how long that is waited for, in milliseconds."""

    deliver: bool = True
    wait: int = tally.WAIT


SEND = Sending()


def choose(
    runtime: Runtime, store: Store, selection: Selection, options: ReplayOptions, looked: Progress | None = None
) -> "array[int]":
    """Return the numbers of the events that a selection means, in the order of their times.

    A pipeline that there is now chooses the events that it matches, else those on which it once ran.
    """
    match = None if options.original else _match(runtime, selection.pipeline)
    if match is not None:
        selection = selection._replace(pipeline=None)
    chosen = select(store, selection, newest_first=False, looked=looked)
    return array("q", (item.seq for item in chosen if match is None or matches(match, item.event.type)))


def _match(runtime: Runtime, pipeline: str | None) -> list[str] | None:
    """Return what the active pipeline of this name matches; None when there is none."""
    rows = runtime.project.pipelines + runtime.project.broken
    found = (data for data in rows if data["name"] == pipeline and data["status"] == "active")
    return next((data["match"] for data in found), None)


def read_file(store: Store, file: BinaryIO, name: str) -> list[int]:
    """Return the numbers of the stored events that the lines of an export are, in the order of their times.

    A line is an event by all that an envelope has: type, payload, key and time. UsageError names the lines that
    are none: nothing is accepted here.
    """
    found: set[tuple[int, int]] = set()
    problems: list[Problem] = []
    for line in (line for chunk in NdjsonBatch(file, None, "file").chunks() for line in chunk):
        try:
            if line.raw is None:
                raise line.error or RejectedError("json", "the line cannot be read")
            same = _stored(store, line.raw)
            # An event may be there several times: so may its line.
            found.add(next((place for place in same if place not in found), same[-1]))
        except RejectedError as error:
            problems.append(Problem(f"{name}:{line.number}", error.message))
    if problems:
        words = "1 line is no stored event" if len(problems) == 1 else f"{len(problems):,} lines are no stored events"
        hint = f"`ingestlayer emit --batch {name}` accepts events that are not in the store"
        raise UsageError(f"--file {name}: {words}", hint, problems[:10])
    return [number for _, number in sorted(found)]


def _stored(store: Store, raw: Raw) -> list[tuple[int, int]]:
    try:
        at = None if raw.timestamp is None else parse_time(str(raw.timestamp), 0)
    except ValueError as error:
        raise RejectedError("timestamp", f"the timestamp {error}") from None
    if not isinstance(raw.payload, dict) or not (same := replays.find(store, raw.type, raw.key, at, raw.payload)):
        raise RejectedError(
            "schema", f"no stored event is of type {printable(raw.type)} with this payload, key and time"
        )
    return same


def settle_unknown(runtime: Runtime, numbers: Sequence[int]) -> None:
    """Find out, where that can be seen, whether what may or may not have arrived of these events did."""
    outbox = runtime.outbox
    outbox.expire()
    found = [number for chunk in _chunks(numbers) for number in replays.unknown(runtime.store, chunk)]
    if found:
        outbox.reconcile(Wanted(queued=tuple(_merged(found))))


def plan(
    runtime: Runtime,
    store: Store,
    numbers: Sequence[int],
    options: ReplayOptions,
    sending: Sending = SEND,
    progress: Progress | None = None,
    each: Callable[[Event, Run], None] | None = None,
) -> Document:
    """Count what a replay of these events would do; nothing is written. `each` is told of every run."""
    now = runtime.clock.now()
    counts = _Counts()
    player = Player(runtime, store, options, now)
    for chunk in _chunks(numbers):
        again = _foreseen_again(runtime, store, chunk, options)
        counts.add_again(again)
        player.prepare(chunk, _places(again))
        player.begin()
        for played in player.play():
            counts.add(played)
            if each is not None and played.run is not None:
                each(played.event, played.run)
        if progress is not None:
            progress(counts.result["events"])
    counts.name_waiting(runtime, store, sending, now)
    return counts.result


def replay(
    runtime: Runtime,
    numbers: Sequence[int],
    options: ReplayOptions,
    sending: Sending = SEND,
    progress: Progress | None = None,
) -> Document:
    """Run events again, queue their messages and send them, with those that wait already; these are due now.

    Each transaction holds some hundred events: one that is interrupted leaves whole events behind, and the next
    replay of the same ones passes over the destinations that have them.
    """
    now = runtime.clock.now()
    counts, queued = _Counts(), list[range]()
    try:
        for done, again, own in _replayed(runtime, numbers, options, sending.deliver, now):
            counts.add_again(again)
            for played in done:
                counts.add(played)
            queued += own
            if progress is not None:
                progress(counts.result["events"])
    except Exception as error:
        if not counts.result["events"]:
            raise
        after = f"stopped after {counts.result['events']:,} events"
        hint = "replay the same ones again: what their destinations took is left out"
        tally.add_trouble(counts.result, error, after, hint)
    counts.name_waiting(runtime, runtime.store, sending, now, queued[0].start if queued else NONE)
    spans = _merged(counts.waiting) if sending.deliver else []
    tally.settle(runtime, counts.result, sorted([*spans, *queued], key=lambda span: span.start), *sending)
    return counts.result


def _replayed(
    runtime: Runtime, numbers: Sequence[int], options: ReplayOptions, deliver: bool, now: int
) -> Iterator[tuple[list[Played], list[Again], list[range]]]:
    """Run events again, a transaction each chunk of them; yield what is committed, and what it queued.

    A run that had failed is not replayed: it is done, as the run that it is.
    """
    player = Player(runtime, runtime.store, options, now)
    due_from = now
    for chunk in _chunks(numbers):
        again, first = tally.run_again(runtime, _ids(runtime.store, chunk, options), options.pipeline)
        foreseen = player.prepare(chunk, _places(again))

        def work(transaction: Transaction, due_from: int = due_from) -> tuple[list[Played], int]:
            player.begin()
            due = count(due_from, options.interval)
            done = list(player.play())
            for played in done:
                if played.kept and played.run is not None:
                    place = played.number, played.run_number
                    keep_run(transaction, played.event, place, played.text, played.run, now, due)
                    if options.channel is None:  # redirected, it replaces nothing
                        ids = {(message.destination, message.target): message.id for message in played.run.messages}
                        replays.supersede(transaction, played.number, played.run.pipeline, ids, now)
            if deliver:
                replays.hasten(transaction, [number for played in done for number in played.waiting], now)
            return done, next(due)

        (done, due_from), own = transact(runtime, foreseen, work)
        yield done, again, [span for span in (first, own) if span]


def _ids(store: Store, numbers: Sequence[int], options: ReplayOptions) -> list[str]:
    """Return the events whose failed runs are done by a replay: of one that is redirected, none."""
    if options.channel is not None or not store.has_unfinished():
        return []
    return [event.id for _, event in replays.events(store, numbers)]


def _foreseen_again(runtime: Runtime, store: Store, numbers: Sequence[int], options: ReplayOptions) -> list[Again]:
    ids = _ids(store, numbers, options)
    return foreseen_of_events(runtime, store, ids, options.pipeline) if ids else []


def _places(again: list[Again]) -> set[tuple[str, str]]:
    return {(it.event.id, it.run.pipeline) for it in again}


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[start : start + CHUNK] for start in range(0, len(numbers), CHUNK))


def _merged(numbers: Iterable[int]) -> list[range]:
    """Return numbers as spans, in their order."""
    found: list[range] = []
    for number in sorted(set(numbers)):
        if found and found[-1].stop == number:
            found[-1] = range(found[-1].start, number + 1)
        else:
            found.append(range(number, number + 1))
    return found


class _Counts:
    """What a replay comes to, as `--json` shows it."""

    def __init__(self) -> None:
        deliveries = dict.fromkeys(COUNTED, 0)
        self.result = Document(
            events=0, messages={}, waiting={}, unknown=0, skipped=0, runs=tally.no_runs(), deliveries=deliveries
        )
        self.waiting: list[int] = []  # the deliveries that are not queued again
        self._replaced: list[int] = []  # and those that something is queued in place of
        self._places: set[tuple[str, str]] = set()  # where messages are queued, or wait

    def add(self, played: Played) -> None:
        """Count one run."""
        result, run = self.result, played.run
        result["events"] += played.first
        result["skipped"] += played.skipped
        result["unknown"] += played.unknown
        self.waiting += played.waiting
        self._replaced += played.replaced
        self._places |= played.places
        if run is None or not played.kept:
            return
        tally.count(result, [run])
        for message in run.messages:
            result["messages"][message.target] = result["messages"].get(message.target, 0) + 1

    def add_again(self, again: list[Again]) -> None:
        """Count runs that had failed, and are done."""
        tally.count(self.result, (it.run for it in again))
        for message in (message for it in again for message in it.run.messages):
            self.result["messages"][message.target] = self.result["messages"].get(message.target, 0) + 1
            self._places.add((message.destination, message.target))

    def name_waiting(self, runtime: Runtime, store: Store, sending: Sending, now: int, first: int = NONE) -> None:
        """Count by target what waits: of these events, and before them in the same channels where that is sent, too.

        `first` is the first delivery that was queued.
        """
        of = runtime.connections.of
        is_sent = sending.deliver and not all(of(destination).is_drawn for destination, _ in self._places)
        before = first if self.result["messages"] else max(self.waiting, default=0)
        self.result["waiting"] = replays.waiting(
            store, self.waiting, self._places if is_sent else (), self._replaced, before, now + sending.wait
        )
