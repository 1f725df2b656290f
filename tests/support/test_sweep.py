"""The sweep over everything that the tests wrote finds what it is for."""

from pathlib import Path

import pytest

from tests.support.person import MARK
from tests.support.sweep import leaks


@pytest.mark.parametrize(
    ("name", "mode", "is_leak"),
    [
        ("project/ingestlayer.toml", 0o600, True),
        ("state/ingestlayer/slack.json", 0o644, True),
        ("state/ingestlayer/slack.json", 0o600, False),
        ("state/ingestlayer/slack.json.123", 0o600, True),
        ("outside/keyring.json", 0o644, False),
    ],
)
def test_a_secret_in_a_file_is_found(tmp_path: Path, name: str, mode: int, is_leak: bool) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(f"here is xoxb-{MARK}")
    path.chmod(mode)
    assert bool(list(leaks(tmp_path))) == is_leak
    path.unlink()
