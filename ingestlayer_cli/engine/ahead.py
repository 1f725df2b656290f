"""Runs made ahead of their transaction, in the process that feeds it, as if nothing were remembered.

A run is what its event, the entity files and memory make it. One that asked memory, and found nothing, is what it
would be in the transaction as long as there is nothing yet under what it asked for; any other is made there.
"""

import marshal
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from ..entities.table import Row
from ..model.events import Event
from ..model.memory import Foreseen, Kept, Memory, Reacted, Remembered, Seen, State, Traits, Upsert
from ..system.typed import TYPE_CHECKING, Any, NoReturn
from .outside import NotReadError, OutsideStore
from .pipeline import Message, Pipeline, Run
from .runtime import Runtime

if TYPE_CHECKING:
    from ..system.stamps import FileStamp
    from .failing import FailingPipeline

NOTHING, ROWS, RUNS = range(3)  # what is made ahead
FEW = 12  # answers of memory of a run that is made ahead: each is asked for again

# As plain data, by event: of each pipeline the run, and what it asked of `seen`, `state` and `traits`.
Made = dict[str, list[tuple[list[Any], tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]]]
Files = list[tuple[str, "FileStamp", str]]  # of each entity file: its kind, how it was, its name for people


class Ahead:
    """Runs of many events, and the rows of entity files that they were made with."""

    def __init__(self, made: Made, files: Files, rows: bytes) -> None:
        """`rows`: see `packed_rows`."""
        self._made = made
        self._wanted = self._held = 0  # runs that were asked for, and that did hold
        self._files = files
        self._packed = rows

    @property
    def has_runs(self) -> bool:
        return bool(self._made)

    @property
    def use(self) -> int:
        """What of it was of use in the transaction: `RUNS`, only `ROWS`, or, where most are duplicates, `NOTHING`."""
        if 2 * self._wanted < len(self._made):
            return NOTHING
        return RUNS if 2 * self._held >= self._wanted else ROWS

    def fits(self, outside: OutsideStore) -> bool:
        """Say whether the files are still those; then give what was read of them to whoever runs the others."""
        fits = all(outside.has(*file) for file in self._files)
        if fits:
            outside.offer(self._row)
        return fits

    def foresee(self, runtime: Runtime, events: Iterable[Event], foreseen: Foreseen) -> Iterator[Event]:
        """Add what the runs of events asked memory for: they ask it again, to see whether there is something now.

        Yield the events that have others, too.
        """
        for event in events:
            runs = self._made.get(event.id, ())
            if len(runs) < len(runtime.pipelines(event.type)):
                yield event
            for run, seen, states, traits in runs:
                for kind, key in traits:
                    foreseen.traits[kind].add(key)
                for scope, key in states:
                    foreseen.states[scope].add(key)
                for scope, key, _, _ in seen:
                    foreseen.seen[scope].add(key)
                for upsert in run[_UPSERTS]:
                    foreseen.traits[upsert[0]].add(upsert[1])

    def spare(self, foreseen: Foreseen) -> None:
        """Leave of the rows that are foreseen only those that are not here, and to look at the files of these."""
        for kind, keys in foreseen.rows.items():
            if keys:
                here = keys & self._read.get(kind, {}).keys()
                keys -= here
                foreseen.traits[kind] |= here
        for kind, _, _ in self._files:
            foreseen.rows[kind].update()

    def run(self, event: Event, pipeline: "Pipeline | FailingPipeline", memory: Memory) -> Run | None:
        """Return the run of a pipeline; None where there is none that holds."""
        self._wanted += 1
        for run, seen, states, traits in self._made.get(event.id, ()):
            if run[0] == pipeline.name and run[1] == pipeline.version:
                for asked in traits:
                    if memory.traits(*asked) is not None:
                        return None
                for asked in states:
                    if memory.state(*asked) is not None:
                        return None
                for asked in seen:
                    if memory.seen(*asked) is not None:
                        return None
                self._held += 1
                return _unpacked(run)
        return None

    def _row(self, kind: str, key: str) -> Row | None:
        row = self._read.get(kind, {}).get(key)
        return None if row is None else Row(*row)

    @cached_property
    def _read(self) -> dict[str, dict[str, tuple[Any, ...]]]:
        """The rows, by kind and key: hardly ever is one wanted."""
        found: dict[str, dict[str, tuple[Any, ...]]] = marshal.loads(self._packed)  # noqa: S302 - from our own fork
        return found


def packed_rows(rows: dict[str, dict[str, Row]]) -> bytes:
    """Return rows, by kind and key, for an `Ahead`; ValueError where one is nested more deeply than marshal goes."""
    return marshal.dumps({kind: {key: (*row,) for key, row in found.items()} for kind, found in rows.items()})


def foresee_rows(runtime: Runtime, events: Iterable[Event]) -> dict[str, set[str]]:
    """Return the keys of entities, by their kind, whose rows runs on these events will look up."""
    foreseen = Foreseen()
    for event in events:
        scope = event.scope()
        for pipeline in runtime.pipelines(event.type):
            for place, step in pipeline.looking:
                step.foresee(place, event, scope, foreseen)
    return foreseen.rows


def run_ahead(runtime: Runtime, events: Iterable[Event], rows: "ReadRows") -> Made:
    """Run the pipelines on events that are not accepted yet.

    A run that fails, asks for what was not read, or for much, is left out.
    """
    made: Made = {}
    for event in events:
        of_event = made[event.id] = []
        for pipeline in runtime.pipelines(event.type):
            memory = _EmptyMemory()
            run = pipeline.run(event, rows, memory)
            if run.error is None and memory.number <= FEW:
                of_event.append((_packed(run), *memory.asked()))
    return made


class _EmptyMemory:
    """A memory in which there is nothing; it notes what it is asked for."""

    __slots__ = ("_seen", "_states", "_traits")

    def __init__(self) -> None:
        # Of most there is none, or one.
        self._seen: tuple[tuple[str, str, int, int], ...] = ()
        self._states: tuple[tuple[str, str], ...] = ()
        self._traits: tuple[tuple[str, str], ...] = ()

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        self._seen += ((scope, key, after, before),)
        return None

    def state(self, scope: str, key: str) -> State | None:
        self._states += ((scope, key),)
        return None

    def traits(self, kind: str, key: str) -> Traits | None:
        self._traits += ((kind, key),)
        return None

    @property
    def number(self) -> int:
        """How many times it was asked."""
        return len(self._seen) + len(self._states) + len(self._traits)

    def asked(self) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
        return self._seen, self._states, self._traits


class ReadRows:
    """The rows of entity files that were read before, by kind and key; there is nothing else outside the store."""

    def __init__(self, rows: dict[str, dict[str, Row]], files: Files) -> None:
        self._rows = rows
        self._names = {kind: name for kind, _, name in files}

    def row(self, kind: str, key: str) -> Any:
        try:
            return self._rows[kind][key]
        except KeyError:
            raise NotReadError from None

    def file_name(self, kind: str) -> str:
        return self._names[kind]

    def near_key(self, kind: str, key: str) -> NoReturn:
        raise NotReadError

    def secret(self, name: str) -> NoReturn:
        raise NotReadError

    def reacted(self, pipeline: str, events: Sequence[str], emoji: str) -> Reacted:
        raise NotReadError


_MESSAGES, _REMEMBERED, _UPSERTS = map(Run._fields.index, ("messages", "to_remember", "upserts"))
_KEPT = len(Kept._fields)


def _packed(run: Run) -> list[Any]:
    """Return a run that has not failed as plain data."""
    data: list[Any] = [*run]
    for at in (_MESSAGES, _REMEMBERED, _UPSERTS):
        if data[at]:
            data[at] = [(*item,) for item in data[at]]
    return data


def _unpacked(data: list[Any]) -> Run:
    if data[_MESSAGES]:
        data[_MESSAGES] = [Message(*item) for item in data[_MESSAGES]]
    if data[_REMEMBERED]:
        data[_REMEMBERED] = [(Kept if len(item) == _KEPT else Remembered)(*item) for item in data[_REMEMBERED]]
    if data[_UPSERTS]:
        data[_UPSERTS] = [Upsert(*item) for item in data[_UPSERTS]]
    return Run(*data)
