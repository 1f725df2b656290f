"""One write transaction: what it adds is gathered and written with few statements at its end.

Look-ups see what the transaction itself has added. Where it holds the only write lock, it can number its rows itself.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import count

from ...model.events import Event, encode
from ...model.memory import Kept, Remembered, Seen, State, Traits, Upsert, merged
from ...system.typed import TYPE_CHECKING, Any
from ..contract.accepting import First, Keys, LookedUp, NewDelivery, NewRun, NewThread, Queued, Rate
from .lookups import STATE, TRAITS, Lookups, stored_state, stored_traits
from .names import WAITS, key_hash, lane_name
from .queued import span

if TYPE_CHECKING:
    from ..contract.refused import NewDeadLetter
    from .earlier import SqlEarlier
    from .link import Cursor, Link, Numbers

_LANE = 7  # its place in a row of deliveries
_NOTHING: tuple[Any, Any] = (frozenset(), {})  # looked up ahead


class SqlTransaction(Lookups):
    """See the module, and `contract.roles.transaction.Transaction`. Made by `Base.transaction()` alone."""

    def __init__(
        self,
        connection: "Link",
        versions: "Numbers",
        numbers: "Numbers",
    ) -> None:
        self.connection = connection
        self._known_versions = versions
        self._known_numbers = numbers
        self._events: list[tuple[Any, ...]] = []
        self._event_numbers: dict[str, int] = {}
        self._runs: list[tuple[Any, ...]] = []
        self._unfinished: list[tuple[Any, ...]] = []
        self._deliveries: list[tuple[Any, ...]] = []
        self._digests: dict[str, int] = {}  # when each goes that this transaction adds to
        self._keys: dict[tuple[str, str], First] = {}
        self._looked_up: set[str] = set()
        self._duplicates: dict[str, tuple[int, int]] = {}
        self._memory: dict[tuple[str, str], list[Seen]] = {}
        self._states: dict[tuple[str, str], State] = {}
        self._traits: dict[tuple[str, str], Traits] = {}
        # What was looked up ahead, by kind or scope: the keys, and what the store has of them.
        self._traits_ahead: dict[str, tuple[set[str], dict[str, Traits]]] = {}
        self._states_ahead: dict[str, tuple[set[str], dict[str, State]]] = {}
        self._seen_ahead: dict[str, tuple[set[str], set[str]]] = {}
        self._next_event, self._first_delivery = self._first_numbers()
        self._next_delivery = self._first_delivery

    @cached_property
    def earlier(self) -> "SqlEarlier":
        from .earlier import SqlEarlier

        return SqlEarlier(self.connection, self._event, self._rate)

    def rows(self, sql: str, *values: Any) -> list[Any]:
        return self.connection.execute(sql, values).fetchall()

    def _first_numbers(self) -> tuple[int, int]:
        """Return the numbers of the first event and of the first delivery that are added."""
        return self._number("SELECT max(seq) FROM events"), self._number("SELECT max(seq) FROM deliveries")

    def _number(self, sql: str) -> int:
        return (self.connection.execute(sql).fetchone()[0] or 0) + 1

    # Events -------------------------------------------------------------------------------------------

    def first_with_key(self, type_: str, key: str, after: int) -> First | None:
        held = self._keys.get((type_, key))
        if held is not None:
            return held if held.accepted_at > after else None
        if key in self._looked_up:
            return None
        return super().first_with_key(type_, key, after)

    def _know(self, looked_up: LookedUp) -> None:
        if looked_up.as_of != self.written():
            looked_up = self.look_up(looked_up.keys)
        self._looked_up.update(looked_up.keys)
        self._keys.update(looked_up.firsts)

    def add_event(self, event: Event, payload: str, line_up: str, now: int) -> None:
        number = self._next_event
        self._next_event += 1
        id_, type_, received_at, source, key, _ = event
        hashed = None if key is None else key_hash(key)
        pipelines = self._numbered("line_ups", "pipelines", line_up)
        self._events.append((number, id_, type_, received_at, now, source, key, hashed, payload, pipelines))
        self._event_numbers[id_] = number
        if key is not None:
            self._keys[type_, key] = First(event, now)

    def _event(self, id_: str) -> int:
        """Return the number of an event, of this transaction or of an earlier one."""
        number = self._event_numbers.get(id_)
        if number is None:
            number = int(self.rows("SELECT seq FROM events WHERE id = ?", id_)[0][0])
            self._event_numbers[id_] = number
        return number

    def add_duplicate(self, event_id: str, now: int) -> None:
        count, _ = self._duplicates.get(event_id, (0, 0))
        self._duplicates[event_id] = count + 1, now

    def add_dead_letter(self, letter: "NewDeadLetter") -> None:
        self.connection.execute(
            "INSERT INTO dead_letters (at, kind, type, source, line, message, details, raw) VALUES (?,?,?,?,?,?,?,?)",
            (*letter[:6], encode(letter.details), letter.raw),
        )

    # Runs ---------------------------------------------------------------------------------------------

    def add_run(self, event_id: str, run: NewRun, now: int) -> None:
        number, pipeline, version, text, outcome, dropped_by, reason, trace, replayed_at, given = run
        place = self._event(event_id), number, self._version(pipeline, version, text, now)
        self._runs.append((*place, outcome, dropped_by, reason, trace, replayed_at, given))

    def _version(self, pipeline: str, version: str, text: str, now: int) -> int:
        """Return the number of a pipeline's version, keeping its text the first time."""
        known = self._known_versions.get((pipeline, version))
        if known is None:
            self.connection.execute(
                "INSERT INTO pipeline_versions (pipeline, version, text, first_used) VALUES (?,?,?,?)"
                " ON CONFLICT DO NOTHING",
                (pipeline, version, text, now),
            )
            select = "SELECT seq FROM pipeline_versions WHERE pipeline = ? AND version = ?"
            known = int(self.connection.execute(select, (pipeline, version)).fetchone()[0])
            self._known_versions[pipeline, version] = known
        return known

    def add_unfinished(self, event_id: str, number: int, cause: str, tries: int, retry_at: int | None) -> None:
        self._unfinished.append((self._event(event_id), number, cause, tries, retry_at))

    def add_delivery(self, event_id: str, run: int, delivery: NewDelivery, now: int, due_at: int) -> None:
        lane = self._numbered("lanes", "name", lane_name(delivery.destination, delivery.target))
        id_, pipeline, destination, target, body, retry, directions, new, rate, digest = delivery
        pauses = encode(retry) if retry is not None else None
        thread = None if new is None else self._thread(new)
        head = (self._next_delivery, id_, self._event(event_id), run, pipeline, destination, target, lane, body)
        paced = None if rate is None else self._paced(rate)
        due_at = due_at if digest is None else self._due_with(digest, now, due_at)
        self._deliveries.append((*head, "pending", now, due_at, pauses, directions, thread, paced, digest))
        self._next_delivery += 1

    def _due_with(self, digest: str, now: int, due_at: int) -> int:
        """Return when what waits under the name of a digest goes; else when a first one does, that is added now."""
        if digest not in self._digests:
            ((waits,),) = self.rows(
                f"SELECT min(due_at) FROM deliveries WHERE digest = ? AND status {WAITS}"
                " AND carried_by IS NULL AND due_at > ?",
                *(digest, now),
            )
            self._digests[digest] = due_at if waits is None else min(waits, due_at)
        return self._digests[digest]

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

    def _numbered(self, table: str, column: str, value: str) -> int:
        """Return the number of a row by its unique value, adding it the first time."""
        known = self._known_numbers.get((table, value))
        if known is None:
            self.connection.execute(f"INSERT INTO {table} ({column}) VALUES (?) ON CONFLICT DO NOTHING", (value,))
            row = self.connection.execute(f"SELECT seq FROM {table} WHERE {column} = ?", (value,)).fetchone()
            known = self._known_numbers[table, value] = int(row[0])
        return known

    @property
    def queued(self) -> Queued:
        return span(self._first_delivery, self._next_delivery - 1, {row[_LANE] for row in self._deliveries})

    def _paced(self, rate: Rate) -> Any:
        return self._rate(rate)

    def _rate(self, rate: Rate) -> int:
        """Return the number of a rate, keeping it the first time."""
        known = self._known_numbers.get(("rates", rate.name))
        if known is None:
            self.connection.execute("INSERT INTO rates (name, pace) VALUES (?,?) ON CONFLICT DO NOTHING", rate)
            known = int(self.rows("SELECT seq FROM rates WHERE name = ?", rate.name)[0][0])
            self._known_numbers["rates", rate.name] = known
        return known

    # Memory of steps ----------------------------------------------------------------------------------

    def look_ahead(self, looked_up: LookedUp | None, traits: Keys, states: Keys, seen: Keys) -> None:
        # All of it is asked before an answer is read: a server may be far away.
        of_traits = self._asked(TRAITS, "entities", "kind", traits)
        of_states = self._asked(STATE, "states", "scope", states)
        of_seen = self._asked("at", "memory", "scope", seen)
        if looked_up and looked_up.keys:
            self._know(looked_up)
        for kind, keys, rows in of_traits:
            self._traits_ahead[kind] = set(keys), {row[0]: stored_traits(row[1:]) for row in rows}
        for scope, keys, rows in of_states:
            self._states_ahead[scope] = set(keys), {row[0]: stored_state(row[1:]) for row in rows}
        for scope, keys, rows in of_seen:
            self._seen_ahead[scope] = set(keys), {row[0] for row in rows}

    def _asked(self, columns: str, table: str, of: str, places: Keys) -> "list[tuple[str, list[str], Cursor]]":
        return [(name, keys, self._stored_under(columns, table, of, name, keys)) for name, keys in _printable(places)]

    def _stored_under(self, columns: str, table: str, of: str, name: str, keys: list[str]) -> "Cursor":
        return self.connection.execute(
            f"SELECT key, {columns} FROM {table} WHERE {of} = ? AND key IN (SELECT value FROM json_each(?))",
            (name, encode(keys)),
        )

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        held = [seen for seen in self._memory.get((scope, key), ()) if after < seen.at < before]
        if held:
            return max(held, key=lambda seen: seen.at)
        asked, found = self._seen_ahead.get(scope, _NOTHING)
        return None if key in asked and key not in found else super().seen(scope, key, after, before)

    def state(self, scope: str, key: str) -> State | None:
        if held := self._states.get((scope, key)):
            return held
        asked, found = self._states_ahead.get(scope, _NOTHING)
        return found.get(key) if key in asked else super().state(scope, key)

    def remember(self, item: Remembered | Kept, event_id: str) -> None:
        if isinstance(item, Kept):
            self._states[item.scope, item.key] = State(item.value, event_id, item.at)
        else:
            self._memory.setdefault((item.scope, item.key), []).append(Seen(event_id, item.at))

    # Entities -----------------------------------------------------------------------------------------

    def traits(self, kind: str, key: str) -> Traits | None:
        if known := self._traits.get((kind, key)):
            return known
        asked, found = self._traits_ahead.get(kind, _NOTHING)
        return found.get(key) if key in asked else super().traits(kind, key)

    def upsert(self, item: Upsert) -> None:
        self._traits[item.kind, item.key] = merged(self.traits(item.kind, item.key), item)

    def write_entities(self, kind: str, entities: dict[str, Traits]) -> None:
        self._write_entities(((kind, key), known) for key, known in entities.items())

    def _write_entities(self, entities: Iterable[tuple[tuple[str, str], Traits]]) -> None:
        self._add(
            "entities",
            "kind, key, traits, origins, first_seen, last_seen",
            [
                (*key, encode(known.values), encode(known.origins), known.first_seen, known.last_seen)
                for key, known in entities
            ],
            " ON CONFLICT (kind, key) DO UPDATE SET traits = excluded.traits, origins = excluded.origins,"
            " first_seen = excluded.first_seen, last_seen = excluded.last_seen",
        )

    # The end ------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what was gathered."""
        self._add(
            "events",
            "seq, id, type, received_at, accepted_at, source, key, key_hash, payload, line_up",
            self._events,
        )
        given = self._given()
        self._add(
            "runs",
            "event, number, version, outcome, dropped_by, reason, trace, replayed_at, given",
            [(*row[:-1], given[row[-1]]) for row in self._runs],
        )
        self._add("unfinished", "event, run, cause, tries, retry_at", self._unfinished)
        self._add_duplicates([(count, at, id_) for id_, (count, at) in self._duplicates.items()])
        self._add(
            "deliveries",
            "seq, id, event, run, pipeline, destination, target, lane, body, status, queued_at, due_at, retry,"
            " directions, thread, rate, digest",
            self._deliveries,
        )
        memory = [(*key, seen.at, seen.event_id) for key, held in self._memory.items() for seen in held]
        self._add("memory", "scope, key, at, event_id", memory, " ON CONFLICT DO NOTHING")
        states = [(*key, encode(held.value), held.event_id, held.at) for key, held in self._states.items()]
        self._add(
            "states",
            "scope, key, value, event_id, at",
            states,
            " ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value, event_id = excluded.event_id,"
            " at = excluded.at",
        )
        self._write_entities(self._traits.items())

    def _add(self, table: str, columns: str, rows: list[tuple[Any, ...]], otherwise: str = "") -> None:
        """Add rows to a table; `otherwise`: what becomes of those that are there."""
        if rows:
            marks = ",".join("?" * len(rows[0]))
            self.connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks}){otherwise}", rows)

    def _add_duplicates(self, rows: list[tuple[int, int, str]]) -> None:
        update = "UPDATE events SET duplicates = duplicates + ?, last_duplicate_at = ? WHERE id = ?"
        self.connection.executemany(update, rows)

    def write_note(self, topic: str, name: str, value: object, at: int) -> None:
        self.connection.execute(
            "INSERT INTO notes (topic, name, value, at) VALUES (?,?,?,?) ON CONFLICT (topic, name)"
            " DO UPDATE SET value = excluded.value, at = excluded.at",
            (topic, name, encode(value), at),
        )

    def drop_note(self, topic: str, name: str) -> None:
        self.connection.execute("DELETE FROM notes WHERE topic = ? AND name = ?", (topic, name))

    def _given(self) -> dict[str | None, int | None]:
        """Return the numbers of all that runs were given, keeping what is new."""
        numbers: dict[str | None, int | None] = {None: None, "": 0}
        if wanted := {row[-1]: key_hash(row[-1]) for row in self._runs if row[-1]}:
            hashes = encode([*wanted.values()])
            select = "SELECT content, seq FROM given WHERE hash IN (SELECT value FROM json_each(?))"
            numbers.update(self.connection.execute(select, (hashes,)))
            new = [text for text in wanted if text not in numbers]
            if new:
                numbers.update(zip(new, count(self._number("SELECT max(seq) FROM given")), strict=False))
                rows = [(numbers[text], wanted[text], text) for text in new]
                self.connection.executemany("INSERT INTO given VALUES (?,?,?)", rows)
        return numbers


def _printable(places: Keys) -> Iterator[tuple[str, list[str]]]:
    """Yield what can be asked for with SQLite's JSON: a text that holds a NUL, for one, ends there."""
    for place, keys in places.items():
        yield place, [key for key in keys if key.isprintable()]
