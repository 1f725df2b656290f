"""A project with a declared event, an entity file and a pipeline, and the stand-in that it would post to."""

import shutil
from pathlib import Path

import pytest

from tests.destinations.conftest import _surroundings, bench, slack
from tests.destinations.support import Bench

__all__ = ["_surroundings", "bench", "slack"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "usage-limits"


@pytest.fixture
def usage(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The example of usage limits, connected to the stand-in; nothing that needs a token is used."""
    (bench.root / "pipelines" / "alert.toml").unlink()
    for name in ("customers.csv", "events", "pipelines"):
        source, target = EXAMPLE / name, bench.root / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
    text = (EXAMPLE / "ingestlayer.toml").read_text()
    bench.write(
        "ingestlayer.toml",
        text.replace('connection = "terminal"', f'connection = "bot"\napi_url = "{bench.slack.url}"'),
    )
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    monkeypatch.setenv("COLUMNS", "80")
    return bench
