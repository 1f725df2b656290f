"""A server of PostgreSQL that is there and says nothing."""

import gc
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from ingestlayer_cli.store.contract.accepting import AwayError
from ingestlayer_cli.store.opening import open_to_write
from ingestlayer_cli.store.postgres import link
from ingestlayer_cli.store.postgres.store import PostgresStore
from ingestlayer_cli.system import ending
from ingestlayer_cli.system import postgres as waiting
from tests.support.checks import Checked, table
from tests.support.postgres import Cut, Server, server
from tests.support.posting import TYPE, Posting, payload, posted
from tests.support.program import Result, here, wait_until
from tests.support.standin import SlackStandin


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    with server() as made:
        yield made


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "QUIET", 0.2)
    monkeypatch.setattr(waiting, "CONNECT", 2)


def emit(posting: Posting, number: int) -> Result:
    return here(posting.root, "emit", TYPE, "--data", json.dumps(payload(number)), "--json")


def test_an_event_whose_commit_nobody_answers_is_kept_and_stored_once(
    own: Server, posting: Posting, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    posting.share(own.url, "silent")
    monkeypatch.setenv("DATABASE_URL", own.url)
    assert emit(posting, 0).code == 0
    with closing(Cut(own.port, after=True, instead=own.freeze)) as way:
        monkeypatch.setenv("DATABASE_URL", re.sub(r":\d+/", f":{way.port}/", own.url))
        try:
            kept = emit(posting, 1)
        finally:
            own.thaw()
        gc.collect()  # connections that came about too late: psycopg leaves them to that
    assert (kept.code, kept.json["kept"]) == (75, True)
    assert kept.json["trouble"]["message"].endswith("is out of reach: it gives no answer")
    monkeypatch.setenv("DATABASE_URL", own.url)
    assert here(posting.root, "deliver").code == 0
    assert posted(slack) == ["c0", "c1"]
    assert posting.sql("SELECT count(*) FROM events") == [(2,)]


def test_a_commit_that_a_server_does_not_end_is_kept_and_stored_once(
    own: Server, posting: Posting, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a standby that is gone, and answers others meanwhile."""
    posting.share(own.url, "unended")
    monkeypatch.setenv("DATABASE_URL", own.url)
    monkeypatch.setattr(link, "BUSY", 0.3)
    monkeypatch.setattr(link, "COMMITTED", 0.3)
    assert emit(posting, 0).code == 0
    own.standby("gone")
    try:
        assert emit(posting, 1).code == 75
    finally:
        own.standby("")
    assert here(posting.root, "deliver").code == 0
    assert posted(slack) == ["c0", "c1"]
    assert posting.sql("SELECT count(*) FROM events") == [(2,)]


def test_what_takes_long_goes_on_for_as_long_as_its_server_answers(postgres: str) -> None:
    with closing(open_to_write(postgres)) as store:
        assert isinstance(store, PostgresStore)
        began = time.monotonic()
        assert store.rows("SELECT 1 FROM pg_sleep(0.7)") == [(1,)]
        assert time.monotonic() - began >= 0.7


# A process that was told to end -------------------------------------------------------------------------------------


@pytest.fixture
def patient(own: Server, monkeypatch: pytest.MonkeyPatch) -> PostgresStore:
    """A store whose server would be waited for for long."""
    for module, name in ((waiting, "QUIET"), (waiting, "ANSWER"), (waiting, "CONNECT"), (link, "PATIENCE")):
        monkeypatch.setattr(module, name, 1_000)
    monkeypatch.setenv("DATABASE_URL", own.url)
    store = open_to_write("env:DATABASE_URL#patient")
    assert isinstance(store, PostgresStore)
    return store


def ends(work: Callable[[], object], when: Callable[[], bool]) -> bool:
    """Say whether work that waits for a server ends once it is told to, because the server is away."""
    troubles: list[Exception] = []

    def working() -> None:
        try:
            work()
        except AwayError as error:
            troubles.append(error)

    thread = threading.Thread(target=working, daemon=True)
    thread.start()
    wait_until(when)
    ending.tell()
    try:
        thread.join(30)
    finally:
        ending.forget()
    return bool(troubles) and not thread.is_alive()


def test_told_to_end_it_waits_for_no_server_that_is_stopped(own: Server, patient: PostgresStore) -> None:
    own.freeze()
    try:
        assert ends(lambda: patient.rows("SELECT 1"), lambda: patient.link._connection.pgconn.transaction_status == 1)
    finally:
        own.thaw()
        patient.close()


def test_told_to_end_it_waits_for_no_server_to_come_back(own: Server, patient: PostgresStore) -> None:
    own.stop()
    try:
        assert ends(lambda: patient.rows("SELECT 1"), lambda: patient.link.is_lost)
    finally:
        own.start()
        patient.close()


# The source of a check ----------------------------------------------------------------------------------------------


def test_a_source_that_says_nothing_fails_the_check(
    own: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METER_DB", own.url)
    checked = Checked(tmp_path, table('source = "env:METER_DB"', more="query = 'SELECT pg_sleep(60)'"))
    asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"

    def freeze() -> None:
        with psycopg.connect(own.url, autocommit=True) as looking:
            wait_until(lambda: looking.execute(asked).fetchone() == (1,))
        own.freeze()

    freezing = threading.Thread(target=freeze)
    freezing.start()
    try:
        failed = checked.run()
    finally:
        freezing.join()
        own.thaw()
    assert failed["error"]["message"] == f"PostgreSQL: {waiting.SILENT}"
    assert "is the server up" in failed["error"]["hint"]
