"""A project that mentions the owner of an account, and a Slack in which some of them are."""

from pathlib import Path

import pytest

from tests.outbox.conftest import _surroundings, slack
from tests.outbox.support import Folder
from tests.slack.standin import SlackStandin

__all__ = ["_surroundings", "slack"]


@pytest.fixture
def project(tmp_path: Path, slack: SlackStandin) -> Folder:
    slack.add_user("maya@acme.com")
    folder = Folder(tmp_path / "project", slack)
    folder.write("events/undeclared.toml", 'type = "deal"\n[fields]\nowner = "string?"\nnote = "string?"\n')
    return folder
