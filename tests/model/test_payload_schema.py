"""The JSON Schema of a payload: as strict as the gate."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ingestlayer_cli.model.declarations import Declaration
from ingestlayer_cli.model.payload_schema import payload_schema

FIELDS: list[list[Any]] = [
    ["text", "string", False, None, "What it says", 5],
    ["used", "number", False, None, "", None],
    ["seats", "integer", True, None, "", None],
    ["live", "boolean", True, None, "", None],
    ["on", "date", True, None, "", None],
    ["at", "datetime", True, None, "", None],
    ["more", "object", True, None, "", None],
    ["tags", "array", True, None, "", None],
    ["plan", "string", True, ["free", "pro"], "Which plan", None],
    ["level", "number", True, [0.8, 1], "", None],
]
NEEDED = {"text": "a", "used": 1.5}


def declared() -> Declaration:
    head: dict[str, Any] = {"type": "usage", "description": "Usage.", "key": None, "key_refs": [], "window": 1}
    return Declaration({**head, "fields": FIELDS, "on_difference": "accept", "example": NEEDED})


SCHEMA = payload_schema(declared())


def test_it_is_a_schema_with_the_words_of_the_declaration() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["description"] == "Usage."
    assert SCHEMA["examples"] == [NEEDED]
    assert SCHEMA["required"] == ["text", "used"]
    assert SCHEMA["properties"]["text"] == {"type": "string", "maxLength": 5, "description": "What it says"}
    assert SCHEMA["properties"]["plan"] == {"enum": ["free", "pro", None], "description": "Which plan"}


@pytest.mark.parametrize(
    "payload",
    [
        NEEDED,
        {"text": "a"},
        {**NEEDED, "text": "abcdef"},
        {**NEEDED, "text": 1},
        {**NEEDED, "used": "1.5"},
        {**NEEDED, "used": True},
        {**NEEDED, "seats": 3},
        {**NEEDED, "seats": 3.0},
        {**NEEDED, "seats": 3.5},
        {**NEEDED, "seats": None},
        {**NEEDED, "used": None},
        {**NEEDED, "live": 1},
        {**NEEDED, "live": False},
        {**NEEDED, "on": "2026-11-03", "at": "2026-11-03T09:30:00Z"},
        {**NEEDED, "more": {"a": [1]}, "tags": [1, "a"]},
        {**NEEDED, "more": [], "tags": {}},
        {**NEEDED, "plan": "pro", "level": 1},
        {**NEEDED, "plan": "gold"},
        {**NEEDED, "plan": None},
        {**NEEDED, "level": "1"},
        {**NEEDED, "level": True},
        {**NEEDED, "other": 1},
    ],
)
def test_it_admits_what_the_gate_admits(payload: dict[str, Any]) -> None:
    assert Draft202012Validator(SCHEMA).is_valid(payload) == (declared().problems(payload) == [])
