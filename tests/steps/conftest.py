"""The bench of the tests of steps."""

from pathlib import Path

import pytest

from tests.steps.support import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
