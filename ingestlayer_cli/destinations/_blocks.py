"""Block Kit within Slack's limits: escaping, visible truncation, and the blocks that messages are made of.

Limits are from Slack's reference (https://docs.slack.dev/reference/block-kit): 50 blocks a message, 3,000
characters a section text, 150 a header, 10 fields of 2,000 a section, 25 buttons an actions block, 75 a
button's label, 3,000 a URL; about 13,200 over all blocks is not documented but answered with
`msg_blocks_too_long`. Characters are counted as UTF-16 code units, the strictest reading.
"""

import re
from collections.abc import Iterator
from typing import Any

Block = dict[str, Any]

MAX_BLOCKS = 50
MAX_TEXT = 3_000
MAX_HEADER = 150
MAX_FIELD = 2_000
MAX_LABEL = 75
MAX_URL = 3_000
MAX_TOTAL = 12_800
MAX_FALLBACK = 1_000  # notifications show less; chat.update takes 4,000 bytes
FIELDS_PER_SECTION = 10
MAX_FIELDS = 40
MAX_BUTTONS = 25

# &, < and > are Slack's control characters (https://docs.slack.dev/messaging/formatting-message-text);
# other controls than newline and tab have no place in a message.
_ESCAPES: dict[int, str | None] = {code: None for code in (*range(32), *range(127, 160)) if code not in (9, 10)}
_ESCAPES |= {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_BARE_AMPERSAND = re.compile(r"&(?!amp;|lt;|gt;)")
_URL_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_URL = re.compile(r"https?://[^\s<>\"]+", re.ASCII)


def escape(value: str) -> str:
    """Make a value plain text to Slack: it can neither mention anybody nor forge a link."""
    return value.translate(_ESCAPES)


def quote(value: str) -> str:
    """Percent-encode a value for one place inside a URL (RFC 3986, unreserved characters stay)."""
    octets = value.encode("utf-8", "replace")
    return "".join([chr(octet) if octet in _URL_SAFE else f"%{octet:02X}" for octet in octets])


def is_url(text: str) -> bool:
    return len(text) <= MAX_URL and _URL.fullmatch(text) is not None


def size(text: str) -> int:
    """Return the length in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def clip(text: str, limit: int, way: str = "") -> str:
    """Cut a text to a limit, visibly; never inside an entity, a link or a mention.

    `way` tells where the whole of it is: `… 1,204 more characters, WAY`.
    """
    if size(text) <= limit:
        return text
    tail = f"… {len(text):,} more characters, {way}" if way and limit >= 300 else "…"
    kept = text[: limit - len(tail)]
    while size(kept) > limit - len(tail):
        kept = kept[: -(size(kept) - limit + len(tail) + 1) // 2]
    for opening, closing in ("&;", "<>"):
        start = kept.rfind(opening)
        if start >= 0 and closing not in kept[start:] and closing in text[start:]:
            kept = kept[:start]
    return kept + tail.replace(f"{len(text):,}", f"{len(text) - len(kept):,}", 1)


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": True}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def header(title: str) -> Block:
    return {"type": "header", "text": plain(" ".join(title.split()))}


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def fields(pairs: list[tuple[str, str]], way: str) -> list[Block]:
    """Lay name/value pairs out in sections of two columns; what does not fit is counted."""
    cells = [mrkdwn(f"*{name}*\n{value.strip() or '—'}") for name, value in pairs[:MAX_FIELDS]]
    starts = range(0, len(cells), FIELDS_PER_SECTION)
    blocks: list[Block] = [{"type": "section", "fields": cells[start : start + FIELDS_PER_SECTION]} for start in starts]
    if len(pairs) > MAX_FIELDS:
        blocks.append(context([f"… {len(pairs) - MAX_FIELDS:,} more fields, {way}"]))
    return blocks


def context(texts: list[str]) -> Block:
    return {"type": "context", "elements": [mrkdwn(text) for text in texts]}


def button(label: str, url: str, number: int, style: str | None) -> Block:
    block: Block = {"type": "button", "text": plain(label), "url": url, "action_id": f"open-{number}"}
    return {**block, "style": style} if style else block


def fit(blocks: list[Block], way: str) -> list[Block]:
    """Bring every text within its limit, then all of them within the limit of the message. In place."""
    if len(blocks) > MAX_BLOCKS:
        left_out = len(blocks) - MAX_BLOCKS + 1
        blocks[MAX_BLOCKS - 1 :] = [context([f"… {left_out:,} more blocks, {way}"])]
    for limit in (MAX_TEXT, 1_500, 700, 300, 150, 75):
        total = 0
        for text, own_limit in _texts(blocks):
            words = _BARE_AMPERSAND.sub("&amp;", text["text"]) if "&" in text["text"] else text["text"]
            text["text"] = clip(words, min(limit, own_limit), way) if words.strip() else "—"
            total += size(text["text"])
        if total <= MAX_TOTAL:
            break
    return blocks


def _texts(data: Any, inside: str = "") -> Iterator[tuple[Block, int]]:
    """Yield every text object below `data` with the limit of its place."""
    if isinstance(data, list):
        for item in data:
            yield from _texts(item, inside)
    elif isinstance(data, dict):
        kind = data.get("type")
        if kind in ("plain_text", "mrkdwn") and isinstance(data.get("text"), str):
            yield data, {"header": MAX_HEADER, "fields": MAX_FIELD, "button": MAX_LABEL}.get(inside, MAX_TEXT)
            return
        for name, value in data.items():
            yield from _texts(value, "fields" if name == "fields" else str(kind or inside))
