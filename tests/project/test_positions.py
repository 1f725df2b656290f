"""Lines and columns of keys and of the characters inside values."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.project.positions import Path, Positions

TEXT = """\
# a comment = [
top = 1
"quoted key" = 'x'
a.b = "dotted"
list = [ # with a comment, and a ]
  "one",
  { x = 1, y = "two" },
]

[table]   # here
when = "$a and $b"
[table.inner]
multi = '''
first
second'''
at = 2026-11-03 09:30:00Z
[[rows]]
n = 1
[[rows]]
n = 2
[rows.sub]
deep = true
[[rows.more]]
m = [[1, 2], [3]]
[above.below]
n = 3
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("top",), (2, 1)),
        (("quoted key",), (3, 1)),
        (("a",), (4, 1)),
        (("a", "b"), (4, 1)),
        (("list",), (5, 1)),
        (("list", 0), (6, 3)),
        (("list", 1), (7, 3)),
        (("list", 1, "y"), (7, 12)),
        (("table",), (10, 1)),
        (("table", "when"), (11, 1)),
        (("table", "inner"), (12, 1)),
        (("table", "inner", "at"), (16, 1)),
        (("above",), (25, 1)),
        (("rows", 0), (17, 1)),
        (("rows", 0, "n"), (18, 1)),
        (("rows", 1, "n"), (20, 1)),
        (("rows", 1, "sub"), (21, 1)),
        (("rows", 1, "sub", "deep"), (22, 1)),
        (("rows", 1, "more", 0), (23, 1)),
        (("rows", 1, "more", 0, "m", 1, 0), (24, 15)),
    ],
)
def test_a_key_has_its_line_and_column(path: Path, place: tuple[int, int]) -> None:
    assert Positions(TEXT).place(path) == place


def test_what_is_not_in_the_text_stands_where_its_nearest_parent_does() -> None:
    assert Positions(TEXT).place(("table", "inner", "none", 0), 5) == (12, 1)


@pytest.mark.parametrize(
    ("path", "offset", "place"),
    [
        (("top",), 0, (2, 7)),
        (("quoted key",), 0, (3, 17)),
        (("table", "when"), 7, (11, 16)),
        (("list", 1, "y"), 1, (7, 18)),
        (("table", "inner", "multi"), 0, (13, 12)),
        (("table", "inner", "multi"), 2, (14, 3)),
        (("table", "inner", "multi"), 8, (15, 3)),
    ],
)
def test_a_character_of_a_value_has_its_line_and_column(path: Path, offset: int, place: tuple[int, int]) -> None:
    assert Positions(TEXT).place(path, offset) == place


@pytest.mark.parametrize(
    "literal",
    [
        '"plain X"',
        "'plain X'",
        r'"\"quoted\" X"',
        r"'\n is two X'",
        r'"\u00e9\U0001F642\t\\ X"',
        '"""\nline\nX"""',
        '"""\r\nline\r\n X"""',
        '"""no break X"""',
        '"""a \\\n   \n  b X"""',
        '"""a \\  \n X"""',
        "'''\nline\n  X'''",
        "'''\r\nline\r\nX'''",
        '"""a "quoted" \\"b\\" X"""',
        "'''it's X'''",
        '"é🙂 X"',
    ],
)
def test_the_character_of_the_value_is_found_in_the_text_whatever_the_quotes(literal: str) -> None:
    text = f"k = {literal}\n"
    line, column = Positions(text).place(("k",), tomllib.loads(text)["k"].index("X"))
    assert text.split("\n")[line - 1][column - 1] == "X"


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.dates()
    | st.times()
    | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.text(max_size=5) | st.sampled_from(["a", "b-c", "d e", "f.g", '"', "'", "é", "\\"])


def paths(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, value in items:
        yield (*path, name), value
        yield from paths(value, (*path, name))


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=5), st.booleans())
def test_any_toml_can_be_placed_and_every_place_is_inside(data: dict[str, Any], is_multiline: bool) -> None:
    text = tomli_w.dumps(data, multiline_strings=is_multiline)
    positions = Positions(text)
    lines = text.split("\n")
    for path, value in paths(tomllib.loads(text)):
        for offset in (None, 0, len(value) if isinstance(value, str) else 0):
            line, column = positions.place(path, offset)
            assert 1 <= line <= len(lines)
            assert 1 <= column <= len(lines[line - 1]) + 1


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES | st.text(max_size=20).map(lambda text: text + "X"), max_size=5), st.booleans())
def test_the_last_character_of_any_text_is_found(data: dict[str, Any], is_multiline: bool) -> None:
    text = tomli_w.dumps(data, multiline_strings=is_multiline)
    positions = Positions(text)
    for path, value in paths(tomllib.loads(text)):
        if isinstance(value, str) and value.endswith("X"):
            line, column = positions.place(path, len(value) - 1)
            assert text.split("\n")[line - 1][column - 1] == "X"
