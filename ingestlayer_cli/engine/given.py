"""The world as runs found it: what each was given of entities and of what steps remember, for replays and backtests."""

import json
from collections.abc import Iterable, Sequence

from ..entities.table import Row
from ..model.events import Event
from ..model.memory import UNASKED, Outside, Reacted, Seen, State, Traits, given_entity, laid_over, merged
from ..store.contract.protocols import Store
from ..store.contract.reading import FirstRun
from ..system.typed import TYPE_CHECKING, NamedTuple, Values
from .memory import FreshMemory
from .pipeline import Pipeline, Replay, Run

if TYPE_CHECKING:
    from .failing import FailingPipeline

_TIMES = ("first_seen", "last_seen")


class FirstGiven(NamedTuple):
    """What a run was given: entities by kind and key, and what steps asked of their memory by scope and key."""

    entities: dict[tuple[str, str], Values]
    seen: dict[tuple[str, str], Seen]
    states: dict[tuple[str, str], State]


def read_given(own: str | None, others: Iterable[str | None] = ()) -> FirstGiven:
    """Read what the store kept of a run, and of the other runs of its event: these were given the same entities."""
    found = FirstGiven({}, {}, {})
    for row in json.loads(own) if own else ():
        if "kind" in row:
            found.entities[row["kind"], row["key"]] = row
        elif "seen" in row:
            found.seen[row["scope"], row["key"]] = Seen(*row["seen"])
        else:
            found.states[row["scope"], row["key"]] = State(*row["state"])
    for text in others:
        for row in json.loads(text) if text else ():
            if "kind" in row:
                found.entities.setdefault((row["kind"], row["key"]), row)
    return found


class PastMemory(FreshMemory):
    """A memory for runs that are given again what they were given, in the order of their events' acceptance.

    With `steps`, also what their steps remembered: all of it to a run that is the same as then, to another one what is
    from before the first event, and after that what the runs here have left.
    """

    def __init__(self, store: Store | None, steps: bool = False) -> None:
        super().__init__(store)
        self._steps = steps
        self._since = ""  # the id of the first event
        self._others: set[str] = set()  # the pipelines of which a run came to something else than then
        self._learned: dict[tuple[str, str], Traits] = {}  # by entity: what pipelines that are not as then have written

    def run_again(
        self,
        pipeline: "Pipeline | FailingPipeline",
        event: Event,
        outside: Outside,
        firsts: dict[str, FirstRun],
        how: Replay | None = None,
    ) -> tuple[Run, frozenset[str]]:
        """Run a pipeline on an event whose first runs these were; return also what of entities is of today."""
        first = firsts.get(pipeline.name)
        is_same = first is not None and first.given is not None and first.version == pipeline.version
        is_same = is_same and pipeline.name not in self._others
        if self._steps and not self._since:
            self._since = event.id
        given = read_given(first and first.given, [other.given for other in firsts.values() if other is not first])
        then = Then(outside, self, given, pipeline.uses, event.received_at, self._since, is_same)
        run = pipeline.run(event, then, then, how)
        self.remember(run, event.id)
        if not is_same:
            for upsert in run.upserts:
                place = upsert.kind, upsert.key
                self._put(self._learned, place, merged(self._learned.get(place), upsert))
        elif self._steps and first is not None and _differs(run, first):
            self._others.add(pipeline.name)
        return run, frozenset(then.today)

    def learned(self, kind: str, key: str) -> Traits | None:
        """Return what pipelines that are not as then have written of an entity."""
        return self._learned.get((kind, key))


def _differs(run: Run, first: FirstRun) -> bool:
    return run.outcome != first.outcome or sorted(m.target for m in run.messages) != sorted(first.targets)


class Then:
    """The world of one run as it was given it, outside and memory; what it was not given is of today, as `today` says.

    See `PastMemory` for what steps remembered `since` an event.
    """

    def __init__(
        self,
        outside: Outside,
        memory: PastMemory,
        given: FirstGiven,
        uses: dict[str, list[str] | None],
        at: int,
        since: str,
        is_same: bool,
    ) -> None:
        self.today: set[str] = set()
        self._outside = outside
        self._memory = memory
        self._given = given
        self._uses = uses
        self._at = at
        self._since = since
        self._is_same = is_same and bool(since)

    # As the outside ------------------------------------------------------------------------------------

    def row(self, kind: str, key: str) -> Row | None:
        """Return the values of an entity that are not of the store."""
        kept = self._given.entities.get((kind, key))
        if kept is None:
            self.today.add(kind)
            found: Row | None = self._outside.row(kind, key)
            return found
        values = {**self._of_today(kind, key, kept)[0], **given_entity(kept, self._at)[0]}
        return Row(values, 0) if values else None

    def _of_today(self, kind: str, key: str, kept: Values) -> tuple[Values, Values]:
        """Return the values that the pipeline uses, and that are not kept of those that the run was given.

        Those that are, or were then, from the store come apart: they are redacted by where they are from.
        """
        names, known = self._uses.get(kind, []), {*kept["values"], *(_TIMES if "seen" in kept else ())}
        if "whole" in kept:
            names = [name for name in kept.get("hidden", ()) if names is None or name in names]
        if names is not None and known.issuperset(names):
            return {}, {}
        row, traits = self._outside.row(kind, key), self._memory.traits(kind, key)
        values = laid_over(row.values if row else {}, traits)
        missing = sorted({*(values if names is None else names)} - known)
        self.today.update(f"{kind}.{name}" for name in missing)
        learned = {*kept.get("learned", ()), *(traits.values if traits else ())}
        own = {name: values.get(name) for name in missing if name not in learned}
        return own, {name: values.get(name) for name in missing if name in learned}

    def near_key(self, kind: str, key: str) -> str:
        """Return a key of today that is like one of which nothing is known."""
        return "" if (kind, key) in self._given.entities else self._outside.near_key(kind, key)

    def file_name(self, kind: str) -> str:
        """Return a name for people of where rows are from."""
        given = any(of == kind for of, _ in self._given.entities)
        return "what was known then" if given else self._outside.file_name(kind)

    def secret(self, name: str) -> str:
        """Return a secret of today: none is kept."""
        return self._outside.secret(name)

    def reacted(self, pipeline: str, events: Sequence[str], emoji: str) -> Reacted:
        """What Slack had is not kept, and it is not asked."""
        return UNASKED

    # As the memory -------------------------------------------------------------------------------------

    def traits(self, kind: str, key: str) -> Traits | None:
        """Return what the store had learned of an entity, and what edited pipelines would have taught it."""
        kept = self._given.entities.get((kind, key))
        if kept is None:
            return self._memory.traits(kind, key)
        known, more = given_entity(kept, self._at)[1], self._memory.learned(kind, key)
        if today := self._of_today(kind, key, kept)[1]:
            known = known or Traits({}, {}, self._at, self._at)
            origins = dict.fromkeys(today, ("", self._at))
            known = known._replace(values={**today, **known.values}, origins={**origins, **known.origins})
        if known is None or more is None:
            return known or more
        return Traits(
            {**known.values, **more.values},
            {**known.origins, **more.origins},
            min(known.first_seen, more.first_seen),
            max(known.last_seen, more.last_seen),
        )

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        """Return the latest remembrance of a key strictly between two times."""
        then = self._given.seen.get((scope, key))
        if self._is_same:
            return then
        now = self._memory.seen(scope, key, after, before)
        if then is None or then.event_id >= self._since or not after < then.at < before:
            return now
        return then if now is None or now.at < then.at else now

    def state(self, scope: str, key: str) -> State | None:
        """Return the state that was kept last of a key."""
        then = self._given.states.get((scope, key))
        if self._is_same:
            return then
        now = self._memory.state(scope, key)
        return then if now is None and then is not None and then.event_id < self._since else now
