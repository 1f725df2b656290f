"""The words that all errors share."""

import datetime
from typing import Any

import pytest

from ingestlayer_cli.system.errors import as_written, count_of


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
