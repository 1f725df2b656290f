"""A replay that is killed and run again: each message once."""

import signal
import sqlite3
import subprocess
from typing import Any

import pytest

from tests.outbox.support import PIPELINE, Argument, assert_each_once, envelope, kill, posts, wait_until
from tests.replay.support import Project, ago, emit_all
from tests.slack.standin import SlackStandin, Slow

EVENTS = 1_400
MESSAGES = EVENTS // 20
REPLAY = ("replay", "--until", "now", "--yes", "--json")


@pytest.fixture
def project(project: Project) -> Project:
    """Many events that were dropped; since an edit, one in twenty is worth a message."""
    events = [
        {
            **envelope(number, ("alerts", "growth", "test")[number % 3], 20 if number % 20 else 60),
            "timestamp": ago(hours=1),
        }
        for number in range(EVENTS)
    ]
    with project.runtime() as runtime:
        emit_all(runtime, project, events)
    project.write("pipelines/limits.toml", PIPELINE.replace(">= 1", ">= 0.5").format(more=""))
    assert project.statuses() == {}
    return project


def look(project: Project, sql: str) -> int:
    try:
        return int(project.sql(sql)[0][0])
    except sqlite3.OperationalError:
        return 0


def start(project: Project, *more: Argument) -> "subprocess.Popen[str]":
    return project.start(*REPLAY, *more)


def finish(project: Project) -> Any:
    """Run the replay again, and deliver what its killed process had in hand."""
    result = project.run(*REPLAY, "--wait", "60s")
    assert result.code in (0, 75), result
    for _ in range(3):
        project.let_pass(61)
        project.run("deliver", "-q")
    return result.json


def assert_whole(project: Project, slack: SlackStandin) -> None:
    assert project.statuses() == {"delivered": MESSAGES}
    assert project.sql("SELECT count(DISTINCT event) FROM deliveries") == [(MESSAGES,)]
    assert_each_once(slack, MESSAGES)


def test_killed_between_two_transactions_it_continues(project: Project, slack: SlackStandin) -> None:
    process = start(project, "--no-deliver")
    wait_until(lambda: look(project, "SELECT count(*) FROM deliveries"))
    kill(process)
    done = look(project, "SELECT count(*) FROM runs WHERE replayed_at IS NOT NULL")
    assert done
    assert done % 500 == 0 or done == EVENTS  # whole transactions alone
    finish(project)
    assert_whole(project, slack)


def test_killed_while_it_sends_it_continues(project: Project, slack: SlackStandin) -> None:
    slack.always = Slow(0.03)
    process = start(project)
    wait_until(lambda: posts(slack) >= 10)
    kill(process)
    assert posts(slack) < MESSAGES
    slack.always = None
    document = finish(project)
    assert document["skipped"] == MESSAGES
    assert_whole(project, slack)


def test_interrupted_by_a_person_it_answers_130_and_continues(project: Project, slack: SlackStandin) -> None:
    slack.always = Slow(0.03)
    process = start(project)
    wait_until(lambda: posts(slack) >= 5)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    slack.always = None
    finish(project)
    assert_whole(project, slack)


def test_two_replays_at_once_send_each_message_once(project: Project, slack: SlackStandin) -> None:
    project.run_at_once([REPLAY, REPLAY])
    finish(project)
    assert_whole(project, slack)
