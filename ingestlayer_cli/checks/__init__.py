"""Checks: usage read from a source, compared with its limit, and an event for each row that newly reaches a level."""
