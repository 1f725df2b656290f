"""The plan comes first, and nothing is sent without a yes."""

import os
import pty
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.posting import TOKEN, Posting
from tests.support.program import PROGRAM, environment
from tests.support.standin import SlackStandin


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
        "skipped": 3,
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
    for more in ([], ["--again"]):
        plan = posting.replay("--until", "now", *more, "--dry-run")
        done = posting.replay("--until", "now", *more, "--no-deliver")
        names = ("events", "messages", "skipped", "runs")
        assert [plan[name] for name in names] == [done[name] for name in names]
        assert sum(done["deliveries"].values()) == sum(done["messages"].values())
