"""A stand-in for Slack, and a project to connect to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connect.support import Bench
from tests.slack.standin import SlackStandin


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    with SlackStandin() as standin:
        yield standin


@pytest.fixture
def bench(tmp_path: Path, slack: SlackStandin) -> Bench:
    return Bench(tmp_path, slack)
