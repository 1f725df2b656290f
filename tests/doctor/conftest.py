"""A stand-in for Slack, and a project to connect to it."""

from tests.connect.conftest import bench, slack

__all__ = ["bench", "slack"]
