"""Messages go within the hours of their destination, whoever sends them, whenever."""

import json
from typing import Any

import pytest

from ingestlayer_cli.engine.runtime import Runtime
from tests.support.clock import at
from tests.support.pipe import Pipe
from tests.support.stored import database

BUSINESS = '[hours.business]\ndays = "mon-fri"\nfrom = "09:00"\nto = "18:00"\n'
WITHIN = 'hours = "business"\n'


@pytest.fixture
def pipe(tmp_path: Any) -> Pipe:
    pipe = Pipe(tmp_path)
    pipe.write("ingestlayer.toml", BUSINESS)
    pipe.steps("", destination=WITHIN, says="$event.customer_id")
    return pipe


def now(pipe: Pipe, text: str) -> None:
    pipe.clock.at = at(text)


def rows(pipe: Pipe, sql: str) -> list[Any]:
    with Runtime(pipe.project(), clock=pipe.clock) as runtime:
        return database(runtime.store).rows(sql)


def statuses(pipe: Pipe) -> list[str]:
    return [status for (status,) in rows(pipe, "SELECT status FROM deliveries ORDER BY seq")]


def test_within_the_hours_a_message_goes_at_once(pipe: Pipe) -> None:
    pipe.emit(customer_id="acme")
    assert statuses(pipe) == ["shown"]


def test_outside_it_waits_for_the_next_opening_and_no_sender_sends_it_before(pipe: Pipe) -> None:
    now(pipe, "2026-11-06T18:00:00Z")  # a Friday
    pipe.emit(customer_id="acme")
    assert rows(pipe, "SELECT due_at, attempts, status FROM deliveries") == [(at("2026-11-09T09:00:00Z"), 0, "pending")]
    ((trace,),) = rows(pipe, "SELECT trace FROM runs")
    assert json.loads(trace)[-1]["note"] == (
        "outside the hours business (2026-11-06 18:00 UTC): waits until 2026-11-09 09:00 UTC"
    )
    for time, found in (("2026-11-08T12:00:00Z", "pending"), ("2026-11-09T09:00:00Z", "shown")):
        now(pipe, time)
        pipe.deliver()
        assert statuses(pipe) == [found]


def test_hours_that_ended_while_nothing_ran_are_waited_for_again(pipe: Pipe) -> None:
    now(pipe, "2026-11-06T18:00:00Z")
    pipe.emit(customer_id="acme")
    now(pipe, "2026-11-09T21:00:00Z")
    pipe.deliver()
    assert rows(pipe, "SELECT attempts, error FROM deliveries") == [
        (0, "outside the hours business: it goes at 2026-11-10 09:00 UTC")
    ]
    now(pipe, "2026-11-10T10:00:00Z")
    pipe.deliver()
    assert statuses(pipe) == ["shown"]


def test_what_waits_holds_back_nothing_else_in_its_channel(pipe: Pipe) -> None:
    now(pipe, "2026-11-06T18:00:00Z")
    pipe.steps("", name="other", says="x")
    pipe.emit(customer_id="acme")
    assert sorted(statuses(pipe)) == ["pending", "shown"]


def test_what_is_dropped_outside_says_so(pipe: Pipe) -> None:
    pipe.steps("", destination=WITHIN + 'outside = "drop"\n', says="x")
    now(pipe, "2026-11-07T10:00:00Z")
    (run,) = pipe.emit(customer_id="acme").runs
    assert run.outcome == "dropped"
    assert run.skipped[0]["reason"] == "outside the hours business (2026-11-07 10:00 UTC)"


def test_outside_another_channel_may_get_it(pipe: Pipe) -> None:
    pipe.steps("", destination=WITHIN + 'outside = "#oncall"\n', says="x")
    now(pipe, "2026-11-07T10:00:00Z")
    pipe.emit(customer_id="acme")
    now(pipe, "2026-11-09T10:00:00Z")
    pipe.emit(customer_id="acme")
    assert rows(pipe, "SELECT target FROM deliveries ORDER BY seq") == [("#oncall",), ("#c",)]


def test_a_delay_and_the_hours_add_up(pipe: Pipe) -> None:
    throttle = '[[steps]]\nuse = "throttle"\nkey = "$event.customer_id"\nmax = 1\nwindow = "1d"\nmode = "delay"\n'
    pipe.steps(throttle, destination=WITHIN, says="x")
    now(pipe, "2026-11-06T10:00:00Z")
    for _ in range(2):
        pipe.emit(customer_id="acme")
    ((_,), (due,)) = rows(pipe, "SELECT due_at FROM deliveries ORDER BY seq")
    assert due == at("2026-11-09T09:00:00Z")


def test_its_operator_sends_one_now_all_the_same(pipe: Pipe) -> None:
    digest = '[destinations.digest]\nwindow = "1h"\nkey = "$event.metric"\n'
    pipe.steps("", destination=WITHIN + digest, says="x")
    now(pipe, "2026-11-06T18:00:00Z")
    for _ in range(3):
        pipe.emit(customer_id="acme")
    ((id_,),) = rows(pipe, "SELECT id FROM deliveries ORDER BY seq LIMIT 1")
    for at_once, found in ((False, ["pending"] * 3), (True, ["shown", "pending", "pending"])):
        with Runtime(pipe.project(), clock=pipe.clock) as runtime:
            assert runtime.store.deliveries.retry([id_], pipe.clock.at, at_once) == 1
        pipe.deliver()
        assert statuses(pipe) == found
