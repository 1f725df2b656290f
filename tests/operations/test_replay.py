"""What a replay leaves of what was before it: nothing that is sent twice, by whatever way of recovery."""

from typing import Any

import pytest

from tests.support.posting import Posting
from tests.support.standin import SlackError, SlackStandin

ENTITY = '[entities.customer]\nfile = "people.csv"\nkey = "customer_id"\n'
ENRICH = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
CROSSING = '[[steps]]\nuse = "crossing"\nvalue = "$event.used / $event.limit"\nlevels = [1]\nkey = "$event.metric"\n'
GONE = SlackError("is_archived")


# A run that had failed --------------------------------------------------------------------------------------------


@pytest.fixture
def failed(posting: Posting) -> Posting:
    """A project of two events whose runs have failed."""
    posting.settings(more=ENTITY)
    posting.pipeline(CROSSING + ENRICH)
    assert [document["runs"][0]["outcome"] for document in posting.accept(range(2))] == ["failed", "failed"]
    return posting


def mend(posting: Posting) -> None:
    posting.write("people.csv", "customer_id,name\nc0,A\nc1,B\n")


def waits(posting: Posting) -> int:
    return int(posting.sql("SELECT count(*) FROM unfinished")[0][0])


@pytest.mark.parametrize("how", [(), ("--again",), ("--original",), ("--pipeline", "limits")])
def test_a_run_that_had_failed_is_done_and_not_doubled(
    failed: Posting, slack: SlackStandin, how: tuple[str, ...]
) -> None:
    mend(failed)
    planned = failed.here("replay", *failed.ids, *how, "--json", "--dry-run").json
    assert (planned["events"], planned["messages"]) == (2, {"#alerts": 1})
    assert planned["runs"] == {"queued": 1, "dropped": 1, "failed": 0}
    done = failed.replay(*failed.ids, *how)
    assert {name: done[name] for name in ("events", "messages", "runs")} == {
        name: planned[name] for name in ("events", "messages", "runs")
    }
    assert (done["deliveries"]["delivered"], waits(failed), len(slack.messages)) == (1, 0, 1)
    assert [row[:2] for row in failed.runs()] == [(1, 1), (2, 1)]
    failed.deliver()
    assert len(slack.messages) == 1


def test_one_that_fails_once_more_waits_on(failed: Posting, slack: SlackStandin) -> None:
    done = failed.replay(*failed.ids, code=78)
    assert (done["runs"]["failed"], waits(failed)) == (2, 2)
    mend(failed)
    failed.deliver()
    assert len(slack.messages) == 1


def test_a_redirected_replay_leaves_it_for_its_own_channel(failed: Posting, slack: SlackStandin) -> None:
    mend(failed)
    failed.replay(failed.ids[0], "--channel", "#test")
    assert ([message.channel for message in slack.messages], waits(failed)) == (["test"], 2)
    failed.deliver()
    assert [message.channel for message in slack.messages] == ["test", "alerts"]


def test_a_replay_of_another_pipeline_leaves_it(failed: Posting) -> None:
    failed.pipeline(name="other")
    mend(failed)
    failed.replay(*failed.ids, "--pipeline", "other")
    assert waits(failed) == 2


# What replaces a delivery settles it ------------------------------------------------------------------------------


def dead(posting: Posting, slack: SlackStandin, count: int = 2) -> list[str]:
    """Store events whose messages are refused; return the ids of their deliveries."""
    slack.script.extend([GONE] * count)
    posting.stored(count)
    assert posting.statuses() == {"dead": count}
    return [id_ for (id_,) in posting.sql("SELECT id FROM deliveries ORDER BY seq")]


def superseded(posting: Posting) -> list[Any]:
    return posting.sql("SELECT id, status, error, superseded_by FROM deliveries WHERE superseded_by IS NOT NULL")


def test_what_a_replay_has_sent_again_is_not_retried(posting: Posting, slack: SlackStandin) -> None:
    old = dead(posting, slack)
    posting.replay("--status", "dead")
    assert len(slack.messages) == 2
    rows = superseded(posting)
    assert [(id_, status, error) for id_, status, error, _ in rows] == [
        (id_, "dead", f"superseded by {by}") for id_, (_, _, _, by) in zip(old, rows, strict=True)
    ]
    assert posting.here("deliveries", "retry", "--status", "dead", "--json").json == {"retrying": 0}
    posting.deliver()
    assert len(slack.messages) == 2


def test_it_is_refused_by_its_name_and_counted_nowhere(posting: Posting, slack: SlackStandin) -> None:
    (old,) = dead(posting, slack, 1)
    posting.replay("--status", "dead")
    ((_, _, _, by),) = superseded(posting)
    refused = posting.here("deliveries", "retry", old, "--json")
    assert (refused.code, refused.json["error"]["message"]) == (2, f"{old} is superseded by {by}, and not sent again")
    assert posting.here("deliveries", "list").out == "nothing waits\n"
    assert "dead" not in posting.here("doctor").out
    assert posting.here("events", "list", "--status", "dead", "--json").out == ""
    assert posting.here("deliveries", "show", old, "--json").json["superseded_by"] == by
    assert f"superseded by {by}" in posting.here("why", old).out


def test_a_replay_that_is_stopped_halfway_leaves_the_others_to_be_retried(
    posting: Posting, slack: SlackStandin
) -> None:
    dead(posting, slack)
    posting.replay(posting.ids[0])
    assert len(superseded(posting)) == 1
    assert posting.here("deliveries", "retry", "--status", "dead", "--json").json == {"retrying": 1}
    posting.deliver()
    assert len(slack.messages) == 2


def test_what_waited_is_replaced_by_a_replay_to_all(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(1, deliver=False)
    done = posting.replay(*posting.ids, "--again")
    assert (done["messages"], done["waiting"], len(slack.messages)) == ({"#alerts": 1}, {}, 1)
    assert posting.statuses() == {"dead": 1, "delivered": 1}


def test_what_may_have_arrived_is_replaced_by_a_replay_to_all(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(1, deliver=False)
    slack.tokens["xoxb-test"].discard("channels:history")
    posting.sql("UPDATE deliveries SET status = 'unknown'")
    posting.replay(*posting.ids, "--again")
    posting.deliver()
    assert (len(superseded(posting)), len(slack.messages)) == (1, 1)


def test_a_dead_one_whose_channel_was_mended_in_the_pipeline_is_replaced(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(GONE)
    posting.stored(1)
    text = (posting.root / "pipelines/limits.toml").read_text()
    posting.write("pipelines/limits.toml", text.replace("#$event.plan", "#growth"))
    posting.replay("--status", "dead")
    assert [row[1] for row in superseded(posting)] == ["dead"]
    assert posting.here("deliveries", "retry", "--status", "dead", "--json").json == {"retrying": 0}


def test_a_redirected_replay_replaces_nothing(posting: Posting, slack: SlackStandin) -> None:
    dead(posting, slack, 1)
    posting.replay("--status", "dead", "--channel", "#test")
    assert superseded(posting) == []
    assert posting.here("deliveries", "retry", "--status", "dead", "--json").json == {"retrying": 1}


def test_what_was_only_shown_is_sent_once_by_both_ways(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(1, deliver=False)
    posting.sql("UPDATE deliveries SET status = 'shown'")
    posting.replay(*posting.ids)
    posting.here("deliveries", "retry", "--status", "shown")
    posting.deliver()
    assert (len(slack.messages), [row[1] for row in superseded(posting)]) == (1, ["shown"])
