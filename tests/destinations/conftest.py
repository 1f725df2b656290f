"""A stand-in for Slack, and a project connected to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestlayer_cli import commands
from tests.destinations.support import TOKEN, Bench
from tests.slack.standin import SlackStandin


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    with SlackStandin() as standin:
        yield standin


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands.settings, "project", None)
    monkeypatch.setattr(commands.settings, "debug", False)
    for name in ("SLACK_WEBHOOK_URL", "INGESTLAYER_PROJECT", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def bench(tmp_path: Path, slack: SlackStandin, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path / "project", slack, capsys)


@pytest.fixture
def hooked(bench: Bench, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A project that posts to an incoming webhook."""
    bench.connect("webhook")
    monkeypatch.setenv("SLACK_WEBHOOK_URL", slack.webhook_url)
    return bench
