"""Events, their ids, and the check of a payload by its declaration."""

import datetime
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.model.declarations import MAX_DEPTH, TYPES, Declaration, Field, unsound
from ingestlayer_cli.model.events import Event, delivery_id, encode, new_event_id
from ingestlayer_cli.system.clock import parse_time
from ingestlayer_cli.system.errors import Problem

NOW = parse_time("2026-11-03T09:30:00Z", 0)
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def declared(*fields: list[Any]) -> Declaration:
    common: dict[str, Any] = {"type": "t", "description": "", "key": None, "key_refs": [], "window": 1, "example": None}
    return Declaration({**common, "on_difference": "accept", "fields": list(fields)})


def found(payload: dict[str, Any], *fields: list[Any]) -> list[Problem]:
    return declared(*fields).problems(payload)


def rows_of(fields: list[Field]) -> list[list[Any]]:
    return [list(field) for field in fields]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


# Field types ----------------------------------------------------------------------------------------------

VALID = [
    ("string", ""),
    ("string", "é🙂"),
    ("string", "x" * 10_000),
    ("number", 0),
    ("number", -1.5),
    ("number", 2**64 - 1),
    ("number", -(2**63)),
    ("number", 1e308),
    ("integer", 5),
    ("integer", 5.0),
    ("integer", -(2**63)),
    ("boolean", True),
    ("boolean", False),
    ("date", "2026-11-03"),
    ("date", "2024-02-29"),
    ("datetime", "2026-11-03T09:30:00Z"),
    ("datetime", "2026-11-03T09:30:00.123456789+02:00"),
    ("object", {}),
    ("object", {"a": [1, {"b": None}]}),
    ("array", []),
    ("array", [1, "a", None]),
]
INVALID = [
    ("string", 5, "must be a text, not 5"),
    ("string", True, "must be a text, not true"),
    ("string", ["a"], 'must be a text, not ["a"]'),
    ("string", "\ud800", "is not Unicode text (it has a lone surrogate)"),
    ("number", "5", 'must be a number, not "5"'),
    ("number", True, "must be a number, not true"),
    ("number", float("nan"), "is a number that JSON or 64 bits cannot hold"),
    ("number", float("inf"), "is a number that JSON or 64 bits cannot hold"),
    ("number", 2**64, "is a number that JSON or 64 bits cannot hold"),
    ("number", -(2**63) - 1, "is a number that JSON or 64 bits cannot hold"),
    ("integer", 5.5, "must be a whole number, not 5.5"),
    ("integer", "5", 'must be a whole number, not "5"'),
    ("integer", False, "must be a whole number, not false"),
    ("boolean", 1, "must be true or false, not 1"),
    ("boolean", "true", 'must be true or false, not "true"'),
    ("date", "2026-02-29", 'must be a date like 2026-11-03, not "2026-02-29"'),
    ("date", "3.11.2026", 'must be a date like 2026-11-03, not "3.11.2026"'),
    ("date", "2026-11-03T00:00:00Z", 'must be a date like 2026-11-03, not "2026-11-03T00:00:00Z"'),
    ("date", 20261103, "must be a date like 2026-11-03, not 20261103"),
    ("datetime", "2026-11-03", 'must be an RFC 3339 time like 2026-11-03T09:30:00Z, not "2026-11-03"'),
    (
        "datetime",
        "2026-11-03T09:30:00",
        'must be an RFC 3339 time like 2026-11-03T09:30:00Z, not "2026-11-03T09:30:00"',
    ),
    ("datetime", 0, "must be an RFC 3339 time like 2026-11-03T09:30:00Z, not 0"),
    ("object", [], "must be a JSON object, not []"),
    ("object", "{}", 'must be a JSON object, not "{}"'),
    ("object", {"a": {"b": float("nan")}}, "a.b is a number that JSON or 64 bits cannot hold"),
    ("array", {}, "must be a JSON array, not {}"),
    ("array", [1, ["\udc00"]], "[1][0] is not Unicode text (it has a lone surrogate)"),
    ("string", "x" * 1, None),
    ("number", "x" * 500, 'must be a number, not "' + "x" * 78 + "…"),
    ("number", "größe", 'must be a number, not "größe"'),
    ("number", "\x1b[31m", 'must be a number, not "\\u001b[31m"'),
    (
        "date",
        datetime.date(2026, 11, 3),
        'is of type date, which JSON does not have: write it as a text, "2026-11-03"',
    ),
    ("string", object, "is of type type, which JSON does not have"),
]


@pytest.mark.parametrize(("kind", "value"), VALID)
@pytest.mark.parametrize("optional", [False, True])
def test_a_value_of_the_declared_type_fits(kind: str, value: Any, optional: bool) -> None:
    assert found({"x": value}, ["x", kind, optional]) == []


@pytest.mark.parametrize(("kind", "value", "problem"), INVALID)
@pytest.mark.parametrize("optional", [False, True])
def test_any_other_value_is_a_problem_with_its_words(
    kind: str, value: Any, problem: str | None, optional: bool
) -> None:
    assert found({"x": value}, ["x", kind, optional]) == ([Problem("x", problem)] if problem else [])


def test_the_types_are_those_of_the_contract() -> None:
    assert set(TYPES) == {"string", "number", "integer", "boolean", "date", "datetime", "object", "array"}


# Required and optional ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(TYPES))
def test_a_required_field_must_be_there(kind: str) -> None:
    assert found({"a": "b"}, ["a", "string"], ["x", kind]) == [Problem("x", "is required")]


@pytest.mark.parametrize("values", [["a", "b"], [1, 2], [1.5, "a"]])
def test_a_required_enum_must_be_there(values: list[Any]) -> None:
    assert found({"a": "b"}, ["a", "string"], ["x", "string", False, values]) == [Problem("x", "is required")]


@pytest.mark.parametrize("kind", list(TYPES))
def test_a_required_field_must_not_be_null(kind: str) -> None:
    assert found({"x": None}, ["x", kind]) == [Problem("x", "is required, not null")]


@pytest.mark.parametrize("kind", list(TYPES))
@pytest.mark.parametrize("payload", [{}, {"x": None}])
def test_an_optional_field_may_be_missing_or_null(kind: str, payload: dict[str, Any]) -> None:
    assert found(payload, ["x", kind, True]) == []


# Enums ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("values", "value"), [(["a", "b"], "b"), ([1, 2], 2), ([1, 2], 2.0), ([0.5, "x"], 0.5)])
def test_a_value_of_the_enum_fits(values: list[Any], value: Any) -> None:
    assert found({"x": value}, ["x", "string", False, values]) == []


@pytest.mark.parametrize(
    ("values", "value", "problem"),
    [
        (["seats", "storage"], "seat", '"seat" is not one of seats, storage (did you mean "seats"?)'),
        (["seats", "storage"], "zzz", '"zzz" is not one of seats, storage'),
        (["seats", "storage"], "Seats", '"Seats" is not one of seats, storage (did you mean "seats"?)'),
        (["1", "2"], 1, "1 is not one of 1, 2"),
        ([0, 1], True, "true is not one of 0, 1"),
        ([0, 1], False, "false is not one of 0, 1"),
        ([0, 1], "1", '"1" is not one of 0, 1'),
        (["a"], ["a"], '["a"] is not one of a'),
        (["a"], {"a": 1}, '{"a": 1} is not one of a'),
        (["a"], float("nan"), "NaN is not one of a"),
        (["a"], "\ud800", '"\\ud800" is not one of a'),
    ],
)
@pytest.mark.parametrize("optional", [False, True])
def test_a_value_outside_the_enum_is_told_its_near_miss(
    values: list[Any], value: Any, problem: str, optional: bool
) -> None:
    assert found({"x": value}, ["x", "string", optional, values]) == [Problem("x", problem)]


@pytest.mark.parametrize(
    "value",
    [nested(5000), pytest.param(10**5000, id="huge"), datetime.datetime(2026, 1, 1), {1, 2}, b"a", (1,), nested(80)],
)
@pytest.mark.parametrize("row", [["x", "string"], ["x", "array"], ["x", "string", False, ["a"]], ["x", "object", True]])
def test_what_is_no_json_is_one_short_problem(row: list[Any], value: Any) -> None:
    ((path, problem),) = found({"x": value}, row)
    assert path == "x"
    assert problem
    assert len(problem) < 500


# Unknown fields and all at once ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path", "problem"),
    [
        ("custmer_id", "custmer_id", 'is not a declared field (did you mean "customer_id"?)'),
        ("zzz", "zzz", "is not a declared field"),
        ("größe", "größe", "is not a declared field"),
        ("it's", "it's", "is not a declared field"),
        ("a\nb", "a\\nb", "is not a declared field"),
        ("\x1b[31m", "\\x1b[31m", "is not a declared field"),
        ("\ud800", "\\ud800", "is not a declared field"),
        ("y" * 10_000, "y" * 79 + "…", "is not a declared field"),
    ],
)
def test_an_unknown_field_is_named_printably_with_its_near_miss(name: str, path: str, problem: str) -> None:
    assert found({"customer_id": "a", name: 1}, ["customer_id", "string"]) == [Problem(path, problem)]


def test_a_name_that_is_no_text_is_an_unknown_field() -> None:
    payload: Any = {"a": "b", 5: 1}
    assert found(payload, ["a", "string"]) == [Problem("5", "is not a declared field")]


def test_every_problem_is_told_at_once() -> None:
    fields: list[list[Any]] = [
        ["a", "string"],
        ["b", "number"],
        ["c", "string", False, ["x", "y"]],
        ["d", "date", True],
    ]
    assert found({"b": "1", "c": "z", "d": "soon", "e": 1, "f": 2}, *fields) == [
        Problem("a", "is required"),
        Problem("b", 'must be a number, not "1"'),
        Problem("c", '"z" is not one of x, y'),
        Problem("d", 'must be a date like 2026-11-03, not "soon"'),
        Problem("e", "is not a declared field"),
        Problem("f", "is not a declared field"),
    ]


def test_an_empty_declaration_takes_an_empty_payload_only() -> None:
    assert (found({}), found({"a": 1})) == ([], [Problem("a", "is not a declared field")])


KINDS = st.sampled_from(list(TYPES))
VALUES = st.sampled_from([value for _, value in VALID] + [value for _, value, _ in INVALID] + [None])


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), VALUES), st.lists(st.tuples(KINDS, st.booleans()), max_size=4))
def test_a_payload_fits_exactly_when_each_field_alone_does(
    payload: dict[str, Any], rows: list[tuple[str, bool]]
) -> None:
    fields = [Field(name, *row) for name, row in zip("abcd", rows, strict=False)]
    alone = all(
        field.optional if (value := payload.get(field.name)) is None else field.problem(value) is None
        for field in fields
    )
    known = {field.name for field in fields}
    assert (found(payload, *rows_of(fields)) == []) is (alone and set(payload) <= known)


# Reading texts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "5", "5"),
        ("string", "", ""),
        ("number", "5", 5),
        ("number", "-1.5e3", -1500.0),
        ("integer", "5", 5),
        ("integer", "5.0", 5),
        ("boolean", "true", True),
        ("boolean", "No", False),
        ("boolean", "1", True),
        ("date", "2026-11-03", "2026-11-03"),
        ("datetime", "2026-11-03T09:30:00Z", "2026-11-03T09:30:00Z"),
        ("object", '{"a": 1}', {"a": 1}),
        ("array", "[1]", [1]),
    ],
)
def test_a_text_is_read_by_the_type_of_its_field(kind: str, text: str, value: Any) -> None:
    assert encode(Field("x", kind).read(text)) == encode(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", ""),
        ("number", "NaN"),
        ("number", "1e999"),
        ("number", "5 apples"),
        ("integer", "5.5"),
        ("boolean", "maybe"),
        ("date", "soon"),
        ("datetime", "2026-11-03"),
        ("object", "[1]"),
        ("object", "{"),
        ("array", "[" * 100_000),
        ("array", "{}"),
    ],
)
def test_a_text_that_the_type_cannot_read_is_a_value_error_with_words(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be .*, not "):
        Field("x", kind).read(text)


def test_a_text_is_read_as_the_number_of_the_enum_that_it_writes() -> None:
    assert Field("x", "number", False, [1, 2]).read("2") == 2


# Soundness ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ({"a": [1, {"b": float("nan")}]}, [("a[1].b", "is a number that JSON or 64 bits cannot hold")]),
        ({"a": 1e308 * 10, "b": -(2**70)}, [(name, "is a number that JSON or 64 bits cannot hold") for name in "ab"]),
        ({"\ud800": 1}, [("", "has a name that is not Unicode text: '\\ud800'")]),
        ({"a": {"\ud800": float("nan")}}, None),
        ({"a": "\udfff"}, [("a", "is not Unicode text (it has a lone surrogate)")]),
        ({"a": {1}}, [("a", "is of type set, which JSON does not have")]),
    ],
)
def test_what_no_store_could_keep_is_found_with_its_path(value: Any, problems: list[tuple[str, str]] | None) -> None:
    seen = [tuple(item) for item in unsound(value)]
    assert seen == problems if problems is not None else len(seen) == 2
    assert "\ud800" not in str(seen)


@pytest.mark.parametrize(("depth", "is_sound"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False), (50_000, False)])
def test_nesting_is_bounded(depth: int, is_sound: bool) -> None:
    assert (not list(unsound(nested(depth)))) is is_sound


# Events ---------------------------------------------------------------------------------------------------


def event(**payload: Any) -> Event:
    return Event(new_event_id(NOW), "a.b", NOW, "cli", "k", payload)


def test_the_document_has_the_names_of_the_contract_in_their_order() -> None:
    made = event(x=1)
    assert json.dumps(made.document()) == json.dumps(
        {
            "id": made.id,
            "type": "a.b",
            "received_at": "2026-11-03T09:30:00.000Z",
            "source": "cli",
            "idempotency_key": "k",
            "payload": {"x": 1},
        }
    )


@pytest.mark.parametrize("name", ["id", "type", "received_at", "source", "idempotency_key", "payload"])
def test_the_envelopes_names_win_over_fields_of_the_payload(name: str) -> None:
    made = event(**{name: "forged", "x": 1})
    assert made.scope()["event"][name] == dict(made.document())[name]


def test_a_shadowed_field_is_reached_through_the_payload() -> None:
    assert event(type="mine").scope()["event"]["payload"]["type"] == "mine"


# Ids ------------------------------------------------------------------------------------------------------


def number(text: str) -> int:
    """Read Crockford's base 32."""
    value = 0
    for char in text:
        value = value * 32 + CROCKFORD.index(char)
    return value


@settings(deadline=None)
@given(st.integers(0, 2**48 - 1))
def test_an_event_id_is_a_ulid_with_its_time(now: int) -> None:
    made = new_event_id(now)
    assert (made[:4], len(made), number(made[4:14])) == ("evt_", 30, now)
    assert number(made[14:]) < 2**80


def test_event_ids_of_one_moment_are_distinct() -> None:
    assert len({new_event_id(NOW) for _ in range(1000)}) == 1000


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**48 - 1), unique=True, min_size=2))
def test_event_ids_sort_as_their_times_do(times: list[int]) -> None:
    made = {now: new_event_id(now) for now in times}
    assert sorted(made.values()) == [made[now] for now in sorted(times)]


@settings(deadline=None)
@given(st.integers(0, 2**80 - 1))
def test_a_delivery_id_is_the_same_each_time(salt: int) -> None:
    made = new_event_id(NOW)
    assert delivery_id(made, salt) == delivery_id(made, salt)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**80 - 1), unique=True, min_size=2))
def test_delivery_ids_of_one_event_differ_by_salt(salts: list[int]) -> None:
    made = new_event_id(NOW)
    assert len({delivery_id(made, salt) for salt in salts}) == len(salts)


@settings(deadline=None)
@given(st.integers(0, 2**80 - 1))
def test_a_delivery_id_keeps_the_time_of_its_event(salt: int) -> None:
    made = delivery_id(new_event_id(NOW), salt)
    assert (made[:4], len(made), number(made[4:14])) == ("dlv_", 30, NOW)
    assert set(made[4:]) <= set(CROCKFORD)
