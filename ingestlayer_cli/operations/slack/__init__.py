"""Connecting a workspace of Slack, and looking at it. Nothing here runs when an event is emitted."""
