"""A connection, as engines have it; for the types alone."""

from collections.abc import Iterator, MutableMapping

from ...system.typed import Any, Protocol

Numbers = MutableMapping[tuple[str, str], int]  # of rows that are handed out once, by what is unique of them


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Link(Protocol):
    def execute(self, sql: str, values: Any = (), /) -> Cursor: ...
    def executemany(self, sql: str, rows: Any, /) -> Cursor: ...
