"""A connection that ends in the middle of something; and what is read of one moment."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from ingestlayer_cli.store.contract.accepting import AwayError
from ingestlayer_cli.store.contract.reading import Selection
from ingestlayer_cli.store.contract.sending import Wanted
from ingestlayer_cli.store.opening import open_to_write
from ingestlayer_cli.store.postgres.address import Address
from ingestlayer_cli.store.postgres.link import PostgresLink
from ingestlayer_cli.store.postgres.store import PostgresStore
from ingestlayer_cli.system.errors import StoreError
from tests.store.contract.words import accept, arrived, claim, event, message, queue
from tests.support.postgres import Cut
from tests.support.program import wait_until

Cutting = Callable[[bool], PostgresStore]


@pytest.fixture
def cut(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cutting]:
    """Open a store whose next commit is cut, before or after the server hears of it."""
    address = os.environ["DATABASE_URL"]
    port = int(re.search(r":(\d+)/", address)[1])  # type: ignore[index]
    opened: list[PostgresStore] = []
    ways: list[Cut] = []

    def open_cut(after: bool) -> PostgresStore:
        open_to_write(postgres).close()  # it is made
        ways.append(Cut(port, after))
        monkeypatch.setenv("DATABASE_URL", address.replace(f":{port}/", f":{ways[-1].port}/"))
        store = open_to_write(postgres)
        assert isinstance(store, PostgresStore)
        opened.append(store)
        return store

    yield open_cut
    for store in opened:
        store.close()
    for way in ways:
        way.close()


@pytest.mark.parametrize("after", [False, True])
def test_an_event_whose_commit_was_cut_is_stored_once(cut: Cutting, after: bool) -> None:
    store = cut(after)
    store.repeated(lambda: accept(store, event("evt_1", "k")))
    assert [item.event.id for item in store.history.select(Selection())] == ["evt_1"]


def test_a_commit_that_goes_on_when_its_connection_is_cut_is_waited_for(cut: Cutting, postgres: str) -> None:
    """The server has heard all of it, and others are in its way: by what is there meanwhile nothing can be told."""
    open_to_write(postgres).close()
    others, looking = PostgresLink(Address.of(postgres)), PostgresLink(Address.of(postgres))
    with closing(others), closing(looking), closing(cut(True)) as store:
        others.run("BEGIN")
        others.run("LOCK TABLE deliveries IN SHARE MODE")
        accepting = threading.Thread(target=store.repeated, args=(lambda: queue(store, "evt_1", message("dlv_1")),))
        accepting.start()
        waiting = (
            "SELECT count(*) FROM pg_stat_activity a, pg_stat_activity b"
            " WHERE ?::int = ANY(pg_blocking_pids(a.pid)) AND a.pid = ANY(pg_blocking_pids(b.pid))"
        )
        pid = others.execute("SELECT pg_backend_pid()").fetchone()[0]
        wait_until(lambda: looking.execute(waiting, (pid,)).fetchone()[0])
        others.run("COMMIT")
        accepting.join()
        assert [item.event.id for item in store.history.select(Selection())] == ["evt_1"]
        assert store.outbox.still_waiting(Wanted()) == {"pending": 1}


@pytest.mark.parametrize("after", [False, True])
def test_a_claim_whose_commit_was_cut_is_one_claim(cut: Cutting, postgres: str, after: bool) -> None:
    first = open_to_write(postgres)
    queue(first, "evt_1", message("dlv_1"), message("dlv_2", "#b"))
    first.close()
    store = cut(after)
    taken = claim(store)
    assert taken is not None
    assert [row.id for row in store.outbox.leased()] == ["dlv_1"]
    store.outbox.record(taken, arrived(), "me")
    assert store.outbox.still_waiting(Wanted()) == {"pending": 1}


def test_a_record_whose_commit_was_cut_is_one_attempt(cut: Cutting, postgres: str) -> None:
    first = open_to_write(postgres)
    queue(first, "evt_1", message("dlv_1"))
    taken = claim(first)
    first.close()
    assert taken is not None
    store = cut(True)
    store.outbox.record(taken, arrived(), "me")
    assert len(store.deliveries.whole("dlv_1")["attempts_made"]) == 1


def test_a_way_that_is_lost_by_each_commit_is_one_that_is_away(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_write(postgres).close()
    port = int(re.search(r":(\d+)/", os.environ["DATABASE_URL"])[1])  # type: ignore[index]
    with closing(Cut(port, after=False, each=True)) as way:
        monkeypatch.setenv("DATABASE_URL", os.environ["DATABASE_URL"].replace(f":{port}/", f":{way.port}/"))
        with closing(open_to_write(postgres)) as store:
            assert isinstance(store, PostgresStore)
            with pytest.raises(AwayError, match="was lost"):
                store.repeated(lambda: accept(store, event("evt_1")))


def test_an_id_that_is_taken_is_an_error_and_not_tried_for_ever(postgres: str) -> None:
    store = open_to_write(postgres)
    accept(store, event("evt_1"))
    with pytest.raises(StoreError, match="duplicate key"):
        accept(store, event("evt_1"))
    accept(store, event("evt_2"))
    store.close()
