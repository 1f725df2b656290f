"""The expression language, claim by claim of the contract's paragraph on it."""

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.language.conditions import Condition
from ingestlayer_cli.language.expressions import Node, Scope, dotted, evaluator, refs
from ingestlayer_cli.language.parser import ExpressionError, parse

EVENT = {
    "used": 10250,
    "limit": 10000,
    "plan": "pro",
    "text": "12.5",
    "tags": ["a", "vip", 3],
    "yes": True,
    "no": False,
    "nothing": None,
    "zero": 0,
    "address": {"city": "Oslo", "and": 7},
    "day": "2026-11-03",
    "at": "2026-11-03T09:30:00Z",
}
SCOPE: Scope = {"event": EVENT, "entity": {"customer": {"mrr": "1200"}}}


def value(text: str, scope: Scope = SCOPE) -> Any:
    return evaluator(parse(text))(scope)


def error(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse(text, own=lambda: ["crossing"])
    return caught.value


# Values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("2.50", 2.5),
        ("1e3", 1000.0),
        ("2E-1", 0.2),
        ("9223372036854775807", 9223372036854775807),
        ("'it'", "it"),
        ('"it"', "it"),
        (r"'it\'s'", "it's"),
        (r'"a\"b\\c\nd\te"', 'a"b\\c\nd\te'),
        ("'$event.used'", "$event.used"),
        ("null", None),
        ("true", True),
        ("false", False),
        ("[]", []),
        ("[1, 'a', [null], $event.plan]", [1, "a", [None], "pro"]),
    ],
)
def test_a_literal_is_its_value(text: str, expected: Any) -> None:
    assert json.dumps(value(text)) == json.dumps(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$event.used", 10250),
        ("$event.address.city", "Oslo"),
        ("$event.address.and", 7),
        ("$entity.customer.mrr", "1200"),
        ("$event.address", EVENT["address"]),
        ("$event", EVENT),
    ],
)
def test_a_ref_is_the_value_at_its_path(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "$event.gone",
        "$event.gone.deeper",
        "$event.plan.upper",
        "$event.tags.count",
        "$entity.company.name",
        "$event.used.real",
    ],
)
def test_a_missing_ref_is_null(text: str) -> None:
    assert value(text) is None


# Precedence -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("8 / 4 / 2", "(8 / 4) / 2"),
        ("8 / 4 * 2", "(8 / 4) * 2"),
        ("7 % 4 * 2", "(7 % 4) * 2"),
        ("-2 * 3", "(-2) * 3"),
        ("- -2", "-(-2)"),
        ("2 - -2", "2 - (-2)"),
        ("1 + 2 < 4 - 1", "(1 + 2) < (4 - 1)"),
        ("1 < 2 and 3 < 4", "(1 < 2) and (3 < 4)"),
        ("true or false and false", "true or (false and false)"),
        ("false and true or true", "(false and true) or true"),
        ("not 1 == 2", "not (1 == 2)"),
        ("not false and false", "(not false) and false"),
        ("not not true", "not (not true)"),
        ("1 in [1] and 2 in [2]", "(1 in [1]) and (2 in [2])"),
        ("$event.tags contains 'a' or false", "($event.tags contains 'a') or false"),
        ("1 + 1 in [2]", "(1 + 1) in [2]"),
        ("1+2*3==7", "(1 + (2 * 3)) == 7"),
    ],
)
def test_operators_bind_as_in_other_languages(text: str, same: str) -> None:
    assert parse(text) == parse(same)


@pytest.mark.parametrize("text", ["1 < 2 < 3", "1 == 1 == 1", "1 in [1] in [2]"])
def test_comparisons_do_not_chain_and_the_error_says_how_to_write_it(text: str) -> None:
    assert error(text).message == "comparisons do not chain: write a < b and b < c"


# Arithmetic -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7 / 2", 3.5),
        ("1 / 4", 0.25),
        ("6 / 3", 2),
        ("7 % 4", 3),
        ("7.5 % 2", 1.5),
        ("-3 + 1", -2),
        ("'12.5' + 1", 13.5),
        ("'10' * '2'", 20),
        ("-'4'", -4),
        ("$entity.customer.mrr * 12", 14400),
    ],
)
def test_arithmetic_on_numbers_and_numeric_strings(text: str, expected: float) -> None:
    assert value(text) == expected


def test_arithmetic_on_whole_numbers_of_64_bits_is_exact() -> None:
    assert value("9007199254740993 + 2") == 9007199254740995


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%"])
@pytest.mark.parametrize(
    "other", ["null", "$event.gone", "'pro'", "''", "[1]", "$event.address", "true", "'NaN'", "'0x10'"]
)
def test_arithmetic_with_no_number_on_either_side_is_null(operator: str, other: str) -> None:
    assert value(f"1 {operator} {other}") is None
    assert value(f"{other} {operator} 1") is None


@pytest.mark.parametrize("text", ["1 / 0", "1 / 0.0", "1 % 0", "0 / 0", "$event.used / $event.zero", "1 / '0'"])
def test_a_division_by_zero_is_null(text: str) -> None:
    assert value(text) is None


@pytest.mark.parametrize("text", ["1e308 * 10", "-1e308 - 1e308", "1e308 / 0.1", "'1e999' + 0", "-'1e999'"])
def test_a_result_that_is_no_finite_number_is_null(text: str) -> None:
    assert value(text) is None


@pytest.mark.parametrize("text", ["-null", "-'pro'", "-true", "-[1]"])
def test_a_minus_before_no_number_is_null(text: str) -> None:
    assert value(text) is None


# Comparisons ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 < 2", True),
        ("2 <= 2", True),
        ("2 > 2", False),
        ("2 >= 2.0", True),
        ("'9' < '10'", True),
        ("'9' < 10", True),
        ("$event.text >= 12.5", True),
        ("' 12 ' > 11", True),
    ],
)
def test_numbers_and_numeric_strings_have_an_order(text: str, expected: bool) -> None:
    assert value(text) is expected


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("other", ["null", "$event.gone", "'pro'", "true", "[1]", "$event.address"])
def test_an_order_with_no_number_on_either_side_is_null(operator: str, other: str) -> None:
    assert value(f"1 {operator} {other}") is None
    assert value(f"{other} {operator} 1") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$event.day < '2026-11-04'", True),
        ("$event.day >= '2026-11-03'", True),
        ("$event.at > $event.day", True),
        ("$event.at == '2026-11-03T09:30:00Z'", True),
        ("$event.at >= '2026-11-03T11:30:00+02:00'", True),
        ("$event.at > '2026-11-03T11:30:00+02:00'", False),
        ("$event.day < 'soon'", None),
        ("$event.day < 5", None),
    ],
)
def test_dates_and_times_have_an_order(text: str, expected: bool | None) -> None:
    assert value(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 == 1.0", True),
        ("'a' == 'a'", True),
        ("'a' == 'A'", False),
        ("1 == '1'", False),
        ("'1' == '1.0'", False),
        ("1 != '1'", True),
        ("true == 1", False),
        ("false == 0", False),
        ("true == true", True),
        ("true == 'true'", False),
        ("[1, 2] == [1.0, 2]", True),
        ("[1] == [true]", False),
        ("[1] == ['1']", False),
        ("[1, 2] == [2, 1]", False),
        ("[1] != [1, 1]", True),
        ("$event.address == $event.address", True),
        ("$event.address == $event.plan", False),
    ],
)
def test_equality_is_that_of_json(text: str, expected: bool) -> None:
    assert value(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$event.gone == null", True),
        ("$event.nothing == null", True),
        ("$event.plan == null", False),
        ("$event.zero == null", False),
        ("'' == null", False),
        ("$event.gone != null", False),
        ("$event.plan != null", True),
        ("null == null", True),
        ("$event.gone == 1", False),
        ("$event.gone != 1", True),
        ("$event.used / 0 == null", True),
    ],
)
def test_comparing_with_null_tests_for_it(text: str, expected: bool) -> None:
    assert value(text) is expected


@pytest.mark.parametrize("text", ["true + 1", "true < 2", "false * 1", "-true", "1 > false", "true > false"])
def test_a_boolean_is_no_number(text: str) -> None:
    assert value(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'vip' in $event.tags", True),
        ("'VIP' in $event.tags", False),
        ("3 in $event.tags", True),
        ("'3' in $event.tags", False),
        ("$event.plan in ['pro', 'team']", True),
        ("true in [1]", False),
        ("null in [null]", True),
        ("$event.gone in ['a']", False),
        ("1 in []", False),
        ("[1] in [[1.0]]", True),
        ("'r' in $event.plan", True),
        ("'' in $event.plan", True),
        ("'PRO' in $event.plan", False),
        ("1 in '12'", None),
        ("null in 'text'", None),
        ("'a' in null", None),
        ("'a' in $event.gone", None),
        ("1 in 12", None),
        ("'1' in true", None),
        ("'city' in $event.address", True),
        ("'Oslo' in $event.address", False),
        ("1 in $event.address", None),
    ],
)
def test_in_looks_into_lists_texts_and_the_names_of_objects(text: str, expected: bool | None) -> None:
    assert value(text) is expected


@settings(deadline=None)
@given(
    st.sampled_from(["1", "'a'", "null", "true", "[1]", "$event.tags", "$event.plan", "$event.address"]),
    st.data(),
)
def test_contains_is_in_the_other_way_round(whole: str, data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(["1", "'a'", "null", "'vip'", "'r'", "[1]", "true", "'city'"]))
    assert value(f"{whole} contains {part}") is value(f"{part} in {whole}")


# Three-valued logic ---------------------------------------------------------------------------------------

TRUTH = {"true": True, "false": False, "null": None}


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        ("true", "true", True, True),
        ("true", "false", False, True),
        ("true", "null", None, True),
        ("false", "true", False, True),
        ("false", "false", False, False),
        ("false", "null", False, None),
        ("null", "true", None, True),
        ("null", "false", False, None),
        ("null", "null", None, None),
    ],
)
def test_and_or_follow_the_three_valued_table(left: str, right: str, both: bool | None, either: bool | None) -> None:
    assert value(f"{left} and {right}") is both
    assert value(f"{left} or {right}") is either


@pytest.mark.parametrize(("inner", "expected"), [("true", False), ("false", True), ("null", None)])
def test_not_follows_the_three_valued_table(inner: str, expected: bool | None) -> None:
    assert value(f"not {inner}") is expected


@settings(deadline=None)
@given(st.sampled_from(list(TRUTH)), st.sampled_from(list(TRUTH)))
def test_de_morgan_holds(left: str, right: str) -> None:
    assert value(f"not ({left} and {right})") is value(f"not {left} or not {right}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", True),
        ("0", False),
        ("0.0", False),
        ("'a'", True),
        ("''", False),
        ("'false'", True),
        ("[]", False),
        ("[0]", True),
    ],
)
def test_a_value_counts_as_true_unless_it_is_empty_or_zero(text: str, expected: bool) -> None:
    assert value(f"{text} and true") is expected


@pytest.mark.parametrize(
    "text", ["null", "$event.gone > 1", "$event.used / 0 >= 1", "not $event.gone", "false", "0", "''"]
)
def test_a_condition_that_ends_null_or_empty_does_not_hold(text: str) -> None:
    assert Condition(parse(text)).holds(SCOPE) is False


# Errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("", 0, "expected a value, found the end"),
        ("   ", 3, "expected a value, found the end"),
        ("1 +", 3, "expected a value, found the end"),
        ("1 + * 2", 4, "expected a value, found '*'"),
        ("(1 + 2", 6, "expected ')', found the end"),
        ("1 + 2)", 5, "expected the end, found ')'"),
        ("[1, 2", 5, "expected ',' or ']', found the end"),
        ("[1 2]", 3, "expected ',' or ']', found '2'"),
        ("[1,]", 3, "expected a value, found ']'"),
        ("1 2", 2, "expected the end, found '2'"),
        ("1 end", 2, "expected the end, found 'end'"),
        ("1 end 2", 2, "expected the end, found 'end'"),
        ("$event.used end", 12, "expected the end, found 'end'"),
        ("and", 0, "expected a value, found 'and'"),
        ("1 == 'pro", 5, "the text is not closed by its quote"),
        ("1 ? 2", 2, "'?' is not part of the expression language"),
        ("1 +  ;", 5, "';' is not part of the expression language"),
        ("1\xa0", 1, "'\\xa0' is not part of the expression language"),
        ("1 \x1c", 2, "'\\x1c' is not part of the expression language"),
        ("$5", 0, "'$' is not part of the expression language"),
        (".5", 0, "'.' is not part of the expression language"),
        ("$event.a.", 8, "'.' is not part of the expression language"),
        ("1e999", 0, "the number is too large"),
        ("3 > pro", 4, "'pro' is no value: write text in quotes, a ref as $event.…"),
        ("3 > used", 4, "'used' is no value: write text in quotes, a ref as $event.…"),
        ("3 > event.used", 4, 'a ref starts with a dollar sign (did you mean "$event.used"?)'),
        ("3 > $evnt.used", 4, 'unknown ref $evnt.used (did you mean "$event.used"?)'),
        ("3 > $entiy.customer", 4, 'unknown ref $entiy.customer (did you mean "$entity.customer"?)'),
        ("3 > $used", 4, "unknown ref $used: it starts with one of $event, $entity, $crossing, $body, $item"),
        ("number($event.used)", 0, "there are no calls; in ${…} a filter follows a bar: value | number"),
        ("1 + $event.used('x')", 4, "there are no calls; in ${…} a filter follows a bar: value | number"),
        ("$event.a = 1", 9, "'=' is not part of the expression language: write =="),
        ("$event.a => 1", 9, "'=' is not part of the expression language: write >="),
        ("$event.a =< 1", 9, "'=' is not part of the expression language: write <="),
        ("$event.a && $event.b", 9, "'&' is not part of the expression language: write and"),
        (
            "$event.a || $event.b",
            9,
            "'|' is not part of a condition: write or; filters stand in ${…} of texts",
        ),
        ("$event.a | number", 9, "'|' is not part of a condition: write or; filters stand in ${…} of texts"),
        ("!$event.a", 0, "'!' is not part of the expression language: write not"),
        ("$event.a not in [1]", 9, "expected the end, found 'not': write not (a in b)"),
        ("${event.a} > 1", 0, "'$' is not part of the expression language: write $event.… without braces"),
    ],
)
def test_an_error_says_what_is_wrong_and_at_which_character(text: str, offset: int, message: str) -> None:
    found = error(text)
    assert (found.offset, found.message) == (offset, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1" + " " * 2000, "longer than 2000 characters"),
        ("1" * 3000, "longer than 2000 characters"),
        ("(" * 200 + "1" + ")" * 200, "nested deeper than 20"),
        ("[" * 200 + "]" * 200, "nested deeper than 20"),
        ("not " * 400 + "true", "more than 100 operators"),
        ("-" * 1500 + "1", "more than 100 operators"),
        ("1" + "+1" * 900, "more than 100 operators"),
    ],
)
def test_a_text_beyond_the_bounds_is_an_error(text: str, message: str) -> None:
    assert error(text).message == message


@pytest.mark.parametrize(
    "text",
    ["(" * 19 + "1" + ")" * 19, "not " * 100 + "true", "1" + "+1" * 100, "1 in [" + "1, " * 600 + "2]"],
)
def test_a_text_within_the_bounds_is_evaluated(text: str) -> None:
    assert value(text)


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("$event.ty0123 ()[]'\"<>=!+-*/%,|and or not in contains end", max_size=60))
def test_parsing_any_text_succeeds_or_raises_an_expression_error_inside_it(text: str) -> None:
    try:
        parse(text)
    except ExpressionError as error:
        found = error
    else:
        return
    assert 0 <= found.offset <= len(text)
    assert found.message


def test_refs_names_the_refs_in_the_order_in_which_they_are_written() -> None:
    node = parse("$event.b + [$event.a, $event.b] == -$entity.c.d")
    assert refs(node) == [["event", "b"], ["event", "a"], ["event", "b"], ["entity", "c", "d"]]


# Explanations ---------------------------------------------------------------------------------------------


def explained(text: str, **event: Any) -> str:
    return Condition(parse(text)).judge({"event": event, "entity": {}})[1]


@pytest.mark.parametrize(
    ("text", "event", "words"),
    [
        (
            "$event.used / $event.limit >= 1",
            {"used": 10250, "limit": 10000},
            "used/limit = 10250/10000 = 1.025 >= 1",
        ),
        ("$event.plan == 'pro'", {"plan": "pro"}, "plan = 'pro' == 'pro'"),
        ("$event.a < $event.b", {"a": 1, "b": 2}, "a = 1 < 2 = b"),
        ("$event.plan in ['pro']", {"plan": "pro"}, "plan = 'pro' in ['pro']"),
        ("($event.a + 1) * 2 == 4", {"a": 1}, "(a + 1)*2 = (1 + 1)*2 = 4 == 4"),
        ("$event.a > 1 and $event.b > 1", {"a": 2, "b": 3}, "a = 2 > 1 and b = 3 > 1"),
        ("not $event.a == 1", {"a": 2}, "not (a = 2 != 1)"),
        ("$event.ok", {"ok": True}, "ok = true"),
        ("$event.tags contains 'vip'", {"tags": ["vip", True]}, "tags = [\"vip\", true] contains 'vip'"),
    ],
)
def test_an_explanation_puts_the_values_in(text: str, event: dict[str, Any], words: str) -> None:
    assert explained(text, **event) == words


@pytest.mark.parametrize(
    ("text", "event", "words"),
    [
        ("$event.used / $event.limit >= 1", {"used": 97, "limit": 100}, "used/limit = 97/100 = 0.97 < 1"),
        ("$event.a > 1", {"a": 1}, "a = 1 <= 1"),
        ("$event.a <= 1", {"a": 2}, "a = 2 > 1"),
        ("$event.a < 1", {"a": 2}, "a = 2 >= 1"),
        ("$event.a == 1", {"a": 2}, "a = 2 != 1"),
        ("$event.a != 1", {"a": 1}, "a = 1 == 1"),
        ("$event.a in [1]", {"a": 2}, "a = 2 not in [1]"),
        ("$event.a contains 'x'", {"a": "y"}, "a = 'y' does not contain 'x'"),
    ],
)
def test_a_false_comparison_shows_the_relation_that_holds(text: str, event: dict[str, Any], words: str) -> None:
    assert explained(text, **event) == words


@pytest.mark.parametrize(
    ("text", "event", "words"),
    [
        ("$event.a > 1", {}, "a = null > 1: $event.a is null"),
        ("$event.a / $event.b > 1", {"a": 1}, "a/b = 1/null = null > 1: $event.b is null"),
        ("$event.a > $event.b", {}, "a = null > null = b: $event.a and $event.b are null"),
        ("$event.a + $event.a > 1", {}, "a + a = null + null = null > 1: $event.a is null"),
        ("$event.a > 1", {"a": "soon"}, "a = 'soon' > 1: null (no number, or a division by zero)"),
        ("$event.a / $event.b > 1", {"a": 1, "b": 0}, "a/b = 1/0 = null > 1: null (no number, or a division by zero)"),
    ],
)
def test_an_explanation_of_null_names_the_ref_or_the_want(text: str, event: dict[str, Any], words: str) -> None:
    assert explained(text, **event) == words


@pytest.mark.parametrize(
    ("used", "limit", "words"),
    [
        (9_999_999, 10_000_000, "used/limit = 9999999/10000000 = 0.9999999 < 1"),
        (10_000_001, 10_000_000, "used/limit = 10000001/10000000 = 1 >= 1"),
        (2, 3, "used/limit = 2/3 = 0.666667 < 1"),
    ],
)
def test_rounding_never_makes_an_explanation_contradict_itself(used: int, limit: int, words: str) -> None:
    assert explained("$event.used / $event.limit >= 1", used=used, limit=limit) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("($event.a == 1 or $event.a == 2) and $event.a > 0", "(a = 1 == 1 or a = 1 != 2) and a = 1 > 0"),
        ("$event.a == 1 or $event.a == 2 and $event.a > 0", "a = 1 == 1 or a = 1 != 2 and a = 1 > 0"),
        (
            "$event.a == 1 and not ($event.a == 2 or $event.a == 3)",
            "a = 1 == 1 and not (a = 1 != 2 or a = 1 != 3)",
        ),
    ],
)
def test_an_explanation_keeps_the_parentheses_that_matter(text: str, words: str) -> None:
    assert explained(text, a=1) == words


@pytest.mark.parametrize("shown", ["x" * 1000, 1e300, ["y" * 500], {"k": "z" * 500}])
def test_a_long_value_is_cut_in_an_explanation(shown: Any) -> None:
    assert len(explained("$event.a == 1", a=shown)) < 100


# Properties -----------------------------------------------------------------------------------------------

NAMES = ["used", "limit", "plan", "and", "end", "x"]
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["12", "-1.5", "1e400", "2026-11-03", "9999-12-31T23:59:59-23:59", "0001-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
SCOPES = st.fixed_dictionaries(
    {name: st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6) for name in ("event", "entity")}
)
BINARY = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "contains", "and", "or"]
PATHS = st.lists(st.sampled_from(NAMES), max_size=3).flatmap(
    lambda names: st.sampled_from([["event", *names], ["entity", *names]])
)


def nodes(literals: st.SearchStrategy[Any], depth: int) -> st.SearchStrategy[Node]:
    leaf = st.builds(lambda v: ["lit", v], literals) | st.builds(lambda path: ["ref", path], PATHS)
    if depth == 0:
        return leaf
    inner = nodes(literals, depth - 1)
    return (
        leaf
        | st.builds(lambda items: ["list", items], st.lists(inner, max_size=2))
        | st.builds(lambda word, node: [word, node], st.sampled_from(["not", "neg"]), inner)
        | st.builds(lambda word, left, right: [word, left, right], st.sampled_from(BINARY), inner, inner)
    )


ANY_LITERAL = (
    st.none()
    | st.booleans()
    | st.integers(0, 2**63 - 1)
    | st.floats(0, allow_infinity=False).filter(lambda x: math.copysign(1, x) > 0)
    | st.text(max_size=10)
)
PLAIN_LITERAL = (
    st.none()
    | st.booleans()
    | st.integers(0, 20)
    | st.sampled_from([0.25, 1e308, "", "pro", "12", "-3.5", "1e2", "ro", "2026-11-03", "2026-11-03T12:00:00+02:00"])
)
PLAIN_JSON: st.SearchStrategy[Any] = st.recursive(
    PLAIN_LITERAL | st.integers(-20, 20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
PLAIN_SCOPES = st.fixed_dictionaries(
    {name: st.dictionaries(st.sampled_from(NAMES), PLAIN_JSON, max_size=6) for name in ("event", "entity")}
)


def written(node: Node) -> str:
    """Write a node as text, everything in parentheses."""
    kind = node[0]
    if kind == "lit":
        return written_literal(node[1])
    if kind == "ref":
        return "$" + ".".join(node[1])
    if kind == "list":
        return "[" + ", ".join(map(written, node[1])) + "]"
    if kind in ("not", "neg"):
        return f"({'not ' if kind == 'not' else '-'}{written(node[1])})"
    return f"({written(node[1])} {kind} {written(node[2])})"


def written_literal(literal: Any) -> str:
    if isinstance(literal, str):
        return "'" + literal.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return (
        {None: "null", True: "true", False: "false"}[literal]
        if literal is None or literal is True or literal is False
        else repr(literal)
    )


@settings(deadline=None)
@given(nodes(ANY_LITERAL, 4))
def test_a_written_expression_parses_back_to_the_same(node: Node) -> None:
    assert json.dumps(parse(written(node))) == json.dumps(node)


@settings(deadline=None)
@given(nodes(ANY_LITERAL, 3), SCOPES)
def test_evaluating_and_explaining_never_raise(node: Node, scope: Scope) -> None:
    condition = Condition(node)
    assert isinstance(condition.holds(scope), bool)
    assert condition.judge(scope)[1]


@settings(deadline=None)
@given(nodes(PLAIN_LITERAL, 3), PLAIN_SCOPES)
def test_an_expression_that_went_through_json_gives_the_same(node: Node, scope: Scope) -> None:
    assert same(evaluator(json.loads(json.dumps(node)))(scope), evaluator(node)(scope))


@settings(deadline=None)
@given(nodes(ANY_LITERAL, 3), SCOPES)
def test_a_number_that_comes_out_is_finite(node: Node, scope: Scope) -> None:
    found = evaluator(["+", node, ["lit", 0]])(scope)
    assert found is None or math.isfinite(found)


@settings(deadline=None)
@given(nodes(PLAIN_LITERAL, 3), PLAIN_SCOPES)
def test_a_condition_holds_exactly_when_its_value_is_true(node: Node, scope: Scope) -> None:
    held = bool(evaluator(node)(scope))
    assert (Condition(node).holds(scope), Condition(node).judge(scope)[0]) == (held, held)


def same(left: Any, right: Any) -> bool:
    return json.dumps(left) == json.dumps(right)


# The reference: the contract's words as code ----------------------------------------------------------------


def number(of: Any) -> float | None:
    """A number, or a numeric string."""
    if isinstance(of, bool):
        return None
    if isinstance(of, str) and re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", of):
        of = float(of) if "." in of or "e" in of.lower() else int(of)
    return of if isinstance(of, int | float) else None


def moment(of: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(of)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def json_equal(left: Any, right: Any) -> bool:
    """Equal as JSON: of one kind (1 and 1.0 are), and equal part by part."""
    kinds = [bool, int | float, str, list, dict, type(None)]
    kind = [next(i for i, k in enumerate(kinds) if isinstance(v, k)) for v in (left, right)]
    if kind[0] != kind[1]:
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(json_equal(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return set(left) == set(right) and all(json_equal(left[name], right[name]) for name in left)
    return bool(left == right)


def arithmetic(word: str, left: float | None, right: float | None) -> float | None:
    if left is None or right is None or (word in "/%" and right == 0):
        return None
    if word == "+":
        found: float = left + right
    elif word == "-":
        found = left - right
    elif word == "*":
        found = left * right
    else:
        found = left / right if word == "/" else left % right
    return found if math.isfinite(found) else None


def ordered(word: str, left: Any, right: Any) -> bool | None:
    a, b = number(left), number(right)
    if a is None or b is None:
        first, second = moment(left), moment(right)
        if first is None or second is None:
            return None
        a, b = (first - second).total_seconds(), 0
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[word]


def inside(part: Any, whole: Any) -> bool | None:
    if isinstance(whole, list):
        return any(json_equal(part, item) for item in whole)
    if isinstance(whole, str | dict) and isinstance(part, str):
        return part in whole
    return None


def reference(node: Node, scope: Any) -> Any:
    word, *rest = node
    if word == "lit":
        return rest[0]
    if word == "ref":
        for name in rest[0]:
            scope = scope.get(name) if isinstance(scope, dict) else None
        return scope
    if word == "list":
        return [reference(item, scope) for item in rest[0]]
    left, right = reference(rest[0], scope), reference(rest[-1], scope)
    if word == "neg":
        return arithmetic("*", number(left), -1)
    if word in ("not", "and", "or"):
        sides = [None if side is None else bool(side) for side in (left, right)]
        if word == "not":
            return None if left is None else not left
        if (word == "or") in sides:
            return word == "or"
        return None if None in sides else word == "and"
    if word in ("==", "!="):
        return json_equal(left, right) == (word == "==")
    if word in ("<", "<=", ">", ">="):
        return ordered(word, left, right)
    if word in ("in", "contains"):
        return inside(left, right) if word == "in" else inside(right, left)
    return arithmetic(word, number(left), number(right))


@settings(deadline=None)
@given(nodes(PLAIN_LITERAL, 3), PLAIN_SCOPES)
def test_the_evaluator_agrees_with_the_reference(node: Node, scope: Scope) -> None:
    assert same(evaluator(node)(scope), reference(node, scope))


# Names that are no identifiers


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('$entity.customer["CSM Channel"]', ["entity", "customer", "CSM Channel"]),
        ("$entity.customer['CSM Channel'].name", ["entity", "customer", "CSM Channel", "name"]),
        ('$event["a b"]["c.d"].e', ["event", "a b", "c.d", "e"]),
        (r'$event["a\"b\\c"]', ["event", 'a"b\\c']),
        ('$event["2027"]', ["event", "2027"]),
    ],
)
def test_a_name_that_is_no_identifier_stands_in_brackets(text: str, path: list[str]) -> None:
    assert parse(text) == ["ref", path]
    assert parse(dotted(["$" + path[0], *path[1:]])) == ["ref", path]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1, max_size=3))
def test_any_path_is_written_as_it_may_be_typed(names: list[str]) -> None:
    assert parse(dotted(["$event", *names])) == ["ref", ["event", *names]]


def test_a_list_after_a_word_of_the_language_stays_a_list() -> None:
    assert parse('$event.plan in["pro"]') == parse("$event.plan in ['pro']")
    with pytest.raises(ExpressionError):
        parse('$event.plan ["pro"]')


def test_a_name_in_brackets_is_told_as_it_is_typed() -> None:
    scope = {"event": {}, "entity": {"customer": {"Seats Used": 5}}, "body": {}, "item": None}
    condition = Condition(parse('$entity.customer["Seats Used"] > 9'))
    assert condition.judge(scope) == (False, 'entity.customer["Seats Used"] = 5 <= 9')
    null = Condition(parse('$entity.customer["No Such"] > 9'))
    assert null.judge(scope)[1].endswith('$entity.customer["No Such"] is null')
