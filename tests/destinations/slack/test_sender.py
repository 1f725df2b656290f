"""Sending with the secret as it is now."""

from pathlib import Path

import pytest

from ingestlayer_cli.destinations.slack import credentials
from ingestlayer_cli.destinations.slack.sender import connect
from ingestlayer_cli.model.sending import NotConnected, Outgoing, Sender, Sent
from tests.support.posting import TOKEN
from tests.support.standin import SlackStandin

BODY = {"channel": "#alerts", "text": "hello", "blocks": [{"type": "divider"}]}
MESSAGE = Outgoing("dlv_1", "#alerts", BODY, {})


@pytest.fixture
def sender(slack: SlackStandin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sender:
    """A sender that finds no secret yet."""
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    settings = {"connection": "bot", "workspace": "", "known": True, "api_url": slack.url}
    return connect(settings, lambda target, body: None, str(tmp_path))


def test_a_secret_that_is_given_later_is_seen_by_the_next_message(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(sender.send(MESSAGE), NotConnected)
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    assert isinstance(sender.send(MESSAGE), Sent)


def test_one_that_is_kept_later_is_seen_too(sender: Sender, tmp_path: Path) -> None:
    assert isinstance(sender.send(MESSAGE), NotConnected)
    credentials.keep(str(tmp_path), "bot", "", TOKEN)
    assert isinstance(sender.send(MESSAGE), Sent)


def test_one_that_is_taken_away_is_used_no_more(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    assert isinstance(sender.send(MESSAGE), Sent)
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    assert isinstance(sender.send(MESSAGE), NotConnected)
