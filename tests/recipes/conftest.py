"""A Slack with the channels and people that the recipes post to."""

import pytest

from tests.support.recipes import furnish
from tests.support.standin import SlackStandin


@pytest.fixture
def furnished(slack: SlackStandin) -> SlackStandin:
    furnish(slack)
    return slack
