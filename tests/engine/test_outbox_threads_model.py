"""Random events, clocks, senders, faults, crashes and deleted messages, against what must hold of threads."""

import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.outbox import LEASE
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.project import load
from ingestlayer_cli.store.contract.sending import Wanted
from ingestlayer_cli.system.clock import format_time
from tests.support.clock import FakeClock
from tests.support.posting import Posting
from tests.support.standin import (
    BUSY,
    Garbage,
    RateLimited,
    ResetAfterStore,
    ResetBeforeStore,
    SlackError,
    SlackStandin,
    Status,
)
from tests.support.threads import THREADED, accept, assert_threads

WINDOW = 3_600_000
MINUTE = 60_000
FAULTS = [
    RateLimited(1),
    RateLimited(90),
    BUSY,
    Status(500),
    Garbage("gone", 503, stored=True),
    ResetBeforeStore(),
    ResetAfterStore(),
    Garbage("?", stored=True),
    Garbage("?"),
    SlackError("msg_too_long"),
]
SENDERS = st.integers(0, 2)
METHODS = st.sampled_from(["chat.postMessage", "chat.update"])
# The key of each event, and how many minutes ago it was.
EVENTS = st.lists(st.tuples(st.sampled_from("aab"), st.sampled_from([0, 0, 0, 10, 50, 70])), min_size=2, max_size=6)


class Threads(RuleBasedStateMachine):
    """Three senders on one store, each with a connection of its own; the clock stands still between the steps."""

    folder: Posting
    slack: SlackStandin

    @initialize()
    def begin(self) -> None:
        for path in self.folder.store.parent.glob("store.db*"):
            path.unlink()
        self.clock = FakeClock()
        self.slack = SlackStandin().start()
        self.slack.clock = lambda: self.clock.at * 1_000_000
        self.folder.url = self.slack.url
        self.number = 0
        self.by_hand: set[str] = set()
        self.may_lose = False
        self.runtimes = [self._runtime() for _ in range(3)]

    def _runtime(self) -> Runtime:
        project = load(str(self.folder.root))
        project.connections["slack"]["api_url"] = self.slack.url
        runtime = Runtime(project, self.clock)
        assert runtime.store  # made now
        return runtime

    @rule(events=EVENTS, sender=SENDERS, deliver=st.booleans())
    def accept(self, events: list[tuple[str, int]], sender: int, deliver: bool) -> None:
        for key, ago in events:
            self.number += 1
            at = format_time(self.clock.at - ago * MINUTE)
            accept(self.runtimes[sender], key, self.number, deliver, at)

    @rule(sender=SENDERS)
    def deliver(self, sender: int) -> None:
        flow.deliver(self.runtimes[sender], Wanted())

    @rule(minutes=st.sampled_from([1, 2, 15, 61]))
    def let_pass(self, minutes: int) -> None:
        self.clock.sleep(minutes * MINUTE)

    @rule(faults=st.lists(st.tuples(METHODS, st.sampled_from(FAULTS)), min_size=1, max_size=4), events=EVENTS)
    def go_wrong(self, faults: list[tuple[str, Any]], events: list[tuple[str, int]]) -> None:
        for method, fault in faults:
            if method == "chat.postMessage" or not isinstance(fault, SlackError):
                self.may_lose |= isinstance(fault, SlackError)
                self.slack.script_method(method, fault)
        self.accept(events, 0, True)

    @rule(sender=SENDERS, sends=st.booleans())
    def die(self, sender: int, sends: bool) -> None:
        """A process claims a delivery, and maybe sends it, and is not heard of again."""
        outbox = self.runtimes[sender].outbox
        store = self.runtimes[sender].store
        claimed = store.outbox.claim(Wanted(), self.clock.now(), LEASE, lambda kind: 0, "elsewhere:1/a/b/c")
        if claimed is not None and sends:
            outbox.connections.sender("slack").send(outbox._outgoing(claimed))

    @rule(sender=SENDERS)
    def begin_again(self, sender: int) -> None:
        self.runtimes[sender].close()
        self.runtimes[sender] = self._runtime()

    @rule(data=st.data())
    def delete_a_first_message(self, data: st.DataObject) -> None:
        settled = {id_ for (id_,) in self.folder.sql("SELECT id FROM deliveries WHERE status = 'delivered'")}
        found = [m for m in self.slack.messages if m.thread_ts is None and m.delivery_id in settled]
        if found:
            self.slack.delete(data.draw(st.sampled_from(found)))

    @rule(sender=SENDERS)
    def retry_the_dead(self, sender: int) -> None:
        dead = [id_ for (id_,) in self.folder.sql("SELECT id FROM deliveries WHERE status = 'dead'")]
        if dead:
            self.runtimes[sender].store.deliveries.retry(dead, self.clock.now())
            self.by_hand.update(dead)

    def teardown(self) -> None:
        if not hasattr(self, "clock"):
            return
        try:
            self.slack._method_scripts.clear()
            for turn in range(60):
                self.clock.sleep(70 * MINUTE)
                if not flow.deliver(self.runtimes[turn % 3], Wanted())["waiting"]:
                    break
            assert_threads(self.folder, self.slack, WINDOW, self.by_hand, self.may_lose)
        finally:
            for runtime in self.runtimes:
                runtime.close()
            self.slack.stop()


def run(examples: int, steps: int, derandomize: bool = True) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Threads.folder = Posting(Path(folder) / "project")
        Threads.folder.pipeline(THREADED)
        given = settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=derandomize,
            database=None,
        )
        run_state_machine_as_test(Threads, settings=given)


def test_threads_hold_whatever_happens(monkeypatch: Any) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-test")
    run(examples=18, steps=30)
