"""`upsert.entity`: traits from events, kept for the events after them."""

import json
from typing import Any

import pytest

from ingestlayer_cli.system.errors import ProjectError
from tests.support.pipe import Pipe

UPSERT = """
[[steps]]
use = "upsert.entity"
kind = "customer"
external_id = "$event.customer_id"
traits = { plan = "$event.metric", used = "$event.used" }
"""
ENRICH = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
DROP_ALL = '[[steps]]\nuse = "filter"\nwhen = "$event.used > 1000"\n'
NOW = "2026-11-03T09:30:00.000Z"
SAYS = "$entity.customer.name $entity.customer.plan $entity.customer.used"


def entity(pipe: Pipe, name: str = "acme", kind: str = "customer") -> dict[str, Any]:
    """Return what the store has of an entity."""
    sql = f"SELECT traits, origins, first_seen, last_seen FROM entities WHERE kind = '{kind}' AND key = '{name}'"
    (row,) = pipe.select(sql)
    return {"traits": json.loads(row[0]), "origins": json.loads(row[1]), "first": row[2], "last": row[3]}


def test_traits_lie_over_the_row_of_the_file_at_once(pipe: Pipe) -> None:
    pipe.steps(UPSERT, says=SAYS)
    pipe.emit(customer_id="acme", metric="pro", used=7)
    assert pipe.messages() == ["Acme Inc pro 7"]


def test_traits_are_there_for_later_events_that_enrich(pipe: Pipe) -> None:
    pipe.steps(UPSERT, "one", says=SAYS)
    pipe.steps(ENRICH, "two", match="other", says=SAYS)
    pipe.emit(customer_id="acme", metric="pro", used=7)
    pipe.emit(type_="other", customer_id="acme")
    assert pipe.messages() == ["Acme Inc pro 7"] * 2


def test_a_trait_wins_over_the_column_of_its_name(pipe: Pipe) -> None:
    pipe.steps(UPSERT.replace("plan =", "name ="), says="$entity.customer.name")
    pipe.emit(customer_id="acme", metric="Acme Limited")
    assert pipe.messages() == ["Acme Limited"]


def test_a_trait_that_is_null_blanks_nothing(pipe: Pipe) -> None:
    pipe.steps(UPSERT)
    pipe.emit(customer_id="acme", metric="pro", used=7)
    pipe.emit(customer_id="acme", used=8)
    assert entity(pipe)["traits"] == {"plan": "pro", "used": 8}


def test_objects_are_merged_one_level_deep_only(pipe: Pipe) -> None:
    pipe.steps(UPSERT.replace('"$event.used"', '"$event.more"'))
    pipe.emit(customer_id="acme", metric="pro", more={"a": 1, "b": 2})
    pipe.emit(customer_id="acme", more={"c": 3})
    assert entity(pipe)["traits"] == {"plan": "pro", "used": {"c": 3}}


def test_traits_may_be_templates_lists_and_plain_values(pipe: Pipe) -> None:
    traits = 'traits = { share = "${event.used / event.limit}", words = ["$event.metric", 1], fixed = true }'
    pipe.steps(UPSERT.partition("traits")[0] + traits)
    pipe.emit(customer_id="acme", metric="pro", used=1, limit=2)
    assert entity(pipe)["traits"] == {"share": 0.5, "words": ["pro", 1], "fixed": True}


def test_each_trait_keeps_the_event_and_the_time_it_is_from(pipe: Pipe) -> None:
    pipe.steps(UPSERT)
    first = pipe.emit(customer_id="acme", metric="pro", used=7)
    pipe.clock.passes("1h")
    second = pipe.emit(customer_id="acme", used=8)
    at = pipe.clock.now()
    assert entity(pipe)["origins"] == {"plan": [first.event.id, at - 3_600_000], "used": [second.event.id, at]}


def test_first_and_last_seen_are_of_the_first_and_the_last_event(pipe: Pipe) -> None:
    pipe.steps(UPSERT)
    at = pipe.clock.now()
    pipe.emit(customer_id="acme", metric="pro")
    pipe.emit("2h ago", customer_id="acme")
    pipe.emit("1h ago", customer_id="acme")
    assert (entity(pipe)["first"], entity(pipe)["last"]) == (at - 7_200_000, at)
    seen = pipe.traced(customer_id="acme")["set"]["entity.customer"]
    assert (seen["first_seen"], seen["last_seen"]) == ("2026-11-03T07:30:00.000Z", NOW)


def test_a_late_event_does_not_undo_what_a_newer_one_wrote(pipe: Pipe) -> None:
    pipe.steps(UPSERT)
    pipe.emit(customer_id="acme", used=8)
    pipe.emit("1h ago", customer_id="acme", metric="pro", used=7)
    assert entity(pipe)["traits"] == {"used": 8, "plan": "pro"}


def test_of_equal_times_the_later_arrival_counts(pipe: Pipe) -> None:
    pipe.steps(UPSERT)
    pipe.emit(customer_id="acme", used=8)
    pipe.emit(customer_id="acme", used=9)
    assert entity(pipe)["traits"] == {"used": 9}


def test_the_events_of_one_transaction_see_each_other(pipe: Pipe) -> None:
    known = '[[steps]]\nuse = "filter"\nwhen = "$entity.customer.used == null or $entity.customer.used < $event.used"\n'
    pipe.steps(ENRICH + known + UPSERT)
    outcomes = pipe.batch([{"customer_id": "acme", "used": used} for used in (5, 4, 6, 6, 7)])
    assert outcomes == ["queued", "dropped", "queued", "dropped", "queued"]


@pytest.mark.parametrize("payload", [{"used": 1}, {"used": 1, "customer_id": ""}])
def test_without_an_external_id_nothing_is_written_and_the_trace_says_so(payload: dict[str, Any], pipe: Pipe) -> None:
    pipe.steps(UPSERT)
    pipe.emit(**payload)
    assert pipe.select("SELECT * FROM entities") == []
    assert pipe.traced(**payload)["note"] == "the external id is null or empty: nothing is written"


def test_an_external_id_may_be_a_number(pipe: Pipe) -> None:
    pipe.steps(UPSERT.replace("$event.customer_id", "$event.limit"))
    pipe.emit(limit=7.0, used=1)
    assert entity(pipe, "7")["traits"] == {"used": 1}


def test_traits_are_kept_though_a_later_step_drops_the_event(pipe: Pipe) -> None:
    pipe.steps(UPSERT + DROP_ALL)
    assert pipe.outcome(customer_id="acme", used=1) == "dropped"
    assert entity(pipe)["traits"] == {"used": 1}


def test_traits_are_not_kept_when_an_earlier_step_drops_the_event(pipe: Pipe) -> None:
    pipe.steps(DROP_ALL + UPSERT)
    pipe.emit(customer_id="acme", used=1)
    assert pipe.select("SELECT * FROM entities") == []


def test_traits_are_not_kept_when_the_run_fails(pipe: Pipe) -> None:
    pipe.steps(UPSERT, destination='retry = ["1s"]')
    path = pipe.root / "pipelines" / "pipeline.toml"
    path.write_text(path.read_text().replace('"#c"', '"$event.tags"'))
    assert pipe.outcome(customer_id="acme", used=1) == "failed"
    assert pipe.select("SELECT * FROM entities") == []


def test_a_preview_shows_the_traits_and_writes_none(pipe: Pipe) -> None:
    pipe.steps(UPSERT)
    pipe.emit(customer_id="acme", metric="pro")
    seen = pipe.traced(customer_id="acme", used=9)["set"]["entity.customer"]
    assert (seen["name"], seen["plan"], seen["used"]) == ("Acme Inc", "pro", 9)
    assert entity(pipe)["traits"] == {"plan": "pro"}


def test_the_trace_names_the_traits(pipe: Pipe) -> None:
    pipe.steps(UPSERT)
    assert pipe.traced(customer_id="acme", used=9)["note"] == "customer acme: used written"
    assert pipe.traced(customer_id="acme")["note"] == "customer acme: no traits written"


def test_a_replay_is_given_the_traits_of_then_and_does_not_undo_newer_ones(pipe: Pipe) -> None:
    pipe.steps(UPSERT, says=SAYS)
    pipe.emit(customer_id="acme", metric="pro", used=7)
    pipe.clock.passes("1h")
    pipe.emit(customer_id="acme", used=8)
    before = entity(pipe)
    pipe.replay()
    assert entity(pipe) == before
    assert pipe.messages()[2:] == ["Acme Inc pro 7", "Acme Inc pro 8"]


def test_two_upserts_of_one_pipeline_lie_over_each_other(pipe: Pipe) -> None:
    second = UPSERT.replace('plan = "$event.metric", used = "$event.used"', 'plan = "${entity.customer.plan | upper}"')
    pipe.steps(UPSERT + second, says=SAYS)
    pipe.emit(customer_id="acme", metric="pro", used=1)
    assert pipe.messages() == ["Acme Inc PRO 1"]


# Kinds without a file -------------------------------------------------------------------------------------

ACCOUNT = UPSERT.replace('"customer"', '"account"')
LOOK_UP = ENRICH.replace('"customer"', '"account"')


def test_a_kind_without_a_file_can_be_enriched(pipe: Pipe) -> None:
    pipe.steps(ACCOUNT, "one", says="$entity.account.plan")
    pipe.steps(LOOK_UP, "two", match="other", says="$entity.account.plan")
    pipe.emit(customer_id="acme", metric="pro")
    pipe.emit(type_="other", customer_id="acme")
    assert pipe.messages() == ["pro", "pro"]


def test_the_trace_of_such_a_kind_says_where_it_is_from(pipe: Pipe) -> None:
    pipe.steps(ACCOUNT, "one")
    pipe.steps(LOOK_UP, "two", match="other", says="x")
    pipe.emit(customer_id="acme", metric="pro")
    notes = []
    for name in ("acme", "x"):
        pipe.emit(type_="other", customer_id=name)
        notes.append(pipe.previewed()["trace"][0]["note"])
    assert notes == [
        "account acme: plan from the store",
        "account x is not in the store: $entity.account is null",
    ]


def test_a_kind_that_nothing_writes_cannot_be_enriched(pipe: Pipe) -> None:
    pipe.steps(ENRICH.replace('"customer"', '"custmer"'))
    with pytest.raises(ProjectError) as caught:
        pipe.project()
    (found,) = [f"{path}: {words}" for path, words in caught.value.details]
    assert found.startswith("pipelines/pipeline.toml:4:")
    assert '(did you mean "customer"?)' in found


TESTS = """
[[tests]]
name = "the plan is known"
event = { type = "usage", payload = { customer_id = "acme", used = 2 } }
before = [{ type = "usage", payload = { customer_id = "acme", metric = "pro" } }]
expect = { contains = ["Acme Inc pro 2"] }
"""


def test_a_pipelines_own_tests_meet_the_events_before(pipe: Pipe) -> None:
    pipe.steps(UPSERT, says=SAYS, tests=TESTS)
    assert pipe.tested() == [[]]


# Mistakes -------------------------------------------------------------------------------------------------


def found(pipe: Pipe) -> list[str]:
    """Return what `validate` finds, without the note on the event that goes nowhere."""
    return [line.removeprefix("pipelines/") for line in pipe.found() if "no pipeline matches" not in line]


def test_validate_has_nothing_to_say_of_traits_that_are_written(pipe: Pipe) -> None:
    says = "$entity.customer.plan $entity.customer.name $entity.customer.first_seen $entity.customer.last_seen"
    pipe.steps(UPSERT, says=says)
    assert found(pipe) == []


def test_validate_has_nothing_to_say_of_a_kind_that_another_pipeline_writes(pipe: Pipe) -> None:
    pipe.steps(ACCOUNT, "one", says="$entity.account.plan")
    pipe.steps(LOOK_UP, "two", match="other", says="$entity.account.plan $entity.account.last_seen")
    assert [line for line in found(pipe) if "account" in line] == []


def test_validate_finds_a_wrong_name_beside_columns_and_traits(pipe: Pipe) -> None:
    pipe.steps(UPSERT, says="$entity.customer.plam")
    assert found(pipe) == [
        "pipeline.toml:15:9 $entity.customer.plam: customers.csv has no column plam"
        ' (did you mean "$entity.customer.plan"?)'
    ]


def test_validate_warns_of_a_trait_that_no_pipeline_writes(pipe: Pipe) -> None:
    pipe.steps(ACCOUNT, says="$entity.account.plam")
    (line,) = [line for line in found(pipe) if "plam" in line]
    assert "no pipeline writes plam onto account" in line
    assert '(did you mean "$entity.account.plan"?)' in line


def test_validate_warns_of_a_written_kind_that_this_pipeline_does_not_look_up(pipe: Pipe) -> None:
    pipe.steps(ACCOUNT, "one")
    pipe.steps("", "two", match="other", says="$entity.account.plan")
    (line,) = [line for line in found(pipe) if line.startswith("two") and "account" in line]
    assert "$entity.account.plan is always null" in line
    assert line.endswith('no step before it is `use = "enrich.entity"` with kind = "account"')


def test_validate_warns_of_a_ref_before_the_step(pipe: Pipe) -> None:
    pipe.steps('[[steps]]\nuse = "filter"\nwhen = "$entity.customer.plan == null"\n' + UPSERT)
    assert found(pipe) == [
        "pipeline.toml:4:9 $entity.customer.plan is always null here: step 2 puts customer onto $entity only then"
    ]


def test_validate_warns_of_a_kind_that_looks_like_a_slip(pipe: Pipe) -> None:
    pipe.steps(UPSERT.replace('"customer"', '"custmer"'))
    (line,) = [line for line in found(pipe) if "custmer" in line]
    assert line.startswith("pipeline.toml:5:9 ")
    assert 'there is no [entities.custmer] in ingestlayer.toml (did you mean "customer"?)' in line


def test_a_wrong_field_of_a_trait_is_found_with_the_near_miss(pipe: Pipe) -> None:
    pipe.steps(UPSERT.replace("$event.metric", "$event.metrik"))
    with pytest.raises(ProjectError) as caught:
        pipe.project()
    ((path, words),) = caught.value.details
    assert path == "pipelines/pipeline.toml:7:20"
    assert '(did you mean "$event.metric"?)' in words


def test_an_empty_kind_is_refused(pipe: Pipe) -> None:
    pipe.steps(UPSERT.replace('"customer"', '""'))
    with pytest.raises(ProjectError) as caught:
        pipe.project()
    assert "`kind` is empty" in caught.value.details[0].problem
