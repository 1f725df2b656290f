"""What `emit` and `check` send at their end: what is due, whoever accepted it."""

import json

import pytest

from tests.support.posting import TYPE, Posting, envelope, payload, posted, posts
from tests.support.standin import BUSY, SlackError, SlackStandin

CHECK = """
[checks.quota]
source = "quota.csv"
value = "used / limit"
levels = [1.0]
key = ["customer_id", "metric"]
emit = "usage.limit_reached"
"""
CALLS = {
    "emit": ("emit", TYPE, "--data", json.dumps(payload(9, "growth")), "--key", "nine"),
    "a duplicate": ("emit", TYPE, "--data", json.dumps(payload(0)), "--key", "key-0"),
    "dropped": ("emit", TYPE, "--data", json.dumps(payload(9, used=1)), "--key", "nine"),
    "batch": ("emit", "--batch", "none.ndjson"),
    "check": ("check",),
}


@pytest.fixture
def checking(posting: Posting) -> Posting:
    posting.settings(more=CHECK)
    posting.write("quota.csv", "customer_id,metric,used,limit,plan\nhooli,seats,1,100,alerts\n")
    posting.batch([], "none.ndjson")
    return posting


@pytest.mark.parametrize("call", CALLS)
def test_what_slack_failed_to_take_goes_with_the_next_call(checking: Posting, slack: SlackStandin, call: str) -> None:
    slack.script.append(BUSY)
    assert checking.emit(0).code == 75
    checking.let_pass(120)
    result = checking.run(*CALLS[call])
    assert (result.code, result.err) == (0, "")
    assert "c0" in posted(slack)
    assert set(checking.statuses()) == {"delivered"}


@pytest.mark.parametrize("call", CALLS)
def test_with_no_deliver_it_stays(checking: Posting, slack: SlackStandin, call: str) -> None:
    checking.accept([0])
    checking.run(*CALLS[call], "--no-deliver")
    assert posts(slack) == 0


def test_its_own_messages_go_first(checking: Posting, slack: SlackStandin) -> None:
    checking.accept([0, 1], "alerts")
    assert checking.emit(2, channel="growth").code == 0
    assert posted(slack) == ["c2", "c0", "c1"]


def test_emit_does_not_wait_for_the_pace_of_other_channels(checking: Posting, slack: SlackStandin) -> None:
    checking.settings(pace="5m")
    checking.accept(range(3), "growth")
    assert checking.emit(3, "--wait", "10m", channel="alerts").code == 0
    assert posted(slack) == ["c3", "c0"]


def test_check_waits_for_the_pace_of_channels(checking: Posting, slack: SlackStandin) -> None:
    checking.settings(pace="100ms", more=CHECK)
    checking.accept(range(3))
    assert checking.run("check", "-q", "--wait", "60s").code == 0
    assert posted(slack) == ["c0", "c1", "c2"]


def test_check_says_what_became_of_what_had_waited(checking: Posting, slack: SlackStandin) -> None:
    checking.accept([0, 1], "gone")
    slack.always = SlackError("channel_not_found")
    result = checking.run("check", "-q")
    assert result.code == 69
    assert result.err.count("to #gone, which had waited, is dead: ") == 2


def test_the_exit_of_emit_is_that_of_its_own_event(checking: Posting, slack: SlackStandin) -> None:
    checking.accept([0], "gone")
    slack.always = SlackError("channel_not_found")
    result = checking.run("emit", TYPE, "--data", json.dumps(payload(9, used=1)), "-q")
    assert result.code == 0
    assert "to #gone, which had waited, is dead: " in result.err


def test_a_wait_of_nothing_leaves_it(checking: Posting, slack: SlackStandin) -> None:
    checking.accept([0])
    assert checking.run("check", "--wait", "0s").code == 0
    assert posts(slack) == 0


def test_what_a_terminal_draws_is_left_to_deliver(posting: Posting) -> None:
    posting.settings()
    posting.write("ingestlayer.toml", '[slack]\nconnection = "terminal"\n')
    posting.accept([0])
    result = posting.run("emit", TYPE, "--data", json.dumps(payload(1)))
    assert "c1" in result.out
    assert "c0" not in result.out
    assert "c0" in posting.run("deliver").out


def test_a_batch_sends_it_too(checking: Posting, slack: SlackStandin) -> None:
    checking.accept([0], "growth")
    batch = checking.batch([envelope(1)])
    assert checking.run("emit", "--batch", batch, "--json").json["deliveries"]["delivered"] == 1
    assert posted(slack) == ["c1", "c0"]
