"""Secrets that the project's files name, and that this process does not see."""

from pathlib import Path

import pytest

from ingestlayer_cli.operations.troubles.secrets import secrets
from tests.support.checks import Checked, table


def test_the_address_of_a_heartbeat_that_is_not_set_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beats = 'heartbeat = "env:PING_URL"'
    checked = Checked(tmp_path, table(more=beats) + f"[deliver]\n{beats}\n")
    (found,) = secrets(checked.project)
    assert (found.mark, found.kind, found.subject) == ("problem", "secret_missing", "PING_URL")
    assert found.words == "PING_URL, which the check api and [deliver] name, is not set"
    monkeypatch.setenv("PING_URL", "https://hc-ping.example/x")
    assert [*secrets(checked.project)] == []
