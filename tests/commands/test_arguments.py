"""Shell completion, asked as Typer's bash script asks it."""

import shutil
from pathlib import Path

import pytest

from tests.support.completion import completed
from tests.support.folder import USAGE, Folder


def test_commands_are_completed(shared: Folder) -> None:
    assert completed("ingestlayer em", shared.root) == ["emit"]


@pytest.mark.parametrize("command", ["emit", "preview"])
def test_event_types_are_completed(shared: Folder, command: str) -> None:
    assert completed(f"ingestlayer {command} us", shared.root) == [USAGE]


def test_field_options_are_completed(shared: Folder) -> None:
    assert completed(f"ingestlayer emit {USAGE} --cu", shared.root) == ["--customer-id"]


def test_fields_and_own_options_are_offered_together(shared: Folder) -> None:
    offered = completed(f"ingestlayer emit {USAGE} --", shared.root)
    assert {"--customer-id", "--metric", "--used", "--limit", "--plan", "--json", "--key"} <= set(offered)


def test_enum_values_are_completed(shared: Folder) -> None:
    assert completed(f"ingestlayer emit {USAGE} --metric ", shared.root) == ["seats", "api-calls", "storage"]
    assert completed(f"ingestlayer emit {USAGE} --customer-id x --metric s", shared.root) == ["seats", "storage"]


def test_boolean_values_are_completed(project: Folder) -> None:
    project.declare("user.seen", '[fields]\nactive = "boolean"')
    assert completed("ingestlayer emit user.seen --active ", project.root) == ["true", "false"]


def test_completion_follows_dash_c(shared: Folder, tmp_path: Path) -> None:
    assert completed(f"ingestlayer -C {shared.root} emit us", tmp_path) == [USAGE]
    assert completed(f"ingestlayer -C {shared.root} emit {USAGE} --metric se", tmp_path) == ["seats"]


def test_completion_outside_a_project_is_silent(tmp_path: Path) -> None:
    assert completed("ingestlayer emit us", tmp_path) == []


def test_completion_in_a_broken_project_is_silent(project: Folder) -> None:
    project.write("ingestlayer.toml", "[[[")
    assert completed("ingestlayer emit us", project.root) == []


def test_completion_writes_nothing(template: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(template, root, ignore=shutil.ignore_patterns(".ingestlayer"))
    completed("ingestlayer emit us", root)
    assert not (root / ".ingestlayer").exists()
