"""The connection: what it says of itself, its clock, and texts that PostgreSQL does not know."""

import os
import re
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
from tests.store.contract.words import event, queue


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
