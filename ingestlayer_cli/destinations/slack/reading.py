"""What people read in the blocks of a message."""

import html
from collections.abc import Iterator

from ...system.typed import Body
from .mrkdwn import plain
from .text import INERT, undated

# What a reader of the message sees, and where its buttons lead.
_SEEN = ("text", "url", "alt_text", "image_url")


def texts(data: object) -> Iterator[str]:
    """Yield the texts of blocks as people read them, in the order of the message."""
    if isinstance(data, list):
        for item in data:
            yield from texts(item)
    elif isinstance(data, dict):
        for name, value in data.items():
            if isinstance(value, str):
                if name in _SEEN:
                    yield _read(value, data.get("type"))
            else:
                yield from texts(value)


def _read(text: str, kind: object) -> str:
    text = text.replace(INERT, "")
    return html.unescape(undated(text)) if kind == "mrkdwn" else text


def fields(blocks: list[Body]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a message's sections: name and value."""
    for block in blocks:
        for cell in block.get("fields", ()):
            name, _, value = _read(cell["text"], cell.get("type")).partition("\n")
            yield name.removeprefix("*").removesuffix("*"), value


def lines(body: Body) -> list[str] | None:
    """Return the lines of a message, without its markup; None of a body that has no blocks."""
    blocks = body.get("blocks")
    if isinstance(blocks, list) and all(isinstance(block, dict) and "type" in block for block in blocks):
        return list(_words([blocks, body.get("attachments", [])]))
    return None


def _words(data: object) -> Iterator[str]:
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
