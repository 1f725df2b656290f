"""Many processes at once, on one store."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from typing import Any, cast

import pytest

from ingestlayer_cli.store.sqlite.store import open_to_write
from tests.support.posting import TYPE, Posting, assert_each_once, envelope, payload
from tests.support.standin import SlackStandin


def test_eight_processes_emit_the_same_600_keys_and_600_events_are_stored(posting_on: Posting) -> None:
    batch = posting_on.batch(envelope(number, used=20) for number in range(600))
    results = posting_on.run_at_once([("emit", "--batch", batch, "--json")] * 8)
    assert [result.code for result in results] == [0] * 8
    totals: Counter[str] = Counter()
    for result in results:
        totals.update({name: result.json[name] for name in ("accepted", "duplicates", "rejected")})
    assert totals == {"accepted": 600, "duplicates": 4200, "rejected": 0}
    assert posting_on.sql("SELECT count(*), count(DISTINCT key) FROM events") == [(600, 600)]
    assert [result.err for result in results] == [""] * 8


def test_eight_deliverers_post_each_delivery_once(posting_on: Posting, slack: SlackStandin) -> None:
    many = 60 if posting_on.database else 200  # `python -m tests.benchmarks postgres` has more
    channels = [slack.add_channel(f"p{number}").name for number in range(5)]
    batch = posting_on.batch(envelope(number, channels[number % 5]) for number in range(many))
    assert posting_on.run("emit", "--batch", batch, "--no-deliver", "-q").code == 0
    results = posting_on.run_at_once([("deliver", "--json")] * 8)
    assert_each_once(slack, many)
    said = [line["id"] for result in results for line in result.lines]
    assert len(said) == len(set(said)) == many
    assert posting_on.statuses() == {"delivered": many}
    assert sum(bool(result.lines) for result in results) > 1, "the work was not shared"
    assert [result.err for result in results] == [""] * 8


def test_twenty_emitters_of_one_key_make_one_event_and_one_post(posting: Posting, slack: SlackStandin) -> None:
    command = ("emit", TYPE, "--data", json.dumps(payload()), "--key", "one", "--json")
    results = posting.run_at_once([command] * 20)
    assert [result.code for result in results] == [0] * 20
    assert Counter(result.json["status"] for result in results) == {"accepted": 1, "duplicate": 19}
    assert len({result.json["event"]["id"] for result in results}) == 1
    assert_each_once(slack, 1)


def test_the_first_ever_emits_of_a_project_may_be_eight_at_once(posting: Posting, slack: SlackStandin) -> None:
    commands = [
        ("emit", TYPE, "--data", json.dumps(payload(number)), "--key", str(number), "--json") for number in range(8)
    ]
    results = posting.run_at_once(commands)
    assert [(result.code, result.err) for result in results] == [(0, "")] * 8
    assert_each_once(slack, 8)


def test_a_vacuum_a_prune_and_emitters_do_not_disturb_each_other(posting: Posting, slack: SlackStandin) -> None:
    first = posting.batch((envelope(number, used=20) for number in range(3000)), "first.ndjson")
    assert posting.run("emit", "--batch", first, "-q").code == 0
    posting.sql("UPDATE events SET accepted_at = 1")
    more = [
        posting.batch((envelope(number, used=20) for number in range(start, start + 1500)), f"{start}.ndjson")
        for start in (10_000, 20_000)
    ]
    results = posting.run_at_once(
        [
            ("store", "prune", "--json"),
            *[("emit", "--batch", batch, "--json") for batch in more],
            ("store", "vacuum", "--json"),
            ("deliver", "--json"),
        ]
    )
    assert [(result.code, result.err) for result in results] == [(0, "")] * 5
    assert posting.sql("SELECT count(*) FROM events") == [(3000,)]
    assert results[0].json == {"removed": 3000}
    assert posting.sql("PRAGMA integrity_check") == [("ok",)]


class Interrupted:
    """A connection on which Ctrl-C comes once: at the first look-up of a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._is_due = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> Any:
        if self._is_due and self._connection.in_transaction:
            self._is_due = False
            raise KeyboardInterrupt
        return self._connection.execute(sql, *values)


def test_a_transaction_that_is_interrupted_as_it_begins_does_not_stay_open(posting: Posting) -> None:
    with closing(open_to_write(str(posting.store))) as store:
        store.connection = cast(sqlite3.Connection, Interrupted(store.connection))
        with pytest.raises(KeyboardInterrupt), store.transaction():
            pass
        with store.transaction():  # what was in hand when Ctrl-C came is recorded
            pass
