"""What goes wrong with a store is told as what it is."""

import sqlite3
from typing import Any

import pytest

from ingestlayer_cli.store.sqlite.connection import errors, version_of
from ingestlayer_cli.system.errors import StoreError


class Full(sqlite3.Connection):
    """A connection on a disk that is full: SQLite ends the transaction itself."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql.startswith("PRAGMA user_version"):
            super().execute("ROLLBACK")
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *values)


def test_what_sqlite_has_ended_itself_is_not_ended_once_more() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Full)
    with pytest.raises(StoreError, match="has no room: the disk is full"), errors("store.db"):
        version_of(connection, "store.db")
