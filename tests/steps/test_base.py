"""A step of one file tells the others what it puts on the scope: here one of which the program has never heard."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestlayer_cli.operations.masking import Masking
from ingestlayer_cli.project.compile import Compiler
from tests.support import members
from tests.support.pipe import Pipe

STREAK = '[[steps]]\nuse = "streak"\nkey = "$event.customer_id"\nevery = 2\n'
EACH = STREAK.replace("2", "1")
FILTER = '[[steps]]\nuse = "filter"\n'
REDACT = '[[steps]]\nuse = "redact.pii"\nfields = { customer_id = "mask" }\n'
SAYS = "$streak.key has ${streak.count}"
TESTS = """
[[tests]]
name = "the first of a customer"
event = { type = "usage", payload = { customer_id = "acme" } }
expect = { messages = 1 }
"""


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    with members.found():
        yield Pipe(tmp_path)


def problems(pipe: Pipe, steps: str, says: str = SAYS) -> list[str]:
    pipe.steps(steps, says=says)
    return [found.partition(" ")[2] for found in pipe.found() if "pipelines/" in found]


def test_later_steps_and_messages_have_what_a_step_puts(pipe: Pipe) -> None:
    pipe.steps(STREAK + FILTER + 'when = "$streak.count > 3"\n', says=SAYS)
    assert [pipe.outcome(customer_id="acme") for _ in range(4)] == ["dropped", "dropped", "dropped", "queued"]
    assert pipe.messages() == ["acme has 4"]


def test_the_trace_tells_what_it_put(pipe: Pipe) -> None:
    pipe.steps(EACH, says=SAYS)
    assert pipe.traced(customer_id="acme")["set"] == {"streak": {"count": 1, "key": "acme"}}


def test_a_pipelines_tests_see_it(pipe: Pipe) -> None:
    pipe.steps(EACH + FILTER + 'when = "$streak.count == 1"\n', tests=TESTS)
    assert pipe.tested() == [[]]
    pipe.steps(EACH + FILTER + 'when = "$streak.count == 2"\n', tests=TESTS)
    assert len(pipe.tested()[0]) == 1


def test_the_fields_of_a_filters_comparisons_may_be_of_it(pipe: Pipe) -> None:
    comparison = 'conditions = [{ field = "streak.count", op = "==", value = 2 }]\n'
    pipe.steps(STREAK + FILTER + comparison)
    assert [pipe.outcome(customer_id="acme") for _ in range(4)] == ["dropped", "queued", "dropped", "dropped"]


def test_what_is_made_of_a_redacted_value_is_redacted_there_too(pipe: Pipe) -> None:
    pipe.steps(REDACT + STREAK, says=SAYS)
    for _ in range(2):
        pipe.outcome(customer_id="customer-4711")
    (text,) = pipe.messages()
    assert text == "c•••1 has 2"


def test_validate_knows_its_names(pipe: Pipe) -> None:
    assert problems(pipe, STREAK) == []
    assert problems(pipe, STREAK, "$streak.cuont") == [
        '$streak.cuont: a streak has count, key (did you mean "$streak.count"?)'
    ]
    (found,) = problems(pipe, STREAK, "$streek.count")
    assert 'unknown ref $streek.count (did you mean "$streak.count"?)' in found
    (found,) = problems(pipe, STREAK, "$x")
    assert "it starts with one of $event, $entity, $crossing, $streak, $body, $item" in found


def test_validate_knows_where_it_is_put(pipe: Pipe) -> None:
    when = FILTER + 'when = "$streak.count == 2"\n'
    assert problems(pipe, when + STREAK, "t") == [
        "$streak.count is always null here: step 2 puts it onto $streak only then"
    ]
    assert problems(pipe, when, "t") == ['$streak.count is always null: no step before it is `use = "streak"`']


NARROW = '[[steps]]\nuse = "narrow"\nwhere = "$event.used > 10"\nnames = ["used"]\n'
VEIL = '[[steps]]\nuse = "veil"\nfields = { customer_id = "mask" }\n'
UPSERT = """
[[steps]]
use = "upsert.entity"
kind = "customer"
external_id = "$event.customer_id"
traits = { owner = "$body.other" }
"""


def test_what_a_step_keeps_contradicts_a_filter_after_it(pipe: Pipe) -> None:
    (found,) = problems(pipe, NARROW + FILTER + 'when = "$event.used <= 10"\n', says="$event.used")
    assert "the condition contradicts a filter before it" in found


def test_what_a_step_leaves_of_the_body_is_known_after_it(pipe: Pipe) -> None:
    (found,) = problems(pipe, NARROW, says="$body.usd")
    assert found == '$body.usd: the body has no usd here (did you mean "$body.used"?)'


def test_another_step_that_redacts_is_checked_by_the_same_rules(pipe: Pipe) -> None:
    (found,) = problems(pipe, VEIL.replace("customer_id", "customr_id"), says="$event.used")
    assert found.startswith('"customr_id": ')
    assert 'did you mean "customer_id"?' in found


@pytest.mark.parametrize(("step", "hidden"), [(NARROW, {"entity.customer.owner"}), ("", set())])
def test_a_trait_made_of_a_redacted_field_through_a_step_is_redacted_too(
    pipe: Pipe, step: str, hidden: set[str]
) -> None:
    pipe.steps(step + UPSERT + VEIL.replace("customer_id", "used"), says="$event.metric")
    (row,) = Compiler(str(pipe.root)).run()["pipelines"]
    assert set(row["steps"][-1]["fields"]) - {"used"} == hidden


def test_what_leaves_the_store_is_masked_by_it(pipe: Pipe) -> None:
    pipe.steps(VEIL)
    (row,) = Compiler(str(pipe.root)).run()["pipelines"]
    assert Masking([row]).payload({"customer_id": "acme-incorporated"}, None)["customer_id"] != "acme-incorporated"
