"""Every engine of a store, opened twice: as two processes have it."""

from collections.abc import Callable, Iterator

import pytest

from ingestlayer_cli.store.contract.protocols import Store
from ingestlayer_cli.store.opening import open_to_write


@pytest.fixture
def engine(place: str) -> Iterator[Callable[[], Store]]:
    """Open one store, as often as it is called."""
    opened: list[Store] = []

    def another() -> Store:
        opened.append(open_to_write(place))
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
