"""`throttle`: at most so many messages of a key in a window, the rest dropped or delayed."""

from typing import Any

import pytest

from ingestlayer_cli.engine import flow
from ingestlayer_cli.system.clock import format_time, parse_time
from ingestlayer_cli.system.errors import Exit, ProjectError
from tests.support.pipe import Pipe

DROP = """
[[steps]]
use = "throttle"
key = "$event.customer_id"
max = 2
window = "1h"
"""
DELAY = DROP + 'mode = "delay"\n'
FILTER = '[[steps]]\nuse = "filter"\nwhen = "$event.metric != \'quiet\'"\n'
LONG_AGO = "2020-01-01T00:30:00Z"


def outcomes(pipe: Pipe, count: int, at: str | None = None, **more: Any) -> str:
    """Emit events of one customer; return a letter for each outcome."""
    return "".join(pipe.outcome(at, customer_id="acme", **more)[0] for _ in range(count))


def due(pipe: Pipe) -> list[str]:
    """Return when each delivery may go."""
    return [format_time(at)[11:16] for (at,) in pipe.select("SELECT due_at FROM deliveries ORDER BY seq")]


# Dropping -------------------------------------------------------------------------------------------------


def test_no_more_than_max_go_through_in_a_window(pipe: Pipe) -> None:
    pipe.steps(DROP)
    assert outcomes(pipe, 4) == "qqdd"


def test_the_drop_tells_the_key_the_limit_and_the_end_of_the_window(pipe: Pipe) -> None:
    pipe.steps(DROP)
    outcomes(pipe, 2)
    (run,) = pipe.emit(customer_id="acme").runs
    assert (run.dropped_by, run.reason) == (
        "throttle",
        "acme had 2 in 1h; the window ends 2026-11-03T10:00:00.000Z",
    )


def test_the_trace_counts(pipe: Pipe) -> None:
    pipe.steps(DROP)
    outcomes(pipe, 1)
    assert pipe.traced(customer_id="acme")["note"] == "acme: 2 of 2 in 1h"


def test_a_window_ends_at_its_border_to_the_millisecond(pipe: Pipe) -> None:
    pipe.steps(DROP)
    assert outcomes(pipe, 2, "2026-11-03T10:00:00.000Z") == "qq"
    assert outcomes(pipe, 1, "2026-11-03T10:59:59.999Z") == "d"
    assert outcomes(pipe, 1, "2026-11-03T11:00:00.000Z") == "q"
    assert outcomes(pipe, 2, "2026-11-03T09:59:59.999Z") == "qq"


def test_keys_have_windows_of_their_own(pipe: Pipe) -> None:
    pipe.steps(DROP)
    assert outcomes(pipe, 3) == "qqd"
    assert pipe.outcome(customer_id="globex") == "queued"


def test_a_null_key_is_not_throttled_and_says_so(pipe: Pipe) -> None:
    pipe.steps(DROP)
    assert [pipe.outcome(metric="seats") for _ in range(4)] == ["queued"] * 4
    assert pipe.traced(metric="seats")["note"] == "the key is null: not throttled"


def test_late_events_count_in_the_window_of_their_own_time(pipe: Pipe) -> None:
    pipe.steps(DROP)
    assert outcomes(pipe, 3) == "qqd"
    assert outcomes(pipe, 3, "2h ago") == "qqd"
    assert outcomes(pipe, 1) == "d"


def test_windows_before_1970_and_before_the_year_1000_are_counted(pipe: Pipe) -> None:
    pipe.steps(DROP)
    assert outcomes(pipe, 3, "1969-12-31T23:30:00Z") == "qqd"
    assert outcomes(pipe, 3, "0001-01-01T00:00:00Z") == "qqd"


@pytest.mark.parametrize("steps", [DROP, DELAY])
@pytest.mark.parametrize("at", [None, LONG_AGO, "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z"])
def test_a_window_may_be_longer_than_time_since_1970(at: str | None, steps: str, pipe: Pipe) -> None:
    pipe.steps(steps.replace('"1h"', '"36500d"'))
    assert outcomes(pipe, 3, at) == ("qqd" if steps == DROP else "qqq")


def test_the_events_of_one_transaction_see_each_other(pipe: Pipe) -> None:
    pipe.steps(DROP)
    found = pipe.batch([{"customer_id": name} for name in ("a", "b", "a", "a", "b", "a")])
    assert [it[0] for it in found] == list("qqqdqd")
    assert pipe.outcome(customer_id="b") == "dropped"


def test_an_event_counts_only_when_a_message_is_queued(pipe: Pipe) -> None:
    pipe.steps(DROP + FILTER)
    assert outcomes(pipe, 5, metric="quiet") == "ddddd"
    assert outcomes(pipe, 3) == "qqd"


def test_a_preview_reads_the_memory_and_counts_nothing(pipe: Pipe) -> None:
    pipe.steps(DROP.replace("max = 2", "max = 1"))
    assert [pipe.preview(customer_id="acme")["outcome"] for _ in range(3)] == ["queued"] * 3
    assert outcomes(pipe, 1) == "q"
    assert pipe.preview(customer_id="acme")["dropped_by"] == "throttle"


@pytest.mark.parametrize("steps", [DROP, DELAY])
def test_stored_events_that_are_previewed_do_not_meet_themselves(steps: str, pipe: Pipe) -> None:
    pipe.steps(steps)
    emitted = [pipe.emit(customer_id="acme") for _ in range(2)]
    assert len(emitted) == 2
    notes = [pipe.previewed(back)["trace"][0]["note"] for back in (2, 1)]
    assert notes == ["acme: 1 of 2 in 1h", "acme: 2 of 2 in 1h"]


def test_a_stored_event_that_was_dropped_is_dropped_in_its_preview(pipe: Pipe) -> None:
    pipe.steps(DROP)
    outcomes(pipe, 3)
    assert pipe.previewed()["dropped_by"] == "throttle"


def test_a_replay_counts_anew_and_leaves_no_memory(pipe: Pipe) -> None:
    pipe.steps(DROP)
    outcomes(pipe, 3)
    assert pipe.replay()["runs"] == {"queued": 2, "dropped": 1, "failed": 0}
    pipe.clock.passes("1h")
    assert outcomes(pipe, 3) == "qqd"


def test_two_throttles_of_one_pipeline_count_apart(pipe: Pipe) -> None:
    pipe.steps(DROP + DROP.replace("customer_id", "metric").replace("max = 2", "max = 1"))
    pairs = [("x", "y"), ("x", "y"), ("x", "z"), ("x", "u"), ("y", "x")]
    found = [pipe.outcome(customer_id=a, metric=b)[0] for a, b in pairs]
    assert found == list("qdqdq")


# Delaying -------------------------------------------------------------------------------------------------


def test_what_is_over_waits_for_the_next_window_that_has_room(pipe: Pipe) -> None:
    pipe.steps(DELAY)
    assert outcomes(pipe, 5) == "qqqqq"
    assert due(pipe) == ["09:30", "09:30", "10:00", "10:00", "11:00"]


def test_a_delayed_message_is_pending_without_an_attempt_and_emit_says_75(pipe: Pipe) -> None:
    pipe.steps(DELAY)
    outcomes(pipe, 2)
    result = pipe.emit(customer_id="acme")
    (delivery,) = result.runs[0].deliveries
    assert (delivery.status, delivery.attempts, delivery.error) == ("pending", 0, None)
    assert flow.exit_code(result) == Exit.WAITING


def test_the_trace_says_until_when_it_is_delayed(pipe: Pipe) -> None:
    pipe.steps(DELAY)
    outcomes(pipe, 2)
    assert pipe.traced(customer_id="acme")["note"] == "acme had 2 in 1h: delayed until 2026-11-03T10:00:00.000Z"


def test_deliver_sends_it_once_its_window_has_begun(pipe: Pipe) -> None:
    pipe.steps(DELAY)
    outcomes(pipe, 5)
    assert pipe.deliver()["sent"] == 0
    pipe.clock.passes("30m")
    assert pipe.deliver()["sent"] == 2
    pipe.clock.passes("1h")
    assert pipe.deliver()["sent"] == 1
    rows = pipe.select("SELECT attempts, status FROM deliveries")
    assert rows == [(1, "shown")] * 5


def test_what_waits_takes_the_place_of_newer_events(pipe: Pipe) -> None:
    pipe.steps(DELAY)
    outcomes(pipe, 3)
    pipe.clock.passes("40m")
    outcomes(pipe, 2)
    assert due(pipe) == ["09:30", "09:30", "10:00", "10:10", "11:00"]


def test_an_event_goes_at_once_when_its_own_window_has_room_though_others_wait(pipe: Pipe) -> None:
    pipe.steps(DELAY)
    outcomes(pipe, 5)
    pipe.clock.passes("5h")
    assert outcomes(pipe, 1) == "q"
    assert due(pipe)[-1] == "14:30"


def test_backfilled_events_whose_window_has_passed_go_at_once(pipe: Pipe) -> None:
    pipe.steps(DELAY)
    outcomes(pipe, 7, LONG_AGO)
    assert due(pipe) == ["09:30"] * 7


def test_a_backfill_that_comes_late_is_not_held_up_by_the_present(pipe: Pipe) -> None:
    pipe.steps(DELAY)
    outcomes(pipe, 4)
    outcomes(pipe, 2, "3h ago")
    assert due(pipe) == ["09:30", "09:30", "10:00", "10:00", "09:30", "09:30"]


def test_a_backfill_that_reaches_into_the_present_waits_for_room(pipe: Pipe) -> None:
    pipe.steps(DELAY)
    outcomes(pipe, 6, "1h ago")
    assert due(pipe) == ["09:30"] * 4 + ["10:00"] * 2


def test_events_of_the_future_are_due_at_once_unless_they_are_over(pipe: Pipe) -> None:
    pipe.steps(DELAY)
    outcomes(pipe, 3, "2026-11-03T20:30:00Z")
    assert due(pipe) == ["09:30", "09:30", "21:00"]


def test_a_delayed_event_that_is_dropped_later_takes_no_place(pipe: Pipe) -> None:
    pipe.steps(DELAY + FILTER)
    outcomes(pipe, 2)
    assert outcomes(pipe, 9, metric="quiet") == "d" * 9
    outcomes(pipe, 1)
    assert due(pipe) == ["09:30", "09:30", "10:00"]


def test_a_batch_is_spread_over_the_windows_in_its_order(pipe: Pipe) -> None:
    pipe.steps(DELAY)
    pipe.batch([{"customer_id": "acme"}] * 5)
    assert due(pipe) == ["09:30", "09:30", "10:00", "10:00", "11:00"]


def test_many_windows_that_overflow_are_not_looked_through_again_and_again(pipe: Pipe) -> None:
    pipe.steps(DELAY.replace("max = 2", "max = 1").replace('"1h"', '"1s"'))
    start = parse_time("2026-11-03T09:30:00Z", 0)
    events = [{"customer_id": "a", "at": format_time(start + second * 1000)} for second in range(500) for _ in "ab"]
    pipe.batch(events)
    rows = pipe.select("SELECT due_at FROM deliveries ORDER BY seq")
    assert rows == [(start + second * 1000,) for second in range(1000)]


def test_a_second_delay_counts_where_the_first_one_put_the_message(pipe: Pipe) -> None:
    pipe.steps(DELAY.replace("max = 2", "max = 1") + DELAY.replace("$event.customer_id", "all"))
    for name in ("a", "a", "b", "c", "c"):
        pipe.outcome(customer_id=name)
    assert due(pipe) == ["09:30", "10:00", "09:30", "10:00", "11:00"]


def test_a_delayed_event_that_is_previewed_tells_its_place_again(pipe: Pipe) -> None:
    pipe.steps(DELAY)
    outcomes(pipe, 4)
    assert pipe.previewed()["trace"][0]["note"] == "acme had 2 in 1h: delayed until 2026-11-03T10:00:00.000Z"


TESTS = """
[[tests]]
name = "the third is dropped"
event = { type = "usage", payload = { customer_id = "acme" } }
before = [
  { type = "usage", payload = { customer_id = "acme" } },
  { type = "usage", payload = { customer_id = "acme" } },
]
expect = { dropped_by = "throttle" }
[[tests]]
name = "after an hour it is not"
event = { type = "usage", payload = { customer_id = "acme" }, timestamp = "2026-11-03T11:00:00Z" }
before = [
  { type = "usage", payload = { customer_id = "acme" }, timestamp = "2026-11-03T10:00:00Z" },
  { type = "usage", payload = { customer_id = "acme" }, timestamp = "2026-11-03T10:00:00Z" },
]
expect = { messages = 1 }
"""


def test_a_pipelines_own_tests_meet_the_events_before(pipe: Pipe) -> None:
    pipe.steps(DROP, tests=TESTS)
    assert pipe.tested() == [[], []]


# Mistakes -------------------------------------------------------------------------------------------------


def problems(pipe: Pipe, steps: str) -> list[str]:
    pipe.steps(steps)
    with pytest.raises(ProjectError) as caught:
        pipe.project()
    return [f"{path}: {words}" for path, words in caught.value.details]


@pytest.mark.parametrize("most", ["0", "-1"])
def test_a_max_below_one_is_refused(most: str, pipe: Pipe) -> None:
    (found,) = problems(pipe, DROP.replace("max = 2", f"max = {most}"))
    assert found == "pipelines/pipeline.toml:6:1: throttle: `max` is 1 or more"


@pytest.mark.parametrize("window", ["0s", "36501d", "999999999d"])
def test_a_window_of_nothing_or_of_ages_is_refused(window: str, pipe: Pipe) -> None:
    (found,) = problems(pipe, DROP.replace('"1h"', f'"{window}"'))
    assert found == "pipelines/pipeline.toml:7:1: throttle: `window` is longer than nothing, and 36500d at most"


def test_a_wrong_mode_is_refused_with_the_near_miss(pipe: Pipe) -> None:
    (found,) = problems(pipe, DROP + 'mode = "delayed"\n')
    assert found.startswith('pipelines/pipeline.toml:8:9: mode: must be "drop" or "delay"')
    assert '(did you mean "delay"?)' in found


def test_a_window_without_a_unit_is_refused(pipe: Pipe) -> None:
    (found,) = problems(pipe, DROP.replace('"1h"', '"60"'))
    assert found.startswith("pipelines/pipeline.toml:7:11: ")
    assert "is not a duration" in found


def test_a_max_in_quotes_is_refused(pipe: Pipe) -> None:
    (found,) = problems(pipe, DROP.replace("max = 2", 'max = "2"'))
    assert found == 'pipelines/pipeline.toml:6:8: max: must be a whole number, not "2"'


def test_a_key_that_is_missing_is_named(pipe: Pipe) -> None:
    (found,) = problems(pipe, DROP.replace("max = 2\n", ""))
    assert found.endswith('the key "max" is missing')
