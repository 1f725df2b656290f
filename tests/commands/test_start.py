"""`ingestlayer` alone: what to do next, or how the project stands."""

import pytest

from tests.support.person import EMIT, TOKEN, TYPE, Person
from tests.support.program import PROGRAM
from tests.support.terminal import Terminal


def test_outside_a_project_eight_lines_say_what_to_do_next(person: Person) -> None:
    result = person.run(cwd=person.home)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert len(lines) == 8
    assert max(map(len, lines)) <= 80
    assert all(command in result.out for command in ("init", "preview", "slack connect", "recipes", "--help"))


def test_a_project_that_was_named_and_is_none_is_an_error(person: Person) -> None:
    assert person.run("-C", str(person.home), cwd=person.home).code == 78
    assert person.run(cwd=person.home, env={"INGESTLAYER_PROJECT": str(person.home)}).code == 78


def told(person: Person) -> str:
    """Return the page without its line ends."""
    return " ".join(person.run().out.split())


def test_inside_a_project_it_is_status(person: Person) -> None:
    assert person.run() == person.run("status")


def test_a_new_project_shows_what_to_try(person: Person) -> None:
    result = person.run()
    assert result.code == 0
    assert "limits  active  usage.limit_reached" in result.out
    assert "connection: terminal" in result.out
    assert f"no message yet; try: ingestlayer preview {TYPE}" in result.out
    assert not (person.root / ".ingestlayer").exists()


def test_it_shows_the_connection_and_where_its_secret_is(person: Person) -> None:
    person.connect()
    assert "connection: bot, its secret is in ~/.local/state/ingestlayer/slack.json" in told(person)


def test_a_connection_without_a_secret_is_told_with_the_remedy(person: Person) -> None:
    person.settings('[slack]\nconnection = "bot"\n')
    result = person.run()
    assert result.code == 1
    assert "✗ Slack: Slack is not connected" in result.out
    assert "→ ingestlayer slack connect" in result.out


def test_each_workspace_is_shown(person: Person) -> None:
    person.connect()
    person.connect(TOKEN, "--workspace", "sales")
    assert "connection of sales: bot, its secret is in ~/.local/state/ingestlayer/slack.json" in told(person)


def test_a_damaged_file_of_secrets_is_told_and_no_error(person: Person) -> None:
    person.connect()
    person.kept.write_text("{")
    result = person.run()
    assert result.code == 1
    assert "is damaged" in result.out


def test_it_shows_what_waits_and_the_last_messages(person: Person) -> None:
    for _ in range(12):
        person.run(*EMIT, "--no-deliver")
    result = person.run()
    assert "waiting: 12 pending; to send what is due: ingestlayer deliver" in result.out
    assert result.out.count("  pending  acme   acme is at 120") == 10
    assert "ingestlayer why @last" in result.out


def test_nothing_waits(person: Person) -> None:
    person.connect()
    person.run(*EMIT)
    assert "waiting: nothing" in person.run().out


def test_mistakes_of_the_files_are_told(person: Person) -> None:
    person.settings("[slak]\n")
    result = person.run()
    assert result.code == 1
    assert 'ingestlayer.toml:1:1: unknown key "slak"' in " ".join(result.out.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_offered_once_with_the_exact_command(person: Person, shell: str) -> None:
    env = person.environment({"SHELL": f"/bin/{shell}"})
    screens = []
    for _ in range(2):
        with Terminal(PROGRAM, cwd=person.home, env=env) as terminal:
            assert terminal.wait() == 0
            screens.append(terminal.text)
    assert [f"ingestlayer --install-completion {shell}" in screen for screen in screens] == [True, False]


@pytest.mark.parametrize("shell", ["", "/bin/dash", "/usr/bin/xonsh"])
def test_completion_is_not_offered_for_a_shell_without_it(person: Person, shell: str) -> None:
    with Terminal(PROGRAM, cwd=person.home, env=person.environment({"SHELL": shell})) as terminal:
        terminal.wait()
        assert "completion" not in terminal.text


def test_completion_is_not_offered_without_a_terminal(person: Person) -> None:
    assert "--install-completion" not in person.run(env={"SHELL": "/bin/bash"}).said
    assert not (person.home / ".local").exists()


def test_a_home_that_cannot_be_written_is_no_error(person: Person) -> None:
    (person.home / ".local").write_text("a file where a folder belongs")
    with Terminal(PROGRAM, cwd=person.home, env=person.environment({"SHELL": "/bin/bash"})) as terminal:
        assert terminal.wait() == 0
        assert "completion" not in terminal.text
