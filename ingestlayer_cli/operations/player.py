"""Runs stored events again, one chunk after the other: what a replay's plan counts, and what the replay does."""

from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from ..engine.failing import FailingPipeline
from ..engine.given import PastMemory
from ..engine.pipeline import Message, Pipeline, Replay, Run
from ..engine.runtime import Runtime
from ..model.events import Event
from ..model.memory import Foreseen
from ..store.contract.accepting import NOTHING, Queued
from ..store.contract.protocols import Store
from ..store.contract.reading import FirstRun, Past, Version
from ..system.clock import format_time
from ..system.errors import ProjectError


class ReplayOptions(NamedTuple):
    """How events are replayed.

    `pipeline`: this one alone. `original`: in the version that each event first ran under. `again`: also to
    destinations that took the event. `channel`: every message with a channel goes to this one. `interval`:
    milliseconds between two messages. `mark`: messages say that they are replayed. `by_time`: in the order of the
    events' own times, with what is known of entities today; else as they were accepted, with what was known then.
    """

    pipeline: str | None = None
    original: bool = False
    again: bool = False
    channel: str | None = None
    interval: int = 0
    mark: bool = True
    by_time: bool = False


class Played(NamedTuple):
    """What replaying one pipeline on one event comes to; without a run, that no pipeline took the event."""

    event: Event
    first: bool  # of the event's runs in this replay
    run: Run | None = None
    number: int = 0  # of the run among the event's
    text: str = ""
    skipped: int = 0  # messages that their destination already took
    unknown: int = 0  # and that it may or may not have taken
    waiting: Queued = NOTHING  # the deliveries of what waits in the outbox
    replaced: Queued = NOTHING  # and of what waits there until it is replaced
    places: frozenset[tuple[str, str]] = frozenset()  # (destination, target) of what is queued, or waits
    today: frozenset[str] = frozenset()  # what of entities it was not given then

    @property
    def kept(self) -> bool:
        """Whether the run is stored: not when all that it would send was sent before."""
        return self.run is not None and bool(self.run.messages or self.run.outcome != "queued")


class Player:
    """Runs events again, with one memory for all of them: a chunk is prepared, and played as often as it takes."""

    def __init__(self, runtime: Runtime, store: Store, options: ReplayOptions, now: int) -> None:
        self._runtime = runtime
        self._store = store
        self._options = options
        self._today = format_time(now)[:10]
        self._memory = PastMemory(store)
        self._compiled: dict[Version, Pipeline | FailingPipeline] = {}
        self._chunk: list[tuple[Event, Sequence[Pipeline | FailingPipeline]]] = []

    def prepare(self, ids: Sequence[str], without: Container[tuple[str, str]] = ()) -> Foreseen:
        """Read the next events and compile their pipelines; return what their runs will look up.

        `without` these runs: (event, pipeline).
        """
        self._memory.settle()
        self._runtime.entities.refresh()
        versions = self._store.runs.first_versions(ids) if self._options.original else {}
        self._chunk = [
            (event, self._pipelines(event, versions.get(event.id, []), without))
            for event in self._store.history.events(ids)
        ]
        foreseen = Foreseen()
        for event, pipelines in self._chunk:
            scope = event.scope()
            for pipeline in pipelines:
                pipeline.foresee(event, scope, foreseen)
        return foreseen

    def begin(self) -> None:
        """Forget what a try at these events has left."""
        self._memory.undo()

    def play(self) -> Iterator[Played]:
        """Yield what each run of the prepared events comes to; an event that no pipeline takes is yielded once."""
        ids = [event.id for event, _ in self._chunk]
        past = self._store.runs.past(ids)
        firsts = {} if self._options.by_time else self._store.runs.firsts(ids, bodies=False)
        for event, pipelines in self._chunk:
            first = True
            for played in self._event(event, past[event.id], firsts.get(event.id), pipelines):
                yield played._replace(first=first)
                first = False

    def _event(
        self,
        event: Event,
        past: Past,
        firsts: dict[str, FirstRun] | None,
        pipelines: "Sequence[Pipeline | FailingPipeline]",
    ) -> Iterator[Played]:
        index = past.run + 1
        if not pipelines:
            yield Played(event, True)
        mark = f"replayed {self._today}, first seen {format_time(event.received_at)[:10]}"
        for pipeline in pipelines:
            how = Replay(index, mark if self._options.mark else "", self._options.channel)
            if firsts is None:
                run, today = pipeline.run(event, self._runtime.outside, self._memory, how), frozenset[str]()
                self._memory.remember(run, event.id)
            else:
                run, today = self._memory.run_again(pipeline, event, self._runtime.outside, firsts, how)
            head = Played(event, True, number=index, text=pipeline.text, today=today)
            played = _still_to_send(head, run, past, self._options)
            index += played.kept
            yield played

    def _pipelines(
        self, event: Event, versions: list[Version], without: Container[tuple[str, str]]
    ) -> "Sequence[Pipeline | FailingPipeline]":
        if self._options.original:
            found = [self._compile(version) for version in versions]
        else:
            found = self._runtime.pipelines(event.type)
        only = self._options.pipeline
        return [it for it in found if only in (None, it.name) and (event.id, it.name) not in without]

    def _compile(self, version: Version) -> "Pipeline | FailingPipeline":
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
                self._compiled[version] = _no_more(version, error)
        return self._compiled[version]


def _still_to_send(played: Played, run: Run, past: Past, options: ReplayOptions) -> Played:
    """Take out of a run what is sent already, may be, or will be: what waits is sent as it is, and once."""
    left: list[Message] = []
    places: set[tuple[str, str]] = set()
    skipped = [*run.skipped]
    waiting: list[Queued] = []
    replaced: list[Queued] = []
    counts = {"delivered": 0, "unknown": 0}
    for message in run.messages:
        status, queued = past.sent.get((run.pipeline, message.destination, message.target), ("", NOTHING))
        (replaced if options.again and options.channel is None else waiting).append(queued)
        is_due = not status or (options.again and status != "together")
        if is_due or status == "waiting":
            places.add((message.destination, message.target))
        if is_due:
            left.append(message)
            continue
        skipped.append({"destination": message.destination, "target": message.target, "reason": _WHY_NOT[status]})
        if status in counts:
            counts[status] += 1
    return played._replace(
        run=run._replace(messages=left, skipped=skipped),
        skipped=counts["delivered"],
        unknown=counts["unknown"],
        waiting=Queued.joined(waiting),
        replaced=Queued.joined(replaced),
        places=frozenset(places),
    )


_WHY_NOT = {
    "delivered": "it already took this event",
    "unknown": "it may have taken this event",
    "waiting": "it is queued already",
    "together": "it is queued already, in one message with others",
}


def _no_more(version: Version, error: ProjectError) -> FailingPipeline:
    """Return a pipeline whose kept text does not compile any more."""
    problem = error.details[0] if error.details else None
    why = f"{problem.path}: {problem.problem}" if problem else error.message
    words = f"version {version.version} of {version.pipeline} does not compile any more: {why}"
    hint = "replay without --original runs the pipelines as they are now"
    if "cannot be read" in why:
        hint = f"a version is kept without the content of its blocks file; {hint}"
    return FailingPipeline(version.pipeline, version.version, version.text, ProjectError(words, hint, error.details))
