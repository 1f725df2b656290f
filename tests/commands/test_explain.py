"""`explain`, as it is used."""

from pathlib import Path

import pytest

from tests.support.program import ingestlayer


def test_a_key_is_shown_with_its_meaning_type_default_and_an_example(tmp_path: Path) -> None:
    result = ingestlayer("explain", "checks.quota.rearm", cwd=tmp_path)
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "rearm of [checks.NAME]\n"
        "  How far below a level the value must fall before the level can be reached again.\n\n"
        "  type     number from 0\n"
        "  default  0.05\n"
        "  example  rearm = 0.05\n\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_step_is_shown_with_its_reference_and_its_keys(tmp_path: Path) -> None:
    out = ingestlayer("explain", "dedupe", cwd=tmp_path).out
    assert "Drops an event whose key this pipeline let through less than `window` before or after it." in out
    assert '    use = "dedupe"\n' in out
    assert "  window    How far apart two events of a key must be. (a duration; required)\n" in out


def test_without_a_topic_there_is_all_that_may_be_asked_for(tmp_path: Path) -> None:
    result = ingestlayer("explain", cwd=tmp_path, env={"COLUMNS": "60"})
    assert "Steps\n  crossing  dedupe" in result.out
    assert max(map(len, result.out.splitlines())) <= 60
    assert "ingestlayer explain TOPIC" in result.err


def test_of_a_command_its_help_is_named(tmp_path: Path) -> None:
    assert ingestlayer("explain", "emit", cwd=tmp_path).err.endswith("of the command: ingestlayer emit --help\n")
    assert "--help" not in ingestlayer("explain", "dedupe", cwd=tmp_path).err


def test_many_of_a_name_are_a_line_each(tmp_path: Path) -> None:
    out = ingestlayer("explain", "key", cwd=tmp_path).out
    assert "steps.throttle.key What is counted together." in [" ".join(line.split()) for line in out.splitlines()]


@pytest.mark.parametrize(
    ("asked", "near"),
    [("store.pth", "store.path"), ("throtle", "steps.throttle"), ("outbx", "word.outbox"), ("exot", "exit")],
)
def test_what_is_unknown_names_the_near_miss(asked: str, near: str, tmp_path: Path) -> None:
    result = ingestlayer("explain", asked, "--json", cwd=tmp_path)
    assert result.code == 2
    assert near.rpartition(".")[2] in result.error["message"].partition("did you mean")[2]


def test_what_is_said_in_several_places_alike_is_shown_once_whole(tmp_path: Path) -> None:
    result = ingestlayer("explain", "recheck", cwd=tmp_path)
    assert result.out.startswith("recheck of the destination ")
    assert result.out.count("judged again") == 1
    assert "alerts.webhook.recheck" in result.err


def test_as_json_a_topic_says_where_its_keys_are_told(tmp_path: Path) -> None:
    found = ingestlayer("explain", "store", "--json", cwd=tmp_path).json
    first = found["topics"][0]
    assert (found["topic"], first["name"], first["kind"]) == ("store", "store", "table")
    everything = {topic["name"] for topic in ingestlayer("explain", "--json", cwd=tmp_path).json["topics"]}
    assert set(first["keys"]) <= everything


def test_markdown_is_the_whole_reference(tmp_path: Path) -> None:
    out = ingestlayer("explain", "--markdown", cwd=tmp_path).out
    assert "\n### `checks.NAME`\n" in out
    assert "\n- `rearm`: How far below a level" in out
    assert "\n## Exit codes\n" in out
    assert not out.endswith("\n\n")


def test_markdown_and_json_do_not_go_together(tmp_path: Path) -> None:
    assert ingestlayer("explain", "--markdown", "--json", cwd=tmp_path).code == 2
