"""`deliveries` and `store`: what the operator sees, says and forgets."""

import json
from typing import Any

import pytest

from tests.support.posting import TYPE, Posting, envelope, posted, posts
from tests.support.program import kill, wait_until
from tests.support.standin import BUSY, Garbage, Hang, SlackError, SlackStandin

DAY = 86_400_000


@pytest.fixture
def mixed(posting: Posting, slack: SlackStandin) -> Posting:
    """One delivery of each status, in the order of their numbers."""
    slack.script.extend([SlackError("is_archived"), Garbage("?"), BUSY])
    posting.accept(range(4))
    posting.deliver(limit=4)
    posting.accept([4], "growth")
    return posting


def ids(posting: Posting) -> dict[str, str]:
    return dict(posting.sql("SELECT status, id FROM deliveries"))


def listed(posting: Posting, *arguments: str) -> list[Any]:
    result = posting.run("deliveries", "list", "--json", *arguments)
    assert result.code == 0
    return result.lines


# deliveries -----------------------------------------------------------------------------------------------


def test_list_shows_what_is_not_delivered_newest_first(mixed: Posting) -> None:
    assert [row["status"] for row in listed(mixed)] == ["pending", "retrying", "unknown", "dead"]


def test_list_tells_since_when_it_waits_why_and_when_it_is_tried_next(mixed: Posting) -> None:
    retrying = listed(mixed, "--status", "retrying")[0]
    assert retrying["queued_at"] < retrying["next_at"]
    assert "request_timeout" in retrying["error"]
    text = mixed.run("deliveries", "list").out
    for words in (retrying["id"], retrying["queued_at"], f"next {retrying['next_at']}", retrying["error"], "#growth"):
        assert words in text


def test_list_filters(mixed: Posting) -> None:
    assert [row["status"] for row in listed(mixed, "--status", "dead")] == ["dead"]
    assert len(listed(mixed, "--channel", "#growth")) == len(listed(mixed, "--channel", "growth")) == 1
    assert len(listed(mixed, "--pipeline", "limits")) == 5
    assert listed(mixed, "--pipeline", "other") == []
    assert len(listed(mixed, "--since", "1h")) == 5
    mixed.sql("UPDATE deliveries SET queued_at = queued_at - ?", 2 * DAY)
    assert listed(mixed, "--since", "1d") == []


def test_what_went_to_one_channel_is_retried_alone(posting: Posting, slack: SlackStandin) -> None:
    slack.always = SlackError("is_archived")
    posting.accept([0], deliver=True)
    posting.accept([1], "growth", deliver=True)
    assert posting.run("deliveries", "retry", "--status", "dead", "--channel", "#growth", "--json").json == {
        "retrying": 1
    }
    assert [row["target"] for row in listed(posting, "--status", "retrying")] == ["#growth"]


def test_a_shortened_list_says_so(mixed: Posting) -> None:
    result = mixed.run("deliveries", "list", "--limit", "2")
    assert len(result.out.splitlines()) == 2
    assert "the newest 2 of 4; --limit shows more" in result.err


@pytest.mark.parametrize("columns", [80, 120])
def test_a_list_says_who_what_and_which_pipeline_beside_a_short_id(
    mixed: Posting, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = listed(mixed)
    assert [(row["type"], row["who"], row["title"]) for row in rows[:1]] == [(TYPE, "c4", TYPE)]
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = mixed.here("deliveries", "list").out.splitlines()
    assert max(map(len, lines)) <= columns
    first = [line for line in lines if line.startswith("dlv_")]
    told = [line.split() for line in first]  # ids of one moment take more room, and leave less to the title
    assert [[word for word in words if word.startswith(("c", "limits"))][:2] for words in told] == [
        [who, "limits"] for who in ("c4", "c2", "c1", "c0")
    ]
    short = [line.split()[0] for line in first]
    assert [mixed.run("deliveries", "show", id_, "--json").json["id"] for id_ in short] == [row["id"] for row in rows]
    assert "    next " in lines[1]


def test_a_list_is_of_a_customer_or_of_a_text(mixed: Posting) -> None:
    assert [row["who"] for row in listed(mixed, "c3")] == ["c3"]
    assert [row["status"] for row in listed(mixed, "C3")] == ["delivered"]
    assert listed(mixed, "c3", "--status", "dead") == []
    assert len(listed(mixed, "limit_reached")) == 5
    assert listed(mixed, "nobody") == []


def test_a_wrong_status_is_refused_with_the_near_miss(mixed: Posting) -> None:
    result = mixed.run("deliveries", "list", "--status", "ded")
    assert result.code == 2
    assert 'did you mean "dead"?' in result.err


def test_what_is_being_sent_is_shown_with_who_sends_it(posting: Posting, slack: SlackStandin) -> None:
    slack.always = Hang(60)
    posting.accept([0])
    process = posting.start("deliver")
    wait_until(lambda: posts(slack) == 1)
    result = posting.run("deliveries", "list")
    assert f":{process.pid}" in result.out
    assert "in hand of" in result.out
    kill(process)


def test_show_tells_every_attempt_and_the_body(mixed: Posting) -> None:
    dead = ids(mixed)["dead"]
    result = mixed.run("deliveries", "show", dead, "--json")
    assert result.json["id"] == dead
    assert [attempt["outcome"] for attempt in result.json["attempts_made"]] == ["refused"]
    assert {"at", "took_ms", "outcome", "error", "process"} == set(result.json["attempts_made"][0])
    assert result.json["body"]["channel"] == "#alerts"
    text = mixed.run("deliveries", "show", dead).out
    assert "is_archived" in text
    assert "refused in" in text


def test_the_start_of_an_id_will_do(mixed: Posting) -> None:
    dead = ids(mixed)["dead"]
    assert mixed.run("deliveries", "show", dead[:-3], "--json").json["id"] == dead


def test_a_start_that_fits_several_is_refused(mixed: Posting) -> None:
    result = mixed.run("deliveries", "show", "dlv_")
    assert result.code == 2
    assert "the start of several" in result.err


def test_an_unknown_id_is_refused(mixed: Posting) -> None:
    result = mixed.run("deliveries", "settle", "dlv_nothing", "--dead")
    assert result.code == 2
    assert "there is no delivery dlv_nothing" in result.err


@pytest.mark.parametrize("status", ["dead", "unknown", "retrying", "pending"])
def test_retry_makes_it_due_at_once(status: str, mixed: Posting, slack: SlackStandin) -> None:
    id_ = ids(mixed)[status]
    before = len(slack.messages)
    result = mixed.run("deliveries", "retry", id_)
    assert (result.code, result.out) == (0, "1 due again\n")
    assert "ingestlayer deliver" in result.err
    mixed.run("deliver", "--json")
    assert listed(mixed, "--status", "delivered")
    assert id_ in slack.by_delivery()
    assert len(slack.messages) > before


def test_retry_takes_a_status_and_a_time(posting: Posting, slack: SlackStandin) -> None:
    slack.script.extend([SlackError("is_archived")] * 3)
    posting.accept(range(3))
    posting.deliver()
    posting.sql("UPDATE deliveries SET queued_at = queued_at - ? WHERE seq = 1", 3 * DAY)
    assert posting.run("deliveries", "retry", "--status", "dead", "--since", "2d", "--json").json == {"retrying": 2}
    posting.run("deliver")
    assert posted(slack) == ["c1", "c2"]


def test_what_is_delivered_is_not_sent_again(mixed: Posting) -> None:
    result = mixed.run("deliveries", "retry", ids(mixed)["delivered"])
    assert result.code == 2
    assert "is not sent again" in result.err
    assert mixed.run("deliveries", "retry", "--status", "delivered").code == 2


def test_settle_delivered_ends_it_without_sending(mixed: Posting, slack: SlackStandin) -> None:
    unknown, before = ids(mixed)["unknown"], posts(slack)
    assert mixed.run("deliveries", "settle", unknown, "--delivered", "--json").json == {
        "settled": [unknown],
        "status": "delivered",
    }
    assert posts(slack) == before
    shown = mixed.run("deliveries", "show", unknown, "--json").json
    assert (shown["status"], shown["settled_at"] is not None) == ("delivered", True)
    assert [attempt["outcome"] for attempt in shown["attempts_made"]] == ["unknown", "settled"]


def test_settle_dead_gives_it_up(mixed: Posting, slack: SlackStandin) -> None:
    pending, before = ids(mixed)["pending"], posts(slack)
    assert mixed.run("deliveries", "settle", pending, "--dead").out == "1 dead\n"
    mixed.run("deliver", "--channel", "growth")
    assert posts(slack) == before


@pytest.mark.parametrize("flags", [[], ["--delivered", "--dead"]])
def test_settle_wants_one_word(flags: list[str], mixed: Posting) -> None:
    result = mixed.run("deliveries", "settle", ids(mixed)["unknown"], *flags)
    assert result.code == 2
    assert "--delivered or --dead" in result.err


def test_what_is_being_sent_can_neither_be_settled_nor_retried(posting: Posting, slack: SlackStandin) -> None:
    slack.always = Hang(60)
    posting.accept([0])
    process = posting.start("deliver")
    wait_until(lambda: posts(slack) == 1)
    settled = posting.run("deliveries", "settle", posting.delivery["id"], "--dead")
    retried = posting.run("deliveries", "retry", posting.delivery["id"])
    assert (settled.code, "is being sent at this moment" in settled.err) == (2, True)
    assert retried.out == "0 due again\n"
    assert "being sent at this moment" in retried.err
    kill(process)
    # Its sender is gone: now it can.
    assert posting.run("deliveries", "settle", posting.delivery["id"], "--dead").code == 0
    assert posting.delivery["status"] == "dead"


# store ----------------------------------------------------------------------------------------------------


def test_info_tells_counts_sizes_the_oldest_that_waits_the_version_and_the_check(mixed: Posting) -> None:
    result = mixed.run("store", "info", "--json")
    info = result.json
    assert result.code == 0
    assert info["path"] == str(mixed.store)
    assert info["schema_version"] == mixed.sql("PRAGMA user_version")[0][0]
    assert info["rows"]["events"] == info["rows"]["deliveries"] == 5
    assert info["deliveries"] == {"delivered": 1, "dead": 1, "unknown": 1, "retrying": 1, "pending": 1}
    assert info["oldest_waiting"] is not None
    assert info["integrity"] == "ok"
    assert info["bytes"] > 0
    assert {"free_bytes", "wal_bytes"} <= set(info)
    text = mixed.run("store", "info").out
    assert "integrity        ok" in text


def test_info_of_an_empty_store_has_no_oldest(posting: Posting) -> None:
    assert posting.run("store", "info", "--json").json["oldest_waiting"] is None


def age(posting: Posting, days: int) -> None:
    for table, column in (("events", "accepted_at"), ("dead_letters", "at"), ("memory", "at")):
        posting.sql(f"UPDATE {table} SET {column} = {column} - ?", days * DAY)


def rows(posting: Posting, *tables: str) -> list[int]:
    return [posting.sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables]


def test_prune_forgets_what_is_settled_and_older_than_the_retention(mixed: Posting) -> None:
    age(mixed, 91)
    assert mixed.run("store", "prune", "--json").json == {"removed": 2}
    assert mixed.statuses() == {"unknown": 1, "retrying": 1, "pending": 1}
    assert rows(mixed, "events", "runs") == [3, 3]
    assert mixed.sql("SELECT count(*) FROM attempts WHERE delivery NOT IN (SELECT seq FROM deliveries)") == [(0,)]


def test_prune_keeps_the_retention_of_the_project(mixed: Posting) -> None:
    age(mixed, 89)
    assert mixed.run("store", "prune", "--json").json == {"removed": 0}
    mixed.settings(store='retention = "60d"')
    assert mixed.run("store", "prune", "--json").json == {"removed": 2}


def test_prune_never_removes_what_is_not_settled_however_old(mixed: Posting, slack: SlackStandin) -> None:
    age(mixed, 4000)
    mixed.run("store", "prune")
    mixed.let_pass(4000)
    assert mixed.run("deliver").code == 0
    assert len(slack.messages) == 4


def test_prune_keeps_events_whose_idempotency_window_still_runs(posting: Posting) -> None:
    posting.accept([0], deliver=True)
    age(posting, 20)  # the declaration says 31 days
    result = posting.run("store", "prune", "--older-than", "1d", "--json")
    assert (result.json, "31d" in result.err) == ({"removed": 0}, True)
    assert posting.emit(0).json["status"] == "duplicate"


def test_prune_keeps_undeclared_events_for_the_day_that_their_keys_are_taken(posting: Posting) -> None:
    (posting.root / "events" / "usage.limit_reached.toml").unlink()
    with (posting.root / "ingestlayer.toml").open("a") as file:
        file.write('[events]\nundeclared = "accept"\n')
    posting.emit(0)
    posting.sql("UPDATE events SET accepted_at = accepted_at - ?", DAY // 2)
    assert posting.run("store", "prune", "--older-than", "1h", "--json").json == {"removed": 0}
    assert posting.emit(0).json["status"] == "duplicate"


DEDUPE = """
[[steps]]
use = "dedupe"
key = "$event.customer_id"
window = "{window}"
"""


def dedupe(posting: Posting, window: str) -> None:
    path = posting.root / "pipelines" / "limits.toml"
    head, first, rest = path.read_text().partition("[[destinations]]")
    posting.write("pipelines/limits.toml", head + DEDUPE.format(window=window) + first + rest)


def test_prune_keeps_what_a_step_remembers_for_its_whole_window(posting: Posting, slack: SlackStandin) -> None:
    dedupe(posting, "300d")
    posting.emit(0)
    age(posting, 200)
    posting.run("store", "prune")
    assert rows(posting, "events", "memory") == [0, 1]
    again = posting.run(
        "emit", "usage.limit_reached", "--data", json.dumps(envelope(0)["payload"]), "--key", "new", "--json"
    )
    assert again.json["runs"][0]["outcome"] == "dropped"
    age(posting, 101)
    posting.run("store", "prune")
    assert rows(posting, "memory") == [0]


def test_prune_keeps_what_a_backdated_event_left_while_the_event_is_there(posting: Posting) -> None:
    dedupe(posting, "1d")
    posting.emit(0, "--timestamp", "2020-01-01T00:00:00Z")
    posting.run("store", "prune")
    assert rows(posting, "events", "memory") == [1, 1]


def test_prune_forgets_old_dead_letters(posting: Posting) -> None:
    posting.run("emit", "usage.limit_reached", "--data", "{}")
    assert rows(posting, "dead_letters") == [1]
    age(posting, 91)
    posting.run("store", "prune")
    assert rows(posting, "dead_letters") == [0]


def test_prune_refuses_a_duration_without_a_unit(posting: Posting) -> None:
    result = posting.run("store", "prune", "--older-than", "30")
    assert (result.code, "--older-than" in result.err) == (2, True)


def test_a_prune_of_much_lets_emitters_through(posting: Posting) -> None:
    batch = posting.batch(envelope(number, used=20) for number in range(8000))
    assert posting.run("emit", "--batch", batch, "-q").code == 0
    age(posting, 91)
    process = posting.start("store", "prune", "--json")
    wait_until(lambda: rows(posting, "events")[0] < 8000)
    emitted = posting.emit(9000)
    out, _ = process.communicate()
    assert (emitted.code, json.loads(out)) == (0, {"removed": 8000})


def test_vacuum_gives_the_space_back(posting: Posting) -> None:
    batch = posting.batch(envelope(number, used=20) for number in range(2000))
    posting.run("emit", "--batch", batch, "-q")
    age(posting, 91)
    posting.run("store", "prune")
    result = posting.run("store", "vacuum", "--json").json
    assert result["bytes_after"] < result["bytes_before"] / 4
    assert posting.sql("PRAGMA integrity_check") == [("ok",)]


def test_events_that_come_after_a_prune_of_everything_are_delivered(posting: Posting, slack: SlackStandin) -> None:
    posting.accept(range(3), deliver=True)
    age(posting, 91)
    posting.run("store", "prune")
    assert rows(posting, "events", "runs", "deliveries", "attempts") == [0] * 4
    assert posting.emit(7).code == 0
    assert rows(posting, "events", "runs", "deliveries", "attempts") == [1] * 4


def test_a_body_that_nobody_of_ours_composed_is_listed_by_its_text(mixed: Posting) -> None:
    mixed.sql("UPDATE deliveries SET body = '{\"text\": \"hi\"}', destination = 'gone'")
    assert {row["title"] for row in listed(mixed)} == {"hi"}
