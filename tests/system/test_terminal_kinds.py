"""Terminals that lack characters, and those that are to get no attributes."""

import shlex
import subprocess
from pathlib import Path
from unicodedata import category, east_asian_width

import pytest
from rich.cells import cell_len

from ingestlayer_cli.system.terminal import clean
from tests.support.drawing import drawn
from tests.support.folder import USAGE, Folder
from tests.support.program import PROGRAM, environment, ingestlayer
from tests.support.terminal import Terminal

ACME = ("--customer", "acme", "--metric", "seats", "--limit", "100", "--used", "120", "--plan", "pro")
BROKEN = """
[[tests]]
name = "no"
event = { type = "usage.limit_reached", payload = {} }
expect = { channels = ["#x"] }
"""
COMMANDS = (
    *("--help", "events", "emit --help", f"emit {USAGE} {shlex.join(ACME)}", "emit nope", f"preview {USAGE}"),
    *("status", "test", "recipes usage-limit-hits", "validate", "pipelines show usage-limit-hits", "why @last"),
)


@pytest.fixture
def told(project: Folder) -> Folder:
    """A project with one event, and a test that fails beside those that pass."""
    project.emit(*ACME)
    file = project.root / "pipelines" / "usage-limit-hits.toml"
    file.write_text(file.read_text() + BROKEN)
    return project


def printed(project: Folder, encoding: str, *command: str) -> str:
    env = environment({"PYTHONIOENCODING": encoding, "COLUMNS": "80"})
    done = subprocess.run([PROGRAM, *command], cwd=project.root, env=env, capture_output=True)
    return done.stdout.decode(encoding)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_what_passed_and_what_failed_differ_in_every_encoding(told: Folder, encoding: str) -> None:
    out = printed(told, encoding, "test")
    assert "  + a blocking limit goes to #alerts\n" in out
    assert "  x no\n" in out
    preview = printed(told, encoding, "preview", USAGE)
    assert "  + enrich.entity" in preview
    assert "?" not in preview
    box = [line for line in preview.splitlines() if line.startswith(("|", "+-"))]
    assert {len(line) for line in box} == {80}


def test_what_is_no_mark_of_ours_is_question_marks_as_wide(tmp_path: Path) -> None:
    result = ingestlayer("recipes", "naï日x", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert "there is no recipe na???x" in result.err


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_command_writes_an_escape_where_none_is_wanted(told: Folder, variable: dict[str, str]) -> None:
    env = environment({"TERM": "xterm-256color", "HOME": str(told.root), **variable})
    raw = ""
    for command in COMMANDS:
        with Terminal(PROGRAM, *shlex.split(command), cwd=told.root, env=env) as terminal:
            terminal.wait()
            raw += terminal.raw
    assert "#alerts" in raw
    assert "\x1b" not in raw


def test_a_terminal_with_colours_has_them(told: Folder) -> None:
    env = environment({"TERM": "xterm-256color", "HOME": str(told.root)})
    with Terminal(PROGRAM, "preview", USAGE, cwd=told.root, env=env) as terminal:
        terminal.wait()
        assert "\x1b[" in terminal.raw


def wide(text: str) -> int:
    """Return how many columns a terminal gives a text that looks at one character after the other."""
    narrow = ("Mn", "Me", "Cf")
    return sum(0 if category(char) in narrow else 2 if east_asian_width(char) in "WF" else 1 for char in text)


EMOJI = ["⚠️ x", "👩‍💻 x", "👍🏽 x", "🇩🇪 x", "1️⃣ x", "❤️‍🔥 x", "日本 x", "🏳️‍🌈 x", "é x", "🚨 x"]


@pytest.mark.parametrize("text", EMOJI)
def test_a_text_is_as_wide_on_every_terminal(text: str) -> None:
    assert cell_len(clean(text)) == wide(clean(text))
    assert clean(text).endswith(" x")


@pytest.mark.parametrize("width", [80, 120])
def test_a_box_keeps_its_right_border_beside_emoji(width: int) -> None:
    text = "\n".join([*EMOJI, ":warning: :flag-de: :heart: :woman_technologist: x"])
    lines = drawn({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}, width).splitlines()
    assert len({wide(line) for line in lines}) == 1
