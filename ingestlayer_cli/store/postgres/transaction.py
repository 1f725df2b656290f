"""One write transaction, beside those of others: what it looks at is locked, and numbers are given at its end.

See `sql.transaction`: what it adds is gathered. Rows that many transactions want (names, versions, threads) are made at
the end, in a fixed order, so that of two transactions one waits for the other and never both.
"""

from collections.abc import Iterable, Iterator

from ...model.memory import Kept, Remembered, Seen, State, Traits, Upsert
from ...system.typed import TYPE_CHECKING, Any, NamedTuple
from ..contract.accepting import First, Keys, LookedUp, NewThread, Queued, Rate
from ..sql.names import key_hash
from ..sql.queued import span
from ..sql.transaction import SqlTransaction
from .fitting import fit
from .locks import Locks, number_of
from .schema import BLOCK

if TYPE_CHECKING:
    from .link import PostgresLink

_FIRST = 1 << 62  # of the numbers that rows have until the end
_LANE, _THREAD, _RATE = 7, 13, 14  # their places in a row of deliveries


class _Later(NamedTuple):
    """A row that is looked for, or made, at the end: of a table, by its values."""

    table: str
    values: tuple[str, ...]


class PostgresTransaction(SqlTransaction):
    """See the module, and `contract.roles.transaction.Transaction`."""

    def __init__(
        self,
        link: "PostgresLink",
        versions: dict[tuple[str, str], int],
        numbers: dict[tuple[str, str], int],
        locks: Locks,
    ) -> None:
        super().__init__(link, versions, numbers)
        self._schema = link.address.schema
        self.locks = locks
        self._texts: dict[tuple[str, ...], tuple[str, int]] = {}  # of pipelines: their text, and since when
        self._threads: dict[_Later, NewThread] = {}
        self._paces: dict[_Later, Rate] = {}
        self._queued = Queued()

    def _first_numbers(self) -> tuple[int, int]:
        return _FIRST, _FIRST

    @property
    def first_event(self) -> str | None:
        """The id of the first event that it adds: it is there once this is committed, and only then."""
        return self._events[0][1] if self._events else None

    # What is looked at ------------------------------------------------------------------------------------

    def first_with_key(self, type_: str, key: str, after: int) -> First | None:
        self.locks.hold([("key", key)])
        return super().first_with_key(type_, key, after)

    def know(self, looked_up: LookedUp) -> None:
        """Read them again: others may have written before these were locked."""
        self.locks.hold(("key", key) for key in looked_up.keys)
        self._looked_up.update(looked_up.keys)
        self._keys.update(self.look_up(looked_up.keys).firsts if looked_up.keys else {})

    def written(self) -> object:
        return None

    def _event(self, id_: str) -> int:
        number = self._event_numbers.get(id_)
        if number is None:  # it is not forgotten meanwhile
            number = int(self.rows("SELECT seq FROM events WHERE id = ? FOR KEY SHARE", id_)[0][0])
            self._event_numbers[id_] = number
        return number

    def look_up_memory(self, traits: Keys, states: Keys, seen: Keys) -> None:
        states, seen = _fitting(states), _fitting(seen)
        self.locks.hold(
            [
                *(("state", scope, key) for scope, keys in states.items() for key in keys),
                *(("seen", scope, key) for scope, keys in seen.items() for key in keys),
            ]
        )
        self.locks.hold((("entity", kind, key) for kind, keys in traits.items() for key in keys), alone=False)
        super().look_up_memory(traits, states, seen)

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        self.locks.hold([("seen", scope, key := fit(key))])
        return super().seen(scope, key, after, before)

    def state(self, scope: str, key: str) -> State | None:
        self.locks.hold([("state", scope, key := fit(key))])
        return super().state(scope, key)

    def traits(self, kind: str, key: str) -> Traits | None:
        self.locks.hold([("entity", kind, key)], alone=False)
        return super().traits(kind, key)

    def traits_of(self, kind: str, keys: Iterable[str]) -> dict[str, Traits]:
        keys = list(keys)
        self.locks.hold(("entity", kind, key) for key in keys)
        return super().traits_of(kind, keys)

    def upsert(self, item: Upsert) -> None:
        self.locks.hold([("entity", item.kind, item.key)])
        super().upsert(item)

    def remember(self, item: Remembered | Kept, event_id: str) -> None:
        item = item._replace(key=fit(item.key))
        self.locks.hold([("state" if isinstance(item, Kept) else "seen", item.scope, item.key)])
        super().remember(item, event_id)

    def write_entities(self, kind: str, entities: dict[str, Traits]) -> None:
        self.locks.hold(("entity", kind, key) for key in entities)
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
        found: dict[Any, int] = {later: self._made(later) for later in sorted(set(self._laters()))}
        events, deliveries = self._numbers()
        event = {_FIRST + at: number for at, number in enumerate(events)}

        def known(row: tuple[Any, ...], *places: int) -> tuple[Any, ...]:
            cells = list(row)
            for place in places:
                value = cells[place]
                cells[place] = found.get(value, value) if isinstance(value, _Later) else event.get(value, value)
            return tuple(cells)

        self._events = [known(row, 0, 9) for row in self._events]
        self._runs = [known(row, 0, 2) for row in self._runs]
        self._unfinished = [known(row, 0) for row in self._unfinished]
        rows = [known(row, 2, _LANE, _THREAD, _RATE) for row in self._deliveries]
        self._deliveries = [(number, *row[1:]) for number, row in zip(deliveries, rows, strict=True)]
        self._duplicates = dict(sorted(self._duplicates.items()))
        super().flush()
        self._queued = Queued.joined(_spans(self._deliveries))

    def _laters(self) -> Iterator[_Later]:
        cells = [row[9] for row in self._events]
        cells += [row[2] for row in self._runs]
        cells += [cell for row in self._deliveries for cell in (row[_LANE], row[_THREAD], row[_RATE])]
        self.locks.hold((("thread", new.scope, new.key) for new in self._threads.values()), last=True)
        yield from (cell for cell in cells if isinstance(cell, _Later))

    def _made(self, later: _Later) -> int:
        """Return the number of a row, making it where it is not there."""
        if later.table == "pipeline_versions":
            (pipeline, version), (text, now) = later.values, self._texts[later.values]
            return int(super()._version(pipeline, version, text, now))
        if later.table == "threads":
            return int(super()._thread(self._threads[later]))
        if later.table == "rates":
            return int(self._rate(self._paces[later]))
        return int(super()._numbered(later.table, *later.values))

    def _numbers(self) -> tuple[list[int], list[int]]:
        """Return the numbers of what is added: in order, and none that was reached by a reader before."""
        events, deliveries = len(self._events), len(self._deliveries)
        blocks = -(-max(events, deliveries) // BLOCK)
        if not blocks:
            return [], []
        execute, class_ = self.connection.execute, class_of(self._schema)
        # Readers go no further than the lowest number that a transaction which goes on may have; and who lost the
        # connection at the end waits until that has ended.
        execute(
            "SELECT pg_advisory_xact_lock_shared(?::int,"
            " (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM blocks)::int),"
            " pg_advisory_xact_lock(?::bigint)",
            (class_, commit_number(self._schema, self.first_event or "")),
        )
        taken = execute("SELECT nextval('blocks') FROM generate_series(1, ?)", (blocks,)).fetchall()
        numbers = [block * BLOCK + at for (block,) in taken for at in range(BLOCK)]
        return numbers[:events], numbers[:deliveries]

    def _given(self) -> dict[str | None, int | None]:
        numbers: dict[str | None, int | None] = {None: None, "": 0}
        wanted = {row[-1]: key_hash(row[-1]) for row in self._runs if row[-1]}
        if wanted:
            select = "SELECT content, seq FROM given WHERE hash = ANY(?)"
            numbers.update(self.connection.execute(select, ([*wanted.values()],)).fetchall())
        for text, hashed in wanted.items():
            if text not in numbers:
                insert = "INSERT INTO given (hash, content) VALUES (?,?) RETURNING seq"
                numbers[text] = int(self.connection.execute(insert, (hashed, text)).fetchone()[0])
        return numbers


def _fitting(places: Keys) -> Keys:
    return {place: [fit(key) for key in keys] for place, keys in places.items()}


def class_of(schema: str) -> int:
    """Return the class of the locks that tell which blocks of numbers are in use."""
    return number_of("blocks", schema) & 0x7FFFFFFF


def commit_number(schema: str, event_id: str) -> int:
    """Return the number of the lock that a transaction holds from before its commit on, by its first event."""
    return number_of("commit", schema, event_id)


def _spans(rows: list[tuple[Any, ...]]) -> Iterator[Queued]:
    """Yield the spans of the numbers of deliveries, each with its lanes."""
    start = 0
    for at, row in enumerate(rows):
        if at + 1 == len(rows) or rows[at + 1][0] != row[0] + 1:
            part = rows[start : at + 1]
            yield span(part[0][0], row[0], {it[_LANE] for it in part})
            start = at + 1
