"""When a delivery is tried again: the curve, Retry-After, and what counts as an attempt."""

from collections.abc import Iterator

import pytest

from ingestlayer_cli.store.contract.sending import Wanted
from ingestlayer_cli.system.clock import parse_duration
from tests.support.clock import FakeClock
from tests.support.posting import Posting, posted, posts
from tests.support.standin import BUSY, Garbage, RateLimited, SlackError, SlackStandin

CURVE = ["30s", "2m", "10m", "1h"]


def pauses(posting: Posting, clock: FakeClock, most: int = 10) -> Iterator[int]:
    """Deliver whenever something falls due; yield how long that took each time, in milliseconds."""
    for _ in range(most):
        posting.deliver(clock)
        if posting.delivery["status"] != "retrying":
            return
        pause = posting.delivery["due_at"] - clock.at
        yield pause
        clock.sleep(pause - 1)
        before = len(posting.attempts())
        posting.deliver(clock)
        assert len(posting.attempts()) == before, "it was tried too early"
        clock.sleep(1)


def assert_about(found: list[int], wanted: list[str]) -> None:
    assert len(found) == len(wanted), found
    for pause, words in zip(found, wanted, strict=True):
        assert 0.9 * parse_duration(words) <= pause <= 1.1 * parse_duration(words), (pause, words)


def test_five_attempts_are_made_by_the_curve_and_then_it_is_dead(
    posting: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    slack.always = BUSY
    posting.accept([0], clock=clock)
    assert_about(list(pauses(posting, clock)), CURVE)
    assert (posting.delivery["status"], posting.delivery["attempts"], posts(slack)) == ("dead", 5, 5)
    assert "given up after 5 attempts" in posting.delivery["error"]
    assert f"deliveries retry {posting.delivery['id']}" in posting.delivery["hint"]


def test_the_fifth_attempt_may_still_succeed(posting: Posting, slack: SlackStandin, clock: FakeClock) -> None:
    slack.script.extend([BUSY] * 4)
    posting.accept([0], clock=clock)
    assert_about(list(pauses(posting, clock)), CURVE)
    assert (posting.delivery["status"], len(slack.messages)) == ("delivered", 1)


def test_the_pauses_are_not_the_same_for_all(posting: Posting, slack: SlackStandin, clock: FakeClock) -> None:
    slack.always = BUSY
    posting.accept(range(20), clock=clock)
    posting.deliver(clock)
    due = [at - clock.at for (at,) in posting.sql("SELECT due_at FROM deliveries")]
    assert len(set(due)) > 10
    assert min(due) >= 27_000
    assert max(due) <= 33_000


def test_a_destination_may_have_its_own_curve(posting: Posting, slack: SlackStandin, clock: FakeClock) -> None:
    posting.pipeline('retry = ["1s", "1m"]')
    slack.always = BUSY
    posting.accept([0], clock=clock)
    assert_about(list(pauses(posting, clock)), ["1s", "1m"])
    assert (posting.delivery["status"], posts(slack)) == ("dead", 3)


def test_a_destination_may_have_no_second_attempt(posting: Posting, slack: SlackStandin, clock: FakeClock) -> None:
    posting.pipeline("retry = []")
    slack.always = BUSY
    posting.accept([0], clock=clock)
    assert list(pauses(posting, clock)) == []
    assert (posting.delivery["status"], posts(slack)) == ("dead", 1)


def test_retry_after_counts_as_no_attempt(posting: Posting, slack: SlackStandin, clock: FakeClock) -> None:
    slack.script.extend([RateLimited(120)] * 7)
    posting.accept([0], clock=clock)
    for _ in range(7):
        posting.deliver(clock)
        assert (posting.delivery["status"], posting.delivery["attempts"]) == ("retrying", 0)
        clock.sleep(120_000)
    posting.deliver(clock)
    assert (posting.delivery["status"], posting.delivery["attempts"], posts(slack)) == ("delivered", 1, 8)


def test_retry_after_wins_over_the_curve(posting: Posting, slack: SlackStandin, clock: FakeClock) -> None:
    slack.script.append(RateLimited(5))
    posting.accept([0], clock=clock)
    began = clock.at
    posting.deliver(clock)
    assert posting.delivery["status"] == "delivered"
    assert 5_000 <= clock.at - began < 6_000


def test_retry_after_holds_the_channel_for_every_process(
    posting: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    slack.script.append(RateLimited(300))
    posting.accept([0, 1, 2], clock=clock)
    posting.deliver(clock)
    assert posts(slack) == 1
    clock.sleep(299_000 - 60_000)
    for _ in range(3):
        with posting.runtime(FakeClock(clock.at)) as other:
            other.outbox.send(Wanted(), clock.at, clock.steady() + 1000)
    assert posts(slack) == 1
    clock.sleep(61_000)
    posting.deliver(clock)
    assert posted(slack) == ["c0", "c1", "c2"]


def test_what_cannot_be_known_for_five_attempts_is_given_up(
    posting: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    slack.always = Garbage("who knows")
    slack.clock = lambda: clock.at * 1_000_000
    posting.accept([0], clock=clock)
    for _ in range(12):
        posting.deliver(clock)
        clock.sleep(60_000)
    assert (posting.delivery["status"], posting.delivery["attempts"], posts(slack)) == ("dead", 5, 5)
    assert "given up after 5 attempts" in posting.delivery["error"]
    assert "deliveries retry" in posting.delivery["hint"]


def test_after_retry_by_hand_all_attempts_are_before_it(
    posting: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    slack.script.extend([BUSY] * 7)
    posting.accept([0], clock=clock)
    list(pauses(posting, clock))
    with posting.runtime(clock) as runtime:
        assert runtime.store.deliveries.retry([posting.delivery["id"]], clock.at) == 1
    assert_about(list(pauses(posting, clock)), CURVE[:2])
    assert (posting.delivery["status"], posting.delivery["attempts"]) == ("delivered", 3)


@pytest.mark.parametrize("code", ["ratelimited", "accesslimited", "message_limit_exceeded", "request_timeout"])
def test_an_error_that_passes_is_tried_again(
    code: str, posting: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    slack.script.append(SlackError(code))
    posting.accept([0], clock=clock)
    assert_about(list(pauses(posting, clock)), CURVE[:1])
    assert posting.delivery["status"] == "delivered"


def test_every_attempt_is_kept_with_its_time_its_process_and_what_slack_said(
    posting: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    slack.script.append(BUSY)
    posting.accept([0], clock=clock)
    began = clock.at
    list(pauses(posting, clock))
    rows = posting.sql("SELECT number, at, outcome, error, process FROM attempts ORDER BY number")
    assert [(row[0], row[2]) for row in rows] == [(1, "retry"), (2, "sent")]
    assert rows[0][1] == began
    assert 27_000 <= rows[1][1] - began <= 33_000
    assert "request_timeout" in rows[0][3]
    assert rows[0][4].count("/") == 3
