"""Slack's own clients, pointed at the stand-in."""

import pytest
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from tests.support.standin import SlackStandin


@pytest.fixture
def client(slack: SlackStandin) -> WebClient:
    return WebClient(token="xoxb-test", base_url=slack.url, retry_handlers=[], timeout=5)


@pytest.fixture
def hook(slack: SlackStandin) -> WebhookClient:
    return WebhookClient(slack.webhook_url, retry_handlers=[], timeout=5)
