from pathlib import Path

import pytest

from .support import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A project with one check, `api`, of usage.csv."""
    return Bench(tmp_path / "project")
