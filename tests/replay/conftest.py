"""A stand-in for Slack, and a project that posts to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outbox.support import TOKEN
from tests.replay.support import Project
from tests.slack.standin import SlackStandin


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    with SlackStandin() as standin:
        yield standin


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_WEBHOOK_URL", "INGESTLAYER_PROJECT", "FORCE_COLOR", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)


@pytest.fixture
def project(tmp_path: Path, slack: SlackStandin) -> Project:
    return Project(tmp_path / "project", slack)
