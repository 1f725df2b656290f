"""The terminal connection is honest: what it draws, or under -q does not even draw, leaves the machine by nothing."""

import json

import pytest

from tests.support.person import EMIT, TOKEN, TYPE, Person
from tests.support.program import PROGRAM
from tests.support.terminal import Terminal

UNSENT = "nothing leaves this machine"
BATCH = "".join(
    json.dumps({"type": TYPE, "payload": {"customer_id": name, "used": 120}}) + "\n" for name in ("acme", "globex")
)
CHECK = """
[checks.api]
source = "usage.csv"
value = "used"
levels = [100]
key = ["customer_id"]
emit = "usage.limit_reached"
"""


def typed(person: Person, *arguments: str) -> str:
    """Return what a command says on a terminal."""
    with Terminal(PROGRAM, *arguments, cwd=person.root, env=person.environment()) as terminal:
        assert terminal.wait() == 0
        return terminal.text


def test_quiet_says_once_on_a_terminal_that_nothing_leaves_the_machine(person: Person) -> None:
    assert person.run(*EMIT, "-q").said == ""  # cron gets errors alone
    assert UNSENT in typed(person, *EMIT, "-q")
    assert typed(person, *EMIT, "-q") == ""


@pytest.mark.parametrize("command", ["batch", "check", "deliver"])
def test_so_does_every_command_that_sends(person: Person, command: str) -> None:
    person.settings(person.toml + CHECK)
    person.write("usage.csv", "customer_id,used\nacme,120\n")
    person.write("events.ndjson", BATCH)
    if command == "deliver":
        person.run(*EMIT, "--no-deliver", "-q")
    arguments = {"batch": ("emit", "--batch", "events.ndjson"), "check": ("check",), "deliver": ("deliver",)}[command]
    assert UNSENT in typed(person, *arguments, "-q")


def test_connecting_counts_what_was_only_shown_and_names_what_sends_it(person: Person) -> None:
    person.run("emit", "--batch", "-", "-q", stdin=BATCH)
    assert person.run("slack", "connect", "--token-stdin", "--json", stdin=TOKEN).json["shown"] == 2
    told = person.connect().err
    assert "2 messages were only shown on a terminal" in told
    assert "ingestlayer replay --status shown" in told
    assert person.run("replay", "--status", "shown", "--yes").code == 0
    assert len(person.slack.messages) == 2
    assert "only shown" not in person.connect().err
