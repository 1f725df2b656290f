"""A stand-in for Slack, and a project that posts to it."""

from tests.replay.conftest import _surroundings, project, slack

__all__ = ["_surroundings", "project", "slack"]
