"""What is remembered between events: what steps keep of a key, and what the store knows of an entity."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence

from ..system.clock import format_time
from ..system.typed import Any, NamedTuple, Protocol, Values

# Takes the values of an entity, and the names of those from the store; returns those that may be kept.
Shown = Callable[[Values, Collection[str]], Values]


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

    value: Values
    event_id: str
    at: int


class Kept(NamedTuple):
    """A state to keep in place of the one before."""

    scope: str
    key: str
    value: Values
    at: int


class Traits(NamedTuple):
    """What the store knows of an entity: values by name, and of each where it is from and that event's time."""

    values: Values
    origins: dict[str, tuple[str, int]]
    first_seen: int
    last_seen: int


class Upsert(NamedTuple):
    """Traits to lay over those that the store has of an entity; `origin` is an event's id, or words."""

    kind: str
    key: str
    values: Values
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


def laid_over(row: Values, traits: Traits | None) -> Values:
    """Return an entity as refs see it: the store's traits over the file's row."""
    if traits is None:
        return row.copy()
    seen = {"first_seen": format_time(traits.first_seen), "last_seen": format_time(traits.last_seen)}
    return {**seen, **row, **traits.values}


_TIMES = ("first_seen", "last_seen")


def kept_entity(row: Values | None, traits: Traits | None, names: list[str] | None, at: int, shown: Shown) -> Values:
    """Return, as plain data, an entity as a run on an event of a time was given it: `names` of it, None for all.

    What is not `shown` is left out; `given_entity` reads the rest.
    """
    if traits is None and row and names is not None and not ("first_seen" in names or "last_seen" in names):
        return {"values": shown({name: row.get(name) for name in names}, ())}  # the usual case
    row, values = row or {}, laid_over(row or {}, traits)
    known = traits.values if traits is not None else {}
    found: Values = {"whole": True} if names is None else {}
    # The times are not values of their own: what the run itself learns moves them on.
    times = [name for name in _TIMES if name not in row and name not in known and (names is None or name in names)]
    names = [name for name in (values if names is None else names) if name not in times]
    if times:
        found["seen"] = None if traits is None else (traits.first_seen, traits.last_seen)
    if traits is not None:
        found["learned"] = [name for name in names if name in known]
        if newer := [name for name in found["learned"] if traits.origins[name][1] > at]:
            found["newer"] = newer
    found["values"] = shown({name: values.get(name) for name in names}, found.get("learned", ()))
    if "whole" in found and len(found["values"]) < len(names):
        found["hidden"] = [name for name in names if name not in found["values"]]
    return found


def given_entity(kept: Values, at: int) -> tuple[Values, Traits | None]:
    """Return what `kept_entity` kept: what was in the file, and what the store had learned."""
    values = kept["values"]
    if "learned" not in kept:
        return values, None
    learned = {name: values[name] for name in kept["learned"] if name in values}
    origins = {name: ("", at + (name in kept.get("newer", ()))) for name in learned}
    row = {name: value for name, value in values.items() if name not in learned}
    return row, Traits(learned, origins, *(kept.get("seen") or (at, at)))


class Memory(Protocol):
    """What steps remember between events, and what the store knows of entities."""

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        """Return the latest remembrance of a key strictly between two times."""

    def state(self, scope: str, key: str) -> State | None:
        """Return the state that was kept last of a key."""

    def traits(self, kind: str, key: str) -> Traits | None:
        """Return what the store knows of an entity."""


class Reacted(NamedTuple):
    """The event under whose message somebody has reacted, by id, else empty; then, why that is not known, if it is."""

    to: str = ""
    why: str = ""


UNASKED = Reacted(why="it is looked up when an event is accepted, and not here")


class Outside(Protocol):
    """What a run may ask for outside the store. A step asks nobody else: what it asks is read before its lock is taken.

    ProjectError where a file is unusable, or a secret not set.
    """

    def row(self, kind: str, key: str) -> Any:
        """Return the row of an entity's file (`values`, `line`, `duplicates`), or None."""

    def near_key(self, kind: str, key: str) -> str:
        """Return a key of a kind's file that people may take for this one, which is not there; empty for none."""

    def file_name(self, kind: str) -> str:
        """Return the name of the file of a kind, for people; empty for a kind without one."""

    def secret(self, name: str) -> str:
        """Return the secret that `env:NAME` or `keyring:NAME` names."""

    def reacted(self, pipeline: str, events: Sequence[str], emoji: str) -> Reacted:
        """Return whether somebody has reacted with an emoji to what a pipeline posted for some events."""


class Foreseen:
    """What runs will look up, gathered so that it is read at once: one by one it takes several times as long.

    It is a hint: what is not in it is read when it is asked for, and what nobody asks for was read in vain.
    """

    def __init__(self) -> None:
        self.rows: defaultdict[str, set[str]] = defaultdict(set)  # keys of entities by their kind
        self.traits: defaultdict[str, set[str]] = defaultdict(set)  # of those of which only the store is asked
        self.secrets: set[str] = set()  # their names, `env:NAME` or `keyring:NAME`
        self.reactions: set[tuple[str, tuple[str, ...], str]] = set()  # the arguments of `Outside.reacted`
        self.states: defaultdict[str, set[str]] = defaultdict(set)  # keys of `Memory.state` by their scope
        self.seen: defaultdict[str, set[str]] = defaultdict(set)  # keys of `Memory.seen` by their scope

    def entities(self) -> dict[str, set[str]]:
        """Return the keys of entities, by their kind, of which the store is asked."""
        kinds = {**self.rows, **self.traits} if self.traits else self.rows
        return {kind: self.rows.get(kind, set()) | self.traits.get(kind, set()) for kind in kinds}
