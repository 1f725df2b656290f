"""Our own troubles as events: declared in every project, matched by name alone, sent by nobody else."""

from pathlib import Path

import pytest

from ingestlayer_cli.model.declarations import Declaration
from ingestlayer_cli.project.lint.inspect import inspect
from ingestlayer_cli.project.match import matches
from ingestlayer_cli.project.own import OWN
from tests.support.checks import Checked, table
from tests.support.folder import Folder

MINE = """
match = ["ingestlayer.delivery_dead", "ingestlayer.run_failed"]
[[destinations]]
use = "slack"
channel = "#mine"
when = "$event.state == 'open'"
[destinations.message]
title = "$event.title"
[[tests]]
name = "what is open is told"
event = { from_example = "ingestlayer.delivery_dead" }
expect = { channels = ["#mine"], contains = ["#alerts: 2 messages are dead"] }
[[tests]]
name = "what is over is not"
event = { from_example = "ingestlayer.run_failed", with = { state = "resolved" } }
expect = { messages = 0 }
"""


@pytest.mark.parametrize("type_", OWN)
def test_its_example_is_as_it_is_declared(type_: str) -> None:
    declaration = Declaration(OWN[type_])
    assert declaration.problems(declaration.example or {}) == []


def test_a_pipeline_of_every_type_has_none_of_them() -> None:
    assert matches([], "usage.limit")
    assert not matches([], "ingestlayer.run_failed")
    assert matches(["ingestlayer.*"], "ingestlayer.run_failed")


def test_a_pipeline_may_match_them_and_test_that(project: Folder) -> None:
    project.write("pipelines/mine.toml", MINE)
    assert project.here("validate", "--strict").code == 0
    result = project.run("test", "--json")
    assert (result.code, result.json["passed"]) == (0, 4)
    (run,) = project.run("preview", "ingestlayer.delivery_dead", "--json").json["runs"]
    assert run["messages"][0]["target"] == "#mine"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ingestlayer.run_failed", "ingestlayer.run_faild", 'did you mean "ingestlayer.run_failed"?'),
        ("$event.title", "$event.titel", 'did you mean "$event.title"?'),
        ("== 'open'", "== 'opened'", "opened"),
    ],
)
def test_a_mistake_about_them_is_found(project: Folder, old: str, new: str, words: str) -> None:
    project.write("pipelines/mine.toml", MINE.partition("[[tests]]")[0].replace(old, new, 1))
    result = project.here("validate", "--strict")
    assert result.code == 1
    assert words in result.said


@pytest.mark.parametrize("undeclared", ["reject", "accept"])
def test_nobody_else_sends_them(project: Folder, undeclared: str) -> None:
    settings = (project.root / "ingestlayer.toml").read_text()
    project.write("ingestlayer.toml", f'{settings}\n[events]\nundeclared = "{undeclared}"\n')
    for type_ in ("ingestlayer.delivery_dead", "ingestlayer.anything"):
        result = project.run("emit", type_, "--data", "{}")
        assert result.code == 65
        assert result.err.startswith(f"error: {type_} is an event of ingestlayer's own: ")
    batch = project.batch([{"type": "ingestlayer.delivery_dead", "payload": {}}]).json
    assert (batch["accepted"], batch["rejected"]) == (0, 1)
    assert project.count("events") == 0


def test_their_events_may_be_asked_for_before_there_are_any(project: Folder) -> None:
    for type_ in ("ingestlayer.*", "ingestlayer.run_failed"):
        result = project.run("events", "list", "--type", type_)
        assert (result.code, result.said) == (0, "no such event\n")


def test_nobody_else_declares_them(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table().replace("usage.limit", "ingestlayer.mine"))
    checked.csv(("acme", 1, 10))
    checked.write("events/mine.toml", 'type = "ingestlayer.mine"\n[fields]\na = "string"\n')
    words = [f"{it.file}: {it.problem}" for it in inspect(str(checked.root)) if "ingestlayer.*" in it.problem]
    assert words == [
        "ingestlayer.toml: ingestlayer.* are ingestlayer's own events",
        "events/mine.toml: ingestlayer.* are ingestlayer's own events, which are declared already",
    ]
