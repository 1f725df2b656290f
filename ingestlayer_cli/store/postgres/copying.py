"""A store in PostgreSQL, as rows."""

from ...system.typed import TYPE_CHECKING
from ..sql.copying import TABLES, SqlCopying
from .schema import BLOCK

if TYPE_CHECKING:
    from .database import PostgresDatabase


class PostgresCopying(SqlCopying):
    """See `contract.roles.upkeep.Copying`."""

    def __init__(self, store: "PostgresDatabase") -> None:
        super().__init__(store)
        self._database = store

    def end(self) -> None:
        """Number what comes after what was written."""
        numbered = [name for name, table in TABLES.items() if table.columns[0] == "seq"]
        with self._database.alone() as transaction:
            execute = transaction.connection.execute
            for table in set(numbered) - {"events", "deliveries"}:
                execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'seq'), max(seq)) FROM {table}")
            ends = [execute(f"SELECT coalesce(max(seq), 0) FROM {it}").fetchone()[0] for it in ("events", "deliveries")]
            last = max(ends) // BLOCK + 1
            execute("SELECT setval('blocks', greatest(?::bigint, (SELECT last_value FROM blocks)))", (last,))
