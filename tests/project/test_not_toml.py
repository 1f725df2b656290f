"""The usual mistakes in TOML, each with its place and what to write instead."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestlayer_cli.project.not_toml import why

MARKS = "with other characters than letters, digits, _ and - needs quotes"
ONE_LINE = "a table in { } stands in one line, with commas between its pairs, and none after the last"
ODD = 'a " is missing: each text has one before it and one after it'


def told(text: str) -> str | None:
    """Return `line:column: words`; None where it is TOML."""
    try:
        tomllib.loads(text)
    except ValueError as error:
        line, column, words = why(text, error)
        return f"{line}:{column}: {words}"
    return None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # quotes
        ("channel = #alerts\n", '1:11: a text stands in quotes: write channel = "…"'),
        ("a = 1\r\nwindow = 5m\r\n", '2:10: a text stands in quotes: write window = "…"'),
        ("when = $event.used > 1\n", '1:8: a text stands in quotes: write when = "…"'),
        ("match = [usage.x]\n", '1:10: a text stands in quotes: write "…"'),
        ("match = [\n  'a',\n  b,\n]\n", '3:3: a text stands in quotes: write "…"'),
        ('a = "hello\nb = 1\n', f"1:5: {ODD}"),
        ('match = ["a, "b"]\n', f"1:15: {ODD}"),
        ("a = “x”\n", '1:5: “ is a typographic quote: write "'),
        ("a = ‘x’\n", "1:5: ‘ is a typographic quote: write '"),
        (
            'when = "$event.metric == "seats""\n',
            "1:27: the text ends here, at its second \": write it in ' ', with \" in it",
        ),
        (
            'path = "C:\\users\\x"\n',
            "1:8: a backslash begins an escape in \" \": write the text in ' ', or each backslash twice",
        ),
        ('b = 1\na = """x\ny = 2\n[slack]\n', '2:5: the text that begins here with """ is not closed'),
        # tables and lists
        ("[slack\n", "1:1: [slack is not closed as it is opened: write [slack]"),
        ("[[steps]\n", "1:1: [[steps] is not closed as it is opened: write [[steps]]"),
        ("[entities.my kind]\n", f'1:1: a name {MARKS}: write [entities."my kind"]'),
        ('[slack] connection = "bot"\n', "1:8: [slack] stands in a line of its own"),
        ("[steps]\na = 1\n[steps]\n", "3:1: [steps] stands for one of a list: write [[steps]], each time"),
        ("[[steps]]\na = 1\n[steps]\n", "3:1: [steps] stands for one of a list: write [[steps]], each time"),
        ("[steps]\na = 1\n[[steps]]\n", "3:1: [steps] in line 1 is no list: write [[steps]] there, too"),
        ('a = [\n  "x"\n[[steps]]\n', "1:5: the list that begins here is not closed: its ] is missing"),
        ("a = [\n1", "1:5: the list that begins here is not closed: its ] is missing"),
        ('match = ["a" "b"]\n', "1:14: a comma is missing between two values"),
        ('match = [\n  "a"\n  "b",\n]\n', "3:3: a comma is missing before this value"),
        ('event = {\n  type = "u"\n}\n', f"1:10: {ONE_LINE}"),
        ("a = { b = 1, }\n", f"1:14: {ONE_LINE}"),
        ("a = { b: 1 }\n", "1:8: between a key and its value stands =, and no colon"),
        # a key twice
        ("a = 1\nb = 2\na = 2\n", "3:1: a stands twice, first in line 1"),
        ("[a]\nb = 1\n[c]\nb = 1\nb = 2\n", "5:1: b stands twice, first in line 4"),
        ("[slack]\na = 1\n[store]\n[slack]\n", "4:1: [slack] stands twice, first in line 1"),
        ("slack = { a = 1 }\n[slack]\n", "2:1: [slack] is there already, in line 1: put its keys there"),
        (
            "[e.c]\nformat = { a = 1 }\n[e.c.format]\n",
            "3:1: [e.c.format] is there already, in line 2: put its keys there",
        ),
        ("a = { b = 1, b = 2 }\n", "1:19: a key stands twice in this { }"),
        # a key, =, a value
        ('channel "#alerts"\n', "1:9: = is missing between a key and its value: write channel = …"),
        ('channel: "#alerts"\n', "1:8: between a key and its value stands =, and no colon: write channel = …"),
        ("slack\n", "1:6: = and a value are missing: write slack = …"),
        ("a =\n", "1:4: the value is missing: write a = …"),
        ("a == 1\n", "1:3: one = stands between a key and its value"),
        ('CSM Channel = "x"\n', f'1:1: a key {MARKS}: write "CSM Channel" = …'),
        ("a = True\n", "1:5: this is written true or false: write a = true"),
        ("a = null\n", "1:5: TOML has no null: leave the key out"),
        ("a = 10,000\n", "1:5: a number has no thousands separators: write a = 10000"),
        ("a = 2026-13-01\n", "1:5: this is no date of the calendar"),
        ("a = 1;\n", "1:5: no ; stands after a value"),
        ('a = "x" b = 2\n', "1:8: each key stands in a line of its own"),
        # what stands nowhere
        ("a\u00a0= 1\n", "1:2: a character that does not show stands here (U+00A0): delete it"),
        ("a = 1\n\ufeffb = 2\n", "2:1: a character that does not show stands here (U+FEFF): delete it"),
        ('a = "\0"\n', "1:6: a control character stands here (U+0000): delete it"),
        ("// hi\n", "1:1: a comment begins with #"),
        ("a = 1\n<<<<<<< HEAD\nb = 2\n", "2:1: a merge of two versions is not finished here"),
        ('{"a": 1}\n', "1:1: this looks like JSON: TOML has key = value, each in a line of its own"),
    ],
)
def test_a_mistake_is_told_where_it_is_with_what_to_write(text: str, words: str) -> None:
    assert told(text) == words


WHOLE = """#:schema x
timezone = "Europe/Berlin"
[entities.customer]
columns = { id = "Account ID", "b c" = 'd' }
levels = [0.8, 1.0]
[[steps]]
match = [
  "a",  # one
  "b",
]
text = \"\"\"
two
lines\"\"\"
"""


@given(
    at=st.integers(0, len(WHOLE) - 1),
    gone=st.integers(0, 3),
    there=st.text("abc=[]{}\"',.#\n\r\t\\ “\u200b12", max_size=4),
)
def test_whatever_is_wrong_is_told_at_a_place_of_the_text(at: int, gone: int, there: str) -> None:
    text = WHOLE[:at] + there + WHOLE[at + gone :]
    try:
        tomllib.loads(text)
    except ValueError as error:
        found: Any = why(text, error)
        lines = text.split("\n")
        assert 1 <= found.line <= len(lines)
        assert 1 <= found.column <= len(lines[found.line - 1]) + 1
        assert found.words
