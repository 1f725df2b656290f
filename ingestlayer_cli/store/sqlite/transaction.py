"""One write transaction: what it adds is gathered and written with few statements at its end.

Look-ups see what the transaction itself has added. Because it holds the only write lock, it can number its
rows itself.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from ...model.events import Event, encode
from ...model.memory import Kept, Remembered, Seen, State, Traits, Upsert, merged
from ..contract.accepting import First, Keys, LookedUp, NewDelivery, NewThread
from .schema import key_hash


class Transaction:
    """See the module. Made by `Store.transaction()` alone."""

    def __init__(
        self, connection: sqlite3.Connection, versions: dict[tuple[str, str], int], numbers: dict[tuple[str, str], int]
    ) -> None:
        self.connection = connection
        self._known_versions = versions
        self._known_numbers = numbers
        self._events: list[tuple[Any, ...]] = []
        self._runs: list[tuple[Any, ...]] = []
        self._unfinished: list[tuple[Any, ...]] = []
        self._deliveries: list[tuple[Any, ...]] = []
        self._keys: dict[tuple[str, str], First] = {}
        self._looked_up: set[str] = set()
        self._duplicates: dict[str, tuple[int, int]] = {}
        self._memory: dict[tuple[str, str], list[Seen]] = {}
        self._states: dict[tuple[str, str], State] = {}
        self._traits: dict[tuple[str, str], Traits] = {}
        # What was looked up ahead; None, or in `_unseen`: the store has nothing of it.
        self._stored_states: dict[tuple[str, str], State | None] = {}
        self._stored_traits: dict[tuple[str, str], Traits | None] = {}
        self._unseen: set[tuple[str, str]] = set()
        self._next_event = self._number("SELECT max(seq) FROM events")
        self._next_delivery = self.first_delivery = self._number("SELECT max(seq) FROM deliveries")

    def _number(self, sql: str) -> int:
        return (self.connection.execute(sql).fetchone()[0] or 0) + 1

    # Events -------------------------------------------------------------------------------------------

    def first_with_key(self, type_: str, key: str, after: int) -> First | None:
        """Return the newest event of a type with this idempotency key accepted after a time."""
        held = self._keys.get((type_, key))
        if held is not None:
            return held if held.accepted_at > after else None
        if key in self._looked_up:
            return None
        return first_with_key(self.connection, type_, key, after)

    def know(self, looked_up: LookedUp) -> None:
        """Take what was looked up for `first_with_key`; it is read again where others have written since."""
        if looked_up.as_of != written(self.connection):
            looked_up = look_up(self.connection, looked_up.keys)
        self._looked_up.update(looked_up.keys)
        self._keys.update(looked_up.firsts)

    def add_event(self, event: Event, payload: str, line_up: int, now: int) -> int:
        """Store an event whole and return its number; `line_up` is the pipelines that there are."""
        number = self._next_event
        self._next_event += 1
        id_, type_, received_at, source, key, _ = event
        hashed = None if key is None else key_hash(key)
        self._events.append((number, id_, type_, received_at, now, source, key, hashed, payload, line_up))
        if key is not None:
            self._keys[type_, key] = First(event, now)
        return number

    def add_duplicate(self, event_id: str, now: int) -> None:
        """Count one more event that came with the key of a first one."""
        count, _ = self._duplicates.get(event_id, (0, 0))
        self._duplicates[event_id] = count + 1, now

    def line_up(self, pipelines: str) -> int:
        """Return the number of a line-up of pipelines, keeping it the first time."""
        return self._numbered("line_ups", "pipelines", pipelines)

    def add_dead_letter(
        self,
        at: int,
        kind: str,
        type_: str,
        source: str,
        line: int | None,
        message: str,
        details: list[dict[str, str]],
        raw: str,
    ) -> None:
        self.connection.execute(
            "INSERT INTO dead_letters (at, kind, type, source, line, message, details, raw) VALUES (?,?,?,?,?,?,?,?)",
            (at, kind, type_, source, line, message, encode(details), raw),
        )

    # Runs ---------------------------------------------------------------------------------------------

    def version(self, pipeline: str, version: str, text: str, now: int) -> int:
        """Return the number of a pipeline's version, keeping its text the first time."""
        known = self._known_versions.get((pipeline, version))
        if known is None:
            self.connection.execute(
                "INSERT OR IGNORE INTO pipeline_versions (pipeline, version, text, first_used) VALUES (?,?,?,?)",
                (pipeline, version, text, now),
            )
            select = "SELECT seq FROM pipeline_versions WHERE pipeline = ? AND version = ?"
            known = int(self.connection.execute(select, (pipeline, version)).fetchone()[0])
            self._known_versions[pipeline, version] = known
        return known

    def add_run(self, event: int, number: int, version: int, *told: str | None, replayed_at: int | None = None) -> None:
        """Add a run; `told` is its outcome, dropped_by, reason and trace."""
        self._runs.append((event, number, version, *told, replayed_at))

    def add_unfinished(self, event: int, number: int, cause: str, tries: int, retry_at: int | None) -> None:
        """Note that a run failed, so many times by now, and is run again: then, or once its cause has changed."""
        self._unfinished.append((event, number, cause, tries, retry_at))

    def take_up(self, event_id: str, number: int, tries: int) -> int | None:
        """Take an unfinished run out, to be added anew; return its event's number.

        None: it has been run again since it had failed so many times.
        """
        found = self.connection.execute(
            "DELETE FROM unfinished WHERE event = (SELECT seq FROM events WHERE id = ?) AND run = ? AND tries = ?"
            " RETURNING event",
            (event_id, number, tries),
        ).fetchone()
        if found:
            self.connection.execute("DELETE FROM runs WHERE event = ? AND number = ?", (found[0], number))
        return int(found[0]) if found else None

    def add_delivery(self, event: int, run: int, delivery: NewDelivery, now: int, due_at: int) -> None:
        lane = self._lane(f"{delivery.destination} {delivery.target}")
        id_, pipeline, destination, target, body, retry, directions, new = delivery
        pauses = encode(retry) if retry is not None else None
        thread = None if new is None else self._thread(new)
        head = (self._next_delivery, id_, event, run, pipeline, destination, target, lane, body)
        row = (*head, now, due_at, pauses, directions, thread)
        self._deliveries.append(row)
        self._next_delivery += 1

    def _thread(self, new: NewThread) -> int:
        """Return the number of the thread that a message belongs to, beginning one when there is none."""
        scope, key, at, window = new
        execute = self.connection.execute
        row = execute(
            "SELECT seq FROM threads WHERE scope = ? AND key = ? AND opened_at > ? AND opened_at < ?"
            " ORDER BY opened_at DESC LIMIT 1",
            (scope, key, at - window, at + window),
        ).fetchone()
        if row is None:
            values = (scope, key, at)
            row = execute("INSERT INTO threads (scope, key, opened_at) VALUES (?,?,?) RETURNING seq", values).fetchone()
        return int(row[0])

    def _lane(self, name: str) -> int:
        return self._numbered("lanes", "name", name)

    def _numbered(self, table: str, column: str, value: str) -> int:
        """Return the number of a row by its unique value, adding it the first time."""
        known = self._known_numbers.get((table, value))
        if known is None:
            self.connection.execute(f"INSERT OR IGNORE INTO {table} ({column}) VALUES (?)", (value,))
            row = self.connection.execute(f"SELECT seq FROM {table} WHERE {column} = ?", (value,)).fetchone()
            known = self._known_numbers[table, value] = int(row[0])
        return known

    @property
    def queued(self) -> range:
        """The numbers of the deliveries that this transaction queues."""
        return range(self.first_delivery, self._next_delivery)

    # Memory of steps ----------------------------------------------------------------------------------

    def look_up_memory(self, traits: Keys, states: Keys, seen: Keys) -> None:
        """Read at once what is stored of many keys, by their kind or scope, for `traits`, `state` and `seen`."""
        for kind, keys in _printable(traits):
            found = {row[0]: _traits(row[1:]) for row in self._stored_under(_TRAITS, "entities", "kind", kind, keys)}
            self._stored_traits.update({(kind, key): found.get(key) for key in keys})
        for scope, keys in _printable(states):
            held = {row[0]: _state(row[1:]) for row in self._stored_under(_STATE, "states", "scope", scope, keys)}
            self._stored_states.update({(scope, key): held.get(key) for key in keys})
        for scope, keys in _printable(seen):
            known = {row[0] for row in self._stored_under("at", "memory", "scope", scope, keys)}
            self._unseen.update({(scope, key) for key in keys if key not in known})

    def _stored_under(self, columns: str, table: str, of: str, name: str, keys: list[str]) -> sqlite3.Cursor:
        return self.connection.execute(
            f"SELECT key, {columns} FROM {table} WHERE {of} = ? AND key IN (SELECT value FROM json_each(?))",
            (name, encode(keys)),
        )

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        """Return the latest remembrance of a key strictly between two times."""
        held = [seen for seen in self._memory.get((scope, key), ()) if after < seen.at < before]
        if held:
            return max(held, key=lambda seen: seen.at)
        if (scope, key) in self._unseen:
            return None
        return remembered(self.connection, scope, key, after, before)

    def state(self, scope: str, key: str) -> State | None:
        """Return the state that was kept last of a key."""
        place = (scope, key)
        if held := self._states.get(place):
            return held
        return self._stored_states[place] if place in self._stored_states else state(self.connection, scope, key)

    def remember(self, item: Remembered | Kept, event_id: str) -> None:
        if isinstance(item, Kept):
            self._states[item.scope, item.key] = State(item.value, event_id, item.at)
        else:
            self._memory.setdefault((item.scope, item.key), []).append(Seen(event_id, item.at))

    # Entities -----------------------------------------------------------------------------------------

    def traits(self, kind: str, key: str) -> Traits | None:
        """Return what the store knows of an entity."""
        place = (kind, key)
        if known := self._traits.get(place):
            return known
        return self._stored_traits[place] if place in self._stored_traits else traits(self.connection, kind, key)

    def upsert(self, item: Upsert) -> None:
        """Lay traits over those that are known of an entity."""
        self._traits[item.kind, item.key] = merged(self.traits(item.kind, item.key), item)

    # The end ------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what was gathered."""
        many = self.connection.executemany
        many(
            "INSERT INTO events (seq, id, type, received_at, accepted_at, source, key, key_hash, payload, line_up)"
            " VALUES (?,?,?,?,?,?,?,?,?,?)",
            self._events,
        )
        many(
            "INSERT INTO runs (event, number, version, outcome, dropped_by, reason, trace, replayed_at)"
            " VALUES (?,?,?,?,?,?,?,?)",
            self._runs,
        )
        many("INSERT INTO unfinished VALUES (?,?,?,?,?)", self._unfinished)
        many(
            "UPDATE events SET duplicates = duplicates + ?, last_duplicate_at = ? WHERE id = ?",
            [(count, at, id_) for id_, (count, at) in self._duplicates.items()],
        )
        many(
            "INSERT INTO deliveries (seq, id, event, run, pipeline, destination, target, lane, body, status,"
            " queued_at, due_at, retry, directions, thread) VALUES (?,?,?,?,?,?,?,?,?,'pending',?,?,?,?,?)",
            self._deliveries,
        )
        memory = ((*key, seen.at, seen.event_id) for key, held in self._memory.items() for seen in held)
        many("INSERT OR IGNORE INTO memory VALUES (?,?,?,?)", memory)
        states = ((*key, encode(held.value), held.event_id, held.at) for key, held in self._states.items())
        many("INSERT OR REPLACE INTO states (scope, key, value, event_id, at) VALUES (?,?,?,?,?)", states)
        entities = (
            (*key, encode(held.values), encode(held.origins), held.first_seen, held.last_seen)
            for key, held in self._traits.items()
        )
        many("INSERT OR REPLACE INTO entities VALUES (?,?,?,?,?,?)", entities)


def _printable(places: Keys) -> Iterator[tuple[str, list[str]]]:
    """Yield what can be asked for with SQLite's JSON: a text that holds a NUL, for one, ends there."""
    for place, keys in places.items():
        yield place, [key for key in keys if key.isprintable()]


def look_up(connection: sqlite3.Connection, keys: list[str]) -> LookedUp:
    """Read what is stored under many keys at once."""
    as_of = written(connection)  # before the look: what others write meanwhile is noticed
    rows = connection.execute(
        "SELECT id, type, received_at, source, key, payload, accepted_at FROM events"
        " WHERE key_hash IN (SELECT value FROM json_each(?)) ORDER BY seq",
        (encode(sorted(map(key_hash, keys))),),
    )
    return LookedUp(keys, {(row[1], row[4]): First(stored_event(row), row[6]) for row in rows}, as_of)


def written(connection: sqlite3.Connection) -> int:
    """Return a number that changes when another connection writes (https://sqlite.org/pragma.html#pragma_data_version)."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def first_with_key(connection: sqlite3.Connection, type_: str, key: str, after: int) -> First | None:
    """Return the newest stored event of a type with this idempotency key accepted after a time."""
    row = connection.execute(
        "SELECT id, type, received_at, source, key, payload, accepted_at FROM events"
        " WHERE key_hash = ? AND key = ? AND type = ? AND accepted_at > ? ORDER BY seq DESC LIMIT 1",
        (key_hash(key), key, type_, after),
    ).fetchone()
    return First(stored_event(row), row[6]) if row else None


def stored_event(row: Any) -> Event:
    """Make an event of a row that starts with id, type, received_at, source, key, payload."""
    id_, type_, received_at, source, key, payload, *_ = row
    return Event(id_, type_, received_at, source, key, json.loads(payload))


def remembered(connection: sqlite3.Connection, scope: str, key: str, after: int, before: int) -> Seen | None:
    """Return the latest stored remembrance of a key strictly between two times."""
    row = connection.execute(
        "SELECT event_id, at FROM memory WHERE scope = ? AND key = ? AND at > ? AND at < ? ORDER BY at DESC LIMIT 1",
        (scope, key, after, before),
    ).fetchone()
    return Seen(*row) if row else None


def state(connection: sqlite3.Connection, scope: str, key: str) -> State | None:
    """Return the stored state of a key."""
    row = connection.execute(f"SELECT {_STATE} FROM states WHERE scope = ? AND key = ?", (scope, key)).fetchone()
    return _state(row) if row else None


_STATE = "value, event_id, at"


def _state(row: Sequence[Any]) -> State:
    value, event_id, at = row
    return State(json.loads(value), event_id, at)


def traits(connection: sqlite3.Connection, kind: str, key: str) -> Traits | None:
    """Return what is stored of an entity."""
    row = connection.execute(f"SELECT {_TRAITS} FROM entities WHERE kind = ? AND key = ?", (kind, key)).fetchone()
    return _traits(row) if row else None


_TRAITS = "traits, origins, first_seen, last_seen"


def _traits(row: Sequence[Any]) -> Traits:
    values, origins, first_seen, last_seen = row
    told = {name: (origin, at) for name, (origin, at) in json.loads(origins).items()}
    return Traits(json.loads(values), told, first_seen, last_seen)
