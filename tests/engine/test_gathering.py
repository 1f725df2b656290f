"""One message for many: every event is in exactly one, whoever sends it, whatever dies."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.outbox import Outbox
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Line, Raw
from ingestlayer_cli.project import load
from ingestlayer_cli.store.contract.sending import Wanted
from ingestlayer_cli.system.clock import parse_rfc3339
from tests.support.bench import Bench, all_text
from tests.support.clock import FakeClock
from tests.support.pipe import Pipe
from tests.support.standin import BUSY, RateLimited, ResetAfterStore, SlackStandin
from tests.support.stored import database

MINUTE = 60_000
DIGEST = '[destinations.digest]\nwindow = "15m"\nkey = "$event.metric"\norder = "$event.used"\n'
FIELDS = 'type = "usage"\n[fields]\ncustomer_id = "string"\nused = "number"\nmetric = "string?"\n'
PIPELINE = 'match = ["usage"]\n[[destinations]]\nuse = "slack"\nchannel = "#alerts"\n'
TITLE = '[destinations.message]\ntitle = "$event.customer_id is at $event.used"\n'


class Gathering:
    """A project whose messages are gathered; its clock stands still unless it is moved."""

    def __init__(self, bench: Bench, slack: SlackStandin) -> None:
        self.bench, self.slack, self.clock = bench, slack, FakeClock(time.time_ns() // 1_000_000 - 120 * MINUTE)
        bench.write("events/usage.toml", FIELDS)
        self.pipeline(DIGEST)

    def pipeline(self, digest: str, more: str = "") -> None:
        self.bench.write("pipelines/alert.toml", PIPELINE + more + digest + TITLE)

    def emit(self, *customers: str, used: int = 10, metric: str = "seats") -> None:
        with Runtime(load(str(self.bench.root), keep=False), clock=self.clock) as runtime:
            for number, name in enumerate(customers):
                payload = {"customer_id": name, "used": used + number, "metric": metric}
                flow.emit(runtime, Raw("usage", payload))

    def deliver(self, minutes: float = 0) -> None:
        self.clock.sleep(round(minutes * MINUTE))
        with Runtime(load(str(self.bench.root), keep=False), clock=self.clock) as runtime:
            flow.deliver(runtime, Wanted())

    def rows(self, sql: str) -> list[Any]:
        return self.bench.rows(sql)

    @property
    def said(self) -> list[list[str]]:
        """The lines of each message."""
        return [all_text(message.body["blocks"]).splitlines() for message in self.slack.messages]

    @property
    def statuses(self) -> list[str]:
        return [status for (status,) in self.rows("SELECT status FROM deliveries ORDER BY seq")]


@pytest.fixture
def gathering(bench: Bench, slack: SlackStandin) -> Gathering:
    return Gathering(bench, slack)


def test_the_messages_of_a_window_are_one_the_most_important_first(gathering: Gathering) -> None:
    gathering.emit("acme", "globex", "initech")
    gathering.deliver(14)
    assert gathering.said == []
    gathering.deliver(1)
    ((title, *lines),) = gathering.said
    assert title == "3 messages: alert"
    assert lines[:3] == ["• initech is at 12", "• globex is at 11", "• acme is at 10"]
    assert gathering.statuses == ["delivered"] * 3
    (carrier,) = {row for (row,) in gathering.rows("SELECT carried_by FROM deliveries WHERE carried_by IS NOT NULL")}
    assert gathering.slack.messages[0].delivery_id == carrier
    gathering.deliver(60)
    assert len(gathering.said) == 1


def test_a_window_begins_with_its_first_message(gathering: Gathering) -> None:
    gathering.emit("acme")
    gathering.clock.sleep(10 * MINUTE)
    gathering.emit("globex")
    gathering.deliver(5)
    assert len(gathering.said) == 1
    gathering.emit("initech")
    gathering.deliver(10)
    assert len(gathering.said) == 1
    gathering.deliver(5)
    assert [lines[0] for lines in gathering.said] == ["2 messages: alert", "initech is at 10"]


def test_one_alone_looks_as_it_would_without(gathering: Gathering) -> None:
    gathering.emit("acme")
    gathering.deliver(15)
    gathering.pipeline("")
    gathering.emit("acme")
    first, second = gathering.slack.messages
    assert [block["type"] for block in first.body["blocks"]] == [block["type"] for block in second.body["blocks"]]
    assert first.body["text"] == second.body["text"] == "acme is at 10"


def test_keys_are_told_apart_and_so_are_fewer_than_at_least(gathering: Gathering) -> None:
    gathering.pipeline(DIGEST + "at_least = 3\n")
    gathering.emit("a", "b", "c")
    gathering.emit("d", "e", metric="storage")
    gathering.deliver(15)
    gathering.deliver(1)
    assert sorted(lines[0] for lines in gathering.said) == ["3 messages: alert", "d is at 10", "e is at 11"]


def test_two_destinations_of_one_channel_gather_for_themselves(gathering: Gathering) -> None:
    late = '[[destinations]]\nuse = "slack"\nchannel = "#alerts"\nwhen = "$event.used < 20"\n' + DIGEST
    gathering.pipeline(late.replace("15m", "60m"), more='when = "$event.used >= 20"\n' + DIGEST + TITLE)
    gathering.emit("a", "b")
    gathering.emit("c", "d", used=20)
    gathering.deliver(15)
    assert [lines[1:3] for lines in gathering.said] == [["• d is at 21", "• c is at 20"]]
    gathering.deliver(45)
    assert [lines[1:3] for lines in gathering.said][1:] == [["• b is at 11", "• a is at 10"]]


def test_what_is_over_at_most_is_counted_and_found(gathering: Gathering) -> None:
    gathering.pipeline(DIGEST + "at_most = 2\n")
    gathering.emit("a", "b", "c", "d", "e")
    gathering.deliver(15)
    (lines,) = gathering.said
    carrier = gathering.slack.messages[0].delivery_id
    assert lines[0] == "5 messages: alert"
    assert f"and 3 more: `ingestlayer deliveries list --digest {carrier}`" in lines
    assert len(gathering.bench.run("deliveries", "list", "--digest", str(carrier), "--json").lines) == 5


def test_its_words_and_blocks_know_all_of_it(gathering: Gathering) -> None:
    gathering.bench.write(
        "digest.json",
        '[{"type": "section", "text": {"type": "mrkdwn", "text": "$digest.count"}},'
        ' {"type": "section", "repeat": "$digest.items", "text": {"type": "mrkdwn",'
        ' "text": "$item.event.customer_id: $item.order"}}]',
    )
    own = 'title = "$digest.count customers"\n'
    gathering.pipeline(DIGEST + own + 'text = "look at $digest.count of them"\nline = "*$event.customer_id*"\n')
    gathering.emit("a", "b")
    gathering.deliver(15)
    gathering.pipeline(DIGEST + own + 'blocks = "digest.json"\n')
    gathering.emit("a", "b")
    gathering.deliver(15)
    first, second = gathering.said
    assert first[:4] == ["2 customers", "look at 2 of them", "• *b*", "• *a*"]
    assert second == ["2", "b: 11", "a: 10"]
    assert gathering.slack.messages[1].body["text"] == "2 customers"


def test_at_a_time_of_day(gathering: Gathering) -> None:
    gathering.clock.at = int(parse_rfc3339("2026-11-03T09:30:00Z").timestamp()) * 1000
    gathering.pipeline('[destinations.digest]\nat = "09:00"\n')
    gathering.emit("a", "b")
    gathering.deliver(23 * 60)
    assert gathering.said == []
    gathering.deliver(30)
    assert [lines[0] for lines in gathering.said] == ["2 messages: alert"]


def test_what_one_batch_finds_is_one_message(gathering: Gathering, tmp_path: Path) -> None:
    gathering.pipeline('[destinations.digest]\nwindow = "run"\n')
    lines = [f'{{"customer_id": "c{number}", "used": {number}}}' for number in range(7)]
    gathering.bench.write("b.ndjson", "\n".join(lines) + "\n")
    result = gathering.bench.run("emit", "usage", "--batch", str(gathering.bench.root / "b.ndjson"), "--json")
    assert (result.code, result.json["deliveries"]["delivered"]) == (0, 7)
    assert [lines[0] for lines in gathering.said] == ["7 messages: alert"]


def test_what_one_batch_finds_is_one_message_though_others_deliver_meanwhile(gathering: Gathering) -> None:
    gathering.pipeline('[destinations.digest]\nwindow = "run"\n')

    def chunks() -> Iterator[list[Line]]:
        for number in range(3):
            yield [Line(number + 1, Raw("usage", {"customer_id": f"c{number}", "used": number}), None, b"")]
            gathering.deliver()

    with Runtime(load(str(gathering.bench.root), keep=False), clock=gathering.clock) as runtime:
        flow.emit_batch(runtime, chunks())
    assert [lines[0] for lines in gathering.said] == ["3 messages: alert"]
    gathering.emit("d")  # one alone is a run of its own
    assert len(gathering.said) == 2


def test_what_a_killed_batch_found_is_one_message_of_the_next_delivery(gathering: Gathering) -> None:
    gathering.pipeline('[destinations.digest]\nwindow = "run"\n')

    def chunks() -> Iterator[list[Line]]:
        for number in range(2):
            yield [Line(number + 1, Raw("usage", {"customer_id": f"c{number}", "used": number}), None, b"")]
        os.kill(os.getpid(), signal.SIGKILL)

    if (child := os.fork()) == 0:
        with Runtime(load(str(gathering.bench.root), keep=False), clock=gathering.clock) as runtime:
            flow.emit_batch(runtime, chunks())
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    gathering.deliver(1)
    assert [lines[0] for lines in gathering.said] == ["2 messages: alert"]


def test_a_digest_that_fails_is_retried_as_it_was(gathering: Gathering) -> None:
    gathering.slack.script_method("chat.postMessage", RateLimited(30), RateLimited(30))
    gathering.emit("a", "b")
    gathering.deliver(15)
    gathering.emit("c")
    for _ in range(4):
        gathering.deliver(10)
    assert sorted(lines[0] for lines in gathering.said) == ["2 messages: alert", "c is at 10"]
    assert gathering.statuses == ["delivered"] * 3


def test_one_that_may_have_arrived_is_looked_for_and_all_of_it_is_settled(gathering: Gathering) -> None:
    gathering.slack.script_method("chat.postMessage", ResetAfterStore())
    gathering.emit("a", "b")
    gathering.deliver(15)
    gathering.deliver(5)
    assert [lines[0] for lines in gathering.said] == ["2 messages: alert"]
    assert gathering.statuses == ["delivered"] * 2


@pytest.mark.parametrize("dies_in", ["carry", "record"])
def test_a_crash_between_composing_and_posting_neither_loses_nor_doubles(
    gathering: Gathering, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    gathering.emit("a", "b", "c")

    def die(*_: Any) -> Callable[..., Any]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if dies_in == "carry":
            patch.setattr(Outbox, "_outgoing", die)
        else:
            patch.setattr(Outbox, "_record", die)
        with pytest.raises(KeyboardInterrupt):
            gathering.deliver(15)
    for _ in range(4):
        gathering.deliver(10)
    assert [lines[0] for lines in gathering.said] == ["3 messages: alert"]
    assert gathering.statuses == ["delivered"] * 3


def test_a_replay_of_what_a_digest_says_that_waits_neither_doubles_nor_loses_any_of_it(gathering: Gathering) -> None:
    gathering.slack.script_method("chat.postMessage", BUSY)
    gathering.emit("a", "b", "c")
    gathering.deliver(15)
    assert gathering.statuses == ["retrying", "pending", "pending"]
    for (event,) in gathering.rows("SELECT id FROM events"):  # what one of them carries, and what is carried
        assert "error" not in gathering.bench.run("replay", event, "--again", "--yes", "--no-deliver", "--json").json
    gathering.deliver(10)
    assert [lines[0] for lines in gathering.said] == ["3 messages: alert"]
    assert gathering.statuses == ["delivered"] * 3


def test_a_dead_digest_is_dead_for_all_and_one_retry_sends_it(gathering: Gathering) -> None:
    gathering.slack.channels["alerts"].archived = True
    gathering.emit("a", "b")
    gathering.deliver(15)
    assert gathering.statuses == ["dead"] * 2
    gathering.slack.channels["alerts"].archived = False
    result = gathering.bench.run("deliveries", "retry", "--status", "dead", "--json")
    assert result.code == 0
    gathering.deliver(1)
    assert [lines[0] for lines in gathering.said] == ["2 messages: alert"]
    assert gathering.statuses == ["delivered"] * 2


def test_of_a_dead_digest_of_which_one_was_replayed_the_others_are_replayed_too_and_nothing_is_told_twice(
    gathering: Gathering,
) -> None:
    gathering.slack.channels["alerts"].archived = True
    gathering.emit("a", "b", "c")
    gathering.deliver(15)
    gathering.slack.channels["alerts"].archived = False
    (_,), (second,), (third,) = gathering.rows("SELECT id FROM events ORDER BY seq")
    assert "error" not in gathering.bench.run("replay", second, "--yes", "--no-deliver", "--json").json
    ((other,),) = gathering.rows(
        f"SELECT id FROM deliveries WHERE event = (SELECT seq FROM events WHERE id = '{third}')"
    )
    refused = gathering.bench.run("deliveries", "retry", other, "--json")
    assert (refused.code, refused.error["hint"]) == (2, f"ingestlayer replay {third}")
    assert gathering.bench.run("deliveries", "retry", "--status", "dead", "--json").json == {"retrying": 0}
    assert "error" not in gathering.bench.run("replay", "--status", "dead", "--yes", "--no-deliver", "--json").json
    gathering.deliver(200)  # the replay was on the clock of the machine
    said = "\n".join(line for lines in gathering.said for line in lines)
    assert [said.count(f"{name} is at") for name in "abc"] == [1, 1, 1]


def test_hostile_values_are_data_in_a_line(gathering: Gathering) -> None:
    gathering.pipeline(DIGEST + 'line = "$event.customer_id"\n')
    gathering.emit("<!channel> *b* <https://x.example|y>", "ok")
    gathering.deliver(15)
    (block,) = [block for block in gathering.slack.messages[0].body["blocks"] if "• ok" in str(block)]
    assert "<!channel>" not in block["text"]["text"]
    assert "&lt;!channel&gt;" in block["text"]["text"]


@pytest.mark.parametrize(
    ("digest", "words"),
    [
        ("[destinations.digest]\n", "a digest is of a `window`"),
        ('[destinations.digest]\nwindow = "15m"\nat = "09:00"\n', "a digest is of a `window`"),
        ('[destinations.digest]\nwindow = "15"\n', "is not a duration"),
        ('[destinations.digest]\nwindow = "rum"\n', '(did you mean "run"?)'),
        ('[destinations.digest]\nat = "9 am"\n', "must be a time in quotes"),
        (DIGEST + "at_least = 5\nat_most = 3\n", "at_most = 3 is less than at_least = 5"),
        (DIGEST + "at_most = 0\n", "`at_most` is 1 or more"),
        (DIGEST + 'title = "$event.used"\n', "a digest is of many events: it has $digest.count and $digest.items"),
        (DIGEST + 'title = "$digest.cuont"\n', "a digest has count, items (did you mean"),
        (DIGEST + 'line = "$digest.count"\n', "$digest stands in title, text and blocks of a digest alone"),
    ],
)
def test_what_is_wrong_is_told(gathering: Gathering, digest: str, words: str) -> None:
    gathering.pipeline(digest)
    result = gathering.bench.run("validate", "--json")
    assert words in " ".join(found["problem"] for found in result.json["problems"])


def test_a_digest_is_in_no_thread(gathering: Gathering) -> None:
    gathering.pipeline(DIGEST, more='thread = "$event.customer_id"\n')
    assert "a digest is in no thread" in gathering.bench.run("validate").out


def test_a_preview_says_that_it_waits_for_others(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path)
    pipe.steps("", destination='digest = { window = "15m" }')
    pipe.emit(customer_id="acme")
    with Runtime(pipe.project(), clock=pipe.clock) as runtime:
        ((trace,),) = database(runtime.store).rows("SELECT trace FROM runs")
    assert "in one message with others: 15m after the first" in trace
