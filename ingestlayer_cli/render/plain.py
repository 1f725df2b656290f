"""A body's words, one line each: for comparing two of them."""

from collections.abc import Iterator
from typing import Any

from ..destinations.slack.mrkdwn import plain
from . import data


def lines(body: dict[str, Any]) -> list[str]:
    """Return the lines of a message, without its markup, or of a body that is none, as JSON.

    Ids of events and deliveries are data like any other.
    """
    blocks = body.get("blocks")
    if isinstance(blocks, list) and all(isinstance(block, dict) and "type" in block for block in blocks):
        return list(_words([blocks, body.get("attachments", [])]))
    return data.lines(body)


def _words(data: Any) -> Iterator[str]:
    if isinstance(data, list):
        for item in data:
            yield from _words(item)
    elif isinstance(data, dict):
        text = data.get("text")
        if isinstance(text, str):
            yield from (plain(text) if data.get("type") == "mrkdwn" else text).splitlines()
        for name, value in data.items():
            if name in ("url", "image_url", "alt_text") and isinstance(value, str):
                yield f"  {value}"
            else:
                yield from _words(value)
