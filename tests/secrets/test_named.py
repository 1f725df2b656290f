"""Secrets are named; what they hold is nowhere told."""

import sys
import threading
import types

import pytest

from ingestlayer_cli.secrets import keyring as patience
from ingestlayer_cli.secrets.named import is_name, resolve
from ingestlayer_cli.system.errors import ProjectError


class Locked(Exception):
    """What a keyring raises; its words may hold anything."""


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """A keyring package that holds these; it is optional, and on a test machine there is no system behind it."""
    held: dict[tuple[str, str], str] = {}

    def get_password(service: str, name: str) -> str | None:
        if name == "locked":
            raise Locked("hush")
        if name == "hanging":
            threading.Event().wait()
        return held.get((service, name))

    module = types.ModuleType("keyring")
    module.get_password = get_password  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    return held


def test_an_environment_variable_is_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM", "one")
    assert resolve("env:CRM") == "one"
    monkeypatch.setenv("CRM", "two")
    assert resolve("env:CRM") == "two"


def test_white_space_around_a_secret_is_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM", " a b\r\n")
    assert resolve("env:CRM") == "a b"


@pytest.mark.parametrize("value", [None, "", " \n"])
def test_a_variable_that_is_not_set_or_empty_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("CRM", raising=False)
    else:
        monkeypatch.setenv("CRM", value)
    with pytest.raises(ProjectError) as caught:
        resolve("env:CRM")
    assert caught.value.message == "the secret env:CRM is not set"
    assert caught.value.hint == "set the environment variable CRM"


def test_a_keyring_is_asked_under_our_service(keyring: dict[tuple[str, str], str]) -> None:
    keyring["ingestlayer", "crm/prod"] = "one"
    assert resolve("keyring:crm/prod") == "one"


def test_a_name_that_the_keyring_does_not_have_says_how_to_store_it(keyring: dict[tuple[str, str], str]) -> None:
    with pytest.raises(ProjectError) as caught:
        resolve("keyring:crm")
    assert "keyring set ingestlayer crm" in caught.value.hint


def test_what_a_keyring_raises_is_not_repeated(keyring: dict[tuple[str, str], str]) -> None:
    with pytest.raises(ProjectError) as caught:
        resolve("keyring:locked")
    assert "Locked" in caught.value.message
    assert "hush" not in f"{caught.value.document()}"
    assert caught.value.__context__ is None


def test_a_keyring_that_hangs_holds_nobody_up(
    keyring: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.05)
    with pytest.raises(ProjectError) as caught:
        resolve("keyring:hanging")
    assert "the keyring does not answer" in caught.value.message
    assert "env:hanging" in caught.value.hint


def test_without_the_keyring_package_the_remedy_is_to_install_it_or_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ProjectError) as caught:
        resolve("keyring:CRM")
    assert "pip install 'ingestlayer-cli[keyring]'" in caught.value.hint
    assert "env:CRM" in caught.value.hint


@pytest.mark.parametrize("text", ["hush", "env:", "env:hu sh", "Env:hush", "file:hush", "env:hush\n", "xenv:hush", ""])
def test_what_names_no_secret_is_refused_and_not_shown(text: str) -> None:
    assert not is_name(text)
    with pytest.raises(ProjectError) as caught:
        resolve(text)
    assert "hush" not in f"{caught.value.document()}"
