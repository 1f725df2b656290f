"""Every help text of every command is printed as it is written, and so are those of a project's fields."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from ingestlayer_cli import main
from ingestlayer_cli.app import app
from ingestlayer_cli.commands.arguments import EMIT, PREVIEW, Option
from ingestlayer_cli.commands.check import CHECK
from ingestlayer_cli.commands.help_texts import literal
from tests.support.folder import Folder

HOSTILE = {
    "a tag": "[bold]x[/bold]",
    "a closing tag": "the path [/v1/users] of it",
    "a reference": "of [slack.workspaces.NAME], [entities.KIND] and [[steps]]",
    "backslashes": r"C:\[dir]\[x] \\[b]",
    "an emoji": "from 10:100:5 to :fire: :smile:",
    "an address": "see https://a.example/[id]?x=[y]#[z]",
    "what is no tag": "[A] [1] [ x] [] [",
    "a colour": "\x1b[31mred\x1b[0m",
    "lines": "one\ntwo\r\nthree",
}
OPTIONS: dict[str, list[Option]] = {"emit": EMIT, "preview": PREVIEW, "check": CHECK}


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, *path, name)


ALL = dict(commands(typer.main.get_command(app)))


def words(text: str) -> str:
    """Return a text without the frames and columns that it is laid out in."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_help_text_is_whole(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # no line is broken
    assert main.run([*path, "--help"]) == 0
    shown = words(capsys.readouterr().out)
    command = ALL[path]
    texts = [command.help, *(getattr(parameter, "help", None) for parameter in command.params)]
    texts += [option.help for option in OPTIONS.get(" ".join(path), ())]
    assert [text for text in texts if text and words(text) not in shown] == []
    for inner in getattr(command, "commands", {}).values():
        assert words(inner.help.split("\n\n")[0]) in shown


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "lines"])
def test_markup_of_a_literal_text_shows_it(name: str) -> None:
    from rich.text import Text

    text = HOSTILE[name]
    assert Text.from_markup(literal(text)).plain == text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_description_of_a_field_is_shown_as_it_is_written(project: Folder, name: str) -> None:
    import json

    project.declare("shop.sold", f"[fields]\ncity = {{ type = 'string', description = {json.dumps(HOSTILE[name])} }}\n")
    result = project.run("emit", "shop.sold", "--help", env={"COLUMNS": "200"})
    assert result.code == 0
    shown = HOSTILE[name].replace("\r\n", "\\n").replace("\n", "\\n").replace("\x1b", "�")
    assert words(shown) in words(result.out)
