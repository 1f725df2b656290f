"""What events, files and arguments hold is printed literally: in its line, and without acting on the terminal."""

import json
import re
from collections.abc import Callable

import pytest

from ingestlayer_cli.system.terminal import ACTING, clean, escaped, line
from tests.support.folder import Folder
from tests.support.program import Result

FORGED = "FORGED evt_0 accepted"
HOSTILE = f"a\n{FORGED}\r{FORGED}\u2028{FORGED}\x85{FORGED}\x1b[2J\x9b2J\u202e\u2066[bold]x[/bold] [/v1]"
DECLARED = '[fields]\nname = "string"\nsize = { enum = ["s", "m"] }\n[example]\nname = "x"\nsize = "s"\n'
PIPELINE = """
match = ["shop.sold"]
[[steps]]
use = "filter"
when = "$event.name != 'x'"
[[destinations]]
use = "slack"
channel = "#events"
[destinations.message]
title = "sold"
"""
FAILING = 'match = ["shop.bad"]\n[[destinations]]\nuse = "slack"\nchannel = "#$event.name"\n'


@pytest.fixture(scope="module")
def hostile(made: Callable[[str], Folder]) -> Folder:
    """A project with events, traits and dead letters whose every text is hostile."""
    folder = made("hostile")
    folder.declare("shop.sold", DECLARED)
    folder.declare("shop.bad", DECLARED)
    folder.write("pipelines/sold.toml", PIPELINE)
    folder.write("pipelines/bad.toml", FAILING)
    data = json.dumps({"name": HOSTILE, "size": "s"})
    assert folder.run("emit", "shop.sold", "--data", data, "--key", "k1", "--source", "here").code == 0
    bad = {"type": "shop.sold", "payload": {"name": HOSTILE, "size": HOSTILE, HOSTILE: HOSTILE}}
    folder.write("bad.ndjson", "".join(json.dumps(row) + "\n" for row in (bad, {HOSTILE: 1}, {"type": HOSTILE})))
    assert folder.run("emit", "--batch", "bad.ndjson").code == 65
    assert folder.run("entities", "set", "customer", "acme", f"city={HOSTILE}").code == 0
    return folder


COMMANDS = {
    "emit": ("emit", "shop.sold", "--data", json.dumps({"name": HOSTILE, "size": "m"}), "--no-deliver"),
    "a refused event": ("emit", "shop.sold", "--data", json.dumps({HOSTILE: HOSTILE, "size": HOSTILE})),
    "a failed run": ("emit", "shop.bad", "--data", json.dumps({"name": HOSTILE, "size": "m"})),
    "a preview that fails": ("preview", "shop.bad", "--data", json.dumps({"name": HOSTILE, "size": "m"})),
    "an unknown type": ("emit", HOSTILE, "--x", HOSTILE),
    "an unknown option": ("emit", "shop.sold", f"--{HOSTILE}", HOSTILE),
    "a batch": ("emit", "--batch", "bad.ndjson"),
    "no batch": ("emit", "--batch", HOSTILE),
    "preview": ("preview", "shop.sold", "--data", json.dumps({"name": HOSTILE, "size": "m"})),
    "preview of a stored one": ("preview", "--event", "@last"),
    "events list": ("events", "list"),
    "events show": ("events", "show", "@last"),
    "events tail": ("events", "tail"),
    "events of a source": ("events", "list", "--source", HOSTILE),
    "why": ("why", "@last"),
    "why refused": ("why", "--refused"),
    "why of nothing": ("why", HOSTILE),
    "deliveries list": ("deliveries", "list", "--status", "delivered"),
    "deliveries show": ("deliveries", "show", HOSTILE),
    "entities get": ("entities", "get", "customer", "acme"),
    "entities list": ("entities", "list", "customer"),
    "entities of no kind": ("entities", "list", HOSTILE),
    "pipelines show": ("pipelines", "show", HOSTILE),
    "a condition": ("events", "list", "--where", f"$event.name == '{HOSTILE}' and ("),
    "no command": (HOSTILE,),
    "no project": ("-C", HOSTILE, "events", "list"),
    "replay": ("replay", HOSTILE, "--yes"),
    "a check": ("check", HOSTILE),
}


def assert_literal(result: Result) -> None:
    """A frame around a message is no start of a line."""
    assert not re.search(rf"[\x00-\x08\x0b-\x1f{ACTING}\u2028\u2029]", result.said)
    assert [row for row in result.said.splitlines() if row.strip().startswith("FORGED")] == []


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("columns", ["60", "160"])
def test_a_value_starts_no_line_and_drives_no_terminal(hostile: Folder, name: str, columns: str) -> None:
    result = hostile.run(*COMMANDS[name], env={"COLUMNS": columns})
    assert result.code not in (70, 130)
    assert_literal(result)


def test_a_line_shows_what_would_have_begun_another() -> None:
    assert line("a\nb\r\nc\rd\u2028e\tf\x1bg") == "a\\nb\\nc\\nd\\ne f�g"
    assert line("10\u00a0000 👩\u200d💻 \u200f") == "10\u00a0000 👩\u200d💻 \u200f"


def test_a_clean_text_keeps_its_lines() -> None:
    assert clean("a\r\nb\u2028c\x1b\u202ed") == "a\nb\ncd"


def test_escaped_json_reads_the_same() -> None:
    text = json.dumps({"a": HOSTILE}, ensure_ascii=False)
    assert json.loads(escaped(text)) == {"a": HOSTILE}
    assert not re.search(f"[{ACTING}]", escaped(text))
