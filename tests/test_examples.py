"""Every project under examples/ runs as it is."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.support.folder import Folder
from tests.support.program import PROGRAM

INSTALLED = "/opt/ingestlayer/bin/ingestlayer"
EXAMPLES = Path(__file__).parents[1] / "examples"
PROJECTS = sorted(path.parent for path in EXAMPLES.rglob("ingestlayer.toml"))

CRONTABS = [path / "crontab" for path in PROJECTS if (path / "crontab").is_file()]

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


@each
def test_an_example_says_how_what_waits_is_sent(example: Path) -> None:
    texts = [path.read_text() for path in example.rglob("*") if path.is_file() and ".ingestlayer" not in path.parts]
    assert any(re.search(r"^[^#\n]*ingestlayer\b.* deliver\b", text, re.MULTILINE) for text in texts)


@each
def test_the_tests_of_an_example_pass(copy: Folder) -> None:
    assert copy.run("test").code == 0


def lines(path: Path) -> list[str]:
    """Return the commands of a crontab."""
    return re.findall(r"^(?:[\d*/,-]+ +){5}(.+)$", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("crontab", CRONTABS, ids=lambda path: path.parent.name)
def test_the_crontab_of_an_example_runs_as_cron_runs_it(crontab: Path, tmp_path: Path) -> None:
    shutil.copytree(crontab.parent, tmp_path / "project", ignore=shutil.ignore_patterns(".ingestlayer"))
    for path in (tmp_path / "project").rglob("*.csv"):
        path.touch()
    for line in lines(crontab):
        command = re.sub(r"/srv/[\w-]+", str(tmp_path / "project"), line).replace(INSTALLED, PROGRAM)
        words = ["/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "SHELL=/bin/sh", "/bin/sh", "-c", command]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), line
