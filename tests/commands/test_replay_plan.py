"""The plan comes first, and nothing is sent without a yes."""

import os
import pty
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.posting import TOKEN, Posting, assert_each_once, posted, posts
from tests.support.program import PROGRAM, environment
from tests.support.standin import Garbage, RateLimited, SlackStandin


def files(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_dry_run_shows_the_plan_and_writes_nothing(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(3)
    before = files(posting.root)
    result = posting.here("replay", "--until", "now", "--again", "--dry-run")
    assert result.code == 0
    assert result.out.splitlines() == ["3 events, 3 messages", "  #alerts 3", "  runs: 3 queued"]
    assert files(posting.root) == before
    assert len(slack.messages) == 3


def test_the_plan_of_a_dry_run_is_one_document(posting: Posting) -> None:
    posting.stored(3)
    assert posting.here("replay", "--until", "now", "--dry-run", "--json").json == {
        "events": 3,
        "messages": {},
        "waiting": {},
        "unknown": 0,
        "skipped": 3,
        "today": {},
        "runs": {"queued": 0, "dropped": 0, "failed": 0},
        "deliveries": {"delivered": 0, "pending": 0, "retrying": 0, "dead": 0, "unknown": 0},
    }


def test_without_a_terminal_it_needs_a_yes(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(2)
    result = posting.run("replay", "--until", "now", "--again")
    assert result.code == 2
    assert result.out.startswith("2 events, 2 messages\n  #alerts 2\n")
    assert "say --yes" in result.err
    assert len(slack.messages) == 2


@pytest.mark.parametrize(("answer", "code", "sent"), [(b"y\n", 0, 4), (b"n\n", 130, 2), (b"\n", 130, 2)])
def test_on_a_terminal_it_asks(posting: Posting, slack: SlackStandin, answer: bytes, code: int, sent: int) -> None:
    posting.stored(2)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "replay", "--until", "now", "--again"],
        cwd=posting.root,
        env=environment({"SLACK_BOT_TOKEN": TOKEN}),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    said = b""
    ends = time.monotonic() + 100
    while b"[y/N]" not in said and time.monotonic() < ends:
        said += os.read(ours, 1000)
    os.write(ours, answer)
    out, _ = process.communicate(timeout=100)
    os.close(ours)
    os.close(theirs)
    assert b"2 events, 2 messages" in out
    assert process.returncode == code
    assert len(slack.messages) == sent


def test_another_count_than_expected_is_refused(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(2)
    error = posting.replay("--until", "now", "--again", "--expect", "3", code=2)["error"]
    assert error["kind"] == "usage"
    assert "2 events" in error["message"]
    assert len(slack.messages) == 2
    assert posting.replay("--until", "now", "--again", "--expect", "2")["events"] == 2


def test_nothing_chosen_is_no_replay_of_everything(posting: Posting) -> None:
    posting.stored(1)
    assert posting.replay(code=2)["error"]["message"] == "which events?"


@pytest.mark.parametrize("more", [["--since", "2d"], ["--file", "x.ndjson"]])
def test_ids_and_other_choices_do_not_go_together(posting: Posting, more: list[str]) -> None:
    assert "both choose" in posting.replay("@last", *more, code=2)["error"]["message"]


def test_a_pipeline_may_be_named_with_ids(posting: Posting) -> None:
    posting.stored(2)
    posting.pipeline(name="other")
    assert posting.replay("@last", "--pipeline", "other")["messages"] == {"#alerts": 1}


def test_an_unknown_event_is_told(posting: Posting) -> None:
    posting.stored(1)
    assert posting.replay("evt_Z", code=2)["error"]["kind"] == "usage"


def test_without_a_store_there_is_nothing_to_replay(posting: Posting) -> None:
    assert posting.replay("--until", "now", code=2)["error"]["kind"] == "usage"
    assert not posting.store.exists()


def test_quiet_prints_nothing(posting: Posting) -> None:
    posting.stored(1)
    result = posting.here("replay", "--until", "now", "--again", "--yes", "-q")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_what_is_done_is_what_the_plan_said(posting: Posting) -> None:
    posting.write(
        "pipelines/once.toml",
        '[[steps]]\nuse = "dedupe"\nkey = "$event.metric"\nwindow = "3m"\n'
        '[[destinations]]\nuse = "slack"\nchannel = "#growth"\n',
    )
    posting.stored(8)
    posting.stored(2, channel="gone", first=8)
    posting.stored(2, deliver=False, first=10)
    for more in ([], ["--again"]):
        plan = posting.replay("--until", "now", *more, "--dry-run")
        done = posting.replay("--until", "now", *more, "--no-deliver")
        names = ("events", "messages", "waiting", "unknown", "skipped", "runs")
        assert [plan[name] for name in names] == [done[name] for name in names]
        assert sum(done["deliveries"].values()) == sum(done["messages"].values())


# What was queued before -----------------------------------------------------------------------------------------


def sent(posting: Posting, slack: SlackStandin, *arguments: str) -> dict[str, int]:
    """Replay as a plan says, and see that the messages that then arrive are those of the plan; return the plan's."""
    plan = posting.replay(*arguments, "--dry-run")
    before = len(slack.messages)
    posting.replay(*arguments, "--expect", str(plan["events"]))
    named = sum(plan["messages"].values()) + sum(plan["waiting"].values())
    assert len(slack.messages) - before == named
    return {name: plan[name] if name in ("unknown", "skipped") else sum(plan[name].values()) for name in COUNTS}


COUNTS = ("messages", "waiting", "unknown", "skipped")


def test_what_waits_is_named_as_waiting_and_sent(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(2, deliver=False)
    result = posting.here("replay", "--until", "now", "--dry-run")
    assert result.out.splitlines()[:2] == [
        "2 events, 0 messages",
        "  waiting: 2 messages, queued already, and sent first: #alerts 2",
    ]
    assert sent(posting, slack, "--until", "now") == {"messages": 0, "waiting": 2, "unknown": 0, "skipped": 0}
    assert_each_once(slack, 2)


def test_a_message_that_waits_for_its_next_attempt_goes_at_once(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(RateLimited(60))
    posting.stored(1)
    assert posting.statuses() == {"retrying": 1}
    posting.let_pass(60)
    posting.sql("UPDATE deliveries SET due_at = due_at + 600000")
    assert sent(posting, slack, "--status", "retrying")["waiting"] == 1


def test_older_messages_of_the_same_channel_are_named_for_they_go_first(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(2)
    posting.stored(3, deliver=False, first=2)
    posting.stored(1, deliver=False, first=5, channel="growth")
    assert sent(posting, slack, posting.ids[0], "--again") == {"messages": 1, "waiting": 3, "unknown": 0, "skipped": 0}
    assert posted(slack) == ["c0", "c1", "c2", "c3", "c4", "c0"]


def test_with_no_deliver_only_what_waits_of_these_events_is_named(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(3, deliver=False)
    plan = posting.replay(posting.ids[1], "--dry-run", "--no-deliver")
    done = posting.replay(posting.ids[1], "--no-deliver")
    assert plan["waiting"] == done["waiting"] == {"#alerts": 1}
    assert posts(slack) == 0


def test_without_a_yes_what_waits_is_in_the_question(posting: Posting) -> None:
    posting.stored(2, deliver=False)
    assert "this would send 2 messages of 2 events" in posting.run("replay", "--until", "now").err


def test_three_replays_at_once_send_what_each_of_them_named(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(8, deliver=False)
    results = posting.run_at_once([["replay", "--until", "now", "--yes"]] * 3)
    for result in results:
        assert result.out.startswith("8 events, 0 messages\n")
        # What is sent while the plan is made is neither.
        assert "waiting: " in result.out or "messages skipped" in result.out
    assert_each_once(slack, 8)


def test_what_is_unknown_is_looked_up_before_the_plan(posting: Posting, slack: SlackStandin) -> None:
    slack.script += [Garbage("who knows", stored=True), Garbage("who knows")]
    posting.stored(2)
    posting.let_pass(60)
    assert posting.statuses() == {"unknown": 2}
    plan = posting.here("replay", "--until", "now", "--dry-run")
    assert "  unknown: 2 messages that may have arrived: it is looked up first" in plan.out.splitlines()
    done = posting.replay("--until", "now")
    assert (done["waiting"], done["unknown"], done["skipped"]) == ({"#alerts": 1}, 0, 1)
    assert_each_once(slack, 2)


def test_what_stays_unknown_is_named_and_not_sent(posting: Posting, slack: SlackStandin) -> None:
    slack.tokens[TOKEN].discard("channels:history")
    slack.script += [Garbage("who knows", stored=True)]
    posting.stored(1)
    posting.let_pass(60)
    assert sent(posting, slack, "--until", "now") == {"messages": 0, "waiting": 0, "unknown": 1, "skipped": 0}
    result = posting.here("replay", "--until", "now", "--yes")
    assert "  unknown: 1 message that may have arrived: `ingestlayer deliver` looks" in result.out
    assert_each_once(slack, 1)


def test_what_waits_elsewhere_is_left_alone_by_a_replay_to_another_channel(
    posting: Posting, slack: SlackStandin
) -> None:
    posting.stored(1, deliver=False)
    assert sent(posting, slack, "--until", "now", "--channel", "test")["waiting"] == 0
    assert posting.statuses() == {"pending": 1, "delivered": 1}
