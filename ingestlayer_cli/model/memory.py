"""What is remembered between events: what steps keep of a key, and what the store knows of an entity."""

from collections import defaultdict
from typing import Any, NamedTuple, Protocol

from ..system.clock import format_time


class Seen(NamedTuple):
    """A remembered key: the event that left it, and that event's `received_at` in milliseconds."""

    event_id: str
    at: int


class Remembered(NamedTuple):
    """A key to remember, once the run has queued a message."""

    scope: str
    key: str
    at: int


class State(NamedTuple):
    """What a step knows of a key: plain data, the event that left it, and that event's `received_at`."""

    value: dict[str, Any]
    event_id: str
    at: int


class Kept(NamedTuple):
    """A state to keep in place of the one before."""

    scope: str
    key: str
    value: dict[str, Any]
    at: int


class Traits(NamedTuple):
    """What the store knows of an entity: values by name, and of each where it is from and that event's time."""

    values: dict[str, Any]
    origins: dict[str, tuple[str, int]]
    first_seen: int
    last_seen: int


class Upsert(NamedTuple):
    """Traits to lay over those that the store has of an entity; `origin` is an event's id, or words."""

    kind: str
    key: str
    values: dict[str, Any]
    origin: str
    at: int


def merged(known: Traits | None, item: Upsert) -> Traits:
    """Lay traits over those that are known, name by name: what an older event says of a name does not count."""
    if known is None:
        known = Traits({}, {}, item.at, item.at)
    names = [name for name in item.values if name not in known.origins or known.origins[name][1] <= item.at]
    return Traits(
        {**known.values, **{name: item.values[name] for name in names}},
        {**known.origins, **dict.fromkeys(names, (item.origin, item.at))},
        min(known.first_seen, item.at),
        max(known.last_seen, item.at),
    )


def laid_over(row: dict[str, Any], traits: Traits | None) -> dict[str, Any]:
    """Return an entity as refs see it: the store's traits over the file's row."""
    if traits is None:
        return row
    seen = {"first_seen": format_time(traits.first_seen), "last_seen": format_time(traits.last_seen)}
    return {**seen, **row, **traits.values}


class Memory(Protocol):
    """What steps remember between events, and what the store knows of entities."""

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        """Return the latest remembrance of a key strictly between two times."""

    def state(self, scope: str, key: str) -> State | None:
        """Return the state that was kept last of a key."""

    def traits(self, kind: str, key: str) -> Traits | None:
        """Return what the store knows of an entity."""


class Outside(Protocol):
    """What a run may ask for outside the store. A step asks nobody else: what it asks is read before its lock is taken.

    ProjectError where a file is unusable, or a secret not set.
    """

    def row(self, kind: str, key: str) -> Any:
        """Return the row of an entity's file (`values`, `line`, `duplicates`), or None."""

    def file_name(self, kind: str) -> str:
        """Return the name of the file of a kind, for people; empty for a kind without one."""

    def secret(self, name: str) -> str:
        """Return the secret that `env:NAME` or `keyring:NAME` names."""


class Foreseen:
    """What runs will look up, gathered so that it is read at once: one by one it takes several times as long.

    It is a hint: what is not in it is read when it is asked for, and what nobody asks for was read in vain.
    """

    def __init__(self) -> None:
        self.rows: defaultdict[str, set[str]] = defaultdict(set)  # keys of entities by their kind
        self.secrets: set[str] = set()  # their names, `env:NAME` or `keyring:NAME`
        self.states: defaultdict[str, set[str]] = defaultdict(set)  # keys of `Memory.state` by their scope
        self.seen: defaultdict[str, set[str]] = defaultdict(set)  # keys of `Memory.seen` by their scope
