"""A Slack with the channels and people that the recipes post to."""

from collections.abc import Iterator

import pytest

from tests.destinations.conftest import _surroundings
from tests.slack.standin import SlackStandin

from .support import furnish

__all__ = ["_surroundings"]


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    with SlackStandin() as standin:
        furnish(standin)
        yield standin
