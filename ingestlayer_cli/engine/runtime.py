"""What one call of the program works with: the project, the clock, the store, the entity files; opened when used."""

import os
from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any

from ..entities import EntityFile, Row
from ..model.gate import Gate
from ..model.memory import Kept, Seen, State, Traits, merged
from ..project import Project
from ..project.match import matches
from ..store.sqlite.connection import Store, open_store, open_to_read
from ..system.clock import Clock
from ..system.errors import Problem
from .outbox import Outbox
from .pipeline import Pipeline, Run

DAY = 86_400_000  # milliseconds


class EntityFiles:
    """The entity files of a project, by kind."""

    def __init__(self, project: Project, clock: Clock, *, keep_index: bool) -> None:
        self._project = project
        self._clock = clock
        self._names: dict[str, str] = {}
        self._index = project.home if keep_index else None
        self._files: dict[str, EntityFile] = {}
        self._looked: set[str] = set()  # the kinds whose file was looked at since `refresh`

    def get(self, kind: str, key: str) -> Row | None:
        """Return a row or None. Whether its file has changed is looked at once until `refresh()`."""
        file = self._files.get(kind) or self.file(kind)
        if file is None:
            return None
        row = file.get(key, kind in self._looked)
        self._looked.add(kind)
        return row

    def look_up(self, kind: str, keys: Collection[str]) -> None:
        """Read many rows at once, for the calls of `get` that follow."""
        if file := self.file(kind):
            file.look_up(keys)

    def refresh(self) -> None:
        """Look again whether a file has changed."""
        self._names.clear()
        self._looked.clear()

    def name(self, kind: str) -> str:
        """Return the file's name, with its age when an export of it must have been missed: over a day.

        It is empty for a kind that only the store knows.
        """
        if kind not in self._names:
            file = self.file(kind)
            if file is None:
                return ""
            days = int(self._clock.now() - os.stat(file.path).st_mtime * 1000) // DAY
            self._names[kind] = file.name if days < 1 else f"{file.name} ({days} day{'s' * (days > 1)} old)"
        return self._names[kind]

    def problems(self, kind: str) -> list[Problem]:
        """Return every problem of one kind's file."""
        file = self.file(kind)
        return file.problems() if file else []

    def file(self, kind: str) -> EntityFile | None:
        """Return the file of a kind; None for one that only the store knows."""
        table = self._project.entities.get(kind)
        if table is None:
            return None
        if kind not in self._files:
            path = os.path.join(self._project.root, table["file"])
            self._files[kind] = EntityFile(kind, path, table["key"], table["types"], self._index)
        return self._files[kind]

    def close(self) -> None:
        for file in self._files.values():
            file.close()


class NoMemory:
    """The memory of a store that is not there."""

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        return None

    def state(self, scope: str, key: str) -> State | None:
        return None

    def traits(self, kind: str, key: str) -> Traits | None:
        return None


class FreshMemory:
    """A memory that starts empty and that no store keeps: for runs that are to be as if nothing had been before.

    What a store knows of entities is not memory of steps: it is there.
    """

    def __init__(self, store: Store | None = None) -> None:
        self._store = store
        self._kept: dict[tuple[str, str], list[Seen]] = {}
        self._states: dict[tuple[str, str], State] = {}
        self._traits: dict[tuple[str, str], Traits] = {}

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        """Return the latest remembrance of a key strictly between two times."""
        held = self._kept.get((scope, key), ())
        return next((seen for seen in reversed(held) if after < seen.at < before), None)

    def state(self, scope: str, key: str) -> State | None:
        """Return the state that was kept last of a key."""
        return self._states.get((scope, key))

    def traits(self, kind: str, key: str) -> Traits | None:
        """Return what is known of an entity."""
        known = self._traits.get((kind, key))
        return known if known or self._store is None else self._store.traits(kind, key)

    def remember(self, run: Run, event_id: str) -> None:
        """Remember what a run asked for; runs come in the order of their events' times."""
        for upsert in run.upserts:
            self._traits[upsert.kind, upsert.key] = merged(self.traits(upsert.kind, upsert.key), upsert)
        for item in run.to_remember:
            if isinstance(item, Kept):
                self._states[item.scope, item.key] = State(item.value, event_id, item.at)
                continue
            held = self._kept.setdefault((item.scope, item.key), [])
            if not held or held[-1].at != item.at:
                held.append(Seen(event_id, item.at))


def _draw_nothing(target: str, body: dict[str, Any]) -> None:
    pass


class Runtime:
    """Opened for one call; `close()` it, or use it in a `with`.

    `show` draws a message of the terminal connection; `keep=False` writes nothing beside the store.
    """

    def __init__(
        self,
        project: Project,
        clock: Clock | None = None,
        show: Callable[[str, dict[str, Any]], None] = _draw_nothing,
        keep: bool = True,
    ) -> None:
        self.project = project
        self.clock = clock or Clock()
        self.show = show
        self.entities = EntityFiles(project, self.clock, keep_index=keep)
        self.gate = Gate(project.types, project.declaration, project.accepts_undeclared)
        self._pipelines: dict[str, list[Pipeline]] = {}

    @cached_property
    def store(self) -> Store:
        return open_store(self.project.store_path)

    @cached_property
    def stored(self) -> Store | None:
        """The store for reading alone, when there is one; one of an older version is brought up to date first."""
        store = open_to_read(self.project.store_path)
        if store is not None and store.is_outdated:
            store.close()
            return self.store
        return store

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.store, self.project.slack, self.clock, self.show, self.project.root)

    def pipelines(self, type_: str) -> list[Pipeline]:
        """Return the active pipelines that match an event type, compiled."""
        if type_ not in self._pipelines:
            self._pipelines[type_] = [
                Pipeline(data, self.project.slack)
                for data in self.project.pipelines
                if data["status"] == "active" and matches(data["match"], type_)
            ]
        return self._pipelines[type_]

    def close(self) -> None:
        for name in ("store", "stored"):
            store = self.__dict__.get(name)
            if store is not None:
                store.close()
        self.entities.close()

    def __enter__(self) -> "Runtime":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
