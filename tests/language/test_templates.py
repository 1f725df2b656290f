"""The template language: refs, holes, filters, escaping, keys."""

import html
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.language.expressions import Scope
from ingestlayer_cli.language.parser import ExpressionError
from ingestlayer_cli.language.parser import parse_template as parse
from ingestlayer_cli.language.templates import FILTERS, Template, as_text, template_refs

ROOTS = "$event, $entity, $crossing, $body, $item"
EVENT = {
    "id": "evt_1",
    "name": "Ada",
    "used": 10250,
    "limit": 10000,
    "nothing": None,
    "price": 1200.5,
    "whole": 2.0,
    "yes": True,
    "tags": ["a", "é"],
    "address": {"city": "Oslo"},
    "at": "2026-11-03T23:30:00-02:00",
    "day": "2026-11-03",
}


def scope(**event: Any) -> Scope:
    return {"event": {**EVENT, **event}, "entity": {"customer": {"name": "Acme"}}}


def render(text: str, **event: Any) -> str:
    return Template(parse(text)).render(scope(**event))


def key(text: str, **event: Any) -> str | None:
    return Template(parse(text)).key(scope(**event))


def error(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse(text, own=lambda: ["crossing"])
    return caught.value


# Literals and refs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("Hello $event.name!", "Hello Ada!"),
        ("$event.name$event.id", "Adaevt_1"),
        ("$event.id:$event.name", "evt_1:Ada"),
        ("$entity.customer.name is out", "Acme is out"),
        ("$event.address.city", "Oslo"),
        ("It is $event.name.", "It is Ada."),
        ("$event.name...", "Ada..."),
        ("($event.name)", "(Ada)"),
        ("$event.name's", "Ada's"),
        ("$event.name-$event.id", "Ada-evt_1"),
        ("{$event.name}", "{Ada}"),
    ],
)
def test_a_ref_is_replaced_by_its_value(text: str, expected: str) -> None:
    assert render(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$$", "$"),
        ("$$event.name", "$event.name"),
        ("$$$event.name", "$Ada"),
        ("$$$$", "$$"),
        ("$${event.name}", "${event.name}"),
        ("$5", "$5"),
        ("5$", "5$"),
        ("$ event.name", "$ event.name"),
        ("US$ 5, €5", "US$ 5, €5"),
        ("$.$", "$.$"),
        ("$\n", "$\n"),
        ("$é", "$é"),
    ],
)
def test_a_dollar_sign_that_starts_no_name_is_itself(text: str, expected: str) -> None:
    assert render(text) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-5, "-5"),
        (2.0, "2"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e22, "1e+22"),
        (2**64 - 1, "18446744073709551615"),
        ("", ""),
        ([1, "é", None], '[1, "é", null]'),
        ({"a": {"b": []}}, '{"a": {"b": []}}'),
    ],
)
def test_a_value_is_shown_as_prose(value: Any, text: str) -> None:
    assert render("<$event.x>", x=value) == f"<{text}>"


def test_a_missing_ref_is_empty() -> None:
    assert render("[$event.gone][$entity.company.name]") == "[][]"


# Holes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${event.used}", "10250"),
        ("${$event.used}", "10250"),
        ("${ event.used / event.limit }", "1.025"),
        ("${event.used - 250}", "10000"),
        ("${event.used >= event.limit}", "true"),
        ("${event.gone > 1}", ""),
        ("${event.limit / 0}", ""),
        ("${'}'}", "}"),
        ('${"${"}', "${"),
        ("${1}${2}", "12"),
        ("a${event.name}b", "aAdab"),
        ("${event\n.name}"[:7] + ".name}", "Ada"),
        ("${\n  event.name\n}", "Ada"),
        ("${[1, 2]}", "[1, 2]"),
        ("${event.name}}", "Ada}"),
    ],
)
def test_a_hole_holds_an_expression(text: str, expected: str) -> None:
    assert render(text) == expected


# Filters --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hole", "value", "text"),
    [
        ("number", 10250, "10,250"),
        ("number", -1234567, "-1,234,567"),
        ("number", 1200.5, "1,200.5"),
        ("number", 1200.129, "1,200.13"),
        ("number", 2000.0, "2,000"),
        ("number", 100, "100"),
        ("number", 0.001, "0"),
        ("number", -0.001, "0"),
        ("number", "10250", "10,250"),
        ("number", "many", "many"),
        ("number", True, "true"),
        ("number", [1], "[1]"),
        ("percent", 1.025, "102.5%"),
        ("percent", 1, "100%"),
        ("percent", 0, "0%"),
        ("percent", 0.12345, "12.3%"),
        ("percent", 12.5, "1,250%"),
        ("percent", "0.5", "50%"),
        ("percent", "half", "half"),
        ("percent", 1.7e308, "1.7e+308"),
        ("date", "2026-11-03T23:30:00-02:00", "2026-11-04"),
        ("date", "2026-11-03", "2026-11-03"),
        ("date", 0, "1970-01-01"),
        ("date", 1793698200, "2026-11-03"),
        ("date", "soon", "soon"),
        ("date", 1e300, "1e+300"),
        ("date", True, "true"),
        ("date", "0999-01-02", "0999-01-02"),
        ("datetime", "2026-11-03T23:30:00-02:00", "2026-11-04 01:30 UTC"),
        ("datetime", "2026-11-03", "2026-11-03 00:00 UTC"),
        ("datetime", 1793698200, "2026-11-03 09:30 UTC"),
        ("month", "2026-12-31T23:30:00-02:00", "2027-01"),
        ("week", "2027-01-01", "2026-W53"),
        ("week", "2026-01-01", "2026-W01"),
        ("day", "2026-11-03T23:30:00-02:00", "2026-11-04"),
        ("hour", "2026-11-03T23:30:00-02:00", "2026-11-04T01"),
        ("hour", "soon", "soon"),
        ("upper", "größe", "GRÖSSE"),
        ("upper", True, "TRUE"),
        ("lower", "ADA", "ada"),
        ("truncate(3)", "abc", "abc"),
        ("truncate(3)", "abcd", "ab…"),
        ("truncate(1)", "abcd", "…"),
        ("truncate(4)", 12345, "123…"),
        ("truncate( 3 )", "abcd", "ab…"),
        ("default('none')", None, "none"),
        ("default('none')", "", ""),
        ("default('none')", 0, "0"),
        ("default(0)", None, "0"),
        ("default(1.5)", None, "1.5"),
        ("default('it\\'s | }')", None, "it's | }"),
        ("json", {"a": ["é", None]}, '{"a": ["é", null]}'),
        ("json", "a", '"a"'),
        ("json", None, "null"),
        ("number | default('-')", None, "-"),
        ("default(1000) | number", None, "1,000"),
        ("lower | truncate(2)", "ABC", "a…"),
        ("upper|lower", "Ab", "ab"),
    ],
)
def test_a_filter(hole: str, value: Any, text: str) -> None:
    assert render(f"${{event.x | {hole}}}", x=value) == text


@pytest.mark.parametrize("name", [name for name in FILTERS if name not in ("default", "json", "truncate")])
def test_null_stays_empty_through_a_filter(name: str) -> None:
    assert render(f"<${{event.gone | {name}}}>") == "<>"


def test_the_filters_are_those_of_the_contract() -> None:
    contract = "number percent date datetime month week day hour upper lower truncate default json"
    assert list(FILTERS) == contract.split()


def test_a_filter_follows_the_whole_expression() -> None:
    assert render("${event.used / event.limit | percent}") == "102.5%"


# Errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("$evnt.name", 0, 'unknown ref $evnt.name (did you mean "$event.name"?); a dollar sign itself is $$'),
        (
            "Hi $name",
            3,
            f"unknown ref $name: it starts with one of {ROOTS}; a dollar sign itself is $$",
        ),
        (
            "in $USD",
            3,
            f"unknown ref $USD: it starts with one of {ROOTS}; a dollar sign itself is $$",
        ),
        ("a ${", 4, "expected a value, found the end"),
        ("a ${}", 4, "expected a value, found '}'"),
        ("a ${event.name", 14, "expected '|' or '}', found the end"),
        ("a ${event.name and", 18, "expected a value, found the end"),
        ("${evnt.name}", 2, "'evnt.name' is no value: write text in quotes, a ref as $event.…"),
        ("$digst.count", 0, 'unknown ref $digst.count (did you mean "$digest.count"?); a dollar sign itself is $$'),
        ("${$evnt.name}", 2, 'unknown ref $evnt.name (did you mean "$event.name"?)'),
        ("${name}", 2, "'name' is no value: write text in quotes, a ref as $event.…"),
        ("x ${event.a | upcase}", 14, "unknown filter upcase: there are " + ", ".join(FILTERS)),
        ("x ${event.a | percnt}", 14, 'unknown filter percnt (did you mean "percent"?)'),
        ("${event.a |}", 11, "expected the name of a filter, found '}'"),
        ("${event.a | 5}", 12, "expected the name of a filter, found '5'"),
        ("${event.a | $event.b}", 12, "unknown filter $event.b: there are " + ", ".join(FILTERS)),
        ("${event.a | truncate}", 12, "the filter is written truncate(20)"),
        ("${event.a | truncate('x')}", 12, "the filter is written truncate(20)"),
        ("${event.a | truncate(2.5)}", 12, "the filter is written truncate(20)"),
        ("${event.a | truncate(1, 2)}", 12, "the filter is written truncate(20)"),
        ("${event.a | truncate(true)}", 12, "the filter is written truncate(20)"),
        ("${event.a | truncate(-1)}", 21, "expected a value, found '-'"),
        ("${event.a | default}", 12, "the filter is written default('none')"),
        ("${event.a | default('x'", 23, "expected ',' or ')', found the end"),
        ("${event.a | number()}"[:-2] + "5)}", 12, "the filter is written number"),
        ("${event.a | default('x)}", 20, "the text is not closed by its quote"),
        ("${event.a ? 1}", 10, "'?' is not part of the expression language"),
        ("${number(event.a)}", 2, "there are no calls; in ${…} a filter follows a bar: value | number"),
        ("${" + "(" * 100, 22, "nested deeper than 20"),
    ],
)
def test_an_error_says_what_is_wrong_and_at_which_character(text: str, offset: int, message: str) -> None:
    found = error(text)
    assert (found.offset, found.message) == (offset, message)


def test_a_long_text_may_hold_expressions() -> None:
    assert render("x" * 5000 + "${event.used | number}" + "y" * 5000) == "x" * 5000 + "10,250" + "y" * 5000


def test_a_long_expression_in_a_text_is_an_error() -> None:
    assert error("ab${1" + " " * 3000 + "}").message == "longer than 2000 characters"


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("$${}|event.ty015 ()[]'\"<=+and numberlc", max_size=60))
def test_parsing_any_text_succeeds_or_raises_an_expression_error_inside_it(text: str) -> None:
    try:
        parse(text)
    except ExpressionError as error:
        found = error
    else:
        return
    assert 0 <= found.offset <= len(text)
    assert found.message


# Values are only values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["$event.id", "${event.id}", "$$", "${1 | upper}", "{0} %s", "\\1", "$"])
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    assert render("$event.x|${event.x}|${event.x | truncate(99)}", x=value) == "|".join([value] * 3)


def test_values_are_escaped_and_literals_are_not() -> None:
    template = Template(parse("<b> & $event.x ${event.x | upper} ${event.y | default('<none>')}"))
    found = template.render(scope(x="<!channel> & co"), lambda text: html.escape(text, quote=False))
    assert found == "<b> & &lt;!channel&gt; &amp; co &lt;!CHANNEL&gt; &amp; CO &lt;none&gt;"


@pytest.mark.parametrize("hole", ["$event.x", "${event.x | json}", "${event.x | default('-')}", "${[event.x]}"])
def test_what_is_inside_lists_and_objects_is_escaped_too(hole: str) -> None:
    found = Template(parse(hole)).render(scope(x={"<": ["<!here>"]}), html.escape)
    assert "<" not in found


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_a_text_with_its_dollar_signs_doubled_is_itself(left: str, right: str) -> None:
    text = left.replace("$", "$$") + "$event.name/" + right.replace("$", "$$")
    assert render(text) == f"{left}Ada/{right}"


# Keys -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["$event.name", "a:$event.used:${event.at | month}:${event.used >= event.limit}", "", "x"]
)
def test_a_key_without_null_is_the_text(text: str) -> None:
    assert key(text) == render(text)


@pytest.mark.parametrize(
    "text",
    [
        "$event.gone",
        "a:$event.nothing",
        "$event.name:$event.gone:x",
        "${event.gone | month}",
        "${event.gone > 1}",
        "${1 / 0}",
    ],
)
def test_a_key_with_any_null_in_it_is_none(text: str) -> None:
    assert key(text) is None


def test_a_default_makes_a_key_of_null() -> None:
    assert key("$event.name:${event.gone | default('all')}") == "Ada:all"


# Properties -----------------------------------------------------------------------------------------------

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["12", "1e400", "2026-11-03", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+01:00"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abx") | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=10,
)
CALLS = st.sampled_from(
    [{"truncate": "truncate(3)", "default": "default('-')"}.get(name, name) for name in FILTERS]
    + ["truncate(0)", "default(7)"]
)


@settings(deadline=None)
@given(st.lists(CALLS, max_size=3), JSON)
def test_rendering_never_raises_whatever_the_value(calls: list[str], value: Any) -> None:
    template = Template(parse("<${" + " | ".join(["event.x", *calls]) + "}>"))
    found = template.render({"event": {"x": value}, "entity": {}})
    assert re.fullmatch("<.*>", found, re.DOTALL)


@settings(deadline=None)
@given(st.lists(CALLS, max_size=3), JSON)
def test_a_template_that_went_through_json_gives_the_same(calls: list[str], value: Any) -> None:
    parts = parse("a $event.y ${" + " | ".join(["event.x", *calls]) + "} $$")
    there: Scope = {"event": {"x": value, "y": value}, "entity": {}}
    assert Template(json.loads(json.dumps(parts))).render(there) == Template(parts).render(there)


@settings(deadline=None)
@given(JSON)
def test_a_key_is_none_exactly_for_null(value: Any) -> None:
    assert (Template(parse("k:$event.x")).key({"event": {"x": value}, "entity": {}}) is None) is (value is None)


@settings(deadline=None)
@given(JSON)
def test_the_json_filter_writes_what_json_reads(value: Any) -> None:
    assert json.loads(Template(parse("${event.x | json}")).render({"event": {"x": value}, "entity": {}})) == value


@settings(deadline=None)
@given(JSON)
def test_prose_is_text_for_any_value(value: Any) -> None:
    assert isinstance(as_text(value), str)


def test_template_refs_names_every_ref_of_every_hole() -> None:
    parts = parse("$event.a ${event.b + entity.c.d | default('$event.e')} $$event.f")
    assert template_refs(parts) == [["event", "a"], ["event", "b"], ["entity", "c", "d"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('to $entity.customer["CSM Channel"]!', "to #ops!"),
        ('${entity.customer["CSM Channel"] | upper}', "#OPS"),
        ('$entity.customer["CSM Channel', '{"CSM Channel":"#ops"}["CSM Channel'),
    ],
)
def test_a_name_that_is_no_identifier_stands_in_brackets(text: str, said: str) -> None:
    scope = {"event": {}, "entity": {"customer": {"CSM Channel": "#ops"}}, "body": {}, "item": None}
    assert Template(parse(text)).render(scope).replace('": "', '":"') == said


def test_a_percent_sign_in_a_template_is_itself() -> None:
    template = Template(parse("100%s of %d%: $event.a%"))
    scope: Scope = {"event": {"a": "5%s"}}
    assert template.key(scope) == template.render(scope) == "100%s of %d%: 5%s%"
