"""One write transaction, beside those of others: what it looks at is locked, and numbers are given at its end.

See `sql.transaction`: what it adds is gathered. Rows that many transactions want (names, versions, threads) are made at
the end, in a fixed order, so that of two transactions one waits for the other and never both.
"""

from collections.abc import Iterable, Iterator

from ...model.memory import Kept, Remembered, Seen, State, Traits, Upsert
from ...system.typed import TYPE_CHECKING, Any, NamedTuple
from ..contract.accepting import First, Keys, LookedUp, NewThread, Queued, Rate
from ..sql.lookups import STATE, stored_state
from ..sql.names import key_hash
from ..sql.queued import span
from ..sql.transaction import SqlTransaction
from .arrays import array, rows_of
from .fitting import fit
from .locks import Locks, number_of, of_state, without_period
from .schema import BLOCK
from .threads import made_threads

if TYPE_CHECKING:
    from ..sql.link import Numbers
    from .link import PostgresLink

# Of a new table the server knows little: for a hundred keys it would read all of it. Each is asked for by itself.
OF_HASHES = (
    "unnest(translate(?, '[]', '{}')::bigint[]) AS w (hash)"
    " CROSS JOIN LATERAL (SELECT * FROM events WHERE key_hash = w.hash OFFSET 0) e"
)
_GIVEN = (
    "SELECT content, seq FROM unnest(?::bigint[]) AS w (hash)"
    " CROSS JOIN LATERAL (SELECT content, seq FROM given WHERE hash = w.hash OFFSET 0) g"
)
FEW = 4  # rows that are said each by itself
_FIRST = 1 << 62  # of the numbers that rows have until the end
_LANE, _THREAD, _RATE = 7, 14, 15  # their places in a row of deliveries

_NAMES = {"lanes": "name", "line_ups": "pipelines"}  # tables of names: their columns
_NAMED = {
    **{table: f"SELECT {name}, seq FROM {table} WHERE {name} = ANY(?)" for table, name in _NAMES.items()},
    "pipeline_versions": "SELECT pipeline, version, seq FROM pipeline_versions"
    " WHERE (pipeline, version) IN (SELECT * FROM unnest(?::text[], ?::text[]))",
}


class _Later(NamedTuple):
    """A row that is looked for, or made, at the end: of a table, by its values."""

    table: str
    values: tuple[str, ...]


class PostgresTransaction(SqlTransaction):
    """See the module, and `contract.roles.transaction.Transaction`."""

    _of_hashes = OF_HASHES

    def __init__(
        self,
        link: "PostgresLink",
        versions: "Numbers",
        numbers: "Numbers",
        locks: Locks,
    ) -> None:
        super().__init__(link, versions, numbers)
        self._schema = link.address.schema
        self.locks = locks
        self._texts: dict[tuple[str, ...], tuple[str, int]] = {}  # of pipelines: their text, and since when
        self._threads: dict[_Later, NewThread] = {}
        self._paces: dict[_Later, Rate] = {}
        self._queued = Queued()
        self._absent: dict[str, set[str]] = {}  # by scope: the keys, without their period, of states that are not there

    def _first_numbers(self) -> tuple[int, int]:
        return _FIRST, _FIRST

    @property
    def first_event(self) -> str | None:
        """The id of the first event that it adds: it is there once this is committed, and only then."""
        return self._events[0][1] if self._events else None

    @property
    def number_of_events(self) -> int:
        return len(self._events)

    # What is looked at ------------------------------------------------------------------------------------

    def first_with_key(self, type_: str, key: str, after: int) -> First | None:
        self.locks.hold([("key", key)])
        return super().first_with_key(type_, key, after)

    def _know(self, looked_up: LookedUp) -> None:
        """Read them again: others may have written before these were locked."""
        self._looked_up.update(looked_up.keys)
        self._keys.update(self.look_up(looked_up.keys).firsts)

    def written(self) -> object:
        return None

    def _event(self, id_: str) -> int:
        number = self._event_numbers.get(id_)
        if number is None:  # it is not forgotten meanwhile
            number = int(self.rows("SELECT seq FROM events WHERE id = ? FOR KEY SHARE", id_)[0][0])
            self._event_numbers[id_] = number
        return number

    def look_ahead(self, looked_up: LookedUp | None, traits: Keys, states: Keys, seen: Keys) -> None:
        states, seen = _fitting(states), _fitting(seen)
        self.locks.hold(
            [
                *(("key", key) for key in (looked_up.keys if looked_up else ())),
                *{of_state(scope, key) for scope, keys in states.items() for key in keys},
                *(("seen", scope, key) for scope, keys in seen.items() for key in keys),
            ],
            shared=[("entity", kind, key) for kind, keys in traits.items() for key in keys],
        )
        super().look_ahead(looked_up, traits, states, seen)

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        self.locks.hold([("seen", scope, key := fit(key))])
        return super().seen(scope, key, after, before)

    def state(self, scope: str, key: str) -> State | None:
        self.locks.hold([of_state(scope, key := fit(key))])
        self._look_beside(scope, key)
        return super().state(scope, key)

    def _look_beside(self, scope: str, key: str) -> None:
        """Look up a state that was not foreseen, and with it what others that were, and are not there, have by it.

        Who asks for what a key holds under another name of its period is about to ask that of the others.
        """
        asked, found = self._states_ahead.get(scope, (set[str](), dict[str, State]()))
        if not asked or key in asked or (scope, key) in self._states:
            return
        if scope not in self._absent:
            self._absent[scope] = {without_period(it) for it in asked if it not in found}
        name, _, _ = key.partition(" ")
        others = {f"{name} {it}" for it in self._absent[scope]} - asked
        if key in others:
            for _, keys, rows in self._asked(STATE, "states", "scope", {scope: others}):
                asked.update(keys)
                found.update({row[0]: stored_state(row[1:]) for row in rows})

    def traits(self, kind: str, key: str) -> Traits | None:
        self.locks.hold(shared=[("entity", kind, key)])
        return super().traits(kind, key)

    def traits_of(self, kind: str, keys: Iterable[str]) -> dict[str, Traits]:
        keys = list(keys)
        self.locks.hold([("entity", kind, key) for key in keys])
        return super().traits_of(kind, keys)

    def upsert(self, item: Upsert) -> None:
        self.locks.hold([("entity", item.kind, item.key)])
        super().upsert(item)

    def remember(self, item: Remembered | Kept, event_id: str) -> None:
        item = item._replace(key=fit(item.key))
        if item.key != event_id:  # what an event alone is known by nobody else looks for
            is_state = isinstance(item, Kept)
            self.locks.hold([of_state(item.scope, item.key) if is_state else ("seen", item.scope, item.key)])
        super().remember(item, event_id)

    def write_entities(self, kind: str, entities: dict[str, Traits]) -> None:
        self.locks.hold([("entity", kind, key) for key in entities])
        super().write_entities(kind, {key: entities[key] for key in sorted(entities)})

    def note(self, topic: str, name: str) -> Any:
        self.locks.hold([("note", topic, name)])
        return super().note(topic, name)

    def _due_with(self, digest: str, now: int, due_at: int) -> int:
        self.locks.hold([("digest", digest)])
        return super()._due_with(digest, now, due_at)

    # What is numbered at the end --------------------------------------------------------------------------

    def _version(self, pipeline: str, version: str, text: str, now: int) -> Any:
        known = self._known_versions.get((pipeline, version))
        if known is not None:
            return known
        self._texts.setdefault((pipeline, version), (text, now))
        return _Later("pipeline_versions", (pipeline, version))

    def _numbered(self, table: str, column: str, value: str) -> Any:
        known = self._known_numbers.get((table, value))
        return _Later(table, (column, value)) if known is None else known

    def _thread(self, new: NewThread) -> Any:
        new = new._replace(key=fit(new.key))
        later = _Later("threads", (new.scope, new.key, f"{new.at:020}"))
        self._threads[later] = new
        return later

    def _paced(self, rate: Rate) -> Any:
        later = _Later("rates", (rate.name,))
        self._paces[later] = rate
        return later

    @property
    def queued(self) -> Queued:
        return self._queued

    def flush(self) -> None:
        found = self._made()
        events, deliveries = self._numbers()
        self._events = [
            (number, *row[1:9], found.get(row[9], row[9])) for number, row in zip(events, self._events, strict=True)
        ]

        def event(number: int) -> int:
            return number if number < _FIRST else events[number - _FIRST]

        self._runs = [(event(row[0]), row[1], found.get(row[2], row[2]), *row[3:]) for row in self._runs]
        self._unfinished = [(event(row[0]), *row[1:]) for row in self._unfinished]
        self._deliveries = [
            (number, row[1], event(row[2]), *(found.get(cell, cell) for cell in row[3:]))
            for number, row in zip(deliveries, self._deliveries, strict=True)
        ]
        super().flush()
        self._queued = Queued.joined(_spans(self._deliveries))

    def _add(self, table: str, columns: str, rows: list[tuple[Any, ...]], otherwise: str = "") -> None:
        if len(rows) > FEW:
            insert = f"INSERT INTO {table} ({columns}) {rows_of(table, columns)}{otherwise}"
            self.connection.execute(insert, [array(column) for column in zip(*rows, strict=True)])
        elif rows:  # planned in a tenth of the time
            marks = ", ".join([f"({', '.join('?' * len(rows[0]))})"] * len(rows))
            insert = f"INSERT INTO {table} ({columns}) VALUES {marks}{otherwise}"
            self.connection.execute(insert, [cell for row in rows for cell in row])

    def _add_duplicates(self, rows: list[tuple[int, int, str]]) -> None:
        if rows:
            self.connection.execute(
                "UPDATE events SET duplicates = duplicates + d.number, last_duplicate_at = d.at"
                " FROM unnest(?::bigint[], ?::bigint[], ?::text[]) AS d (number, at, id) WHERE events.id = d.id",
                [array(column) for column in zip(*rows, strict=True)],
            )

    def _made(self) -> dict[Any, int]:
        """Return the numbers of rows that are looked for, making those that are not there: in a fixed order."""
        self.locks.hold([("thread", new.scope, new.key) for new in self._threads.values()], last=True)
        laters: dict[str, list[_Later]] = {}
        for later in sorted(set(self._laters())):
            laters.setdefault(later.table, []).append(later)
        found: dict[Any, int] = self._there(laters)
        for table, all_of in laters.items():  # in their order
            of = [later for later in all_of if later not in found]
            if not of:
                continue
            if table == "threads":
                found |= made_threads(self.connection, {later: self._threads[later] for later in of})
            elif table == "lanes":
                found |= self._lanes(of)
            else:
                found |= {later: self._made_one(later) for later in of}
        return found

    def _there(self, laters: "dict[str, list[_Later]]") -> dict[Any, int]:
        """Return the numbers of what is named and there already, as it mostly is, asked at once."""
        asked = []
        for table in _NAMED.keys() & laters.keys():
            names = [later.values if table == "pipeline_versions" else later.values[1:] for later in laters[table]]
            arrays = [array(cells) for cells in zip(*names, strict=True)]
            asked.append((table, self.connection.execute(_NAMED[table], arrays)))
        found: dict[Any, int] = {}
        for table, cursor in asked:
            for *names, number in cursor.fetchall():
                if table == "pipeline_versions":
                    pipeline, version = names
                    self._known_versions[pipeline, version] = found[_Later(table, (pipeline, version))] = number
                else:
                    self._known_numbers[table, names[0]] = number
                    found[_Later(table, (_NAMES[table], names[0]))] = number
        return found

    def _laters(self) -> Iterator[_Later]:
        cells = [row[9] for row in self._events]
        cells += [row[2] for row in self._runs]
        cells += [cell for row in self._deliveries for cell in (row[_LANE], row[_THREAD], row[_RATE])]
        return (cell for cell in cells if isinstance(cell, _Later))

    def _made_one(self, later: _Later) -> int:
        """Return the number of a row, making it where it is not there."""
        if later.table == "pipeline_versions":
            (pipeline, version), (text, now) = later.values, self._texts[later.values]
            return int(super()._version(pipeline, version, text, now))
        if later.table == "rates":
            return int(self._rate(self._paces[later]))
        return int(super()._numbered(later.table, *later.values))

    def _lanes(self, laters: list[_Later]) -> dict[_Later, int]:
        execute, names = self.connection.execute, array(later.values[1] for later in laters)
        execute("INSERT INTO lanes (name) SELECT * FROM unnest(?::text[]) ON CONFLICT DO NOTHING", (names,))
        numbers = dict(execute("SELECT name, seq FROM lanes WHERE name = ANY(?)", (names,)).fetchall())
        self._known_numbers.update({("lanes", name): number for name, number in numbers.items()})
        return {later: numbers[later.values[1]] for later in laters}

    def _numbers(self) -> tuple[list[int], list[int]]:
        """Return the numbers of what is added: in order, and none that was reached by a reader before."""
        events, deliveries = len(self._events), len(self._deliveries)
        blocks = -(-max(events, deliveries) // BLOCK)
        if not blocks:
            return [], []
        execute, class_ = self.connection.execute, class_of(self._schema)
        # Readers go no further than the lowest number that a transaction which goes on may have.
        execute(
            "SELECT pg_advisory_xact_lock_shared(?::int,"
            " (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM blocks)::int)",
            (class_,),
        )
        taken = execute("SELECT nextval('blocks') FROM generate_series(1, ?)", (blocks,)).fetchall()
        numbers = [block * BLOCK + at for (block,) in taken for at in range(BLOCK)]
        return numbers[:events], numbers[:deliveries]

    def _given(self) -> dict[str | None, int | None]:
        numbers: dict[str | None, int | None] = {None: None, "": 0}
        if wanted := {row[-1]: key_hash(row[-1]) for row in self._runs if row[-1]}:
            execute = self.connection.execute
            numbers.update(execute(_GIVEN, (array(wanted.values()),)).fetchall())
            if new := [(hashed, text) for text, hashed in wanted.items() if text not in numbers]:
                insert = f"INSERT INTO given (hash, content) {rows_of('given', 'hash, content')} RETURNING content, seq"
                columns = [array(column) for column in zip(*new, strict=True)]
                numbers.update(execute(insert, columns).fetchall())
        return numbers


def _fitting(places: Keys) -> Keys:
    return {place: [fit(key) for key in keys] for place, keys in places.items()}


def class_of(schema: str) -> int:
    """Return the class of the locks that tell which blocks of numbers are in use."""
    return number_of("blocks", schema) & 0x7FFFFFFF


def _spans(rows: list[tuple[Any, ...]]) -> Iterator[Queued]:
    """Yield the spans of the numbers of deliveries, each with its lanes."""
    start = 0
    for at, row in enumerate(rows):
        if at + 1 == len(rows) or rows[at + 1][0] != row[0] + 1:
            part = rows[start : at + 1]
            yield span(part[0][0], row[0], {it[_LANE] for it in part})
            start = at + 1
