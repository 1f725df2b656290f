"""A message's words, one line each: for comparing two of them."""

from collections.abc import Iterator
from typing import Any

from .slack import plain


def lines(body: dict[str, Any]) -> list[str]:
    """Return the lines of a message, without its markup; ids of events and deliveries are data like any other."""
    return [line for block in body.get("blocks", []) for line in _words(block)]


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
