"""`transform`: another body for the destinations."""

from typing import Any

import pytest

from ingestlayer_cli.system.errors import ProjectError
from tests.support.pipe import Pipe

HEAD = '[[steps]]\nuse = "transform"\n'
PAYLOAD: dict[str, Any] = {"customer_id": "acme", "used": 80, "limit": 100, "more": {"a": {"b": 1}, "c": 2}}


def body(pipe: Pipe, keys: str, **payload: Any) -> Any:
    """Return the body that a transform with these keys makes."""
    pipe.steps(HEAD + keys)
    return pipe.traced(**(payload or PAYLOAD))["set"]["body"]


# As a whole -----------------------------------------------------------------------------------------------


def test_a_body_is_the_whole_body(pipe: Pipe) -> None:
    assert body(pipe, 'body = { account = "$event.customer_id" }') == {"account": "acme"}


def test_a_text_that_is_one_value_keeps_its_type(pipe: Pipe) -> None:
    keys = 'body = { n = "$event.used", r = "${event.used / event.limit}", o = "$event.more", t = "$event.tags" }'
    assert body(pipe, keys) == {"n": 80, "r": 0.8, "o": {"a": {"b": 1}, "c": 2}, "t": None}


def test_a_text_with_more_around_the_value_is_a_text(pipe: Pipe) -> None:
    keys = 'body = { a = "no. $event.used", b = "$event.used of $event.limit", c = "$event.used$event.limit" }'
    assert body(pipe, keys) == {"a": "no. 80", "b": "80 of 100", "c": "80100"}


def test_tables_lists_and_plain_values_are_kept(pipe: Pipe) -> None:
    keys = 'body = { list = [1, "$event.used", { x = true }], deep = { deeper = 2.5 }, day = 2026-11-03, cost = "$$5" }'
    assert body(pipe, keys) == {
        "list": [1, 80, {"x": True}],
        "deep": {"deeper": 2.5},
        "day": "2026-11-03",
        "cost": "$5",
    }


def test_an_empty_body_is_empty(pipe: Pipe) -> None:
    assert body(pipe, "body = {}") == {}


def test_a_value_that_looks_like_a_template_is_only_a_value(pipe: Pipe) -> None:
    keys = 'body = { who = "$event.customer_id" }'
    assert body(pipe, keys, customer_id="$event.used ${event.limit}") == {"who": "$event.used ${event.limit}"}


# In parts -------------------------------------------------------------------------------------------------


def test_set_adds_and_replaces(pipe: Pipe) -> None:
    keys = 'set = { used = "${event.used / event.limit | percent}", fresh = 1 }'
    assert body(pipe, keys, customer_id="a", used=80, limit=100) == {
        "customer_id": "a",
        "used": "80%",
        "limit": 100,
        "fresh": 1,
    }


def test_remove_takes_names_out_and_passes_over_those_that_are_not_there(pipe: Pipe) -> None:
    keys = 'remove = ["used", "more.a.b", "tags", "used.x.y", "more.nothing"]'
    assert body(pipe, keys) == {"customer_id": "acme", "limit": 100, "more": {"a": {}, "c": 2}}


def test_rename_moves_also_into_and_out_of_objects(pipe: Pipe) -> None:
    keys = 'rename = { used = "usage.used", "more.a.b" = "b", tags = "labels" }\nremove = ["more"]'
    assert body(pipe, keys) == {"customer_id": "acme", "limit": 100, "usage": {"used": 80}, "b": 1}


def test_rename_can_swap_two_names(pipe: Pipe) -> None:
    keys = 'rename = { used = "limit", limit = "used" }'
    assert body(pipe, keys, used=1, limit=2) == {"used": 2, "limit": 1}


def test_first_comes_rename_then_remove_then_set(pipe: Pipe) -> None:
    keys = 'set = { used = "new" }\nremove = ["limit"]\nrename = { used = "limit" }'
    assert body(pipe, keys, used=1, limit=2) == {"used": "new"}


def test_a_null_can_be_set(pipe: Pipe) -> None:
    assert body(pipe, 'set = { plan = "$event.metric" }', used=1) == {"used": 1, "plan": None}


def test_set_of_a_path_makes_the_objects_on_its_way(pipe: Pipe) -> None:
    assert body(pipe, 'set = { "used.now" = 1, "x.y.z" = 2 }', used=7) == {"used": {"now": 1}, "x": {"y": {"z": 2}}}


def test_the_parts_change_what_body_is(pipe: Pipe) -> None:
    keys = 'body = { a = 1, b = 2 }\nrename = { a = "c" }\nremove = ["b"]\nset = { d = 4 }'
    assert body(pipe, keys) == {"c": 1, "d": 4}


# What it changes and what it does not ---------------------------------------------------------------------


def test_the_event_stays_as_it_was_sent(pipe: Pipe) -> None:
    keys = 'set = { "more.a.b" = 9, "more.x" = 1 }\nremove = ["used"]\n'
    pipe.steps(HEAD + keys, says="$event.used $event.more")
    pipe.emit(**PAYLOAD)
    assert pipe.messages() == ['80 {"a": {"b": 1}, "c": 2}']
    assert pipe.select("SELECT payload FROM events") == [
        ('{"customer_id":"acme","used":80,"limit":100,"more":{"a":{"b":1},"c":2}}',)
    ]


def test_later_steps_and_messages_see_the_body(pipe: Pipe) -> None:
    second = '[[steps]]\nuse = "filter"\nwhen = "$body.share == 0.8"\n'
    second += HEAD + 'set = { twice = "${body.share * 2}" }\n'
    pipe.steps(HEAD + 'set = { share = "${event.used / event.limit}" }\n' + second, says="$body.twice $body.used")
    pipe.emit(**PAYLOAD)
    assert pipe.messages() == ["1.6 80"]


def test_without_a_transform_the_body_is_the_payload(pipe: Pipe) -> None:
    pipe.steps("", says="$body.used of $body.limit")
    pipe.emit(**PAYLOAD)
    assert pipe.messages() == ["80 of 100"]


def test_the_default_message_lists_the_fields_of_the_body(pipe: Pipe) -> None:
    pipe.steps("")
    path = pipe.root / "pipelines" / "pipeline.toml"
    head = path.read_text().partition("[destinations.message]")[0]
    path.write_text(HEAD + 'body = { Share = "80%" }\n' + head.replace('match = ["usage"]', ""))
    blocks = pipe.preview(**PAYLOAD)["messages"][0]["body"]["blocks"]
    assert [field["text"] for block in blocks for field in block.get("fields", ())] == ["*Share*\n80%"]


def test_each_pipeline_has_a_body_of_its_own(pipe: Pipe) -> None:
    pipe.steps(HEAD + 'set = { used = "changed" }', "one", says="$body.used")
    pipe.steps("", "two", says="$body.used")
    pipe.emit(**PAYLOAD)
    assert pipe.messages() == ["changed", "80"]


def test_the_trace_names_the_fields_and_shows_the_body(pipe: Pipe) -> None:
    pipe.steps(HEAD + 'body = { a = 1, b = "$event.used" }')
    assert pipe.traced(**PAYLOAD) == {
        "step": "transform",
        "verdict": "continue",
        "note": "the body has a, b",
        "set": {"body": {"a": 1, "b": 80}},
    }


# Mistakes -------------------------------------------------------------------------------------------------


def problems(pipe: Pipe, keys: str) -> list[str]:
    pipe.steps(HEAD + keys)
    with pytest.raises(ProjectError) as caught:
        pipe.project()
    return [f"{path}: {words}".removeprefix("pipelines/pipeline.toml:") for path, words in caught.value.details]


def test_a_transform_of_nothing_is_refused(pipe: Pipe) -> None:
    assert problems(pipe, "") == ["2:1: transform: needs `body`, `rename`, `remove` or `set`"]


@pytest.mark.parametrize(("keys", "words"), [('body = "$event.more"', "a text"), ("body = [1]", "[1]")])
def test_a_body_that_is_no_table_is_refused(keys: str, words: str, pipe: Pipe) -> None:
    assert problems(pipe, keys) == [f"4:1: transform: body must be a table, not {words}"]


@pytest.mark.parametrize("keys", ['remove = ["a..b"]', 'remove = [""]', 'set = { "a." = 1 }', 'rename = { a = "" }'])
def test_a_name_with_nothing_between_its_dots_is_refused(keys: str, pipe: Pipe) -> None:
    (found,) = problems(pipe, keys)
    assert "is neither a name nor a path of names" in found


def test_a_wrong_field_is_found_at_its_place_with_the_near_miss(pipe: Pipe) -> None:
    (found,) = problems(pipe, 'body = { who = "by $event.custmer_id" }')
    assert found.startswith("4:20: $event.custmer_id: ")
    assert '(did you mean "$event.customer_id"?)' in found


def test_a_broken_template_is_found_at_its_place(pipe: Pipe) -> None:
    (found,) = problems(pipe, 'set = { who = "${event.used + }" }')
    assert found.startswith("4:")
    assert "expected a value" in found


@pytest.mark.parametrize("name", ["$template", "$condition", "$value"])
def test_the_names_that_stand_for_templates_cannot_be_fields(name: str, pipe: Pipe) -> None:
    (found,) = problems(pipe, f'body = {{ "{name}" = "x" }}')
    assert f"{name} cannot be a name here" in found


def test_validate_finds_a_name_that_the_body_does_not_have(pipe: Pipe) -> None:
    pipe.steps(HEAD + 'body = { account = "$event.customer_id" }', says="$body.acount and $body.account")
    assert [line.partition(" ")[2] for line in pipe.found() if "$body" in line] == [
        '$body.acount: the body has no acount here (did you mean "$body.account"?)'
    ]


def test_validate_knows_the_fields_that_parts_leave(pipe: Pipe) -> None:
    parts = 'rename = { used = "usage.used" }\nremove = ["limit"]\nset = { "share.of" = 1 }\n'
    says = "$body.usage.used $body.share.of $body.customer_id"
    pipe.steps(HEAD + parts, says=says)
    assert [line for line in pipe.found() if "body" in line] == []
    pipe.steps(HEAD + parts, says="$body.used $body.limit")
    assert len([line for line in pipe.found() if "the body has no" in line]) == 2


def test_validate_takes_the_payloads_fields_before_the_step(pipe: Pipe) -> None:
    pipe.steps('[[steps]]\nuse = "filter"\nwhen = "$body.account == 1"\n' + HEAD + 'set = { account = "$body.used" }')
    assert [line.partition(" ")[0] for line in pipe.found() if "the body has no account here" in line] == [
        "pipelines/pipeline.toml:4:9"
    ]


def test_validate_finds_a_name_to_remove_or_rename_that_is_not_there(pipe: Pipe) -> None:
    pipe.steps(HEAD + 'remove = ["used", "limti"]\nrename = { custmer_id = "account" }')
    assert [line for line in pipe.found() if "the body has no" in line] == [
        'pipelines/pipeline.toml:4:20 remove: the body has no limti (did you mean "limit"?)',
        'pipelines/pipeline.toml:5:12 rename: the body has no custmer_id (did you mean "customer_id"?)',
    ]
