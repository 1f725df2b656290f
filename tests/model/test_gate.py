"""The gate: what becomes an event and what is refused, by which rule."""

import json
import re
import tempfile
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.language.parser import parse_template as parse
from ingestlayer_cli.language.templates import template_refs
from ingestlayer_cli.model.declarations import Declaration
from ingestlayer_cli.model.events import Event
from ingestlayer_cli.model.gate import MAX_KEY, MAX_PAYLOAD, MAX_TYPE, Gate, Raw, read_payload
from ingestlayer_cli.project import Project
from ingestlayer_cli.project.compile import Compiler
from ingestlayer_cli.system.clock import DAY, format_time, parse_time
from ingestlayer_cli.system.errors import Exit, RejectedError

NOW = parse_time("2026-11-03T09:30:00Z", 0)
FIELDS = [
    ["customer_id", "string"],
    ["metric", "string", False, ["seats", "api-calls"]],
    ["used", "number"],
    ["limit", "number"],
    ["plan", "string", True],
    ["address", "object", True],
]
PAYLOAD = {"customer_id": "acme", "metric": "api-calls", "used": 10250, "limit": 10000}
KEY = "$event.customer_id:$event.metric:${event.received_at | month}:${event.used >= event.limit}"


def gate(key: str | None = None, *, accept: bool = False) -> Gate:
    parts = None if key is None else parse(key)
    declaration = Declaration(
        {
            "type": "usage.limit_reached",
            "description": "",
            "fields": FIELDS,
            "key": parts,
            "key_refs": template_refs(parts) if parts else [],
            "window": 1,
            "on_difference": "accept",
            "example": None,
        }
    )

    def declared(type_: Any) -> Declaration | None:
        return declaration if type_ == declaration.type else None

    return Gate([declaration.type], declared, accept)


def admit(raw: Raw, by: Gate) -> Event:
    return by.admit(raw, NOW)[0]


def admitted(payload: Any = PAYLOAD, key: str | None = None, **more: Any) -> Event:
    return admit(Raw("usage.limit_reached", payload, **more), gate(key))


def refused(raw: Raw, by: Gate | None = None) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        (by or gate()).admit(raw, NOW)
    return caught.value


def refused_payload(payload: Any, key: str | None = None, **more: Any) -> RejectedError:
    return refused(Raw("usage.limit_reached", payload, **more), gate(key))


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": [value]}
    return value


# Admitted -------------------------------------------------------------------------------------------------


def test_what_fits_becomes_an_event_with_its_payload_and_source() -> None:
    event = admitted(source="cron")
    assert event[1:] == ("usage.limit_reached", NOW, "cron", None, PAYLOAD)
    assert re.fullmatch("evt_[0-9A-HJKMNP-TV-Z]{26}", event.id)


def test_the_payload_comes_as_the_json_that_is_stored() -> None:
    text = gate().admit(Raw("usage.limit_reached", {**PAYLOAD, "plan": "é"}), NOW)[1]
    assert json.loads(text) == {**PAYLOAD, "plan": "é"}


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        ("2026-11-01T10:00:00+01:00", "2026-11-01T09:00:00.000Z"),
        ("2h ago", "2026-11-03T07:30:00.000Z"),
        ("30m", "2026-11-03T09:00:00.000Z"),
        ("2026-11-01", "2026-11-01T00:00:00.000Z"),
        (None, "2026-11-03T09:30:00.000Z"),
    ],
)
def test_the_timestamp_is_when_the_event_was_received(timestamp: str | None, at: str) -> None:
    assert format_time(admitted(timestamp=timestamp).received_at) == at


@pytest.mark.parametrize("type_", ["a", "a.b", "A-b_c.9", "usage.limit_reached.v2", "x" * MAX_TYPE])
def test_an_undeclared_type_is_admitted_where_the_project_says_so(type_: str) -> None:
    assert admit(Raw(type_, {"any": [1]}), gate(accept=True)).type == type_


# Refused: the payload -------------------------------------------------------------------------------------


def test_a_refusal_names_the_first_problem_and_holds_all_of_them() -> None:
    error = refused_payload({"metric": "seat", "used": "many", "limit": 1, "pln": "pro"})
    assert error.message == "usage.limit_reached does not fit its declaration: customer_id is required (and 3 more)"
    assert [tuple(item) for item in error.details] == [
        ("customer_id", "is required"),
        ("metric", '"seat" is not one of seats, api-calls (did you mean "seats"?)'),
        ("used", 'must be a number, not "many"'),
        ("pln", 'is not a declared field (did you mean "plan"?)'),
    ]


def test_a_refusal_says_how_to_see_the_declared_fields() -> None:
    assert refused_payload({}).hint == "the declared fields: ingestlayer emit usage.limit_reached --help"


def test_a_refusal_exits_with_65() -> None:
    assert refused_payload({}).exit_code is Exit.REJECTED


@pytest.mark.parametrize(
    ("payload", "what"),
    [([1], "an array"), ("x", "a text"), (5, "a number"), (1.5, "a number"), (True, "a boolean"), (None, "null")],
)
@pytest.mark.parametrize("type_", ["usage.limit_reached", "other"])
def test_a_payload_that_is_no_object_is_refused(payload: Any, what: str, type_: str) -> None:
    error = refused(Raw(type_, payload), gate(accept=True))
    assert (error.kind, error.message) == ("schema", f"the payload must be a JSON object, not {what}")


BROKEN = {
    "NaN": float("nan"),
    "infinity": float("inf"),
    "beyond 64 bits": 2**64,
    "below 64 bits": -(2**63) - 1,
    "lone surrogate": "\ud800",
    "deep": nested(40),
    "very deep": nested(5000),
}


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("name", ["customer_id", "metric", "used", "address", "unknown"])
def test_a_value_that_nobody_could_keep_is_refused_in_a_declared_event(name: str, value: Any) -> None:
    assert refused_payload({**PAYLOAD, name: value}).kind == "schema"


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
def test_a_value_that_nobody_could_keep_is_refused_in_an_undeclared_event(value: Any) -> None:
    error = refused(Raw("other", {"x": {"y": value}}), gate(accept=True))
    assert error.kind == "schema"
    assert error.message.startswith("the payload of other x.y")
    assert "declar" not in error.message + error.hint


def test_a_name_with_a_lone_surrogate_is_refused_in_printable_words() -> None:
    error = refused(Raw("other", {"\ud800": 1}), gate(accept=True))
    assert str(error.document()).isprintable()


@pytest.mark.parametrize(
    "payload", [{"x": "y" * MAX_PAYLOAD}, {"x": "é" * (MAX_PAYLOAD // 2)}, {"x": ["🙂"] * (MAX_PAYLOAD // 6)}]
)
def test_a_payload_over_one_mebibyte_of_json_is_refused(payload: Any) -> None:
    error = refused(Raw("other", payload), gate(accept=True))
    assert (error.kind, error.message) == ("size", "the payload is larger than 1,048,576 bytes")


def test_a_payload_of_one_mebibyte_is_admitted() -> None:
    payload = {"x": "y" * (MAX_PAYLOAD - len('{"x":""}'))}
    assert admit(Raw("other", payload), gate(accept=True)).payload == payload


def test_thousands_of_unknown_fields_are_refused_each() -> None:
    assert len(refused_payload({**PAYLOAD, **{f"custmer_{n}": n for n in range(50_000)}}).details) == 50_000


# Refused: type, key, timestamp, source --------------------------------------------------------------------


@pytest.mark.parametrize(
    "type_",
    [
        "",
        " ",
        "a b",
        ".a",
        "a.",
        "a..b",
        "a/b",
        "../a",
        "ä",
        "a\n",
        "\ud800",
        "x" * 10_000,
        None,
        5,
        True,
        [],
        {"a": 1},
        nested(5000),
    ],
)
@pytest.mark.parametrize("accept", [False, True])
def test_what_is_no_event_type_is_refused_in_short_printable_words(type_: Any, accept: bool) -> None:
    error = refused(Raw(type_, PAYLOAD), gate(accept=accept))
    assert error.kind == "type"
    assert error.message.endswith("is not an event type")
    assert len(error.message) < 120
    assert error.message.isprintable()


@pytest.mark.parametrize(
    "key", ["", " ", "a\nb", "\x00", "\x9b", "\udcff", "x" * (MAX_KEY + 1), "x" * 10_000, 5, [], nested(5000)]
)
def test_what_is_no_key_is_refused_in_short_printable_words(key: Any) -> None:
    error = refused(Raw("usage.limit_reached", PAYLOAD, key))
    assert error.kind == "key"
    assert error.message.endswith("is not an idempotency key")
    assert error.hint == "a key is 1 to 512 printable characters, like acme:api-calls:2026-11"
    assert len(error.message) < 120
    assert error.message.isprintable()


@pytest.mark.parametrize("key", ["a", "x" * MAX_KEY, "acme:api-calls:2026-11", "größe 🙂", "$event.x"])
def test_a_key_of_the_sender_is_taken_as_it_is(key: str) -> None:
    assert admit(Raw("usage.limit_reached", PAYLOAD, key), gate(KEY)).key == key


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "soon",
        "2026-11-03T09:30:00",
        "2026-02-30",
        "x" * 10_000,
        1793698200,
        True,
        [],
        nested(5000),
        "\ud800",
        "9999999999d ago",
        "0001-01-01T00:00:00+05:00",
    ],
)
def test_a_timestamp_that_cannot_be_read_is_refused_in_short_printable_words(timestamp: Any) -> None:
    error = refused_payload(PAYLOAD, timestamp=timestamp)
    assert error.kind == "timestamp"
    assert error.message.startswith("the timestamp is unreadable: ")
    assert error.hint == "write RFC 3339 (2026-11-03T09:30:00Z) or a duration (2h ago)"
    assert len(error.message) < 200
    assert error.message.isprintable()


@pytest.mark.parametrize("source", ["\udcff", "a\nb", "x" * 10_000, None, 5])
def test_a_source_that_no_store_could_keep_is_refused(source: Any) -> None:
    assert refused_payload(PAYLOAD, source=source).message.endswith("is not the name of a source")


# Derived keys ---------------------------------------------------------------------------------------------


def test_the_declared_key_is_derived_from_the_event() -> None:
    assert admitted(key=KEY).key == "acme:api-calls:2026-11:true"


def test_the_declared_key_goes_by_the_events_own_time() -> None:
    assert (
        admit(Raw("usage.limit_reached", PAYLOAD, None, "2026-10-31T23:00:00-02:00"), gate(KEY)).key
        == "acme:api-calls:2026-11:true"
    )


ONCE = "once_f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


@pytest.mark.parametrize(("declared", "key"), [(None, ONCE), (KEY, "acme:api-calls:2026-11:true")])
def test_a_key_that_a_client_made_for_a_call_stands_only_where_none_is_declared(declared: str | None, key: str) -> None:
    assert admit(Raw("usage.limit_reached", PAYLOAD, ONCE), gate(declared)).key == key


@pytest.mark.parametrize("key", ["once_acme", "once_", ONCE + "0", ONCE.upper()])
def test_a_key_of_the_sender_that_only_begins_so_stands(key: str) -> None:
    assert admit(Raw("usage.limit_reached", PAYLOAD, key), gate(KEY)).key == key


def test_a_nudge_and_a_blocking_limit_have_two_keys() -> None:
    assert admitted({**PAYLOAD, "used": 9000}, KEY).key == "acme:api-calls:2026-11:false"


@pytest.mark.parametrize(
    ("key", "needs"),
    [
        ("$event.customer_id:$event.plan", "$event.plan"),
        ("$event.plan:$event.address", "$event.plan and $event.address"),
        ("$event.plan:${event.plan | upper}", "$event.plan"),
        ("$event:$event.plan", "$event.plan"),
        ("$event.address.city", "$event.address.city"),
        ("${event.used / event.plan}", "$event.plan"),
        ("${event.used / 0}", "a value that came out null"),
        ("${event.customer_id > 1}", "a value that came out null"),
    ],
)
def test_a_null_in_the_declared_key_is_refused_and_names_the_field(key: str, needs: str) -> None:
    error = refused_payload(PAYLOAD, key)
    assert (error.kind, error.message) == ("key", f"the declared idempotency key needs {needs}")
    assert error.hint == "give the event that field, or a key of its own with --key"


def test_a_null_inside_an_object_is_named_in_full() -> None:
    payload = {**PAYLOAD, "address": {"zip": "1"}}
    assert (
        refused_payload(payload, "$event.address.city").message
        == "the declared idempotency key needs $event.address.city"
    )


@pytest.mark.parametrize("customer", ["a\nb", "\x85", "x" * 513, "é" * 600, "", "  "])
def test_a_declared_key_that_no_key_can_be_is_hashed_and_never_a_reason_to_refuse(customer: str) -> None:
    keys = [admitted({**PAYLOAD, "customer_id": text}, "$event.customer_id").key for text in (customer, customer)]
    assert keys[0] == keys[1] == f"sha256:{sha256(customer.encode()).hexdigest()}"


def test_long_declared_keys_that_differ_at_their_end_are_two() -> None:
    texts = ["x" * 600 + end for end in "ab"]
    keys = {admitted({**PAYLOAD, "customer_id": text}, "$event.customer_id").key for text in texts}
    assert len(keys) == 2


def test_a_field_of_the_payload_cannot_forge_the_envelope_in_a_key() -> None:
    declaration_key = "$event.type:$event.source"
    assert admitted(key=declaration_key).key == "usage.limit_reached:cli"


# Undeclared types -----------------------------------------------------------------------------------------


def test_an_undeclared_type_is_refused_with_its_near_miss() -> None:
    error = refused(Raw("usage.limit_reach", {}))
    assert (error.kind, error.message) == (
        "undeclared",
        'the event type usage.limit_reach is not declared (did you mean "usage.limit_reached"?)',
    )


def test_the_hint_of_an_undeclared_type_is_the_file_to_write() -> None:
    payload = {"customer_id": "a", "n": 1, "ok": True, "o": {}, "l": [], "none": None, "a b": "é"}
    assert refused(Raw("deal.won", payload)).hint.split("\n") == [
        "write events/deal.won.toml:",
        "",
        'type = "deal.won"',
        "[fields]",
        'customer_id = "string"',
        'n = "number"',
        'ok = "boolean"',
        'o = "object"',
        'l = "array"',
        'none = "string?"',
        '"a b" = "string"',
        "",
        'or set [events] undeclared = "accept" in ingestlayer.toml',
    ]


def proposed(raw: Raw) -> str:
    """Return the declaration inside the hint."""
    first, text = refused(raw).hint.split("\n\n", 1)
    assert first == f"write events/{raw.type}.toml:"
    return text.rpartition("\n\n")[0]


def admit_by_the_proposal(raw: Raw, folder: Path) -> Event:
    (folder / "events").mkdir()
    (folder / "pipelines").mkdir()
    (folder / "ingestlayer.toml").write_text("")
    (folder / "pipelines" / "p.toml").write_text(f'match = ["{raw.type}"]\n')
    (folder / "events" / f"{raw.type}.toml").write_text(proposed(raw), encoding="utf-8")
    project = Project(str(folder), Compiler(str(folder)).run())
    return admit(raw, Gate(project.types, project.declaration, project.accepts_undeclared))


SOUND: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8) | st.sampled_from(["type", "a.b", "🙂", "\x7f", '"', "\\", "\n"]), SOUND, max_size=6
    )
)
def test_the_proposed_declaration_is_valid_and_admits_the_event(payload: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert admit_by_the_proposal(Raw("deal.won", payload), Path(folder)).payload == payload


def test_the_proposed_declaration_of_a_wide_event_admits_it(tmp_path: Path) -> None:
    payload = {f"column_{n}": n for n in range(300)}
    assert admit_by_the_proposal(Raw("deal.won", payload), tmp_path).payload == payload


def test_the_proposed_declaration_is_bounded_and_still_toml() -> None:
    text = proposed(Raw("deal.won", {f"c{n}": n for n in range(100_000)}))
    assert len(tomllib.loads(text)["fields"]) == 500
    assert text.endswith("# … and 99500 more")


# Properties -----------------------------------------------------------------------------------------------

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(codec=None), max_size=3) | st.sampled_from(list(PAYLOAD)), inner, max_size=4
        )
    ),
    max_leaves=10,
)
NEAR_PAYLOADS = st.fixed_dictionaries(
    {
        "customer_id": st.text(max_size=5),
        "metric": st.sampled_from(["seats", "x"]),
        "used": st.integers() | st.floats(),
        "limit": st.floats(),
    },
    optional={"plan": ANYTHING, "address": ANYTHING, "more": ANYTHING},
)


@settings(deadline=None)
@given(ANYTHING | NEAR_PAYLOADS, st.booleans(), st.sampled_from([None, KEY]))
def test_any_payload_is_admitted_or_refused_and_what_is_admitted_survives_json(
    payload: Any, is_declared: bool, key: str | None
) -> None:
    type_ = "usage.limit_reached" if is_declared else "other"
    try:
        event, text = gate(key, accept=True).admit(Raw(type_, payload), NOW)
    except RejectedError as error:
        refusal = json.dumps(error.document(), ensure_ascii=False)
        refusal.encode()
    else:
        assert json.loads(text.encode()) == payload == event.payload


@settings(deadline=None)
@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_whatever_stands_in_the_envelope_is_admitted_or_refused(
    type_: Any, key: Any, timestamp: Any, source: Any
) -> None:
    try:
        event, _ = gate(accept=True).admit(Raw(type_, {}, key, timestamp, source), NOW)
    except RejectedError as error:
        json.dumps(error.document(), ensure_ascii=False).encode()
    else:
        json.dumps(event.document(), ensure_ascii=False).encode()


# Reading JSON ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ['{"a": 1}', b'{"a": 1}', b'\xef\xbb\xbf{"a": 1}', ' {"a": 1}\n'])
def test_json_is_read_from_text_and_bytes(text: str | bytes) -> None:
    assert read_payload(text, "--data") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("", "json", "--data is not JSON: a value is missing at column 1"),
        ('{"a": }', "json", "--data is not JSON: a value is missing at column 7"),
        ('{\n"a" 1}', "json", "--data is not JSON: a colon is missing at line 2, column 5"),
        ('{"a": NaN}', "json", "--data is not JSON: NaN is not a JSON number"),
        ("[-Infinity]", "json", "--data is not JSON: -Infinity is not a JSON number"),
        ("1" * 5000, "json", "--data is not JSON: a number has too many digits"),
        (b'"\xff"', "json", "--data is not UTF-8 at byte 2"),
        ("[" * 200_000, "json", "--data is nested too deeply"),
        ('"' + "x" * MAX_PAYLOAD + '"', "size", "--data is larger than 1,048,576 bytes"),
        ('"' + "é" * (MAX_PAYLOAD // 2) + '"', "size", "--data is larger than 1,048,576 bytes"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(text: str | bytes, kind: str, message: str) -> None:
    with pytest.raises(RejectedError) as caught:
        read_payload(text, "--data")
    assert (caught.value.kind, caught.value.message) == (kind, message)


@settings(deadline=None)
@given(st.binary(max_size=30) | st.text('{}[]":,0123.-eE nulltrueNaNInfinity', max_size=30))
def test_reading_any_text_gives_json_or_a_refusal(text: str | bytes) -> None:
    try:
        value = read_payload(text, "--data")
    except RejectedError as error:
        value = error.kind
    assert json.dumps(value)


@pytest.mark.parametrize("text", ["1e999", "-1e999", "18446744073709551616"])
def test_a_number_that_is_json_but_too_large_is_refused_at_the_gate(text: str) -> None:
    payload = read_payload('{"x": ' + text + "}", "--data")
    assert refused(Raw("other", payload), gate(accept=True)).kind == "schema"


def test_a_time_beyond_tomorrow_is_refused_unless_it_is_meant() -> None:
    by, end = Gate([], lambda _: None, True), NOW - NOW % DAY + 2 * DAY
    late = Raw("thing.done", {}, timestamp=format_time(end))
    by.allows_future = False
    assert by.admit(late._replace(timestamp=format_time(end - 1)), NOW)[0].received_at == end - 1
    with pytest.raises(RejectedError) as caught:
        by.admit(late, NOW)
    assert (caught.value.kind, "--allow-future" in caught.value.hint) == ("timestamp", True)
    by.allows_future = True
    assert by.admit(late, NOW)[0].received_at == end


@pytest.mark.parametrize("text", ['{"used": 9, "used": 12}', '{"a": {"b": [{"used": 1, "x": 2, "used": 1}]}}'])
def test_json_with_a_name_twice_is_refused_and_names_it(text: str) -> None:
    with pytest.raises(RejectedError) as caught:
        read_payload(text, "the line")
    words = 'the line has the name "used" twice in one object: which of the two is meant?'
    assert (caught.value.kind, caught.value.message, caught.value.text) == ("json", words, text)
