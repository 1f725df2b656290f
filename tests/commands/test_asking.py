"""`slack connect` as a person meets it: on a terminal of 80 columns."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.person import MARK, SCOPES, TOKEN, Person
from tests.support.program import PROGRAM
from tests.support.terminal import Terminal


def connecting(person: Person, *options: str, **env: str) -> Terminal:
    return Terminal(PROGRAM, "slack", "connect", *options, cwd=person.root, env=person.environment(env))


def test_by_hand_there_is_one_question(person: Person) -> None:
    with connecting(person) as terminal:
        told = terminal.expect("bot token, xoxb-… (not shown): ")
        terminal.type(TOKEN)
        assert terminal.wait() == 0
        assert "connected to Stand-in as @ingest" in terminal.text
        assert MARK not in terminal.text
    assert all(scope in told for scope in SCOPES)
    assert told.index("chat:write") < told.index("https://api.slack.com/apps?new_app=1&manifest_json=")
    assert "Install to Workspace, then Allow" in told


def test_every_line_but_an_address_fits_80_columns(person: Person) -> None:
    with connecting(person) as terminal:
        terminal.expect("(not shown): ")
        terminal.type(TOKEN)
        terminal.wait()
        long = [line for line in terminal.text.splitlines() if len(line) > 80 and "https://" not in line]
    assert [line for line in long if str(person.kept) not in line] == []


@pytest.mark.parametrize("way", [(), ("--token-stdin",), ("--webhook-stdin",), ("--oauth",)])
def test_ctrl_c_at_a_prompt_is_130(person: Person, way: tuple[str, ...]) -> None:
    with connecting(person, *way) as terminal:
        terminal.expect(": ")
        terminal.expect("" if way else "(not shown): ")
        assert terminal.interrupt() == 130
    assert not person.kept.exists()


def test_ctrl_c_with_json_is_one_document(person: Person) -> None:
    with connecting(person, "--json") as terminal:
        terminal.expect("(not shown): ")
        assert terminal.interrupt() == 130
        assert '"kind": "interrupted"' in terminal.text


@pytest.mark.parametrize("way", [(), ("--token-stdin",), ("--webhook-stdin",), ("--oauth",)])
def test_the_end_of_the_input_at_a_prompt_is_wrong_usage(person: Person, way: tuple[str, ...]) -> None:
    with connecting(person, *way) as terminal:
        terminal.expect("client id of the app: " if "--oauth" in way else "(not shown): ")
        terminal.type("", end="\x04")
        assert terminal.wait() == 2, terminal.text
        assert "nothing was given" in terminal.text


def test_a_token_asked_for_by_token_stdin_on_a_terminal_is_not_shown(person: Person) -> None:
    with connecting(person, "--token-stdin") as terminal:
        terminal.expect("(not shown): ")
        terminal.type(TOKEN)
        assert terminal.wait() == 0
        assert MARK not in terminal.text


def browser(person: Person) -> tuple[str, Path]:
    """Return a browser, as BROWSER names one, and the file in which it writes down what it is to open."""
    opened, script = person.outside / "opened", person.outside / "browser"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    script.chmod(0o755)
    return f"{script} %s", opened


def test_the_browser_is_opened_with_the_link_that_is_printed(person: Person) -> None:
    name, opened = browser(person)
    with connecting(person, BROWSER=name) as terminal:
        told = terminal.expect("(not shown): ")
        terminal.type(TOKEN)
        terminal.wait()
    assert opened.read_text() in told
    assert opened.read_text().startswith("https://api.slack.com/apps?new_app=1")
    assert "on any machine" not in told


def test_no_browser_is_opened_when_none_is_wanted(person: Person) -> None:
    name, opened = browser(person)
    with connecting(person, "--no-browser", BROWSER=name) as terminal:
        assert "on any machine" in terminal.expect("(not shown): ")
    assert not opened.exists()


def test_far_away_the_link_is_for_another_machine(person: Person) -> None:
    """Over SSH a text browser would take the terminal: nothing is opened."""
    trap = person.outside / "bin"
    trap.mkdir()
    for name in ("w3m", "lynx", "links", "elinks", "www-browser", "x-www-browser", "xdg-open", "firefox"):
        (trap / name).write_text(f"#!/bin/sh\ntouch {person.outside}/opened\n")
        (trap / name).chmod(0o755)
    more = {"PATH": f"{trap}:{os.environ['PATH']}", "SSH_CONNECTION": "1 2 3 4", "DISPLAY": "localhost:10.0"}
    with connecting(person, **more, TERM="xterm") as terminal:
        assert "on any machine" in terminal.expect("(not shown): ")
    assert not (person.outside / "opened").exists()


def test_a_kill_at_the_prompt_leaves_nothing_behind(person: Person) -> None:
    with connecting(person) as terminal:
        terminal.expect("(not shown): ")
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.wait()
    assert not person.kept.exists()


def test_no_secret_is_an_argument_of_a_process(person: Person) -> None:
    """Looked at while Slack is being asked."""
    with connecting(person) as terminal:
        terminal.expect("(not shown): ")
        terminal.type(TOKEN)
        commands = b""
        while terminal.running:
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    commands += path.read_bytes()
                except OSError:
                    continue
        terminal.wait()
    assert MARK.encode() not in commands


def test_from_a_fresh_machine_to_the_first_message_it_takes_three_commands_and_one_question(person: Person) -> None:
    fresh = person.home / "fresh"
    fresh.mkdir()
    env = {**person.environment(), "COLUMNS": "80"}
    commands, questions = 0, 0
    with Terminal(PROGRAM, "init", cwd=fresh, env=env) as terminal:
        assert terminal.wait() == 0, terminal.text
        commands += 1
    # The workspace of this test is a stand-in, which the project must name.
    toml = fresh / "ingestlayer.toml"
    toml.write_text(toml.read_text().replace("[slack]\n", f'[slack]\napi_url = "{person.slack.url}"\n', 1))
    with Terminal(PROGRAM, "slack", "connect", cwd=fresh, env=env) as terminal:
        terminal.expect("(not shown): ")
        terminal.type(TOKEN)
        assert terminal.wait() == 0, terminal.text
        next_command = terminal.text.rpartition("next: ")[2].strip()
        commands, questions = commands + 1, questions + 1
    assert next_command == "ingestlayer slack test '#alerts'"
    with Terminal(PROGRAM, "slack", "test", "#alerts", cwd=fresh, env=env) as terminal:
        assert terminal.wait() == 0, terminal.text
        assert "https://standin.slack.com/archives/" in terminal.text
        commands += 1
    assert len(person.slack.posted_to("#alerts")) == 1
    assert (commands, questions) == (3, 1)
