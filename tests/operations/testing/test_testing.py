"""`test`: what a pipeline's own tests run and compare."""

import json
import time

import pytest

from tests.support.folder import Folder
from tests.support.tested import event, failures, only, tree, write_test

# Expectations


@pytest.mark.parametrize(
    "expect",
    [
        'channels = ["#alerts", "#growth"]',
        'channels = ["#growth", "#alerts"]',
        "messages = 2",
        'contains = ["Acme Inc is out", "120 of 100"]',
        'contains = ["https://crm.example/acme"]',
        'not_contains = ["Zeta"]',
        'fields = { Used = "120" }',
        'fields = { Used = "120", MRR = "1900" }',
    ],
)
def test_an_expectation_that_is_met_passes(tested: Folder, expect: str) -> None:
    write_test(tested, expect)
    assert failures(tested) == {}


@pytest.mark.parametrize(
    ("expect", "name", "expected", "got"),
    [
        ('channels = ["#alerts"]', "channels", "#alerts", "#alerts, #growth"),
        ("channels = []", "channels", "none", "#alerts, #growth"),
        ('channels = ["#alerts", "#alerts"]', "channels", "#alerts, #alerts", "#alerts, #growth"),
        ("messages = 1", "messages", "1", "2 (#alerts, #growth)"),
        ('dropped_by = "filter"', "dropped_by", "filter", "not dropped"),
    ],
)
def test_an_expectation_that_is_not_met_fails_with_both_sides(
    tested: Folder, expect: str, name: str, expected: str, got: str
) -> None:
    write_test(tested, expect)
    assert failures(tested) == {name: (expected, got)}


def test_a_text_that_is_in_no_message_fails_with_the_messages_texts(tested: Folder) -> None:
    write_test(tested, 'contains = ["Zeta"]')
    expected, got = failures(tested)["contains"]
    assert expected == "Zeta"
    assert "Acme Inc is out" in got


def test_a_text_that_must_not_be_there_fails(tested: Folder) -> None:
    write_test(tested, 'not_contains = ["Acme"]')
    assert "not_contains" in failures(tested)


@pytest.mark.parametrize("expect", ['contains = ["x"]', 'not_contains = ["x"]', 'fields = { A = "b" }'])
def test_what_looks_into_a_message_fails_when_there_is_none(tested: Folder, expect: str) -> None:
    write_test(tested, expect, f"event = {event(0)}")
    assert [got for _, got in failures(tested).values()] == ["no message"]


def test_texts_are_compared_as_people_read_them(tested: Folder) -> None:
    given = 'from_example = "usage"\nwith = { used = 100, note = "R&D <!channel>" }'
    write_test(tested, 'contains = ["R&D <!channel>"]', given)
    assert failures(tested) == {}


def test_fields_fail_with_a_diff_of_the_nearest_message(tested: Folder) -> None:
    write_test(tested, 'fields = { Used = "120", MRR = "5" }')
    (failure,) = only(tested.here("test", "--json"))["failures"]
    assert "-MRR = 5\n+MRR = 1900" in failure["diff"]
    assert " Used = 120" in failure["diff"]


def test_all_fields_must_be_in_one_message(tested: Folder) -> None:
    write_test(tested, 'fields = { Used = "120", customer = "acme" }')
    assert "fields" in failures(tested)


@pytest.mark.parametrize("by", ["filter", "match", "duplicate", "dedupe"])
def test_what_dropped_the_event_can_be_expected(tested: Folder, by: str) -> None:
    tested.declare("other", "[fields]\n")
    given = {
        "filter": f"event = {event(0)}",
        "match": 'event = { type = "other" }',
        "duplicate": f"before = [{event(idempotency_key='a')}]\nevent = {event(idempotency_key='a')}",
        "dedupe": f"before = [{event()}]\nevent = {event(130)}",
    }
    write_test(tested, f'dropped_by = "{by}", messages = 0', given[by])
    assert failures(tested) == {}


def test_every_expectation_that_is_not_met_is_told(tested: Folder) -> None:
    write_test(tested, 'channels = [], messages = 3, contains = ["Zeta"]')
    assert list(failures(tested)) == ["channels", "messages", "contains"]


# The event


def test_an_example_is_an_event(tested: Folder) -> None:
    write_test(tested, 'channels = ["#growth"], contains = ["90"]', 'from_example = "usage"')
    assert failures(tested) == {}


def test_fields_of_an_example_can_be_changed(tested: Folder) -> None:
    write_test(tested, 'channels = ["#alerts", "#growth"]', 'from_example = "usage"\nwith = { used = 101 }')
    assert failures(tested) == {}


def test_an_earlier_event_can_be_an_example(tested: Folder) -> None:
    write_test(tested, 'dropped_by = "dedupe"', more='before = [{ from_example = "usage", with = { used = 1 } }]')
    assert failures(tested) == {}


def test_an_example_of_a_type_that_is_not_declared_fails_with_the_near_miss(tested: Folder) -> None:
    write_test(tested, "messages = 1", 'from_example = "usgae"')
    assert failures(tested)["event"][1] == 'the event type usgae is not declared (did you mean "usage"?)'


def test_an_example_that_there_is_not_fails(tested: Folder) -> None:
    tested.declare("other", "[fields]\n")
    write_test(tested, "messages = 1", 'from_example = "other"')
    assert failures(tested)["event"][1] == "the declaration of other has no [example]"


def test_an_event_that_does_not_fit_its_declaration_fails_and_says_all_of_why(tested: Folder) -> None:
    write_test(tested, "messages = 1", 'event = { type = "usage", payload = { used = "many", limt = 3 } }')
    got = failures(tested)["event"][1]
    assert "customer is required" in got
    assert 'used must be a number, not "many"' in got
    assert 'limt is not a declared field (did you mean "limit"?)' in got


def test_a_refused_earlier_event_fails_by_its_number(tested: Folder) -> None:
    write_test(tested, "messages = 1", more=f'before = [{event()}, {{ type = "usage" }}]')
    assert list(failures(tested)) == ["before[1]"]


def test_a_date_of_toml_in_a_payload_is_refused_with_the_remedy(tested: Folder) -> None:
    tested.declare("dated", '[fields]\nday = "date"\n')
    write_test(tested, "messages = 1", 'event = { type = "dated", payload = { day = 2026-11-03 } }')
    assert "2026-11-03" in failures(tested)["event"][1]


# What is around the event


def test_entity_rows_of_a_test_stand_in_for_the_file(tested: Folder) -> None:
    rows = 'entities = { customer = [{ id = "acme", name = "Other", mrr = "7" }] }'
    write_test(tested, 'contains = ["Other is out"], not_contains = ["Acme Inc"], fields = { MRR = "7" }', more=rows)
    assert failures(tested) == {}


def test_rows_that_stand_by_their_keys_need_not_say_how_the_key_is_called(tested: Folder) -> None:
    rows = 'entities = { customer = { acme = { name = "Other" } } }'
    write_test(tested, 'contains = ["acme, Other"]', more=rows)
    tested.edit("pipelines/alert.toml", "$entity.customer.name is out", "$entity.customer.id, $entity.customer.name")
    assert failures(tested) == {}


def test_a_row_without_the_key_of_its_kind_fails_by_its_name(tested: Folder) -> None:
    write_test(tested, "messages = 2", more='entities = { customer = [{ customer_id = "acme", name = "Other" }] }')
    assert failures(tested)["entities"][0] == "id in each row, the key of [entities.customer]"


@pytest.mark.parametrize("rows", ["{ acme = 3 }", "[3]", "3"])
def test_rows_that_are_no_tables_are_one_problem(rows: str, tested: Folder) -> None:
    write_test(tested, "messages = 2", more=f"entities = {{ customer = {rows} }}")
    found = tested.here("validate", "--json").json["problems"]
    words = "tests.entities.customer: rows are tables, by their keys or in a list, not 3"
    assert [problem["problem"] for problem in found] == [words]


def test_with_entity_rows_of_a_test_the_file_is_not_looked_at(tested: Folder) -> None:
    (tested.root / "customers.csv").unlink()
    write_test(tested, "messages = 2", more="entities = { customer = [] }")
    assert failures(tested) == {}


def test_the_first_of_two_rows_with_one_key_counts(tested: Folder) -> None:
    rows = 'entities = { customer = [{ id = "acme", name = "First" }, { id = "acme", name = "Second" }] }'
    write_test(tested, 'contains = ["First is out"]', more=rows)
    assert failures(tested) == {}


def test_rows_of_a_test_have_the_declared_types(tested: Folder) -> None:
    tested.edit("ingestlayer.toml", 'mrr = "number"', 'mrr = "number", until = "date"')
    rows = 'entities = { customer = [{ id = "acme", mrr = "1900.0", until = 2026-12-01 }] }'
    text = "mrr ${entity.customer.mrr | number} until ${entity.customer.until | date}"
    write_test(tested, 'contains = ["mrr 1,900 until 2026-12-01"]', more=rows)
    tested.edit("pipelines/alert.toml", "$entity.customer.name is out", text)
    assert failures(tested) == {}


def test_a_row_is_found_by_the_text_of_its_key(tested: Folder) -> None:
    rows = "entities = { customer = [{ id = 42, name = 'Deep Thought' }] }"
    given = 'from_example = "usage"\nwith = { customer = "42", used = 100 }'
    write_test(tested, 'contains = ["Deep Thought is out"]', given, more=rows)
    assert failures(tested) == {}


def test_rows_of_a_kind_that_there_is_not_fail_with_the_near_miss(tested: Folder) -> None:
    write_test(tested, "messages = 2", more="entities = { custmer = [] }")
    assert 'did you mean "customer"?' in failures(tested)["entities"][1]


def test_an_entity_file_that_cannot_be_read_fails_the_test(tested: Folder) -> None:
    (tested.root / "customers.csv").unlink()
    (tested.root / "customers.csv").mkdir()
    write_test(tested, "messages = 2")
    assert "customers.csv is a folder" in failures(tested)["run"][1]


def test_a_test_runs_at_a_fixed_time(tested: Folder) -> None:
    write_test(tested, 'contains = ["on 2026-01-15"]')
    assert failures(tested) == {}


def test_now_is_when_the_event_is_received(tested: Folder) -> None:
    write_test(tested, 'contains = ["on 2026-11-03"]', more='now = "2026-11-03T09:30:00Z"')
    assert failures(tested) == {}


def test_the_events_own_timestamp_wins_over_now(tested: Folder) -> None:
    given = f"event = {event(timestamp='2d ago')}"
    write_test(tested, 'contains = ["on 2026-11-01"]', given, more='now = "2026-11-03T09:30:00Z"')
    assert failures(tested) == {}


def test_earlier_events_are_as_old_as_their_timestamps_say(tested: Folder) -> None:
    write_test(tested, "messages = 2", more=f"before = [{event(timestamp='61m ago')}]")
    assert failures(tested) == {}
    write_test(tested, 'dropped_by = "dedupe"', more=f"before = [{event(timestamp='59m ago')}]")
    assert failures(tested) == {}


def test_an_earlier_event_that_was_dropped_leaves_no_memory(tested: Folder) -> None:
    write_test(tested, "messages = 2", more=f"before = [{event(0)}]")
    assert failures(tested) == {}


def test_a_key_is_free_again_after_its_window(tested: Folder) -> None:
    given = f"before = [{event(idempotency_key='a', timestamp='25h ago')}]\nevent = {event(idempotency_key='a')}"
    write_test(tested, "messages = 2", given)
    assert failures(tested) == {}


def test_a_duplicate_does_not_prolong_the_window_of_the_first(tested: Folder) -> None:
    first, second = (event(0, idempotency_key="a", timestamp=f"{hours}h ago") for hours in (25, 2))
    write_test(tested, "messages = 2", f"before = [{first}, {second}]\nevent = {event(idempotency_key='a')}")
    assert failures(tested) == {}


def test_an_event_that_conflicts_with_an_earlier_one_of_its_key_is_refused(tested: Folder) -> None:
    text = (tested.root / "events/usage.toml").read_text()
    tested.write("events/usage.toml", f'{text}[idempotency]\non_difference = "reject"\n')
    given = f"before = [{event(idempotency_key='a')}]\nevent = {event(130, idempotency_key='a')}"
    write_test(tested, 'dropped_by = "duplicate"', given)
    assert "already took the idempotency key a with another used" in failures(tested)["event"][1]


def test_a_declared_key_makes_a_duplicate_of_a_second_event(tested: Folder) -> None:
    text = (tested.root / "events/usage.toml").read_text()
    tested.write("events/usage.toml", f'{text}[idempotency]\nkey = "$event.customer"\n')
    write_test(tested, 'dropped_by = "duplicate"', more=f"before = [{event(110)}]")
    assert failures(tested) == {}


def test_an_empty_value_of_a_field_is_the_dash_that_people_see(tested: Folder) -> None:
    write_test(tested, 'fields = { MRR = "—" }', more='entities = { customer = [{ id = "acme" }] }')
    assert failures(tested) == {}


def test_the_name_of_a_field_is_read_as_people_see_it(tested: Folder) -> None:
    write_test(tested, 'fields = { "R&D <1>" = "120" }')
    tested.edit("pipelines/alert.toml", "fields = { Used =", 'fields = { "R&D <1>" =')
    assert failures(tested) == {}


def test_tests_share_no_memory(tested: Folder) -> None:
    write_test(tested, "messages = 2")
    text = (tested.root / "pipelines/alert.toml").read_text()
    tested.write("pipelines/alert.toml", text + text[text.index("[[tests]]") :])
    assert tested.here("test", "--json").json["passed"] == 2


def test_what_the_store_remembers_does_not_count(tested: Folder) -> None:
    assert tested.here("emit", "usage", "--customer", "acme", "--used", "120", "--limit", "100", "-q").code == 0
    write_test(tested, "messages = 2", more='now = "2036-01-01T00:00:00Z"')
    assert failures(tested) == {}


@pytest.mark.parametrize("status", ["paused", "draft"])
def test_a_pipeline_that_does_not_run_is_tested_all_the_same(tested: Folder, status: str) -> None:
    write_test(tested, "messages = 2")
    tested.edit("pipelines/alert.toml", 'match = ["usage"]\n', f'match = ["usage"]\nstatus = "{status}"\n')
    assert failures(tested) == {}


def test_a_test_writes_nothing(tested: Folder) -> None:
    write_test(tested, 'channels = ["#alerts"], body = "golden.json"')
    before = tree(tested.root)
    assert tested.here("test").code == 1
    assert tree(tested.root) == before


def test_a_test_needs_no_token(tested: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    tested.write("ingestlayer.toml", (tested.root / "ingestlayer.toml").read_text() + '[slack]\nconnection = "bot"\n')
    write_test(tested, "messages = 2")
    assert failures(tested) == {}


# Which tests


def two(tested: Folder) -> Folder:
    write_test(tested, "messages = 2")
    text = (tested.root / "pipelines/alert.toml").read_text()
    tested.write("pipelines/other.toml", text.replace("messages = 2", "messages = 0"))
    return tested


def test_the_tests_of_every_pipeline_run(tested: Folder) -> None:
    result = two(tested).here("test", "--json")
    assert (result.json["passed"], result.json["failed"]) == (1, 1)


def test_the_tests_of_one_pipeline_run(tested: Folder) -> None:
    assert only(two(tested).here("test", "alert", "--json"))["outcome"] == "passed"


def test_a_pipeline_that_there_is_not_is_a_usage_error_with_the_near_miss(tested: Folder) -> None:
    result = two(tested).here("test", "alrt")
    assert result.code == 2
    assert 'there is no pipeline "alrt" (did you mean "alert"?)' in result.err


def test_without_tests_it_says_so_and_succeeds(tested: Folder) -> None:
    result = tested.here("test")
    assert result.code == 0
    assert "no tests" in result.out


def test_a_test_knows_the_line_on_which_it_stands(tested: Folder) -> None:
    write_test(tested, "messages = 0")
    text = (tested.root / "pipelines/alert.toml").read_text()
    assert only(tested.here("test", "--json"))["line"] == text.split("[[tests]]")[0].count("\n") + 1


def test_runs_are_repeatable_to_the_byte(tested: Folder) -> None:
    write_test(tested, "messages = 0")
    first = tested.here("test", "--json").json
    time.sleep(0.01)
    assert {**tested.here("test", "--json").json, "seconds": 0} == {**first, "seconds": 0}


def test_the_json_of_a_failed_test_has_its_preview(tested: Folder) -> None:
    write_test(tested, "messages = 0")
    preview = only(tested.here("test", "--json"))["preview"]
    assert [message["target"] for message in preview["runs"][0]["messages"]] == ["#alerts", "#growth"]


def test_the_tests_of_the_recipe_pass(project: Folder) -> None:
    result = project.here("test", "--json")
    assert result.code == 0
    assert result.json["passed"] == 2


# Golden bodies


@pytest.fixture
def golden(tested: Folder) -> Folder:
    write_test(tested, 'body = "golden/usage.json"')
    assert tested.here("test", "--update").code == 0
    return tested


def test_an_update_writes_the_body_that_emit_would_post(golden: Folder) -> None:
    bodies = json.loads((golden.root / "golden/usage.json").read_text())
    assert [body["channel"] for body in bodies] == ["#alerts", "#growth"]


def test_the_golden_of_one_message_is_its_body(tested: Folder) -> None:
    write_test(tested, 'body = "g.json"', 'from_example = "usage"')
    tested.here("test", "--update")
    assert json.loads((tested.root / "g.json").read_text())["channel"] == "#growth"


def test_a_golden_holds_on_the_next_run(golden: Folder) -> None:
    assert golden.here("test").code == 0


def test_an_update_of_what_is_so_already_writes_nothing(golden: Folder) -> None:
    assert golden.here("test", "--update", "--json").json["updated"] == []


def test_a_golden_does_not_depend_on_earlier_events(golden: Folder) -> None:
    golden.edit("pipelines/alert.toml", "expect = { body", f"before = [{event(0)}]\nexpect = {{ body")
    assert golden.here("test").code == 0


def test_another_body_fails_with_a_unified_diff(golden: Folder) -> None:
    golden.edit("pipelines/alert.toml", "is out", "is empty")
    (failure,) = only(golden.here("test", "--json"))["failures"]
    assert failure["diff"].startswith("--- golden/usage.json\n+++ got\n@@")
    assert "Acme Inc is empty" in failure["diff"]


def test_the_order_of_names_in_a_golden_does_not_count(golden: Folder) -> None:
    path = golden.root / "golden/usage.json"
    turned = [dict(reversed(body.items())) for body in json.loads(path.read_text())]
    path.write_text(json.dumps(turned))
    assert golden.here("test").code == 0


def test_a_missing_golden_fails_and_names_the_update(tested: Folder) -> None:
    write_test(tested, 'body = "none.json"')
    assert "`ingestlayer test --update` writes it" in failures(tested)["body"][1]


def test_a_golden_that_is_not_json_fails(golden: Folder) -> None:
    for data, words in ((b"{", "is not JSON: a name in double quotes is missing"), (b"\xff", "is not UTF-8 at byte 1")):
        (golden.root / "golden/usage.json").write_bytes(data)
        assert words in failures(golden)["body"][1]


def test_an_update_leaves_the_other_expectations_in_force(tested: Folder) -> None:
    write_test(tested, 'body = "g.json", messages = 1')
    assert list(failures(tested, "--update")) == ["messages"]


def test_an_update_without_a_message_keeps_the_golden_and_fails(golden: Folder) -> None:
    before = (golden.root / "golden/usage.json").read_bytes()
    golden.edit("pipelines/alert.toml", "used = 120", "used = 0")
    assert list(failures(golden, "--update")) == ["body"]
    assert (golden.root / "golden/usage.json").read_bytes() == before


def test_two_tests_that_want_different_bodies_in_one_golden_fail(golden: Folder) -> None:
    text = (golden.root / "pipelines/alert.toml").read_text()
    golden.write("pipelines/alert.toml", text + text[text.index("[[tests]]") :].replace("120", "130"))
    result = golden.here("test", "--update", "--json")
    assert (result.json["passed"], result.json["failed"]) == (1, 1)
