"""`--original`: the pipeline as it was when the event came."""

import json

from tests.outbox.support import PIPELINE, posted
from tests.replay.support import Project
from tests.slack.standin import SlackStandin


def edited(project: Project) -> None:
    project.write("pipelines/limits.toml", PIPELINE.replace("#$event.plan", "#growth").format(more=""))


def test_the_kept_text_runs_after_an_edit(project: Project, slack: SlackStandin) -> None:
    project.stored(1)
    edited(project)
    assert project.replay("--until", "now", "--dry-run")["messages"] == {"#growth": 1}
    assert project.replay("--until", "now", "--original", "--again")["messages"] == {"#alerts": 1}
    assert posted(slack, "alerts") == ["c0", "c0"]
    versions = project.sql("SELECT DISTINCT version FROM runs")
    assert len(versions) == 1


def test_each_event_runs_under_its_own_version(project: Project) -> None:
    project.stored(1)
    edited(project)
    project.accept([7])
    project.pipeline(more="# another comment")
    plan = project.replay("--until", "now", "--original", "--again", "--dry-run")
    assert plan["messages"] == {"#alerts": 1, "#growth": 1}


def test_a_replay_is_not_the_original_of_the_next(project: Project) -> None:
    project.stored(1)
    edited(project)
    project.replay("--until", "now")
    plan = project.replay("--until", "now", "--original", "--again", "--dry-run")
    assert plan["messages"] == {"#alerts": 1}


def test_a_pipeline_that_is_gone_still_runs(project: Project) -> None:
    project.stored(1)
    (project.root / "pipelines" / "limits.toml").rename(project.root / "pipelines" / "other.toml")
    plan = project.replay("--until", "now", "--original", "--again", "--dry-run")
    assert plan["runs"]["queued"] == 1


def test_a_text_that_does_not_compile_any_more_fails_alone(project: Project, slack: SlackStandin) -> None:
    project.pipeline(more='retry = ["1s"]', name="other")
    project.stored(1)
    text = (project.root / "events" / "usage.limit_reached.toml").read_text()
    project.write("pipelines/limits.toml", PIPELINE.replace("$event.used / $event.limit", "2").format(more=""))
    project.write("pipelines/other.toml", PIPELINE.replace("$event.used / $event.limit", "2").format(more=""))
    project.sql(
        "UPDATE pipeline_versions SET text = replace(text, '$event.used', '$event.usage') WHERE pipeline='limits'"
    )
    assert text
    document = project.replay("--until", "now", "--original", "--again", code=78)
    assert document["runs"] == {"queued": 1, "dropped": 0, "failed": 1}
    assert len(slack.messages) == 3
    (reason,) = project.sql("SELECT reason FROM runs WHERE outcome = 'failed'")[0]
    assert "does not compile any more" in reason
    assert "pipelines/limits.toml:6:" in reason


def test_a_blocks_file_that_is_gone_is_told(project: Project) -> None:
    project.write("own.json", json.dumps([{"type": "divider"}]))
    project.pipeline('[destinations.message]\nblocks = "own.json"')
    project.stored(1)
    edited(project)
    (project.root / "own.json").unlink()
    result = project.here("replay", "--until", "now", "--original", "--again", "--yes")
    assert result.code == 78
    assert "own.json cannot be read" in result.err
    assert "without the content of its blocks file" in result.err
