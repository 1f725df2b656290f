"""`crossing`: the first event that newly reaches a level."""

import json
from typing import Any

import pytest

from ingestlayer_cli.system.errors import ProjectError
from tests.support.pipe import Pipe

CROSSING = """
[[steps]]
use = "crossing"
value = "$event.used / $event.limit"
levels = [0.8, 0.9, 1]
key = "$event.customer_id"
period = "month"
"""
SAYS = "$crossing.level after ${crossing.previous | default('none')}"
UP = {"direction": "up", "times": 1}
FILTER = '[[steps]]\nuse = "filter"\nwhen = "$event.metric != \'quiet\'"\n'


def passed(pipe: Pipe, *used: Any, limit: Any = 100, **more: Any) -> list[bool]:
    """Emit events of one customer with these values; return which of them passed."""
    return [pipe.outcome(customer_id="acme", used=value, limit=limit, **more) == "queued" for value in used]


# Levels ---------------------------------------------------------------------------------------------------


def test_only_the_first_event_at_a_level_passes(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, 79, 80, 81, 89, 80) == [False, True, False, False, False]


def test_each_higher_level_passes_once(pipe: Pipe) -> None:
    pipe.steps(CROSSING, says=SAYS)
    assert passed(pipe, 85, 90, 95, 100, 130) == [True, True, False, True, False]
    assert pipe.messages() == ["0.8 after none", "0.9 after 0.8", "1 after 0.9"]


def test_a_jump_over_levels_passes_once_with_the_highest(pipe: Pipe) -> None:
    pipe.steps(CROSSING, says=SAYS)
    assert passed(pipe, 10, 120, 96, 99) == [False, True, False, False]
    assert pipe.messages() == ["1 after none"]


def test_the_dropped_event_says_what_is_reached_and_since_when(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    passed(pipe, 82)
    pipe.clock.passes("1h")
    (run,) = pipe.emit(customer_id="acme", used=85, limit=100).runs
    assert run.dropped_by == "crossing"
    assert run.reason == "used/limit = 85/100 = 0.85: 0.8 is reached since 2026-11-03T09:30:00.000Z"


def test_an_event_below_all_levels_says_so(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    (run,) = pipe.emit(customer_id="acme", used=5, limit=100).runs
    assert run.reason == "used/limit = 5/100 = 0.05, below 0.8"


def test_the_refs_tell_level_previous_value_and_since(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    first = pipe.traced(customer_id="acme", used=82, limit=100)
    assert first["set"] == {"crossing": {"level": 0.8, "previous": None, "value": 0.82, "since": None} | UP}
    assert first["note"] == "used/limit = 82/100 = 0.82 newly reaches 0.8"
    passed(pipe, 82)
    pipe.clock.passes("1h")
    assert pipe.traced(customer_id="acme", used=95, limit=100)["set"]["crossing"] == {
        "level": 0.9,
        "previous": 0.8,
        "value": 0.95,
        "since": "2026-11-03T09:30:00.000Z",
        **UP,
    }


def test_since_is_when_the_level_that_is_held_was_reached_not_a_higher_one_that_was_lost(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    passed(pipe, 82)
    pipe.clock.passes("1h")
    passed(pipe, 92)
    pipe.clock.passes("1h")
    passed(pipe, 81)
    assert pipe.traced(customer_id="acme", used=92, limit=100)["set"]["crossing"] == {
        "level": 0.9,
        "previous": 0.8,
        "value": 0.92,
        "since": "2026-11-03T09:30:00.000Z",
        **UP,
    }


def test_keys_are_held_apart(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    outcomes = [pipe.outcome(customer_id=name, used=80, limit=100) for name in ("a", "b", "a", "b")]
    assert outcomes == ["queued", "queued", "dropped", "dropped"]


def test_a_key_of_several_parts_tells_their_borders_apart(pipe: Pipe) -> None:
    pipe.steps(CROSSING.replace("$event.customer_id", "$event.customer_id:$event.metric"))
    pairs = [("a", "b:c"), ("a", "b"), ("a", "b")]
    outcomes = [pipe.outcome(customer_id=name, metric=metric, used=80, limit=100) for name, metric in pairs]
    assert outcomes == ["queued", "queued", "dropped"]


def test_an_empty_key_is_a_key(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert [pipe.outcome(customer_id="", used=80, limit=100) for _ in range(2)] == ["queued", "dropped"]


def test_a_null_key_has_no_memory_and_the_trace_says_so(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert [pipe.outcome(used=value, limit=100) for value in (80, 80, 70)] == ["queued", "queued", "dropped"]
    assert "the key is null: it has no memory" in pipe.traced(used=80, limit=100)["note"]


# Values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("used", "limit"), [(5, 0), (5, None), (None, 5), (0, 0)])
def test_a_value_that_is_null_reaches_nothing_and_changes_nothing(used: Any, limit: Any, pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    passed(pipe, 85)
    (run,) = pipe.emit(customer_id="acme", used=used, limit=limit).runs
    assert (run.outcome, run.dropped_by) == ("dropped", "crossing")
    assert "null reaches no level" in run.reason
    assert passed(pipe, 86) == [False]


def test_numeric_texts_count_as_numbers(pipe: Pipe) -> None:
    texts = 'customer_id = "string"\nused = "string"\nlimit = "string"\n'
    pipe.write("events/usage.toml", f'type = "usage"\n[fields]\n{texts}')
    pipe.steps(CROSSING)
    assert passed(pipe, "85", "9e1", "many", limit="100") == [True, True, False]


@pytest.mark.parametrize("used", [2**63, 1e308, 9007199254740993])
def test_huge_numbers_reach_the_highest_level(used: Any, pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, used, used) == [True, False]


def test_a_value_a_hair_below_a_level_does_not_reach_it(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, 9007199254740991, limit=9007199254740992) == [True]
    entry = pipe.traced(customer_id="b", used=9007199254740991, limit=9007199254740992)
    assert entry["set"]["crossing"]["level"] == 0.9


def test_negative_values_reach_negative_levels(pipe: Pipe) -> None:
    pipe.steps(CROSSING.replace("$event.used / $event.limit", "-$event.used").replace("[0.8, 0.9, 1]", "[-10, 0]"))
    assert passed(pipe, 50, 9, 3, 0, -4) == [False, True, False, True, False]


def test_a_negative_limit_turns_the_sign(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, 90, limit=-100) == [False]


# Arming again ---------------------------------------------------------------------------------------------


def test_a_fall_below_the_level_less_rearm_arms_it_again(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, 80, 74, 80) == [True, False, True]


def test_a_fall_within_rearm_does_not(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, 80, 75, 80, 79, 80) == [True, False, False, False, False]


def test_the_trace_says_that_a_level_can_be_reached_again(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    passed(pipe, 100)
    (run,) = pipe.emit(customer_id="acme", used=84, limit=100).runs
    assert run.reason.startswith("used/limit = 84/100 = 0.84: 0.8 is reached since ")
    assert run.reason.endswith("; 1 can be reached again")


def test_a_fall_arms_only_the_levels_that_it_falls_below(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, 100, 86, 89, 95, 100) == [True, False, False, False, True]


def test_rearm_is_subtracted_as_people_do(pipe: Pipe) -> None:
    pipe.steps(CROSSING.replace("[0.8, 0.9, 1]", "[0.7]"))  # in floats, 0.7 - 0.05 is below 0.65
    assert passed(pipe, 70, 65, 70, 64.99, 70) == [True, False, False, False, True]


def test_rearm_of_nothing_arms_at_any_fall(pipe: Pipe) -> None:
    pipe.steps(CROSSING + "rearm = 0\n")
    assert passed(pipe, 80, 80, 79.9, 80) == [True, False, False, True]


def test_a_fall_is_kept_though_it_is_dropped(pipe: Pipe) -> None:
    pipe.steps(FILTER.replace("quiet", "x") + CROSSING)
    assert passed(pipe, 100, 50) == [True, False]
    assert passed(pipe, 100) == [True]


def test_another_limit_arms_all_levels(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, 100) == [True]
    assert passed(pipe, 190, limit=200) == [True]
    assert passed(pipe, 195, limit=200) == [False]


def test_another_limit_arms_even_when_nothing_is_reached_of_it(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, 100) == [True]
    assert passed(pipe, 100, limit=1000) == [False]
    assert passed(pipe, 100) == [True]


def test_the_same_limit_in_another_form_is_the_same(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, 80) == [True]
    assert passed(pipe, 80, limit=100.0) == [False]


def test_the_limit_is_found_inside_a_percentage(pipe: Pipe) -> None:
    percent = CROSSING.replace("$event.used / $event.limit", "100 * ($event.used / $event.limit) + 0")
    pipe.steps(percent.replace("[0.8, 0.9, 1]", "[80, 100]"))
    assert passed(pipe, 85, 85) == [True, False]
    assert passed(pipe, 90, 90, limit=101) == [True, False]


def test_another_limit_is_noticed_though_a_later_step_drops_its_event(pipe: Pipe) -> None:
    pipe.steps(CROSSING + FILTER)
    assert passed(pipe, 85) == [True]
    assert passed(pipe, 170, limit=200, metric="quiet") == [False]
    assert passed(pipe, 85) == [True]


# Periods --------------------------------------------------------------------------------------------------

BORDERS = {
    "hour": ("2026-11-03T09:59:59.999Z", "2026-11-03T10:00:00Z"),
    "day": ("2026-11-03T23:59:59.999Z", "2026-11-04T00:00:00Z"),
    "week": ("2027-01-03T23:59:59.999Z", "2027-01-04T00:00:00Z"),
    "month": ("2026-11-30T23:59:59.999Z", "2026-12-01T00:00:00Z"),
    "quarter": ("2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z"),
    "year": ("2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z"),
}


@pytest.mark.parametrize("period", BORDERS)
def test_a_new_period_begins_at_its_border_in_utc(period: str, pipe: Pipe) -> None:
    pipe.steps(CROSSING.replace('"month"', f'"{period}"'))
    last, first = BORDERS[period]
    before = last.replace("999Z", "000Z")
    outcomes = [pipe.outcome(at, customer_id="acme", used=80, limit=100) for at in (before, last, first, first)]
    assert outcomes == ["queued", "dropped", "queued", "dropped"]


def test_the_offset_of_a_timestamp_does_not_move_the_border(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    times = ("2026-12-01T00:30:00+01:00", "2026-11-15T00:00:00Z", "2026-11-30T23:30:00-01:00")
    outcomes = [pipe.outcome(at, customer_id="acme", used=80, limit=100) for at in times]
    assert outcomes == ["queued", "dropped", "queued"]


def test_years_before_1000_have_periods_too(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    times = ("0001-01-01T00:00:00Z", "0001-01-31T00:00:00Z", "0010-01-01T00:00:00Z", "0100-01-01T00:00:00Z")
    outcomes = [pipe.outcome(at, customer_id="acme", used=80, limit=100) for at in times]
    assert outcomes == ["queued", "dropped", "queued", "queued"]


def test_without_a_period_there_is_one_for_ever(pipe: Pipe) -> None:
    pipe.steps(CROSSING.replace('period = "month"\n', ""))
    times = ("2001-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    assert [pipe.outcome(at, customer_id="acme", used=80, limit=100) for at in times] == ["queued", "dropped"]


# Time and order -------------------------------------------------------------------------------------------


def test_of_equal_times_the_order_of_arrival_counts(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, 80, 70, 80, 80, 90) == [True, False, True, False, True]


def test_a_late_event_does_not_lower_what_a_newer_one_reached(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    passed(pipe, 90)
    assert pipe.outcome("1h ago", customer_id="acme", used=10, limit=100) == "dropped"
    assert passed(pipe, 90) == [False]


def test_a_late_event_can_raise_it(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    passed(pipe, 80)
    assert pipe.outcome("1h ago", customer_id="acme", used=95, limit=100) == "queued"
    assert passed(pipe, 91) == [False]


def test_a_late_event_does_not_bring_its_limit_back(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, 160, limit=200) == [True]
    assert pipe.outcome("1h ago", customer_id="acme", used=92, limit=100) == "queued"
    assert passed(pipe, 170, limit=200) == [False]


def test_a_late_event_of_the_period_before_belongs_there(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert passed(pipe, 90) == [True]
    times = ["2026-10-31T23:00:00Z"] * 2
    assert [pipe.outcome(at, customer_id="acme", used=80, limit=100) for at in times] == ["queued", "dropped"]
    assert passed(pipe, 90) == [False]


def test_the_events_of_one_transaction_see_each_other(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    used = [80, 81, 70, 80, 95, 95, 120]
    outcomes = pipe.batch([{"customer_id": "acme", "used": value, "limit": 100} for value in used])
    assert outcomes == ["queued", "dropped", "dropped", "queued", "queued", "dropped", "queued"]
    assert passed(pipe, 120) == [False]


# Memory ---------------------------------------------------------------------------------------------------


def test_a_level_counts_only_when_a_message_is_queued(pipe: Pipe) -> None:
    pipe.steps(CROSSING + FILTER)
    assert passed(pipe, 80, metric="quiet") == [False]
    assert passed(pipe, 80) == [True]


def test_a_destination_that_takes_nothing_leaves_the_level_unreached(pipe: Pipe) -> None:
    pipe.steps(CROSSING, destination='when = "$crossing.level >= 0.9"')
    assert passed(pipe, 80, 95, 96) == [False, True, False]


def test_several_crossings_hold_their_levels_apart(pipe: Pipe) -> None:
    first = CROSSING.replace("$event.used / $event.limit", "$event.used").replace("[0.8, 0.9, 1]", "[10, 1000]")
    pipe.steps(first + CROSSING, says=SAYS)
    assert passed(pipe, 80, 90) == [True, False]  # the first one does not cross again
    assert passed(pipe, 1000, limit=1200) == [True]
    assert pipe.messages() == ["0.8 after none", "0.8 after none"]


def test_pipelines_remember_for_themselves(pipe: Pipe) -> None:
    pipe.steps(CROSSING, "one")
    pipe.emit(customer_id="acme", used=80, limit=100)
    pipe.steps(CROSSING, "two")
    runs = pipe.emit(customer_id="acme", used=80, limit=100).runs
    assert [run.outcome for run in runs] == ["dropped", "queued"]


def test_a_preview_reads_the_memory_and_writes_none(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert pipe.preview(customer_id="acme", used=80, limit=100)["outcome"] == "queued"
    assert passed(pipe, 80) == [True]
    assert pipe.preview(customer_id="acme", used=80, limit=100)["dropped_by"] == "crossing"
    assert pipe.preview(customer_id="acme", used=20, limit=100)["dropped_by"] == "crossing"
    assert passed(pipe, 80) == [False]


def test_a_stored_event_that_is_previewed_meets_neither_itself_nor_later_ones(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    passed(pipe, 80, 95, 100)
    found = [pipe.previewed(back)["trace"][0]["set"]["crossing"] for back in (3, 2, 1)]
    assert [(it["level"], it["previous"]) for it in found] == [(0.8, None), (0.9, 0.8), (1.0, 0.9)]


def test_a_stored_event_that_was_dropped_is_dropped_in_its_preview(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    passed(pipe, 80, 81)
    assert pipe.previewed()["dropped_by"] == "crossing"


def test_a_fall_that_is_previewed_tells_the_same_again(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    (run,) = [pipe.emit(customer_id="acme", used=used, limit=100).runs[0] for used in (100, 84)][1:]
    assert pipe.previewed()["reason"] == run.reason


def test_a_replay_goes_through_the_levels_again_and_leaves_no_memory(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    passed(pipe, 80, 85, 95)
    assert pipe.replay()["runs"] == {"queued": 2, "dropped": 1, "failed": 0}
    assert passed(pipe, 96, 100) == [False, True]


def test_levels_that_an_edit_brings_are_measured_against_what_is_held(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    passed(pipe, 84)
    pipe.steps(CROSSING.replace("[0.8, 0.9, 1]", "[0.5, 0.83, 1]"))
    assert passed(pipe, 84, 84, 70) == [True, False, False]


def test_a_lower_level_that_an_edit_brings_counts_as_reached(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    passed(pipe, 84)
    pipe.steps(CROSSING.replace("[0.8, 0.9, 1]", "[0.5, 0.8]"))
    assert passed(pipe, 70, 40, 60) == [False, False, True]


def test_the_store_holds_no_more_than_what_changed(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    passed(pipe, 80, *[85] * 20)
    rows = pipe.select("SELECT scope, key, value FROM states ORDER BY scope")
    assert [scope for scope, _, _ in rows] == ["pipeline/crossing/1", "pipeline/crossing/1/before"]
    assert json.loads(rows[0][2])["reached"] == [[0.8, pipe.clock.now()]]


TESTS = """
[[tests]]
name = "the second at a level is quiet"
event = { type = "usage", payload = { customer_id = "acme", used = 85, limit = 100 } }
before = [{ type = "usage", payload = { customer_id = "acme", used = 81, limit = 100 } }]
expect = { dropped_by = "crossing" }
[[tests]]
name = "the next level is not"
event = { type = "usage", payload = { customer_id = "acme", used = 95, limit = 100 } }
before = [{ type = "usage", payload = { customer_id = "acme", used = 81, limit = 100 } }]
expect = { messages = 1, contains = ["0.9 after 0.8"] }
"""


def test_a_pipelines_own_tests_meet_the_events_before(pipe: Pipe) -> None:
    pipe.steps(CROSSING, says=SAYS, tests=TESTS)
    assert pipe.tested() == [[], []]


# Mistakes -------------------------------------------------------------------------------------------------


def problems(pipe: Pipe, steps: str, **more: Any) -> list[str]:
    pipe.steps(steps, **more)
    with pytest.raises(ProjectError) as caught:
        pipe.project()
    return [f"{path}: {words}" for path, words in caught.value.details]


@pytest.mark.parametrize("levels", ["[]", "[1, 0.8]", "[1, 1]", "[nan]", "[inf]"])
def test_levels_that_do_not_rise_are_refused(levels: str, pipe: Pipe) -> None:
    (found,) = problems(pipe, CROSSING.replace("[0.8, 0.9, 1]", levels))
    assert found.startswith("pipelines/pipeline.toml:6:1: crossing: `levels` are numbers")


@pytest.mark.parametrize("rearm", ["-0.1", "inf", "nan"])
def test_a_rearm_below_nothing_is_refused(rearm: str, pipe: Pipe) -> None:
    (found,) = problems(pipe, CROSSING + f"rearm = {rearm}\n")
    assert "`rearm` is a number from 0" in found


def test_a_wrong_period_is_refused_with_the_near_miss(pipe: Pipe) -> None:
    (found,) = problems(pipe, CROSSING.replace('"month"', '"months"'))
    assert found.startswith("pipelines/pipeline.toml:8:11: period: must be ")
    assert '(did you mean "month"?)' in found


def test_a_wrong_field_of_the_value_is_found_at_its_character(pipe: Pipe) -> None:
    (found,) = problems(pipe, CROSSING.replace("$event.limit", "$event.limt"))
    assert found.startswith("pipelines/pipeline.toml:5:24: $event.limt: ")
    assert '(did you mean "$event.limit"?)' in found


def test_a_wrong_name_of_the_ref_is_found_with_the_near_miss(pipe: Pipe) -> None:
    (found,) = problems(pipe, CROSSING, says="now $crossing.levle")
    assert found.startswith("pipelines/pipeline.toml:")
    assert 'a crossing has level, previous, value, since, direction, times (did you mean "$crossing.level"?)' in found


def test_validate_warns_of_a_ref_without_the_step(pipe: Pipe) -> None:
    pipe.steps("", says="$crossing.level")
    assert [line.partition(" ")[2] for line in pipe.found() if "crossing" in line] == [
        '$crossing.level is always null: no step before it is `use = "crossing"`'
    ]


def test_validate_warns_of_a_ref_before_the_step(pipe: Pipe) -> None:
    pipe.steps('[[steps]]\nuse = "filter"\nwhen = "$crossing.level == null"\n' + CROSSING)
    assert [line for line in pipe.found() if "crossing" in line] == [
        "pipelines/pipeline.toml:4:9 $crossing.level is always null here: step 2 puts it onto $crossing only then"
    ]


def test_validate_has_nothing_to_say_of_a_ref_after_the_step(pipe: Pipe) -> None:
    pipe.steps(CROSSING, says=SAYS, destination='when = "$crossing.level == 0.9 and $crossing.since != null"')
    assert [line for line in pipe.found() if "crossing" in line] == []


def test_validate_finds_a_level_that_is_none_of_the_step(pipe: Pipe) -> None:
    pipe.steps(CROSSING, destination='when = "$crossing.level == 0.95"')
    (found,) = [line for line in pipe.found() if "crossing" in line]
    assert "$crossing.level is never 0.95: it is one of 0.8, 0.9, 1" in found


# It is over -----------------------------------------------------------------------------------------------

CLEARING = CROSSING + "clears = true\n"
TELLS = "$crossing.direction to ${crossing.level | default('none')} from ${crossing.previous | default('none')}"


def test_the_first_event_below_the_level_that_is_held_passes_once(pipe: Pipe) -> None:
    pipe.steps(CLEARING, says=TELLS)
    assert passed(pipe, 85, 76, 74, 70, 80) == [True, False, True, False, True]
    assert pipe.messages() == ["up to 0.8 from none", "down to none from 0.8", "up to 0.8 from none"]


def test_what_is_still_held_is_told(pipe: Pipe) -> None:
    pipe.steps(CLEARING, says=TELLS)
    assert passed(pipe, 120, 86, 60) == [True, True, True]
    assert pipe.messages() == ["up to 1 from none", "down to 0.9 from 1", "down to none from 0.9"]


def test_a_fall_says_from_where_and_since_when(pipe: Pipe) -> None:
    pipe.steps(CLEARING)
    passed(pipe, 100)
    pipe.clock.passes("1h")
    entry = pipe.traced(customer_id="acme", used=86, limit=100)
    assert entry["note"] == "used/limit = 86/100 = 0.86 falls below 1; 0.9 is still held"
    assert entry["set"]["crossing"] == {
        "level": 0.9,
        "previous": 1,
        "value": 0.86,
        "since": "2026-11-03T09:30:00.000Z",
        "direction": "down",
        "times": 1,
    }


def test_what_nobody_was_told_of_is_not_cleared(pipe: Pipe) -> None:
    pipe.steps(CLEARING + FILTER)
    assert passed(pipe, 80, metric="quiet") == [False]
    assert passed(pipe, 50) == [False]


def test_a_higher_limit_clears(pipe: Pipe) -> None:
    pipe.steps(CLEARING, says=TELLS)
    assert passed(pipe, 100) == [True]
    assert passed(pipe, 100, 101, limit=1000) == [True, False]
    assert passed(pipe, 820, 810, limit=1000) == [True, False]
    assert passed(pipe, 1200, limit=1200) == [True]
    assert passed(pipe, 1200, 1205, limit=1500) == [True, False]
    assert pipe.messages()[-2:] == ["up to 1 from none", "down to 0.8 from 1"]


def test_a_late_event_clears_nothing(pipe: Pipe) -> None:
    pipe.steps(CLEARING)
    passed(pipe, 90)
    assert pipe.outcome("1h ago", customer_id="acme", used=10, limit=100) == "dropped"
    assert passed(pipe, 10, 10) == [True, False]


def test_a_fall_whose_message_no_destination_takes_is_a_fall(pipe: Pipe) -> None:
    pipe.steps(CLEARING, destination='when = "$crossing.level >= 0.8"')
    assert passed(pipe, 90, 10, 85) == [True, False, True]


def test_a_fall_that_passes_is_previewed_as_it_was(pipe: Pipe) -> None:
    pipe.steps(CLEARING)
    passed(pipe, 100, 60, 55)
    told = [pipe.previewed(back)["outcome"] for back in (3, 2, 1)]
    assert told == ["queued", "queued", "dropped"]
    assert pipe.previewed(2)["trace"][0]["set"]["crossing"]["direction"] == "down"


def test_a_new_period_clears_nothing_by_itself(pipe: Pipe) -> None:
    pipe.steps(CLEARING)
    times = ("2026-11-30T23:00:00Z", "2026-12-01T01:00:00Z")
    outcomes = [
        pipe.outcome(at, customer_id="acme", used=used, limit=100) for at, used in zip(times, (95, 1), strict=True)
    ]
    assert outcomes == ["queued", "dropped"]


def test_a_new_period_clears_what_the_one_before_held_once_where_that_is_asked_for(pipe: Pipe) -> None:
    pipe.steps(CLEARING + 'new_period = "clear"\n', says=TELLS)
    story = [("2026-11-30T23:00:00Z", 95), ("2026-12-01T01:00:00Z", 2), ("2026-12-01T03:00:00Z", 1)]
    story += [("2026-12-01T04:00:00Z", 85), ("2027-02-01T00:00:00Z", 3)]
    outcomes = [pipe.outcome(at, customer_id="acme", used=used, limit=100) for at, used in story]
    assert outcomes == ["queued", "queued", "dropped", "queued", "dropped"]
    assert pipe.messages() == ["up to 0.9 from none", "down to none from 0.9", "up to 0.8 from none"]
    assert pipe.previewed(4)["trace"][0]["set"]["crossing"]["direction"] == "down"


def test_what_a_period_held_holds_nothing_in_the_next(pipe: Pipe) -> None:
    """Below a level by less than `rearm` it is held in its own period alone: it is over, and nobody is reminded."""
    pipe.steps(CLEARING + 'new_period = "clear"\nremind = "1h"\n', says=TELLS)
    story = [("2026-11-30T20:00:00Z", 82), ("2026-12-01T01:00:00Z", 78), ("2026-12-01T03:00:00Z", 78)]
    story += [("2026-11-30T23:00:00Z", 85), ("2026-12-01T04:00:00Z", 85)]  # the first of them is late
    outcomes = [pipe.outcome(at, customer_id="acme", used=used, limit=100) for at, used in story]
    assert outcomes == ["queued", "queued", "dropped", "queued", "queued"]
    assert pipe.messages() == [
        "up to 0.8 from none",
        "down to none from 0.8",
        "up to 0.8 from none",
        "up to 0.8 from none",
    ]


@pytest.mark.parametrize("line", ['new_period = "clear"', 'clears = true\nnew_period = "clear"'])
def test_the_clearing_of_a_period_needs_both(pipe: Pipe, line: str) -> None:
    steps = CROSSING + line if "clears" not in line else CROSSING.replace('period = "month"\n', "") + line
    (found,) = problems(pipe, steps)
    assert "`new_period` is of a `period` of a crossing that `clears`" in found


# Reminders ------------------------------------------------------------------------------------------------


def test_a_level_that_is_still_held_is_told_again_after_a_while(pipe: Pipe) -> None:
    pipe.steps(CROSSING + 'remind = "3d"\n', says="$crossing.level, $crossing.times times")
    found = []
    for _ in range(9):
        found += passed(pipe, 92)
        pipe.clock.passes("1d")
    assert found == [True, False, False, True, False, False, True, False, False]
    assert pipe.messages() == ["0.9, 1 times", "0.9, 2 times", "0.9, 3 times"]


def test_a_higher_level_begins_anew(pipe: Pipe) -> None:
    pipe.steps(CROSSING + 'remind = "3d"\n', says="$crossing.level, $crossing.times times")
    for used, day in ((82, "3d"), (82, "2d"), (95, "2d"), (95, "1d"), (95, "1d")):
        passed(pipe, used)
        pipe.clock.passes(day)
    assert pipe.messages() == ["0.8, 1 times", "0.8, 2 times", "0.9, 1 times", "0.9, 2 times"]


def test_nobody_is_reminded_of_what_is_over(pipe: Pipe) -> None:
    pipe.steps(CLEARING + 'remind = "1d"\n', says=TELLS)
    found = []
    for used in (82, 60, 60, 81):
        found += passed(pipe, used)
        pipe.clock.passes("2d")
    assert found == [True, True, False, True]


def test_a_late_event_reminds_of_nothing(pipe: Pipe) -> None:
    pipe.steps(CROSSING + 'remind = "1d"\n')
    passed(pipe, 92)
    pipe.clock.passes("30h")
    assert passed(pipe, 92) == [True]
    assert pipe.outcome("1h ago", customer_id="acme", used=92, limit=100) == "dropped"


def test_a_reminder_that_no_destination_takes_is_still_due(pipe: Pipe) -> None:
    pipe.steps(CROSSING + 'remind = "1d"\n' + FILTER)
    passed(pipe, 92, metric="x")
    pipe.clock.passes("30h")
    assert passed(pipe, 92, metric="quiet") == [False]
    assert passed(pipe, 92, metric="x") == [True]
