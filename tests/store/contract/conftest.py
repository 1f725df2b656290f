"""Every engine of a store, opened twice: as two processes have it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestlayer_cli.store.contract.protocols import Store
from ingestlayer_cli.store.sqlite.store import open_to_write

# How an engine opens the store of a folder.
ENGINES: dict[str, Callable[[Path], Store]] = {"sqlite": lambda folder: open_to_write(str(folder / "store.db"))}


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Open one store, as often as it is called."""
    opened: list[Store] = []

    def another() -> Store:
        opened.append(ENGINES[request.param](tmp_path))
        return opened[-1]

    yield another
    for store in opened:
        store.close()


@pytest.fixture
def store(engine: Callable[[], Store]) -> Store:
    return engine()


@pytest.fixture
def other(engine: Callable[[], Store], store: Store) -> Store:
    """The same store, opened a second time."""
    return engine()
