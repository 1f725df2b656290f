"""`unknown`: what may or may not have arrived is looked up, held or sent again; never guessed."""

import json
import threading
import time
from typing import Any

import pytest

from ingestlayer_cli.model.sending import CannotTell, Found, Harmless, Outgoing, Result
from tests.support.clock import FakeClock
from tests.support.posting import Posting, deliver, posted, posts
from tests.support.standin import (
    Fault,
    Garbage,
    HangAfterStore,
    RateLimited,
    ResetBeforeStore,
    SlackError,
    SlackStandin,
    Status,
)

MINUTE, HOUR = 60_000, 3_600_000
TAKEN = Garbage("who knows", stored=True)
LOST = Garbage("who knows")


@pytest.fixture
def blind(slack: SlackStandin) -> SlackStandin:
    """A Slack whose history the token may not read."""
    slack.tokens["xoxb-test"].discard("channels:history")
    return slack


def make_unknown(posting: Posting, slack: SlackStandin, *faults: Any, clock: FakeClock | None = None) -> None:
    slack.script.extend(faults)
    posting.accept(range(len(faults)), clock=clock)
    posting.deliver(clock)


def test_what_is_found_is_delivered_with_its_ts(posting: Posting, slack: SlackStandin) -> None:
    make_unknown(posting, slack, TAKEN)
    posting.deliver()
    assert posting.delivery["status"] == "delivered"
    assert slack.messages[0].ts in posting.delivery["receipt"]


def test_what_is_found_is_told_as_found(posting: Posting, slack: SlackStandin) -> None:
    make_unknown(posting, slack, TAKEN)
    result = posting.run("deliver")
    assert result.code == 0
    assert result.out == f"#alerts delivered {posting.delivery['id']}: it is in the channel's history\n"


def test_what_is_not_found_is_sent_a_minute_later_and_not_before(posting: Posting, slack: SlackStandin) -> None:
    clock = FakeClock()
    make_unknown(posting, slack, LOST, clock=clock)
    clock.sleep(59_000)
    result, heard = posting.deliver(clock)
    assert (heard, result["waiting"], posts(slack)) == ([], {"unknown": 1}, 1)
    clock.sleep(1_000)
    slack.skew = 60  # it has passed for Slack, too
    result, heard = posting.deliver(clock)
    assert [(one.outcome, one.status) for one in heard] == [("resend", "retrying"), ("sent", "delivered")]
    assert len(slack.messages) == 1


def test_some_are_found_and_the_others_sent_again(posting: Posting, slack: SlackStandin) -> None:
    make_unknown(posting, slack, LOST, TAKEN, LOST, TAKEN)
    posting.let_pass(60)
    posting.deliver()
    assert sorted(posted(slack)) == ["c0", "c1", "c2", "c3"]
    assert posting.statuses() == {"delivered": 4}


def test_without_the_scope_it_is_held_and_the_message_names_both_commands(
    posting: Posting, blind: SlackStandin
) -> None:
    make_unknown(posting, blind, TAKEN)
    posting.let_pass(3600)
    for _ in range(2):
        result = posting.run("deliver")
        id_ = posting.delivery["id"]
        assert (result.code, posts(blind)) == (75, 1)
        assert "the token needs channels:history" in result.out
        assert f"`ingestlayer deliveries settle {id_} --delivered`" in result.err
        assert f"`ingestlayer deliveries retry {id_}`" in result.err
        assert "#alerts" in result.err


def test_emit_names_the_commands_for_what_it_does_not_know(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(TAKEN)
    result = posting.run(
        "emit", "usage.limit_reached", *["customer_id=a", "metric=seats", "limit:=1", "used:=1", "plan=alerts"]
    )
    assert result.code == 75
    assert "ingestlayer deliver" in result.err
    assert f"deliveries settle {posting.delivery['id']} --delivered" in result.err


def test_held_ones_do_not_hold_their_channel(posting: Posting, blind: SlackStandin) -> None:
    make_unknown(posting, blind, TAKEN)
    assert posting.emit(7).code == 0
    assert posted(blind) == ["c0", "c7"]


def test_on_unknown_resend_sends_again_where_the_history_cannot_be_read(posting: Posting, blind: SlackStandin) -> None:
    posting.settings(more='on_unknown = "resend"')
    make_unknown(posting, blind, TAKEN, LOST)
    result, _ = posting.deliver()
    assert (result.exit_codes, posting.statuses()) == ([], {"delivered": 2})
    assert sorted(posted(blind)) == ["c0", "c0", "c1"]  # the price of "resend"


def test_on_unknown_resend_looks_first_where_the_history_can_be_read(posting: Posting, slack: SlackStandin) -> None:
    posting.settings(more='on_unknown = "resend"')
    make_unknown(posting, slack, TAKEN, LOST)
    posting.let_pass(60)
    posting.deliver()
    assert sorted(posted(slack)) == ["c0", "c1"]


PASSING = [
    RateLimited(30),
    Status(500),
    SlackError("fatal_error"),
    SlackError("token_revoked"),
    ResetBeforeStore(),
    Garbage("<html>"),
    Garbage('{"ok": true, "messages": [7]}'),
]


@pytest.mark.parametrize("fault", PASSING, ids=repr)
def test_on_unknown_resend_does_not_send_again_what_cannot_be_looked_up_now(
    posting: Posting, slack: SlackStandin, fault: Fault
) -> None:
    posting.settings(more='on_unknown = "resend"')
    make_unknown(posting, slack, TAKEN)
    posting.let_pass(60)
    slack.script_method("conversations.history", fault)
    _, heard = posting.deliver()
    assert ([one.outcome for one in heard], posts(slack)) == (["held"], 1)
    assert "it is looked for again" in (heard[0].error or "")
    posting.deliver()
    assert (posting.statuses(), posts(slack)) == ({"delivered": 1}, 1)


def test_on_unknown_resend_waits_for_a_connection(posting: Posting, slack: SlackStandin) -> None:
    posting.settings(more='on_unknown = "resend"')
    make_unknown(posting, slack, TAKEN)
    assert posting.run("deliver", env={"SLACK_BOT_TOKEN": ""}).code == 75
    assert posting.delivery["status"] == "unknown"
    posting.deliver()
    assert (posting.statuses(), posts(slack)) == ({"delivered": 1}, 1)


# Absence is proof only when the look could have found it --------------------------------------------------


def held(posting: Posting, slack: SlackStandin, clock: FakeClock | None = None, tries: int = 1) -> str:
    """Return why the only doubtful delivery is held; it must not be sent again."""
    posting.let_pass(60)
    result, heard = posting.deliver(clock)
    assert [one.outcome for one in heard] == ["held"], heard
    assert (result["waiting"], posts(slack)) == ({"unknown": 1}, tries)
    return heard[0].error or ""


@pytest.mark.parametrize("ahead", [6 * MINUTE, HOUR, -HOUR])
def test_a_clock_that_is_wrong_hides_nothing(posting: Posting, slack: SlackStandin, ahead: int) -> None:
    clock = FakeClock()
    clock.at += ahead
    make_unknown(posting, slack, TAKEN, clock=clock)
    clock.sleep(MINUTE)
    posting.deliver(clock)
    assert (posting.delivery["status"], posts(slack)) == ("delivered", 1)


@pytest.mark.parametrize("ahead", [6 * MINUTE, HOUR, -HOUR])
def test_a_clock_that_was_wrong_when_it_was_sent_hides_nothing(
    posting: Posting, slack: SlackStandin, ahead: int
) -> None:
    clock = FakeClock()
    clock.at += ahead
    make_unknown(posting, slack, TAKEN, clock=clock)
    posting.let_pass(60)
    posting.deliver(FakeClock())
    assert (posting.delivery["status"], posts(slack)) == ("delivered", 1)


def test_a_clock_that_is_set_on_is_no_minute_of_slacks(posting: Posting, slack: SlackStandin) -> None:
    clock = FakeClock()
    make_unknown(posting, slack, LOST, clock=clock)
    clock.sleep(HOUR)
    _, heard = posting.deliver(clock)
    assert (heard, posts(slack)) == ([], 1)


def test_what_was_sent_in_slacks_future_is_held(posting: Posting, slack: SlackStandin) -> None:
    clock = FakeClock()
    clock.at += 365 * 24 * HOUR
    make_unknown(posting, slack, LOST, clock=clock)
    clock.sleep(MINUTE)
    assert "this machine's clock is or was too far ahead" in held(posting, slack, clock)


def test_what_went_to_a_channel_before_it_was_renamed_is_found_there(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0], deliver=True)
    slack.script.append(TAKEN)
    posting.accept([1], deliver=True)
    slack.rename("alerts", "older")
    slack.add_channel("alerts")
    posting.deliver()
    assert posting.statuses() == {"delivered": 2}
    assert (posted(slack, "older"), posted(slack, "alerts")) == (["c0", "c1"], [])


def test_what_went_to_another_channel_of_the_same_name_is_found_there(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0], deliver=True)
    slack.rename("alerts", "older")
    slack.add_channel("alerts")
    slack.script.append(TAKEN)
    posting.accept([1], deliver=True)
    posting.deliver()
    assert posting.statuses() == {"delivered": 2}
    assert (posted(slack, "older"), posted(slack, "alerts")) == (["c0"], ["c1"])


def test_what_is_in_neither_of_two_channels_of_a_name_is_held(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0], deliver=True)
    slack.rename("alerts", "older")
    slack.add_channel("alerts")
    slack.script.append(LOST)
    posting.accept([1], deliver=True)
    assert "#alerts is another channel now" in held(posting, slack, tries=2)


def test_the_first_message_to_a_channel_whose_name_another_has_now_is_held(
    posting: Posting, slack: SlackStandin
) -> None:
    make_unknown(posting, slack, TAKEN)
    slack.rename("alerts", "older")
    slack.add_channel("alerts")
    assert "#alerts was made or changed since" in held(posting, slack)


def test_where_it_cannot_be_seen_whether_a_channel_is_the_same_it_is_held(
    posting: Posting, slack: SlackStandin
) -> None:
    posting.accept([0], deliver=True)
    slack.tokens["xoxb-test"].discard("channels:read")
    slack.script.append(LOST)
    posting.accept([1], deliver=True)
    assert "whether #alerts is still the channel that it went to before cannot be seen" in held(posting, slack, tries=2)


def test_a_message_that_was_composed_for_a_webhook_is_held(posting: Posting, slack: SlackStandin) -> None:
    text = (posting.root / "ingestlayer.toml").read_text()
    posting.write("ingestlayer.toml", text.replace('"bot"', '"webhook"'))
    slack.script.append(TAKEN)
    assert posting.emit(0, env={"SLACK_WEBHOOK_URL": slack.webhook_url}).delivery["status"] == "unknown"
    posting.settings()
    posting.let_pass(60)
    _, heard = posting.deliver()
    assert ([one.outcome for one in heard], len(slack.messages)) == (["held"], 1)
    assert "composed for a webhook" in (heard[0].error or "")


def test_a_message_that_went_by_a_webhook_is_not_sent_again_by_a_bot(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0])
    text = (posting.root / "ingestlayer.toml").read_text()
    posting.write("ingestlayer.toml", text.replace('"bot"', '"webhook"'))
    slack.script.append(TAKEN)
    posting.run("deliver", env={"SLACK_WEBHOOK_URL": slack.webhook_url})
    assert posting.delivery["status"] == "unknown"
    posting.settings()
    assert "a message that says the same is there" in held(posting, slack, tries=0)
    assert len(slack.messages) == 1


def page(**more: Any) -> Garbage:
    """A page of the history without what is looked for."""
    return Garbage(json.dumps({"ok": True, "messages": [], **more}))


def test_a_history_that_is_not_shown_to_its_end_proves_nothing(posting: Posting, slack: SlackStandin) -> None:
    make_unknown(posting, slack, LOST)
    slack.script_method("conversations.history", page(has_more=True))
    assert "Slack does not show all of it" in held(posting, slack)


def test_a_history_without_what_messages_carry_proves_nothing(posting: Posting, slack: SlackStandin) -> None:
    make_unknown(posting, slack, LOST)
    message = {"ts": f"{time.time():.6f}", "text": "another", "metadata": {"event_type": "usage_limit_reached"}}
    slack.script_method("conversations.history", page(messages=[message]))
    assert "Slack does not show what messages carry" in held(posting, slack)


def test_a_history_whose_pages_do_not_end_proves_nothing(posting: Posting, slack: SlackStandin) -> None:
    make_unknown(posting, slack, LOST)
    slack.script_method("conversations.history", *[page(response_metadata={"next_cursor": "again"})] * 3)
    assert "does not end" in held(posting, slack)


def test_a_look_has_an_end(posting: Posting, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestlayer_cli.destinations.slack.history.PATIENCE", 0.0)
    make_unknown(posting, slack, LOST)
    assert "it took over" in held(posting, slack)


def test_two_deliverers_that_look_at_the_same_time_send_it_again_once(posting: Posting, slack: SlackStandin) -> None:
    make_unknown(posting, slack, LOST)
    posting.let_pass(60)
    with posting.runtime() as one, posting.runtime() as other:
        sender = one.outbox.connections.sender("slack")
        look = sender.find

        def find(*args: Any) -> Found | CannotTell | Harmless:
            found = look(*args)
            deliver(other)  # the other one looks, sends it and is done
            return found

        sender.find = find  # type: ignore[method-assign, assignment]
        deliver(one)
    assert (len(slack.messages), posting.statuses()) == (1, {"delivered": 1})


def test_two_that_look_send_it_once_even_if_the_other_does_not_know_again(
    posting: Posting, slack: SlackStandin
) -> None:
    make_unknown(posting, slack, LOST)
    posting.let_pass(60)
    with posting.runtime() as one, posting.runtime() as other:
        sender = one.outbox.connections.sender("slack")
        look = sender.find

        def find(*args: Any) -> Found | CannotTell | Harmless:
            found = look(*args)
            slack.script.append(TAKEN)
            deliver(other)
            return found

        sender.find = find  # type: ignore[method-assign, assignment]
        deliver(one)
    posting.deliver()
    assert (len(slack.messages), posting.statuses()) == (1, {"delivered": 1})


def test_a_sender_that_was_taken_for_vanished_still_records_that_it_arrived(
    posting: Posting, slack: SlackStandin
) -> None:
    slack.tokens["xoxb-test"].discard("channels:history")
    slack.always = HangAfterStore(1)
    posting.accept([0])
    began = FakeClock()
    with posting.runtime(began) as slow:
        sender = slow.outbox.connections.sender("slack")
        send = sender.send

        def late(outgoing: Outgoing) -> Result:
            slack.always = None
            result = send(outgoing)
            posting.deliver(FakeClock(began.at + 61_000))  # the lease is over: it is unknown to the others
            assert posting.delivery["status"] == "unknown"
            return result

        sender.send = late  # type: ignore[method-assign]
        deliver(slow)
    assert (posting.delivery["status"], len(slack.messages)) == ("delivered", 1)


class Asleep(FakeClock):
    """A machine that sleeps for an hour after a delivery was claimed, before it is sent."""

    def now(self) -> int:
        main = threading.current_thread() is threading.main_thread()
        return self.at if main else self.at + 3_600_000


def test_a_process_that_slept_past_its_lease_sends_nothing(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0])
    with posting.runtime(Asleep()) as runtime:
        deliver(runtime, limit=1)
    assert (posts(slack), posting.delivery["status"], posting.delivery["attempts"]) == (0, "retrying", 0)
    posting.deliver()
    assert len(slack.messages) == 1


def test_deliver_to_one_channel_leaves_the_unknown_of_others_alone(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(LOST)
    posting.accept([0], "alerts", deliver=True)
    posting.let_pass(60)
    _, heard = posting.deliver(target="#growth")
    assert (heard, posting.delivery["status"]) == ([], "unknown")


def test_a_long_history_is_looked_through_page_by_page(posting: Posting, slack: SlackStandin) -> None:
    make_unknown(posting, slack, TAKEN)
    wanted = slack.messages[0]
    for _ in range(450):
        slack._store(slack.channels["alerts"], {"text": "chatter"}, "chat.postMessage")
    posting.deliver()
    assert posting.delivery["status"] == "delivered"
    assert wanted.ts in posting.delivery["receipt"]
