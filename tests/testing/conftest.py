"""A project whose pipeline carries tests, on a terminal of 80 columns that is a pipe."""

from pathlib import Path

import pytest

from tests.cli.support import Folder
from tests.testing.support import make


@pytest.fixture
def tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    for name in ("FORCE_COLOR", "INGESTLAYER_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    return make(tmp_path / "project")
