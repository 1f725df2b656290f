"""What was accepted and is not settled is work until it is done: a run that failed is run again.

As when its event was accepted, in one transaction: the same number among the runs of its event, the same ids of its
messages, the same memory. So whoever does it, however often, nothing is sent twice.
"""

import sys
from collections.abc import Iterator, Sequence

from ..language.expressions import Scope
from ..model.events import Event
from ..model.memory import Foreseen, Memory, Outside
from ..project import Project
from ..store.contract.accepting import Queued
from ..store.contract.unfinished import UnfinishedGroup, UnfinishedRun
from ..system.clock import format_time
from ..system.typed import TYPE_CHECKING, NamedTuple, TomlTable
from .accepting import settle_run, transact
from .attempts import CURVE
from .causes import Causes, pipeline_of
from .memory import OverlaidMemory
from .pipeline import Pipeline, Run
from .runtime import PAUSED, Runtime

if TYPE_CHECKING:
    from ..model.documents.events import WaitingDocument
    from ..store.contract.protocols import Store
    from ..store.contract.roles.transaction import Transaction
    from .failing import FailingPipeline

CHUNK = 200  # runs of a transaction


class Again(NamedTuple):
    """A run that was run again, `number` among those of its event; when it is the next time, if it failed."""

    event: Event
    number: int
    run: Run
    retry_at: int | None


class Unfinished(NamedTuple):
    """How many runs wait to be run again, and when the next of them is; those of pipelines that are idle, apart."""

    runs: int
    retry_at: str | None
    idle: dict[str, int]  # by pipeline


def run_due(
    runtime: Runtime, now: int, *, pipeline: str | None = None, source: str | None = None, most: int | None = None
) -> Iterator[tuple[list[Again], Queued]]:
    """Run again, in the order of acceptance, what is due: its time has come, or what it failed by has changed.

    Of one pipeline alone, or of the events from one source. Yields what each transaction did, and queued, as of `now`.
    """
    left = most if most is not None else sys.maxsize
    while left > 0 and (found := _due(runtime, now, pipeline, source, min(CHUNK, left))):
        left -= len(found)
        yield _run(runtime, found, now)


def _due(runtime: Runtime, now: int, pipeline: str | None, source: str | None, most: int) -> list[UnfinishedRun]:
    store = runtime.store
    runtime.heed(store.notes(PAUSED))
    causes = Causes(runtime.project)
    if not causes.is_told:
        return []
    known = [group.cause for group in store.unfinished.groups()]
    wanted = [it for it in known if pipeline in (None, pipeline_of(it)) and not causes.is_idle(it)]
    changed = [it for it in wanted if causes.has_changed(it)]
    return store.unfinished.due(changed, wanted, now, CURVE[-1], source, most)


def run_events(runtime: Runtime, ids: Sequence[str], pipeline: str | None = None) -> tuple[list[Again], Queued]:
    """Run again at once what failed of these events, whatever it waits for, but for pipelines that are idle."""
    return _run(runtime, _of_events(runtime, runtime.store, ids, pipeline), runtime.clock.now())


def foreseen_of_events(runtime: Runtime, store: "Store", ids: Sequence[str], pipeline: str | None) -> list[Again]:
    """Return what `run_events` would come to; nothing is written."""
    memory, done = OverlaidMemory(store), list[Again]()
    for row in _of_events(runtime, store, ids, pipeline):
        run = _pipeline(runtime, row).run(row.event, runtime.outside, memory)
        memory.remember(run, row.event.id)
        done.append(Again(row.event, row.number, run, None))
    return done


def _of_events(runtime: Runtime, store: "Store", ids: Sequence[str], pipeline: str | None) -> list[UnfinishedRun]:
    runtime.heed(store.notes(PAUSED))
    causes = Causes(runtime.project)
    return [
        row
        for row in store.unfinished.of_events(ids)
        if causes.is_told and not causes.is_idle(row.cause) and pipeline in (None, pipeline_of(row.cause))
    ]


def _run(runtime: Runtime, found: list[UnfinishedRun], now: int) -> tuple[list[Again], Queued]:
    """Run again, in one transaction, what no other process has run meanwhile."""
    pipelines = [_pipeline(runtime, row) for row in found]
    foreseen = Foreseen()
    for row, pipeline in zip(found, pipelines, strict=True):
        pipeline.foresee(row.event, row.event.scope(), foreseen)

    def work(transaction: "Transaction") -> list[Again]:
        done = []
        transaction.look_ahead(None, foreseen.entities(), foreseen.states, foreseen.seen)
        for row, pipeline in zip(found, pipelines, strict=True):
            if pipeline.name in runtime.project.pauses:  # since it was looked for
                continue
            if not transaction.earlier.take_up(row.event.id, row.number, row.tries):
                continue
            run = pipeline.run(row.event, runtime.outside, transaction)
            where = row.event, row.number
            retry_at = settle_run(runtime, transaction, *where, pipeline.text, run, now, row.tries + 1)
            done.append(Again(row.event, row.number, run, retry_at))
        return done

    return transact(runtime, foreseen, work)


def _pipeline(runtime: Runtime, row: UnfinishedRun) -> "Pipeline | FailingPipeline | _Leaving":
    """Return the pipeline of a run as it is now."""
    name = pipeline_of(row.cause)
    found = next((it for it in runtime.pipelines(row.event.type) if it.name == name), None)
    if found is not None:
        return found
    return _Leaving(next(data for data in runtime.project.pipelines + runtime.project.broken if data["name"] == name))


class _Leaving:
    """A pipeline that was edited, and takes the type of an event no more."""

    def __init__(self, data: TomlTable) -> None:
        self.name: str = data["name"]
        self.version: str = data["version"]
        self.text: str = data["text"]

    def foresee(self, event: Event, scope: Scope, foreseen: Foreseen) -> None:
        """Look nothing up."""

    def run(self, event: Event, outside: Outside, memory: Memory) -> Run:
        """Return a run that drops the event."""
        return Run(self.name, self.version, "dropped", reason=f"{self.name} takes {event.type} no more")


# What waits ------------------------------------------------------------------------------------------------


def waiting_of(store: "Store", project: Project, source: str) -> list[UnfinishedRun]:
    """Return the unfinished runs of the events from a source, but for those of pipelines that are idle."""
    causes = Causes(project)
    return [run for run in store.unfinished.of_source(source) if not causes.is_idle(run.cause)]


def backlog(store: "Store", project: Project, pipeline: str | None = None) -> Unfinished:
    """Return what waits to be run again."""
    causes = Causes(project)
    found, idle = list[UnfinishedGroup](), dict[str, int]()
    for group in store.unfinished.groups():
        name = pipeline_of(group.cause)
        if causes.is_idle(group.cause):
            idle[name] = idle.get(name, 0) + group.runs
        elif pipeline in (None, name):
            found.append(group)
    times = [group.retry_at for group in found if group.retry_at is not None]
    return Unfinished(sum(group.runs for group in found), format_time(min(times)) if times else None, idle)


def retry_times(store: "Store", project: Project, event_id: str) -> dict[int, str | None]:
    """Return when the unfinished runs of an event are run again, by number; None: once their pipeline has changed."""
    causes = Causes(project)
    return {run.number: _retry_at(causes, run) for run in store.unfinished.of_events([event_id])}


def told_of(store: "Store", project: Project, event_id: str) -> "list[WaitingDocument]":
    """Return the unfinished runs of an event as `--json` shows them."""
    causes = Causes(project)
    return [
        {"pipeline": pipeline_of(run.cause), "reason": run.reason, "retry_at": _retry_at(causes, run)}
        for run in store.unfinished.of_events([event_id])
    ]


def _retry_at(causes: Causes, run: UnfinishedRun) -> str | None:
    return None if run.retry_at is None or causes.is_idle(run.cause) else format_time(run.retry_at)


def when(retry_at: str | None) -> str:
    """Say when a run that failed is run again."""
    return f"at {retry_at[:10]} {retry_at[11:19]} UTC" if retry_at else "once its pipeline has changed"
