"""`status`: the page, its document, its exit code; whatever the project's files and its store are like."""

import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ingestlayer_cli.engine.records import CHECKS
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.project import load_beside
from ingestlayer_cli.system.processes import identity
from tests.support.person import EMIT, Person
from tests.support.program import PROGRAM
from tests.support.situations import Morning
from tests.support.terminal import Terminal

STORES = Path(__file__).parents[1] / "store" / "sqlite" / "stores"


def test_quiet_prints_problems_alone(person: Person) -> None:
    person.settings('[slack]\nconnection = "bot"\n')
    person.run("pipelines", "pause", "limits")
    result = person.run("status", "-q")
    assert result.code == 1
    assert result.out == "✗ Slack: Slack is not connected\n  → ingestlayer slack connect, or set SLACK_BOT_TOKEN\n"


def test_outside_a_project_it_is_an_error(person: Person) -> None:
    assert person.run("status", cwd=person.home).code == 78


@pytest.mark.parametrize("version", sorted(path.stem for path in STORES.iterdir()))
def test_a_store_of_every_version_is_told_of(person: Person, version: str) -> None:
    store = person.root / ".ingestlayer" / "store.db"
    store.parent.mkdir()
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript((STORES / f"{version}.sql").read_text())
    kinds = [row["kind"] for row in person.run("doctor", "--json").json["findings"]]
    assert "store_outdated" in kinds
    assert "not_seen" not in kinds
    document = person.run("status", "--json").json
    assert sum(row["count"] for row in document["waiting"]) == 2
    assert "not_seen" not in [row["kind"] for row in document["troubles"]]


def test_a_check_that_runs_at_this_moment_is_said_to(morning: Morning) -> None:
    with Runtime(load_beside(str(morning.root))) as runtime, runtime.store.transaction() as transaction:
        note = transaction.note(CHECKS, "api")
        begun = {**note, "started_at": note["ended_at"] + 1, "process": identity()}
        transaction.write_note(CHECKS, "api", begun, 1)
    (check,) = morning.status()["checks"]
    assert check["health"] == "running"


def test_a_driver_that_is_not_installed_is_named(morning: Morning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    morning.environment("PG_URL", "postgresql://db/x")
    morning.settings(**{'source = "usage.csv"': 'source = "env:PG_URL"\nquery = "SELECT 1"'})
    (found,) = [it for it in morning.status()["troubles"] if it["kind"] == "package_missing"]
    assert found["command"].endswith(" -m pip install 'ingestlayer-cli[postgres]'")


def test_a_secret_that_the_job_has_and_this_shell_lacks_is_no_trouble_of_the_messages(morning: Morning) -> None:
    morning.environment("SLACK_BOT_TOKEN", None)
    (found,) = morning.status()["troubles"]
    assert (found["kind"], found["mark"], found["why"]) == (
        "not_connected",
        "warning",
        "here; where `ingestlayer deliver` runs, it is",
    )


def test_more_troubles_than_a_page_has_are_counted(morning: Morning) -> None:
    for number in range(15):
        morning.settings("".join(f'[entities.k{it}]\nfile = "{it}.csv"\nkey = "id"\n' for it in range(number + 1)))
    page = morning.page()
    assert page.count("is not there") == 12
    assert "… and 3 more: ingestlayer status --json" in page


def test_values_of_events_are_literal_and_cut(morning: Morning) -> None:
    morning.emit("[red]acme\x1b[31m" + "x" * 200)
    page = morning.page()
    assert "[red]acme" in page
    assert "\x1b" not in page


def test_watch_needs_a_terminal(person: Person) -> None:
    result = person.run("status", "--watch")
    assert (result.code, "--json" in result.err) == (2, True)


def test_watch_draws_it_anew_until_it_is_interrupted(person: Person) -> None:
    person.connect()
    env = person.environment({"TERM": "xterm"})
    with Terminal(PROGRAM, "status", "--watch", cwd=person.root, env=env) as terminal:
        terminal.expect("no message yet")
        person.run(*EMIT)
        terminal.expect("acme is at 120")
        terminal.type("", end="\x03")
        assert terminal.wait() == 130
    assert re.search("well", terminal.text)


def test_no_line_ends_in_a_command_that_is_to_be_copied(person: Person) -> None:
    person.settings('[slack]\nconnection = "bot"\n')
    assert "connection: bot, Slack is not connected; ingestlayer slack connect, or set\n" in person.run("status").out
    person.settings('[slack]\nconnection = "terminal"\n')
    assert "\n  ingestlayer slack connect\n" in person.run("status").out
