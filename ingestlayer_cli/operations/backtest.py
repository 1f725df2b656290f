"""What the pipelines as they are now would have sent for stored events, beside what was sent."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..engine.failing import FailingPipeline
from ..engine.given import PastMemory
from ..engine.pipeline import Pipeline, Run
from ..engine.runtime import Runtime
from ..engine.tally import no_runs
from ..model.events import Event
from ..project.match import matches
from ..store.contract.protocols import Store
from ..store.contract.reading import FirstRun, Selection, Stored
from ..system.clock import format_time
from ..system.document import Document
from ..system.errors import UsageError, near_miss
from .timetable import Timetable
from .trial import Trial

if TYPE_CHECKING:
    from ..model.documents.events import RunOutcome
    from ..model.documents.past import BacktestDocument, ChangeDocument, SideDocument

CHUNK = 500  # events whose past is read at once


NO_TRIAL = Trial()


class Side(NamedTuple):
    """What a pipeline did, or would do, with an event; `outcome` is empty where it did not run.

    `in_others` are the targets of those messages that another one said.
    """

    outcome: 'RunOutcome | Literal[""]'
    reason: str
    targets: list[str]
    bodies: list[str]
    in_others: Sequence[str] = ()

    def document(self) -> "SideDocument":
        return {"outcome": self.outcome or None, "reason": self.reason, "targets": self.targets}


class Pair(NamedTuple):
    """Before and after of one pipeline on one event."""

    event: Event
    pipeline: str
    before: Side
    after: Side

    @property
    def changed(self) -> bool:
        """Whether other messages go out, or the run fails on one side alone."""
        failed = (self.before.outcome == "failed", self.after.outcome == "failed")
        return failed[0] != failed[1] or sorted(self.before.targets) != sorted(self.after.targets)

    def document(self) -> "ChangeDocument":
        """Return the pair as `--json` shows it."""
        return {
            "event": self.event.id,
            "type": self.event.type,
            "received_at": format_time(self.event.received_at),
            "pipeline": self.pipeline,
            "before": self.before.document(),
            "after": self.after.document(),
        }


def backtest(
    runtime: Runtime,
    store: Store | None,
    selection: Selection,
    pipeline: str | None = None,
    bodies: bool = False,
    limit: int = 20,
    progress: Callable[[int], None] | None = None,
    each: Callable[[Pair], None] | None = None,
    by_time: bool = False,
    trial: Trial = NO_TRIAL,
) -> "Document[BacktestDocument]":
    """Compare, event by event; nothing is written or sent.

    Messages are counted as they would go out, on the events' times: a digest once, and what a channel's budget makes
    one; `sending` has what becomes of them all.

    A pipeline that is named runs even when it is paused or a draft. Events come as they were accepted, and runs are
    given what they were given then; `by_time`, in the order of the events' times, with what is known of entities
    today, and nothing remembered from before the first. `each` is told of every pair; with `bodies` both sides have
    their messages.
    """
    told: BacktestDocument = {
        "events": 0,
        "messages": {"before": {}, "after": {}},
        "runs": {"before": no_runs(), "after": no_runs()},
        "changed": 0,
        "changes": [],
        "today": {},
        "sending": {"sent": 0, "waited": 0, "dropped": 0, "collapsed": 0},
    }
    tester = _Tester(runtime, store, only=pipeline, bodies=bodies, by_time=by_time, trial=trial)
    chosen: Iterator[Stored] = iter(())
    if store is not None:
        chosen = store.history.select(selection, newest_first=False, looked=progress, as_accepted=not by_time)
    while store is not None and (chunk := list(islice(chosen, CHUNK))):
        for pairs in tester.test(store, chunk):
            told["events"] += 1
            for pair in pairs:
                _count(told, pair, limit)
                if each is not None:
                    each(pair)
    tester.timetable.end()
    told["messages"]["after"].update(sorted(tester.timetable.sent.items()))
    told["sending"] = tester.timetable.counts()
    told["today"].update(tester.today)
    result = Document(told)
    result.hints += tester.hints
    return result


class _Tester:
    """Runs the pipelines with one fresh memory."""

    def __init__(
        self, runtime: Runtime, store: Store | None, only: str | None, bodies: bool, by_time: bool, trial: Trial
    ) -> None:
        self._runtime = runtime
        self._trial = trial
        self.timetable = Timetable(self._budget)
        self._only = only
        self._bodies = bodies
        self._by_time = by_time
        self._memory = PastMemory(store, steps=True)
        self._pipelines: dict[str, list[Pipeline | FailingPipeline]] = {}
        self.hints: list[str] = []
        self.today: Counter[str] = Counter()
        names = [data["name"] for data in runtime.project.pipelines]
        if only is not None and only not in names:
            raise UsageError(f"there is no pipeline {only}{near_miss(only, names)}", f"there are {', '.join(names)}")

    def test(self, store: Store, chunk: list[Stored]) -> Iterator[list[Pair]]:
        """Yield the pairs of each event that any pipeline takes, or took."""
        self._runtime.entities.refresh()
        self._memory.settle()
        firsts = store.runs.firsts([item.event.id for item in chunk], self._bodies)
        for item in chunk:
            first = {name: run for name, run in firsts[item.event.id].items() if self._only in (None, name)}
            runs = list(self._runs(item.event, firsts[item.event.id]))
            for run in runs:
                self.timetable.take(run, item.event, item.accepted_at)
            pairs = [self._pair(store, item, first, run) for run in runs]
            pairs += [self._gone(store, item, name, run) for name, run in first.items()]
            if pairs or self._only is None:
                yield pairs

    def _runs(self, event: Event, firsts: dict[str, FirstRun]) -> Iterator[Run]:
        for pipeline in self._of(event.type):
            if self._by_time:
                run = pipeline.run(event, self._runtime.outside, self._memory)
                self._memory.remember(run, event.id)
            else:
                run, today = self._memory.run_again(pipeline, event, self._runtime.outside, firsts)
                self.today.update(today)
            if run.error is not None and len(self.hints) < 10:
                words = f"{run.pipeline}: {run.error.message}"
                self.hints += [words] if words not in self.hints else []
            yield run

    def _of(self, type_: str) -> list[Pipeline | FailingPipeline]:
        if self._only is None and self._trial.digest is None:
            return self._runtime.pipelines(type_)
        if type_ not in self._pipelines:
            project = self._runtime.project
            self._pipelines[type_] = [
                Pipeline(self._trial.of(data), project.connections)
                for data in project.pipelines
                if (data["name"] == self._only if self._only else data["status"] == "active")
                and matches(data["match"], type_)
            ]
        return self._pipelines[type_]

    def _budget(self, label: str, target: str) -> str | None:
        tried = self._trial.budgets.get(target.removeprefix("#"))
        return tried or self._runtime.connections.budget(label, target)

    def _pair(self, store: Store, item: Stored, first: dict[str, FirstRun], run: Run) -> Pair:
        """Take a pipeline's first run out of `first` and set the new one beside it."""
        targets = [message.target for message in run.messages]
        bodies = [message.body for message in run.messages] if self._bodies else []
        after = Side(run.outcome, run.reason or "", targets, bodies)
        old = first.pop(run.pipeline, None)
        before = Side("", "it did not run then", [], []) if old is None else _side(old)
        return self._told(store, item, Pair(item.event, run.pipeline, before, after), old, run)

    def _gone(self, store: Store, item: Stored, name: str, old: FirstRun) -> Pair:
        status = next((data["status"] for data in self._runtime.project.pipelines if data["name"] == name), None)
        why = "it does not match" if status == "active" else f"it is {status}"
        after = Side("", why if status else "there is no such pipeline", [], [])
        return self._told(store, item, Pair(item.event, name, _side(old), after), old, None)

    def _told(self, store: Store, item: Stored, pair: Pair, old: FirstRun | None, run: Run | None) -> Pair:
        """Give with the reasons of a changed pair what was passed over, and by what values."""
        if not pair.changed:
            return pair
        before, after = pair.before, pair.after
        if old is not None:
            before = before._replace(reason=_with(before, store.runs.skipped(item.event.id, old.number)))
        if run is not None:
            after = after._replace(reason=_with(after, run.skipped))
        return pair._replace(before=before, after=after)


def _side(old: FirstRun) -> Side:
    return Side(old.outcome, old.reason or "", old.targets, old.bodies, old.in_others)


def _with(side: Side, skipped: Iterable[dict[str, str]]) -> str:
    """Return the reason of a side, and the destinations that it passed over."""
    reason = [] if side.outcome == "queued" or not side.reason else [side.reason]
    return "; ".join(reason + [f"not {row['target']}: {row['reason']}" for row in skipped])


def _count(result: "BacktestDocument", pair: Pair, limit: int) -> None:
    for counted, side in ((result["runs"]["before"], pair.before), (result["runs"]["after"], pair.after)):
        if side.outcome:
            counted[side.outcome] += 1
    went, counts = Counter(pair.before.targets), result["messages"]["before"]
    went.subtract(pair.before.in_others)
    for target, count in went.items():
        counts[target] = counts.get(target, 0) + count
    if pair.changed:
        result["changed"] += 1
        if len(result["changes"]) < limit:
            result["changes"].append(pair.document())
