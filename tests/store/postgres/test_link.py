"""The connection: what it says of itself, its clock, and texts that PostgreSQL does not know."""

import os
import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from ingestlayer_cli.model.memory import Kept
from ingestlayer_cli.store.contract.accepting import AwayError
from ingestlayer_cli.store.contract.refused import NewDeadLetter
from ingestlayer_cli.store.opening import open_to_read, open_to_write
from ingestlayer_cli.store.postgres.address import Address
from ingestlayer_cli.store.postgres.link import PostgresLink
from ingestlayer_cli.store.postgres.store import PostgresStore
from ingestlayer_cli.system.clock import Clock
from ingestlayer_cli.system.errors import StoreError
from tests.store.contract.words import claim, event, message, queue
from tests.support.bouncer import SERVERS, Bouncer


class WrongClock(Clock):
    """A host's clock that is wrong by an hour."""

    def now(self) -> int:
        return super().now() + 3_600_000


def test_a_host_whose_clock_is_wrong_has_the_time_of_the_database(postgres: str) -> None:
    store = open_to_write(postgres)
    assert abs(store.clock(WrongClock()).now() - Clock().now()) < 60_000
    store.close()


def test_a_clock_that_has_run_apart_is_set_right_within_a_minute(postgres: str) -> None:
    with closing(open_to_write(postgres)) as store:
        assert isinstance(store, PostgresStore)
        right = store.link.offset
        store.link.offset -= 3_600_000
        queue(store, "evt_1")
        assert store.link.offset == right - 3_600_000
        store.link.measured_at -= 61 * 1_000_000_000
        queue(store, "evt_2")
        assert abs(store.link.offset - right) < 60_000


def test_no_statement_is_compiled_for_longer_than_it_runs(postgres: str) -> None:
    store = open_to_write(postgres)
    assert isinstance(store, PostgresStore)
    assert store.rows("SHOW jit") == [("off",)]
    store.close()


@pytest.mark.parametrize(("more", "timeout"), [("", "30000"), ("?tcp_user_timeout=5000", "5000")])
def test_a_way_that_has_fallen_silent_is_lost_before_long(
    postgres: str, monkeypatch: pytest.MonkeyPatch, more: str, timeout: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", os.environ["DATABASE_URL"] + more)
    with closing(PostgresLink(Address.of(postgres))) as link:
        parameters = link._connection.info.get_parameters()
    assert (parameters["keepalives_idle"], parameters["tcp_user_timeout"]) == ("30", timeout)


def test_texts_with_nul_are_what_they_were(postgres: str) -> None:
    store = open_to_write(postgres)
    with store.transaction() as transaction:
        transaction.remember(Kept("s", "a\0b\1c", {"x": "\0"}, 1), "evt_1")
        transaction.add_dead_letter(NewDeadLetter(1, "json", "u\0", "cli", None, "no\0", [], "\0raw"))
    assert [row[0] for row in store.states("s", "")] == ["a\0b\1c"]
    found = store.refusals.newest(None)
    assert found is not None
    assert found[0]["raw"] == "\0raw"
    store.close()


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        (r"//postgres@", "//nobody:wr0ng@", StoreError, "refuses its user"),
        (r":\d+/", ":1/", AwayError, "is out of reach"),
        (r"/postgres$", "/nothing?password=wr0ng", StoreError, "does not exist"),
        (r"^.*$", "postgresql://me:wr0ng@host:no-port/db", StoreError, ""),
    ],
)
def test_no_error_has_the_address_or_the_password(
    postgres: str, monkeypatch: pytest.MonkeyPatch, old: str, new: str, error: type[StoreError], words: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", re.sub(old, new, os.environ["DATABASE_URL"]))
    with pytest.raises(error) as caught:
        open_to_write(postgres)
    told = f"{caught.value.message} {caught.value.hint}"
    assert words in told
    assert "wr0ng" not in told
    assert os.environ["DATABASE_URL"] not in told
    assert "env:DATABASE_URL" in told
    assert caught.value.__cause__ is None


def test_a_store_that_is_not_there_is_not_made_by_a_look(postgres: str) -> None:
    assert open_to_read(postgres) is None
    open_to_write(postgres).close()
    store = open_to_read(postgres)
    assert store is not None
    store.close()


def test_a_role_that_may_make_no_tables_hears_of_the_sql(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    from ingestlayer_cli.store.opening import script_of

    owner, schema = os.environ["DATABASE_URL"], postgres.partition("#")[2]
    role = f"r_{schema}"
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw'".encode())
    monkeypatch.setenv("DATABASE_URL", owner.replace("//postgres@", f"//{role}:pw@"))
    with pytest.raises(StoreError, match="may not be written by its user") as caught:
        open_to_write(postgres)
    assert "store info --schema" in caught.value.hint
    script = script_of(postgres)
    grants = re.sub(r"(?m)^-- (GRANT .*) TO role;", rf"\1 TO {role};", script)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(grants.encode())
    store = open_to_write(postgres)
    assert len(queue(store, "evt_1")) == 0
    assert event("evt_1").id == "evt_1"
    store.close()
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


# Behind a pooler ----------------------------------------------------------------------------------------------------


@pytest.fixture
def pooled(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a pooler, which `postgres` leads to."""
    address = os.environ["DATABASE_URL"]
    port = int(re.search(r":(\d+)/", address)[1])  # type: ignore[index]
    with Bouncer(port) as bouncer:
        monkeypatch.setenv("DATABASE_URL", address.replace(f":{port}/", f":{bouncer.port}/"))
        yield os.environ["DATABASE_URL"]


def test_behind_a_pooler_each_transaction_brings_what_it_needs(postgres: str, pooled: str) -> None:
    with closing(open_to_write(postgres)) as store:
        assert isinstance(store, PostgresStore)
        store.wait_at_most(3)
        assert len(queue(store, "evt_1", message("dlv_1"))) == 1
        assert claim(store) is not None
        for _ in range(2 * SERVERS):
            assert store.rows("SELECT current_setting('lock_timeout'), count(*) FROM events") == [("3s", 1)]
        with store.as_of_now():
            assert len(store.rows("SELECT 1 FROM deliveries")) == 1
        store.upkeep.vacuum()
        assert store.upkeep.faults() == []


def test_behind_a_pooler_others_find_nothing_of_what_was_set(postgres: str, pooled: str) -> None:
    import psycopg

    with closing(open_to_write(postgres)) as store:
        assert isinstance(store, PostgresStore)
        queue(store, "evt_1")
        store.rows("SELECT 1 FROM events")
    with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as others:
        for _ in range(2 * SERVERS):
            assert others.execute("SELECT current_setting('search_path')").fetchall() == [('"$user", public',)]


def test_a_pooler_that_refuses_options_is_told_of(postgres: str, pooled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{pooled}?options=-c%20jit%3Doff")
    with pytest.raises(StoreError, match="unsupported startup parameter") as caught:
        open_to_write(postgres)
    assert not isinstance(caught.value, AwayError)
    assert "take `options` out of env:DATABASE_URL" in caught.value.hint


def test_a_pooler_that_lends_a_server_for_a_statement_is_told_of(postgres: str) -> None:
    with closing(PostgresLink(Address.of(postgres))) as link, pytest.raises(StoreError) as caught, link.errors():
        link.run(
            "DO $$ BEGIN RAISE 'transaction blocks not allowed in statement pooling mode' USING ERRCODE = '08P01';"
            " END $$"
        )
    assert not isinstance(caught.value, AwayError)
    assert "pool_mode" in caught.value.hint
