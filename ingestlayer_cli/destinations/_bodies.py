"""The JSON body of destinations that take data rather than a message."""

import math
from typing import Any

from .base import Composing

# Of the event as the destination may see it: something may be redacted.
_ENVELOPE = ("id", "type", "received_at", "payload")


def body(composing: Composing) -> dict[str, Any]:
    """Return what a `transform` made, else the event: `{id, type, received_at, payload}`."""
    scope = composing.scope
    data = scope["body"] if composing.transformed else {name: scope["event"][name] for name in _ENVELOPE}
    found: dict[str, Any] = _json(data)
    return found


def _json(data: Any) -> Any:
    """Return data with null for what is no number in JSON: infinity, and what is not a number."""
    if isinstance(data, dict):
        return {name: _json(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_json(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
