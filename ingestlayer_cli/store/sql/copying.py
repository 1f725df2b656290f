"""A whole store, as rows: all engines have the same tables, so that one can be copied to another, and compared."""

from collections.abc import Iterator
from hashlib import blake2b

from ...system.typed import TYPE_CHECKING, Any, NamedTuple
from ..contract.copying import Copied
from .base import Base

if TYPE_CHECKING:
    from ..contract.roles.upkeep import Copying

PAGE = 2_000  # rows that are compared, and written, at once
MARK = "copy"  # the topic of the note by which a copy is known
_NOT_MARKED = f" WHERE topic <> '{MARK}'"


class Rows(NamedTuple):
    """A table: its columns, the first so many of which are its key; and which of its rows are copied."""

    columns: tuple[str, ...]
    key: int = 1
    rows: str = ""


# What others hang on comes first.
TABLES = {
    "line_ups": Rows(("seq", "pipelines")),
    "pipeline_versions": Rows(("seq", "pipeline", "version", "text", "first_used")),
    "given": Rows(("seq", "hash", "content")),
    "lanes": Rows(("seq", "name", "free_at", "busy_until", "channel")),
    "rates": Rows(("seq", "name", "pace", "free_at", "busy_until")),
    "threads": Rows(("seq", "scope", "key", "opened_at", "channel", "ts", "newest")),
    "events": Rows(
        (
            *("seq", "id", "type", "received_at", "accepted_at", "source", "key", "payload", "line_up", "duplicates"),
            *("last_duplicate_at", "key_hash"),
        )
    ),
    "runs": Rows(("event", "number", "version", "outcome", "dropped_by", "reason", "trace", "replayed_at", "given"), 2),
    "unfinished": Rows(("event", "run", "cause", "tries", "retry_at"), 2),
    "deliveries": Rows(
        (
            *("seq", "id", "event", "run", "pipeline", "destination", "target", "lane", "body", "status", "queued_at"),
            *("due_at", "attempts", "lease_by", "lease_until", "error", "hint", "receipt", "settled_at", "retry"),
            *("directions", "thread", "superseded_by", "rate", "digest", "carried_by"),
        )
    ),
    "attempts": Rows(("delivery", "number", "at", "took", "outcome", "error", "process"), 2),
    "memory": Rows(("scope", "key", "at", "event_id"), 3),
    "states": Rows(("scope", "key", "value", "event_id", "at"), 2),
    "entities": Rows(("kind", "key", "traits", "origins", "first_seen", "last_seen"), 2),
    "people": Rows(("workspace", "email", "user", "why", "at"), 2),
    "dead_letters": Rows(("seq", "at", "kind", "type", "source", "line", "message", "details", "raw")),
    "notes": Rows(("topic", "name", "value", "at"), 2, _NOT_MARKED),
    "api_keys": Rows(("name", "hash", "types", "created_at", "expires_at", "revoked_at", "last_used_at")),
}


class SqlCopying:
    """See `contract.roles.upkeep.Copying`."""

    def __init__(self, store: Base) -> None:
        self._store = store

    def tables(self) -> list[str]:
        return list(TABLES)

    def pages(self, table: str) -> Iterator[list[tuple[Any, ...]]]:
        last: tuple[Any, ...] | None = None
        while rows := self.page(table, last):
            yield rows
            if len(rows) < PAGE:
                return
            last = rows[-1]

    def page(
        self, table: str, after: tuple[Any, ...] | None, until: tuple[Any, ...] | None = None
    ) -> list[tuple[Any, ...]]:
        columns, key, _ = TABLES[table]
        where, values = _between(table, after, until)
        most = "" if until is not None else f" LIMIT {PAGE}"
        sql = f"SELECT {', '.join(columns)} FROM {table}{where} ORDER BY {', '.join(columns[:key])}{most}"
        return [tuple(row) for row in self._store.rows(sql, *values)]

    def write(
        self, table: str, after: tuple[Any, ...] | None, until: tuple[Any, ...] | None, rows: list[tuple[Any, ...]]
    ) -> None:
        where, values = _between(table, after, until)
        columns = TABLES[table].columns
        marks = ", ".join("?" * len(columns))
        with self._store.alone() as transaction:
            transaction.connection.execute(f"DELETE FROM {table}{where}", values)
            insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
            transaction.connection.executemany(insert, rows)

    def sent_apart(self, source: "Copying") -> str | None:
        last = None
        for rows in self.pages("attempts"):
            there = {(delivery, number) for delivery, number, *_ in source.page("attempts", last, rows[-1])}
            for delivery, number, *_ in rows:
                if (delivery, number) not in there:
                    for _, id_, *_ in source.page("deliveries", (delivery - 1,), (delivery,)):  # it is not forgotten
                        return str(id_)
            last = rows[-1]
        return None

    def sums(self) -> dict[str, Copied]:
        return {table: self._sum(table) for table in TABLES}

    def _sum(self, table: str) -> Copied:
        count, digest = 0, blake2b(digest_size=16)
        for rows in self.pages(table):
            count += len(rows)
            digest.update(repr(rows).encode("utf-8", "surrogatepass"))
        return Copied(count, digest.hexdigest())

    def end(self) -> None:
        """Nothing is to be done: numbers go on after the highest."""


def _between(table: str, after: tuple[Any, ...] | None, until: tuple[Any, ...] | None) -> tuple[str, list[Any]]:
    """Return SQL over the rows that are copied, after one and up to another, and its values."""
    columns, key, rows = TABLES[table]
    names, marks = ", ".join(columns[:key]), ", ".join("?" * key)
    terms, values = [rows.removeprefix(" WHERE ")] if rows else [], list[Any]()
    for end, sign in ((after, ">"), (until, "<=")):
        if end is not None:
            terms.append(f"({names}) {sign} ({marks})")
            values += end[:key]
    return (f" WHERE {' AND '.join(terms)}" if terms else ""), values
