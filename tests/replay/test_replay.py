"""Stored events are sent again: which, where, how often, and what is kept of it."""

import json
from pathlib import Path

import pytest

from tests.outbox.support import PIPELINE, TYPE, assert_each_once, envelope, posted, posts
from tests.replay.support import Project, ago, context_line
from tests.slack.standin import SlackStandin, Status

MARK = f"replayed {ago()[:10]}, first seen {ago(hours=1)[:10]}"


def test_a_delivered_event_is_not_sent_again(project: Project, slack: SlackStandin) -> None:
    project.stored(3)
    assert project.replay("--until", "now")["skipped"] == 3
    assert len(slack.messages) == 3
    assert len(project.runs()) == 3


def test_again_sends_what_was_delivered(project: Project, slack: SlackStandin) -> None:
    project.stored(3)
    document = project.replay("--until", "now", "--again")
    assert document["messages"] == {"#alerts": 3}
    assert document["deliveries"]["delivered"] == 3
    assert posted(slack) == ["c0", "c1", "c2"] * 2
    assert_each_once(slack, 6)


def test_replaying_everything_twice_posts_nothing_twice(project: Project, slack: SlackStandin) -> None:
    project.stored(5, channel="gone")
    assert project.statuses() == {"dead": 5}
    slack.add_channel("gone")
    for _ in range(2):
        project.replay("--until", "now")
    assert sorted(posted(slack)) == ["c0", "c1", "c2", "c3", "c4"]
    assert_each_once(slack, 5)


def test_a_dead_delivery_is_replaced_by_one_of_the_replay(project: Project, slack: SlackStandin) -> None:
    project.stored(1, channel="gone")
    slack.add_channel("gone")
    document = project.replay("--status", "dead")
    assert document["deliveries"]["delivered"] == 1
    assert project.runs() == [(1, 1, "queued", 0), (1, 2, "queued", 1)]
    assert project.sql("SELECT run, status FROM deliveries ORDER BY seq") == [(1, "dead"), (2, "delivered")]
    assert len({id_ for (id_,) in project.sql("SELECT id FROM deliveries")}) == 2


def test_a_status_with_no_event_replays_nothing(project: Project) -> None:
    project.stored(2)
    assert project.replay("--status", "dead")["events"] == 0


def test_events_are_named_by_the_start_of_their_ids(project: Project, slack: SlackStandin) -> None:
    project.stored(3)
    assert project.replay(project.ids[2], project.ids[0], "--again")["events"] == 2
    assert posted(slack)[3:] == ["c0", "c2"]
    assert project.replay("@last", "--again")["events"] == 1


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
def test_filters_choose_events(project: Project, filters: list[str], count: int) -> None:
    project.stored(4)
    assert project.replay(*filters, "--dry-run")["events"] == count


def test_an_event_that_was_dropped_is_sent_by_the_edited_pipeline(project: Project, slack: SlackStandin) -> None:
    project.stored(2, used=60)
    assert posted(slack) == []
    project.write("pipelines/limits.toml", PIPELINE.replace(">= 1", ">= 0.5").format(more=""))
    assert project.replay("--status", "dropped")["messages"] == {"#alerts": 2}
    assert posted(slack) == ["c0", "c1"]


def test_one_pipeline_alone_is_replayed(project: Project, slack: SlackStandin) -> None:
    project.stored(2)
    for name in ("one", "two"):
        project.pipeline(name=name)
    assert project.replay("--pipeline", "two")["runs"]["queued"] == 2  # it never ran on these events
    assert project.sql("SELECT pipeline, count(*) FROM deliveries GROUP BY 1") == [("limits", 2), ("two", 2)]


def test_nothing_remembered_drops_a_replay_and_a_replay_leaves_nothing_behind(
    project: Project, slack: SlackStandin
) -> None:
    text = PIPELINE.format(more='[[steps]]\nuse = "dedupe"\nkey = "same"\nwindow = "24h"\n')
    project.write("pipelines/limits.toml", text)
    project.stored(3)
    assert posted(slack) == ["c0"]
    before = project.sql("SELECT * FROM memory")
    # The second alone: what let the first through is forgotten. All three: the first drops the others.
    assert project.replay(project.ids[1])["messages"] == {"#alerts": 1}
    assert project.replay("--until", "now", "--again")["runs"] == {"queued": 1, "dropped": 2, "failed": 0}
    assert posted(slack) == ["c0", "c1", "c0"]
    assert project.sql("SELECT * FROM memory") == before


def test_a_waiting_message_is_not_doubled_but_sent(project: Project, slack: SlackStandin) -> None:
    project.stored(2, deliver=False)
    assert project.replay("--until", "now", "--no-deliver")["skipped"] == 2
    assert posts(slack) == 0
    document = project.replay("--until", "now")
    assert (document["skipped"], document["deliveries"]["delivered"]) == (2, 2)
    assert_each_once(slack, 2)


def test_no_deliver_leaves_the_messages_in_the_outbox(project: Project, slack: SlackStandin) -> None:
    project.stored(2)
    assert project.replay("--until", "now", "--again", "--no-deliver")["deliveries"]["pending"] == 2
    assert len(slack.messages) == 2


def test_a_replay_whose_messages_wait_answers_75(project: Project, slack: SlackStandin) -> None:
    project.stored(1)
    slack.always = Status(503)
    assert project.replay("--until", "now", "--again", code=75)["deliveries"]["retrying"] == 1


def test_every_message_goes_to_the_channel_that_is_named(project: Project, slack: SlackStandin) -> None:
    project.stored(2)
    for name in ("test", "#test"):
        project.replay("--until", "now", "--channel", name)
    assert posted(slack, "test") == ["c0", "c1"]
    assert len(slack.messages) == 4


def test_a_webhook_cannot_be_redirected(project: Project) -> None:
    project.stored(1)
    path = project.root / "ingestlayer.toml"
    path.write_text(path.read_text().replace('"bot"', '"webhook"'))
    assert project.replay("--until", "now", "--channel", "test", code=2)["error"]["kind"] == "usage"


def test_a_replayed_message_says_so(project: Project, slack: SlackStandin) -> None:
    project.stored(1)
    project.replay("--until", "now", "--again")
    first, second = (context_line(message.body) for message in slack.messages)
    assert "replayed" not in first
    assert second.endswith(f" · {MARK}")


def test_a_message_of_blocks_says_so_too(project: Project, slack: SlackStandin) -> None:
    project.write("own.json", json.dumps([{"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}]))
    project.pipeline('[destinations.message]\nblocks = "own.json"')
    project.stored(1)
    project.replay("--until", "now", "--again")
    assert context_line(slack.messages[1].body) == MARK


def test_with_quiet_mark_a_replayed_message_is_as_the_first(project: Project, slack: SlackStandin) -> None:
    project.stored(1)
    project.replay("--until", "now", "--again", "--quiet-mark")
    first, second = (message.body for message in slack.messages)
    assert first["blocks"] == second["blocks"]


@pytest.mark.parametrize(("rate", "interval"), [("2/s", 500), ("30/m", 2_000), ("0.5/s", 2_000)])
def test_a_rate_spaces_the_messages(project: Project, rate: str, interval: int) -> None:
    project.stored(3)
    project.replay("--until", "now", "--again", "--rate", rate, "--no-deliver")
    times = [at for (at,) in project.sql("SELECT due_at FROM deliveries WHERE status = 'pending' ORDER BY seq")]
    assert [at - times[0] for at in times] == [0, interval, 2 * interval]


def test_messages_of_a_rate_are_waited_for(project: Project, slack: SlackStandin) -> None:
    project.stored(3)
    assert project.replay("--until", "now", "--again", "--rate", "10/s")["deliveries"]["delivered"] == 3
    assert_each_once(slack, 6)


@pytest.mark.parametrize("rate", ["2", "0/s", "fast", "2/d", "-1/s"])
def test_a_wrong_rate_is_refused(project: Project, rate: str) -> None:
    assert project.replay("--until", "now", f"--rate={rate}", code=2)["error"]["kind"] == "usage"


def test_a_failing_pipeline_does_not_stop_the_others(project: Project, slack: SlackStandin) -> None:
    project.stored(1)
    project.settings(more='[entities.customer]\nfile = "gone.csv"\nkey = "customer_id"')
    enriched = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
    project.pipeline(enriched, name="broken")
    document = project.replay("--until", "now", "--again", code=78)
    assert document["runs"] == {"queued": 1, "dropped": 0, "failed": 1}
    assert document["deliveries"]["delivered"] == 1


# From a file ----------------------------------------------------------------------------------------------


def test_an_export_chooses_the_events_again(project: Project, slack: SlackStandin, tmp_path: Path) -> None:
    project.stored(3)
    name = str(tmp_path / "export.ndjson")
    assert project.here("events", "export", name, "--where", "$event.customer_id != 'c1'").code == 0
    assert project.replay("--file", name, "--again")["events"] == 2
    assert posted(slack)[3:] == ["c0", "c2"]


def test_lines_that_are_no_stored_event_are_told_and_nothing_is_sent(
    project: Project, slack: SlackStandin, tmp_path: Path
) -> None:
    project.stored(1)
    name = str(tmp_path / "export.ndjson")
    project.here("events", "export", name)
    Path(name).write_text(Path(name).read_text() + json.dumps(envelope(7)) + "\n{\n")
    error = project.replay("--file", name, "--again", code=2)["error"]
    assert [row["path"].rpartition(":")[2] for row in error["details"]] == ["2", "3"]
    assert "emit --batch" in error["hint"]
    assert len(slack.messages) == 1


def test_the_same_event_stored_twice_is_replayed_as_often_as_its_lines(project: Project, tmp_path: Path) -> None:
    event = {"type": TYPE, "payload": envelope(0)["payload"], "timestamp": ago(hours=1)}
    path = project.batch([{**event, "idempotency_key": key} for key in "ab"])
    assert project.here("emit", "--batch", str(path), "--no-deliver", "-q").code == 0
    path = project.batch([event, event])
    assert project.replay("--file", str(path), "--dry-run")["events"] == 2
