"""A project whose messages hang together, and the Slack that they go to."""

from pathlib import Path

import pytest

from tests.outbox.conftest import _surroundings, slack
from tests.outbox.support import Folder
from tests.slack.standin import SlackStandin
from tests.threads.support import THREADED

__all__ = ["_surroundings", "slack"]


@pytest.fixture
def project(tmp_path: Path, slack: SlackStandin) -> Folder:
    folder = Folder(tmp_path / "project", slack)
    folder.pipeline(THREADED)
    return folder
