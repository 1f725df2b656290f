"""A destination is one file or folder: what the others ask, a member that the program has never heard of tells."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support import members
from tests.support.folder import Folder

DECLARATION = '[fields]\ncustomer_id = "string"\nplan = "string"\n[example]\ncustomer_id = "acme"\nplan = "112"\n'
PAGER = '[[destinations]]\nuse = "pager"\nnumber = "{}"\ntext = "$event.customer_id is over"\n'
TEST = """
[[tests]]
name = "a pager is called"
from_example = "usage.over"
expect = {{ messages = 1, channels = [], contains = ["{}"], not_contains = ["over"], fields = {{ over = "radio" }} }}
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Folder]:
    """A project with a pager."""
    folder = Folder(tmp_path)
    folder.write("ingestlayer.toml", "")
    folder.declare("usage.over", DECLARATION)
    pipeline(folder, PAGER.format("$event.plan"))
    with members.found():
        yield folder


def pipeline(folder: Folder, *destinations: str) -> None:
    folder.write("pipelines/over.toml", 'match = ["usage.over"]\n' + "\n".join(destinations))


def emitted(folder: Folder, *arguments: str) -> Any:
    return folder.here("emit", "usage.over", "--customer-id", "acme", "--plan", "112", *arguments)


def calls(folder: Folder) -> list[Any]:
    return [json.loads(line) for line in (folder.root / "calls.ndjson").read_text().splitlines()]


def test_it_is_sent_over_the_connection_that_it_tells(project: Folder) -> None:
    result = emitted(project, "--json")
    assert result.code == 0
    (delivery,) = result.json["runs"][0]["deliveries"]
    assert [delivery[name] for name in ("destination", "target", "status")] == ["pager", "112", "delivered"]
    assert [call[1:] for call in calls(project)] == [["112", ["acme is over", "radio"]]]


def test_it_is_previewed_in_its_own_drawing(project: Folder) -> None:
    shown = project.here("preview", "usage.over")
    assert shown.code == 0
    assert "[112] <acme is over / radio>" in shown.out


def test_its_body_is_the_one_that_is_sent(project: Folder) -> None:
    (message,) = project.here("preview", "usage.over", "--json").json["runs"][0]["messages"]
    assert message["body"] == {"lines": ["acme is over", "radio"]}


def test_it_keeps_its_own_pace(project: Folder) -> None:
    for _ in range(3):
        assert emitted(project, "--no-deliver", "--json").code == 0
    assert project.here("deliver").code == 0
    times = [call[0] for call in calls(project)]
    assert len(times) == 3
    assert all(later - earlier >= 300 for earlier, later in pairwise(times))


def test_what_becomes_of_one_in_doubt_it_says(project: Folder) -> None:
    pipeline(project, PAGER.format("lost"))
    assert emitted(project, "--json").json["runs"][0]["deliveries"][0]["status"] == "unknown"
    assert project.here("deliver", "--json").code == 0
    assert len(calls(project)) == 2


def test_a_destination_that_is_drawn_makes_no_other_one_wait_for_its_turn(project: Folder) -> None:
    slack = '[[destinations]]\nuse = "slack"\nchannel = "#alerts"\n'
    pipeline(project, PAGER.format("both-1"), slack, PAGER.format("both-2"))
    result = emitted(project)
    assert (result.code, len(calls(project))) == (0, 2)
    assert "#alerts" in result.out
    assert 'connection = "terminal" stands for Slack alone; pager: it was sent' in result.err


@pytest.mark.parametrize(("words", "code"), [("ACME IS OVER", 0), ("acme is over", 1)])
def test_the_tests_of_a_pipeline_read_its_texts_and_fields(project: Folder, words: str, code: int) -> None:
    pipeline(project, PAGER.format("$event.plan"), TEST.format(words))
    assert project.here("test").code == code


def test_it_is_validated_by_its_keys_and_its_own_remarks(project: Folder) -> None:
    assert project.here("validate").code == 0
    pipeline(project, PAGER.format("911"))
    assert "over the radio 911 is not for alerts" in project.here("validate").out
    pipeline(project, PAGER.format("112").replace("number", "numbr"))
    assert 'unknown key "numbr" (did you mean "number"?)' in project.here("validate").out


def test_its_table_says_how_it_connects(project: Folder) -> None:
    project.write("ingestlayer.toml", '[pager]\npace = "700ms"\n')
    for _ in range(2):
        assert emitted(project, "--no-deliver", "--json").code == 0
    assert project.here("deliver").code == 0
    first, second = (call[0] for call in calls(project))
    assert second - first >= 700


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('[pager]\noperatr = "north"', 'ingestlayer.toml:2:1: unknown key "operatr" (did you mean "operator"?)'),
        ('[pagr]\npace = "1s"', 'ingestlayer.toml:1:1: unknown key "pagr" (did you mean "pager"?)'),
        ('[pager]\noperator = "North"', 'ingestlayer.toml:2:13: pager.operator: "North" is not a name in small'),
        ("[pager]\npace = 1", "ingestlayer.toml:2:8: pager.pace: must be a duration in quotes"),
        ('[pager]\nmute = ["911"]', "ingestlayer.toml:2:1: 911 is called by nobody"),
    ],
)
def test_what_is_wrong_in_its_table_is_told_at_its_place(project: Folder, table: str, words: str) -> None:
    project.write("ingestlayer.toml", f"{table}\n")
    assert words in " ".join(project.here("validate").out.split())


def test_its_table_is_explained_by_its_keys(project: Folder) -> None:
    told = project.here("explain", "pager").out
    assert "How calls reach a pager." in told
    assert "Who calls." in told
    key = project.here("explain", "pager.pace", "--json").json["topics"][0]
    assert (key["text"], key["default"]) == ("The time between two calls to one number.", "300ms")


def test_two_pipelines_that_call_the_same_one_are_told(project: Folder) -> None:
    pipeline(project, PAGER.format("112"))
    project.write("pipelines/again.toml", 'match = ["usage.over"]\n' + PAGER.format("112"))
    assert "pager 112 gets usage.over from pipelines/again.toml, too" in " ".join(project.here("validate").out.split())


def test_a_backtest_compares_its_words_as_it_tells_them(project: Folder) -> None:
    assert emitted(project, "--no-deliver", "--json").code == 0
    pipeline(project, PAGER.format("$event.plan").replace("is over", "was over"))
    told = project.here("backtest", "--diff").out
    assert "-acme is over" in told
    assert "+acme was over" in told
