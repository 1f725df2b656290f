"""The arguments of `emit`: declared fields as options, `k=v`, `k:=json`, `--data`, and its own options."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.folder import ACME, PAYLOAD, USAGE, Folder
from tests.support.program import ingestlayer

EVERYTHING = """
[fields]
name = "string"
customer_id = "string?"
customer_name = "string?"
customer = "object?"
amount = "number?"
count = "integer?"
active = "boolean?"
day = "date?"
at = "datetime?"
tags = "array?"
size = { enum = [1, 2, 2.5], optional = true, description = "How big" }
key = "string?"
source = "string?"
json = "boolean?"
"""


@pytest.fixture(scope="module")
def typed(made: Any) -> Folder:
    """A project whose event has a field of every type, no idempotency key and no pipeline of its own."""
    folder: Folder = made("typed")
    folder.declare("thing.done", EVERYTHING)
    folder.declare("thing.paid", '[fields]\ncustomer_id = "string"\ncustomer_name = "string?"')
    folder.run("validate")
    return folder


def payload(folder: Folder, *arguments: str | bytes, stdin: bytes | None = None) -> Any:
    """Return the payload that arguments of thing.done mean."""
    result = folder.run("emit", "thing.done", *arguments, "--json", "--no-deliver", stdin=stdin)
    assert result.code == 0, result
    return result.json["event"]["payload"]


def refused(folder: Folder, *arguments: str | bytes) -> str:
    """Return what stderr says of wrong usage."""
    result = folder.run("emit", "thing.done", *arguments)
    assert (result.code, result.out) == (2, ""), result
    return result.err


# Declared fields as options -------------------------------------------------------------------------------


def test_a_field_is_an_option_with_dashes(typed: Folder) -> None:
    assert payload(typed, "--name", "x", "--customer-id", "acme")["customer_id"] == "acme"


def test_a_field_is_an_option_as_it_is_written_too(typed: Folder) -> None:
    assert payload(typed, "--name", "x", "--customer_id", "acme")["customer_id"] == "acme"


def test_the_first_words_of_one_option_are_enough(project: Folder) -> None:
    assert project.accepted("--customer", "acme", *ACME[2:])["event"]["payload"]["customer_id"] == "acme"


def test_first_words_of_two_options_are_ambiguous_and_both_are_named(typed: Folder) -> None:
    result = typed.run("emit", "thing.paid", "--customer", "acme")
    assert result.code == 2
    assert "--customer is ambiguous: --customer-id or --customer-name" in result.err


def test_an_option_that_is_a_whole_name_is_not_ambiguous(typed: Folder) -> None:
    assert payload(typed, "--name", "x", "--customer", '{"id": 1}')["customer"] == {"id": 1}


def test_half_a_word_is_no_option(project: Folder) -> None:
    result = project.emit("--custo", "acme")
    assert result.code == 2
    assert "has no option --custo" in result.err


def test_an_unknown_option_names_the_near_miss_and_the_help(project: Folder) -> None:
    result = project.emit("--metrc", "seats")
    assert result.code == 2
    assert 'has no option --metrc (did you mean "--metric"?)' in result.err
    assert f"ingestlayer emit {USAGE} --help" in result.err


def test_an_unknown_own_option_names_the_near_miss(project: Folder) -> None:
    assert 'did you mean "--timestamp"?' in project.emit("--timestmp", "1h").err


def test_options_before_the_type_are_refused_with_the_right_order(project: Folder) -> None:
    result = project.run("emit", "--customer", "acme", USAGE)
    assert result.code == 2
    assert "emit TYPE …" in result.err


def test_own_options_may_stand_before_the_type(project: Folder) -> None:
    assert project.run("emit", "--json", "--source", "cron", USAGE, *ACME).json["event"]["source"] == "cron"


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("amount", "10.5", 10.5),
        ("amount", "1e3", 1000),
        ("amount", "-3", -3),
        ("amount", "-0.5", -0.5),
        ("count", "7", 7),
        ("count", "-7", -7),
        ("active", "true", True),
        ("active", "false", False),
        ("day", "2026-11-03", "2026-11-03"),
        ("at", "2026-11-03T09:30:00+01:00", "2026-11-03T09:30:00+01:00"),
        ("tags", '["a", 1]', ["a", 1]),
        ("customer", '{"a": {"b": null}}', {"a": {"b": None}}),
        ("size", "2", 2),
        ("size", "2.5", 2.5),
        ("name", "10", "10"),
        ("name", "true", "true"),
        ("name", "-x", "-x"),
        ("name", "-", "-"),
        ("name", "--weird", "--weird"),
        ("name", "@file", "@file"),
        ("name", "a=b", "a=b"),
        ("name", "", ""),
        ("name", "Zoë 🚀 日本", "Zoë 🚀 日本"),
    ],
)
def test_an_option_takes_its_value_by_the_declared_type(typed: Folder, option: str, text: str, value: Any) -> None:
    assert payload(typed, "--name", "x", f"--{option}", text)[option] == value


@pytest.mark.parametrize("text", ["-3", "--weird", "", "a=b", "x y"])
def test_an_equals_sign_joins_an_option_and_any_value(typed: Folder, text: str) -> None:
    assert payload(typed, f"--name={text}")["name"] == text


def test_a_number_keeps_its_kind(typed: Folder) -> None:
    whole, broken = (payload(typed, "--name", "x", "--amount", text)["amount"] for text in ("10", "10.0"))
    assert (type(whole), whole == broken) == (int, True)


def test_a_boolean_alone_is_true_and_no_makes_it_false(typed: Folder) -> None:
    assert payload(typed, "--active", "--name", "x")["active"] is True
    assert payload(typed, "--no-active", "--name", "x")["active"] is False


@pytest.mark.parametrize("text", ["yes", "1", "true", "TRUE"])
def test_a_boolean_with_an_equals_sign_takes_the_usual_words(typed: Folder, text: str) -> None:
    assert payload(typed, "--name", "x", f"--active={text}")["active"] is True


def test_no_before_a_field_that_is_no_boolean_is_refused(typed: Folder) -> None:
    assert "has no option --no-name" in refused(typed, "--no-name")


def test_an_option_without_its_value_says_so(typed: Folder) -> None:
    assert refused(typed, "--name").startswith("error: --name needs a value\nhint: ")


def test_an_option_before_an_own_option_misses_its_value(typed: Folder) -> None:
    assert "--name needs a value" in refused(typed, "--name", "--source", "cron")


def test_the_last_of_two_settings_counts(typed: Folder) -> None:
    assert payload(typed, "--name", "a", "name=b", "--name", "c")["name"] == "c"


# Setting fields by name -----------------------------------------------------------------------------------


def test_k_v_is_typed_by_the_declaration(typed: Folder) -> None:
    assert payload(typed, "name=7", "amount=7", "active=no", "tags=[1]", "size=2.5") == {
        "name": "7",
        "amount": 7,
        "active": False,
        "tags": [1],
        "size": 2.5,
    }


def test_k_json_sets_json_whatever_the_declaration_says(typed: Folder) -> None:
    assert payload(typed, "name=x", 'customer:={"a": [1, null]}', "amount:=1.50") == {
        "name": "x",
        "customer": {"a": [1, None]},
        "amount": 1.5,
    }


def test_k_json_that_is_no_json_names_the_field_and_the_place(typed: Folder) -> None:
    result = typed.run("emit", "thing.done", "name=x", "customer:={")
    assert result.code == 65
    assert "the value of customer is not JSON" in result.err
    assert "column 2" in result.err


def test_k_v_with_an_unknown_field_names_the_near_miss(project: Folder) -> None:
    result = project.emit(*ACME, "custmer_id=x")
    assert result.code == 65
    assert 'custmer_id: is not a declared field (did you mean "customer_id"?)' in result.err


def test_an_assignment_without_a_name_is_wrong_usage(typed: Folder) -> None:
    assert '"=x" sets no field' in refused(typed, "=x")


def test_a_second_word_without_an_equals_sign_is_wrong_usage(typed: Folder) -> None:
    assert 'unexpected argument "acme"' in refused(typed, "acme")


def test_own_options_win_over_fields_of_the_same_name(typed: Folder) -> None:
    result = typed.run(
        "emit", "thing.done", "--name", "x", "--key", "k-1", "--source", "cron", "--json", "--no-deliver"
    )
    event = result.json["event"]
    assert (event["idempotency_key"], event["source"], event["payload"]) == ("k-1", "cron", {"name": "x"})


def test_fields_named_like_own_options_are_set_by_k_v(typed: Folder) -> None:
    given = payload(typed, "name=x", "key=mine", "source=web", "json=true")
    assert given == {"name": "x", "key": "mine", "source": "web", "json": True}


# --data ---------------------------------------------------------------------------------------------------


def test_data_is_the_payload(project: Folder) -> None:
    assert project.accepted("--data", json.dumps(PAYLOAD))["event"]["payload"] == PAYLOAD


def test_data_from_a_file(project: Folder) -> None:
    project.write("payload.json", json.dumps(PAYLOAD, indent=2))
    assert project.accepted("--data", "@payload.json")["event"]["payload"] == PAYLOAD


def test_data_from_a_file_may_start_with_a_byte_order_mark(project: Folder) -> None:
    (project.root / "payload.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(PAYLOAD).encode())
    assert project.accepted("--data", "@payload.json")["event"]["payload"] == PAYLOAD


def test_data_from_stdin(project: Folder) -> None:
    result = project.emit("--data", "-", "--json", stdin=json.dumps(PAYLOAD).encode())
    assert result.json["event"]["payload"] == PAYLOAD


def test_fields_are_laid_over_data(project: Folder) -> None:
    document = project.accepted("--data", json.dumps(PAYLOAD), "--plan", "free", "used:=1")
    assert document["event"]["payload"] == {**PAYLOAD, "plan": "free", "used": 1}


def test_data_in_a_file_that_is_missing_is_wrong_usage(project: Folder) -> None:
    result = project.emit("--data", "@missing.json")
    assert (result.code, result.err) == (2, "error: --data @missing.json: No such file or directory\n")


def test_data_of_a_folder_is_wrong_usage(project: Folder) -> None:
    assert project.emit("--data", "@events").code == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [("[1]", "an array"), ('"x"', "a text"), ("7", "a number"), ("null", "null"), ("true", "a boolean")],
)
def test_data_that_is_no_object_says_what_it_is(project: Folder, text: str, words: str) -> None:
    result = project.emit("--data", text)
    assert result.code == 65
    assert f"must be a JSON object, not {words}" in result.err


def test_data_that_is_no_object_cannot_be_laid_over(project: Folder) -> None:
    result = project.emit("--data", "[1]", "--plan", "pro")
    assert result.code == 65
    assert "--data must be a JSON object" in result.err


def test_data_that_is_no_json_names_the_place(project: Folder) -> None:
    result = project.emit("--data", '{"a": 1,\n "b": }')
    assert result.code == 65
    assert "--data is not JSON" in result.err
    assert "line 2, column 7" in result.err


def test_an_empty_stdin_is_not_json(project: Folder) -> None:
    result = project.emit("--data", "-")
    assert result.code == 65
    assert "--data from stdin is not JSON" in result.err


# --timestamp, --source, --key -----------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "hours"), [("2h ago", 2), ("2h", 2), ("120m ago", 2), ("1d ago", 24), ("now", 0)])
def test_a_timestamp_may_be_a_duration_ago(typed: Folder, text: str, hours: int) -> None:
    result = typed.run("emit", "thing.done", "--name", "x", "--timestamp", text, "--json")
    received_at = datetime.fromisoformat(result.json["event"]["received_at"])
    assert abs(datetime.now(UTC) - timedelta(hours=hours) - received_at) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("text", "received_at"),
    [
        ("2026-11-03T09:30:00Z", "2026-11-03T09:30:00.000Z"),
        ("2026-11-03T09:30:00.1234567+01:00", "2026-11-03T08:30:00.123Z"),
        ("2026-11-03 09:30:00z", "2026-11-03T09:30:00.000Z"),
        ("2026-11-03", "2026-11-03T00:00:00.000Z"),
    ],
)
def test_a_timestamp_is_rfc_3339_in_any_offset(typed: Folder, text: str, received_at: str) -> None:
    result = typed.run("emit", "thing.done", "--name", "x", "--timestamp", text, "--json")
    assert result.json["event"]["received_at"] == received_at


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30T00:00:00Z", "2026-11-03T09:30:00", "5", "", "9999999d ago"])
def test_an_unreadable_timestamp_is_refused_with_the_forms(typed: Folder, text: str) -> None:
    result = typed.run("emit", "thing.done", "--name", "x", f"--timestamp={text}")
    assert result.code == 65
    assert "timestamp" in result.err
    assert "RFC 3339 (2026-11-03T09:30:00Z) or a duration (2h ago)" in result.err


def test_the_period_of_a_key_is_that_of_the_timestamp(project: Folder) -> None:
    document = project.accepted(*ACME, "--timestamp", "2025-01-31T23:59:59Z")
    assert document["event"]["idempotency_key"] == "acme:api-calls:2025-01:true"


def test_the_source_is_kept(project: Folder) -> None:
    project.accepted(*ACME, "--source", "cron")
    assert project.rows("SELECT source FROM events") == [("cron",)]


def test_the_wait_must_be_a_duration(typed: Folder) -> None:
    assert '--wait: "5" is not a duration' in refused(typed, "--name", "x", "--wait", "5")


def test_a_switch_takes_no_value(typed: Folder) -> None:
    assert refused(typed, "--json=yes") == "error: --json takes no value\n"


def test_an_unknown_short_option_is_wrong_usage(typed: Folder) -> None:
    assert "unknown option -x" in refused(typed, "-x")


def test_emit_without_a_type_lists_the_declared_ones(shared: Folder) -> None:
    result = shared.run("emit")
    assert result.code == 2
    assert "emit TYPE" in result.err
    assert USAGE in result.err


@pytest.mark.parametrize("arguments", [("--key", "k"), ("--data", "{}"), ("--timestamp", "1h"), ("plan=pro",)])
def test_what_belongs_to_one_event_is_refused_beside_a_batch(shared: Folder, arguments: tuple[str, ...]) -> None:
    result = shared.run("emit", USAGE, "--batch", "-", *arguments)
    assert result.code == 2
    assert "a batch has them in its lines" in result.err


@pytest.mark.parametrize("arguments", [("--rejects", "r.ndjson"), ("--format", "csv")])
def test_what_belongs_to_a_batch_is_refused_without_one(shared: Folder, arguments: tuple[str, ...]) -> None:
    result = shared.run("emit", USAGE, *arguments)
    assert result.code == 2
    assert f"{arguments[0]} is of a batch, and there is none" in result.err


# Help -----------------------------------------------------------------------------------------------------


def help_of(folder: Folder, *arguments: str) -> str:
    result = folder.run("emit", *arguments, "--help")
    assert result.code == 0, result
    return result.out


def test_help_lists_the_declared_fields_with_types_and_enum_values(shared: Folder) -> None:
    text = help_of(shared, USAGE)
    assert "Fields of usage.limit_reached" in text
    lines = {words[1]: words[2] for line in text.splitlines() if len(words := line.split()) > 2}
    assert lines["--customer-id"] == "STRING"
    assert lines["--metric"] == "seats|api-calls|storage"
    assert lines["--used"] == "NUMBER"


def test_help_says_which_fields_are_required_and_describes_them(typed: Folder) -> None:
    lines = help_of(typed, "thing.done").splitlines()
    assert any("--name" in line and "required" in line for line in lines)
    assert any("--amount" in line and "optional" in line for line in lines)
    assert any("--size" in line and "1|2|2.5" in line and "How big" in line for line in lines)


def test_help_shows_how_to_set_a_field_that_an_own_option_hides(typed: Folder) -> None:
    text = help_of(typed, "thing.done")
    assert text.count("--source") == 1
    assert "source=" in text


def test_help_lists_a_field_whose_name_is_no_python_name(made: Any) -> None:
    folder: Folder = made("odd")
    folder.declare("odd.names", '[fields]\n"1st" = "string"\n"größe" = "number?"\n"a b" = "string?"\nclass = "string?"')
    text = help_of(folder, "odd.names")
    assert "--1st" in text
    assert "--größe" in text
    result = folder.run("emit", "odd.names", "--1st", "x", "--größe", "3", "a b=c", "--class", "d", "--json")
    assert result.json["event"]["payload"] == {"1st": "x", "größe": 3, "a b": "c", "class": "d"}


def test_help_lists_every_own_option(shared: Folder) -> None:
    text = help_of(shared)
    own = ("--data", "--key", "--timestamp", "--source", "--no-deliver", "--dry-run", "--batch", "--rejects", "--json")
    assert all(flag in text for flag in own)


def test_help_works_without_a_project(tmp_path: Any) -> None:
    assert ingestlayer("emit", "--help", cwd=tmp_path).code == 0


def test_help_of_an_undeclared_type_is_the_general_help(shared: Folder) -> None:
    assert "--data" in help_of(shared, "no.such")


def test_a_timestamp_beyond_tomorrow_needs_a_word(typed: Folder) -> None:
    late = ("emit", "thing.done", "--name", "x", "--timestamp", "2200-01-01T00:00:00Z", "--json")
    refused = typed.run(*late)
    assert (refused.code, refused.error["kind"]) == (65, "timestamp")
    assert typed.run(*late, "--allow-future").code == 0
    line = b'{"type": "thing.done", "payload": {"name": "x"}, "timestamp": "2200-01-01T00:00:00Z"}\n'
    assert typed.batch(line).json["rejected"] == 1
    assert typed.batch(line, "--allow-future").json["accepted"] == 1
    assert typed.run("preview", *late[1:]).code == 65
    assert typed.run("preview", *late[1:], "--allow-future").code == 0
