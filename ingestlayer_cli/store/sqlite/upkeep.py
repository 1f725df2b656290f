"""Upkeep of a store in one SQLite file."""

import os

from ...system.typed import TYPE_CHECKING
from ..contract.reading import Size
from ..sql.upkeep import SqlUpkeep
from .connection import Database, errors
from .schema import VERSION

if TYPE_CHECKING:
    from ...model.documents.projects import StoreDocument


class SqliteUpkeep(SqlUpkeep):
    """See `contract.roles.upkeep.Upkeep`."""

    def __init__(self, store: Database) -> None:
        super().__init__(store)
        self._file = store

    def info(self) -> "StoreDocument":
        size = self.size()
        check = [row[0] for row in self._file.rows("PRAGMA integrity_check(10)")]
        return {
            "path": self._file.path,
            "schema_version": VERSION,
            "bytes": size.used,
            "free_bytes": size.free,
            "wal_bytes": size.log,
            **self.held(),
            "integrity": "ok" if check == ["ok"] else check,
        }

    def size(self) -> Size:
        names = ("page_count", "page_size", "freelist_count")
        pages, page, free = (self._file.rows(f"PRAGMA {name}")[0][0] for name in names)
        wal = f"{self._file.path}-wal"
        return Size(pages * page, free * page, os.path.getsize(wal) if os.path.exists(wal) else 0)

    def faults(self) -> list[str]:
        """Return the first few."""
        said = [str(row[0]) for row in self._file.rows("PRAGMA quick_check(3)")]
        return [] if said == ["ok"] else said

    def vacuum(self) -> tuple[int, int]:
        path, execute = self._file.path, self._file.connection.execute
        before = os.path.getsize(path)
        with errors(path):
            execute("PRAGMA wal_checkpoint(TRUNCATE)")
            execute("VACUUM")
            execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return before, os.path.getsize(path)
