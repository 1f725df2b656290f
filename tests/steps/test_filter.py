"""`filter`: both forms of its condition."""

from typing import Any

import pytest

from ingestlayer_cli.system.errors import ProjectError
from tests.support.pipe import Pipe


def when(condition: str) -> str:
    return f"[[steps]]\nuse = 'filter'\nwhen = \"{condition}\""


def conditions(text: str, combinator: str = "") -> str:
    joined = f"combinator = '{combinator}'\n" if combinator else ""
    return f"[[steps]]\nuse = 'filter'\n{joined}conditions = [{text}]"


def problem(pipe: Pipe, steps: str) -> str:
    """Return the one problem for which the steps are refused."""
    pipe.steps(steps)
    with pytest.raises(ProjectError) as caught:
        pipe.emit()
    ((path, words),) = caught.value.details
    assert path.startswith("pipelines/pipeline.toml:")
    return words


@pytest.mark.parametrize(
    ("condition", "payload", "kept"),
    [
        ("$event.used >= 100", {"used": 100}, True),
        ("$event.used >= 100", {"used": 99.9}, False),
        ("$event.used / $event.limit >= 0.8", {"used": 80, "limit": 100}, True),
        ("$event.used / $event.limit >= 0.8", {"used": 80, "limit": 0}, False),
        ("$event.metric == 'seats' or $event.used > 5", {"metric": "seats", "used": 1}, True),
        ("$event.metric in ['seats', 'storage']", {"metric": "storage"}, True),
        ("$event.tags contains 'vip'", {"tags": ["vip"]}, True),
        ("not ($event.metric == 'seats')", {"metric": "seats"}, False),
        ("$event.more.deep.value == 1", {"more": {"deep": {"value": 1}}}, True),
    ],
)
def test_an_event_for_which_the_condition_holds_goes_on(
    pipe: Pipe, condition: str, payload: dict[str, Any], kept: bool
) -> None:
    pipe.steps(when(condition))
    assert pipe.outcome(**payload) == ("queued" if kept else "dropped")
    assert len(pipe.messages()) == kept


def test_a_condition_that_ends_null_does_not_hold_and_the_null_is_named(pipe: Pipe) -> None:
    pipe.steps(when("$event.used >= 100"))
    (run,) = pipe.emit(customer_id="acme").runs
    assert (run.outcome, run.dropped_by) == ("dropped", "filter")
    assert "$event.used is null" in run.reason


def test_neither_a_null_condition_nor_its_opposite_holds(pipe: Pipe) -> None:
    pipe.steps(when("not ($event.used >= 100)"))
    assert pipe.outcome(customer_id="acme") == "dropped"


def test_the_reason_of_a_drop_has_the_values_put_in(pipe: Pipe) -> None:
    pipe.steps(when("$event.used / $event.limit >= 1"))
    assert pipe.traced(used=50, limit=100) == {
        "step": "filter",
        "verdict": "drop",
        "note": "used/limit = 50/100 = 0.5 < 1",
        "set": {},
    }


def test_the_note_of_an_event_that_goes_on_has_the_values_put_in(pipe: Pipe) -> None:
    pipe.steps(when("$event.used / $event.limit >= 1"))
    entry = pipe.traced(used=150, limit=100)
    assert (entry["verdict"], entry["note"]) == ("continue", "used/limit = 150/100 = 1.5 >= 1")


@pytest.mark.parametrize(
    ("text", "combinator", "payload", "kept"),
    [
        ("{ field = '$event.used', op = '>=', value = 100 }", "", {"used": 100}, True),
        ("{ field = 'event.used', op = '>=', value = 100 }", "", {"used": 100}, True),
        ("{ field = 'used', op = '>=', value = 100 }", "", {"used": 99}, False),
        ("{ field = 'used', op = '>', value = '$event.limit' }", "", {"used": 2, "limit": 1}, True),
        ("{ field = 'used', op = '==', value = 1 }, { field = 'limit', op = '==', value = 1 }", "", {"used": 1}, False),
        (
            "{ field = 'used', op = '==', value = 1 }, { field = 'limit', op = '==', value = 1 }",
            "or",
            {"used": 1},
            True,
        ),
        ("{ field = 'metric', op = 'in', value = ['a', 'b'] }", "", {"metric": "b"}, True),
        ("{ field = 'metric', op = 'in', value = ['a', 'b'] }", "", {"metric": "c"}, False),
        ("{ field = 'metric', op = 'contains', value = 'seat' }", "", {"metric": "seats"}, True),
        ("{ field = 'tags', op = 'contains', value = 'vip' }", "and", {"tags": ["x", "vip"]}, True),
        ("{ field = 'metric', op = '!=', value = 'seats' }", "", {"metric": "storage"}, True),
        ("{ field = 'more.deep', op = '<', value = 3 }", "", {"more": {"deep": 2}}, True),
    ],
)
def test_a_list_of_conditions_is_joined_by_its_combinator(
    pipe: Pipe, text: str, combinator: str, payload: dict[str, Any], kept: bool
) -> None:
    pipe.steps(conditions(text, combinator))
    assert pipe.outcome(**payload) == ("queued" if kept else "dropped")


def test_a_condition_on_an_entity_reads_its_row(pipe: Pipe) -> None:
    enrich = "[[steps]]\nuse = 'enrich.entity'\nkind = 'customer'\nkey = '$event.customer_id'\n"
    pipe.steps(enrich + conditions("{ field = '$entity.customer.name', op = '==', value = 'Acme Inc' }"))
    assert pipe.outcome(customer_id="acme") == "queued"
    assert pipe.outcome(customer_id="globex") == "dropped"


def test_filters_after_each_other_must_all_hold(pipe: Pipe) -> None:
    pipe.steps(when("$event.used > 1") + "\n" + when("$event.limit > 1"))
    assert pipe.outcome(used=2, limit=2) == "queued"
    assert pipe.outcome(used=2, limit=1) == "dropped"


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("[[steps]]\nuse = 'filter'", "`when` or `conditions`"),
        (when("$event.used > 1") + "\nconditions = []", "ok"),
        (when("$event.used > 1") + "\ncombinator = 'or'", "combinator"),
        (conditions(""), "`when` or `conditions`"),
        (conditions("{ field = 'usd', op = '>', value = 1 }"), 'did you mean "$event.used"'),
        (conditions("{ field = 'used', op = '=>', value = 1 }"), "op"),
        (conditions("{ field = 'used + 1', op = '>', value = 1 }"), "is not a ref"),
        (conditions("{ field = 'used', op = '>', value = 1979-05-27 }"), "cannot compare with"),
        (conditions("{ field = 'used', op = '>' }"), 'the key "value" is missing'),
        (conditions("{ field = 'used', op = '>', value = 1, vlaue = 2 }"), 'did you mean "value"'),
        (conditions("{ field = 'used', op = '>', value = 1 }", "xor"), "combinator"),
        (when("$event.used >"), "expected"),
        (when("$event.usd > 1"), 'did you mean "$event.used"'),
    ],
)
def test_a_filter_that_cannot_be_meant_is_refused(pipe: Pipe, steps: str, words: str) -> None:
    if words == "ok":
        pipe.steps(steps)
        assert pipe.outcome(used=2) == "queued"
    else:
        assert words in problem(pipe, steps)
