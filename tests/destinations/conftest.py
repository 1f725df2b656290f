"""A project that posts to Slack by a webhook."""

import pytest

from tests.support.bench import Bench
from tests.support.standin import SlackStandin


@pytest.fixture
def hooked(bench: Bench, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A project that posts to an incoming webhook."""
    bench.connect("webhook")
    monkeypatch.setenv("SLACK_WEBHOOK_URL", slack.webhook_url)
    return bench
