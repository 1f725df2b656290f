"""`unknown`: what may or may not have arrived is looked up, held or sent again; never guessed."""

import threading
from typing import Any

import pytest

from ingestlayer_cli.destinations.base import CannotTell, Found, Harmless, Outgoing, Result
from tests.outbox.support import FakeClock, Folder, deliver, posted, posts
from tests.slack.standin import Garbage, HangAfterStore, SlackStandin

TAKEN = Garbage("who knows", stored=True)
LOST = Garbage("who knows")


@pytest.fixture
def blind(slack: SlackStandin) -> SlackStandin:
    """A Slack whose history the token may not read."""
    slack.tokens["xoxb-test"].discard("channels:history")
    return slack


def make_unknown(project: Folder, slack: SlackStandin, *faults: Any, clock: FakeClock | None = None) -> None:
    slack.script.extend(faults)
    project.accept(range(len(faults)), clock=clock)
    project.deliver(clock)


def test_what_is_found_is_delivered_with_its_ts(project: Folder, slack: SlackStandin) -> None:
    make_unknown(project, slack, TAKEN)
    project.deliver()
    assert project.delivery["status"] == "delivered"
    assert slack.messages[0].ts in project.delivery["receipt"]


def test_what_is_found_is_told_as_found(project: Folder, slack: SlackStandin) -> None:
    make_unknown(project, slack, TAKEN)
    result = project.run("deliver")
    assert result.code == 0
    assert result.out == f"#alerts delivered {project.delivery['id']}: it is in the channel's history\n"


def test_what_is_not_found_is_sent_a_minute_later_and_not_before(project: Folder, slack: SlackStandin) -> None:
    clock = FakeClock()
    make_unknown(project, slack, LOST, clock=clock)
    clock.sleep(59_000)
    result, heard = project.deliver(clock)
    assert (heard, result["waiting"], posts(slack)) == ([], {"unknown": 1}, 1)
    clock.sleep(1_000)
    result, heard = project.deliver(clock)
    assert [(one.outcome, one.status) for one in heard] == [("resend", "retrying"), ("sent", "delivered")]
    assert len(slack.messages) == 1


def test_some_are_found_and_the_others_sent_again(project: Folder, slack: SlackStandin) -> None:
    make_unknown(project, slack, LOST, TAKEN, LOST, TAKEN)
    project.let_pass(60)
    project.deliver()
    assert sorted(posted(slack)) == ["c0", "c1", "c2", "c3"]
    assert project.statuses() == {"delivered": 4}


def test_without_the_scope_it_is_held_and_the_message_names_both_commands(project: Folder, blind: SlackStandin) -> None:
    make_unknown(project, blind, TAKEN)
    project.let_pass(3600)
    for _ in range(2):
        result = project.run("deliver")
        id_ = project.delivery["id"]
        assert (result.code, posts(blind)) == (75, 1)
        assert "the token needs channels:history" in result.out
        assert f"`ingestlayer deliveries settle {id_} --delivered`" in result.err
        assert f"`ingestlayer deliveries retry {id_}`" in result.err
        assert "#alerts" in result.err


def test_emit_names_the_commands_for_what_it_does_not_know(project: Folder, slack: SlackStandin) -> None:
    slack.script.append(TAKEN)
    result = project.run(
        "emit", "usage.limit_reached", *["customer_id=a", "metric=seats", "limit:=1", "used:=1", "plan=alerts"]
    )
    assert result.code == 75
    assert "ingestlayer deliver" in result.err
    assert f"deliveries settle {project.delivery['id']} --delivered" in result.err


def test_held_ones_do_not_hold_their_channel(project: Folder, blind: SlackStandin) -> None:
    make_unknown(project, blind, TAKEN)
    assert project.emit(7).code == 0
    assert posted(blind) == ["c0", "c7"]


def test_on_unknown_resend_sends_again_where_the_history_cannot_be_read(project: Folder, blind: SlackStandin) -> None:
    project.settings(more='on_unknown = "resend"')
    make_unknown(project, blind, TAKEN, LOST)
    result, _ = project.deliver()
    assert (result.exit_codes, project.statuses()) == ([], {"delivered": 2})
    assert sorted(posted(blind)) == ["c0", "c0", "c1"]  # the price of "resend"


def test_on_unknown_resend_looks_first_where_the_history_can_be_read(project: Folder, slack: SlackStandin) -> None:
    project.settings(more='on_unknown = "resend"')
    make_unknown(project, slack, TAKEN, LOST)
    project.let_pass(60)
    project.deliver()
    assert sorted(posted(slack)) == ["c0", "c1"]


def test_two_deliverers_that_look_at_the_same_time_send_it_again_once(project: Folder, slack: SlackStandin) -> None:
    make_unknown(project, slack, LOST)
    project.let_pass(60)
    with project.runtime() as one, project.runtime() as other:
        sender = one.outbox.connections.sender("slack")
        look = sender.find

        def find(*args: Any) -> Found | CannotTell | Harmless:
            found = look(*args)
            deliver(other)  # the other one looks, sends it and is done
            return found

        sender.find = find  # type: ignore[method-assign, assignment]
        deliver(one)
    assert (len(slack.messages), project.statuses()) == (1, {"delivered": 1})


def test_two_that_look_send_it_once_even_if_the_other_does_not_know_again(project: Folder, slack: SlackStandin) -> None:
    make_unknown(project, slack, LOST)
    project.let_pass(60)
    with project.runtime() as one, project.runtime() as other:
        sender = one.outbox.connections.sender("slack")
        look = sender.find

        def find(*args: Any) -> Found | CannotTell | Harmless:
            found = look(*args)
            slack.script.append(TAKEN)
            deliver(other)
            return found

        sender.find = find  # type: ignore[method-assign, assignment]
        deliver(one)
    project.deliver()
    assert (len(slack.messages), project.statuses()) == (1, {"delivered": 1})


def test_a_sender_that_was_taken_for_vanished_still_records_that_it_arrived(
    project: Folder, slack: SlackStandin
) -> None:
    slack.tokens["xoxb-test"].discard("channels:history")
    slack.always = HangAfterStore(1)
    project.accept([0])
    began = FakeClock()
    with project.runtime(began) as slow:
        sender = slow.outbox.connections.sender("slack")
        send = sender.send

        def late(outgoing: Outgoing) -> Result:
            slack.always = None
            result = send(outgoing)
            project.deliver(FakeClock(began.at + 61_000))  # the lease is over: it is unknown to the others
            assert project.delivery["status"] == "unknown"
            return result

        sender.send = late  # type: ignore[method-assign]
        deliver(slow)
    assert (project.delivery["status"], len(slack.messages)) == ("delivered", 1)


class Asleep(FakeClock):
    """A machine that sleeps for an hour after a delivery was claimed, before it is sent."""

    def now(self) -> int:
        main = threading.current_thread() is threading.main_thread()
        return self.at if main else self.at + 3_600_000


def test_a_process_that_slept_past_its_lease_sends_nothing(project: Folder, slack: SlackStandin) -> None:
    project.accept([0])
    with project.runtime(Asleep()) as runtime:
        deliver(runtime, limit=1)
    assert (posts(slack), project.delivery["status"], project.delivery["attempts"]) == (0, "retrying", 0)
    project.deliver()
    assert len(slack.messages) == 1


def test_deliver_to_one_channel_leaves_the_unknown_of_others_alone(project: Folder, slack: SlackStandin) -> None:
    slack.script.append(LOST)
    project.accept([0], "alerts", deliver=True)
    project.let_pass(60)
    _, heard = project.deliver(target="#growth")
    assert (heard, project.delivery["status"]) == ([], "unknown")


def test_a_long_history_is_looked_through_page_by_page(project: Folder, slack: SlackStandin) -> None:
    make_unknown(project, slack, TAKEN)
    wanted = slack.messages[0]
    for _ in range(450):
        slack._store(slack.channels["alerts"], {"text": "chatter"}, "chat.postMessage")
    project.deliver()
    assert project.delivery["status"] == "delivered"
    assert wanted.ts in project.delivery["receipt"]
