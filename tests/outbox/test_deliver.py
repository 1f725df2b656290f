"""`ingestlayer deliver`, as cron and systemd run it."""

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from ingestlayer_cli.system.clock import format_time
from tests.outbox.support import (
    PROGRAM,
    FakeClock,
    Folder,
    environment,
    finished,
    posted,
    posts,
    wait_until,
)
from tests.slack.standin import RateLimited, SlackError, SlackStandin, Slow, Status


def test_everything_due_is_sent_once_and_then_it_ends(project: Folder, slack: SlackStandin) -> None:
    project.accept(range(5))
    result = project.run("deliver")
    assert (result.code, len(slack.messages), result.err) == (0, 5, "")
    assert len(result.out.splitlines()) == 5
    again = project.run("deliver")
    assert (again.code, again.out, again.err) == (0, "", "nothing is due\n")
    assert posts(slack) == 5


def test_what_is_due_later_is_left_and_told(project: Folder, slack: SlackStandin) -> None:
    slack.script.append(Status(500))
    project.accept([0], deliver=True)
    result = project.run("deliver")
    assert (result.code, posts(slack), result.out) == (75, 1, "")
    assert "still waiting: 1 retrying, the next at " in result.err
    assert "ingestlayer deliveries list" in result.err


def test_a_dead_one_is_exit_69(project: Folder, slack: SlackStandin) -> None:
    slack.script.append(SlackError("channel_not_found"))
    project.accept([0, 1])
    result = project.run("deliver")
    assert (result.code, posted(slack)) == (69, ["c1"])
    assert "#alerts dead dlv_" in result.out
    assert "hint: check the channel's name" in result.err


@pytest.mark.parametrize("code", ["channel_not_found", "msg_blocks_too_short", "token_revoked"])
def test_quiet_says_nothing_but_what_went_wrong_and_with_what(code: str, project: Folder, slack: SlackStandin) -> None:
    project.accept([0])
    assert project.run("deliver", "-q")[1:] == ("", "")
    slack.script.append(SlackError(code))
    project.accept([1])
    result = project.run("deliver", "-q")
    assert result.out == ""
    assert code in result.err
    assert "#alerts" in result.err
    assert "dlv_" in result.err


def test_json_is_one_line_for_each_attempt(project: Folder, slack: SlackStandin) -> None:
    slack.script.extend([Status(500), SlackError("is_archived")])
    project.accept(range(3))
    result = project.run("deliver", "--json")
    assert [set(line) for line in result.lines] == [
        {"id", "destination", "target", "outcome", "status", "error", "next_at"}
    ] * 3
    assert [(line["outcome"], line["status"]) for line in result.lines] == [
        ("retry", "retrying"),
        ("refused", "dead"),
        ("sent", "delivered"),
    ]
    assert [line["next_at"] is None for line in result.lines] == [False, True, True]
    assert (result.code, result.err) == (69, "")


def test_the_next_time_of_a_rate_limited_one_is_when_its_channel_is_free(project: Folder, slack: SlackStandin) -> None:
    slack.script.append(RateLimited(1000))
    project.accept([0])
    (line,) = project.run("deliver", "--json").lines
    ((free_at,),) = project.sql("SELECT free_at FROM lanes")
    assert line["next_at"] == format_time(free_at)


def test_limit_sends_at_most_so_many(project: Folder, slack: SlackStandin) -> None:
    project.accept(range(5))
    assert project.run("deliver", "--limit", "2").code == 75
    assert posted(slack) == ["c0", "c1"]


def test_limit_ends_a_watch(project: Folder, slack: SlackStandin) -> None:
    project.accept(range(5))
    assert project.run("deliver", "--watch", "--limit", "3").code == 75
    assert posted(slack) == ["c0", "c1", "c2"]


def test_pipeline_sends_only_its_own(project: Folder, slack: SlackStandin) -> None:
    project.pipeline(name="other")
    project.accept([0])
    assert project.run("deliver", "--pipeline", "other").code == 0
    assert project.sql("SELECT pipeline, status FROM deliveries ORDER BY 1") == [
        ("limits", "pending"),
        ("other", "delivered"),
    ]


def test_a_pipeline_that_there_is_not_is_refused_with_the_near_miss(project: Folder) -> None:
    result = project.run("deliver", "--pipeline", "limit")
    assert result.code == 2
    assert 'did you mean "limits"?' in result.err


@pytest.mark.parametrize("name", ["#growth", "growth"])
def test_channel_sends_only_what_goes_there(name: str, project: Folder, slack: SlackStandin) -> None:
    project.accept([0], "alerts")
    project.accept([1], "growth")
    result = project.run("deliver", "--channel", name)
    assert (result.code, posted(slack), posts(slack)) == (0, ["c1"], 1)


def test_a_channel_that_nothing_ever_went_to_is_warned_of(project: Folder, slack: SlackStandin) -> None:
    project.accept([0], "alerts")
    result = project.run("deliver", "--channel", "alert")
    assert (result.code, posts(slack)) == (0, 0)
    assert 'nothing ever went there (did you mean "alerts"?)' in result.err


def test_watch_sends_what_is_accepted_while_it_runs_and_ends_well_on_sigterm(
    project: Folder, slack: SlackStandin
) -> None:
    process = project.start("deliver", "--watch")
    project.accept([0])
    wait_until(lambda: len(slack.messages) == 1)
    project.accept([1])
    wait_until(lambda: len(slack.messages) == 2)
    wait_until(lambda: project.statuses() == {"delivered": 2})
    process.send_signal(signal.SIGTERM)
    result = finished(process)
    assert (result.code, result.err) == (0, "")
    assert len(result.out.splitlines()) == 2


def test_watch_sends_what_falls_due(project: Folder, slack: SlackStandin) -> None:
    project.pipeline('retry = ["1s", "1s"]')
    slack.script.extend([Status(500), Status(503)])
    project.accept([0])
    process = project.start("deliver", "--watch")
    wait_until(lambda: project.statuses() == {"delivered": 1})
    process.send_signal(signal.SIGTERM)
    assert finished(process).code == 0
    assert project.attempts() == ["retry", "retry", "sent"]


def test_sigterm_finishes_the_message_in_hand_and_no_other(project: Folder, slack: SlackStandin) -> None:
    slack.always = Slow(1)
    project.accept(range(3))
    process = project.start("deliver")
    wait_until(lambda: posts(slack) == 1)
    process.send_signal(signal.SIGTERM)
    result = finished(process)
    assert (result.code, posted(slack), posts(slack)) == (0, ["c0"], 1)
    assert project.statuses() == {"delivered": 1, "pending": 2}
    assert project.sql("SELECT count(*) FROM deliveries WHERE lease_until IS NOT NULL") == [(0,)]


def test_ctrl_c_finishes_the_message_in_hand(project: Folder, slack: SlackStandin) -> None:
    slack.always = Slow(1)
    project.accept(range(3))
    process = project.start("deliver")
    wait_until(lambda: posts(slack) == 1)
    process.send_signal(signal.SIGINT)
    assert finished(process).code == 130
    assert project.statuses() == {"delivered": 1, "pending": 2}


def test_watch_tries_a_refused_connection_again_without_hammering(project: Folder, slack: SlackStandin) -> None:
    slack.revoked.add("xoxb-test")
    project.accept(range(3))
    process = project.start("deliver", "--watch")
    wait_until(lambda: posts(slack) == 1)
    wait_until(lambda: project.attempts() == ["not-connected"])
    process.send_signal(signal.SIGTERM)
    result = finished(process)
    assert (result.code, posts(slack)) == (0, 1)
    assert "token_revoked" in result.out
    assert result.err.count("hint:") == 1


def test_watch_gives_its_hints_as_it_goes(project: Folder, slack: SlackStandin) -> None:
    slack.revoked.add("xoxb-test")
    project.accept([0])
    process = project.start("deliver", "--watch")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("hint:")
    process.send_signal(signal.SIGTERM)
    finished(process)


def test_a_terminal_sees_the_progress_and_a_pipe_does_not(project: Folder, slack: SlackStandin) -> None:
    slack.always = Slow(0.3)
    project.accept(range(7))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "deliver"], cwd=project.root, env=environment(), stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 4096):
            seen += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    assert b"deliveries" in seen
    project.accept(range(10, 17))
    assert project.run("deliver").err == ""


def test_the_terminal_connection_delivers_in_the_order_of_acceptance(project: Folder) -> None:
    project.accept(range(4))
    project.write("ingestlayer.toml", "")
    result = project.run("deliver", "--json")
    ids = [id_ for (id_,) in project.sql("SELECT id FROM deliveries ORDER BY seq")]
    assert [line["id"] for line in result.lines] == ids


def test_deliver_waits_for_a_paced_channel_and_sends_its_whole_backlog(project: Folder, slack: SlackStandin) -> None:
    project.settings(pace="1s")
    clock = FakeClock()
    project.accept(range(20), clock=clock)
    began = clock.at
    result, _ = project.deliver(clock)
    assert (result.exit_codes, len(slack.messages)) == ([], 20)
    assert 19_000 <= clock.at - began < 25_000


def test_a_project_elsewhere_is_delivered_with_c(project: Folder, slack: SlackStandin, tmp_path: Path) -> None:
    project.accept([0])
    done = subprocess.run(
        [PROGRAM, "-C", project.root, "deliver"], cwd=tmp_path, env=environment(), capture_output=True
    )
    assert (done.returncode, len(slack.messages)) == (0, 1)
