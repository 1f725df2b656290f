"""A message that waited is judged again when its time comes: what is over by then is not sent.

On what is known then: enrichment is read anew, and what the event says is what the newest event of the same thing
says. What is reached has to be held since; what a check has found, by that check.
"""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..language.conditions import Condition
from ..language.expressions import refs
from ..model.crossings import Held
from ..model.events import Event
from ..model.memory import Foreseen, Memory, Outside
from ..model.sending import Judgement
from ..project.check_table import scope_of
from ..steps.base import Context
from ..system.clock import parse_time
from ..system.errors import IngestlayerError, StoreError
from ..system.hours import opened_at
from ..system.typed import Directions, TomlTable
from ..system.zones import moment_of, names_of
from .newest import Newest
from .pipeline import Pipeline

if TYPE_CHECKING:
    from ..model.documents.deliveries import DeliveryDocument
    from ..project import Project
    from ..store.contract.protocols import Store
    from .outside import OutsideStore


class _Again(NamedTuple):
    """Why something is not so any more, else empty; the events that it says are over, by id."""

    why: str
    ends: tuple[str, ...] = ()


_AS_IT_WAS = Judgement(True)


class Rechecking:
    """Judges the messages of a project again, as its files and its store are then."""

    def __init__(self, project: "Project", store: "Store", outside: "OutsideStore") -> None:
        self.project = project
        self.store = store
        self._outside = outside
        self._pipelines: dict[str, _Judging] = {}
        self._newest_of: dict[tuple[str, str], Newest] = {}

    def __call__(self, id_: str, directions: Directions, now: int) -> Judgement:
        """Judge a delivery again that has waited for its hours, or for others, and is to be sent for the first time."""
        row = self.store.deliveries.starting(id_)[0]
        hours, queued_at = directions["hours"], parse_time(row["queued_at"], now)
        opened = opened_at(hours, now)
        if row["status"] != "pending" or not ("digest" in directions or opened is None or opened > queued_at):
            return _AS_IT_WAS
        at = moment_of(now, hours["timezone"])
        try:
            why = self._why_not(row, directions["recheck"])
        except StoreError:
            raise
        except IngestlayerError as error:
            return Judgement(True, f"it could not be judged again at {at}: {error.message}")
        except Exception as error:
            return Judgement(True, f"it could not be judged again at {at}: a defect of ours: {type(error).__name__}")
        return Judgement(False, f"judged again at {at}: {why}") if why else _AS_IT_WAS

    def _why_not(self, row: "DeliveryDocument", salt: int) -> str:
        pipeline, outside = self._pipeline(row["pipeline"]), self._outside
        waiting = self.store.history.events([row["event"]])[0]
        if why := self._why_not_by_check(waiting):
            return why
        newest = self._newest(pipeline, waiting)
        outside.prepare(Foreseen())  # of the files as they are now
        why, ends = pipeline.again(waiting, newest, salt, outside, self.store)
        if why and newest.id != waiting.id:
            return f"{why} (of {newest.id}, which is newer)"
        return why or self._why_not_over([*ends, *self._ended(waiting)], row)

    def _pipeline(self, name: str) -> "_Judging":
        """Return the pipeline of a name as it is now, whether it is paused or not."""
        project = self.project
        if project.trouble is not None:
            raise IngestlayerError(f"the project is broken: {project.trouble.message}")
        if name not in self._pipelines:
            data = next((data for data in project.pipelines if data["name"] == name), None)
            if data is None:
                is_broken = any(data["name"] == name for data in project.broken)
                raise IngestlayerError(f"the pipeline {name} is {'broken' if is_broken else 'not there any more'}")
            self._pipelines[name] = _Judging(data, project.connections)
        return self._pipelines[name]

    def _newest(self, pipeline: "_Judging", event: Event) -> Event:
        """Return the newest event that is of the same thing."""
        key = (pipeline.name, event.type)
        if key not in self._newest_of:
            self._newest_of[key] = Newest(self.store, pipeline.about)
        return self._newest_of[key].of(event)

    # What checks found ---------------------------------------------------------------------------------

    def _why_not_by_check(self, event: Event) -> str:
        """Return why a level that a check found is not held any more, or one that it cleared is again."""
        found = self._found_by(event)
        if found is None:
            return ""
        data, place, level, is_over = found
        kept = self.store.state(scope_of(data["name"]), place)
        if kept is None:
            return ""
        held = Held(**kept.value["held"])
        if is_over:
            is_back = held.level is not None and held.level >= level
            return f"the check {data['name']} has found {level:.15g} reached again" if is_back else ""
        if any(reached == level and since <= event.received_at for reached, since in held.reached):
            return ""
        return f"the check {data['name']} has found {level:.15g} held no more"

    def _ended(self, event: Event) -> list[str]:
        """Return the event of a check of which this one says that it is over."""
        found = self._found_by(event)
        if found is None or not found[3] or event.key is None:
            return []
        start, _, end = event.key.rpartition(":cleared:")
        level, period, *again = end.split(":")
        for number in range(int(again[0]) if again else 0, -1, -1):  # it counts those that were over before
            key = f"{start}:{level}:{period}" + (f":{number}" if number else "")
            if ids := [row.event.id for row in self.store.history.with_key(key) if row.event.type == found[0]["emit"]]:
                return ids[:1]
        return []

    def _found_by(self, event: Event) -> tuple[TomlTable, str, float, bool] | None:
        """Return the check that an event is of, where it keeps its key, the level, and whether that is over.

        As `checks.levels` writes the key of an event.
        """
        name = event.source.removeprefix("check:")
        data = self.project.checks.get(name)
        if data is None or name == event.source or not (event.key or "").startswith(f"{name}:"):
            return None
        at, period, zone = event.received_at, data["period"], data["timezone"]
        names = names_of(at, period, zone) if period else ("ever",)
        periods = "|".join(map(re.escape, names))
        read = re.fullmatch(
            rf"(.*?):(cleared:)?([\d.e+-]+):({periods})(?::\d+)?", str(event.key)[len(name) + 1 :], re.S
        )
        if read is None:
            return None
        return data, f"{read[4]} {read[1]}", float(read[3]), bool(read[2])

    def _why_not_over(self, ends: list[str], row: "DeliveryDocument") -> str:
        """Return why it is not told that something is over: nobody was told of it."""
        store, pipeline = self.store, row["pipeline"]
        told = [one for id_ in ends for one in store.runs.outcomes(id_) if one.pipeline == pipeline and one.target]
        if not told or any(one.status != "dropped" for one in told):
            return ""
        return f"what is over was never told ({', '.join(ends)})"


class _Judging(Pipeline):
    """A pipeline that judges again what it let through."""

    def __init__(self, data: TomlTable, tables: dict[str, TomlTable]) -> None:
        super().__init__(data, tables)
        members = [*(step for _, _, step in self._steps), *(destination for *_, destination in self._destinations)]
        conditions = [value for member in members for value in vars(member).values() if isinstance(value, Condition)]
        paths = [path for condition in conditions for path in refs(condition.node) if path[0] == "event" and path[1:]]
        self._read = {path[2] if path[1] == "payload" and path[2:] else path[1] for path in paths}

    def about(self, event: Event) -> tuple[Any, ...]:
        """Return what two events of one type have in common that are of the same thing.

        That is what its levels are held by; else its entities, and the texts that no condition reads.
        """
        scope = event.scope()
        keys = [(step.measures, key) for _, _, step in self._steps if (key := step.about(scope)) is not None]
        if any(measures for measures, _ in keys):
            return tuple(key for measures, key in keys if measures)
        texts = [(name, value) for name, value in event.payload.items() if isinstance(value, str)]
        return *(key for _, key in keys), *sorted(text for text in texts if text[0] not in self._read)

    def again(self, waiting: Event, newest: Event, salt: int, outside: Outside, memory: Memory) -> _Again:
        """Judge whether the message of an event, to the destination of a salt, is still to be sent."""
        context = Context(self.name, newest, outside, memory, self._redacting)
        context.waiting = waiting
        for kind, context.place, step in self._steps:
            if (dropped := step.again(context)) is not None:
                return _Again(f"{kind}: {context.cleared(dropped.reason)}")
        for _, own, destination in self._destinations:
            if own == salt and destination.when is not None:
                holds, words = context.judge(destination.when)
                if not holds:
                    return _Again(context.cleared(words))
        return _Again("", tuple(context.ends))
