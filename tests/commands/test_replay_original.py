"""`--original`: the pipeline as it was when the event came."""

import json

from tests.support.posting import PIPELINE, Posting, posted
from tests.support.standin import SlackStandin


def edited(posting: Posting) -> None:
    posting.write("pipelines/limits.toml", PIPELINE.replace("#$event.plan", "#growth").format(more=""))


def test_the_kept_text_runs_after_an_edit(posting: Posting, slack: SlackStandin) -> None:
    posting.stored(1)
    edited(posting)
    assert posting.replay("--until", "now", "--dry-run")["messages"] == {"#growth": 1}
    assert posting.replay("--until", "now", "--original", "--again")["messages"] == {"#alerts": 1}
    assert posted(slack, "alerts") == ["c0", "c0"]
    versions = posting.sql("SELECT DISTINCT version FROM runs")
    assert len(versions) == 1


def test_each_event_runs_under_its_own_version(posting: Posting) -> None:
    posting.stored(1)
    edited(posting)
    posting.accept([7])
    posting.pipeline(more="# another comment")
    plan = posting.replay("--until", "now", "--original", "--again", "--dry-run")
    assert plan["messages"] == {"#alerts": 1, "#growth": 1}


def test_a_replay_is_not_the_original_of_the_next(posting: Posting) -> None:
    posting.stored(1)
    edited(posting)
    posting.replay("--until", "now")
    plan = posting.replay("--until", "now", "--original", "--again", "--dry-run")
    assert plan["messages"] == {"#alerts": 1}


def test_a_pipeline_that_is_gone_still_runs(posting: Posting) -> None:
    posting.stored(1)
    (posting.root / "pipelines" / "limits.toml").rename(posting.root / "pipelines" / "other.toml")
    plan = posting.replay("--until", "now", "--original", "--again", "--dry-run")
    assert plan["runs"]["queued"] == 1


def test_a_text_that_does_not_compile_any_more_fails_alone(posting: Posting, slack: SlackStandin) -> None:
    posting.pipeline(more='retry = ["1s"]', name="other")
    posting.stored(1)
    text = (posting.root / "events" / "usage.limit_reached.toml").read_text()
    posting.write("pipelines/limits.toml", PIPELINE.replace("$event.used / $event.limit", "2").format(more=""))
    posting.write("pipelines/other.toml", PIPELINE.replace("$event.used / $event.limit", "2").format(more=""))
    posting.sql(
        "UPDATE pipeline_versions SET text = replace(text, '$event.used', '$event.usage') WHERE pipeline='limits'"
    )
    assert text
    document = posting.replay("--until", "now", "--original", "--again", code=78)
    assert document["runs"] == {"queued": 1, "dropped": 0, "failed": 1}
    assert len(slack.messages) == 3
    (reason,) = posting.sql("SELECT reason FROM runs WHERE outcome = 'failed'")[0]
    assert "does not compile any more" in reason
    assert "pipelines/limits.toml:6:" in reason


def test_a_blocks_file_that_is_gone_is_told(posting: Posting) -> None:
    posting.write("own.json", json.dumps([{"type": "divider"}]))
    posting.pipeline('[destinations.message]\nblocks = "own.json"')
    posting.stored(1)
    edited(posting)
    (posting.root / "own.json").unlink()
    result = posting.here("replay", "--until", "now", "--original", "--again", "--yes")
    assert result.code == 78
    assert "own.json cannot be read" in result.err
    assert "without the content of its blocks file" in result.err
