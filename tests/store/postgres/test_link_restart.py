"""PostgreSQL goes down in the middle of a batch and its deliveries."""

from tests.support.posting import Posting
from tests.support.restarts import restarted
from tests.support.standin import SlackStandin


def test_a_server_that_is_restarted_loses_nothing_and_nothing_is_posted_twice(
    posting: Posting, slack: SlackStandin
) -> None:
    assert restarted(posting, slack, restarts=2, events=100) == (100, 100)
