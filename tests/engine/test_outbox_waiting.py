"""What emit waits for, and what it does not."""

import time

from tests.support.posting import Posting, envelope, payload, posted, posts
from tests.support.program import finished, wait_until
from tests.support.standin import BUSY, Hang, RateLimited, SlackStandin, Slow


def test_emit_waits_no_longer_than_it_should_and_leaves_the_rest(posting: Posting, slack: SlackStandin) -> None:
    posting.settings(pace="1m")
    batch = posting.batch(envelope(number) for number in range(3))
    result = posting.run("emit", "--batch", batch, "--wait", "300ms", "--json")
    assert (result.code, posts(slack)) == (75, 1)
    assert result.json["deliveries"] == {"delivered": 1, "pending": 2, "retrying": 0, "dead": 0, "unknown": 0}


def test_emit_finishes_the_message_in_hand_and_starts_no_other(posting: Posting, slack: SlackStandin) -> None:
    slack.always = Slow(0.8)
    batch = posting.batch(envelope(number) for number in range(3))
    result = posting.run("emit", "--batch", batch, "--wait", "100ms", "--json")
    assert (result.code, posted(slack), posts(slack)) == (75, ["c0"], 1)


def test_emit_waits_for_its_turn_behind_another_process_in_the_same_channel(
    posting: Posting, slack: SlackStandin
) -> None:
    slack.always = Slow(0.4)
    first, second = (posting.start("emit", "usage.limit_reached", *fields(number), "--json") for number in range(2))
    results = [finished(first), finished(second)]
    assert [(result.code, result.delivery["status"]) for result in results] == [(0, "delivered")] * 2


def fields(number: int) -> list[str]:
    return ["--key", str(number), *(f"{name}={value}" for name, value in payload(number).items())]


def test_twelve_emitters_of_one_channel_all_see_their_message_delivered(posting: Posting, slack: SlackStandin) -> None:
    slack.always = Slow(0.05)
    results = posting.run_at_once(
        [("emit", "usage.limit_reached", *fields(number), "--json", "--wait", "60s") for number in range(12)]
    )
    assert [(result.code, result.delivery["status"]) for result in results] == [(0, "delivered")] * 12


def test_emit_does_not_wait_for_what_others_accepted_after_it(posting: Posting, slack: SlackStandin) -> None:
    slack.always = Slow(1)
    process = posting.start("emit", "usage.limit_reached", *fields(0), "--json", "--wait", "60s")
    wait_until(lambda: posts(slack) == 1)
    posting.accept(range(1, 40))  # it would take the first one 39 s more
    assert finished(process).code == 0
    assert posts(slack) == 1


def test_emit_sends_what_waited_in_its_channel_before_it(posting: Posting, slack: SlackStandin) -> None:
    posting.accept(range(3), "alerts")
    posting.accept([3], "growth")
    assert posting.emit(4, channel="alerts").code == 0
    assert posted(slack) == ["c0", "c1", "c2", "c4", "c3"]


def test_emit_does_not_wait_for_older_ones_that_are_due_later_than_it(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(BUSY)
    posting.emit(0)
    result = posting.emit(1, "--wait", "60s")  # the first is due again in 30 s
    assert (result.code, posted(slack), posting.statuses()) == (0, ["c1"], {"delivered": 1, "retrying": 1})


def test_a_slow_slack_does_not_hold_the_store(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(Hang(60))
    hanging = posting.start("emit", "usage.limit_reached", *fields(0), "--json")
    wait_until(lambda: posts(slack) == 1)
    other = posting.emit(1, "--no-deliver")
    elsewhere = posting.emit(2, channel="growth")
    assert (other.code, elsewhere.code) == (0, 0)
    assert hanging.poll() is None, "the slow request was over: this shows nothing"
    assert slack.requests[0].status is None
    slack._stopping.set()
    finished(hanging)


def test_a_channel_that_slack_holds_for_long_is_not_waited_for(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(RateLimited(3600))
    began = time.monotonic()
    result = posting.emit(0, "--wait", "10m")
    assert (result.code, result.delivery["status"]) == (75, "retrying")
    assert time.monotonic() - began < 300


def test_no_deliver_leaves_it_in_the_outbox_with_exit_0(posting: Posting, slack: SlackStandin) -> None:
    result = posting.emit(0, "--no-deliver")
    assert (result.code, result.delivery["status"], posts(slack)) == (0, "pending", 0)


def test_a_wait_of_nothing_still_sends_what_may_go_at_once(posting: Posting, slack: SlackStandin) -> None:
    assert posting.emit(0, "--wait", "0s").code == 0
    assert posted(slack) == ["c0"]


def test_a_batch_of_many_transactions_waits_for_all_of_its_own(posting: Posting, slack: SlackStandin) -> None:
    events = [envelope(number, used=120 if number % 500 == 0 else 20) for number in range(3000)]
    result = posting.run("emit", "--batch", posting.batch(events), "--json", "--wait", "60s")
    assert (result.code, result.json["deliveries"]["delivered"]) == (0, 6)
    assert posted(slack) == [f"c{number}" for number in range(0, 3000, 500)]
