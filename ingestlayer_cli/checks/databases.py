"""Sources that are databases: a query on SQLite or PostgreSQL, for reading alone."""

import os
import time
from collections.abc import Iterator

from ..entities.reading.faults import visible
from ..project.check_table import SECRET
from ..system.addresses import without_password
from ..system.errors import ProjectError
from ..system.typed import TYPE_CHECKING, Any
from .base import MORE_TIME, SourceError, SourceRow, excerpt, with_secrets

if TYPE_CHECKING:
    from ..model.documents.checks import Unit

CHUNK = 1_000  # rows that a database server sends at once


class Sqlite:
    """A query on a SQLite file, opened for reading alone."""

    unit: "Unit" = "row"

    def __init__(self, root: str, path: str, query: str, timeout: int) -> None:
        self.name = path
        self.notes: list[str] = []
        self.columns: list[str] | None = None
        self._path = os.path.join(root, path)
        self._query = query
        self._seconds = timeout / 1000

    def rows(self) -> Iterator[SourceRow]:
        import sqlite3
        from contextlib import closing
        from urllib.parse import quote

        if not os.path.isfile(self._path):
            raise SourceError(f"{self.name} does not exist", "sqlite:///FILE is below the project's folder")
        ends = time.monotonic() + self._seconds
        address = f"file:{quote(self._path)}?mode=ro"
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=self._seconds)) as connection:
                connection.set_progress_handler(lambda: time.monotonic() > ends, 100_000)
                cursor = connection.execute(self._query)
                names = self.columns = _once(self.name, [column[0] for column in cursor.description or ()])
                for number, cells in enumerate(cursor, start=1):
                    yield SourceRow(number, dict(zip(names, cells, strict=True)))
        except sqlite3.Error as error:
            if str(error) == "interrupted":
                hint = MORE_TIME
                raise SourceError(f"{self.name}: the query took over {self._seconds:g} s", hint) from None
            raise SourceError(f"{self.name}: {error}", "try the query with: sqlite3") from None


class Postgres:
    """A query on a PostgreSQL database, in a read-only transaction.

    `address` is postgresql://…, or names a secret that is one.
    """

    unit: "Unit" = "row"
    name = "PostgreSQL"

    def __init__(self, address: str, query: str, timeout: int) -> None:
        self.notes: list[str] = []
        self.columns: list[str] | None = None
        self._address = address
        self._query = query
        self._timeout = timeout

    def rows(self) -> Iterator[SourceRow]:
        try:
            import psycopg

            from ..system.postgres import PatientConnection
        except ImportError:
            from ..system.extras import to_install

            raise ProjectError("PostgreSQL needs the package psycopg", to_install("postgres")) from None
        address = with_secrets(self._address)
        try:
            with PatientConnection.connect(address, connect_timeout=max(self._timeout // 1000, 2)) as connection:
                connection.read_only = True
                _read_every_date(connection)
                connection.execute("SELECT set_config('statement_timeout', %s, true)", (str(self._timeout),))
                # A cursor of the server: rows come as they are read, and it takes nothing but a query.
                with connection.cursor(name="ingestlayer") as cursor:
                    cursor.itersize = CHUNK
                    cursor.execute(self._query.encode())
                    names = self.columns = _once(self.name, [column.name for column in cursor.description or ()])
                    for number, cells in enumerate(cursor, start=1):
                        yield SourceRow(number, dict(zip(names, map(_plain, cells), strict=True)))
        except psycopg.Error as error:
            words = excerpt(without_password(str(error), address))
            raise SourceError(f"PostgreSQL: {words}", _hint_of(error, self._address)) from None


def _read_every_date(connection: Any) -> None:
    """Have dates and times that Python has not, `infinity` and years beyond 9999, come as the texts that they are."""
    from psycopg import DataError
    from psycopg.types import datetime as types

    def tolerant(loader: Any) -> Any:
        def load(self: Any, data: Any) -> Any:
            try:
                return loader.load(self, data)
            except DataError:
                return bytes(data).decode()

        return type(f"Tolerant{loader.__name__}", (loader,), {"load": load})

    for name, loader in (
        ("date", types.DateLoader),
        ("timestamp", types.TimestampLoader),
        ("timestamptz", types.TimestamptzLoader),
        ("interval", types.IntervalLoader),
    ):
        connection.adapters.register_loader(name, tolerant(loader))


def _hint_of(error: Any, address: str) -> str:
    """Return what to do about what a server, or the way to it, did wrong."""
    state, said = error.sqlstate or "", str(error)
    if state == "57014":
        return MORE_TIME
    if state.startswith("42") or state == "25006":
        return "try the query with: psql"
    named = address if SECRET.fullmatch(address) else "`source`"
    if state.startswith("28") or "authentication failed" in said or "no password" in said:
        return f"look at the user and the password in {named}"
    if "does not exist" in said and not state:
        return f"look at the names in {named}"
    if type(error).__name__ in ("OperationalError", "ConnectionTimeout"):
        return f"is the server up, and reached from here? Its address is in {named}"
    return "try the query with: psql"


def _once(source: str, names: list[str]) -> list[str]:
    """Return the columns of a query; SourceError when two have one name: which is meant cannot be told."""
    if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
        words = f'{source}: the query has the column "{visible(twice)}" twice'
        raise SourceError(words, f'give one of them another name: {visible(twice)} AS "…"')
    return names


def _plain(value: object) -> Any:
    """Return a value of a database as JSON has it."""
    from decimal import Decimal

    if value is None or isinstance(value, str | int | float | bool | list | dict):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, Decimal):
        # NaN and infinity are no numbers here: they stay texts.
        if not value.is_finite():
            return str(value)
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
