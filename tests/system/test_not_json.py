"""What is no JSON is said without the words of Python's decoder."""

import json

import pytest

from ingestlayer_cli.system.not_json import place_of, words_of


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ("", "a value is missing", "column 1"),
        ('{"a": }', "a value is missing", "column 7"),
        ("[1 2]", "a comma is missing, or its end", "column 4"),
        ('{\n"a" 1}', "a colon is missing", "line 2, column 5"),
        ("{a: 1}", "a name in double quotes is missing", "column 2"),
        ('["a', "a text is not closed", "column 2"),
        ('["a\n"]', "a control character, like a line break, stands in a text: write it as \\n", "column 4"),
        ('["\\u12"]', "\\u wants four hexadecimal digits", "column 4"),
        ('["\\d"]', "a backslash stands before what it cannot escape: write it as \\\\", "column 3"),
        ("1 2", "something follows its end", "column 3"),
    ],
)
def test_each_fault_has_its_words(text: str, words: str, place: str) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    assert (words_of(caught.value), place_of(caught.value)) == (words, place)


def test_a_fault_of_a_later_python_is_told_without_its_words() -> None:
    error = json.JSONDecodeError("Frobnicated delimiter", "x", 0)
    assert words_of(error) == "it is broken"
