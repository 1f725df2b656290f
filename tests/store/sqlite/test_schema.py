"""Opening stores: new ones, older ones, newer ones, and by several processes at once."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from ingestlayer_cli.store.sqlite import schema
from ingestlayer_cli.store.sqlite.reading import open_to_read
from ingestlayer_cli.store.sqlite.store import open_to_write
from ingestlayer_cli.system.errors import StoreError
from tests.support.posting import Posting
from tests.support.standin import SlackStandin
from tests.support.terminal import Terminal

EVENT = ("evt_01OLD", "usage.limit_reached", 1, 1, "cli", "key-7", '{"customer_id":"old"}')
BODY = '{"channel":"#alerts","text":"from version 1"}'
MANY = """
WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO events SELECT i, 'evt_' || i, 't', 1, 1, 'cli', 'key-' || i, '{}' FROM n
"""
BLOCKED = """
import sqlite3, sys, time
from ingestlayer_cli.store.sqlite import migrating, schema, store
print("begun", flush=True)
def slowly(script):
    yield "CREATE TABLE half_done (a)"
    print("half done", flush=True)
    time.sleep(60)
migrating._statements = slowly
store.open_to_write(sys.argv[1])
"""
# Forked off a process that has no threads, unlike that of the tests.
EIGHT = """
import os, sys, time
from ingestlayer_cli.store.sqlite.store import open_to_write
moment = time.time() + 0.05
def child():
    time.sleep(max(moment - time.time(), 0))
    try:
        open_to_write(sys.argv[1]).close()
    except BaseException as error:
        print(repr(error), flush=True)
    os._exit(0)
for _ in range(8):
    if os.fork() == 0:
        child()
for _ in range(8):
    os.wait()
"""


def make_version_1(path: Path, rows: int = 0) -> None:
    """Make a store as version 1 of the schema had it, with an event and a delivery that waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(schema.MIGRATIONS[0])
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("INSERT INTO events VALUES (1,?,?,?,?,?,?,?)", EVENT)
    connection.execute("INSERT INTO pipeline_versions VALUES (1, 'limits', 'v', 'text', 1)")
    connection.execute("INSERT INTO runs VALUES (1, 1, 1, 'queued', NULL, NULL, '[]')")
    connection.execute("INSERT INTO lanes VALUES (1, 'slack #alerts', 0, NULL)")
    connection.execute(
        "INSERT INTO deliveries"
        " (seq, id, event, run, pipeline, destination, target, lane, body, status, queued_at, due_at)"
        " VALUES (1, 'dlv_01OLD', 1, 1, 'limits', 'slack', '#alerts', 1, ?, 'pending', 1, 1)",
        (BODY,),
    )
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO memory VALUES ('s', ?, 1, ?)", ((str(n), "x" * 500) for n in range(rows)))
    connection.execute("COMMIT")
    connection.close()


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def tables(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [name for (name,) in connection.execute("SELECT sql FROM sqlite_master ORDER BY name")]
    finally:
        connection.close()


@pytest.fixture
def old(posting: Posting) -> Path:
    make_version_1(posting.store)
    return posting.store


def test_an_older_store_is_migrated_when_it_is_opened(old: Path, tmp_path: Path) -> None:
    open_to_write(str(old)).close()
    open_to_write(str(tmp_path / "new.db")).close()
    assert version(old) == schema.VERSION
    assert tables(old) == tables(tmp_path / "new.db")


def test_what_waited_in_an_older_store_is_delivered(old: Path, posting: Posting, slack: SlackStandin) -> None:
    result = posting.run("deliver", "--json")
    assert (result.code, [message.body["text"] for message in slack.messages]) == (0, ["from version 1"])


def test_a_key_taken_in_an_older_store_stays_taken(old: Path, posting: Posting) -> None:
    posting.sql("UPDATE events SET accepted_at = ?", int(time.time() * 1000))
    assert posting.emit(7, "--no-deliver").json["event"]["id"] == "evt_01OLD"


def test_a_preview_knows_a_key_that_was_taken_in_an_older_store(old: Path, posting: Posting) -> None:
    posting.sql("UPDATE events SET accepted_at = ?", int(time.time() * 1000))
    result = posting.run("preview", "usage.limit_reached", "--key", "key-7")
    assert "evt_01OLD" in result.out + result.err


def test_the_store_as_it_was_is_kept_beside_it(old: Path) -> None:
    before = tables(old)
    open_to_write(str(old)).close()
    kept = old.with_name("store.db.v1")
    assert (version(kept), tables(kept)) == (1, before)
    connection = sqlite3.connect(kept)
    assert connection.execute("SELECT id FROM deliveries").fetchall() == [("dlv_01OLD",)]
    connection.close()
    assert sorted(path.name for path in old.parent.glob("store.db.v1*")) == ["store.db.v1"]


def test_a_migration_that_fails_leaves_the_store_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tables(old)
    broken = [*schema.MIGRATIONS[:-1], schema.MIGRATIONS[-1] + "\nCREATE TABLE events (again INTEGER);"]
    monkeypatch.setattr("ingestlayer_cli.store.sqlite.migrating.MIGRATIONS", broken)
    with pytest.raises(StoreError):
        open_to_write(str(old))
    assert (version(old), tables(old)) == (1, before)
    monkeypatch.undo()
    open_to_write(str(old)).close()
    assert version(old) == schema.VERSION


def test_a_migration_that_is_killed_leaves_the_store_as_it_was(old: Path) -> None:
    before = tables(old)
    process = subprocess.Popen([sys.executable, "-c", BLOCKED, old], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert [process.stdout.readline(), process.stdout.readline()] == ["begun\n", "half done\n"]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (version(old), tables(old)) == (1, before)
    open_to_write(str(old)).close()
    assert version(old) == schema.VERSION


def test_a_migration_that_takes_long_tells_a_terminal(old: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute(MANY)
    opened = (
        "import sys; from ingestlayer_cli.store.sqlite import migrating, store;"
        " migrating.SHOW_AFTER = 0; store.open_to_write(sys.argv[1])"
    )
    with Terminal(sys.executable, "-c", opened, str(old), cwd=tmp_path, env=os.environ) as terminal:
        terminal.expect(f"Bringing the store from version 1 to {schema.VERSION}: 0 s")
        assert terminal.wait() == 0
    assert version(old) == schema.VERSION


def test_a_left_over_of_a_killed_copy_does_not_stop_the_next_migration(old: Path) -> None:
    for name in ("store.db.v1.part", f"store.db.v1.{os.getpid()}"):
        old.with_name(name).write_bytes(b"half a copy")
    open_to_write(str(old)).close()
    assert version(old.with_name("store.db.v1")) == 1


def test_a_copy_that_fails_leaves_nothing_half_done(old: Path, posting: Posting) -> None:
    old.with_name("store.db.v1").mkdir()  # in the way of the copy
    result = posting.run("deliver", "--json")
    assert (result.code, result.json["error"]["kind"]) == (78, "store"), result
    assert "cannot be copied before its migration: " in result.json["error"]["message"]
    assert version(old) == 1
    assert not list(old.parent.glob("*.part*"))


def test_a_newer_store_is_refused_with_what_to_do(old: Path, posting: Posting) -> None:
    open_to_write(str(old)).close()
    posting.sql(f"PRAGMA user_version = {schema.VERSION + 1}")
    before = old.read_bytes()
    for command in (["deliver"], ["store", "info"], ["deliveries", "list"], ["preview", "usage.limit_reached"]):
        result = posting.run(*command, "--json")
        assert (result.code, result.json["error"]["kind"]) == (78, "store"), result
        assert f"version {schema.VERSION + 1}" in result.json["error"]["message"]
        assert "pip install -U ingestlayer-cli" in result.json["error"]["hint"]
    assert old.read_bytes() == before


def test_a_database_of_another_program_is_left_alone(posting: Posting) -> None:
    posting.store.parent.mkdir()
    connection = sqlite3.connect(posting.store)
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    before = posting.store.read_bytes()
    result = posting.run("deliver")
    assert result.code == 78
    assert "another program" in result.err
    assert posting.store.read_bytes() == before


def opened_by_eight(path: Path) -> str:
    """Open a store in eight processes at the same moment; return what went wrong in any."""
    done = subprocess.run([sys.executable, "-c", EIGHT, path], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("attempt", range(10))
def test_eight_processes_make_a_store_at_once(attempt: int, tmp_path: Path) -> None:
    path = tmp_path / "made" / "store.db"
    assert opened_by_eight(path) == ""
    assert version(path) == schema.VERSION


@pytest.mark.parametrize("attempt", range(5))
def test_eight_processes_migrate_a_store_at_once_and_its_copy_is_the_old_one(attempt: int, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    make_version_1(path, rows=200)
    assert opened_by_eight(path) == ""
    assert (version(path), version(tmp_path / "store.db.v1")) == (schema.VERSION, 1)
    assert sorted(name for name in os.listdir(tmp_path) if ".v1" in name) == ["store.db.v1"]


def test_a_preview_beside_a_store_that_is_just_being_made_finds_none(posting: Posting) -> None:
    posting.store.parent.mkdir()
    posting.store.touch()
    assert open_to_read(str(posting.store)) is None
    assert posting.run("preview", "usage.limit_reached", "--json").code == 0
