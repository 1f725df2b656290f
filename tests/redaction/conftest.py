"""A stand-in for Slack, and a project connected to it."""

from tests.destinations.conftest import _surroundings, bench, slack

__all__ = ["_surroundings", "bench", "slack"]
