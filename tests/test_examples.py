"""Every project under examples/ runs as it is."""

import shutil
import tomllib
from pathlib import Path

import pytest

from tests.support.folder import Folder

EXAMPLES = Path(__file__).parents[1] / "examples"
PROJECTS = sorted(path.parent for path in EXAMPLES.rglob("ingestlayer.toml"))

each = pytest.mark.parametrize("example", PROJECTS, ids=lambda path: path.name)


@pytest.fixture
def copy(example: Path, tmp_path: Path) -> Folder:
    """A copy of an example, without a store that somebody left in it."""
    shutil.copytree(example, tmp_path / "project", ignore=shutil.ignore_patterns(".ingestlayer"))
    return Folder(tmp_path / "project")


def test_there_are_examples() -> None:
    assert "usage-limits" in [path.name for path in PROJECTS]


@each
def test_an_example_is_valid(copy: Folder) -> None:
    result = copy.run("validate", "--strict", "--json")
    assert (result.code, result.json) == (0, {"problems": []})


@each
def test_the_events_of_an_example_are_accepted_and_end_in_messages(copy: Folder) -> None:
    result = copy.run("emit", "--batch", "events.ndjson", "--json")
    assert result.code == 0, result
    assert result.json["accepted"] > 0
    assert result.json["runs"]["failed"] == 0
    assert result.json["deliveries"]["shown"] > 0


@each
def test_the_declared_examples_of_an_example_can_be_previewed(example: Path, copy: Folder) -> None:
    for file in sorted((example / "events").glob("*.toml")):
        declaration = tomllib.loads(file.read_text())
        if "example" in declaration:
            result = copy.run("preview", declaration["type"], "--json")
            assert result.code == 0
            assert result.json["runs"]


@each
def test_an_example_ignores_its_store_in_git(example: Path) -> None:
    assert ".ingestlayer/" in (example / ".gitignore").read_text().splitlines()
