"""The order of acceptance, where transactions that began before others end after them."""

from collections.abc import Callable

from ingestlayer_cli.store.contract.reading import Selection
from ingestlayer_cli.store.opening import open_to_write
from ingestlayer_cli.store.postgres.store import PostgresStore
from tests.store.contract.words import accept, add, event


def opened(place: str) -> PostgresStore:
    store = open_to_write(place)
    assert isinstance(store, PostgresStore)
    return store


def late(store: PostgresStore, meanwhile: Callable[[], object]) -> None:
    """Accept an event; after its number is given, and before it is committed, others do something."""
    with store.transaction() as transaction:
        add(transaction, event("evt_late"))
        transaction.flush()
        meanwhile()
        transaction.flush = lambda: None  # type: ignore[method-assign]


def test_who_goes_on_misses_nothing_that_is_committed_late(postgres: str) -> None:
    slow, quick, reader = (opened(postgres) for _ in range(3))
    accept(quick, event("evt_1"))
    mark = reader.history.mark()
    seen: list[str] = []

    def look() -> None:
        nonlocal mark
        mark = reader.history.mark(mark)
        for place, item in reader.history.accepted_after(Selection(), mark):
            mark = place
            seen.append(item.event.id)

    def meanwhile() -> None:
        accept(quick, event("evt_2"))
        look()

    late(slow, meanwhile)
    look()
    look()
    assert seen == ["evt_late", "evt_2"]
    for store in (slow, quick, reader):
        store.close()
