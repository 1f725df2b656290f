"""Upkeep of a store in PostgreSQL."""

from ...system.typed import TYPE_CHECKING
from ..contract.reading import Size
from ..sql.upkeep import SqlUpkeep
from .schema import VERSION, quoted

if TYPE_CHECKING:
    from ...model.documents.projects import StoreDocument
    from .database import PostgresDatabase

_SIZE = (
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c WHERE c.relkind = 'r'"
    " AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('store'))"
)


class PostgresUpkeep(SqlUpkeep):
    """See `contract.roles.upkeep.Upkeep`."""

    def __init__(self, store: "PostgresDatabase") -> None:
        super().__init__(store)
        self._database = store

    def info(self) -> "StoreDocument":
        faults = self.faults()
        return {
            "path": self._database.link.address.label,
            "schema_version": VERSION,
            "bytes": self.size().used,
            "free_bytes": 0,
            "wal_bytes": 0,
            **self.held(),
            "integrity": faults or "ok",
        }

    def size(self) -> Size:
        return Size(int(self._database.rows(_SIZE)[0][0]), 0, 0)

    def faults(self) -> list[str]:
        """Return what hangs on nothing: the pages of the tables are looked after by the server."""
        found = []
        for table, column, of in (("runs", "event", "events"), ("deliveries", "event", "events")):
            lost = f"SELECT count(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM {of} o WHERE o.seq = t.{column})"
            if count := self._database.rows(lost)[0][0]:
                found.append(f"{count} {table} without their event")
        return found

    def vacuum(self) -> tuple[int, int]:
        """Others go on meanwhile: what was forgotten is room for what comes."""
        before = self.size().used
        link = self._database.link
        with link.errors():
            for (table,) in self._database.rows(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace ="
                " (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('store'))"
            ):
                link.run(f"VACUUM (ANALYZE) {quoted(link.address.schema)}.{table}")
        return before, self.size().used
