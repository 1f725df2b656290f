"""`store prune` and what steps, threads and look-ups of people leave; `store info` counts it."""

import json
from typing import Any

import pytest

from tests.outbox.support import TYPE, Folder, payload
from tests.slack.standin import SlackStandin

DAY = 86_400_000
CROSSING = """
[[steps]]
use = "crossing"
value = "$event.used / $event.limit"
levels = [0.8, 1]
key = "$event.customer_id"
"""
THROTTLE = """
[[steps]]
use = "throttle"
key = "$event.customer_id"
max = 1
window = "{window}"
mode = "{mode}"
"""
UPSERT = """
[[steps]]
use = "upsert.entity"
kind = "customer"
external_id = "$event.customer_id"
traits = {{ plan = "$event.plan" }}
"""


def steps(project: Folder, text: str, destination: str = "") -> None:
    project.pipeline(destination)
    path = project.root / "pipelines" / "limits.toml"
    head, first, rest = path.read_text().partition("[[destinations]]")
    project.write("pipelines/limits.toml", head + text + first + rest)


def emit(project: Folder, number: int = 0, *arguments: str, key: str = "") -> str:
    """Emit an event of a customer and return what became of it."""
    more = ("--key", key or f"key-{number}", "--no-deliver", "--json", *arguments)
    return str(project.run("emit", TYPE, "--data", json.dumps(payload(number)), *more).json["runs"][0]["outcome"])


def age(project: Folder, days: int) -> None:
    columns = (("events", "accepted_at"), ("states", "at"), ("threads", "opened_at"), ("people", "at"))
    for table, column in columns:
        project.sql(f"UPDATE {table} SET {column} = {column} - ?", days * DAY)


def settle(project: Folder, status: str = "delivered") -> None:
    project.sql("UPDATE deliveries SET status = ?", status)


def prune(project: Folder, *arguments: str) -> None:
    result = project.run("store", "prune", "--json", *arguments)
    assert result.code == 0, result


def rows(project: Folder, *tables: str) -> list[int]:
    return [project.sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables]


# States ---------------------------------------------------------------------------------------------------


def test_old_states_of_events_that_are_gone_are_forgotten(project: Folder) -> None:
    steps(project, CROSSING + 'period = "day"\n')
    emit(project)
    settle(project)
    age(project, 91)
    prune(project)
    assert rows(project, "events", "states") == [0, 0]


def test_a_state_whose_event_stays_stays(project: Folder) -> None:
    steps(project, CROSSING + 'period = "day"\n')
    emit(project, 0, "--timestamp", "2020-01-01T00:00:00Z")
    settle(project)
    prune(project)
    assert rows(project, "events", "states") == [1, 2]
    assert emit(project, 0, "--timestamp", "2020-01-01T01:00:00Z", key="other") == "dropped"


@pytest.mark.parametrize(("period", "days"), [("year", 300), ("quarter", 91)])
def test_what_a_crossing_holds_stays_for_its_whole_period(period: str, days: int, project: Folder) -> None:
    steps(project, CROSSING + f'period = "{period}"\n')
    emit(project)
    settle(project)
    age(project, days)
    prune(project, "--older-than", "1d")
    assert rows(project, "events", "states") == [0, 2]


def test_what_a_crossing_without_a_period_holds_is_never_forgotten(project: Folder) -> None:
    steps(project, CROSSING)
    emit(project)
    settle(project)
    age(project, 4000)
    prune(project)
    assert project.sql("SELECT scope FROM states") == [("limits/crossing/1",)]
    assert emit(project, 0, key="other") == "dropped"


def test_the_windows_of_a_throttle_stay_while_they_last(project: Folder) -> None:
    steps(project, THROTTLE.format(window="300d", mode="drop"))
    emit(project)
    settle(project)
    age(project, 100)
    prune(project)
    assert rows(project, "events", "states") == [0, 2]
    age(project, 600)
    prune(project)
    assert rows(project, "states") == [0]


def test_a_window_that_is_still_to_come_stays(project: Folder) -> None:
    steps(project, THROTTLE.format(window="400d", mode="delay"))
    for number in range(4):
        emit(project, 0, key=f"key-{number}")
    settle(project)
    last = project.sql("SELECT max(due_at) FROM deliveries")
    project.sql("UPDATE events SET accepted_at = 0")
    prune(project)
    assert rows(project, "events") == [0]
    assert project.sql("SELECT max(at) FROM states") == last


def test_entities_are_kept(project: Folder) -> None:
    steps(project, UPSERT.format())
    emit(project)
    settle(project)
    age(project, 4000)
    project.sql("UPDATE entities SET last_seen = 0, first_seen = 0")
    prune(project)
    assert rows(project, "events", "entities") == [0, 1]


def test_many_states_are_forgotten_in_several_transactions(project: Folder) -> None:
    emit(project)
    project.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)"
        " INSERT INTO states SELECT 'limits/throttle/1', 'k' || i, '{}', 'evt_gone', iif(i % 100, 1, 1 << 42) FROM n"
    )
    prune(project)
    assert rows(project, "states") == [120]


# Threads and people ---------------------------------------------------------------------------------------

THREAD = 'thread = "$event.customer_id"\n'


def test_a_thread_whose_messages_are_gone_is_forgotten(project: Folder) -> None:
    steps(project, "", THREAD)
    emit(project)
    settle(project)
    age(project, 91)
    prune(project)
    assert rows(project, "deliveries", "threads") == [0, 0]


@pytest.mark.parametrize("status", ["pending", "retrying", "unknown"])
def test_a_thread_that_open_deliveries_hang_on_stays(status: str, project: Folder) -> None:
    steps(project, "", THREAD)
    emit(project)
    settle(project, status)
    age(project, 4000)
    prune(project)
    assert rows(project, "deliveries", "threads") == [1, 1]


def test_a_thread_of_a_message_that_stays_stays(project: Folder) -> None:
    steps(project, "", THREAD)
    emit(project, 0, "--timestamp", "2020-01-01T00:00:00Z")
    settle(project, "dead")
    prune(project)
    assert rows(project, "deliveries", "threads") == [1, 1]


def test_a_thread_stays_while_its_window_lasts(project: Folder) -> None:
    steps(project, "", THREAD + 'thread_window = "300d"\n')
    emit(project)
    settle(project)
    age(project, 200)
    prune(project)
    assert rows(project, "deliveries", "threads") == [0, 1]


def test_many_threads_are_forgotten_in_several_transactions(project: Folder) -> None:
    steps(project, "", THREAD)
    emit(project)
    project.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
        " INSERT INTO threads (scope, key, opened_at) SELECT 's', 'k' || i, 1 FROM n"
    )
    prune(project)
    assert rows(project, "threads") == [1]


def test_what_was_said_of_people_is_forgotten_with_the_retention(project: Folder) -> None:
    emit(project)
    now = project.sql("SELECT accepted_at FROM events")[0][0]
    for number in range(1200):
        at = now - (91 if number % 100 else 89) * DAY
        project.sql("INSERT INTO people VALUES ('', ?, NULL, 'users_not_found', ?)", f"{number}@x.example", at)
    prune(project)
    assert rows(project, "people") == [12]


# Counting -------------------------------------------------------------------------------------------------


def test_info_counts_the_tables(project: Folder, slack: SlackStandin) -> None:
    steps(project, CROSSING + UPSERT.format(), THREAD)
    emit(project)
    project.sql("INSERT INTO people VALUES ('', 'a@x.example', 'U1', '', 1)")
    found: dict[str, Any] = project.run("store", "info", "--json").json["rows"]
    assert {name: found[name] for name in ("states", "entities", "threads", "people")} == {
        "states": 2,
        "entities": 1,
        "threads": 1,
        "people": 1,
    }
