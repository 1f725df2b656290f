"""Who was stopped for longer than its lease sends nothing: others may have taken up what it had in hand."""

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ingestlayer_cli.destinations.file.sender import Files
from ingestlayer_cli.destinations.slack.bot import Bot
from ingestlayer_cli.destinations.slack.sender import Terminal, WebhookSender
from ingestlayer_cli.destinations.webhook.sender import Requests
from ingestlayer_cli.engine import outbox
from ingestlayer_cli.model.sending import LATE, Outgoing, Place, Result
from tests.support.clock import FakeClock
from tests.support.mentions import emit, lookups, pipeline
from tests.support.posting import TOKEN, Posting, deliver
from tests.support.program import wait_until
from tests.support.receiver import Receiver
from tests.support.standin import HangAfterStore, SlackStandin, Slow

AWAY = 120_000  # milliseconds that a process is stopped for


@pytest.fixture
def mentioning(posting: Posting, slack: SlackStandin) -> Posting:
    """A project whose messages mention somebody, who is looked up before."""
    slack.add_user("maya@acme.com")
    posting.write("events/undeclared.toml", 'type = "deal"\n[fields]\nowner = "string?"\n')
    pipeline(posting)
    return posting


class Stopped(FakeClock):
    """The clock of a process that is stopped once something has happened."""

    def __init__(self, has_happened: Callable[[], object]) -> None:
        super().__init__()
        self._has_happened = has_happened

    def now(self) -> int:
        return self.at + (AWAY if self._has_happened() else 0)

    def steady(self) -> int:
        return self.now()


def test_a_process_that_was_stopped_after_it_looked_somebody_up_posts_nothing(
    mentioning: Posting, slack: SlackStandin
) -> None:
    emit(mentioning, "maya@acme.com", Stopped(lambda: lookups(slack)))
    assert (slack.messages, mentioning.delivery["status"], mentioning.delivery["attempts"]) == ([], "retrying", 0)
    mentioning.deliver(Stopped(lambda: True))
    assert (len(slack.messages), mentioning.delivery["status"]) == (1, "delivered")


def test_what_another_has_posted_meanwhile_is_not_posted_again(mentioning: Posting, slack: SlackStandin) -> None:
    slack.script_method("users.lookupByEmail", Slow(1))
    stopped = Stopped(lambda: len(slack.messages))
    thread = threading.Thread(target=emit, args=(mentioning, "maya@acme.com", stopped))
    thread.start()
    wait_until(lambda: lookups(slack))
    other = FakeClock(stopped.at + outbox.LEASE)
    slack.skew = 121
    mentioning.deliver(other)  # its lease is over: it is unknown
    other.passes("61s")
    mentioning.deliver(other)  # and not in the history: it is sent
    assert len(slack.messages) == 1
    thread.join()
    assert (len(slack.messages), mentioning.delivery["status"]) == (1, "delivered")


def test_a_late_word_counts_only_while_nobody_has_tried_since(posting: Posting, slack: SlackStandin) -> None:
    slack.script_for("alerts", HangAfterStore(0.1))
    posting.accept([0])
    began = FakeClock()
    with posting.runtime(began) as slow:
        sender = slow.outbox.connections.sender("slack")

        def late(outgoing: Outgoing) -> Result:
            other = FakeClock(began.at + outbox.LEASE)
            slack.skew = 121
            posting.deliver(other)
            other.passes("61s")
            posting.deliver(other)  # another sends it, and does not learn whether it arrived
            assert (posting.delivery["status"], len(slack.messages)) == ("unknown", 1)
            return LATE

        sender.send = late  # type: ignore[method-assign]
        deliver(slow, limit=1)
    assert posting.delivery["status"] == "unknown"
    posting.let_pass(60)
    posting.deliver()
    assert (posting.delivery["status"], len(slack.messages)) == ("delivered", 1)


def test_a_late_word_that_nothing_was_sent_spares_the_look(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0])
    began = FakeClock()
    with posting.runtime(began) as slow:
        sender = slow.outbox.connections.sender("slack")

        def late(outgoing: Outgoing) -> Result:
            posting.deliver(FakeClock(began.at + outbox.LEASE))
            assert posting.delivery["status"] == "unknown"
            return LATE

        sender.send = late  # type: ignore[method-assign]
        deliver(slow, limit=1)
    assert posting.delivery["status"] == "retrying"


def test_no_request_is_begun_that_could_outlast_the_lease(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0])
    clock = FakeClock()
    with posting.runtime(clock) as runtime:
        sender = runtime.outbox.connections.sender("slack")
        answers = []

        def asking(outgoing: Outgoing) -> Result:
            for pause in (0, outbox.LEASE - outbox.REQUEST - 1, 1):
                clock.at += pause
                answers.append(outgoing.is_ours())
            return LATE

        sender.send = asking  # type: ignore[method-assign]
        deliver(runtime, limit=1)
    assert answers == [True, True, False]


# Every sender asks --------------------------------------------------------------------------------------------------

BODY = {"channel": "#alerts", "text": "t", "blocks": [{"type": "divider"}]}


def test_the_bot_neither_updates_nor_posts_what_is_not_its_own(slack: SlackStandin) -> None:
    told = {"thread": "k", "window": 1, "update": True}
    for place in (None, Place("C1", "1.1")):
        message = Outgoing("dlv_1", "#alerts", BODY, told, place, is_ours=lambda: False)
        assert Bot(TOKEN, slack.url).send(message) == LATE
    assert slack.requests == []


def test_it_asks_again_between_the_update_and_the_post(slack: SlackStandin) -> None:
    first = Outgoing("dlv_1", "#alerts", BODY, {})
    sent = Bot(TOKEN, slack.url).send(first)
    place = Place(**sent.receipt)  # type: ignore[union-attr]
    answers = iter([True, False])
    told = {"thread": "k", "window": 1, "update": True}
    reply = Outgoing("dlv_2", "#alerts", BODY, told, place, is_ours=lambda: next(answers))
    assert Bot(TOKEN, slack.url).send(reply) == LATE
    assert (len(slack.updates), len(slack.messages)) == (1, 1)


def test_an_incoming_webhook_does_not_post(slack: SlackStandin) -> None:
    message = Outgoing("dlv_1", "#alerts", BODY, {}, is_ours=lambda: False)
    assert WebhookSender(slack.webhook_url).send(message) == LATE
    assert slack.requests == []


def test_a_terminal_does_not_draw() -> None:
    drawn: list[object] = []
    sender = Terminal(lambda target, body: drawn.append(target))
    assert sender.send(Outgoing("dlv_1", "#alerts", BODY, {}, is_ours=lambda: False)) == LATE
    assert drawn == []


def test_a_webhook_sends_no_request() -> None:
    with closing(Receiver()) as receiver:
        told = {"url": receiver.url, "auth": {"type": "none"}, "timeout": 1000}
        assert Requests().send(Outgoing("dlv_1", "x", BODY, told, is_ours=lambda: False)) == LATE
        assert receiver.requests == []


def test_a_file_is_not_written(tmp_path: Path) -> None:
    assert Files(str(tmp_path)).send(Outgoing("dlv_1", "a.ndjson", BODY, {}, is_ours=lambda: False)) == LATE
    assert (tmp_path / "a.ndjson").read_bytes() == b""
