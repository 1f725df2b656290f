"""A running stand-in, and Slack's own clients pointed at it."""

from collections.abc import Iterator

import pytest
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from tests.slack.standin import SlackStandin


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    with SlackStandin() as standin:
        yield standin


@pytest.fixture
def client(slack: SlackStandin) -> WebClient:
    return WebClient(token="xoxb-test", base_url=slack.url, retry_handlers=[], timeout=5)


@pytest.fixture
def hook(slack: SlackStandin) -> WebhookClient:
    return WebhookClient(slack.webhook_url, retry_handlers=[], timeout=5)
