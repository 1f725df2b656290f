"""Switching the connection in ingestlayer.toml, whatever it looks like: nothing else of the file changes."""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.operations.slack.switching import switch
from ingestlayer_cli.system.errors import ProjectError


def switched(folder: Path, text: str, workspace: str = "", connection: str = "bot") -> str:
    path = folder / "ingestlayer.toml"
    path.write_bytes(text.encode())
    assert switch(str(folder), connection, workspace)
    after = path.read_bytes().decode()
    before: Any = tomllib.loads(text.removeprefix("\ufeff"))
    table = before.setdefault("slack", {})
    if workspace:
        table = table.setdefault("workspaces", {}).setdefault(workspace, {})
    table["connection"] = connection
    assert tomllib.loads(after.removeprefix("\ufeff")) == before
    kept = [line for line in text.splitlines() if line.strip().startswith("#")]
    assert [line for line in after.splitlines() if line.strip().startswith("#")] == kept
    return after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('[slack]\nconnection = "terminal"  # later bot\n', '[slack]\nconnection = "bot"  # later bot\n'),
        ("[slack]\nconnection = 'terminal'\n", "[slack]\nconnection = 'bot'\n"),
        ("", '[slack]\nconnection = "bot"\n'),
        ("# only this", '# only this\n\n[slack]\nconnection = "bot"\n'),
        ("[store]\n", '[store]\n\n[slack]\nconnection = "bot"\n'),
        ("[slack]", '[slack]\nconnection = "bot"\n'),
        ("[slack] # here\npace = '1s'\n", "[slack] # here\nconnection = \"bot\"\npace = '1s'\n"),
        ("[ slack ]\npace = '1s'\n[store]\n", "[ slack ]\nconnection = \"bot\"\npace = '1s'\n[store]\n"),
        ('["slack"]\n', '["slack"]\nconnection = "bot"\n'),
        ("slack = { pace = '1s' } # in\n", "slack = { connection = \"bot\", pace = '1s' } # in\n"),
        ("slack = {pace = '1s'}\n", "slack = { connection = \"bot\",pace = '1s'}\n"),
        ("slack = {}\n", 'slack = { connection = "bot" }\n'),
        ('slack = { connection = "terminal" }\n', 'slack = { connection = "bot" }\n'),
        ("slack.pace = '1s'\n", "slack.connection = \"bot\"\nslack.pace = '1s'\n"),
        ('slack.connection = "webhook"\n', 'slack.connection = "bot"\n'),
        ("[slack.workspaces.x]\n", '[slack.workspaces.x]\n\n[slack]\nconnection = "bot"\n'),
        ("[slack]\r\npace = '1s'\r\n", "[slack]\r\nconnection = \"bot\"\r\npace = '1s'\r\n"),
        ("\ufeff[slack]\n", '\ufeff[slack]\nconnection = "bot"\n'),
        ("# [slack]\n# connection = 'x'\n[slack]\n", "# [slack]\n# connection = 'x'\n[slack]\nconnection = \"bot\"\n"),
    ],
)
def test_the_default_workspace(tmp_path: Path, text: str, after: str) -> None:
    assert switched(tmp_path, text) == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("[slack.workspaces.x]\n", '[slack.workspaces.x]\nconnection = "bot"\n'),
        ("[slack]\npace = '1s'\n", "[slack]\npace = '1s'\n\n[slack.workspaces.x]\nconnection = \"bot\"\n"),
        (
            "[slack.workspaces]\nx = { pace = '1s' }\n",
            "[slack.workspaces]\nx = { connection = \"bot\", pace = '1s' }\n",
        ),
        ("[slack.workspaces]\nx.pace = '1s'\n", "[slack.workspaces]\nx.connection = \"bot\"\nx.pace = '1s'\n"),
        (
            "[slack]\nworkspaces.x.pace = '1s'\n",
            "[slack]\nworkspaces.x.connection = \"bot\"\nworkspaces.x.pace = '1s'\n",
        ),
        ('[slack]\nconnection = "bot"\n', '[slack]\nconnection = "bot"\n\n[slack.workspaces.x]\nconnection = "bot"\n'),
        ("[slack.workspaces.y]\n", '[slack.workspaces.y]\n\n[slack.workspaces.x]\nconnection = "bot"\n'),
    ],
)
def test_a_workspace(tmp_path: Path, text: str, after: str) -> None:
    assert switched(tmp_path, text, "x") == after


def test_a_table_of_the_same_name_inside_a_text_is_left_alone(tmp_path: Path) -> None:
    text = '[store]\npath = """\n[slack]\n"""\n[slack]\n'
    assert switched(tmp_path, text) == text + 'connection = "bot"\n'


def test_the_same_connection_leaves_the_file_untouched(tmp_path: Path) -> None:
    path = tmp_path / "ingestlayer.toml"
    path.write_text('[slack]\nconnection = "bot"')
    os.utime(path, (1, 1))
    assert not switch(str(tmp_path), "bot")
    assert path.stat().st_mtime == 1


def test_what_cannot_be_edited_says_what_to_write(tmp_path: Path) -> None:
    text = "slack = { workspaces = { y = {} } }\n"
    (tmp_path / "ingestlayer.toml").write_text(text)
    with pytest.raises(ProjectError) as told:
        switch(str(tmp_path), "bot", "x")
    assert told.value.hint == 'write connection = "bot" below [slack.workspaces.x]'
    assert (tmp_path / "ingestlayer.toml").read_text() == text


def test_mode_and_link_stay(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("[slack]\n")
    (tmp_path / "real.toml").chmod(0o640)
    (tmp_path / "ingestlayer.toml").symlink_to("real.toml")
    switch(str(tmp_path), "bot")
    assert (tmp_path / "ingestlayer.toml").is_symlink()
    assert (tmp_path / "real.toml").stat().st_mode & 0o777 == 0o640
    assert "bot" in (tmp_path / "real.toml").read_text()


LINES = st.lists(
    st.sampled_from(
        [
            "# [slack]",
            "",
            "[slack]",
            "[slack.workspaces.x]",
            "[slack.workspaces.y]",
            '[store]\npath = "a"',
            'connection = "terminal"',
            "connection = 'webhook' # c",
            'pace = "1s"',
            'note = """\n[slack]\nconnection = "no"\n"""',
            'slack.pace = "2s"',
            'slack = { pace = "2s" }',
            "workspaces = { x = {} }",
        ]
    ),
    max_size=7,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "x"]))
def test_either_the_connection_and_nothing_else_changes_or_it_is_refused(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, workspace: str
) -> None:
    text = end.join(lines).replace("\r\n", "\n").replace("\n", end)
    try:
        data: Any = tomllib.loads(text)
        table = data.get("slack", {})
        table = table.get("workspaces", {}).get("x", {}) if workspace else table
        if table.get("connection") == "bot":
            return
    except tomllib.TOMLDecodeError:
        return
    folder = tmp_path_factory.mktemp("toml")
    try:
        switched(folder, text, workspace)
    except ProjectError:
        assert (folder / "ingestlayer.toml").read_bytes().decode() == text
