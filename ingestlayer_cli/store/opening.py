"""The two doors of a store: one to write through, one to read through beside those who write. There is no third."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contract.protocols import Store


def open_to_write(path: str) -> "Store":
    """Open a store, making or migrating it when needed; StoreError says what is in the way."""
    from .sqlite import store

    return store.open_to_write(path)


def open_to_read(path: str) -> "Store | None":
    """Open an existing store for reading alone, live and without a trace; None when there is none."""
    from .sqlite import reading

    return reading.open_to_read(path)


def engine_version() -> tuple[int, ...]:
    """Return the version of the SQLite library that is linked in."""
    import sqlite3

    return sqlite3.sqlite_version_info
