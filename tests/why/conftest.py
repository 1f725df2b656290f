"""A project that posts to a stand-in for Slack."""

from tests.destinations.conftest import _surroundings, bench, slack

__all__ = ["_surroundings", "bench", "slack"]
