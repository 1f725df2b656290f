"""A replay that is killed and run again: each message once."""

import signal
import sqlite3
import subprocess
from typing import Any

import pytest

from tests.support.posting import PIPELINE, Posting, ago, assert_each_once, emit_all, envelope, posts
from tests.support.program import Argument, kill, wait_until
from tests.support.standin import SlackStandin, Slow

EVENTS = 1_400
MESSAGES = EVENTS // 20
REPLAY = ("replay", "--until", "now", "--yes", "--json")


@pytest.fixture
def three(posting: Posting) -> Posting:
    """Many events that were dropped; since an edit, one in twenty is worth a message."""
    events = [
        {
            **envelope(number, ("alerts", "growth", "test")[number % 3], 20 if number % 20 else 60),
            "timestamp": ago(hours=1),
        }
        for number in range(EVENTS)
    ]
    with posting.runtime() as runtime:
        emit_all(runtime, posting, events)
    posting.write("pipelines/limits.toml", PIPELINE.replace(">= 1", ">= 0.5").format(more=""))
    assert posting.statuses() == {}
    return posting


def look(three: Posting, sql: str) -> int:
    try:
        return int(three.sql(sql)[0][0])
    except sqlite3.OperationalError:
        return 0


def start(three: Posting, *more: Argument) -> "subprocess.Popen[str]":
    return three.start(*REPLAY, *more)


def finish(three: Posting) -> Any:
    """Run the replay again, and deliver what its killed process had in hand."""
    result = three.run(*REPLAY, "--wait", "60s")
    assert result.code in (0, 75), result
    for _ in range(3):
        three.let_pass(61)
        three.run("deliver", "-q")
    return result.json


def assert_whole(three: Posting, slack: SlackStandin) -> None:
    assert three.statuses() == {"delivered": MESSAGES}
    assert three.sql("SELECT count(DISTINCT event) FROM deliveries") == [(MESSAGES,)]
    assert_each_once(slack, MESSAGES)


def test_killed_between_two_transactions_it_continues(three: Posting, slack: SlackStandin) -> None:
    process = start(three, "--no-deliver")
    wait_until(lambda: look(three, "SELECT count(*) FROM deliveries"))
    kill(process)
    done = look(three, "SELECT count(*) FROM runs WHERE replayed_at IS NOT NULL")
    assert done
    assert done % 500 == 0 or done == EVENTS  # whole transactions alone
    finish(three)
    assert_whole(three, slack)


def test_killed_while_it_sends_it_continues(three: Posting, slack: SlackStandin) -> None:
    slack.always = Slow(0.03)
    process = start(three)
    wait_until(lambda: posts(slack) >= 10)
    kill(process)
    assert posts(slack) < MESSAGES
    slack.always = None
    document = finish(three)
    assert document["messages"] == {}
    assert sum(document["waiting"].values()) + document["unknown"] + document["skipped"] == MESSAGES
    assert_whole(three, slack)


def test_interrupted_by_a_person_it_answers_130_and_continues(three: Posting, slack: SlackStandin) -> None:
    slack.always = Slow(0.03)
    process = start(three)
    wait_until(lambda: posts(slack) >= 5)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    slack.always = None
    finish(three)
    assert_whole(three, slack)


def test_two_replays_at_once_send_each_message_once(three: Posting, slack: SlackStandin) -> None:
    three.run_at_once([REPLAY, REPLAY])
    finish(three)
    assert_whole(three, slack)
