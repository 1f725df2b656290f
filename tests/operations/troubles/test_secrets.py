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


def test_who_names_a_secret_is_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPS_URL", raising=False)
    checked = Checked(tmp_path, table() + '[alerts]\nalso = "webhook"\n[alerts.webhook]\nurl = "env:OPS_URL"\n')
    hook = '[[destinations]]\nuse = "webhook"\nurl = "env:OPS_URL"\n'
    checked.write("pipelines/ops.toml", f'match = ["usage.limit"]\n{hook}')
    (found,) = secrets(checked.project)
    assert found.words == "OPS_URL, which the pipeline ops and [alerts] name, is not set"
