"""The words that all errors share."""

import datetime
from http.client import BadStatusLine
from typing import Any

import pytest

from ingestlayer_cli.system.errors import as_written, cause, count_of


@pytest.mark.parametrize(
    ("number", "words", "told"),
    [
        (0, ("event",), "0 events"),
        (1, ("event",), "1 event"),
        (1_000, ("event",), "1,000 events"),
        (1, ("run waits", "runs wait"), "1 run waits"),
        (2, ("run waits", "runs wait"), "2 runs wait"),
    ],
)
def test_one_thing_is_no_plural(number: int, words: tuple[str, ...], told: str) -> None:
    assert count_of(number, *words) == told


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (None, "null"),
        ("it's", '"it\'s"'),
        ("a\tb", '"a\\tb"'),
        ("\x9b", '"\\u009b"'),
        ([True, "x", 1.5], '[true, "x", 1.5]'),
        ({"a": {"b": False}}, "{ a = { b = false } }"),
        (datetime.date(2026, 11, 3), "2026-11-03"),
        (datetime.datetime(2026, 11, 3, 9, 30, tzinfo=datetime.UTC), "2026-11-03T09:30:00Z"),
        ("x" * 100, '"' + "x" * 58 + "…"),
    ],
)
def test_a_value_is_told_as_a_file_has_it(value: Any, written: str) -> None:
    assert as_written(value) == written


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (TimeoutError("timed out"), "timed out"),
        (OSError(), "OSError"),
        (BadStatusLine("x"), "BadStatusLine: x"),
    ],
)
def test_a_cause_is_told_in_the_words_of_the_system(error: Exception, words: str) -> None:
    assert cause(error) == words
