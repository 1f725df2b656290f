"""`ingestlayer deliver`, as cron and systemd run it."""

import os
import pty
import signal
import subprocess
from itertools import groupby
from pathlib import Path

import pytest

from ingestlayer_cli.system.clock import format_time
from tests.support.clock import FakeClock
from tests.support.posting import TOKEN, Posting, posted, posts
from tests.support.program import PROGRAM, environment, finished, wait_until
from tests.support.receiver import Receiver
from tests.support.standin import BUSY, RateLimited, SlackError, SlackStandin, Slow


def test_everything_due_is_sent_once_and_then_it_ends(posting: Posting, slack: SlackStandin) -> None:
    posting.accept(range(5))
    result = posting.run("deliver")
    assert (result.code, len(slack.messages), result.err) == (0, 5, "")
    assert len(result.out.splitlines()) == 5
    again = posting.run("deliver")
    assert (again.code, again.out, again.err) == (0, "", "nothing is due\n")
    assert posts(slack) == 5


def test_what_is_due_later_is_left_and_told(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(BUSY)
    posting.accept([0], deliver=True)
    result = posting.run("deliver")
    assert (result.code, posts(slack), result.out) == (75, 1, "")
    assert "still waiting: 1 retrying, the next at " in result.err
    assert "ingestlayer deliveries list" in result.err


def test_a_dead_one_is_exit_69(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(SlackError("channel_not_found"))
    posting.accept([0, 1])
    result = posting.run("deliver")
    assert (result.code, posted(slack)) == (69, ["c1"])
    assert "#alerts dead dlv_" in result.out
    assert "hint: check the channel's name" in result.err


@pytest.mark.parametrize("code", ["channel_not_found", "msg_blocks_too_short", "token_revoked"])
def test_quiet_says_nothing_but_what_went_wrong_and_with_what(code: str, posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0])
    assert posting.run("deliver", "-q")[1:] == ("", "")
    slack.script.append(SlackError(code))
    posting.accept([1])
    result = posting.run("deliver", "-q")
    assert result.out == ""
    assert code in result.err
    assert "#alerts" in result.err
    assert "dlv_" in result.err


def test_json_is_one_line_for_each_attempt(posting: Posting, slack: SlackStandin) -> None:
    slack.script.extend([BUSY, SlackError("is_archived")])
    posting.accept(range(3))
    result = posting.run("deliver", "--json")
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


def test_the_next_time_of_a_rate_limited_one_is_when_its_channel_is_free(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(RateLimited(1000))
    posting.accept([0])
    (line,) = posting.run("deliver", "--json").lines
    ((free_at,),) = posting.sql("SELECT free_at FROM lanes")
    assert line["next_at"] == format_time(free_at)


def test_limit_sends_at_most_so_many(posting: Posting, slack: SlackStandin) -> None:
    posting.accept(range(5))
    assert posting.run("deliver", "--limit", "2").code == 75
    assert posted(slack) == ["c0", "c1"]


def test_limit_ends_a_watch(posting: Posting, slack: SlackStandin) -> None:
    posting.accept(range(5))
    assert posting.run("deliver", "--watch", "--limit", "3").code == 75
    assert posted(slack) == ["c0", "c1", "c2"]


def test_pipeline_sends_only_its_own(posting: Posting, slack: SlackStandin) -> None:
    posting.pipeline(name="other")
    posting.accept([0])
    assert posting.run("deliver", "--pipeline", "other").code == 0
    assert posting.sql("SELECT pipeline, status FROM deliveries ORDER BY 1") == [
        ("limits", "pending"),
        ("other", "delivered"),
    ]


def test_a_pipeline_that_there_is_not_is_refused_with_the_near_miss(posting: Posting) -> None:
    result = posting.run("deliver", "--pipeline", "limit")
    assert result.code == 2
    assert 'did you mean "limits"?' in result.err


@pytest.mark.parametrize("name", ["#growth", "growth"])
def test_channel_sends_only_what_goes_there(name: str, posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0], "alerts")
    posting.accept([1], "growth")
    result = posting.run("deliver", "--channel", name)
    assert (result.code, posted(slack), posts(slack)) == (0, ["c1"], 1)


def test_a_channel_that_nothing_ever_went_to_is_warned_of(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0], "alerts")
    result = posting.run("deliver", "--channel", "alert")
    assert (result.code, posts(slack)) == (0, 0)
    assert 'nothing ever went there (did you mean "alerts"?)' in result.err


def test_watch_sends_what_is_accepted_while_it_runs_and_ends_well_on_sigterm(
    posting: Posting, slack: SlackStandin
) -> None:
    process = posting.start("deliver", "--watch")
    posting.accept([0])
    wait_until(lambda: len(slack.messages) == 1)
    posting.accept([1])
    wait_until(lambda: len(slack.messages) == 2)
    wait_until(lambda: posting.statuses() == {"delivered": 2})
    process.send_signal(signal.SIGTERM)
    result = finished(process)
    assert (result.code, result.err) == (0, "")
    assert len(result.out.splitlines()) == 2


def test_watch_sends_what_falls_due(posting: Posting, slack: SlackStandin) -> None:
    posting.pipeline('retry = ["1s", "1s"]')
    slack.script.extend([BUSY, BUSY])
    posting.accept([0])
    process = posting.start("deliver", "--watch")
    wait_until(lambda: posting.statuses() == {"delivered": 1})
    process.send_signal(signal.SIGTERM)
    assert finished(process).code == 0
    assert posting.attempts() == ["retry", "retry", "sent"]


def test_sigterm_finishes_the_message_in_hand_and_no_other(posting: Posting, slack: SlackStandin) -> None:
    slack.always = Slow(1)
    posting.accept(range(3))
    process = posting.start("deliver")
    wait_until(lambda: posts(slack) == 1)
    process.send_signal(signal.SIGTERM)
    result = finished(process)
    assert (result.code, posted(slack), posts(slack)) == (0, ["c0"], 1)
    assert posting.statuses() == {"delivered": 1, "pending": 2}
    assert posting.sql("SELECT count(*) FROM deliveries WHERE lease_until IS NOT NULL") == [(0,)]


def test_ctrl_c_finishes_the_message_in_hand(posting: Posting, slack: SlackStandin) -> None:
    slack.always = Slow(3)
    posting.accept(range(3))
    process = posting.start("deliver")
    wait_until(lambda: posts(slack) == 1)
    process.send_signal(signal.SIGINT)
    assert finished(process).code == 130
    assert posting.statuses() == {"delivered": 1, "pending": 2}


def test_watch_tries_a_refused_connection_again_without_hammering(posting: Posting, slack: SlackStandin) -> None:
    slack.revoked.add("xoxb-test")
    posting.accept(range(3))
    process = posting.start("deliver", "--watch")
    wait_until(lambda: posts(slack) == 1)
    wait_until(lambda: posting.attempts() == ["not-connected"])
    process.send_signal(signal.SIGTERM)
    result = finished(process)
    assert (result.code, posts(slack)) == (0, 1)
    assert "token_revoked" in result.out
    assert result.err.count("hint:") == 1


def test_watch_gives_its_hints_as_it_goes(posting: Posting, slack: SlackStandin) -> None:
    slack.revoked.add("xoxb-test")
    posting.accept([0])
    process = posting.start("deliver", "--watch")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("hint:")
    process.send_signal(signal.SIGTERM)
    finished(process)


def test_a_terminal_sees_the_progress_and_a_pipe_does_not(posting: Posting, slack: SlackStandin) -> None:
    slack.always = Slow(0.3)
    posting.accept(range(7))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "deliver"],
        cwd=posting.root,
        env=environment({"SLACK_BOT_TOKEN": TOKEN}),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
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
    posting.accept(range(10, 17))
    assert posting.run("deliver").err == ""


def test_the_terminal_connection_delivers_in_the_order_of_acceptance(posting: Posting) -> None:
    posting.accept(range(4))
    posting.write("ingestlayer.toml", "")
    result = posting.run("deliver", "--json")
    ids = [id_ for (id_,) in posting.sql("SELECT id FROM deliveries ORDER BY seq")]
    assert [line["id"] for line in result.lines] == ids


def test_deliver_waits_for_a_paced_channel_and_sends_its_whole_backlog(posting: Posting, slack: SlackStandin) -> None:
    posting.settings(pace="1s")
    clock = FakeClock()
    posting.accept(range(20), clock=clock)
    began = clock.at
    result, _ = posting.deliver(clock)
    assert (result.exit_codes, len(slack.messages)) == ([], 20)
    assert 19_000 <= clock.at - began < 25_000


def test_a_project_elsewhere_is_delivered_with_c(posting: Posting, slack: SlackStandin, tmp_path: Path) -> None:
    posting.accept([0])
    done = subprocess.run(
        [PROGRAM, "-C", posting.root, "deliver"],
        cwd=tmp_path,
        env=environment({"SLACK_BOT_TOKEN": TOKEN}),
        capture_output=True,
    )
    assert (done.returncode, len(slack.messages)) == (0, 1)


# The heartbeat


def heartbeat(posting: Posting) -> None:
    settings = posting.root / "ingestlayer.toml"
    settings.write_text(settings.read_text() + '\n[deliver]\nheartbeat = "env:PING_URL"\n')


def beats(monitor: Receiver) -> list[str]:
    """Return what it was told; on a slow machine it may have been told twice."""
    return [path.removeprefix("/ping/hunter2") for path, _ in groupby(request.path for request in monitor.requests)]


def test_its_monitor_is_told_of_each_run(posting: Posting, slack: SlackStandin, monitor: Receiver) -> None:
    heartbeat(posting)
    assert posting.run("deliver").code == 0
    slack.script.append(SlackError("token_revoked"))
    posting.accept([0])
    assert posting.run("deliver").code == 75
    assert beats(monitor) == ["/start", "", "/start", "/fail"]


def test_a_message_that_waits_for_its_next_attempt_is_no_bad_run(
    posting: Posting, slack: SlackStandin, monitor: Receiver
) -> None:
    heartbeat(posting)
    slack.script.append(BUSY)
    posting.accept([0])
    assert posting.run("deliver").code == 75
    assert beats(monitor) == ["/start", ""]


def test_one_that_stays_tells_it_again_and_again(posting: Posting, slack: SlackStandin, monitor: Receiver) -> None:
    heartbeat(posting)
    process = posting.start("deliver", "--watch")
    try:
        wait_until(lambda: beats(monitor) == ["/start", ""])  # and a minute later
    finally:
        process.terminate()
        assert finished(process).code == 0


def test_a_store_that_cannot_be_opened_is_a_bad_run(posting: Posting, slack: SlackStandin, monitor: Receiver) -> None:
    heartbeat(posting)
    posting.write(".ingestlayer/store.db", "no store")
    assert posting.run("deliver", "-q").code == 78
    assert beats(monitor) == ["/fail"]


def test_some_of_what_waits_is_no_run(posting: Posting, slack: SlackStandin, monitor: Receiver) -> None:
    heartbeat(posting)
    posting.run("deliver", "--channel", "#alerts")
    assert beats(monitor) == []


def test_a_monitor_that_is_not_there_changes_nothing(
    posting: Posting, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat(posting)
    monkeypatch.delenv("PING_URL", raising=False)
    posting.accept([0])
    result = posting.run("deliver")
    assert (result.code, posts(slack)) == (0, 1)
    words = "warning: heartbeat: the secret env:PING_URL is not set: set the environment variable PING_URL\n"
    assert result.err == words
    assert posting.run("deliver", "-q").err == ""
