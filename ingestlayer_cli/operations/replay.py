"""Sending stored events again: each replay is one more run of the same event.

Pipelines run as when an event is accepted, on the event's own clock, but with a memory that starts empty and is
shared by the replayed events, in the order of their times. `plan` and `replay` go through the same steps, so what
is done is what was shown.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import BinaryIO, NamedTuple

from ..engine import tally
from ..engine.accepting import keep_run, transact
from ..engine.batch import NdjsonBatch
from ..engine.memory import FreshMemory
from ..engine.pipeline import Pipeline, Replay, Run
from ..engine.runtime import Runtime
from ..language.expressions import Scope
from ..model.declarations import printable
from ..model.events import Event
from ..model.gate import Raw
from ..model.memory import Foreseen, Memory, Outside
from ..project.match import matches
from ..store.contract.reading import Past, Selection, Version
from ..store.contract.sending import STATUSES
from ..store.sqlite import replays
from ..store.sqlite.connection import Store
from ..store.sqlite.history import select
from ..store.sqlite.transaction import Transaction
from ..system.clock import format_time, parse_time
from ..system.document import Document
from ..system.errors import IngestlayerError, Problem, ProjectError, RejectedError, UsageError

CHUNK = 500  # events of a transaction

# What is told, now and then, of how many events are done.
Progress = Callable[[int], None]


class ReplayOptions(NamedTuple):
    """How events are replayed.

    `pipeline`: this one alone. `original`: in the version that each event first ran under. `again`: also to
    destinations that took the event. `channel`: every message with a channel goes to this one. `interval`:
    milliseconds between two messages. `mark`: messages say that they are replayed.
    """

    pipeline: str | None = None
    original: bool = False
    again: bool = False
    channel: str | None = None
    interval: int = 0
    mark: bool = True


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
    found = (data for data in runtime.project.pipelines if data["name"] == pipeline and data["status"] == "active")
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


def plan(
    runtime: Runtime,
    store: Store,
    numbers: Sequence[int],
    options: ReplayOptions,
    progress: Progress | None = None,
    each: Callable[[Event, Run], None] | None = None,
) -> Document:
    """Count what a replay of these events would do; nothing is written. `each` is told of every run."""
    result = _empty()
    player = _Player(runtime, store, options, runtime.clock.now())
    for chunk in _chunks(numbers):
        player.prepare(chunk)
        player.begin()
        for played in player.play():
            _count(result, played)
            if each is not None and played.run is not None:
                each(played.event, played.run)
        if progress is not None:
            progress(result["events"])
    return result


def replay(
    runtime: Runtime,
    numbers: Sequence[int],
    options: ReplayOptions,
    deliver: bool = True,
    wait: int = tally.WAIT,
    progress: Progress | None = None,
) -> Document:
    """Run events again, queue their messages and send them, with what already waits of these events.

    Each transaction holds some hundred events: one that is interrupted leaves whole events behind, and the next
    replay of the same ones passes over the destinations that have them.
    """
    now = runtime.clock.now()
    result = _empty()
    player = _Player(runtime, runtime.store, options, now)
    due_from = now
    queued: list[range] = []
    for chunk in _chunks(numbers):
        foreseen = player.prepare(chunk)

        def work(transaction: Transaction, due_from: int = due_from) -> tuple[list[_Played], int]:
            player.begin()
            due = count(due_from, options.interval)
            done = list(player.play())
            for played in done:
                if played.kept and played.run is not None:
                    place = played.number, played.run_number
                    keep_run(transaction, played.event, place, played.text, played.run, now, due)
            return done, next(due)

        (done, due_from), own = transact(runtime, foreseen, work)
        for played in done:
            _count(result, played)
            if deliver:
                queued += [range(number, number + 1) for number in played.waiting]
        queued += [own] if own else []
        if progress is not None:
            progress(result["events"])
    tally.settle(runtime, result, _merged(queued), deliver, wait)
    return result


def _empty() -> Document:
    return Document(events=0, messages={}, skipped=0, runs=tally.no_runs(), deliveries=_no_deliveries())


def _no_deliveries() -> dict[str, int]:
    return dict.fromkeys(STATUSES, 0)


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[start : start + CHUNK] for start in range(0, len(numbers), CHUNK))


def _merged(spans: list[range]) -> list[range]:
    """Return spans of numbers in their order, those that touch each other as one."""
    found: list[range] = []
    for span in sorted(spans, key=lambda span: span.start):
        if found and found[-1].stop >= span.start:
            found[-1] = range(found[-1].start, max(found[-1].stop, span.stop))
        else:
            found.append(span)
    return found


class _Played(NamedTuple):
    """What replaying one pipeline on one event comes to; without a run, that no pipeline took the event."""

    event: Event
    number: int  # the event's
    first: bool  # of the event's runs in this replay
    run: Run | None = None
    run_number: int = 0  # among the event's
    text: str = ""
    skipped: int = 0  # messages that their destination already took
    waiting: tuple[int, ...] = ()  # deliveries of the event that wait in the outbox

    @property
    def kept(self) -> bool:
        """Whether the run is stored: not when all that it would send was sent before."""
        return self.run is not None and bool(self.run.messages or self.run.outcome != "queued")


class _Player:
    """Runs events again, with one memory for all of them: a chunk is prepared, and played as often as it takes."""

    def __init__(self, runtime: Runtime, store: Store, options: ReplayOptions, now: int) -> None:
        self._runtime = runtime
        self._store = store
        self._options = options
        self._today = format_time(now)[:10]
        self._memory = FreshMemory(store)
        self._compiled: dict[Version, Pipeline | _Broken] = {}
        self._chunk: list[tuple[int, Event, Sequence[Pipeline | _Broken]]] = []

    def prepare(self, numbers: Sequence[int]) -> Foreseen:
        """Read the next events and compile their pipelines; return what their runs will look up."""
        self._memory.settle()
        self._runtime.entities.refresh()
        versions = replays.versions(self._store, numbers) if self._options.original else {}
        self._chunk = [
            (number, event, self._pipelines(event, versions.get(number, [])))
            for number, event in replays.events(self._store, numbers)
        ]
        foreseen = Foreseen()
        for _, event, pipelines in self._chunk:
            scope = event.scope()
            for pipeline in pipelines:
                pipeline.foresee(event, scope, foreseen)
        return foreseen

    def begin(self) -> None:
        """Forget what a try at these events has left."""
        self._memory.undo()

    def play(self) -> Iterator[_Played]:
        """Yield what each run of the prepared events comes to; an event that no pipeline takes is yielded once."""
        past = replays.past(self._store, [number for number, *_ in self._chunk])
        for number, event, pipelines in self._chunk:
            first = True
            for played in self._event(event, number, past[number], pipelines):
                yield played if first else played._replace(first=False, waiting=())
                first = False

    def _event(
        self, event: Event, number: int, past: Past, pipelines: "Sequence[Pipeline | _Broken]"
    ) -> Iterator[_Played]:
        waiting, index = tuple(past.waiting), past.run + 1
        head = _Played(event, number, True, waiting=waiting)
        if not pipelines:
            yield head
        mark = f"replayed {self._today}, first seen {format_time(event.received_at)[:10]}"
        for pipeline in pipelines:
            how = Replay(index, mark if self._options.mark else "", self._options.channel)
            run = pipeline.run(event, self._runtime.outside, self._memory, how)
            self._memory.remember(run, event.id)
            left = run if self._options.again else _untaken(run, past.taken)
            skipped = len(run.messages) - len(left.messages)
            played = head._replace(run=left, run_number=index, text=pipeline.text, skipped=skipped)
            index += played.kept
            yield played

    def _pipelines(self, event: Event, versions: list[Version]) -> "Sequence[Pipeline | _Broken]":
        only = self._options.pipeline
        if self._options.original:
            return [self._compile(version) for version in versions if only in (None, version.pipeline)]
        return [pipeline for pipeline in self._runtime.pipelines(event.type) if only in (None, pipeline.name)]

    def _compile(self, version: Version) -> "Pipeline | _Broken":
        """Return a pipeline as it was: of a text that the store kept."""
        if version not in self._compiled:
            project = self._runtime.project
            now = next((data for data in project.pipelines if data["version"] == version.version), None)
            try:
                if now is None or now["name"] != version.pipeline:
                    from ..project.kept import check_kept

                    now = check_kept(project.root, version.pipeline, version.text)
                self._compiled[version] = Pipeline(now, project.connections)
            except ProjectError as error:
                self._compiled[version] = _Broken(version, error)
        return self._compiled[version]


def _untaken(run: Run, taken: set[tuple[str, str, str]]) -> Run:
    """Return a run without the messages that their destinations took before."""
    left, skipped = [], [*run.skipped]
    for message in run.messages:
        if (run.pipeline, message.destination, message.target) in taken:
            reason = "it already took this event"
            skipped.append({"destination": message.destination, "target": message.target, "reason": reason})
        else:
            left.append(message)
    return run._replace(messages=left, skipped=skipped)


class _Broken:
    """A pipeline whose kept text does not compile any more: its runs fail and say why."""

    def __init__(self, version: Version, error: ProjectError) -> None:
        self.text = version.text
        self._version = version
        problem = error.details[0] if error.details else None
        why = f"{problem.path}: {problem.problem}" if problem else error.message
        words = f"version {version.version} of {version.pipeline} does not compile any more: {why}"
        hint = "replay without --original runs the pipelines as they are now"
        if "cannot be read" in why:
            hint = f"a version is kept without the content of its blocks file; {hint}"
        self._error = ProjectError(words, hint, error.details)

    def foresee(self, event: Event, scope: Scope, foreseen: Foreseen) -> None:
        """Look nothing up."""

    def run(self, event: Event, outside: Outside, memory: Memory, replay: Replay | None = None) -> Run:
        """Return a failed run."""
        error: IngestlayerError = self._error
        name, version, _ = self._version
        return Run(name, version, "failed", reason=error.message, error=error)


def _count(result: Document, played: _Played) -> None:
    result["events"] += played.first
    result["skipped"] += played.skipped
    run = played.run
    if run is None or not played.kept:
        return
    tally.count(result, [run])
    for target, number in Counter(message.target for message in run.messages).items():
        result["messages"][target] = result["messages"].get(target, 0) + number
