"""`pipelines pause` and `pipelines resume`: a pause that the store keeps, and all that heeds it."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.api import ingest
from tests.support.folder import Folder
from tests.support.program import wait_until
from tests.support.tested import tree

USAGE = {"customer": "acme", "used": 120, "limit": 100}
EMIT = ("emit", "usage", "--customer", "acme", "--used", "120", "--limit", "100", "--json")


@pytest.fixture
def paused(tested: Folder) -> Folder:
    result = tested.here("pipelines", "pause", "alert", "--why", "[b]Slack[/b] is down")
    assert result.code == 0, result
    assert result.out == "alert is paused\n"
    return tested


def row(project: Folder) -> Any:
    (found,) = project.here("pipelines", "list", "--json").json["pipelines"]
    return found


def runs(project: Folder) -> int:
    return len(project.here(*EMIT).json["runs"])


def test_no_file_is_edited(tested: Folder) -> None:
    before = tree(tested.root)
    tested.here("pipelines", "pause", "alert")
    tested.here("pipelines", "resume", "alert")
    after = tree(tested.root)
    assert {name: after[name] for name in before} == before
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {".ingestlayer"}


def test_a_paused_pipeline_does_not_run_and_its_events_are_stored(paused: Folder) -> None:
    assert runs(paused) == 0
    assert paused.count("events") == 1


def test_emit_says_that_what_would_have_run_is_paused(paused: Folder) -> None:
    assert paused.here(*EMIT[:-1]).err == "warning: no active pipeline matches usage (alert is paused)\n"


def test_a_resumed_pipeline_runs_again(paused: Folder) -> None:
    assert paused.here("pipelines", "resume", "alert").out == "alert is active\n"
    assert runs(paused) == 1
    assert "paused" not in row(paused)


def test_who_when_and_why_are_listed_and_shown(paused: Folder) -> None:
    found = row(paused)
    assert found["status"] == "paused"
    assert found["paused"]["why"] == "[b]Slack[/b] is down"
    assert found["paused"]["by"].endswith(f"@{os.uname().nodename}")
    for command in (("list",), ("show", "alert")):
        out = paused.here("pipelines", *command).out
        assert "alert  paused\n  by " in out
        assert "[b]Slack[/b] is down" in " ".join(out.split())


def test_pausing_twice_keeps_the_first(paused: Folder) -> None:
    before = row(paused)["paused"]
    assert paused.here("pipelines", "pause", "alert").out == "alert is paused already\n"
    assert row(paused)["paused"] == before


def test_another_reason_takes_the_place_of_the_first(paused: Folder) -> None:
    before = row(paused)["paused"]
    paused.here("pipelines", "pause", "alert", "--why", "by design")
    assert row(paused)["paused"] == {**before, "why": "by design"}


def test_a_batch_heeds_a_pause(paused: Folder) -> None:
    result = paused.here("emit", "usage", "--batch", str(batch(paused)), "--json")
    assert result.json["runs"] == {"queued": 0, "dropped": 0, "failed": 0}


def batch(project: Folder) -> Path:
    return project.write("batch.ndjson", '{"customer": "acme", "used": 120, "limit": 100}\n')


def test_a_dry_run_heeds_a_pause(paused: Folder) -> None:
    dry = paused.here("emit", "usage", "--batch", str(batch(paused)), "--dry-run", "--json").json
    assert dry["messages"] == {}
    assert paused.here(*EMIT, "--dry-run").json["runs"] == []


def test_a_preview_heeds_a_pause(paused: Folder) -> None:
    assert paused.here("preview", "usage", "--json").json["runs"] == []


def test_a_replay_and_a_backtest_heed_a_pause(tested: Folder) -> None:
    id_ = tested.here(*EMIT).json["event"]["id"]
    tested.here("pipelines", "pause", "alert")
    plan = tested.here("replay", id_, "--again", "--dry-run", "--json").json
    assert plan["messages"] == {}
    changes = tested.here("backtest", "--json").json["changes"]
    assert [change["after"]["reason"] for change in changes] == ["it is paused"]


def test_a_run_that_failed_waits_until_its_pipeline_is_resumed(tested: Folder) -> None:
    rows = (tested.root / "customers.csv").read_text()
    (tested.root / "customers.csv").unlink()
    assert tested.here(*EMIT).code == 78
    tested.here("pipelines", "pause", "alert")
    tested.write("customers.csv", rows)
    assert tested.here("deliver", "--json").code == 0
    assert tested.count("deliveries") == 0
    tested.here("pipelines", "resume", "alert")
    tested.here("deliver")
    assert tested.count("deliveries") == 2


def test_a_process_that_lives_long_sees_a_pause_and_its_end(tested: Folder) -> None:
    assert len(ingest("usage", USAGE, project=tested.root).runs) == 1
    tested.here("pipelines", "pause", "alert")
    assert len(ingest("usage", USAGE, project=tested.root).runs) == 0
    tested.here("pipelines", "resume", "alert")
    assert len(ingest("usage", USAGE, project=tested.root).runs) == 1


def test_the_story_of_an_event_says_who_had_paused_what_would_have_run(paused: Folder) -> None:
    paused.here(*EMIT)
    paused.here("pipelines", "resume", "alert")
    (pipeline,) = paused.here("why", "@last", "--json").json["pipelines"]
    assert pipeline["status"] == "paused"
    assert "when the event came ([b]Slack[/b] is down)" in pipeline["why_not"]


def test_a_pipeline_that_runs_into_an_error_can_be_paused(tested: Folder) -> None:
    tested.write("pipelines/alert.toml", "match = [\n")
    assert tested.here(*EMIT).code == 78
    assert tested.here("pipelines", "pause", "alert").code == 0
    assert tested.here(*EMIT).code == 0


def test_a_pipeline_whose_file_was_renamed_is_paused_still(paused: Folder) -> None:
    os.rename(paused.root / "pipelines/alert.toml", paused.root / "pipelines/warn.toml")
    assert row(paused)["name"] == "warn"
    assert row(paused)["status"] == "paused"
    assert runs(paused) == 0
    assert paused.here("pipelines", "resume", "warn").code == 0
    assert runs(paused) == 1


def test_a_pause_of_no_pipeline_is_named_and_can_be_forgotten(paused: Folder) -> None:
    os.rename(paused.root / "pipelines/alert.toml", paused.root / "pipelines/warn.toml")
    paused.edit("pipelines/warn.toml", "is out", "is empty")
    listed = paused.here("pipelines", "list")
    assert "alert is paused in the store, and there is no such pipeline" in listed.err
    assert "ingestlayer pipelines resume alert" in listed.err
    assert paused.here("pipelines", "resume", "alert").code == 0
    assert paused.here("pipelines", "list").err == ""


def test_doctor_names_a_pause_and_one_of_no_pipeline_and_resume_mends_both(paused: Folder) -> None:
    assert "ingestlayer pipelines resume alert" in troubles(paused, "alert is paused")
    os.rename(paused.root / "pipelines/alert.toml", paused.root / "pipelines/warn.toml")
    paused.edit("pipelines/warn.toml", "is out", "is empty")
    assert "ingestlayer pipelines resume alert" in troubles(
        paused, "alert is paused in the store, and there is no such"
    )
    paused.here("pipelines", "resume", "alert")
    assert troubles(paused, "is paused") == ""


def troubles(project: Folder, words: str) -> str:
    """Return what doctor proposes where it says so."""
    findings = project.here("doctor", "--json").json["findings"]
    return "".join(it["command"] or it["hint"] for it in findings if words in it["words"] and it["mark"] != "ok")


def test_validate_says_what_no_file_does(paused: Folder) -> None:
    result = paused.here("validate")
    assert result.code == 0
    assert result.err.endswith("alert is paused in the store; to let it run: ingestlayer pipelines resume alert\n")


def test_a_pipeline_that_became_a_draft_meanwhile_can_be_resumed(paused: Folder) -> None:
    text = (paused.root / "pipelines/alert.toml").read_text()
    paused.write("pipelines/alert.toml", 'status = "draft"\n' + text)
    assert paused.here("pipelines", "resume", "alert").out == "alert is a draft, and paused no more\n"
    paused.write("pipelines/alert.toml", text)
    assert runs(paused) == 1


def test_no_event_that_is_accepted_after_a_pause_runs(tested: Folder) -> None:
    ran: list[bool] = []

    def emit() -> None:
        ran.extend(bool(ingest("usage", USAGE, project=tested.root).runs) for _ in range(30))

    thread = threading.Thread(target=emit)
    thread.start()
    wait_until(lambda: ran)
    assert tested.run("pipelines", "pause", "alert").code == 0
    thread.join()
    assert ran == sorted(ran, reverse=True)
    assert not ingest("usage", USAGE, project=tested.root).runs


def test_a_copy_of_a_paused_pipeline_runs(paused: Folder) -> None:
    text = (paused.root / "pipelines/alert.toml").read_text()
    paused.write("pipelines/copy.toml", text.replace("#alerts", "#others"))
    assert [run["pipeline"] for run in paused.here(*EMIT).json["runs"]] == ["copy"]


def test_what_was_queued_before_is_told(tested: Folder) -> None:
    tested.here(*EMIT[:-1], "--no-deliver")
    err = tested.here("pipelines", "pause", "alert").err
    assert "2 messages that it queued before are still sent" in err


def test_resuming_ends_a_pause_in_the_file_too(paused: Folder) -> None:
    paused.here("pipelines", "pause", "alert", "--in-file")
    result = paused.here("pipelines", "resume", "alert")
    assert result.out == "alert is active\n"
    assert "pipelines/alert.toml says so now" in result.err
    assert row(paused)["status"] == "active"


def test_resuming_in_the_file_alone_says_that_it_is_paused_still(paused: Folder) -> None:
    out = paused.here("pipelines", "resume", "alert", "--in-file").out
    assert out == "alert is paused still, in the store: ingestlayer pipelines resume alert\n"


def test_a_reason_in_a_file_is_refused(tested: Folder) -> None:
    assert tested.here("pipelines", "pause", "alert", "--in-file", "--why", "x").code == 2


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_draft_is_neither_paused_nor_resumed(tested: Folder, command: str) -> None:
    text = (tested.root / "pipelines/alert.toml").read_text()
    tested.write("pipelines/alert.toml", 'status = "draft"\n' + text)
    result = tested.here("pipelines", command, "alert")
    assert result.code == 2
    assert "alert is a draft" in result.err


@pytest.mark.parametrize("name", ["alrt", "../ingestlayer", ""])
def test_a_pipeline_that_there_is_not_is_a_usage_error(tested: Folder, name: str) -> None:
    result = tested.here("pipelines", "pause", name)
    assert result.code == 2
    assert "there is no pipeline" in result.err
