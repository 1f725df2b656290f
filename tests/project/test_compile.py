"""Broken projects: every problem with its file, line and column, and words that say what to do."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.model import families
from ingestlayer_cli.project import load
from ingestlayer_cli.project.compile import Compiler
from ingestlayer_cli.project.jsonschema import KINDS, schema_of
from ingestlayer_cli.project.models import member_model
from ingestlayer_cli.system.errors import Exit, ProjectError
from tests.support.project import DESTINATION, SOUND, problems, write

TYPES = "string, number, integer, boolean, date, datetime, object, array"
FAMILIES = ("steps", "destinations")
DURATION = "is not a duration: write a number and a unit, like 30s 5m 1h 24h 7d"


def test_a_sound_project_compiles(tmp_path: Path) -> None:
    data = Compiler(str(write(tmp_path, {}))).run()
    assert (list(data["declarations"]), [row["name"] for row in data["pipelines"]]) == (["usage"], ["alert"])


def test_what_a_member_may_hold_is_worked_out_once_however_many_pipelines_have_it(tmp_path: Path) -> None:
    """It takes longer than all else of a pipeline's file."""
    member_model.cache_clear()
    write(tmp_path, {f"pipelines/p{number}.toml": DESTINATION * 2 for number in range(10)})
    assert len(Compiler(str(tmp_path)).run()["pipelines"]) == 11
    assert member_model.cache_info().misses == 1


def test_the_error_counts_the_problems_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        Compiler(str(write(tmp_path, {"ingestlayer.toml": "a = 1\nb = 2"}))).run()
    error = caught.value
    assert (error.message, error.hint, error.exit_code) == (
        "the project has 2 problems",
        "after the edit: ingestlayer validate",
        Exit.CONFIG,
    )


# Python's own way to write a value, and pydantic's words.
_PYTHON = re.compile(r"""(?<![\w"])(None|True|False)\b|[{[(]'|datetime\.|<class |Input should""")


@pytest.mark.parametrize("kind", KINDS)
def test_no_value_is_told_in_the_words_of_python(kind: str, tmp_path: Path) -> None:
    """Each key that a file may have, with values that it may not have."""
    name = {"project": "ingestlayer.toml", "event": "events/usage.toml", "pipeline": "pipelines/alert.toml"}[kind]
    write(tmp_path, {})
    said = set[str]()
    for path in sorted(_keys(kind)):
        for bad in ("[{ a = true, b = [false] }]", "{ a = 2026-11-03 }", "true"):
            for part in reversed(path[1:]):
                bad = f"{{ {part} = {bad} }}"
            (tmp_path / name).write_text(f"{path[0]} = {bad}\n")
            said |= {words for _, words in Compiler(str(tmp_path)).read().problems}
    assert len(said) > 5
    assert [words for words in said if _PYTHON.search(words)] == []


def _keys(kind: str) -> Iterator[tuple[str, ...]]:
    """Yield the keys of a kind of file, and one below each of its tables; those of members for a list of them."""
    schema = schema_of(kind)
    for name, one in schema["properties"].items():
        yield (name,)
        below = ("x",) if isinstance(one.get("additionalProperties"), dict) else ()
        table = one["additionalProperties"] if below else one
        table = schema["$defs"][table["$ref"].rpartition("/")[2]] if "$ref" in table else {}
        yield from ((name, *below, key) for key in table.get("properties", ()))


@pytest.mark.parametrize("member", [(family, kind) for family in FAMILIES for kind in families.kinds(family)])
def test_nor_is_a_value_of_a_member(member: tuple[str, str], tmp_path: Path) -> None:
    family, kind = member
    write(tmp_path, {})
    said = set[str]()
    for key in schema_of("pipeline")["$defs"][f"{family}.{kind}"]["properties"].keys() - {"use"}:
        for bad in ("[{ a = true, b = [false] }]", "{ a = 2026-11-03 }", "true"):
            (tmp_path / "pipelines/alert.toml").write_text(f'[[{family}]]\nuse = "{kind}"\n{key} = {bad}\n')
            said |= {words for _, words in Compiler(str(tmp_path)).read().problems}
    assert [words for words in said if _PYTHON.search(words)] == []


# ingestlayer.toml -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[slack\n", "1:1: is not TOML: [slack is not closed as it is opened: write [slack]"),
        ("\ufeff[slack]\nconnection = \u201cbot\u201d", '2:14: is not TOML: \u201c is a typographic quote: write "'),
        ("[slack]".encode("utf-16"), "1:1: is UTF-16, by the mark that it begins with: save it as UTF-8"),
        (b"[slack]\na = '\xc3\xa9\xff'", "2:8: is not UTF-8: byte 0xff"),
        ("[slak]", '1:1: unknown key "slak" (did you mean "slack"?)'),
        ("slack = 5", "1:9: slack: must be a table, not 5"),
        ("[slack]\n\nconection = 'bot'", '3:1: unknown key "conection" (did you mean "connection"?)'),
        (
            "[slack]\nconnection = 'termnal'",
            '2:15: slack.connection: must be "terminal", "bot" or "webhook", not "termnal" (did you mean "terminal"?)',
        ),
        ("[slack]\nconnection = 5", '2:14: slack.connection: must be "terminal", "bot" or "webhook", not 5'),
        ('[slack]\napi_url = "ftp://x"', '2:12: slack.api_url: "ftp://x" is not an http or https address'),
        ('[store]\nretention = "90"', f'2:14: store.retention: "90" {DURATION}'),
        (
            "[store]\nretention = 90",
            "2:13: store.retention: must be a duration in quotes with a unit, like 30s 5m 1h 24h 7d, not 90",
        ),
        ('[store]\npath = ""', '2:9: store.path: must have at least 1 character, not ""'),
        ("[store]\npath = true", "2:8: store.path: must be a text in quotes, not true"),
        (
            "[events]\nundeclared = 'acept'",
            '2:15: events.undeclared: must be "reject" or "accept", not "acept" (did you mean "accept"?)',
        ),
        ("[entities]\ncustomer = 'c.csv'", '2:13: entities.customer: must be a table, not "c.csv"'),
        (
            "[entities.c]\nfile = 'c.xls'\nkey = 'k'",
            '2:9: entities.c.file: "c.xls" is not a .csv, .json or .ndjson file',
        ),
        ("[entities.c]\nfile = 'c.csv'", '1:1: the key "key" is missing'),
        ("[entities.c]\nfile = 'c.csv'\nkey = 'k'\nkye = 'k'", '4:1: unknown key "kye" (did you mean "key"?)'),
        ("[entities.types]\nfile = 'c.csv'\nkey = 'k'\nfil = 'k'", '4:1: unknown key "fil" (did you mean "file"?)'),
        (
            "[entities.file]\nfile = 'c.csv'\nkey = 'k'\nzzz = 'k'",
            '4:1: unknown key "zzz": there are file, key, types, columns, format',
        ),
        (
            "[entities.c]\nfile = 'c.csv'\nkey = 'k'\ntypes = { a = 'date', mrr = 'nunber' }",
            '4:30: entities.c.types.mrr: must be "string", "number", "integer", "boolean", "date" or "datetime",'
            ' not "nunber" (did you mean "number"?)',
        ),
    ],
)
def test_a_mistake_in_ingestlayer_toml(tmp_path: Path, text: str | bytes, problem: str) -> None:
    (found,) = problems(tmp_path, {"ingestlayer.toml": text})
    assert found == f"ingestlayer.toml:{problem}"


def test_a_number_of_too_many_digits_is_a_problem_like_another(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, {"ingestlayer.toml": "x = " + "1" * 5000})
    assert found.startswith("ingestlayer.toml:1:1: is not TOML: it has more in one another, or longer numbers, than")
    assert "sys." not in found


# events/TYPE.toml -----------------------------------------------------------------------------------------

EVENT = 'type = "usage"\n[fields]\nused = "number"\nlimit = "number"\nplan = "string?"\n'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ['1:1: the key "type" is missing', '1:1: the key "fields" is missing']),
        ('type = "a b"\n[fields]', ['1:9: type: "a b" is not an event type: dotted words of letters, digits, _ and -']),
        ("type = 5\n[fields]", ["1:8: type: must be a text in quotes, not 5"]),
        (f'type = "{"x" * 201}"\n[fields]', [f'1:9: type: must have at most 200 characters, not "{"x" * 58}…']),
        ('type = "u"\nfields = 5', ["2:10: fields: must be a table, not 5"]),
        ('type = "u"\nfeilds = 5\n[fields]', ['2:1: unknown key "feilds" (did you mean "fields"?)']),
        (
            'type = "u"\n[fields]\na = "nmber"',
            [f'3:6: fields.a: unknown type "nmber" (did you mean "number"?): there are {TYPES}'],
        ),
        (
            'type = "u"\n[fields]\na = 5',
            ['3:5: fields.a: must be a type like "string" or "number?", or { enum = […] }, not 5'],
        ),
        ('type = "u"\n[fields]\na = {}', ['3:1: fields.a: needs `type = "…"` or `enum = […]`']),
        ('type = "u"\n[fields]\na = { enum = [] }', ["3:1: fields.a: enum must be a list of texts or numbers, not []"]),
        (
            'type = "u"\n[fields]\na = { enum = [true] }',
            ["3:1: fields.a: enum must be a list of texts or numbers, not [true]"],
        ),
        ('type = "u"\n[fields]\na = { enm = ["x"] }', ['3:1: fields.a: unknown key "enm" (did you mean "enum"?)']),
        (
            'type = "u"\n[fields]\na = { zzz = 1 }',
            ['3:1: fields.a: unknown key "zzz": there are type, enum, optional, description, max_length'],
        ),
        (
            'type = "u"\n[fields]\na = { type = "number", enum = ["x"] }',
            ['3:1: fields.a: enum: "x" is not a number, as `type` says'],
        ),
        (EVENT + '[idempotency]\nkye = "x"', ['7:1: unknown key "kye" (did you mean "key"?)']),
        (EVENT + '[idempotency]\nwindow = "24"', [f'7:11: idempotency.window: "24" {DURATION}']),
        (
            EVENT + '[idempotency]\non_difference = "rejct"',
            ['7:18: idempotency.on_difference: must be "accept" or "reject", not "rejct" (did you mean "reject"?)'],
        ),
        (
            EVENT + '[idempotency]\nkey = "u:$event.usd"',
            ['7:10: $event.usd: events/usage.toml declares no such field (did you mean "$event.used"?)'],
        ),
        (
            EVENT + '[idempotency]\nkey = "$event.payload.usd"',
            ['7:8: $event.payload.usd: events/usage.toml declares no such field (did you mean "$event.payload.used"?)'],
        ),
        (
            EVENT + '[idempotency]\nkey = "$entity.customer.id"',
            ["7:8: $entity.customer.id: an idempotency key knows $event only"],
        ),
        (
            EVENT + '[idempotency]\nkey = "a:${event.used | mnth}"',
            ['7:25: idempotency.key: unknown filter mnth (did you mean "month"?)'],
        ),
        (
            EVENT + '[example]\nused = "5"\nplam = "x"',
            [
                "6:1: example: limit is required",
                '7:1: example: used must be a number, not "5"',
                '8:1: example: plam is not a declared field (did you mean "plan"?)',
            ],
        ),
        (EVENT + "[example]", ["6:1: example: used is required", "6:1: example: limit is required"]),
        (
            EVENT + "[example]\nused = 1\nlimit = 2\nplan = 2026-11-03",
            ['9:1: example: plan is of type date, which JSON does not have: write it as a text, "2026-11-03"'],
        ),
        (
            EVENT + "[example]\nused = inf\nlimit = 1",
            ["7:1: example: used is a number that JSON or 64 bits cannot hold"],
        ),
    ],
)
def test_a_mistake_in_a_declaration(tmp_path: Path, text: str, found: list[str]) -> None:
    assert problems(tmp_path, {"events/usage.toml": text, "pipelines/alert.toml": DESTINATION}) == [
        f"events/usage.toml:{problem}" for problem in found
    ]


def test_a_type_that_is_declared_twice_names_the_other_file(tmp_path: Path) -> None:
    twice = '# again\ntype = "usage"\n[fields]'
    assert problems(tmp_path, {"events/zzz.toml": twice}) == [
        "events/zzz.toml:2:9: usage is already declared in events/usage.toml"
    ]


def test_a_broken_declaration_is_one_problem_and_not_one_more_per_ref_to_it(tmp_path: Path) -> None:
    files = {
        "events/usage.toml": 'type = "usage"\n[fields]\nused = "nmber"\n',
        "pipelines/alert.toml": 'match = ["usage", "other"]\n' + DESTINATION + 'when = "$event.used > $event.what"\n',
    }
    assert len(problems(tmp_path, {**files})) == 1


# pipelines/NAME.toml --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('mtch = ["usage"]\n' + DESTINATION, ['1:1: unknown key "mtch" (did you mean "match"?)']),
        ('match = "usage"\n' + DESTINATION, ['1:10: match: must be a list in brackets, not "usage"']),
        ('match = ["usage", "usag"]\n' + DESTINATION, ['1:20: no declaration matches "usag" (did you mean "usage"?)']),
        ('match = ["billing"]\n' + DESTINATION, ['1:11: no declaration matches "billing": write events/billing.toml']),
        (
            'match = ["us*"]\n' + DESTINATION,
            ['1:11: match: "us*" is not an event type, or the start of some like "usage.*"'],
        ),
        (
            'status = "actve"\n' + DESTINATION,
            ['1:11: status: must be "active", "paused" or "draft", not "actve" (did you mean "active"?)'],
        ),
        ("steps = 5\n" + DESTINATION, ["1:9: steps: must be a list in brackets, not 5"]),
        ('[[steps]]\nuse = "dedup"\n' + DESTINATION, ['2:8: unknown step "dedup" (did you mean "dedupe"?)']),
        ('[[destinations]]\nuse = "slak"\n', ['2:8: unknown destination "slak" (did you mean "slack"?)']),
        (
            '[[steps]]\nuse = "dedupe"\n' + DESTINATION,
            ['1:1: the key "key" is missing', '1:1: the key "window" is missing'],
        ),
        (
            '[[steps]]\nuse = "dedupe"\nkey = "$event.used"\nwindow = "5"\nwindw = "5m"\n' + DESTINATION,
            [f'4:11: window: "5" {DURATION}', '5:1: unknown key "windw" (did you mean "window"?)'],
        ),
        ('[[steps]]\nuse = "filter"\n' + DESTINATION, ["1:1: filter: needs either `when` or `conditions`"]),
        (
            '[[steps]]\nuse = "filter"\nconditions = [{ feld = "used", op = "=>", value = 1 }]\n' + DESTINATION,
            [
                '3:15: the key "field" is missing',
                '3:17: unknown key "feld" (did you mean "field"?)',
                '3:38: conditions.op: must be "==", "!=", ">", "<", ">=", "<=", "contains" or "in", not "=>"',
            ],
        ),
        (
            '[[steps]]\nuse = "filter"\nconditions = [{ field = "usd", op = ">", value = 1 }]\n' + DESTINATION,
            ['1:1: $event.usd: events/usage.toml declares no such field (did you mean "$event.used"?)'],
        ),
        (
            '[[steps]]\nuse = "enrich.entity"\nkind = "custmer"\nkey = "$event.plan"\n' + DESTINATION,
            ['3:9: there is no [entities.custmer] in ingestlayer.toml (did you mean "customer"?)'],
        ),
        (DESTINATION + 'chanel = "#b"', ['4:1: unknown key "chanel" (did you mean "channel"?)']),
        (DESTINATION + "when = 5", ["4:8: when: must be an expression in quotes, not 5"]),
        (DESTINATION + 'when = "$event.used >> 1"', ["4:22: when: expected a value, found '>'"]),
        (DESTINATION + 'when = "$event.used > 1 1"', ["4:25: when: expected the end, found '1'"]),
        (
            DESTINATION + 'when = "$event.used = 1"',
            ["4:21: when: '=' is not part of the expression language: write =="],
        ),
        (
            DESTINATION + 'when = "$event.used / $event.limt >= 1 and $event.us > 0"',
            [
                '4:23: $event.limt: events/usage.toml declares no such field (did you mean "$event.limit"?)',
                '4:44: $event.us: events/usage.toml declares no such field (did you mean "$event.used"?)',
            ],
        ),
        (
            DESTINATION + 'when = "$event.plan == \\"pro\\" and $event.limt > 1"',
            ['4:36: $event.limt: events/usage.toml declares no such field (did you mean "$event.limit"?)'],
        ),
        (
            DESTINATION + 'when = "$event.plan == \\"\\u00e9\\" and ?"',
            ["4:39: when: '?' is not part of the expression language"],
        ),
        (
            DESTINATION + "when = '''\n$event.used > 1 and\n  $event.limt > 1'''",
            ['6:3: $event.limt: events/usage.toml declares no such field (did you mean "$event.limit"?)'],
        ),
        (
            DESTINATION + 'when = """\r\n$event.used > 1 \\\r\n    and ? """',
            ["6:9: when: '?' is not part of the expression language"],
        ),
        (
            DESTINATION + 'mention = "$entity.custmer.owner"',
            ['4:12: $entity.custmer.owner: there is no [entities.custmer] (did you mean "$entity.customer.owner"?)'],
        ),
        (
            DESTINATION + 'mention = "a $evnt.plan"',
            ['4:14: mention: unknown ref $evnt.plan (did you mean "$event.plan"?); a dollar sign itself is $$'],
        ),
        (DESTINATION + 'message = "hi"', ['4:12: message: must be a table, not "hi"']),
        (DESTINATION + '[destinations.message]\ntitel = "x"', ['5:1: unknown key "titel" (did you mean "title"?)']),
        (
            DESTINATION + '[destinations.message]\ntitle = 5\nfields = { A = "${event.used | nmber}", B = 5 }\n'
            'buttons = [{ text = "a", ulr = "x" }, { text = "$x", url = "u", style = "red" }]',
            [
                "5:9: message.title: must be a text in quotes, not 5",
                '6:32: message.fields.A: unknown filter nmber (did you mean "number"?)',
                "6:45: message.fields.B: must be a text in quotes, not 5",
                '7:12: the key "url" is missing',
                '7:26: unknown key "ulr" (did you mean "url"?)',
                "7:49: message.buttons.text: unknown ref $x: it starts with one of $event, $entity, $crossing, $body,"
                " $item; a dollar sign itself is $$",
                '7:74: message.buttons.style: must be "primary" or "danger", not "red"',
            ],
        ),
        (
            DESTINATION
            + '[[destinations.message.buttons]]\ntext = "a"\nurl = "u"\n'
            + '[[destinations.message.buttons]]\ntxt = "b"\nurl = "u"',
            ['7:1: the key "text" is missing', '8:1: unknown key "txt" (did you mean "text"?)'],
        ),
        (
            DESTINATION + '[destinations.message.fields]\n"Plan name" = "is $event.pln"',
            ['5:19: $event.pln: events/usage.toml declares no such field (did you mean "$event.plan"?)'],
        ),
    ],
)
def test_a_mistake_in_a_pipeline(tmp_path: Path, text: str, found: list[str]) -> None:
    assert problems(tmp_path, {"pipelines/alert.toml": text}) == [
        f"pipelines/alert.toml:{problem}" for problem in found
    ]


def test_a_step_that_is_no_table_is_told_what_a_step_is(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, {"pipelines/alert.toml": 'steps = ["dedupe"]\n' + DESTINATION})
    assert found.startswith('pipelines/alert.toml:1:10: needs `use = "…"`: there are crossing, dedupe, enrich.entity')


def test_a_kind_that_is_like_none_is_told_all_there_are(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, {"pipelines/alert.toml": '[[steps]]\nuse = "zzz"\n' + DESTINATION})
    assert found.startswith('pipelines/alert.toml:2:8: unknown step "zzz": there are crossing, dedupe, enrich.entity')


def test_a_bad_ref_is_told_once_for_each_text_that_has_it(tmp_path: Path) -> None:
    text = DESTINATION + 'when = "$event.limt > 1 or $event.limt < 0"\nmention = "$event.limt, $event.limt"\n'
    found = problems(tmp_path, {"pipelines/alert.toml": text})
    assert [line.split(": ")[0] for line in found] == ["pipelines/alert.toml:4:9", "pipelines/alert.toml:5:12"]


def test_a_bad_member_does_not_shift_the_places_of_the_next(tmp_path: Path) -> None:
    text = '[[destinations]]\nuse = "slak"\n\n' + DESTINATION + 'when = "$event.limt > 1"\n'
    assert problems(tmp_path, {"pipelines/alert.toml": text})[1] == (
        'pipelines/alert.toml:7:9: $event.limt: events/usage.toml declares no such field (did you mean "$event.limit"?)'
    )


def test_fields_of_the_envelope_need_no_declaration(tmp_path: Path) -> None:
    names = ("id", "type", "received_at", "source", "idempotency_key", "payload", "payload.used")
    text = DESTINATION + 'mention = "' + " ".join(f"$event.{name}" for name in names) + '"'
    assert Compiler(str(write(tmp_path, {"pipelines/alert.toml": text}))).run()


def test_a_ref_that_one_of_the_matched_declarations_has_is_good(tmp_path: Path) -> None:
    files = {
        "events/other.toml": 'type = "other"\n[fields]\nmore = "string"\n',
        "pipelines/alert.toml": 'match = ["usage", "other"]\n' + DESTINATION + 'mention = "$event.more"\n',
    }
    assert Compiler(str(write(tmp_path, {**files}))).run()


def test_where_undeclared_events_are_accepted_a_ref_may_be_anything(tmp_path: Path) -> None:
    files = {
        "ingestlayer.toml": '[events]\nundeclared = "accept"\n',
        "pipelines/alert.toml": 'match = ["other"]\n' + DESTINATION + 'mention = "$event.more"\n',
    }
    assert Compiler(str(write(tmp_path, {**files}))).run()


# Blocks files ---------------------------------------------------------------------------------------------

BLOCKS = DESTINATION + '[destinations.message]\nblocks = "b.json"\n'


@pytest.mark.parametrize(
    ("blocks", "problem"),
    [
        (None, "5:11: message.blocks: b.json cannot be read: No such file or directory"),
        ('{"a"', "5:11: message.blocks: b.json is not JSON: a colon is missing at column 5"),
        (b"\xff", "5:11: message.blocks: b.json is not UTF-8 (byte 1)"),
        ("[" * 100_000, "5:11: message.blocks: b.json is nested too deeply"),
        ("5", "5:1: message: the blocks file must hold a list of Block Kit blocks"),
        ('[{"text": 1}]', "5:1: message: the blocks file must hold a list of Block Kit blocks"),
        ("[]", "5:1: message: the blocks file has 0 blocks; a message takes 1 to 50"),
        (
            '{"blocks": [{"type": "section", "text": {"text": "a ${event.used"}}]}',
            "5:11: message.blocks: b.json/blocks/0/text/text: expected '|' or '}', found the end (character 15)",
        ),
        (
            '[{"type": "section", "text": {"type": "mrkdwn", "text": "$event.usd"}}]',
            '5:1: $event.usd: events/usage.toml declares no such field (did you mean "$event.used"?)',
        ),
    ],
)
def test_a_mistake_in_a_blocks_file(tmp_path: Path, blocks: str | bytes | None, problem: str) -> None:
    assert problems(tmp_path, {"pipelines/alert.toml": BLOCKS, "b.json": blocks}) == [f"pipelines/alert.toml:{problem}"]


# Files ----------------------------------------------------------------------------------------------------


def test_a_project_without_pipelines_is_told_what_to_write(tmp_path: Path) -> None:
    assert problems(tmp_path, {"pipelines/alert.toml": None}) == [
        "pipelines:1:1: there is no pipeline: write pipelines/NAME.toml, or start from `ingestlayer init`"
    ]


@pytest.mark.parametrize("name", list(SOUND))
def test_a_file_that_is_not_utf8_is_named_with_the_place(tmp_path: Path, name: str) -> None:
    (found,) = problems(tmp_path, {name: b"# caf\xe9\n"})
    assert found == f"{name}:1:6: is not UTF-8: byte 0xe9"


def test_a_byte_order_mark_does_not_move_the_columns(tmp_path: Path) -> None:
    assert problems(tmp_path, {"ingestlayer.toml": b"\xef\xbb\xbfa = 1"})[0].startswith(
        "ingestlayer.toml:1:1: unknown key"
    )


def test_a_folder_in_the_place_of_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "events" / "dir.toml").mkdir(parents=True)
    assert problems(tmp_path, {}) == ["events/dir.toml:1:1: cannot be read: Is a directory"]


def test_a_link_to_nowhere_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, {})
    (tmp_path / "events" / "gone.toml").symlink_to("nowhere")
    assert problems(tmp_path, {}) == ["events/gone.toml:1:1: cannot be read: No such file or directory"]


def test_a_link_loop_among_the_files_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, {})
    (tmp_path / "events" / "loop.toml").symlink_to("loop.toml")
    assert problems(tmp_path, {}) == ["events/loop.toml:1:1: cannot be read: Too many levels of symbolic links"]


def test_a_link_loop_for_ingestlayer_toml_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "ingestlayer.toml").symlink_to("ingestlayer.toml")
    with pytest.raises(ProjectError, match=r"there is no ingestlayer\.toml in ") as caught:
        load(str(tmp_path))
    assert caught.value.hint == f"make a project there: ingestlayer init {tmp_path}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, {})
    (tmp_path / "events" / "usage.toml").chmod(0)
    assert problems(tmp_path, {}) == ["events/usage.toml:1:1: cannot be read: Permission denied"]


@pytest.mark.parametrize("file", ["ingestlayer.toml", "events/usage.toml", "pipelines/alert.toml", "b.json"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "large"])
def test_what_is_no_file_or_too_large_is_refused_and_not_waited_for(tmp_path: Path, file: str, kind: str) -> None:
    write(tmp_path, {"pipelines/alert.toml": f'{DESTINATION}message = {{ blocks = "b.json" }}\n', "b.json": "[]"})
    path = tmp_path / file
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_text("#" * ((1 << 20) + 1))
    words = {"large": "it is larger than 1,048,576 bytes", "folder": "Is a directory"}
    with pytest.raises(ProjectError) as caught:
        Compiler(str(tmp_path)).run()
    found = [f"{where}: {said}" for where, said in caught.value.details]
    assert any(file in line and line.endswith(words.get(kind, "it is a pipe or a device")) for line in found), found


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("# a comment\n" + ".".join(["a"] * 50_000) + " = 1", "2:1"),
        ("[" + " . ".join(['"a"'] * 50_000) + "]", "1:2"),
        ("a = { " + ".".join(["a"] * 50_000) + " = 1 }", "1:6"),
    ],
)
def test_a_key_of_endless_parts_is_refused(tmp_path: Path, text: str, place: str) -> None:
    assert problems(tmp_path, {"pipelines/alert.toml": text}) == [
        f"pipelines/alert.toml:{place}: a key has more than 64 parts"
    ]


# All at once ----------------------------------------------------------------------------------------------


def test_every_problem_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    files: dict[str, Any] = {
        "ingestlayer.toml": '[slack]\nconection = "bot"\n[store]\nretention = "1"\n',
        "events/a.toml": "not toml",
        "events/b.toml": 'type = "b"\n[fields]\nx = "nmber"\n',
        "pipelines/alert.toml": 'stauts = "active"\n[[steps]]\nuse = "dedup"\n[[destinations]]\nuse = "slack"\n',
        "pipelines/other.toml": b"\xff",
    }
    assert problems(tmp_path, files) == [
        'ingestlayer.toml:2:1: unknown key "conection" (did you mean "connection"?)',
        f'ingestlayer.toml:4:14: store.retention: "1" {DURATION}',
        "events/a.toml:1:5: is not TOML: = is missing between a key and its value: write not = …",
        f'events/b.toml:3:6: fields.x: unknown type "nmber" (did you mean "number"?): there are {TYPES}',
        'pipelines/alert.toml:1:1: unknown key "stauts" (did you mean "status"?)',
        'pipelines/alert.toml:3:8: unknown step "dedup" (did you mean "dedupe"?)',
        'pipelines/alert.toml:4:1: the key "channel" is missing',
        "pipelines/other.toml:1:1: is not UTF-8: byte 0xff",
    ]


def test_a_bad_duration_does_not_hide_a_bad_ref_of_the_same_table(tmp_path: Path) -> None:
    text = '[[steps]]\nuse = "dedupe"\nwindow = "5"\nkey = "$event.usd"\n' + DESTINATION
    assert problems(tmp_path, {"pipelines/alert.toml": text}) == [
        f'pipelines/alert.toml:3:11: window: "5" {DURATION}',
        'pipelines/alert.toml:4:8: $event.usd: events/usage.toml declares no such field (did you mean "$event.used"?)',
    ]


def test_a_bad_window_does_not_hide_a_bad_example(tmp_path: Path) -> None:
    text = EVENT + '[idempotency]\nwindow = "5"\n[example]\nused = 1\n'
    assert problems(tmp_path, {"events/usage.toml": text}) == [
        f'events/usage.toml:7:11: idempotency.window: "5" {DURATION}',
        "events/usage.toml:8:1: example: limit is required",
    ]


# Where a section's own problems stand ---------------------------------------------------------------------

BUTTONS = ", ".join(['{ text = "a", url = "https://a.example" }'] * 26)
GOOD = '{ field = "used", op = ">", value = 1 }'
HEAD = '[[destinations]]\nuse = "slack"\n'


@pytest.mark.parametrize(
    ("pipeline", "place"),
    [
        (f'{HEAD}channel = "no channel"\n', "3:1"),
        (f'{HEAD}channel = "#a"\nchannel_default = "no channel"\n', "4:1"),
        (f'{HEAD}channel = "#a"\nupdate = true\n', "4:1"),
        (f'{HEAD}channel = "#a"\nicon = "x"\n', "4:1"),
        (f'{HEAD}channel = "#a"\n[destinations.message]\ntitle = "x"\nbuttons = [{BUTTONS}]\n', "6:1"),
        ('[[steps]]\nuse = "crossing"\nkey = "$event.plan"\nvalue = "$event.used"\n  levels = [2, 1]\n', "5:3"),
        ('[[steps]]\nuse = "throttle"\nkey = "a"\nwindow = "1h"\nmax = 0\n', "5:1"),
        (
            f'[[steps]]\nuse = "filter"\nconditions = [\n  {GOOD},\n  {{ value = 1, field = "1 +", op = "==" }},\n]\n',
            "5:16",
        ),
        (f'[[steps]]\nuse = "filter"\nconditions = [{GOOD}]\nwhen = "$event.used > 1"\n', "3:1"),
        ('[[steps]]\nuse = "transform"\nset = { a = "x", "b..c" = "y" }\n', "3:18"),
        ('[[steps]]\nuse = "redact.pii"\n[steps.fields]\nplan = "hash"\n', "4:1"),
        ('[[destinations]]\nuse = "webhook"\nurl = "https://a.example"\nauth = { type = "hmac" }\n', "4:10"),
        ('[[destinations]]\nuse = "webhook"\nurl = "ftp://a.example"\n', "3:1"),
        ('[[destinations]]\nuse = "webhook"\nurl = "https://a.example"\n[destinations.headers]\nHost = "x"\n', "5:1"),
        ('[[destinations]]\nuse = "file"\npath = "/etc/passwd"\n', "3:1"),
    ],
)
def test_a_problem_that_a_section_raises_points_at_its_key(tmp_path: Path, pipeline: str, place: str) -> None:
    (line,) = problems(tmp_path, {"pipelines/alert.toml": pipeline})
    assert line.startswith(f"pipelines/alert.toml:{place}: "), line


def test_a_list_that_needs_something_says_so(tmp_path: Path) -> None:
    text = '[checks.a]\nsource = "a.csv"\nvalue = "used"\nlevels = []\nkey = ["id"]\nemit = "usage"\n'
    found = problems(tmp_path, {"ingestlayer.toml": text})
    assert found == ["ingestlayer.toml:4:10: checks.a.levels: must have at least 1 in it, not []"]


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("levels = [2, 1]", 6),
        ("levels = [1]\nquery = 'SELECT 1'", 7),
        ("levels = [1]\nrows = 'data'", 7),
        ("levels = [1]\ncommand = ['a']", 7),
    ],
)
def test_a_problem_of_a_check_points_at_its_key(tmp_path: Path, table: str, line: int) -> None:
    text = f'[checks.a]\nsource = "a.csv"\nvalue = "used"\nkey = ["id"]\nemit = "usage"\n{table}\n'
    (found,) = problems(tmp_path, {"ingestlayer.toml": text})
    assert found.startswith(f"ingestlayer.toml:{line}:1: "), found
