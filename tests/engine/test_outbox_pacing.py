"""Pace and order: one message after the other in a channel, in the order of acceptance, across processes."""

import json

from ingestlayer_cli.store.contract.sending import Wanted
from tests.support.clock import FakeClock
from tests.support.posting import Posting, assert_each_once, envelope, posted, posts
from tests.support.program import finished
from tests.support.standin import BUSY, RateLimited, SlackStandin, Slow


def refused(slack: SlackStandin) -> int:
    return sum(request.status == 429 for request in slack.requests)


def test_a_burst_from_four_processes_meets_no_429_and_none_is_dropped(posting: Posting, slack: SlackStandin) -> None:
    posting.settings(pace="200ms")
    slack.enforce_rate = 5.0
    batches = [
        posting.batch(
            [envelope(number, f"{('alerts', 'growth')[number % 2]}") for number in range(start, start + 6)],
            f"{start}.ndjson",
        )
        for start in range(0, 24, 6)
    ]
    results = posting.run_at_once([("emit", "--batch", batch, "--json", "--wait", "60s") for batch in batches])
    assert [result.code for result in results] == [0] * 4, results
    assert refused(slack) == 0
    assert_each_once(slack, 24)


def test_emit_and_deliver_together_keep_the_pace_of_a_channel(posting: Posting, slack: SlackStandin) -> None:
    posting.settings(pace="200ms")
    slack.enforce_rate = 5.0
    posting.accept(range(6))
    running = [posting.start("deliver"), posting.start("deliver")]
    emitted = posting.emit(99, "--wait", "60s")
    assert {finished(process).code for process in running} <= {0, 75}  # the emitted one may come after them
    assert (emitted.code, refused(slack)) == (0, 0)
    assert_each_once(slack, 7)


def test_the_pace_is_counted_from_the_answer_so_that_a_slow_one_does_not_bunch_messages(
    posting: Posting, slack: SlackStandin
) -> None:
    posting.settings(pace="300ms")
    slack.enforce_rate = 1 / 0.3
    slack.script_for("alerts", Slow(0.25))  # it is in Slack 250 ms after it was sent, the next one at once
    posting.accept(range(3))
    posting.deliver()
    assert (posted(slack), refused(slack)) == (["c0", "c1", "c2"], 0)


def test_channels_are_sent_to_in_parallel(posting: Posting, slack: SlackStandin) -> None:
    slack.always = Slow(1.5)
    for number in range(6):
        slack.add_channel(f"p{number}")
        posting.accept([number], f"p{number}")
    posting.accept([6], "alerts")
    posting.deliver()
    begun = sorted(request.at for request in slack.requests if request.method == "chat.postMessage")
    # The last was asked for before the second could have been answered.
    assert len(begun) == 7
    assert begun[-1] < begun[1] + 1.5


def test_a_channel_gets_its_messages_in_the_order_of_acceptance(posting: Posting, slack: SlackStandin) -> None:
    posting.accept(range(5))
    posting.emit(5)
    assert posted(slack) == [f"c{number}" for number in range(6)]


def test_a_429_in_a_backlog_does_not_change_the_order(posting: Posting, slack: SlackStandin) -> None:
    clock = FakeClock()
    for number in range(4):
        posting.accept([number], clock=clock)
        clock.sleep(10)
    slack.script.extend([RateLimited(1), RateLimited(2)])
    posting.deliver(clock)
    assert posted(slack) == ["c0", "c1", "c2", "c3"]


def test_a_refused_connection_does_not_change_the_order(posting: Posting, slack: SlackStandin) -> None:
    clock = FakeClock()
    for number in range(3):
        posting.accept([number], clock=clock)
        clock.sleep(10)
    slack.revoked.add("xoxb-test")
    clock.sleep(1000)
    posting.deliver(clock)
    slack.revoked.clear()
    posting.deliver(clock)
    assert posted(slack) == ["c0", "c1", "c2"]


def test_the_order_is_that_of_the_commits_not_of_the_times_at_which_the_emitters_began(
    posting: Posting, slack: SlackStandin
) -> None:
    began = FakeClock()
    later = FakeClock(began.at + 500)
    posting.accept([1], clock=later)
    posting.accept([2], clock=began)  # it waited for the store
    began.sleep(1000)
    posting.deliver(began)
    assert posted(slack) == ["c1", "c2"]


def test_a_message_that_is_due_again_goes_before_those_accepted_after_it(posting: Posting, slack: SlackStandin) -> None:
    clock = FakeClock()
    slack.script.append(BUSY)
    posting.accept([0], clock=clock, deliver=True)
    posting.accept([1], clock=clock)
    clock.sleep(60_000)
    posting.accept([2], clock=clock)
    posting.deliver(clock)
    assert posted(slack) == ["c0", "c1", "c2"]


def test_messages_of_several_processes_arrive_in_the_order_of_their_numbers(
    posting: Posting, slack: SlackStandin
) -> None:
    batches = [
        posting.batch([envelope(number) for number in range(start, start + 20)], f"{start}.ndjson")
        for start in (0, 20, 40)
    ]
    results = posting.run_at_once([("emit", "--batch", batch, "--json", "--wait", "60s") for batch in batches])
    assert [result.code for result in results] == [0] * 3
    stored = posting.sql("SELECT e.payload FROM deliveries d JOIN events e ON e.seq = d.event ORDER BY d.seq")
    assert posted(slack) == [json.loads(text)["customer_id"] for (text,) in stored]


def test_a_429_holds_the_channel_for_other_processes_and_no_other_channel(
    posting: Posting, slack: SlackStandin
) -> None:
    slack.script_for("alerts", RateLimited(30))
    posting.accept([0, 1], "alerts")
    posting.accept([2], "growth")
    with posting.runtime() as runtime:
        runtime.outbox.send(Wanted(), runtime.clock.now(), runtime.clock.steady() + 500)
    asked = posts(slack)
    assert asked == 2
    other = posting.emit(3, "--wait", "300ms")
    assert (other.code, other.delivery["status"]) == (75, "pending")
    assert posts(slack) == asked
    assert posted(slack) == ["c2"]
