"""Stores that the program of each schema version made, and this program on them; and older programs beside a newer one.

`stores/version_N.sql` is `.dump` of what that program left of PROJECT after `emit usage customer=acme used:=1
--no-deliver` and the same of globex. A new version of the schema brings the file of the one before.
"""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ingestlayer_cli.store.sqlite import schema
from ingestlayer_cli.store.sqlite.store import open_to_write
from ingestlayer_cli.system.errors import StoreError
from tests.support.bench import TOKEN, Bench
from tests.support.folder import Folder, envelope
from tests.support.program import start, wait_until
from tests.support.standin import SlackStandin

STORES = Path(__file__).parent / "stores"
PROJECT = {
    "events/usage.toml": (
        'type = "usage"\n[fields]\ncustomer = "string"\nused = "number"\n'
        '[idempotency]\nkey = "$event.customer"\nwindow = "3650d"\n'
    ),
    "pipelines/alert.toml": (
        'match = ["usage"]\n[[steps]]\nuse = "dedupe"\nkey = "$event.customer"\nwindow = "3650d"\n'
        '[[destinations]]\nuse = "slack"\nchannel = "#alerts"\n'
    ),
}
# A program whose schema has one version more.
NEWER = """
import sys
from ingestlayer_cli.store.sqlite import schema
schema.MIGRATIONS.append("CREATE TABLE later (a INTEGER) STRICT;")
schema.VERSION += 1
from ingestlayer_cli.store.sqlite.store import open_to_write
open_to_write(sys.argv[1]).close()
"""


@pytest.fixture(params=sorted(STORES.glob("*.sql")), ids=lambda path: path.stem)
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, slack: SlackStandin, capsys: pytest.CaptureFixture[str]
) -> Bench:
    bench = Bench(tmp_path, slack, capsys)
    for name, text in PROJECT.items():
        bench.write(name, text)
    store = bench.write(".ingestlayer/store.db", "")
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript(request.param.read_text())
        connection.execute("PRAGMA journal_mode = WAL")
    return bench


def newer(store: Path) -> None:
    """Bring a store to the version after ours, by another process."""
    subprocess.run([sys.executable, "-c", NEWER, store], check=True, timeout=100)


def test_there_is_a_store_of_each_version() -> None:
    assert {path.stem for path in STORES.iterdir()} >= {f"version_{number}" for number in range(1, schema.VERSION)}


def test_its_events_are_there_and_it_is_whole(bench: Bench) -> None:
    customers = [line["payload"]["customer"] for line in bench.run("events", "list", "--json").lines]
    assert sorted(customers) == ["acme", "globex"]
    assert bench.run("store", "info", "--json").json["integrity"] == "ok"


def test_its_keys_stay_taken(bench: Bench) -> None:
    ((first,),) = bench.rows("SELECT id FROM events WHERE payload LIKE '%acme%'")
    result = bench.emit({"customer": "acme", "used": 3}, type_="usage")
    assert (result.json["status"], result.json["event"]["id"]) == ("duplicate", first)


def test_its_steps_remember(bench: Bench) -> None:
    (run,) = bench.emit({"customer": "acme", "used": 3}, "--key", "another", type_="usage").json["runs"]
    assert (run["outcome"], run["dropped_by"]) == ("dropped", "dedupe")


def test_what_waits_in_it_is_sent_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    assert bench.run("deliver").code == 0
    assert bench.run("deliver").code == 0
    assert len(bench.slack.messages) == 2


def test_its_events_are_told_and_replayed(bench: Bench) -> None:
    assert bench.run("why", "@last", "--json").code == 0
    planned = bench.run("replay", "@last", "--original", "--again", "--dry-run", "--json")
    assert planned.json["messages"] == {"#alerts": 1}


# A newer program beside an older one --------------------------------------------------------------------


def test_an_open_store_is_not_written_once_a_newer_program_has_migrated_it(tmp_path: Path) -> None:
    with closing(open_to_write(str(tmp_path / "store.db"))) as store:
        with store.transaction():
            pass
        newer(tmp_path / "store.db")
        words = f"of version {schema.VERSION + 1}, this program knows"
        with pytest.raises(StoreError, match=words) as caught, store.transaction() as transaction:
            transaction.connection.execute("INSERT INTO people VALUES ('', 'a', NULL, '', 1)")
        assert "pip install -U ingestlayer-cli" in caught.value.hint
        assert store.rows("SELECT count(*) FROM people") == [(0,)]


def test_a_batch_stops_when_a_newer_program_has_migrated_its_store(project: Folder) -> None:
    process = start("emit", "--batch", "-", "--json", cwd=project.root)
    assert process.stdin is not None
    process.stdin.write((json.dumps(envelope(1)) + "\n").encode())
    process.stdin.flush()
    wait_until(lambda: project.count("events") == 1)
    newer(project.store)
    process.stdin.write((json.dumps(envelope(2)) + "\n").encode())
    out, err = process.communicate(timeout=100)
    assert process.returncode == 75, (out, err)  # what it had accepted before is safe
    assert f"of version {schema.VERSION + 1}" in out.decode()
    assert project.count("events") == 1
