"""What was kept while the project's files were broken is accepted once they are mended."""

import json

import pytest

from tests.support.folder import ACME, USAGE, Folder, envelope
from tests.support.program import Result

SETTINGS = "ingestlayer.toml"


@pytest.fixture
def mended(project: Folder) -> Folder:
    """A project that was broken while two events came: with a key, and at a time."""
    whole = (project.root / SETTINGS).read_text()
    project.write(SETTINGS, "x = 1\n" + whole)
    project.emit(*ACME, "--key", "k", "--source", "job")
    project.emit(*ACME, "--timestamp", "2026-11-01T10:00:00Z")
    project.write(SETTINGS, whole)
    return project


def take(project: Folder, *arguments: str) -> Result:
    return project.run("replay", "--refused", *arguments)


def test_each_is_accepted_once_as_it_came(mended: Folder) -> None:
    result = take(mended, "--yes", "--json")
    assert (result.code, result.json["accepted"], result.json["rejected"]) == (0, 2, 0)
    rows = mended.rows("SELECT key, source, received_at FROM events ORDER BY seq")
    assert rows[0][:2] == ("k", "job")
    assert rows[1][2] == 1_793_527_200_000
    assert mended.count("deliveries") == 2
    assert mended.count("dead_letters") == 0
    assert take(mended, "--yes").out.splitlines() == ["0 events refused, 0 messages"]


def test_the_plan_comes_first_and_writes_nothing(mended: Folder) -> None:
    assert take(mended, "--dry-run").out.splitlines() == ["2 events refused, 2 messages", "  #alerts 2"]
    asked = take(mended)
    assert (asked.code, "this would send 2 messages of 2 events: say --yes" in asked.err) == (2, True)
    assert take(mended, "--yes", "--expect", "3").code == 2
    assert (mended.count("events"), mended.count("dead_letters")) == (0, 2)


def test_what_does_not_fit_its_declaration_stays_refused_by_that_rule(mended: Folder) -> None:
    mended.write(SETTINGS, "x = 1\n" + (mended.root / SETTINGS).read_text())
    mended.batch([{"type": USAGE, "payload": {}}, envelope(1)])
    mended.edit(SETTINGS, "x = 1\n", "")
    result = take(mended, "--yes")
    assert (result.code, "refused again: schema: " in result.err) == (65, True)
    assert mended.count("events") == 3
    assert mended.rows("SELECT kind, line FROM dead_letters") == [("schema", None)]


def test_while_the_project_is_broken_nothing_is_taken(mended: Folder) -> None:
    mended.write(SETTINGS, "x = 1\n")
    assert take(mended, "--yes").code == 78
    assert mended.count("dead_letters") == 2


def test_a_type_may_be_named_and_nothing_that_is_of_stored_events(mended: Folder) -> None:
    assert take(mended, "--type", "other", "--dry-run", "--json").json["accepted"] == 0
    assert take(mended, "--type", USAGE, "--dry-run", "--json").json["accepted"] == 2
    for more in (("--channel", "#test"), ("--original",), ("--pipeline", "p"), ("--since", "1d"), ("@last",)):
        assert take(mended, *more, "--yes").code == 2, more


def test_the_error_and_the_story_name_the_command(project: Folder) -> None:
    project.write(SETTINGS, "x = 1\n")
    hint = project.emit(*ACME, "--json").error["hint"]
    assert "`ingestlayer replay --refused`" in hint
    (hint,) = json.loads(project.run("why", "--refused", "--json").out)["hints"]
    assert hint.endswith("ingestlayer replay --refused")
