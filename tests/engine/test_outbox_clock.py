"""A clock that was wrong: nothing that was stored by it holds a message."""

import pytest

from ingestlayer_cli.system.clock import DAY, HOUR
from tests.support.clock import FakeClock
from tests.support.posting import Posting, accept, posted, posts
from tests.support.standin import RateLimited, SlackStandin

YEAR = 365 * DAY


def ahead(duration: int = YEAR) -> FakeClock:
    clock = FakeClock()
    clock.at += duration
    return clock


def test_a_send_of_a_clock_that_was_ahead_does_not_hold_its_channel(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0], clock=ahead(), deliver=True)
    assert posting.emit(1).code == 0
    assert posted(slack) == ["c0", "c1"]


def test_what_was_accepted_by_a_clock_that_was_ahead_is_due(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0], clock=ahead())
    assert posting.run("deliver", "-q").code == 0
    assert posted(slack) == ["c0"]


def test_what_retry_says_is_due_goes(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0])
    posting.sql("UPDATE lanes SET free_at = free_at + ?", FakeClock().at + YEAR)
    posting.sql("UPDATE deliveries SET status = 'retrying', due_at = due_at + ?", YEAR)
    assert posting.here("deliveries", "retry", "--status", "retrying").out == "1 due again\n"
    assert posting.run("deliver", "-q").code == 0
    assert posted(slack) == ["c0"]


def test_a_retry_waits_for_no_longer_than_its_curve(posting: Posting, slack: SlackStandin) -> None:
    posting.pipeline('retry = ["3h"]', name="slow")
    posting.accept([0])
    due = FakeClock().at + 3 * HOUR  # the clock was set back
    posting.sql("UPDATE deliveries SET status = 'retrying', due_at = ?", due)
    assert posting.run("deliver", "-q").code == 75
    assert posting.sql("SELECT pipeline, status FROM deliveries ORDER BY 1") == [
        ("limits", "delivered"),
        ("slow", "retrying"),
    ]


def test_what_a_vanished_process_had_in_hand_is_not_held_by_its_lease(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0])
    until = FakeClock().at + YEAR
    posting.sql("UPDATE deliveries SET lease_by = 'elsewhere:1/x', lease_until = ?", until)
    posting.sql("UPDATE lanes SET busy_until = ?", until)
    posting.accept([1])
    posting.run("deliver", "-q")
    assert posted(slack) == ["c1"]
    assert posting.statuses() == {"delivered": 1, "unknown": 1}


def test_what_was_noticed_by_a_clock_that_was_ahead_is_not_sent_again(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([0])
    posting.sql("UPDATE deliveries SET status = 'unknown', queued_at = queued_at + ?", YEAR)
    _, heard = posting.deliver()
    assert [(it.status, "the clock was wrong when it was sent" in (it.error or "")) for it in heard] == [
        ("unknown", True)
    ]
    assert posts(slack) == 0


def test_slack_may_ask_to_wait_for_an_hour_at_most(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(RateLimited(86_400))
    posting.emit(0, "--wait", "0s")
    (free_at,) = posting.sql("SELECT free_at FROM lanes")[0]
    assert free_at <= FakeClock().at + HOUR
    assert posting.emit(1).code == 75
    assert posts(slack) == 1


class SetBack(FakeClock):
    """Goes back by three hours at the first sleep, and counts the sleeps."""

    sleeps = 0

    def sleep(self, duration: int) -> None:
        if not self.sleeps:
            self.sets(-3 * HOUR)
        self.sleeps += 1
        super().sleep(duration)


@pytest.mark.parametrize("deliver", [True, False])
def test_a_clock_that_is_set_back_meanwhile_makes_nobody_wait(
    posting: Posting, slack: SlackStandin, deliver: bool
) -> None:
    posting.settings(pace="2s")
    clock = SetBack()
    posting.accept(range(3), clock=clock, deliver=deliver)
    posting.deliver(clock)
    assert posted(slack) == ["c0", "c1", "c2"]
    assert clock.sleeps < 100


class SetBackOnce(FakeClock):
    """Goes back by three hours after so many looks at it."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def now(self) -> int:
        now = super().now()
        self.looks -= 1
        if not self.looks:
            self.sets(-3 * HOUR)
        return now


def test_whenever_the_clock_is_set_back_a_call_waits_as_long_as_it_says(posting: Posting, slack: SlackStandin) -> None:
    waited = []
    for looks in range(1, 1_000):
        slack.script.append(RateLimited(60))
        clock = SetBackOnce(looks)
        began = clock.steady()
        with posting.runtime(clock) as runtime:
            accept(runtime, looks, f"channel-{looks}", True, wait=2_000)
        waited.append(clock.steady() - began)
        if clock.looks > 0:  # it has ended before
            break
    assert max(waited) < 4_000
    assert len(waited) > 10
