"""Reminders end once somebody has reacted in Slack; where that cannot be seen, they do not."""

import json
import time
from typing import Any

import pytest

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Raw
from ingestlayer_cli.project import load
from ingestlayer_cli.store.opening import open_to_write
from tests.support.bench import DESTINATION, Bench
from tests.support.clock import FakeClock
from tests.support.standin import SlackError, SlackStandin

DAY = 86_400_000
STEP = (
    '[[steps]]\nuse = "crossing"\nvalue = "$event.used / $event.limit"\nlevels = [1]\nkey = "$event.customer_id"\n'
    'remind = "1d"\nuntil_reaction = ":white_check_mark:"\n'
)


class Reminding:
    """A project with reminders; its clock stands still unless it is moved."""

    def __init__(self, bench: Bench, slack: SlackStandin) -> None:
        self.bench, self.slack = bench, slack
        self.clock = FakeClock(time.time_ns() // 1_000_000 - 60 * DAY)
        slack.tokens["xoxb-test"].add("reactions:read")
        bench.pipeline(STEP + DESTINATION)

    def held(self, days: float = 1, used: int = 120) -> tuple[str, str]:
        """Emit, some days later, that the level is held; return the outcome, and what the step says."""
        self.clock.sleep(round(days * DAY))
        with Runtime(load(str(self.bench.root), keep=False), clock=self.clock) as runtime:
            payload = {"customer_id": "acme", "used": used, "limit": 100}
            (run,) = flow.emit(runtime, Raw("usage.limit_reached", payload))["runs"]
        ((trace,),) = self.bench.rows("SELECT trace FROM runs ORDER BY event DESC LIMIT 1")
        return run["outcome"], json.loads(trace)[0]["note"]

    @property
    def asked(self) -> int:
        return [request.method for request in self.slack.requests].count("reactions.get")


@pytest.fixture
def reminding(bench: Bench, slack: SlackStandin) -> Reminding:
    return Reminding(bench, slack)


def test_nobody_is_reminded_once_somebody_has_reacted_and_slack_is_asked_once(reminding: Reminding) -> None:
    assert reminding.held()[0] == "queued"
    assert reminding.held(0.5)[0] == "dropped"
    assert reminding.asked == 0  # it was not due
    assert reminding.held() == ("queued", "used/limit = 120/100 = 1.2: 1 is still held, told 2 times")
    reminding.slack.messages[0].reactions = {"eyes": ["U1"], "white_check_mark::skin-tone-2": ["U1"]}
    outcome, note = reminding.held()
    assert outcome == "dropped"
    assert "; nobody is reminded: somebody has reacted with :white_check_mark: to evt_" in note
    asked = reminding.asked
    assert "nobody is reminded" in reminding.held()[1]
    assert reminding.asked == asked
    reminding.held(used=10)
    assert reminding.held()[0] == "queued"  # reached anew
    assert reminding.held()[0] == "queued"


def test_a_reaction_to_the_last_reminder_counts(reminding: Reminding) -> None:
    for _ in range(3):
        assert reminding.held()[0] == "queued"
    reminding.slack.messages[-1].reactions = {"white_check_mark": ["U1"]}
    assert reminding.held()[0] == "dropped"


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (None, "Slack does not say it (missing_scope: the token needs reactions:read)"),
        (SlackError("message_not_found"), "Slack does not say it (message_not_found)"),
    ],
)
def test_where_it_cannot_be_seen_the_reminder_passes_and_says_why(reminding: Reminding, fault: Any, why: str) -> None:
    reminding.held()
    if fault is None:
        reminding.slack.tokens["xoxb-test"].discard("reactions:read")
    else:
        reminding.slack.script_method("reactions.get", fault)
    outcome, note = reminding.held()
    assert outcome == "queued"
    assert note.endswith(f"; whether somebody has reacted is not known: {why}")


def test_what_was_not_posted_yet_nobody_has_reacted_to(reminding: Reminding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    reminding.held()
    outcome, note = reminding.held()
    assert outcome == "queued"
    assert "is not known: nothing was posted for evt_" in note


def test_the_store_is_free_while_slack_is_asked(reminding: Reminding) -> None:
    """Another process writes while the answer takes its time."""
    reminding.held()
    wrote = []

    def look(pipeline: str, events: tuple[str, ...], emoji: str) -> Any:
        other = open_to_write(str(reminding.bench.root / ".ingestlayer/store.db"))
        other.wait_at_most(0.5)
        with other.transaction() as transaction:
            transaction.write_note("t", "n", 1, 0)
        wrote.append(other.note("t", "n"))
        other.close()
        return real(pipeline, events, emoji)

    with Runtime(load(str(reminding.bench.root), keep=False), clock=reminding.clock) as runtime:
        real, runtime.outside._look = runtime.outside._look, look
        reminding.clock.sleep(DAY)
        flow.emit(runtime, Raw("usage.limit_reached", {"customer_id": "acme", "used": 120, "limit": 100}))
    assert wrote == [1]


def test_a_preview_asks_nothing(reminding: Reminding) -> None:
    reminding.held()
    reminding.clock.sleep(DAY)
    with Runtime(load(str(reminding.bench.root), keep=False), clock=reminding.clock, keep=False) as runtime:
        payload = {"customer_id": "acme", "used": 120, "limit": 100}
        found, _ = flow.preview(runtime, Raw("usage.limit_reached", payload))
    assert found["runs"][0]["outcome"] == "queued"
    assert "it is looked up when an event is accepted, and not here" in found["runs"][0]["trace"][0]["note"]
    assert reminding.asked == 0


def test_the_scope_is_told(reminding: Reminding) -> None:
    reminding.slack.tokens["xoxb-test"].discard("reactions:read")
    told = reminding.bench.run("slack", "status", "--json").out
    assert json.loads(told)["workspaces"][0]["missing_scopes"] == {
        "reactions:read": "see whether somebody has reacted, which ends reminders (until_reaction)"
    }
    manifest = json.loads(reminding.bench.run("slack", "manifest").out)
    assert "reactions:read" in manifest["oauth_config"]["scopes"]["bot"]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (STEP, "until_reaction is read of messages in Slack, and no destination of this pipeline is one"),
        (STEP.replace('remind = "1d"\n', ""), "`until_reaction` ends reminders: say when they are due"),
        (STEP.replace(":white_check_mark:", "white check"), '"white check" is no emoji'),
    ],
)
def test_what_cannot_be_asked_is_found(reminding: Reminding, step: str, words: str) -> None:
    reminding.bench.pipeline(step + '[[destinations]]\nuse = "file"\npath = "out.ndjson"\n')
    assert words in reminding.bench.run("validate").out
