"""When a delivery is tried again: the curve, Retry-After, and what counts as an attempt."""

from collections.abc import Iterator

import pytest

from ingestlayer_cli.store.sqlite import deliveries
from ingestlayer_cli.store.sqlite.outbox import Wanted
from ingestlayer_cli.system.clock import parse_duration
from tests.outbox.support import FakeClock, Folder, posted, posts
from tests.slack.standin import Garbage, RateLimited, SlackError, SlackStandin, Status

CURVE = ["30s", "2m", "10m", "1h"]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def pauses(project: Folder, clock: FakeClock, most: int = 10) -> Iterator[int]:
    """Deliver whenever something falls due; yield how long that took each time, in milliseconds."""
    for _ in range(most):
        project.deliver(clock)
        if project.delivery["status"] != "retrying":
            return
        pause = project.delivery["due_at"] - clock.at
        yield pause
        clock.sleep(pause - 1)
        before = len(project.attempts())
        project.deliver(clock)
        assert len(project.attempts()) == before, "it was tried too early"
        clock.sleep(1)


def assert_about(found: list[int], wanted: list[str]) -> None:
    assert len(found) == len(wanted), found
    for pause, words in zip(found, wanted, strict=True):
        assert 0.9 * parse_duration(words) <= pause <= 1.1 * parse_duration(words), (pause, words)


def test_five_attempts_are_made_by_the_curve_and_then_it_is_dead(
    project: Folder, slack: SlackStandin, clock: FakeClock
) -> None:
    slack.always = Status(500)
    project.accept([0], clock=clock)
    assert_about(list(pauses(project, clock)), CURVE)
    assert (project.delivery["status"], project.delivery["attempts"], posts(slack)) == ("dead", 5, 5)
    assert "given up after 5 attempts" in project.delivery["error"]
    assert f"deliveries retry {project.delivery['id']}" in project.delivery["hint"]


def test_the_fifth_attempt_may_still_succeed(project: Folder, slack: SlackStandin, clock: FakeClock) -> None:
    slack.script.extend([Status(500)] * 4)
    project.accept([0], clock=clock)
    assert_about(list(pauses(project, clock)), CURVE)
    assert (project.delivery["status"], len(slack.messages)) == ("delivered", 1)


def test_the_pauses_are_not_the_same_for_all(project: Folder, slack: SlackStandin, clock: FakeClock) -> None:
    slack.always = Status(500)
    project.accept(range(20), clock=clock)
    project.deliver(clock)
    due = [at - clock.at for (at,) in project.sql("SELECT due_at FROM deliveries")]
    assert len(set(due)) > 10
    assert min(due) >= 27_000
    assert max(due) <= 33_000


def test_a_destination_may_have_its_own_curve(project: Folder, slack: SlackStandin, clock: FakeClock) -> None:
    project.pipeline('retry = ["1s", "1m"]')
    slack.always = Status(503)
    project.accept([0], clock=clock)
    assert_about(list(pauses(project, clock)), ["1s", "1m"])
    assert (project.delivery["status"], posts(slack)) == ("dead", 3)


def test_a_destination_may_have_no_second_attempt(project: Folder, slack: SlackStandin, clock: FakeClock) -> None:
    project.pipeline("retry = []")
    slack.always = Status(503)
    project.accept([0], clock=clock)
    assert list(pauses(project, clock)) == []
    assert (project.delivery["status"], posts(slack)) == ("dead", 1)


def test_retry_after_counts_as_no_attempt(project: Folder, slack: SlackStandin, clock: FakeClock) -> None:
    slack.script.extend([RateLimited(120)] * 7)
    project.accept([0], clock=clock)
    for _ in range(7):
        project.deliver(clock)
        assert (project.delivery["status"], project.delivery["attempts"]) == ("retrying", 0)
        clock.sleep(120_000)
    project.deliver(clock)
    assert (project.delivery["status"], project.delivery["attempts"], posts(slack)) == ("delivered", 1, 8)


def test_retry_after_wins_over_the_curve(project: Folder, slack: SlackStandin, clock: FakeClock) -> None:
    slack.script.append(RateLimited(5))
    project.accept([0], clock=clock)
    began = clock.at
    project.deliver(clock)
    assert project.delivery["status"] == "delivered"
    assert 5_000 <= clock.at - began < 6_000


def test_retry_after_holds_the_channel_for_every_process(
    project: Folder, slack: SlackStandin, clock: FakeClock
) -> None:
    slack.script.append(RateLimited(300))
    project.accept([0, 1, 2], clock=clock)
    project.deliver(clock)
    assert posts(slack) == 1
    clock.sleep(299_000 - 60_000)
    for _ in range(3):
        with project.runtime(FakeClock(clock.at)) as other:
            other.outbox.send(Wanted(), clock.at, clock.at + 1000)
    assert posts(slack) == 1
    clock.sleep(61_000)
    project.deliver(clock)
    assert posted(slack) == ["c0", "c1", "c2"]


def test_what_cannot_be_known_for_five_attempts_is_given_up(
    project: Folder, slack: SlackStandin, clock: FakeClock
) -> None:
    slack.always = Garbage("who knows")
    project.accept([0], clock=clock)
    for _ in range(12):
        project.deliver(clock)
        clock.sleep(60_000)
    assert (project.delivery["status"], project.delivery["attempts"], posts(slack)) == ("dead", 5, 5)
    assert "given up after 5 attempts" in project.delivery["error"]
    assert "deliveries retry" in project.delivery["hint"]


def test_after_retry_by_hand_all_attempts_are_before_it(project: Folder, slack: SlackStandin, clock: FakeClock) -> None:
    slack.script.extend([Status(500)] * 7)
    project.accept([0], clock=clock)
    list(pauses(project, clock))
    with project.runtime(clock) as runtime:
        assert deliveries.retry(runtime.store, [project.delivery["id"]], clock.at) == 1
    assert_about(list(pauses(project, clock)), CURVE[:2])
    assert (project.delivery["status"], project.delivery["attempts"]) == ("delivered", 3)


@pytest.mark.parametrize("code", ["ratelimited", "service_unavailable", "fatal_error", "request_timeout"])
def test_an_error_that_passes_is_tried_again(code: str, project: Folder, slack: SlackStandin, clock: FakeClock) -> None:
    slack.script.append(SlackError(code))
    project.accept([0], clock=clock)
    assert_about(list(pauses(project, clock)), CURVE[:1])
    assert project.delivery["status"] == "delivered"


def test_every_attempt_is_kept_with_its_time_its_process_and_what_slack_said(
    project: Folder, slack: SlackStandin, clock: FakeClock
) -> None:
    slack.script.append(Status(500, "an excerpt"))
    project.accept([0], clock=clock)
    began = clock.at
    list(pauses(project, clock))
    rows = project.sql("SELECT number, at, outcome, error, process FROM attempts ORDER BY number")
    assert [(row[0], row[2]) for row in rows] == [(1, "retry"), (2, "sent")]
    assert rows[0][1] == began
    assert 27_000 <= rows[1][1] - began <= 33_000
    assert "500" in rows[0][3]
    assert "an excerpt" in rows[0][3]
    assert rows[0][4].count("/") == 3
