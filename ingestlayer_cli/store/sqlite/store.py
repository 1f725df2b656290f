"""A store in one SQLite file."""

import os
import sqlite3
from functools import cached_property

from ...system.errors import StoreError
from ...system.typed import TYPE_CHECKING, Any, Values
from ..sql.parts import Parts
from .connection import BUSY_SECONDS, Database, errors
from .schema import NOTES_SINCE, VERSION

if TYPE_CHECKING:
    from .upkeep import SqliteUpkeep


class SqliteStore(Parts, Database):
    """See `contract.protocols.Store`."""

    version = VERSION  # opened for reading, it may be an older one

    @property
    def is_outdated(self) -> bool:
        return self.version < VERSION

    @cached_property
    def upkeep(self) -> "SqliteUpkeep":
        from .upkeep import SqliteUpkeep

        return SqliteUpkeep(self)

    def note(self, topic: str, name: str) -> Any:
        return super().note(topic, name) if self.version >= NOTES_SINCE else None

    def notes(self, topic: str) -> Values:
        return super().notes(topic) if self.version >= NOTES_SINCE else {}


def open_to_write(path: str) -> SqliteStore:
    """Open a store, making or migrating it when needed; StoreError says what is in the way."""
    with errors(path):
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the store's folder {os.path.dirname(path)} cannot be made: {error.strerror}",
                "make it writable, or set [store] path in ingestlayer.toml",
            ) from None
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                from .migrating import migrate

                migrate(connection, path)
        except BaseException:
            connection.close()
            raise
        return SqliteStore(connection, path)
