"""`backtest` counts the messages that would go out as they would: with digests, hours and budgets."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.operations.backtest import backtest
from ingestlayer_cli.store.contract.reading import Selection
from tests.support.histories import CHANNELS, History
from tests.support.posting import TYPE, Posting, ago, emit_all, payload
from tests.support.reference import Happened
from tests.support.standin import SlackStandin

DIGEST = '[destinations.digest]\nwindow = "{}"\n'


@pytest.fixture
def twelve(posting: Posting) -> Posting:
    """Twelve messages to #alerts, ten minutes apart."""
    events = [
        {"type": TYPE, "payload": payload(number), "timestamp": ago(minutes=600 - 10 * number)} for number in range(12)
    ]
    with posting.runtime() as runtime:
        emit_all(runtime, posting, [{**event, "idempotency_key": str(n)} for n, event in enumerate(events)], True)
    return posting


def after(folder: Posting, *arguments: str) -> tuple[dict[str, int], dict[str, int]]:
    document = folder.here("backtest", "--json", *arguments).json
    assert document["messages"]["before"] == {"#alerts": 12}
    return document["messages"]["after"], document["sending"]


def test_a_digest_is_one_message(twelve: Posting) -> None:
    twelve.pipeline(DIGEST.format("1h"))
    assert after(twelve) == ({"#alerts": 2}, {"sent": 2, "waited": 12, "dropped": 0, "collapsed": 10})
    out = twelve.here("backtest").out.splitlines()
    assert out[:2] == ["12 events: 12 → 2 messages", "  #alerts 12 → 2"]
    assert out[2] == (
        "  of 12 messages 10 would be a line of another; 12 would wait for a digest, for hours or for a budget"
    )


@pytest.mark.parametrize(
    ("trial", "sent"),
    [
        (["--digest", "1h"], 2),
        (["--digest", "15m"], 6),
        (["--digest", "run"], 1),
        (["--digest", "1d"], 1),
        (["--budget", "#alerts=2/h"], 5),
        (["--budget", "alerts=2/h", "--digest", "20m"], 5),
        (["--budget", "#other=1/h"], 12),
    ],
)
def test_a_digest_and_a_budget_are_tried_without_an_edit(twelve: Posting, trial: list[str], sent: int) -> None:
    told, sending = after(twelve, *trial)
    assert (told, sending["sent"], sending["sent"] + sending["collapsed"]) == ({"#alerts": sent}, sent, 12)


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (["--digest", "1"], "--digest 1: no digest goes like that"),
        (["--digest", "25:00"], "no digest goes like that"),
        (["--budget", "#alerts"], "--budget #alerts: no budget is written like that"),
        (["--budget", "#alerts=1.5/h"], "no budget is written like that"),
    ],
)
def test_what_cannot_be_tried_is_told(twelve: Posting, trial: list[str], words: str) -> None:
    result = twelve.here("backtest", *trial)
    assert result.code == 2
    assert words in result.err


def test_what_was_sent_in_one_message_is_one(posting_on: Posting, slack: SlackStandin) -> None:
    posting = posting_on
    posting.pipeline(DIGEST.format("run"))
    events = [{"type": TYPE, "payload": payload(number), "idempotency_key": str(number)} for number in range(5)]
    with posting.runtime() as runtime:
        emit_all(runtime, posting, events, True)
    assert len(slack.messages) == 1
    document = posting.here("backtest", "--json").json
    assert document["messages"] == {"before": {"#alerts": 1}, "after": {"#alerts": 1}}
    assert document["changed"] == 0


def test_most_posts_are_of_what_goes_out(twelve: Posting) -> None:
    assert twelve.here("backtest", "--max-posts", "2").code == 1
    assert twelve.here("backtest", "--max-posts", "2", "--digest", "1h").code == 0


def test_threads_are_no_digest(twelve: Posting) -> None:
    twelve.pipeline('thread = "$event.customer_id"\n')
    assert after(twelve, "--digest", "1h")[0] == {"#alerts": 12}


class Punctual(History):
    """Events as they happen, and somebody who delivers at every moment."""

    def _event(self) -> Happened:
        return replace(super()._event(), at=self.clock.at)

    def let_pass(self) -> None:
        super().let_pass()
        self.deliver_until(self.clock.at)

    def deliver_until(self, end: int | None) -> None:
        while due := [row.due for row in self.reference.rows if row.waits and (end is None or row.due <= end)]:
            self.reference.deliver(min(due))


@pytest.mark.parametrize("seed", range(4))
def test_it_counts_what_the_reference_says(tmp_path: Path, seed: int, slack: SlackStandin) -> None:
    for number in range(3):
        history = Punctual(Posting(tmp_path / str(number), slack), slack, f"{seed} {number}", is_rough=False)
        history.log = [""]
        for _ in range(25):
            history.chance.choice([history.emit, history.batch, history.let_pass])()
            history.deliver_until(history.clock.at)
            history.clock.at += 1  # another acceptance
        history.deliver_until(None)
        told: dict[str, Any] = backtest(history.runtime, history.runtime.store, Selection())
        history.close()
        messages = history.reference.messages
        rows = history.reference.rows
        assert told["messages"]["after"] == Counter(message[0].target for message in messages), history.rules
        assert told["messages"]["before"].keys() <= {*CHANNELS}
        assert told["sending"] | {"dropped": 0} == {
            "sent": len(messages),
            "collapsed": len(rows) - len(messages),
            "waited": sum((row.posted_at or 0) > row.event.at for row in rows),
            "dropped": 0,
        }
