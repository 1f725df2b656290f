"""`slack test`: a pipeline's example message, posted and marked as a test."""

import pytest

from tests.support.person import TOKEN, Person
from tests.support.standin import RateLimited, ResetAfterStore, SlackError, Status


@pytest.fixture
def connected(person: Person) -> Person:
    person.connect()
    return person


def test_the_example_is_posted_with_its_permalink(connected: Person) -> None:
    result = connected.run("slack", "test", "#test")
    assert result.code == 0
    (message,) = connected.slack.posted_to("#test")
    assert "posted the example of limits to #test" in result.out
    assert f"https://standin.slack.com/archives/{connected.slack.channels['test'].id}/p" in result.out
    assert message.body["text"] == "Test: acme is at 120"


def test_the_message_is_marked_as_a_test_and_is_of_no_delivery(connected: Person) -> None:
    connected.run("slack", "test", "#test")
    (message,) = connected.slack.posted_to("#test")
    assert "a test: `ingestlayer slack test`" in str(message.body["blocks"])
    assert message.delivery_id is None
    assert not (connected.root / ".ingestlayer").exists()


def test_a_channel_without_the_number_sign_or_by_id(connected: Person) -> None:
    assert connected.run("slack", "test", "test").code == 0
    assert connected.run("slack", "test", connected.slack.channels["test"].id).code == 0
    assert len(connected.slack.posted_to("#test")) == 2


def test_the_pipeline_may_be_named(connected: Person) -> None:
    connected.pipeline("zebra", "#growth", 'when = "$event.used > 100"')
    result = connected.run("slack", "test", "#test", "--pipeline", "zebra", "--json")
    assert result.json["pipeline"] == "zebra"
    assert set(result.json) == {"pipeline", "channel", "connection", "ts", "permalink"}


def test_a_misspelt_pipeline_is_told(connected: Person) -> None:
    result = connected.run("slack", "test", "#test", "--pipeline", "limitz")
    assert result.code == 2
    assert '(did you mean "limits"?)' in result.err


def test_an_example_that_comes_to_no_message_is_told(connected: Person) -> None:
    connected.pipeline("limits", "#alerts", 'when = "$event.used > 1000"')
    result = connected.run("slack", "test", "#test")
    assert result.code == 78
    assert "no example comes to a message" in result.err
    assert "[example]" in result.err


def test_a_private_channel_without_the_bot_has_the_invitation(connected: Person) -> None:
    connected.slack.add_channel("boardroom", private=True, bot_is_member=False)
    result = connected.run("slack", "test", "#boardroom")
    assert result.code == 1
    assert "#boardroom: Slack refused: channel_not_found" in result.err
    assert "/invite" in result.err


@pytest.mark.parametrize("code", ["is_archived", "restricted_action", "invalid_auth"])
def test_a_refusal_is_1(connected: Person, code: str) -> None:
    connected.slack.script.append(SlackError(code))
    result = connected.run("slack", "test", "#test", "--json")
    assert result.code == 1
    assert code in result.error["message"]


@pytest.mark.parametrize("fault", [Status(503), RateLimited(1), SlackError("internal_error")])
def test_no_answer_is_75(connected: Person, fault: object) -> None:
    connected.slack.script.append(fault)  # type: ignore[arg-type]
    assert connected.run("slack", "test", "#test").code == 75


def test_a_lost_connection_does_not_post_twice(connected: Person) -> None:
    connected.slack.script.append(ResetAfterStore())
    assert connected.run("slack", "test", "#test").code == 75
    assert len(connected.slack.posted_to("#test")) == 1


def test_a_webhook_posts_to_its_own_channel(person: Person) -> None:
    person.run("slack", "connect", "--webhook-stdin", stdin=person.webhook())
    result = person.run("slack", "test", "#test")
    assert result.code == 0, result
    assert "the webhook's own channel" in result.out
    assert person.slack.posted_to("#alerts")[0].body["text"] == "Test: acme is at 120"


def test_a_webhook_that_is_gone_is_1(person: Person) -> None:
    person.run("slack", "connect", "--webhook-stdin", stdin=person.webhook())
    person.slack.webhooks.clear()
    result = person.run("slack", "test", "#test")
    assert result.code == 1
    assert "no_service" in result.err


def test_before_connecting_a_token_of_the_environment_will_do(person: Person) -> None:
    assert person.run("slack", "test", "#test", env={"SLACK_BOT_TOKEN": TOKEN}).code == 0


def test_quiet_says_nothing(connected: Person) -> None:
    assert connected.run("slack", "test", "#test", "-q") == (0, "", "")
