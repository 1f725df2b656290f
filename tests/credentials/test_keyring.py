"""Secrets in the OS keyring, and keyrings that are no good."""

import json
from pathlib import Path

import pytest

from tests.connect.support import MARK, OTHER, TOKEN, Bench

ROOT = str(Path(__file__).parents[2])


def using(bench: Bench, backend: str) -> dict[str, str]:
    """Return the environment in which a keyring of `backends` is the user's."""
    return {
        "PYTHON_KEYRING_BACKEND": f"tests.credentials.backends.{backend}",
        "PYTHONPATH": ROOT,
        "TEST_KEYRING": str(bench.outside / "keyring.json"),
    }


def held(bench: Bench) -> list[str]:
    """Return the passwords of the keyring."""
    path = bench.outside / "keyring.json"
    return list(json.loads(path.read_text()).values()) if path.exists() else []


def test_the_keyring_has_the_secret_and_the_file_has_not(bench: Bench) -> None:
    result = bench.connect(env=using(bench, "Good"))
    assert "the secret is in the keyring" in result.out
    assert held(bench) == [TOKEN]
    assert MARK not in bench.kept.read_text()


def test_a_secret_in_the_keyring_is_found_again(bench: Bench) -> None:
    bench.connect(env=using(bench, "Good"))
    document = bench.run("slack", "status", "--json", env=using(bench, "Good")).json
    assert document["workspaces"][0]["secret"] == "the keyring"
    assert document["workspaces"][0]["team"] == "Stand-in"


def test_disconnecting_takes_it_out_of_the_keyring(bench: Bench) -> None:
    bench.connect(env=using(bench, "Good"))
    assert bench.run("slack", "disconnect", env=using(bench, "Good")).code == 0
    assert held(bench) == []


def test_another_connection_leaves_nothing_of_the_one_before_in_the_keyring(bench: Bench) -> None:
    bench.connect(env=using(bench, "Good"))
    bench.run("slack", "connect", "--webhook-stdin", stdin=bench.webhook(), env=using(bench, "Good"))
    assert held(bench) == [bench.webhook()]


def test_when_the_keyring_fails_the_next_secret_goes_to_the_file(bench: Bench) -> None:
    bench.connect(env=using(bench, "Good"))
    bench.connect(OTHER, env={**using(bench, "Good"), "TEST_KEYRING": "/nowhere/keyring.json"})
    assert OTHER in bench.kept.read_text()


@pytest.mark.parametrize("backend", ["Raising", "Forgetful", "Unusable"])
def test_without_a_good_keyring_the_secret_goes_to_the_file(bench: Bench, backend: str) -> None:
    result = bench.connect(env=using(bench, backend))
    assert f"the secret is in {bench.kept}" in result.out.replace("\n", "")
    assert bench.kept.stat().st_mode & 0o777 == 0o600


def test_a_keyring_that_hangs_holds_nobody_up_without_a_terminal(bench: Bench) -> None:
    bench.connect(env=using(bench, "Good"))
    result = bench.run("slack", "channels", env=using(bench, "Hanging"))
    assert result.code == 78
    assert "the keyring does not answer (5 s)" in result.err
    assert "SLACK_BOT_TOKEN" in result.err


def test_a_keyring_that_raises_is_told_without_its_words(bench: Bench) -> None:
    bench.connect(env=using(bench, "Good"))
    result = bench.run("slack", "channels", env=using(bench, "Raising"))
    assert result.code == 78
    assert "the keyring cannot be read (RuntimeError)" in result.err


def test_a_secret_that_the_keyring_lost_is_told(bench: Bench) -> None:
    bench.connect(env=using(bench, "Good"))
    (bench.outside / "keyring.json").unlink()
    result = bench.run("slack", "channels", env=using(bench, "Good"))
    assert result.code == 78
    assert "not in the keyring any more" in result.err


def test_a_keyring_that_does_not_let_go_is_told_with_the_place(bench: Bench) -> None:
    bench.connect(env=using(bench, "Good"))
    result = bench.run("slack", "disconnect", env=using(bench, "Raising"))
    assert result.code == 78
    assert "cannot be removed from the keyring" in result.err
    assert str(bench.root) in result.err


def test_a_keyring_is_not_asked_when_the_environment_has_the_secret(bench: Bench) -> None:
    bench.connect(env=using(bench, "Good"))
    result = bench.run("slack", "channels", env={**using(bench, "Raising"), "SLACK_BOT_TOKEN": TOKEN})
    assert result.code == 0, result


def test_connecting_anew_with_a_keyring_moves_the_secret_out_of_the_file(bench: Bench) -> None:
    bench.connect()
    assert MARK in bench.kept.read_text()
    bench.connect(env=using(bench, "Good"))
    assert MARK not in bench.kept.read_text()
    assert held(bench) == [TOKEN]
