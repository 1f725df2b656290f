"""A server goes down with what it was told to commit; the next transaction has the number of the one that was lost."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from ingestlayer_cli.store.opening import open_to_write
from ingestlayer_cli.store.postgres.store import PostgresStore
from tests.store.contract.words import claim, message, queue
from tests.support.postgres import Cut, Server, server
from tests.support.program import wait_until

PLACE = "env:DATABASE_URL#lost"


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    with server() as made:
        yield made


def _note(store: PostgresStore, name: str) -> None:
    with store.transaction() as transaction:
        transaction.write_note("tests", name, {}, 1)


def _lost(own: Server, monkeypatch: pytest.MonkeyPatch, work: Callable[[PostgresStore], object]) -> PostgresStore:
    """Do work whose commit gets lost with the server, and others write before it is asked for."""
    way = Cut(own.port, after=False, lasts=True)
    monkeypatch.setenv("DATABASE_URL", re.sub(r":\d+/", f":{way.port}/", own.url))
    store = open_to_write(PLACE)
    monkeypatch.setenv("DATABASE_URL", own.url)
    assert isinstance(store, PostgresStore)
    with closing(store):
        working = threading.Thread(target=work, args=(store,))
        working.start()
        wait_until(lambda: way.is_cut)
        own.stop("immediate")
        own.start()
        with closing(open_to_write(PLACE)) as other:
            assert isinstance(other, PostgresStore)
            for number in range(3):
                _note(other, f"other {number}")
        way.lasts = False
        working.join()
    way.close()
    return store


def test_what_was_lost_is_written_again(own: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", own.url)
    open_to_write(PLACE).close()
    _lost(own, monkeypatch, lambda store: store.repeated(lambda: _note(store, "mine")))
    with closing(open_to_write(PLACE)) as store:
        assert "mine" in store.notes("tests")


def test_a_claim_that_was_lost_is_none(own: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", own.url)
    with closing(open_to_write(PLACE)) as store:
        queue(store, "evt_1", message("dlv_1"))
    _lost(own, monkeypatch, claim)
    with closing(open_to_write(PLACE)) as store:
        assert [row.id for row in store.outbox.leased()] == ["dlv_1"]
