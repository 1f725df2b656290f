"""The budget of a channel: a flood of messages is a few, and says all of it."""

import json
import signal
import time
from typing import Any

import pytest

from tests.support.bench import Bench, all_text
from tests.support.clock import FakeClock
from tests.support.posting import Posting, envelope, payload
from tests.support.standin import RateLimited, SlackStandin

MINUTE = 60_000
BUDGET = 'budget = { "#alerts" = "3/h" }'


class Flood:
    """A channel that gets three messages an hour; the clock stands still unless it is moved."""

    def __init__(self, posting: Posting, slack: SlackStandin) -> None:
        self.posting, self.slack, self.clock = posting, slack, FakeClock(time.time_ns() // 1_000_000 - 600 * MINUTE)
        self.events = 0
        posting.settings(more=BUDGET)

    def emit(self, count: int = 1, channel: str = "alerts", one_by_one: bool = True) -> None:
        numbers = range(self.events, self.events + count)
        self.events += count
        self.posting.accept(numbers, channel, self.clock, deliver=one_by_one)

    def deliver(self, minutes: float = 0) -> None:
        self.clock.sleep(round(minutes * MINUTE))
        self.posting.deliver(self.clock)

    @property
    def titles(self) -> list[str]:
        return [text.splitlines()[0] for text in self.said]

    @property
    def said(self) -> list[str]:
        return [all_text(message.body["blocks"]) for message in self.slack.messages]

    @property
    def statuses(self) -> dict[str, int]:
        return self.posting.statuses()


@pytest.fixture
def flood(posting: Posting, slack: SlackStandin) -> Flood:
    return Flood(posting, slack)


def test_the_last_message_of_a_budget_says_that_it_is(flood: Flood) -> None:
    flood.emit(3)
    assert "is used up" not in "".join(flood.said[:2])
    assert "The budget of #alerts, 3/h, is used up: what comes next is one message, not before <!date^" in flood.said[2]
    assert "c2" in flood.said[2]


def test_the_last_message_says_all_that_is_due(flood: Flood) -> None:
    flood.emit(9, one_by_one=False)
    flood.deliver()
    assert flood.titles[2] == "7 messages for #alerts"
    assert flood.said[2].count("• ") == 7
    assert flood.statuses == {"delivered": 9}


def test_beyond_the_budget_all_waits_to_be_one_message(flood: Flood) -> None:
    flood.emit(3)
    flood.clock.sleep(10 * MINUTE)
    flood.emit(4)
    flood.deliver(49)
    assert (len(flood.said), flood.statuses) == (3, {"delivered": 3, "pending": 4})
    flood.deliver(1)
    assert flood.titles[3] == "4 messages for #alerts"
    assert "They waited: the budget of #alerts, 3/h, was used up." in flood.said[3]
    assert flood.statuses == {"delivered": 7}
    flood.emit()
    assert "customer_id" in flood.said[4], "the flood is over: one is as it was"


def test_one_that_waited_alone_is_as_it_was(flood: Flood) -> None:
    flood.emit(4)
    flood.deliver(60)
    assert "messages for" not in flood.titles[3]
    assert "used up" not in flood.said[3]


def test_a_flood_that_goes_on_stays_within_the_budget(flood: Flood) -> None:
    at: list[int] = []
    for _ in range(20):
        flood.emit(2)
        at += [flood.clock.at] * (len(flood.said) - len(at))
        flood.clock.sleep(10 * MINUTE)
    flood.deliver(60)
    assert max(sum(start <= other < start + 60 * MINUTE for other in at) for start in at) == 3
    assert flood.statuses == {"delivered": 40}


def test_other_channels_and_a_terminal_have_no_budget(flood: Flood, slack: SlackStandin) -> None:
    slack.add_channel("other")
    flood.emit(5, "other")
    assert flood.statuses == {"delivered": 5}


def test_what_slack_did_not_take_is_not_counted(flood: Flood) -> None:
    flood.slack.script_method("chat.postMessage", *[RateLimited(30)] * 5)
    flood.emit(2)
    for _ in range(6):
        flood.deliver(1)
    flood.emit()
    assert flood.statuses == {"delivered": 3}
    assert "is used up" in flood.said[2]


def test_what_goes_into_a_thread_is_not_in_the_channel(flood: Flood) -> None:
    flood.posting.pipeline('thread = "$event.metric"\n')
    flood.emit(9)
    assert flood.statuses == {"delivered": 9}
    flood.posting.pipeline()
    flood.emit()
    assert "is used up" not in flood.said[9]


def test_one_message_for_many_threads_begins_none_of_them(flood: Flood) -> None:
    flood.posting.pipeline('thread = "$event.customer_id"\nupdate = true\n')
    flood.emit(6, one_by_one=False)
    flood.deliver()
    assert flood.titles[2] == "4 messages for #alerts"
    assert flood.posting.sql("SELECT count(*) FROM threads WHERE ts IS NOT NULL") == [(2,)]


def test_what_waits_for_the_budget_says_so(flood: Flood) -> None:
    flood.emit(4)
    ((why, due, outcome),) = flood.posting.sql(
        "SELECT d.error, d.due_at, a.outcome FROM deliveries d JOIN attempts a ON a.delivery = d.seq"
        " WHERE status = 'pending'"
    )
    assert why.startswith("the budget of #alerts, 3/h, is used up: it goes with others at ")
    assert (due, outcome) == (flood.clock.at + 60 * MINUTE, "waits")


def test_its_times_are_those_of_the_project(flood: Flood) -> None:
    settings = flood.posting.root / "ingestlayer.toml"
    settings.write_text('timezone = "Asia/Tokyo"\n' + settings.read_text())
    flood.emit(4)
    assert " JST" in flood.posting.sql("SELECT error FROM deliveries WHERE status = 'pending'")[0][0]


def test_messages_that_wait_to_be_a_digest_are_lines_as_it_has_them(flood: Flood) -> None:
    flood.emit(2)
    flood.posting.pipeline('[destinations.digest]\nwindow = "15m"\nline = "$event.customer_id is full"\n')
    flood.emit(3)
    flood.deliver(15)
    assert flood.titles[2] == "3 messages for #alerts"
    assert "• c2 is full\n• c3 is full\n• c4 is full" in flood.said[2]


def test_a_crash_between_composing_and_posting_neither_loses_nor_doubles(
    flood: Flood, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingestlayer_cli.engine.outbox import Outbox

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    flood.emit(2)
    flood.emit(4, one_by_one=False)
    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "_outgoing", die)
        with pytest.raises(KeyboardInterrupt):
            flood.deliver()
    for _ in range(4):
        flood.deliver(10)
    assert flood.titles[2:] == ["4 messages for #alerts"]
    assert flood.statuses == {"delivered": 6}


def test_a_flood_by_several_processes_one_of_them_killed(posting_on: Posting, slack: SlackStandin) -> None:
    posting, many = posting_on, 500 if posting_on.database else 2_000
    path = posting.root / "ingestlayer.toml"
    posting.write("ingestlayer.toml", path.read_text().replace("[slack]", '[slack]\nbudget = { "#alerts" = "20/h" }'))
    batch = posting.batch(envelope(number) for number in range(many))
    assert posting.run("emit", "--batch", batch, "--no-deliver", "-q").code == 0
    killed = posting.start("deliver")
    while len(slack.messages) < 3 and killed.poll() is None:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    posting.run_at_once([("deliver",)] * 3)
    assert len(slack.messages) <= 20
    for _ in range(3):
        posting.let_pass(61 * 60)
        before = len(slack.messages)
        posting.run("deliver")
        assert len(slack.messages) - before <= 20
    assert posting.statuses() == {"delivered": many}
    assert max(map(len, slack.by_delivery().values())) == 1
    told = [message.body["metadata"]["event_payload"].get("messages", 1) for message in slack.messages]
    assert sum(told) == many


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ('{ "#alerts" = "20" }', '"20" is no budget: write how many messages in an hour or a minute, 20/h or 5/m'),
        ('{ "#alerts" = "1.5/h" }', "is no budget"),
        ('{ "#alerts" = "0/h" }', "is no budget"),
        ('{ "two words" = "2/h" }', "is not a channel or a person"),
        ('{ "#alrets" = "2/h" }', 'no destination posts to "#alrets" (did you mean "#alerts"?)'),
        ('{ "#sales" = "2/h" }', 'no destination posts to "#sales"'),
    ],
)
def test_what_is_wrong_with_a_budget_is_told(bench: Bench, budget: str, words: str) -> None:
    bench.write("ingestlayer.toml", f"[slack]\nbudget = {budget}\n")
    result = bench.run("validate", "--json")
    assert words in " ".join(found["problem"] for found in result.json["problems"])


def test_a_preview_says_that_a_channel_has_a_budget(flood: Flood) -> None:
    result = flood.posting.here("preview", "usage.limit_reached", "--data", json.dumps(payload()), "--json")
    assert "at most 3/h go there: beyond, one message says many" in json.dumps(result.json["runs"])
