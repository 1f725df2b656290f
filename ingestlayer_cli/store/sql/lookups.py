"""What is looked up by its key while pipelines run: each look-up once, for a store and for a transaction."""

import json
from collections.abc import Iterable, Iterator, Sequence

from ...model.events import Event, encode
from ...model.memory import Seen, State, Traits
from ...system.typed import Any, Values
from ..contract.accepting import First, LookedUp
from .names import key_hash

_FIRST = "id, type, received_at, source, key, payload, accepted_at"
STATE = "value, event_id, at"
TRAITS = "traits, origins, first_seen, last_seen"
_PAGE = 1_000  # states that are read at once


class Lookups:
    """Look-ups by `rows`, which a subclass has."""

    _of_hashes = "events WHERE key_hash IN (SELECT value FROM json_each(?))"

    def rows(self, sql: str, *values: Any) -> list[Any]:
        raise NotImplementedError

    def look_up(self, keys: list[str]) -> LookedUp:
        as_of = self.written()  # before the look: what others write meanwhile is noticed
        found = self.rows(
            f"SELECT {_FIRST} FROM {self._of_hashes} ORDER BY seq",
            encode(sorted(map(key_hash, keys))),
        )
        return LookedUp(keys, {(row[1], row[4]): First(stored_event(row), row[6]) for row in found}, as_of)

    def written(self) -> object:
        """Return what changes when another connection writes."""
        raise NotImplementedError

    def first_with_key(self, type_: str, key: str, after: int) -> First | None:
        found = self.rows(
            f"SELECT {_FIRST} FROM events"
            " WHERE key_hash = ? AND key = ? AND type = ? AND accepted_at > ? ORDER BY seq DESC LIMIT 1",
            *(key_hash(key), key, type_, after),
        )
        return First(stored_event(found[0]), found[0][6]) if found else None

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        found = self.rows(
            "SELECT event_id, at FROM memory WHERE scope = ? AND key = ? AND at > ? AND at < ?"
            " ORDER BY at DESC LIMIT 1",
            *(scope, key, after, before),
        )
        return Seen(*found[0]) if found else None

    def state(self, scope: str, key: str) -> State | None:
        found = self.rows(f"SELECT {STATE} FROM states WHERE scope = ? AND key = ?", scope, key)
        return stored_state(found[0]) if found else None

    def states(self, scope: str, start: str) -> Iterator[tuple[str, str, str, int]]:
        select = f"SELECT key, {STATE} FROM states WHERE scope = ? AND key {{}} ? AND key < ? ORDER BY key"
        select += f" LIMIT {_PAGE}"
        end = start + "\U0010ffff"
        found = self.rows(select.format(">="), scope, start, end)
        while found:
            yield from found
            found = self.rows(select.format(">"), scope, found[-1][0], end) if len(found) == _PAGE else []

    def traits(self, kind: str, key: str) -> Traits | None:
        found = self.rows(f"SELECT {TRAITS} FROM entities WHERE kind = ? AND key = ?", kind, key)
        return stored_traits(found[0]) if found else None

    def traits_of(self, kind: str, keys: Iterable[str]) -> dict[str, Traits]:
        found = self.rows(
            f"SELECT key, {TRAITS} FROM entities WHERE kind = ? AND key IN (SELECT value FROM json_each(?))",
            *(kind, encode(list(keys))),
        )
        return {row[0]: stored_traits(row[1:]) for row in found}

    def note(self, topic: str, name: str) -> Any:
        found = self.rows("SELECT value FROM notes WHERE topic = ? AND name = ?", topic, name)
        return json.loads(found[0][0]) if found else None

    def notes(self, topic: str) -> Values:
        found = self.rows("SELECT name, value FROM notes WHERE topic = ? ORDER BY name", topic)
        return {name: json.loads(value) for name, value in found}


_scan = json.JSONDecoder().raw_decode


def _decoded(text: str) -> Any:
    """Return what `encode` wrote, which has no white space around it: to look for that takes as long again."""
    return _scan(text)[0]


def stored_event(row: Sequence[Any]) -> Event:
    """Make an event of a row that starts with id, type, received_at, source, key, payload."""
    id_, type_, received_at, source, key, payload, *_ = row
    return Event(id_, type_, received_at, source, key, _decoded(payload))


def stored_state(row: Sequence[Any]) -> State:
    value, event_id, at = row
    return State(_decoded(value), event_id, at)


def stored_traits(row: Sequence[Any]) -> Traits:
    values, origins, first_seen, last_seen = row
    told = {name: (origin, at) for name, (origin, at) in _decoded(origins).items()}
    return Traits(_decoded(values), told, first_seen, last_seen)


def of_other_types(event: str, but: str) -> tuple[str, tuple[Any, ...]]:
    """Return the term, with its values, that the type of an event, given by its number, starts otherwise."""
    if not but:
        return "", ()
    return f" AND NOT EXISTS (SELECT 1 FROM events o WHERE o.seq = {event} AND substr(o.type, 1, ?) = ?)", (
        len(but),
        but,
    )
