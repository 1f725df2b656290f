"""`crossing` and `throttle` over random histories, beside a small model of what is promised.

Histories are of events in and out of order, a clock that steps and jumps, batches, transactions that fail,
processes that end or are killed, and filters that drop what the step let through.
"""

import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.accepting import accept
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Line, Raw
from ingestlayer_cli.project import Project
from ingestlayer_cli.store.contract.sending import Wanted
from ingestlayer_cli.store.sql.transaction import SqlTransaction
from ingestlayer_cli.system.clock import format_time
from tests.support.pipe import Pipe
from tests.support.stored import database

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
QUIET = '[[steps]]\nuse = "filter"\nwhen = "$event.metric != \'quiet\'"\n'
SETTINGS = settings(
    max_examples=12,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

customers = st.sampled_from(["acme", "globex", None])
moves = st.sampled_from([0, 1, 7 * MINUTE, HOUR, -HOUR, 5 * HOUR, DAY, -DAY, 20 * DAY])
# How far an event's own time is from the clock; mostly it has none.
shifts = st.sampled_from([None, None, None, None, 0, -1, -30 * MINUTE, -2 * HOUR, -DAY, -31 * DAY, 3 * HOUR])
quiet = st.sampled_from([False, False, False, True])


class Broken(Exception):
    """What aborts a transaction."""


class Histories(RuleBasedStateMachine):
    """One project and its store. Subclasses have the steps, the events and the model."""

    steps = ""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.bench = Pipe(self.root)
        self.bench.steps(self.steps + QUIET)
        self.compiled: Project = self.bench.project()
        self.runtime = self.open()

    def open(self) -> Runtime:
        return Runtime(self.compiled, clock=self.bench.clock)

    @property
    def now(self) -> int:
        return self.bench.clock.at

    @contextmanager
    def aborted(self) -> Iterator[None]:
        """Let a transaction end in an error."""
        with pytest.raises(Broken):
            yield

    # What the model has to say; `commit` is whether what happens is to be remembered.
    def expect(self, event: dict[str, Any]) -> str:
        raise NotImplementedError

    def raw(self, event: dict[str, Any]) -> Raw:
        payload = {name: value for name, value in event.items() if name != "at" and value is not None}
        # Whose time is the clock's is sent without one.
        return Raw("usage", payload, timestamp=None if event["at"] == self.now else format_time(event["at"]))

    def event(self, shift: int | None, is_quiet: bool, **payload: Any) -> dict[str, Any]:
        return {"at": self.now + (shift or 0), "metric": "quiet" if is_quiet else "loud", **payload}

    def accept(self, event: dict[str, Any]) -> None:
        """Emit an event and compare."""
        expected = self.expect(event)
        (run,) = flow.emit(self.runtime, self.raw(event), deliver=False).runs
        assert run.outcome == expected, (event, run.reason)

    def accept_all(self, events: list[dict[str, Any]]) -> None:
        """Emit a batch and compare."""
        (last,) = database(self.runtime.store).rows("SELECT coalesce(max(seq), 0) FROM events")[0]
        flow.emit_batch(self.runtime, [self.lines(events)], deliver=False)
        rows = database(self.runtime.store).rows("SELECT outcome FROM runs WHERE event > ? ORDER BY event", last)
        assert [outcome for (outcome,) in rows] == [self.expect(event) for event in events], events

    def lines(self, events: list[dict[str, Any]]) -> list[Line]:
        return [Line(number, self.raw(event), None, b"") for number, event in enumerate(events, start=1)]

    def abort(self, events: list[dict[str, Any]]) -> None:
        """Run events in a transaction that fails at its end."""
        with self.aborted(), self.runtime.store.transaction() as transaction:
            for event in events:
                admitted, payload = self.runtime.gate.admit(self.raw(event), self.now)
                accept(self.runtime, transaction, admitted, payload, self.now)
            raise Broken

    def kill(self, events: list[dict[str, Any]]) -> None:
        """Run events in a process that is killed inside its transaction, after all was written."""
        self.runtime.close()
        child = os.fork()
        if child == 0:
            runtime = self.open()
            with runtime.store.transaction() as transaction:
                for event in events:
                    admitted, payload = runtime.gate.admit(self.raw(event), self.now)
                    accept(runtime, transaction, admitted, payload, self.now)
                assert isinstance(transaction, SqlTransaction)
                transaction.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        self.runtime = self.open()

    def look(self, event: dict[str, Any]) -> None:
        """Preview an event: it leaves nothing behind."""
        flow.preview_event(self.runtime, self.runtime.gate.admit(self.raw(event), self.now)[0])

    @rule(by=moves)
    def time_passes(self, by: int) -> None:
        self.bench.clock.at += by

    @rule()
    def restart(self) -> None:
        self.runtime.close()
        self.runtime = self.open()

    def teardown(self) -> None:
        self.runtime.close()
        shutil.rmtree(self.root)


# crossing -------------------------------------------------------------------------------------------------

LEVELS = [Fraction(1, 2), Fraction(8, 10), Fraction(1)]
REARM = Fraction(1, 10)
used = st.sampled_from([0, 39, 40, 41, 49, 50, 69, 70, 71, 80, 89, 90, 100, 120, -5])
limits = st.sampled_from([100, 100, 100, 100, 200, 0, None])
crossing_events = st.tuples(shifts, quiet, customers, used, limits)


class Crossings(Histories):
    """The model has, for each customer and day, the level that is held, its limit and the time of the last change."""

    steps = """
[[steps]]
use = "crossing"
value = "$event.used / $event.limit"
levels = [0.5, 0.8, 1]
key = "$event.customer_id"
period = "day"
rearm = 0.1
"""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, int], tuple[Fraction | None, int, int]] = {}

    def expect(self, event: dict[str, Any]) -> str:
        if not event["limit"]:
            return "dropped"
        value = Fraction(event["used"], event["limit"])
        level = max((level for level in LEVELS if value >= level), default=None)
        loud = event["metric"] != "quiet"
        if event["customer_id"] is None:
            return "queued" if level is not None and loud else "dropped"
        place = event["customer_id"], event["at"] // DAY
        held, limit, changed_at = self.held.get(place, (None, 0, -(10**18)))
        if event["at"] >= changed_at and held is not None:
            still = [each for each in LEVELS if each <= held and value >= each - REARM]
            lower = max(still, default=None) if limit == event["limit"] else None
            if lower != held:
                held, changed_at = lower, event["at"]
                self.held[place] = held, limit, changed_at
        if level is None or (held is not None and level <= held) or not loud:
            return "dropped"
        is_late = event["at"] < changed_at and held is not None
        self.held[place] = level, limit if is_late else event["limit"], max(event["at"], changed_at)
        return "queued"

    def made(self, drawn: tuple[Any, ...]) -> dict[str, Any]:
        shift, is_quiet, customer, value, limit = drawn
        return self.event(shift, is_quiet, customer_id=customer, used=value, limit=limit)

    @rule(drawn=crossing_events)
    def one(self, drawn: tuple[Any, ...]) -> None:
        self.accept(self.made(drawn))

    @rule(drawn=st.lists(crossing_events, max_size=12))
    def batch(self, drawn: list[tuple[Any, ...]]) -> None:
        self.accept_all([self.made(each) for each in drawn])

    @rule(drawn=st.lists(crossing_events, min_size=1, max_size=5))
    def abort_some(self, drawn: list[tuple[Any, ...]]) -> None:
        self.abort([self.made(each) for each in drawn])

    @rule(drawn=st.lists(crossing_events, min_size=1, max_size=5))
    def kill_some(self, drawn: list[tuple[Any, ...]]) -> None:
        self.kill([self.made(each) for each in drawn])

    @rule(drawn=crossing_events)
    def preview(self, drawn: tuple[Any, ...]) -> None:
        self.look(self.made(drawn))

    @rule(values=st.lists(used, min_size=3, max_size=6), late=st.integers(0, 3))
    def two_limits_out_of_order(self, values: list[int], late: int) -> None:
        ways = [(200, None), (100, -1), (200, None)] * 2
        made = [(value, *ways[(index + late) % 3]) for index, value in enumerate(values)]
        self.accept_all(
            [self.event(by, False, customer_id="acme", used=value, limit=limit) for value, limit, by in made]
        )

    @rule(customer=st.sampled_from(["acme", "globex"]), values=st.lists(used, min_size=5, max_size=20))
    def one_customer_in_order(self, customer: str, values: list[int]) -> None:
        self.accept_all([self.event(None, False, customer_id=customer, used=value, limit=100) for value in values])


# throttle -------------------------------------------------------------------------------------------------

MOST = 2
throttle_events = st.tuples(shifts, quiet, customers)


class Throttles(Histories):
    """What both modes share: the events."""

    def made(self, drawn: tuple[Any, ...]) -> dict[str, Any]:
        shift, is_quiet, customer = drawn
        return self.event(shift, is_quiet, customer_id=customer)

    @rule(drawn=throttle_events)
    def one(self, drawn: tuple[Any, ...]) -> None:
        self.accept(self.made(drawn))

    @rule(drawn=st.lists(throttle_events, max_size=12))
    def batch(self, drawn: list[tuple[Any, ...]]) -> None:
        self.accept_all([self.made(each) for each in drawn])

    @rule(drawn=st.lists(throttle_events, min_size=1, max_size=5))
    def abort_some(self, drawn: list[tuple[Any, ...]]) -> None:
        self.abort([self.made(each) for each in drawn])

    @rule(drawn=st.lists(throttle_events, min_size=1, max_size=5))
    def kill_some(self, drawn: list[tuple[Any, ...]]) -> None:
        self.kill([self.made(each) for each in drawn])

    @rule(drawn=throttle_events)
    def preview(self, drawn: tuple[Any, ...]) -> None:
        self.look(self.made(drawn))

    @rule(customer=st.sampled_from(["acme", "globex"]), count=st.integers(3, 9))
    def many_at_once(self, customer: str, count: int) -> None:
        self.accept_all([self.event(None, False, customer_id=customer)] * count)


class Drops(Throttles):
    """The model counts what went through, by customer and hour."""

    steps = f'[[steps]]\nuse = "throttle"\nkey = "$event.customer_id"\nmax = {MOST}\nwindow = "1h"\n'

    def __init__(self) -> None:
        super().__init__()
        self.went: Counter[tuple[str, int]] = Counter()

    def expect(self, event: dict[str, Any]) -> str:
        place = event["customer_id"], event["at"] // HOUR
        if event["metric"] == "quiet" or (event["customer_id"] and self.went[place] == MOST):
            return "dropped"
        self.went[place] += 1
        return "queued"


class Delays(Throttles):
    """The model has a list of the hours that are taken, by customer; each event takes the first free one."""

    steps = f'[[steps]]\nuse = "throttle"\nkey = "$event.customer_id"\nmax = {MOST}\nwindow = "1h"\nmode = "delay"\n'

    def __init__(self) -> None:
        super().__init__()
        self.taken: Counter[tuple[str, int]] = Counter()
        self.due: list[int] = []  # of each delivery, in the order of acceptance

    @initialize()
    def at_a_border(self) -> None:
        self.bench.clock.at -= self.now % HOUR

    def expect(self, event: dict[str, Any]) -> str:
        if event["metric"] == "quiet":
            return "dropped"
        own = hour = event["at"] // HOUR
        if event["customer_id"] is not None:
            while self.taken[event["customer_id"], hour] == MOST:
                hour += 1
            self.taken[event["customer_id"], hour] += 1
        self.due.append(max(self.now, hour * HOUR) if hour > own else self.now)
        return "queued"

    @invariant()
    def deliveries_are_due_when_the_model_says(self) -> None:
        rows = database(self.runtime.store).rows("SELECT due_at FROM deliveries ORDER BY seq")
        assert [at for (at,) in rows] == self.due

    @invariant()
    def nothing_was_tried(self) -> None:
        assert (
            database(self.runtime.store).rows("SELECT 1 FROM deliveries WHERE attempts > 0 OR status <> 'pending'")
            == []
        )


class LiveDelays(Throttles):
    """Events as they happen, on a clock that only goes forward: the promise itself, without a model of the step."""

    steps = Delays.steps

    def __init__(self) -> None:
        super().__init__()
        self.planned: list[tuple[str, int, int]] = []

    def expect(self, event: dict[str, Any]) -> str:
        return "dropped" if event["metric"] == "quiet" else "queued"

    def made(self, drawn: tuple[Any, ...]) -> dict[str, Any]:
        _, is_quiet, customer = drawn
        return self.event(None, is_quiet, customer_id=customer)

    @rule(by=moves)
    def time_passes(self, by: int) -> None:
        self.bench.clock.at += abs(by)

    def rows(self) -> list[tuple[str, int, int]]:
        """Return customer, the event's time and when it was to go, in the order of acceptance."""
        sql = (
            "SELECT coalesce(e.payload ->> 'customer_id', ''), e.received_at, d.due_at FROM deliveries d"
            " JOIN events e ON e.seq = d.event WHERE d.seq > ? ORDER BY d.seq"
        )
        self.planned += database(self.runtime.store).rows(sql, len(self.planned))
        return [row for row in self.planned if row[0]]

    @invariant()
    def no_window_has_more_than_max_deliveries_due(self) -> None:
        counts = Counter((customer, due // HOUR) for customer, _, due in self.rows())
        assert max(counts.values(), default=0) <= MOST

    @invariant()
    def order_is_kept(self) -> None:
        for name in ("acme", "globex"):
            due = [at for customer, _, at in self.rows() if customer == name]
            assert due == sorted(due)

    @invariant()
    def nothing_waits_while_an_earlier_window_has_room(self) -> None:
        counts = Counter((customer, due // HOUR) for customer, _, due in self.rows())
        for customer, at, due in self.rows():
            assert all(counts[customer, hour] == MOST for hour in range(at // HOUR, due // HOUR))

    @rule()
    def what_is_due_is_sent_and_to_wait_was_no_attempt(self) -> None:
        self.rows()
        flow.deliver(self.runtime, Wanted())
        found = database(self.runtime.store).rows("SELECT status, attempts FROM deliveries ORDER BY seq")
        sent, waits = ("shown", 1), ("pending", 0)
        assert found == [sent if due <= self.now else waits for _, _, due in self.planned]


TestCrossings = Crossings.TestCase
TestCrossings.settings = SETTINGS
TestDrops = Drops.TestCase
TestDrops.settings = SETTINGS
TestDelays = Delays.TestCase
TestDelays.settings = SETTINGS
TestLiveDelays = LiveDelays.TestCase
TestLiveDelays.settings = SETTINGS
