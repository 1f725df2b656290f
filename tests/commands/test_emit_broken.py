"""A broken file of the project: its own runs fail, or the event is kept as refused: none is lost."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.folder import ACME, PAYLOAD, USAGE, Folder, copied, envelope
from tests.support.project import age

PIPELINE = "pipelines/usage-limit-hits.toml"
EVENT = f"events/{USAGE}.toml"
SETTINGS = "ingestlayer.toml"


@pytest.fixture
def two(project: Folder) -> Folder:
    """A project with a second pipeline, to #events, beside the first, which is broken."""
    project.listen(USAGE)
    project.edit(PIPELINE, "status =", "statsu =")
    return project


def letters(project: Folder) -> list[dict[str, Any]]:
    """Return the dead letters, the oldest first."""
    names = ("kind", "type", "source", "line", "message", "raw")
    return [dict(zip(names, row, strict=True)) for row in project.rows(f"SELECT {', '.join(names)} FROM dead_letters")]


# A pipeline ----------------------------------------------------------------------------------------------


def test_the_other_pipelines_run(two: Folder) -> None:
    result = two.emit(*ACME, "--json")
    assert result.code == 78
    assert {run["pipeline"]: run["outcome"] for run in result.json["runs"]} == {
        USAGE: "queued",
        "usage-limit-hits": "failed",
    }
    assert [(row["target"], row["status"]) for row in result.deliveries] == [("#events", "shown")]


def test_every_problem_is_told_beside_what_became_of_the_event(two: Folder) -> None:
    two.edit(PIPELINE, "$event.plan", "$event.paln")
    result = two.emit(*ACME)
    assert "#events shown" in result.out
    assert f"error: {PIPELINE} is broken: its run failed, the others went on" in result.err
    assert all(word in result.err for word in ('did you mean "status"', 'did you mean "$event.plan"'))


def test_quiet_says_the_error_alone(two: Folder) -> None:
    result = two.emit(*ACME, "-q")
    assert (result.code, result.out) == (78, "")
    assert result.err.startswith(f"error: usage-limit-hits: {PIPELINE}:")


def test_the_failed_run_is_stored_with_its_reason_and_its_text(two: Folder) -> None:
    two.emit(*ACME)
    ((outcome, reason, text),) = two.rows(
        "SELECT r.outcome, r.reason, v.text FROM runs r JOIN pipeline_versions v ON v.seq = r.version"
        " WHERE v.pipeline = 'usage-limit-hits'"
    )
    assert (outcome, text) == ("failed", (two.root / PIPELINE).read_text())
    assert reason.startswith(f"{PIPELINE}:")


def test_the_second_start_compiles_nothing_and_fails_the_same_run(two: Folder) -> None:
    age(two.root)
    first, second = (two.emit(*ACME, "--key", key, "--json").json["runs"] for key in "ab")
    assert [run["reason"] for run in first] == [run["reason"] for run in second]
    assert "broken" in (two.root / ".ingestlayer" / "project.json").read_text()


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        (f'match = ["{USAGE}"]\nx = \n', True),
        ('match = ["other"]\nx = \n', False),
        ('match = ["other"]\nx = 1\n', False),
        (f'match = ["{USAGE}"]\nstatus = "paused"\nx = \n', False),
        ('status = "draft"\nx = 1\n', False),
        ('match = ["usage.limit_reachd"]\n', True),  # what it takes is what is wrong: no event goes unheard
        ('match = "other"\n', True),
        ("= 1\n", True),
        ("", True),
    ],
)
def test_a_broken_pipeline_fails_on_the_events_that_it_takes(project: Folder, text: str, fails: bool) -> None:
    project.declare("other", "[fields]\n")
    project.write("pipelines/more.toml", text if text else "\x00")
    runs = project.emit(*ACME, "--json").json["runs"]
    assert [run["outcome"] for run in runs if run["pipeline"] == "more"] == ["failed"] * fails


def test_what_took_an_event_before_it_broke_fails_on_it(project: Folder) -> None:
    project.declare("other", "[fields]\n")
    project.write("pipelines/more.toml", 'match = ["other"]\n[[destinations]]\nuse = "slack"\nchannel = "#a"\n')
    age(project.root)
    project.emit(*ACME, "--key", "a", "--json")
    project.write("pipelines/more.toml", "[[")
    runs = project.emit(*ACME, "--key", "b", "--json").json["runs"]
    assert [run["pipeline"] for run in runs] == ["usage-limit-hits"]


def test_a_pipeline_that_reads_what_a_broken_one_may_write_runs(project: Folder) -> None:
    project.write("pipelines/more.toml", "[[")
    project.write(
        "pipelines/reading.toml",
        '[[steps]]\nuse = "enrich.entity"\nkind = "account"\nkey = "$event.customer_id"\n'
        '[[destinations]]\nuse = "slack"\nchannel = "#accounts"\n',
    )
    runs = project.emit(*ACME, "--json").json["runs"]
    assert {run["pipeline"]: run["outcome"] for run in runs}["reading"] == "queued"


def test_a_batch_counts_the_failed_runs_and_sends_the_others(two: Folder) -> None:
    lines = "\n".join(json.dumps(envelope(number)) for number in range(3))
    result = two.run("emit", "--batch", "-", "--json", stdin=lines.encode())
    assert result.code == 78
    assert result.json["runs"] == {"queued": 3, "dropped": 0, "failed": 3}
    assert result.json["deliveries"]["shown"] == 3


def test_a_preview_shows_the_failure_and_the_others(two: Folder) -> None:
    result = two.run("preview", USAGE, "--json")
    assert result.code == 78
    assert sorted(run["outcome"] for run in result.json["runs"]) == ["failed", "queued"]


def test_a_broken_blocks_file_that_is_mended_is_seen(project: Folder) -> None:
    project.listen(USAGE)
    with (project.root / f"pipelines/{USAGE}.toml").open("a") as file:
        file.write('message = { blocks = "blocks.json" }\n')
    project.write("blocks.json", "[")
    age(project.root)
    assert project.emit(*ACME, "--key", "a").code == 78
    project.write("blocks.json", '[{"type": "divider"}]')
    assert project.emit(*ACME, "--key", "b").code == 0


@pytest.mark.parametrize(
    "command", [["test"], ["backtest", "--since", "1d"], ["pipelines", "show", "usage-limit-hits"]]
)
def test_what_is_about_the_files_themselves_refuses_broken_ones(two: Folder, command: list[str]) -> None:
    result = two.run(*command)
    assert (result.code, PIPELINE in result.err) == (78, True)


def test_pipelines_list_names_the_broken_one(two: Folder) -> None:
    result = two.run("pipelines", "list")
    assert (result.code, f"warning: {PIPELINE}:" in result.err, USAGE in result.out) == (0, True, True)


# ingestlayer.toml and declarations -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound(made: Callable[[str], Folder]) -> Folder:
    """A project that has taken an event, and is kept compiled."""
    project = made("sound")
    age(project.root)
    project.emit(*ACME, "--key", "before")
    return project


@pytest.fixture(params=["settings", "settings that are no TOML", "declaration", "declaration that is no TOML", "gone"])
def broken(sound: Folder, tmp_path: Path, request: pytest.FixtureRequest) -> Folder:
    project = copied(sound.root, tmp_path / "project")
    if request.param == "gone":
        (project.root / SETTINGS).unlink()
    else:
        file = project.root / (SETTINGS if "settings" in request.param else EVENT)
        file.write_text(("x = \n" if "TOML" in request.param else "x = 1\n") + file.read_text())
    return project


def test_the_event_is_kept_whole_as_refused(broken: Folder) -> None:
    result = broken.emit(*ACME, "--key", "k", "--timestamp", "2026-11-01T10:00:00Z", "--source", "job", "--json")
    assert (result.code, result.error["kind"]) == (78, "project")
    assert "the event is kept as refused" in result.error["hint"]
    (letter,) = letters(broken)
    assert (letter["kind"], letter["type"], letter["source"]) == ("project", USAGE, "job")
    assert json.loads(letter["raw"]) == {
        "type": USAGE,
        "payload": PAYLOAD,
        "idempotency_key": "k",
        "timestamp": "2026-11-01T10:00:00.000Z",
    }


def test_a_relative_time_is_kept_as_the_time_that_it_meant(broken: Folder) -> None:
    broken.emit(*ACME, "--timestamp", "2h ago")
    assert json.loads(letters(broken)[0]["raw"])["timestamp"].startswith("20")


def test_a_batch_is_kept_line_by_line(broken: Folder) -> None:
    lines = [json.dumps(envelope(1)), "{", json.dumps(envelope(2))]
    result = broken.run(
        "emit", "--batch", "-", "--rejects", "rejects.ndjson", "--json", stdin="\n".join(lines).encode()
    )
    assert result.code == 78
    assert "3 events are kept as refused" in result.error["hint"]
    assert [(row["kind"], row["line"]) for row in letters(broken)] == [("project", 1), ("json", 2), ("project", 3)]
    assert json.loads(letters(broken)[2]["raw"])["idempotency_key"] == "key-2"
    assert len((broken.root / "rejects.ndjson").read_text().splitlines()) == 3


def test_a_batch_of_rows_is_kept_as_events(broken: Folder) -> None:
    rows = "customer_id,metric,limit,used,plan\nacme,seats,10,12,pro\n"
    assert broken.run("emit", USAGE, "--batch", "-", "--format", "csv", stdin=rows.encode()).code == 78
    kept = json.loads(letters(broken)[0]["raw"])
    assert (kept["type"], kept["payload"]["customer_id"]) == (USAGE, "acme")


def test_a_dry_run_keeps_nothing(broken: Folder) -> None:
    assert broken.emit(*ACME, "--dry-run").code == 78
    assert letters(broken) == []


def test_why_tells_of_what_was_refused(broken: Folder) -> None:
    broken.emit(*ACME)
    result = broken.run("why", "--refused", "--json")
    assert (result.code, result.json["refused"]["kind"]) == (0, "project")


@pytest.mark.parametrize(
    "command",
    [
        ["events", "list"],
        ["events", "show", "@last"],
        ["events", "tail"],
        ["events", "export"],
        ["why", "@last"],
        ["deliveries", "list"],
        ["store", "info"],
        ["store", "vacuum"],
    ],
)
def test_what_needs_the_store_alone_works_and_names_the_file(broken: Folder, command: list[str]) -> None:
    result = broken.run(*command)
    assert result.code == 0, result
    assert "warning: " in result.err
    assert SETTINGS in result.err or EVENT in result.err


def test_the_start_screen_names_the_file(broken: Folder) -> None:
    result = broken.run()
    assert result.code == 1, result
    assert SETTINGS in result.out or EVENT in result.out


def test_without_ingestlayer_toml_and_a_store_there_is_no_project(project: Folder) -> None:
    (project.root / SETTINGS).unlink()
    shutil.rmtree(project.root / ".ingestlayer")
    result = project.run("events", "list")
    assert (result.code, "ingestlayer init" in result.err) == (78, True)


def test_prune_forgets_nothing_by_what_it_cannot_know(broken: Folder) -> None:
    assert broken.run("store", "prune", "--older-than", "1s").code == 78


def test_where_the_store_cannot_be_opened_it_says_that_nothing_is_kept(broken: Folder) -> None:
    broken.store.write_bytes(b"no store of ours" * 100)
    result = broken.emit(*ACME)
    assert result.code == 78
    assert "nothing is kept: the store" in result.err


# Sending beside broken settings --------------------------------------------------------------------------


SENT = '[[destinations]]\nuse = "file"\npath = "sent.ndjson"\n'


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ('[slack]\nconnection = "bot"\n', 0),  # it was kept before the file broke
        ('[slack]\nconnection = "terminal"\n', 78),  # what would be drawn would count as sent
    ],
)
def test_deliver_sends_by_the_settings_that_were_there(project: Folder, settings: str, code: int) -> None:
    project.write(SETTINGS, settings)
    (project.root / PIPELINE).write_text(f'match = ["{USAGE}"]\n{SENT}')
    age(project.root)
    project.emit(*ACME, "--no-deliver")
    project.write(SETTINGS, "[[")
    result = project.run("deliver")
    assert (result.code, SETTINGS in result.err) == (code, True)
    assert (project.root / "sent.ndjson").exists() == (code == 0)


def test_deliver_sends_nothing_where_no_setting_says_how(project: Folder) -> None:
    project.emit(*ACME, "--no-deliver")
    (project.root / ".ingestlayer" / "project.json").unlink(missing_ok=True)
    project.write(SETTINGS, '[slak]\nconnection = "bot"\n')
    assert project.run("deliver").code == 78
    assert project.rows("SELECT status FROM deliveries") == [("pending",)]
