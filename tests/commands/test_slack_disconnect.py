"""`slack disconnect`: the token is revoked and forgotten."""

import shutil

from tests.support.person import OTHER, TOKEN, Person


def test_the_token_is_revoked_and_forgotten(person: Person) -> None:
    person.connect()
    result = person.run("slack", "disconnect")
    assert result == (0, "disconnected: the secret is forgotten, the token revoked\n", "")
    assert person.slack.revoked == {TOKEN}
    assert TOKEN not in person.kept.read_text()


def test_the_connection_stays_so_that_messages_wait(person: Person) -> None:
    person.connect()
    person.run("slack", "disconnect")
    assert 'connection = "bot"' in person.toml


def test_a_second_time_there_is_nothing_to_do(person: Person) -> None:
    person.connect()
    person.run("slack", "disconnect")
    assert person.run("slack", "disconnect") == (0, "there was no secret to forget\n", "")


def test_a_token_that_is_dead_already_is_forgotten_without_a_word(person: Person) -> None:
    person.connect()
    person.slack.revoked.add(TOKEN)
    assert person.run("slack", "disconnect", "--json").json == {"removed": True, "revoked": True, "error": None}


def test_without_a_network_it_is_forgotten_and_told_not_to_be_revoked(person: Person) -> None:
    person.connect()
    person.settings('[slack]\nconnection = "bot"\napi_url = "http://127.0.0.1:9/api/"\n')
    result = person.run("slack", "disconnect")
    assert result.code == 75
    assert "not revoked" in result.err
    assert "Revoke Tokens" in result.err
    assert TOKEN not in person.kept.read_text()


def test_a_token_of_two_projects_is_not_revoked(person: Person) -> None:
    person.connect()
    shutil.copytree(person.root, person.root.with_name("second"))
    person.connect(cwd=person.root.with_name("second"))
    result = person.run("slack", "disconnect")
    assert result.code == 0
    assert f"{person.root.with_name('second')} is connected by the same one" in result.err
    assert person.slack.revoked == set()


def test_a_token_of_the_environment_is_left_alone_and_warned_of(person: Person) -> None:
    result = person.run("slack", "disconnect", env={"SLACK_BOT_TOKEN": OTHER})
    assert result.code == 0
    assert "SLACK_BOT_TOKEN is set in this environment" in result.err
    assert person.slack.revoked == set()


def test_a_webhook_is_forgotten(person: Person) -> None:
    person.run("slack", "connect", "--webhook-stdin", stdin=person.webhook())
    assert person.run("slack", "disconnect", "-q") == (0, "", "")
    assert person.webhook() not in person.kept.read_text()
