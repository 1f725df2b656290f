"""Transactions of different customers go on side by side; those of one wait for each other; large ones are alone."""

import threading
from collections.abc import Iterator

import pytest

from ingestlayer_cli.store.contract.accepting import RepeatError
from ingestlayer_cli.store.contract.protocols import Store
from ingestlayer_cli.store.opening import open_to_write
from ingestlayer_cli.store.postgres.database import FEWEST, MOST, PATIENCE
from ingestlayer_cli.store.postgres.locks import SHARE, number_of
from ingestlayer_cli.store.postgres.store import PostgresStore
from tests.store.contract.words import accept, add, event


@pytest.fixture
def stores(postgres: str) -> Iterator[tuple[Store, Store]]:
    found = open_to_write(postgres), open_to_write(postgres)
    yield found
    for store in found:
        store.close()


def test_transactions_of_different_keys_go_on_side_by_side(stores: tuple[Store, Store]) -> None:
    one, other = stores
    with one.transaction() as transaction:
        assert transaction.state("s", "acme") is None
        with other.transaction() as beside:
            assert beside.state("s", "globex") is None
        accept(other, event("evt_1", "k"))


def test_what_is_only_read_of_entities_is_shared(stores: tuple[Store, Store]) -> None:
    one, other = stores
    with one.transaction() as transaction, other.transaction() as beside:
        assert transaction.traits("customer", "acme") is None
        assert beside.traits("customer", "acme") is None


def look(store: Store, names: list[str]) -> None:
    with store.transaction(may_repeat=True) as transaction:
        for name in names:
            assert transaction.state("s", name) is None


def test_who_meets_another_out_of_order_begins_anew_with_all_that_is_needed(stores: tuple[Store, Store]) -> None:
    one, other = stores
    assert isinstance(one, PostgresStore)
    schema = one.link.address.schema
    low, high = sorted("ab", key=lambda name: number_of(schema, "state", "s", name))
    with one.transaction() as held:
        held.state("s", low)
        with pytest.raises(RepeatError):
            look(other, [high, low])
    look(other, [high, low])


def test_what_needs_very_many_locks_takes_the_store_for_itself(stores: tuple[Store, Store]) -> None:
    one, other = stores
    assert isinstance(one, PostgresStore)
    many = {"s": [f"k{number}" for number in range(one.link.room // SHARE + 1)]}
    with pytest.raises(RepeatError), one.transaction(may_repeat=True) as transaction:
        transaction.look_ahead(None, {}, many, {})
    with one.transaction(may_repeat=True) as transaction:
        transaction.look_ahead(None, {}, many, {})
        waiting = threading.Thread(target=accept, args=(other, event("evt_1", "k")))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join()


def test_who_meets_others_again_and_again_takes_the_store_for_itself(stores: tuple[Store, Store]) -> None:
    one, other = stores
    for _ in range(PATIENCE + 1):
        with pytest.raises(RepeatError), one.transaction(may_repeat=True):
            raise RepeatError("others", "again")
    with one.transaction(may_repeat=True) as transaction:
        transaction.state("s", "k")
        waiting = threading.Thread(target=accept, args=(other, event("evt_1", "k")))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join()


def test_as_many_are_accepted_together_as_share_the_store_with_others(stores: tuple[Store, Store]) -> None:
    store, _ = stores
    assert isinstance(store, PostgresStore)

    def accept_with(locks: int) -> int:
        """Accept a hundred events that need so many locks each; return how many are accepted together then."""
        with store.transaction() as transaction:
            names = [f"{locks}:{number}" for number in range(100)]
            transaction.look_ahead(None, {}, {f"s{scope}": names for scope in range(locks)}, {})
            for name in names:
                add(transaction, event(name))
        return store.most_together

    assert store.most_together == FEWEST
    assert accept_with(1) == MOST
    assert accept_with(8) < MOST
    assert accept_with(store.link.room // SHARE // 100 + 1) == FEWEST
