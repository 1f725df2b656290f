"""`pipelines diff`, `pipelines show --version` and `pipelines restore`: an edit is seen, and nothing of it is lost."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.support.folder import Folder
from tests.support.program import PROGRAM
from tests.support.terminal import Terminal
from tests.support.tested import PIPELINE

EMIT = ("emit", "usage", "--customer", "acme", "--used", "120", "--limit", "100", "-q")


@pytest.fixture
def ran(tested: Folder) -> Folder:
    """A project whose pipeline ran as two versions; the file is the second of them."""
    tested.here(*EMIT)
    tested.edit("pipelines/alert.toml", "is out", "is empty")
    tested.here(*EMIT)
    return tested


def file(project: Folder) -> Path:
    return project.root / "pipelines/alert.toml"


def versions(project: Folder) -> list[str]:
    """Return the versions that ran, the newest first."""
    shown = project.here("pipelines", "show", "alert", "--json").json
    return [version["version"] for version in shown["versions"]]


def changed(project: Folder, *arguments: str) -> list[str]:
    """Return the lines that `diff` says were taken out and put in."""
    lines = project.here("pipelines", "diff", "alert", *arguments).out.splitlines()
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def restored(project: Folder, *arguments: str) -> Any:
    return project.here("pipelines", "restore", "alert", *arguments, "--json").json


def test_a_file_as_it_ran_has_no_difference(ran: Folder) -> None:
    out = ran.here("pipelines", "diff", "alert").out
    assert out.startswith(f"pipelines/alert.toml is {versions(ran)[0]}, first used 20")


def test_an_edit_is_shown_against_the_version_that_ran_last(ran: Folder) -> None:
    ran.edit("pipelines/alert.toml", "is empty", "[b]is[/b] full")
    assert changed(ran) == [
        '-title = "$entity.customer.name is empty"',
        '+title = "$entity.customer.name [b]is[/b] full"',
    ]


def test_a_version_that_came_back_is_the_one_that_ran_last(ran: Folder) -> None:
    file(ran).write_text(PIPELINE)
    ran.here(*EMIT)
    assert changed(ran) == []


def test_a_named_version_is_compared_by_the_start_of_its_name(ran: Folder) -> None:
    first = versions(ran)[1]
    assert changed(ran, first[:6]) == [
        '-title = "$entity.customer.name is out"',
        '+title = "$entity.customer.name is empty"',
    ]


@pytest.mark.parametrize("command", [("diff", "alert", "zzz"), ("show", "alert", "--version", "zzz")])
def test_a_version_that_there_is_not_is_a_usage_error_that_names_those_there_are(
    ran: Folder, command: tuple[str, ...]
) -> None:
    result = ran.here("pipelines", *command)
    assert result.code == 2
    assert '"zzz" is no version of alert' in result.err
    assert versions(ran)[0] in result.err


def test_a_pipeline_that_never_ran_has_no_version(tested: Folder) -> None:
    result = tested.here("pipelines", "diff", "alert")
    assert result.code == 2
    assert "alert has not run yet" in result.err


def test_a_version_is_printed_as_it_was(ran: Folder) -> None:
    assert ran.here("pipelines", "show", "alert", "--version", versions(ran)[1]).out == PIPELINE


def test_what_ran_is_restored_without_a_question(ran: Folder) -> None:
    first = versions(ran)[1]
    file(ran).chmod(0o640)
    assert restored(ran, first) == {
        "pipeline": "alert", "file": "pipelines/alert.toml", "version": first, "changed": True, "kept": None,
    }  # fmt: skip
    assert file(ran).read_text() == PIPELINE
    assert stat.S_IMODE(file(ran).stat().st_mode) == 0o640
    assert ran.here("pipelines", "list", "--json").json["pipelines"][0]["version"] == first
    assert restored(ran, first)["changed"] is False


def test_edits_that_never_ran_are_not_replaced_without_a_yes(ran: Folder) -> None:
    ran.edit("pipelines/alert.toml", "is empty", "is full")
    before = file(ran).read_text()
    result = ran.here("pipelines", "restore", "alert", versions(ran)[1])
    assert result.code == 2
    assert "pipelines/alert.toml has edits that never ran, and that no version has" in result.err
    assert file(ran).read_text() == before


def test_edits_that_never_ran_are_kept_and_come_back(ran: Folder) -> None:
    ran.edit("pipelines/alert.toml", "is empty", "is full")
    before = file(ran).read_text()
    kept = restored(ran, versions(ran)[1], "--yes")["kept"]
    assert ran.here("pipelines", "show", "alert", "--version", kept).out == before
    assert f"{kept}  an edit that never ran, kept 20" in ran.here("pipelines", "show", "alert").out
    assert restored(ran, kept)["kept"] is None
    assert file(ran).read_text() == before


def test_a_file_that_is_not_even_toml_is_kept(ran: Folder) -> None:
    file(ran).write_text("match = [\n")
    kept = restored(ran, versions_of_store(ran)[0], "--yes")["kept"]
    assert ran.here("pipelines", "show", "alert", "--version", kept).out == "match = [\n"


def versions_of_store(project: Folder) -> list[str]:
    return [version for (version,) in project.rows("SELECT version FROM pipeline_versions ORDER BY seq DESC")]


def test_a_pipeline_whose_file_is_gone_comes_back(ran: Folder) -> None:
    text, version = file(ran).read_text(), versions(ran)[0]
    ran.write("pipelines/other.toml", PIPELINE)
    os.unlink(file(ran))
    assert restored(ran, version)["changed"] is True
    assert file(ran).read_text() == text


def test_a_version_that_does_not_fit_the_project_of_today_is_asked_about(ran: Folder) -> None:
    ran.edit("ingestlayer.toml", "entities.customer", "entities.client")
    ran.edit("pipelines/alert.toml", 'kind = "customer"', 'kind = "client"')
    ran.edit("pipelines/alert.toml", "$entity.customer", "$entity.client")
    ran.here(*EMIT)
    version = versions(ran)[1]
    result = ran.here("pipelines", "restore", "alert", version)
    assert result.code == 2
    assert f"version {version} does not fit the project of today: pipelines/alert.toml:4:9: " in result.err


def test_a_pipeline_that_its_file_pauses_is_not_let_run_without_a_yes(ran: Folder) -> None:
    first = versions(ran)[1]
    ran.here("pipelines", "pause", "alert", "--in-file")
    result = ran.here("pipelines", "restore", "alert", first)
    assert result.code == 2
    assert 'says status = "paused", and the version is active: it would run again' in result.err


def test_a_person_is_asked(ran: Folder) -> None:
    ran.edit("pipelines/alert.toml", "is empty", "is full")
    first = versions(ran)[1]
    env = {**os.environ, "COLUMNS": "80"}
    with Terminal(PROGRAM, "pipelines", "restore", "alert", first, cwd=ran.root, env=env) as terminal:
        terminal.expect("[y/N]")
        terminal.type("n")
        assert terminal.wait() == 0
        assert "nothing was changed" in terminal.text
    assert "is full" in file(ran).read_text()
