"""What is said to a PostgreSQL server, and how often its answer is waited for."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ingestlayer_cli.store.postgres.store import PostgresStore


class Said(NamedTuple):
    statements: int
    waits: int


class Wire:
    """Listens to what an open store says, in a file."""

    def __init__(self, store: object, path: Path) -> None:
        assert isinstance(store, PostgresStore)
        self._file = path.open("w+")
        store.link.listen(self._file.fileno())

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def of(self, work: Callable[[], object]) -> Said:
        start = self._file.seek(0, 2)
        work()
        self._file.seek(start)
        told = [line.split("\t")[3] for line in self._file.read().splitlines() if "\tF\t" in line]
        # One that is over may be asked for what is left, by the way.
        waits = sum(word in ("Sync", "Flush", "Query") and before != "Sync" for before, word in pairwise(["", *told]))
        return Said(told.count("Execute") + told.count("Query"), waits)
