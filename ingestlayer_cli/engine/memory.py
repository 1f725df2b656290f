"""Memories for runs that are as if the store knew of no earlier one."""

from collections.abc import Callable

from ..model.memory import Kept, Seen, State, Traits, merged
from ..system.typed import TYPE_CHECKING, TypeVar
from .pipeline import Run

if TYPE_CHECKING:
    from ..store.contract.protocols import Store

Known = TypeVar("Known")


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

    def __init__(self, store: "Store | None" = None) -> None:
        self._store = store
        self._kept: dict[tuple[str, str], list[Seen]] = {}
        self._states: dict[tuple[str, str], State] = {}
        self._traits: dict[tuple[str, str], Traits] = {}
        self._undo: list[Callable[[], object]] = []

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
            self._put(self._traits, (upsert.kind, upsert.key), merged(self.traits(upsert.kind, upsert.key), upsert))
        for item in run.to_remember:
            if isinstance(item, Kept):
                self._put(self._states, (item.scope, item.key), State(item.value, event_id, item.at))
                continue
            held = self._kept.setdefault((item.scope, item.key), [])
            if not held or held[-1].at != item.at:
                held.append(Seen(event_id, item.at))
                self._undo.append(held.pop)

    def _put(self, held: dict[tuple[str, str], Known], place: tuple[str, str], value: Known) -> None:
        before = held.get(place)
        self._undo.append(lambda: held.pop(place) if before is None else held.update({place: before}))
        held[place] = value

    def settle(self) -> None:
        """Keep what was remembered so far."""
        self._undo.clear()

    def undo(self) -> None:
        """Forget what was remembered since `settle`: these runs are done again."""
        while self._undo:
            self._undo.pop()()


class OverlaidMemory(FreshMemory):
    """What a store remembers, and over it what runs leave that nobody stores."""

    def __init__(self, store: "Store") -> None:
        super().__init__(store)
        self._below = store

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        """Return the latest remembrance of a key strictly between two times."""
        return super().seen(scope, key, after, before) or self._below.seen(scope, key, after, before)

    def state(self, scope: str, key: str) -> State | None:
        """Return the state that was kept last of a key."""
        return super().state(scope, key) or self._below.state(scope, key)
