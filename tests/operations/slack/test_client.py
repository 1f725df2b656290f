"""The client for who sets up or looks: it judges Slack's answers as deliveries do."""

import pytest

from ingestlayer_cli.destinations.slack.answers import Answer, classified, judged
from ingestlayer_cli.model.sending import NotConnected, Refused, Retry, Unknown
from ingestlayer_cli.operations.slack.channels import channels
from ingestlayer_cli.operations.slack.client import Client, RateLimitedError
from ingestlayer_cli.operations.slack.secret import SlackError, UnreachableError
from tests.support.person import TOKEN
from tests.support.standin import Garbage, SlackStandin, Status
from tests.support.standin import SlackError as Refusal

LATER = ("accesslimited", "message_limit_exceeded", "request_timeout", "team_added_to_org")
DOUBTFUL = ("fatal_error", "internal_error", "service_unavailable")
NEVER = ("invalid_auth", "token_revoked", "channel_not_found", "some_code_of_tomorrow")


def refusal(code: str) -> Answer:
    return judged(200, {}, "", (), {"ok": False, "error": code})


def asked(slack: SlackStandin, code: str) -> SlackError:
    """Return the error of a call that Slack answers with a code."""
    slack.script_method("auth.test", Refusal(code))
    with pytest.raises(SlackError) as caught:
        Client(TOKEN, slack.url).call("auth.test")
    return caught.value


@pytest.mark.parametrize("code", LATER)
def test_what_a_delivery_is_tried_again_for_is_to_be_tried_again(slack: SlackStandin, code: str) -> None:
    assert isinstance(classified(refusal(code)), Retry)
    assert isinstance(asked(slack, code), UnreachableError)


@pytest.mark.parametrize("code", DOUBTFUL)
def test_what_may_have_been_done_is_to_be_tried_again_by_who_looks(slack: SlackStandin, code: str) -> None:
    assert isinstance(classified(refusal(code)), Unknown)
    assert isinstance(asked(slack, code), UnreachableError)


@pytest.mark.parametrize("code", NEVER)
def test_what_no_delivery_is_tried_again_for_is_a_refusal(slack: SlackStandin, code: str) -> None:
    assert isinstance(classified(refusal(code)), NotConnected | Refused)
    error = asked(slack, code)
    assert (type(error), error.code) == (SlackError, code)


@pytest.mark.parametrize("code", ["ratelimited", "rate_limited"])
def test_a_rate_limit_is_one_by_either_name(slack: SlackStandin, code: str) -> None:
    assert isinstance(classified(refusal(code)), Retry)
    assert isinstance(asked(slack, code), RateLimitedError)


def test_a_redirect_is_told_and_not_followed(slack: SlackStandin) -> None:
    with SlackStandin() as other:
        slack.script_method("auth.test", Status(302, "", {"Location": f"{other.url}auth.test"}))
        with pytest.raises(UnreachableError, match=r"points to .*auth.test, and redirects are not followed"):
            Client(TOKEN, slack.url).identity()
        assert not other.requests


@pytest.mark.parametrize(
    "text", ['{"ok": "false"}', '{"ok": true}', '{"ok": true, "team": 7, "user": "\\ud83d"}', "[]"]
)
def test_what_is_not_in_slacks_form_is_no_answer(slack: SlackStandin, text: str) -> None:
    slack.script_method("auth.test", Garbage(text))
    with pytest.raises(UnreachableError, match="not Slack's"):
        Client(TOKEN, slack.url).identity()


@pytest.mark.parametrize("text", ['{"ok": true}', '{"ok": true, "channels": {}}', '{"ok": true, "channels": [7]}'])
def test_a_list_that_is_none_is_no_answer(slack: SlackStandin, text: str) -> None:
    slack.script_method("conversations.list", Garbage(text))
    with pytest.raises(UnreachableError, match="it has no channels"):
        list(Client(TOKEN, slack.url).pages("conversations.list", "channels", {}))


def test_pages_without_an_end_are_no_answer(slack: SlackStandin) -> None:
    page = Garbage('{"ok": true, "channels": [], "response_metadata": {"next_cursor": "again"}}')
    slack.script_method("conversations.list", *[page] * 9)
    with pytest.raises(UnreachableError, match="does not end"):
        list(Client(TOKEN, slack.url).pages("conversations.list", "channels", {}))


@pytest.mark.parametrize("row", ["{}", '{"id": 7, "name": "x"}', '{"id": "C1", "name": ["x"]}'])
def test_a_channel_that_is_none_is_no_answer(slack: SlackStandin, row: str) -> None:
    slack.script_method("conversations.list", Garbage(f'{{"ok": true, "channels": [{row}]}}'))
    with pytest.raises(UnreachableError, match="has no id or no name"):
        list(channels(Client(TOKEN, slack.url)))
