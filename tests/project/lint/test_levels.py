"""Levels that do not fit the values of the source are told, with those that were probably meant."""

import json
from pathlib import Path

import pytest

from ingestlayer_cli.project.lint.inspect import inspect
from tests.support.checks import Checked, table


def found(checked: Checked) -> list[str]:
    """Return what `validate` says of levels."""
    return [row.problem for row in inspect(str(checked.root), keep=False) if "levels = [" in row.problem]


def test_levels_of_a_percentage_over_a_ratio(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(levels="[80, 99.5]"))
    checked.csv(("acme", 97, 100), ("globex", 3, 100), ("hooli", "", 100))
    words = "the value is 0.03 to 0.97 in the first 2 rows of usage.csv, which is a ratio: levels = [0.8, 0.995]?"
    assert found(checked) == [words]


def test_levels_of_a_ratio_over_a_percentage(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table('source = "usage.json"', value="percent", levels="[0.8, 1.0]"))
    checked.write("usage.json", json.dumps([{"customer_id": str(n), "percent": n * 10} for n in range(10)]))
    words = "the value is 0 to 90 in the first 10 rows of usage.json, which is a percentage: levels = [80, 100]?"
    assert found(checked) == [words]


def test_numbers_are_read_as_the_format_says(tmp_path: Path) -> None:
    more = 'format = { delimiter = ";", decimal = "," }\ncolumns = { used = "Share" }'
    checked = Checked(tmp_path, table(value="used", levels="[80]", more=more))
    checked.write("usage.csv", "customer_id;Share\na;0,25\nb;0,75\nc;0,97\n")
    assert found(checked) == [
        "the value is 0.25 to 0.97 in the first 3 rows of usage.csv, which is a ratio: levels = [0.8]?"
    ]


@pytest.mark.parametrize(
    ("value", "levels", "rows"),
    [
        ("used / limit", "[0.8, 1.0]", [(97, 100), (3, 100), (300, 100)]),
        ("100 * used / limit", "[80, 100]", [(1, 100), (1, 200)]),
        ("used", "[80, 100]", [(0, 0), (1, 0), (2, 0)]),  # so few are used that nobody can tell
        ("used", "[1, 2]", [(5, 0), (7, 0), (9, 0)]),
        ("used", "[0.5]", [(5_000, 0), (7, 0), (9, 0)]),
        ("used", "[5]", []),
        ("used / limit", "[80]", [("1,000", 100)]),
    ],
)
def test_what_may_be_meant_is_let_be(tmp_path: Path, value: str, levels: str, rows: list[tuple[object, int]]) -> None:
    checked = Checked(tmp_path, table(value=value, levels=levels))
    checked.csv(*((f"c{number}", *row) for number, row in enumerate(rows)))
    assert found(checked) == []


def test_a_quotient_of_columns_is_a_ratio_however_far_over_the_limit(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(levels="[0.8, 1.0]"))
    checked.csv(("acme", 370, 100), ("globex", 250, 100), ("hooli", 90, 100))
    assert found(checked) == []
