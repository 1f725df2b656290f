"""The client for who sets up or looks: it judges Slack's answers as deliveries do."""

import pytest

from ingestlayer_cli.destinations.slack.answers import classified, judged
from ingestlayer_cli.model.sending import NotConnected, Refused, Retry
from ingestlayer_cli.operations.slack.client import Client, RateLimitedError, SlackError, UnreachableError
from tests.support.person import TOKEN
from tests.support.standin import SlackError as Refusal
from tests.support.standin import SlackStandin

LATER = ("accesslimited", "fatal_error", "internal_error", "message_limit_exceeded", "team_added_to_org")
NEVER = ("invalid_auth", "token_revoked", "channel_not_found", "some_code_of_tomorrow")


def asked(slack: SlackStandin, code: str) -> SlackError:
    """Return the error of a call that Slack answers with a code."""
    slack.script_method("auth.test", Refusal(code))
    with pytest.raises(SlackError) as caught:
        Client(TOKEN, slack.url).call("auth.test")
    return caught.value


@pytest.mark.parametrize("code", LATER)
def test_what_a_delivery_is_tried_again_for_is_to_be_tried_again(slack: SlackStandin, code: str) -> None:
    assert isinstance(classified(judged(200, {}, {"ok": False, "error": code}, "")), Retry)
    assert isinstance(asked(slack, code), UnreachableError)


@pytest.mark.parametrize("code", NEVER)
def test_what_no_delivery_is_tried_again_for_is_a_refusal(slack: SlackStandin, code: str) -> None:
    assert isinstance(classified(judged(200, {}, {"ok": False, "error": code}, "")), NotConnected | Refused)
    error = asked(slack, code)
    assert (type(error), error.code) == (SlackError, code)


@pytest.mark.parametrize("code", ["ratelimited", "rate_limited"])
def test_a_rate_limit_is_one_by_either_name(slack: SlackStandin, code: str) -> None:
    assert isinstance(classified(judged(200, {}, {"ok": False, "error": code}, "")), Retry)
    assert isinstance(asked(slack, code), RateLimitedError)
