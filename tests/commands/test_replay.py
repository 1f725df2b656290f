"""Stored events are sent again: which, where, how often, and what is kept of it."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from ingestlayer_cli.system.clock import format_time
from tests.support.posting import PIPELINE, TYPE, Posting, ago, assert_each_once, context_line, envelope, posted, posts
from tests.support.program import kill, wait_until
from tests.support.standin import BUSY, Hang, SlackStandin, Slow


def mark(posting: Posting) -> str:
    """Return what a message says that is posted again today, of an event that came when it did."""
    ((at,),) = posting.sql("SELECT received_at FROM events")
    return f"replayed {ago()[:10]}, first seen {format_time(at)[:10]}"


def test_a_delivered_event_is_not_sent_again(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(3)
    assert posting.replay("--until", "now")["skipped"] == 3
    assert len(slack.messages) == 3
    assert len(posting.runs()) == 3


def test_again_sends_what_was_delivered(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(3)
    document = posting.replay("--until", "now", "--again")
    assert document["messages"] == {"#alerts": 3}
    assert document["deliveries"]["delivered"] == 3
    assert posted(slack) == ["c0", "c1", "c2"] * 2
    assert_each_once(slack, 6)


def test_replaying_everything_twice_posts_nothing_twice(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(5, channel="gone")
    assert posting.statuses() == {"dead": 5}
    slack.add_channel("gone")
    for _ in range(2):
        posting.replay("--until", "now")
    assert sorted(posted(slack)) == ["c0", "c1", "c2", "c3", "c4"]
    assert_each_once(slack, 5)


def test_a_dead_delivery_is_replaced_by_one_of_the_replay(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(1, channel="gone")
    slack.add_channel("gone")
    document = posting.replay("--status", "dead")
    assert document["deliveries"]["delivered"] == 1
    assert posting.runs() == [(1, 1, "queued", 0), (1, 2, "queued", 1)]
    assert posting.sql("SELECT run, status FROM deliveries ORDER BY seq") == [(1, "dead"), (2, "delivered")]
    assert len({id_ for (id_,) in posting.sql("SELECT id FROM deliveries")}) == 2


def test_a_status_with_no_event_replays_nothing(posting: Posting) -> None:
    posting.stored(2)
    assert posting.replay("--status", "dead")["events"] == 0


def test_events_are_named_by_the_start_of_their_ids(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(3)
    assert posting.replay(posting.ids[2], posting.ids[0], "--again")["events"] == 2
    assert posted(slack)[3:] == ["c0", "c2"]
    assert posting.replay("@last", "--again")["events"] == 1


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["--type", TYPE], 4),
        (["--since", "3570s"], 3),
        (["--until", "3570s"], 1),
        (["--where", "$event.customer_id == 'c1'"], 1),
        (["--pipeline", "limits"], 4),
        (["--status", "delivered"], 4),
        (["--type", TYPE, "--where", "$event.customer_id in ['c1', 'c2']", "--since", "3510s"], 1),
    ],
)
def test_filters_choose_events(posting: Posting, filters: list[str], count: int) -> None:
    posting.stored(4)
    assert posting.replay(*filters, "--dry-run")["events"] == count


def test_an_event_that_was_dropped_is_sent_by_the_edited_pipeline(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(2, used=60)
    assert posted(slack) == []
    posting.write("pipelines/limits.toml", PIPELINE.replace(">= 1", ">= 0.5").format(more=""))
    assert posting.replay("--status", "dropped")["messages"] == {"#alerts": 2}
    assert posted(slack) == ["c0", "c1"]


def test_one_pipeline_alone_is_replayed(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(2)
    for name in ("one", "two"):
        posting.pipeline(name=name)
    assert posting.replay("--pipeline", "two")["runs"]["queued"] == 2  # it never ran on these events
    assert posting.sql("SELECT pipeline, count(*) FROM deliveries GROUP BY 1") == [("limits", 2), ("two", 2)]


def test_nothing_remembered_drops_a_replay_and_a_replay_leaves_nothing_behind(
    posting: Posting, slack: SlackStandin
) -> None:
    text = PIPELINE.format(more='[[steps]]\nuse = "dedupe"\nkey = "same"\nwindow = "24h"\n')
    posting.write("pipelines/limits.toml", text)
    posting.stored(3)
    assert posted(slack) == ["c0"]
    before = posting.sql("SELECT * FROM memory")
    # The second alone: what let the first through is forgotten. All three: the first drops the others.
    assert posting.replay(posting.ids[1])["messages"] == {"#alerts": 1}
    assert posting.replay("--until", "now", "--again")["runs"] == {"queued": 1, "dropped": 2, "failed": 0}
    assert posted(slack) == ["c0", "c1", "c0"]
    assert posting.sql("SELECT * FROM memory") == before


def test_a_waiting_message_is_not_doubled_but_sent(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(2, deliver=False)
    assert posting.replay("--until", "now", "--no-deliver")["waiting"] == {"#alerts": 2}
    assert posts(slack) == 0
    document = posting.replay("--until", "now")
    assert (document["waiting"], document["deliveries"]["delivered"]) == ({"#alerts": 2}, 2)
    assert_each_once(slack, 2)


def test_no_deliver_leaves_the_messages_in_the_outbox(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(2)
    assert posting.replay("--until", "now", "--again", "--no-deliver")["deliveries"]["pending"] == 2
    assert len(slack.messages) == 2


def test_a_replay_whose_messages_wait_answers_75(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(1)
    slack.always = BUSY
    assert posting.replay("--until", "now", "--again", code=75)["deliveries"]["retrying"] == 1


def test_every_message_goes_to_the_channel_that_is_named(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(2)
    for name in ("test", "#test"):
        posting.replay("--until", "now", "--channel", name)
    assert posted(slack, "test") == ["c0", "c1"]
    assert len(slack.messages) == 4


def test_a_webhook_cannot_be_redirected(posting: Posting) -> None:
    posting.stored(1)
    path = posting.root / "ingestlayer.toml"
    path.write_text(path.read_text().replace('"bot"', '"webhook"'))
    assert posting.replay("--until", "now", "--channel", "test", code=2)["error"]["kind"] == "usage"


def test_a_replayed_message_says_so(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(1)
    posting.replay("--until", "now", "--again")
    first, second = (context_line(message.body) for message in slack.messages)
    assert "replayed" not in first
    assert second.endswith(f" · {mark(posting)}")


def test_a_message_of_blocks_says_so_too(posting: Posting, slack: SlackStandin) -> None:
    posting.write("own.json", json.dumps([{"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}]))
    posting.pipeline('[destinations.message]\nblocks = "own.json"')
    posting.stored(1)
    posting.replay("--until", "now", "--again")
    assert context_line(slack.messages[1].body) == mark(posting)


def test_with_quiet_mark_a_replayed_message_is_as_the_first(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(1)
    posting.replay("--until", "now", "--again", "--quiet-mark")
    first, second = (message.body for message in slack.messages)
    assert first["blocks"] == second["blocks"]


@pytest.mark.parametrize(("rate", "interval"), [("2/s", 500), ("30/m", 2_000), ("0.5/s", 2_000)])
def test_a_rate_spaces_the_messages(posting: Posting, rate: str, interval: int) -> None:
    posting.stored(3)
    posting.replay("--until", "now", "--again", "--rate", rate, "--no-deliver")
    times = [at for (at,) in posting.sql("SELECT due_at FROM deliveries WHERE status = 'pending' ORDER BY seq")]
    assert [at - times[0] for at in times] == [0, interval, 2 * interval]


def test_messages_of_a_rate_are_waited_for(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(3)
    assert posting.replay("--until", "now", "--again", "--rate", "10/s")["deliveries"]["delivered"] == 3
    assert_each_once(slack, 6)


def gaps(slack: SlackStandin, first: int) -> list[float]:
    """Return the seconds between the requests to post, from one on."""
    times = [request.at for request in slack.requests if request.method == "chat.postMessage"][first:]
    return [later - at for at, later in pairwise(times)]


def test_after_a_slow_answer_no_rate_is_caught_up_with(posting: Posting, slack: SlackStandin) -> None:
    for number in range(2):
        posting.stored(3, first=3 * number, channel=("alerts", "growth")[number])
    slack.script.append(Slow(0.6))
    document = posting.replay("--until", "now", "--again", "--rate", "5/s")
    assert document["deliveries"]["delivered"] == 6
    assert min(gaps(slack, 6)) >= 0.2


def test_what_a_rate_left_waiting_is_not_caught_up_with_by_deliver(posting: Posting, slack: SlackStandin) -> None:
    for number in range(2):
        posting.stored(2, first=2 * number, channel=("alerts", "growth")[number])
    posting.replay("--until", "now", "--again", "--rate", "5/s", "--no-deliver")
    posting.let_pass(3600)
    assert posting.run("deliver").code == 0
    assert posting.statuses() == {"delivered": 8}
    assert min(gaps(slack, 4)) >= 0.2


def test_what_waited_goes_at_the_rate_too(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(2, deliver=False)
    posting.stored(2, deliver=False, first=2, channel="growth")
    assert posting.replay("--until", "now", "--rate", "5/s")["deliveries"]["delivered"] == 4
    assert min(gaps(slack, 0)) >= 0.2


def test_a_rate_that_a_clock_ahead_held_is_free(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(1)
    posting.replay("--until", "now", "--again", "--rate", "5/s", "--no-deliver")
    posting.sql("UPDATE rates SET free_at = free_at + 4000000000000, busy_until = 4000000000000")
    assert posting.run("deliver").code == 0
    assert posting.statuses() == {"delivered": 2}


def test_a_rate_whose_sender_vanished_goes_on(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(2)
    slack.always = Hang(60)
    posting.pipeline()
    process = posting.start("replay", "--until", "now", "--again", "--rate", "5/s", "--yes")
    wait_until(lambda: posts(slack) == 3)
    kill(process)
    slack.always = None
    for _ in range(2):
        posting.let_pass(61)
        posting.run("deliver")
    assert posting.statuses() == {"delivered": 4}
    assert_each_once(slack, 4)


def test_rates_are_forgotten_with_what_was_sent_at_them(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(1)
    for _ in range(2):
        posting.replay("--until", "now", "--again", "--rate", "5/s")
    posting.replay("--until", "now", "--again", "--rate", "5/s", "--no-deliver")
    assert posting.run("store", "prune").code == 0
    assert posting.sql("SELECT count(*) FROM rates") == [(1,)]


@pytest.mark.parametrize("rate", ["2", "0/s", "fast", "2/d", "-1/s"])
def test_a_wrong_rate_is_refused(posting: Posting, rate: str) -> None:
    assert posting.replay("--until", "now", f"--rate={rate}", code=2)["error"]["kind"] == "usage"


def test_a_failing_pipeline_does_not_stop_the_others(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(1)
    posting.settings(more='[entities.customer]\nfile = "gone.csv"\nkey = "customer_id"')
    enriched = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
    posting.pipeline(enriched, name="broken")
    document = posting.replay("--until", "now", "--again", code=78)
    assert document["runs"] == {"queued": 1, "dropped": 0, "failed": 1}
    assert document["deliveries"]["delivered"] == 1


# From a file ----------------------------------------------------------------------------------------------


def test_an_export_chooses_the_events_again(posting: Posting, slack: SlackStandin, tmp_path: Path) -> None:
    posting.stored(3)
    name = str(tmp_path / "export.ndjson")
    assert posting.here("events", "export", name, "--where", "$event.customer_id != 'c1'").code == 0
    assert posting.replay("--file", name, "--again")["events"] == 2
    assert posted(slack)[3:] == ["c0", "c2"]


def test_lines_that_are_no_stored_event_are_told_and_nothing_is_sent(
    posting: Posting, slack: SlackStandin, tmp_path: Path
) -> None:
    posting.stored(1)
    name = str(tmp_path / "export.ndjson")
    posting.here("events", "export", name)
    Path(name).write_text(Path(name).read_text() + json.dumps(envelope(7)) + "\n{\n")
    error = posting.replay("--file", name, "--again", code=2)["error"]
    assert [row["path"].rpartition(":")[2] for row in error["details"]] == ["2", "3"]
    assert "emit --batch" in error["hint"]
    assert len(slack.messages) == 1


def test_the_same_event_stored_twice_is_replayed_as_often_as_its_lines(posting: Posting, tmp_path: Path) -> None:
    event = {"type": TYPE, "payload": envelope(0)["payload"], "timestamp": ago(hours=1)}
    path = posting.batch([{**event, "idempotency_key": key} for key in "ab"])
    assert posting.here("emit", "--batch", str(path), "--no-deliver", "-q").code == 0
    path = posting.batch([event, event])
    assert posting.replay("--file", str(path), "--dry-run")["events"] == 2
