"""`store prune` and what steps, threads and look-ups of people leave; `store info` counts it."""

import json
from typing import Any

import pytest

from tests.support.posting import TYPE, Posting, payload
from tests.support.standin import SlackStandin

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


def steps(posting: Posting, text: str, destination: str = "") -> None:
    posting.pipeline(destination)
    path = posting.root / "pipelines" / "limits.toml"
    head, first, rest = path.read_text().partition("[[destinations]]")
    posting.write("pipelines/limits.toml", head + text + first + rest)


def emit(posting: Posting, number: int = 0, *arguments: str, key: str = "") -> str:
    """Emit an event of a customer and return what became of it."""
    more = ("--key", key or f"key-{number}", "--no-deliver", "--json", *arguments)
    return str(posting.run("emit", TYPE, "--data", json.dumps(payload(number)), *more).json["runs"][0]["outcome"])


def age(posting: Posting, days: int) -> None:
    columns = (("events", "accepted_at"), ("states", "at"), ("threads", "opened_at"), ("people", "at"))
    for table, column in columns:
        posting.sql(f"UPDATE {table} SET {column} = {column} - ?", days * DAY)


def settle(posting: Posting, status: str = "delivered") -> None:
    posting.sql("UPDATE deliveries SET status = ?", status)


def prune(posting: Posting, *arguments: str) -> None:
    result = posting.run("store", "prune", "--json", *arguments)
    assert result.code == 0, result


def rows(posting: Posting, *tables: str) -> list[int]:
    return [posting.sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables]


# States ---------------------------------------------------------------------------------------------------


def test_old_states_of_events_that_are_gone_are_forgotten(posting: Posting) -> None:
    steps(posting, CROSSING + 'period = "day"\n')
    emit(posting)
    settle(posting)
    age(posting, 91)
    prune(posting)
    assert rows(posting, "events", "states") == [0, 0]


def test_a_state_whose_event_stays_stays(posting: Posting) -> None:
    steps(posting, CROSSING + 'period = "day"\n')
    emit(posting, 0, "--timestamp", "2020-01-01T00:00:00Z")
    settle(posting)
    prune(posting)
    assert rows(posting, "events", "states") == [1, 2]
    assert emit(posting, 0, "--timestamp", "2020-01-01T01:00:00Z", key="other") == "dropped"


@pytest.mark.parametrize(("period", "days"), [("year", 300), ("quarter", 91)])
def test_what_a_crossing_holds_stays_for_its_whole_period(period: str, days: int, posting: Posting) -> None:
    steps(posting, CROSSING + f'period = "{period}"\n')
    emit(posting)
    settle(posting)
    age(posting, days)
    prune(posting, "--older-than", "1d")
    assert rows(posting, "events", "states") == [0, 2]


def test_what_a_crossing_without_a_period_holds_is_never_forgotten(posting: Posting) -> None:
    steps(posting, CROSSING)
    emit(posting)
    settle(posting)
    age(posting, 4000)
    prune(posting)
    assert posting.sql("SELECT scope FROM states") == [("limits/crossing/1",)]
    assert emit(posting, 0, key="other") == "dropped"


def test_the_windows_of_a_throttle_stay_while_they_last(posting: Posting) -> None:
    steps(posting, THROTTLE.format(window="300d", mode="drop"))
    emit(posting)
    settle(posting)
    age(posting, 100)
    prune(posting)
    assert rows(posting, "events", "states") == [0, 2]
    age(posting, 600)
    prune(posting)
    assert rows(posting, "states") == [0]


def test_a_window_that_is_still_to_come_stays(posting: Posting) -> None:
    steps(posting, THROTTLE.format(window="400d", mode="delay"))
    for number in range(4):
        emit(posting, 0, key=f"key-{number}")
    settle(posting)
    last = posting.sql("SELECT max(due_at) FROM deliveries")
    posting.sql("UPDATE events SET accepted_at = 0")
    prune(posting)
    assert rows(posting, "events") == [0]
    assert posting.sql("SELECT max(at) FROM states") == last


def test_entities_are_kept(posting: Posting) -> None:
    steps(posting, UPSERT.format())
    emit(posting)
    settle(posting)
    age(posting, 4000)
    posting.sql("UPDATE entities SET last_seen = 0, first_seen = 0")
    prune(posting)
    assert rows(posting, "events", "entities") == [0, 1]


def test_many_states_are_forgotten_in_several_transactions(posting: Posting) -> None:
    emit(posting)
    posting.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)"
        " INSERT INTO states SELECT 'limits/throttle/1', 'k' || i, '{}', 'evt_gone', iif(i % 100, 1, 1 << 42) FROM n"
    )
    prune(posting)
    assert rows(posting, "states") == [120]


# Threads and people ---------------------------------------------------------------------------------------

THREAD = 'thread = "$event.customer_id"\n'


def test_a_thread_whose_messages_are_gone_is_forgotten(posting: Posting) -> None:
    steps(posting, "", THREAD)
    emit(posting)
    settle(posting)
    age(posting, 91)
    prune(posting)
    assert rows(posting, "deliveries", "threads") == [0, 0]


@pytest.mark.parametrize("status", ["pending", "retrying", "unknown"])
def test_a_thread_that_open_deliveries_hang_on_stays(status: str, posting: Posting) -> None:
    steps(posting, "", THREAD)
    emit(posting)
    settle(posting, status)
    age(posting, 4000)
    prune(posting)
    assert rows(posting, "deliveries", "threads") == [1, 1]


def test_a_thread_of_a_message_that_stays_stays(posting: Posting) -> None:
    steps(posting, "", THREAD)
    emit(posting, 0, "--timestamp", "2020-01-01T00:00:00Z")
    settle(posting, "dead")
    prune(posting)
    assert rows(posting, "deliveries", "threads") == [1, 1]


def test_a_thread_stays_while_its_window_lasts(posting: Posting) -> None:
    steps(posting, "", THREAD + 'thread_window = "300d"\n')
    emit(posting)
    settle(posting)
    age(posting, 200)
    prune(posting)
    assert rows(posting, "deliveries", "threads") == [0, 1]


def test_many_threads_are_forgotten_in_several_transactions(posting: Posting) -> None:
    steps(posting, "", THREAD)
    emit(posting)
    posting.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
        " INSERT INTO threads (scope, key, opened_at) SELECT 's', 'k' || i, 1 FROM n"
    )
    prune(posting)
    assert rows(posting, "threads") == [1]


def test_what_was_said_of_people_is_forgotten_with_the_retention(posting: Posting) -> None:
    emit(posting)
    now = posting.sql("SELECT accepted_at FROM events")[0][0]
    for number in range(1200):
        at = now - (91 if number % 100 else 89) * DAY
        posting.sql("INSERT INTO people VALUES ('', ?, NULL, 'users_not_found', ?)", f"{number}@x.example", at)
    prune(posting)
    assert rows(posting, "people") == [12]


# Counting -------------------------------------------------------------------------------------------------


def test_info_counts_the_tables(posting: Posting, slack: SlackStandin) -> None:
    steps(posting, CROSSING + UPSERT.format(), THREAD)
    emit(posting)
    posting.sql("INSERT INTO people VALUES ('', 'a@x.example', 'U1', '', 1)")
    found: dict[str, Any] = posting.run("store", "info", "--json").json["rows"]
    assert {name: found[name] for name in ("states", "entities", "threads", "people")} == {
        "states": 2,
        "entities": 1,
        "threads": 1,
        "people": 1,
    }


def test_a_clock_that_is_days_ahead_of_all_that_is_known_forgets_nothing(posting: Posting) -> None:
    emit(posting)
    known = {"events": "accepted_at", "deliveries": "queued_at", "attempts": "at", "pipeline_versions": "first_used"}
    for table, column in known.items():
        posting.sql(f"UPDATE {table} SET {column} = {column} - ?", 400 * DAY)
    settle(posting)
    result = posting.run("store", "prune", "--json")
    assert result.code == 78
    assert result.error["hint"].endswith("store prune --trust-clock")
    assert rows(posting, "events") == [1]
    prune(posting, "--trust-clock")
    assert rows(posting, "events") == [0]
