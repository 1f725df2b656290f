"""One message, not thousands: messages of one key hang on the first of them."""

import json
from typing import Any

import pytest

from tests.support.clock import FakeClock
from tests.support.posting import Posting, posts
from tests.support.program import wait_until
from tests.support.standin import (
    BUSY,
    Fault,
    Garbage,
    Hang,
    HangAfterStore,
    RateLimited,
    ResetAfterStore,
    ResetBeforeStore,
    SlackError,
    SlackStandin,
    Slow,
    Status,
)
from tests.support.threads import LATER, PLAIN, accept, calls, emit, notes, threads, tops

HOUR = 3_600_000


def test_later_messages_of_a_key_are_replies_to_the_first(threaded: Posting, slack: SlackStandin) -> None:
    threaded.pipeline(PLAIN)
    emit(threaded, 1, 2, 3)
    assert threads(slack) == [(1, [2, 3])]


def test_each_key_has_a_thread_of_its_own(threaded: Posting, slack: SlackStandin) -> None:
    threaded.pipeline(PLAIN)
    emit(threaded, 1, 2)
    emit(threaded, 7, 8, key="other")
    emit(threaded, 3)
    assert threads(slack) == [(1, [2, 3]), (7, [8])]


def test_with_update_the_first_message_says_what_the_newest_does(threaded: Posting, slack: SlackStandin) -> None:
    emit(threaded, 1, 2, 3)
    assert threads(slack) == [(3, [1, 2, 3])]


def test_what_the_first_message_said_is_a_reply_before_it_is_edited(threaded: Posting, slack: SlackStandin) -> None:
    emit(threaded, 1)
    slack.script_method("chat.update", RateLimited(300))
    emit(threaded, 2)
    assert threads(slack) == [(1, [1])]
    first, copy = slack.messages
    assert (copy.body["text"], copy.body["blocks"]) == (first.body["text"], first.body["blocks"])


def test_an_updated_message_keeps_the_id_of_its_own_delivery(threaded: Posting, slack: SlackStandin) -> None:
    emit(threaded, 1, 2)
    ((first,), (second,)) = threaded.sql("SELECT id FROM deliveries ORDER BY seq")
    assert [message.delivery_id for message in slack.messages] == [first, f"{first}/first", second]


def test_a_batch_of_one_key_is_one_thread_in_its_order(threaded: Posting, slack: SlackStandin) -> None:
    with threaded.runtime() as runtime:
        for number in range(1, 9):
            accept(runtime, "acme", number)
    threaded.deliver()
    assert threads(slack) == [(8, [1, 2, 3, 4, 5, 6, 7, 8])]


def test_after_the_window_a_new_thread_begins(threaded: Posting, slack: SlackStandin) -> None:
    clock = FakeClock()
    emit(threaded, 1, clock=clock)
    clock.sleep(HOUR - 1)
    emit(threaded, 2, clock=clock)
    clock.sleep(1)
    emit(threaded, 3, 4, clock=clock)
    assert threads(slack) == [(2, [1, 2]), (4, [3, 4])]


def test_the_window_is_of_the_events_own_time(threaded: Posting, slack: SlackStandin) -> None:
    threaded.pipeline(PLAIN)
    emit(threaded, 1, at="2026-01-01T00:00:00Z")
    emit(threaded, 2, at="2026-01-01T00:59:59Z")
    emit(threaded, 3, at="2026-01-01T01:00:00Z")
    assert threads(slack) == [(1, [2]), (3, [])]


def test_an_older_event_that_comes_late_does_not_put_the_first_message_back(
    threaded: Posting, slack: SlackStandin
) -> None:
    emit(threaded, 1, at="2026-01-01T00:00:00Z")
    emit(threaded, 2, at="2026-01-01T00:30:00Z")
    emit(threaded, 3, at="2026-01-01T00:10:00Z")
    assert threads(slack) == [(2, [1, 2, 3])]


def test_a_replay_of_an_old_event_does_not_put_the_first_message_back(threaded: Posting, slack: SlackStandin) -> None:
    emit(threaded, 1, 2)
    (event,) = threaded.sql("SELECT id FROM events ORDER BY seq LIMIT 1")[0]
    assert threaded.run("replay", event, "--again", "--yes").code == 0
    assert threads(slack) == [(2, [1, 2, 1])]


def test_a_null_key_is_no_thread_and_the_trace_says_so(threaded: Posting, slack: SlackStandin) -> None:
    threaded.pipeline('thread = "$event.customer_id:${event.used / 0}"\n')
    emit(threaded, 1, 2)
    assert threads(slack) == [(1, []), (2, [])]
    (trace,) = threaded.sql("SELECT trace FROM runs LIMIT 1")[0]
    assert "in no thread: its key is null" in trace


def test_two_channels_have_two_threads_of_one_key(threaded: Posting, slack: SlackStandin) -> None:
    threaded.pipeline(f'{PLAIN}[[destinations]]\nuse = "slack"\nchannel = "#growth"\n{PLAIN}')
    emit(threaded, 1, 2)
    assert [message.channel for message in tops(slack)] == ["alerts", "growth"]
    assert threads(slack) == [(1, [2]), (1, [2])]


def test_the_receipt_of_a_reply_names_its_thread(threaded: Posting, slack: SlackStandin) -> None:
    emit(threaded, 1, 2)
    first, second = [json.loads(row) for (row,) in threaded.sql("SELECT receipt FROM deliveries ORDER BY seq")]
    assert first == {"channel": slack.channels["alerts"].id, "ts": slack.messages[0].ts}
    assert second == {**first, "ts": slack.messages[2].ts, "thread_ts": first["ts"]}


# The order ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["retrying", "unknown"])
def test_a_message_waits_for_those_before_it_in_its_thread(status: str, threaded: Posting, slack: SlackStandin) -> None:
    slack.script.append(BUSY if status == "retrying" else Garbage("?"))
    emit(threaded, 1, 2, 3)
    assert slack.messages == []
    assert threaded.statuses() == {status: 1, "pending": 2}
    threaded.let_pass(LATER)
    threaded.deliver()
    assert threads(slack) == [(3, [1, 2, 3])]


def test_other_messages_of_the_channel_do_not_wait(threaded: Posting, slack: SlackStandin) -> None:
    slack.script.append(Garbage("?"))
    emit(threaded, 1, 2)
    emit(threaded, 9, key="other")
    assert threads(slack) == [(9, [])]


def test_a_dead_one_holds_nothing_up(threaded: Posting, slack: SlackStandin) -> None:
    slack.script.append(SlackError("msg_too_long"))
    emit(threaded, 1, 2, 3)
    assert (threads(slack), threaded.statuses()) == ([(3, [2, 3])], {"dead": 1, "delivered": 2})


def test_a_dead_one_that_is_sent_later_by_hand_is_a_reply_and_no_update(threaded: Posting, slack: SlackStandin) -> None:
    emit(threaded, 1)
    slack.script_method("chat.update", SlackError("cannot_update"))
    slack.script_method("chat.postMessage", Slow(0), SlackError("msg_too_long"))
    emit(threaded, 2, 3)
    (dead,) = threaded.sql("SELECT id FROM deliveries WHERE status = 'dead'")[0]
    assert threaded.run("deliveries", "retry", dead).code == 0
    threaded.deliver()
    assert threads(slack) == [(3, [1, 3, 2])]
    assert "a newer one of the thread is delivered" in str(notes(threaded)[1])


def test_a_first_message_that_was_dead_becomes_a_reply(threaded: Posting, slack: SlackStandin) -> None:
    slack.script.append(SlackError("msg_too_long"))
    emit(threaded, 1, 2)
    assert threaded.run("deliveries", "retry", "--status", "dead").code == 0
    threaded.deliver()
    assert threads(slack) == [(2, [1])]


def test_why_names_what_a_message_waits_for(threaded: Posting, slack: SlackStandin) -> None:
    slack.script.append(BUSY)
    emit(threaded, 1, 2)
    (first,) = threaded.sql("SELECT id FROM deliveries ORDER BY seq")[0]
    out = threaded.run("why", "@last").out
    assert f"waits for {first}, which is before it in its thread" in out
    assert "in the thread of acme, whose first message is updated" in out


def test_deliveries_show_tells_the_thread_and_what_was_done(threaded: Posting, slack: SlackStandin) -> None:
    emit(threaded, 1, 2)
    (id_,) = threaded.sql("SELECT id FROM deliveries ORDER BY seq DESC")[0]
    shown = threaded.run("deliveries", "show", id_, "--json").json
    assert (shown["thread"], shown["update"], shown["waits_for"]) == ("acme", True, None)
    assert "in the thread of acme; its first message is updated" in threaded.run("deliveries", "show", id_).out


# Faults of the update and of the reply --------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [RateLimited(300), Status(500), BUSY, ResetBeforeStore(), Hang(0.2), ResetAfterStore()]
)
def test_an_update_without_an_answer_is_done_again_and_the_reply_was_not_posted(
    fault: Fault, threaded: Posting, slack: SlackStandin
) -> None:
    emit(threaded, 1)
    slack.script_method("chat.update", fault)
    emit(threaded, 2)
    assert (threads(slack)[0][1], threaded.statuses()) == ([1], {"delivered": 1, "retrying": 1})
    threaded.let_pass(LATER)
    threaded.deliver()
    assert threads(slack) == [(2, [1, 2])]


@pytest.mark.parametrize("fault", [ResetAfterStore(), HangAfterStore(0.2), Garbage("?", stored=True)])
@pytest.mark.parametrize("of", ["reply", "first message as a reply"])
def test_a_reply_that_may_have_arrived_is_found_in_its_thread(
    of: str, fault: Fault, threaded: Posting, slack: SlackStandin
) -> None:
    emit(threaded, 1)
    slack.script_method("chat.postMessage", *([Slow(0)] if of == "reply" else []), fault)
    emit(threaded, 2)
    assert threaded.statuses() == {"delivered": 1, "unknown": 1}
    for _ in range(2):
        threaded.let_pass(60)
        threaded.deliver()
    assert (threads(slack), threaded.statuses()) == ([(2, [1, 2])], {"delivered": 2})
    (receipt,) = threaded.sql("SELECT receipt FROM deliveries ORDER BY seq DESC")[0]
    assert json.loads(receipt)["thread_ts"] == slack.messages[0].ts


@pytest.mark.parametrize("of", ["reply", "first message as a reply"])
def test_a_reply_that_did_not_arrive_is_sent_again_under_the_same_message(
    of: str, threaded: Posting, slack: SlackStandin
) -> None:
    emit(threaded, 1)
    slack.script_method("chat.postMessage", *([Slow(0)] if of == "reply" else []), Garbage("?"))
    emit(threaded, 2)
    threaded.let_pass(60)
    threaded.deliver()
    assert threads(slack) == [(2, [1, 2])]


def test_a_first_message_that_is_found_is_the_first_of_its_thread(threaded: Posting, slack: SlackStandin) -> None:
    slack.script.append(Garbage("?", stored=True))
    emit(threaded, 1, 2)
    threaded.deliver()
    assert threads(slack) == [(2, [1, 2])]


@pytest.mark.parametrize("code", ["edit_window_closed", "cant_update_message", "msg_too_long"])
def test_where_the_first_message_cannot_be_edited_the_reply_is_posted_and_the_note_says_so(
    code: str, threaded: Posting, slack: SlackStandin
) -> None:
    emit(threaded, 1)
    slack.script_method("chat.update", SlackError(code))
    emit(threaded, 2)
    assert threads(slack) == [(1, [1, 2])]
    assert f"its first message could not be updated: {code}" in str(notes(threaded)[1])


def test_a_revoked_token_stops_before_anything_is_done(threaded: Posting, slack: SlackStandin) -> None:
    emit(threaded, 1)
    slack.revoked.add("xoxb-test")
    emit(threaded, 2)
    assert threaded.statuses() == {"delivered": 1, "pending": 1}
    slack.revoked.clear()
    threaded.deliver()
    assert threads(slack) == [(2, [1, 2])]


# A deleted first message ----------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [PLAIN, f"{PLAIN}update = true\n"])
@pytest.mark.parametrize("replies", [0, 1])
def test_a_deleted_first_message_is_followed_by_a_new_one(
    more: str, replies: int, threaded: Posting, slack: SlackStandin
) -> None:
    threaded.pipeline(more)
    emit(threaded, *range(1, replies + 2))
    slack.delete(slack.messages[0])
    emit(threaded, 5, 6)
    assert threads(slack) == [(6, [5, 6]) if "update" in more else (5, [6])]
    assert "the thread's first message is gone: this one begins it anew" in str(notes(threaded)[-2])


@pytest.mark.parametrize("more", [PLAIN, f"{PLAIN}update = true\n"])
def test_one_that_is_deleted_between_the_look_and_the_reply_is_followed_by_a_new_one(
    more: str, threaded: Posting, slack: SlackStandin
) -> None:
    threaded.pipeline(more)
    emit(threaded, 1)
    first = slack.messages[0]
    call = slack._api

    def deleting(request: Any) -> dict[str, Any]:
        if request.method == "chat.postMessage" and first in slack.messages:
            slack.delete(first)
        return call(request)

    slack._api = deleting  # type: ignore[method-assign, assignment]
    emit(threaded, 2, 3)
    # With update it was the reply that keeps what the first message said, which Slack made a message of its own.
    assert threads(slack) == ([(1, []), (3, [2, 3])] if "update" in more else [(2, [3])])
    assert ("begins it anew" if "update" in more else "Slack made this one the first") in str(notes(threaded)[1])


@pytest.mark.parametrize("code", ["thread_not_found", "message_not_found", "cannot_reply_to_message"])
@pytest.mark.parametrize("of", ["reply", "first message as a reply"])
def test_a_reply_that_slack_refuses_for_its_thread_is_posted_at_once(
    of: str, code: str, threaded: Posting, slack: SlackStandin
) -> None:
    emit(threaded, 1)
    slack.script_method("chat.postMessage", *([Slow(0)] if of == "reply" else []), SlackError(code))
    emit(threaded, 2, 3)
    assert threads(slack) == [(2, [1]) if of == "reply" else (1, []), (3, [2, 3])]


def test_a_new_first_message_that_may_have_arrived_is_found(threaded: Posting, slack: SlackStandin) -> None:
    emit(threaded, 1)
    slack.delete(slack.messages[0])
    slack.script_method("chat.postMessage", Garbage("?", stored=True))
    emit(threaded, 2, 3)
    threaded.deliver()
    assert (threads(slack), threaded.statuses()) == ([(3, [2, 3])], {"delivered": 3})


@pytest.mark.parametrize("fault", [SlackError("unknown_method"), Status(500), RateLimited(30), Garbage("?")])
def test_whatever_the_look_answers_stops_no_delivery(fault: Fault, threaded: Posting, slack: SlackStandin) -> None:
    threaded.pipeline(PLAIN)
    emit(threaded, 1)
    slack.script_method("chat.getPermalink", fault)
    emit(threaded, 2)
    assert threads(slack) == [(1, [2])]


def test_a_channel_that_was_made_anew_gets_a_new_first_message(threaded: Posting, slack: SlackStandin) -> None:
    emit(threaded, 1)
    slack.channels["alerts"].name = "old"
    slack.channels["old"] = slack.channels.pop("alerts")
    slack.channels["old"].archived = True
    slack.messages[0].channel = "old"
    slack.add_channel("alerts").id = "C9999999999"
    emit(threaded, 2)
    assert [message.channel for message in slack.messages] == ["old", "alerts"]


# What the first message said ------------------------------------------------------------------------------


@pytest.mark.parametrize("looks", [[], [SlackError("missing_scope")], [Status(500), BUSY]])
def test_it_is_a_reply_once_however_often_the_next_message_is_tried(
    looks: list[Fault], threaded: Posting, slack: SlackStandin
) -> None:
    emit(threaded, 1)
    slack.script_method("chat.postMessage", Slow(0), RateLimited(300))
    slack.script_method("conversations.replies", *looks)
    emit(threaded, 2)
    assert threads(slack) == [(2, [1])]
    for _ in range(4):
        threaded.let_pass(LATER)
        threaded.deliver()
    assert threads(slack) == [(2, [1, 2])]


def test_it_is_a_reply_once_when_the_next_message_died(threaded: Posting, slack: SlackStandin) -> None:
    emit(threaded, 1)
    slack.script_method("chat.postMessage", Slow(0), SlackError("msg_too_long"))
    emit(threaded, 2, 3)
    assert (threads(slack), threaded.statuses()) == ([(3, [1, 3])], {"delivered": 2, "dead": 1})


def test_where_no_reply_can_say_it_the_first_message_stays_as_it_is(threaded: Posting, slack: SlackStandin) -> None:
    emit(threaded, 1)
    slack.script_method("chat.postMessage", SlackError("restricted_action_thread_locked"))
    emit(threaded, 2)
    assert threads(slack) == [(1, [2])]
    assert "its first message stays as it is: no reply can keep what it says" in str(notes(threaded)[1])


def test_while_it_is_unknown_whether_the_reply_is_there_nothing_is_edited(
    threaded: Posting, slack: SlackStandin
) -> None:
    emit(threaded, 1)
    slack.script_method("chat.postMessage", Status(500))
    emit(threaded, 2)
    assert (threads(slack), threaded.statuses()) == ([(1, [])], {"delivered": 1, "unknown": 1})


# Processes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "before_it"), [("chat.update", 0), ("chat.postMessage", 0), ("chat.postMessage", 1)]
)
@pytest.mark.parametrize("stored", [True, False])
def test_a_sender_that_is_killed_leaves_nothing_half_done(
    method: str, before_it: int, stored: bool, threaded: Posting, slack: SlackStandin
) -> None:
    emit(threaded, 1)
    with threaded.runtime() as runtime:
        accept(runtime, "acme", 2)
        accept(runtime, "acme", 3)
    slack.script_method(method, *[Slow(0)] * before_it, HangAfterStore(60) if stored else Hang(60))
    before = calls(slack, method) + before_it
    process = threaded.forked("deliver")
    wait_until(lambda: calls(slack, method) == before + 1)
    if stored:
        wait_until(lambda: len(slack.updates) if method == "chat.update" else len(slack.messages) == 2 + before_it)
    process.kill()
    process.communicate()
    for _ in range(3):
        threaded.deliver()
        threaded.let_pass(60)
    assert (threads(slack), threaded.statuses()) == ([(3, [1, 2, 3])], {"delivered": 3})


def test_a_deliverer_waits_for_what_another_has_in_hand(threaded: Posting, slack: SlackStandin) -> None:
    slack.always = Slow(0.5)
    with threaded.runtime() as runtime:
        accept(runtime, "acme", 1)
        accept(runtime, "acme", 2)
    first = threaded.start("deliver", "--limit", "1")
    wait_until(lambda: posts(slack) == 1)
    threaded.deliver()
    first.communicate()
    assert threads(slack) == [(2, [1, 2])]


def test_a_deliverer_waits_no_longer_than_the_lease_of_one_that_vanished(
    threaded: Posting, slack: SlackStandin
) -> None:
    clock = FakeClock()
    with threaded.runtime(clock) as runtime:
        accept(runtime, "acme", 1)
        accept(runtime, "acme", 2)
    until = clock.at + 60_000
    threaded.sql("UPDATE deliveries SET lease_by = 'elsewhere:1/b/n/s', lease_until = ? WHERE seq = 1", until)
    threaded.sql("UPDATE lanes SET busy_until = ?", until)
    threaded.deliver(clock)
    assert until <= clock.at < until + 1_000
    assert slack.messages == []


def test_eight_deliverers_keep_the_threads_in_order(threaded: Posting, slack: SlackStandin) -> None:
    with threaded.runtime() as runtime:
        for number in range(1, 9):
            for key in ("a", "b", "c"):
                accept(runtime, key, number)
    threaded.run_at_once([("deliver", "--json")] * 8)
    threaded.deliver()
    assert threads(slack) == [(8, [1, 2, 3, 4, 5, 6, 7, 8])] * 3


def test_emitters_of_one_key_at_once_make_one_thread(threaded: Posting, slack: SlackStandin) -> None:
    fields = ("customer_id=acme", "metric=seats", "limit:=1", "plan=alerts")
    commands = [
        ("emit", "usage.limit_reached", *fields, f"used:={number}", "--key", str(number), "--json")
        for number in range(1, 7)
    ]
    results = threaded.run_at_once(commands)
    assert [result.code for result in results] == [0] * 6
    numbers = [
        json.loads(row)["used"] for (row,) in threaded.sql("SELECT payload FROM events ORDER BY received_at, seq")
    ]
    ((shown, replies),) = threads(slack)
    assert (shown, len(replies), posts(slack)) == (numbers[-1], 6, 7)


# Other connections ----------------------------------------------------------------------------------------


def test_a_terminal_draws_it_plainly_and_names_the_thread(threaded: Posting) -> None:
    text = (threaded.root / "ingestlayer.toml").read_text().replace('"bot"', '"terminal"')
    threaded.write("ingestlayer.toml", text)
    fields = ("customer_id=acme", "metric=seats", "limit:=1", "used:=2", "plan=alerts")
    out = threaded.run("emit", "usage.limit_reached", *fields).out
    assert "in Slack: in the thread of acme, whose first message is updated" in out


def test_a_webhook_posts_plainly_and_the_note_says_so(threaded: Posting, slack: SlackStandin) -> None:
    text = (threaded.root / "ingestlayer.toml").read_text().replace('"bot"', '"webhook"')
    threaded.write("ingestlayer.toml", text)
    fields = ("customer_id=acme", "metric=seats", "limit:=1", "plan=alerts")
    for number in (1, 2):
        arguments = ("emit", "usage.limit_reached", *fields, f"used:={number}", "--key", str(number))
        assert threaded.run(*arguments, env={"SLACK_WEBHOOK_URL": slack.webhook_url}).code == 0
    assert threads(slack) == [(1, []), (2, [])]
    assert notes(threaded) == ["not in a thread: a webhook has none"] * 2
    found = threaded.run("validate")
    assert "there are no threads: messages are posted plainly" in found.out + found.err


def test_a_preview_tells_the_thread(threaded: Posting) -> None:
    fields = ("customer_id=acme", "metric=seats", "limit:=1", "used:=2", "plan=alerts")
    result = threaded.run("preview", "usage.limit_reached", *fields)
    assert "in the thread of acme, whose first message is updated" in result.out
    (message,) = threaded.run("preview", "usage.limit_reached", *fields, "--json").json["runs"][0]["messages"]
    assert (message["thread"], message["update"]) == ("acme", True)


# Keys -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", ["update = true", 'thread_window = "1d"'])
def test_what_is_of_a_thread_needs_one(more: str, threaded: Posting) -> None:
    threaded.pipeline(more)
    result = threaded.run("validate")
    assert result.code in (1, 78)
    assert "is of a thread" in result.out + result.err
