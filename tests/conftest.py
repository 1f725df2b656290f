"""Projects to run the program in."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.support import Folder, copied, ingestlayer
from tests.connect.sweep import leaks


@pytest.fixture(scope="session", autouse=True)
def _no_secret_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After the last test, look for secrets in everything that the tests wrote."""
    yield
    assert list(leaks(tmp_path_factory.getbasetemp())) == []


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that `init` makes, checked once: its copies start from the cache."""
    root = tmp_path_factory.mktemp("template") / "project"
    assert ingestlayer("init", root, cwd=root.parent).code == 0
    time.sleep(0.06)  # younger files are not cached: they could change unseen
    assert ingestlayer("validate", cwd=root).code == 0
    assert (root / ".ingestlayer" / "project.json").exists()
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Folder:
    """The project that `init` makes, with an empty store."""
    return copied(template, tmp_path / "project")


@pytest.fixture(scope="module")
def shared(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """One project for the tests of a module that leave nothing behind that another would see."""
    return copied(template, tmp_path_factory.mktemp("shared") / "project")


@pytest.fixture(scope="module")
def made(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Folder]:
    """Make a project for several tests of a module."""
    return lambda name: copied(template, tmp_path_factory.mktemp(name) / "project")
