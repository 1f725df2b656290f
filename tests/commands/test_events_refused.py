"""`events list --refused`: what was not accepted."""

from collections.abc import Callable

import pytest

from tests.support.folder import PAYLOAD, USAGE, Folder


@pytest.fixture(scope="module")
def refused(made: Callable[[str], Folder]) -> Folder:
    folder = made("refused")
    assert folder.run("events", "list", "--refused").out == "nothing was refused\n"
    lines = [
        {"type": USAGE, "payload": {**PAYLOAD, "limit": "10k"}},
        {"type": "trial.lost", "payload": {}, "source": "crm"},
        {"type": USAGE, "payload": PAYLOAD},
    ]
    assert folder.batch(lines).code == 65
    return folder


def test_it_says_what_came_from_where_and_why_not(refused: Folder) -> None:
    first, second = refused.run("events", "list", "--refused", env={"COLUMNS": "200"}).out.splitlines()
    assert "undeclared  trial.lost  from crm  the event type trial.lost is not declared" in first
    assert f"schema  {USAGE}  from cli  {USAGE} does not fit its declaration: limit must be a number" in second


@pytest.mark.parametrize(
    ("arguments", "types"),
    [
        ((), ["trial.lost", USAGE]),
        (("--limit", "1"), ["trial.lost"]),
        (("--type", USAGE), [USAGE]),
        (("--type", "trial.*"), ["trial.lost"]),
        (("--source", "crm"), ["trial.lost"]),
        (("ACME",), [USAGE]),
    ],
)
def test_it_may_be_of_some(refused: Folder, arguments: tuple[str, ...], types: list[str]) -> None:
    listed = refused.run("events", "list", "--refused", "--json", *arguments).lines
    assert [letter["type"] for letter in listed] == types


def test_what_a_refusal_has_not_cannot_be_asked_for(refused: Folder) -> None:
    result = refused.run("events", "list", "--refused", "--pipeline", "usage-limit-hits")
    assert (result.code, "--refused goes with" in result.err) == (2, True)
