"""Secrets in the OS keyring, and keyrings that are no good."""

import json
import subprocess

import pytest

from tests.support import ROOT
from tests.support.person import MARK, OTHER, TOKEN, Person
from tests.support.program import PROGRAM


def using(person: Person, backend: str) -> dict[str, str]:
    """Return the environment in which a keyring of `backends` is the user's."""
    return {
        "PYTHON_KEYRING_BACKEND": f"tests.support.keyrings.{backend}",
        "PYTHONPATH": str(ROOT),
        "TEST_KEYRING": str(person.outside / "keyring.json"),
    }


def held(person: Person) -> list[str]:
    """Return the passwords of the keyring."""
    path = person.outside / "keyring.json"
    return list(json.loads(path.read_text()).values()) if path.exists() else []


def test_the_keyring_has_the_secret_and_the_file_has_not(person: Person) -> None:
    result = person.connect(env=using(person, "Good"))
    assert "the secret is in the keyring" in result.out
    assert held(person) == [TOKEN]
    assert MARK not in person.kept.read_text()


def test_a_secret_in_the_keyring_is_found_again(person: Person) -> None:
    person.connect(env=using(person, "Good"))
    document = person.run("slack", "status", "--json", env=using(person, "Good")).json
    assert document["workspaces"][0]["secret"] == "the keyring"
    assert document["workspaces"][0]["team"] == "Stand-in"


def test_disconnecting_takes_it_out_of_the_keyring(person: Person) -> None:
    person.connect(env=using(person, "Good"))
    assert person.run("slack", "disconnect", env=using(person, "Good")).code == 0
    assert held(person) == []


def test_another_connection_leaves_nothing_of_the_one_before_in_the_keyring(person: Person) -> None:
    person.connect(env=using(person, "Good"))
    person.run("slack", "connect", "--webhook-stdin", stdin=person.webhook(), env=using(person, "Good"))
    assert held(person) == [person.webhook()]


def test_when_the_keyring_fails_the_next_secret_goes_to_the_file(person: Person) -> None:
    person.connect(env=using(person, "Good"))
    person.connect(OTHER, env={**using(person, "Good"), "TEST_KEYRING": "/nowhere/keyring.json"})
    assert OTHER in person.kept.read_text()


@pytest.mark.parametrize("backend", ["Raising", "Forgetful", "Unusable"])
def test_without_a_good_keyring_the_secret_goes_to_the_file(person: Person, backend: str) -> None:
    result = person.connect(env=using(person, backend))
    assert f"the secret is in {person.kept}" in result.out.replace("\n", "")
    assert person.kept.stat().st_mode & 0o777 == 0o600


def test_a_keyring_that_hangs_holds_nobody_up_without_a_terminal(person: Person) -> None:
    person.connect(env=using(person, "Good"))
    result = person.run("slack", "channels", env=using(person, "Hanging"))
    assert result.code == 78
    assert "the keyring does not answer (5 s)" in result.err
    assert "SLACK_BOT_TOKEN" in result.err


def test_a_keyring_that_raises_is_told_without_its_words(person: Person) -> None:
    person.connect(env=using(person, "Good"))
    result = person.run("slack", "channels", env=using(person, "Raising"))
    assert result.code == 78
    assert "the keyring cannot be read (RuntimeError)" in result.err


def test_a_secret_that_the_keyring_lost_is_told(person: Person) -> None:
    person.connect(env=using(person, "Good"))
    (person.outside / "keyring.json").unlink()
    result = person.run("slack", "channels", env=using(person, "Good"))
    assert result.code == 78
    assert "not in the keyring any more" in result.err


def test_a_keyring_that_does_not_let_go_is_told_with_the_place(person: Person) -> None:
    person.connect(env=using(person, "Good"))
    result = person.run("slack", "disconnect", env=using(person, "Raising"))
    assert result.code == 78
    assert "cannot be removed from the keyring" in result.err
    assert str(person.root) in result.err


def test_a_keyring_is_not_asked_when_the_environment_has_the_secret(person: Person) -> None:
    person.connect(env=using(person, "Good"))
    result = person.run("slack", "channels", env={**using(person, "Raising"), "SLACK_BOT_TOKEN": TOKEN})
    assert result.code == 0, result


def test_connecting_anew_with_a_keyring_moves_the_secret_out_of_the_file(person: Person) -> None:
    person.connect()
    assert MARK in person.kept.read_text()
    person.connect(env=using(person, "Good"))
    assert MARK not in person.kept.read_text()
    assert held(person) == [TOKEN]


def test_what_the_keyring_keeps_is_not_forgotten_and_goes_with_the_next_try(person: Person) -> None:
    person.connect(env=using(person, "Good"))
    result = person.run("slack", "disconnect", env=using(person, "Raising"))
    assert result.code == 78
    assert "cannot be removed from the keyring; the token was not revoked: the keyring cannot be read" in result.err
    assert (person.slack.revoked, held(person)) == (set(), [TOKEN])
    result = person.run("slack", "disconnect", env=using(person, "Good"))
    assert result == (0, "disconnected: the secret is forgotten, the token revoked\n", "")
    assert (person.slack.revoked, held(person)) == ({TOKEN}, [])


def test_what_was_revoked_is_told_where_the_keyring_keeps_it(person: Person) -> None:
    person.connect(env=using(person, "Good"))
    result = person.run("slack", "disconnect", env=using(person, "Clinging"))
    assert (result.code, person.slack.revoked) == (78, {TOKEN})
    assert "cannot be removed from the keyring; the token was revoked" in result.err


def test_what_a_killed_connect_has_put_into_the_keyring_is_known_of(person: Person) -> None:
    command = [PROGRAM, "slack", "connect", "--token-stdin"]
    environment = person.environment(using(person, "Stopped"))
    done = subprocess.run(command, cwd=person.root, env=environment, input=TOKEN, text=True, capture_output=True)
    assert (done.returncode, held(person)) == (-9, [TOKEN])
    assert person.run("slack", "disconnect", env=using(person, "Good")).code == 0
    assert (person.slack.revoked, held(person)) == ({TOKEN}, [])
