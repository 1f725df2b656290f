"""The two doors of a store: one to write through, one to read through beside those who write. There is no third.

A place is the path of a SQLite file, or names a PostgreSQL database: `env:DATABASE_URL#SCHEMA`.
"""

from ..system.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from .contract.protocols import Store
    from .contract.roles.upkeep import Spool


# How a place begins that is no path.
SHARED = ("env:", "keyring:", "postgresql://", "postgres://", "service=")


def is_file(place: str) -> bool:
    """Say whether a store is a file of this machine, and not a database that several share."""
    return not place.startswith(SHARED)


def open_to_write(place: str) -> "Store":
    """Open a store, making or migrating it when needed; StoreError says what is in the way."""
    if not is_file(place):
        from .postgres import store as postgres

        return postgres.open_to_write(place)
    from .sqlite import store

    return store.open_to_write(place)


def open_to_read(place: str) -> "Store | None":
    """Open an existing store for reading alone, live and without a trace; None when there is none."""
    if not is_file(place):
        from .postgres import store

        return store.open_to_read(place)
    from .sqlite import reading

    return reading.open_to_read(place)


def script_of(place: str) -> str:
    """Return the SQL that makes a store, for whoever may."""
    if not is_file(place):
        from .postgres.address import Address
        from .postgres.schema import whole_script

        return whole_script(Address.of(place).schema)
    from .sqlite.schema import MIGRATIONS

    return "".join(MIGRATIONS)


def open_spool(path: str) -> "Spool":
    """Return what is kept in a file of this machine; it is made when something is."""
    from .sqlite.spool import SqliteSpool

    return SqliteSpool(path)


def engine_version() -> tuple[int, ...]:
    """Return the version of the SQLite library that is linked in."""
    import sqlite3

    return sqlite3.sqlite_version_info
