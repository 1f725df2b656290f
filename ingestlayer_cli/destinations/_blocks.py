"""Block Kit within Slack's limits: escaping, visible truncation, and the blocks that messages are made of.

Limits are from Slack's reference (https://docs.slack.dev/reference/block-kit): 50 blocks a message, 3,000
characters a section text, 150 a header, 10 fields of 2,000 a section, 10 elements a context, 25 an actions
block, 75 a button's label, 3,000 a URL; about 13,200 over all blocks, containers included, is not documented
but answered with `msg_blocks_too_long`. Characters are counted as UTF-16 code units, the strictest reading.
"""

import re
from collections.abc import Iterator
from typing import Any

from ..events import encode
from ..expressions import Scope
from ..templates import Template

Block = dict[str, Any]

MAX_BLOCKS = 50
MAX_TEXT = 3_000
MAX_HEADER = 150
MAX_FIELD = 2_000
MAX_LABEL = 75
MAX_URL = 3_000
MAX_URLS = 6_000  # of all buttons together, so that texts have room
MAX_TOTAL = 13_200
MAX_FALLBACK = 1_000  # notifications show less; chat.update takes 4,000 bytes
FIELDS_PER_SECTION = 10
MAX_FIELDS = 40
MAX_BUTTONS = 25
MAX_ELEMENTS = 10  # of a context

# &, < and > are Slack's control characters (https://docs.slack.dev/messaging/formatting-message-text);
# other controls than newline and tab, and halves of characters, have no place in a message.
_NOWHERE = [code for code in (*range(32), *range(127, 160), *range(0xD800, 0xE000)) if code not in (9, 10)]
_ESCAPES: dict[int, str | None] = dict.fromkeys(_NOWHERE)
_ESCAPES |= {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BARE_AMPERSAND = re.compile(r"&(?!amp;|lt;|gt;)")
_ENTITY = re.compile(r"&(?:amp|lt|gt);")
_URL_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_URL = re.compile(r"https?://[^\s<>\"/?#\x00-\x1f\x7f-\x9f\ud800-\udfff][^\s<>\"\x00-\x1f\x7f-\x9f\ud800-\udfff]*")

# What an author may write between < and >. Values in it are marked by _OPEN and _CLOSE, a bar of theirs by _BAR.
_OPEN, _CLOSE, _BAR = "\x02", "\x03", "\x04"
_VALUE = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")
_MARKUP = re.compile(r"<([^<>]*)>|(^[ \t]*>{1,3})|[<>]", re.MULTILINE)
_QUOTES = re.compile(r"^[ \t]*>{1,3}", re.MULTILINE)
_LINK = re.compile(r"(?:https?://|mailto:|tel:|slack://)[^|\s]+")
_MENTION = re.compile(r"!(?:channel|here|everyone)|!subteam\^\w+|!date\^\d+\^[^|]+|[@#][A-Z0-9]+")
_BROADCASTS = ("!channel", "!here", "!everyone")

# The steps in which texts are shortened until the whole message fits.
_LIMITS = (MAX_TEXT, 2_000, 1_400, 1_000, 700, 500, 350, 250, 180, 120, 75)
_ROOM_FOR_WAY = 250
_AROUND = 130  # what stands around a text in the JSON of the blocks that are made here, at most
_JOINERS = ("\u200d", "\ufe0f", "\u20e3")


# Texts ----------------------------------------------------------------------------------------------------


def escape(value: str) -> str:
    """Make a value plain text to Slack: it can neither mention anybody nor forge a link."""
    return value.translate(_ESCAPES)


def literal(value: str) -> str:
    """Make a value fit for a place where Slack reads no markup, such as rich text."""
    return _CONTROL.sub("", value)


def said(template: Template, scope: Scope) -> str:
    """Render a template for Slack: what its author wrote as a mention or link is one, values never are.

    `<$event.url|Open>` is a link when the value is an address, and these very characters otherwise.
    """
    text = template.render(scope, escape)
    if "<" in text or ">" in text:  # the author's: values have none
        text = _MARKUP.sub(_marked_up, template.render(scope, _marked)).translate(_UNMARK)
    return _tidy(text, quotes=True) if "&" in text or not text.isprintable() else text


_UNMARK: dict[int, str | None] = {ord(_OPEN): None, ord(_CLOSE): None, ord(_BAR): "|"}


def _marked(value: str) -> str:
    return f"{_OPEN}{escape(value).replace('|', _BAR)}{_CLOSE}"


def _marked_up(found: re.Match[str]) -> str:
    if found[2] is not None:  # a quotation
        return found[2]
    if found[1] is None:
        return "&lt;" if found[0] == "<" else "&gt;"
    return _reference(found[1]) or f"&lt;{found[1]}&gt;"


def _reference(inside: str) -> str | None:
    """Return what stands between < and > as Slack takes it, or None when it is neither mention nor link."""
    target, _, label = inside.partition("|")
    values = _VALUE.findall(target)
    if target.startswith(_OPEN) or ":" in target.partition(_OPEN)[0]:
        link = re.sub(r"\s", "%20", target.strip().translate({**_UNMARK, ord(_BAR): "%7C"}))
        fits = _LINK.fullmatch(link)
        target = link
    else:
        target = target.translate(_UNMARK)
        fits = _MENTION.fullmatch(target)
        if values and (target in _BROADCASTS or not all(re.fullmatch(r"\w*", value, re.ASCII) for value in values)):
            return None
    label = " ".join(label.translate(_UNMARK).split())
    return (f"<{target}|{label}>" if label else f"<{target}>") if fits else None


def quote(value: str) -> str:
    """Percent-encode a value for one place inside a URL (RFC 3986, unreserved characters stay)."""
    octets = value.encode("utf-8", "replace")
    return "".join([chr(octet) if octet in _URL_SAFE else f"%{octet:02X}" for octet in octets])


def url(template: Template, scope: Scope) -> str:
    """Render a URL: values in it are percent-encoded; one that starts it may be a whole address."""
    whole = template.starts_with_value

    def encoded(value: str) -> str:
        nonlocal whole
        first, whole = whole, False
        return value.strip() if first else quote(value)

    return template.render(scope, encoded).strip()


def url_problem(text: str) -> str | None:
    """Say why Slack would refuse a button with this URL, or None."""
    if not text:
        return "its link is empty"
    if size(text) > MAX_URL:
        return f"its link has {size(text):,} characters, Slack takes {MAX_URL:,}"
    return None if _URL.fullmatch(text) else "its link is no http(s) address"


def size(text: str) -> int:
    """Return the length in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def clip(text: str, limit: int, way: str = "") -> str:
    """Cut a text to a limit, visibly; never inside an entity, a link, a mention or an emoji.

    `way` tells where the whole of it is: `… 1,204 more characters, WAY`.
    """
    if size(text) <= limit:
        return text
    tail = f"… {_read(text):,} more characters, {way}" if way and limit >= _ROOM_FOR_WAY else "…"
    room = limit - len(tail)
    kept = text[:room]
    while size(kept) > room:
        kept = kept[: -(size(kept) - room + 1) // 2]
    for opening, closing in ("<>", "&;"):
        start = kept.rfind(opening)
        if start >= 0 and closing not in kept[start:]:
            kept = kept[:start]
    kept = kept[: _whole(text, len(kept))]
    return kept + tail.replace(f"{_read(text):,}", f"{_read(text) - _read(kept):,}", 1)


def _read(text: str) -> int:
    """Return how many characters a reader sees: an entity is one."""
    return len(text) - sum(len(entity) - 1 for entity in _ENTITY.findall(text))


def _whole(text: str, end: int) -> int:
    """Return the nearest end, not after this one, that cuts no emoji or accent off its base."""
    from unicodedata import combining

    for at in range(end, max(end - 40, 0), -1):
        after, before = text[at], text[at - 1]
        flag = _is_flag(after) and sum(map(_is_flag, text[max(at - 40, 0) : at])) % 2
        joined = after in _JOINERS or "\U0001f3fb" <= after <= "\U0001f3ff" or combining(after)
        if not (joined or flag or before == "\u200d"):
            return at
    return end


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


# Blocks ---------------------------------------------------------------------------------------------------


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": True}


def mrkdwn(text: str) -> Block:
    """Verbatim: else Slack would look for names to mention (`@here`) and channels in plain words, too."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


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
        blocks.append(context(_more(len(pairs) - MAX_FIELDS, "field", way)))
    return blocks


def context(text: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(text)]}


def button(label: str, url: str, number: int, style: str | None) -> Block:
    block: Block = {"type": "button", "text": plain(label), "url": url, "action_id": f"open-{number}"}
    return {**block, "style": style} if style else block


def mend(blocks: list[Block]) -> list[Block]:
    """Take out of an author's blocks what has a link that Slack would refuse, and say so in its place."""
    mended: list[Block] = []
    for block in blocks:
        notes: list[str] = []
        kept = _without_bad_links(block, notes)
        mended += ([kept] if kept else []) + ([context("\n".join(notes))] if notes else [])
    return mended


def _without_bad_links(block: Block, notes: list[str]) -> Block | None:
    """Return the block without the buttons and images that are not fit; None when nothing is left of it."""
    if block.get("type") == "image" and (problem := _link_problem(block)):
        notes.append(problem)
        return None
    if problem := _link_problem(block.get("accessory")):
        notes.append(problem)
        block = {name: value for name, value in block.items() if name != "accessory"}
    elements = block.get("elements")
    if block.get("type") not in ("actions", "context") or not isinstance(elements, list):
        return block
    problems = [_link_problem(element) for element in elements]
    notes += [problem for problem in problems if problem]
    fit_ones = [element for element, problem in zip(elements, problems, strict=True) if not problem]
    return {**block, "elements": fit_ones} if fit_ones or not elements else None


def _link_problem(element: Any) -> str | None:
    """Return the note in place of a button or image whose address Slack would refuse, or None."""
    if not isinstance(element, dict) or element.get("type") not in ("button", "image"):
        return None
    name = "url" if element["type"] == "button" else "image_url"
    if name not in element or (problem := url_problem(str(element[name]))) is None:
        return None
    if element["type"] == "image":
        return f"no image “{clip(str(element.get('alt_text')), MAX_LABEL)}”: {problem}"
    label = element.get("text")
    return no_button(str(label.get("text")) if isinstance(label, dict) else "", problem)


def no_button(label: str, problem: str) -> str:
    """Return the note in place of a button."""
    return f"no button “{clip(label, MAX_LABEL)}”: {problem}"


# Fitting --------------------------------------------------------------------------------------------------


def fit(blocks: list[Block], way: str, links: int | None = None) -> list[Block]:
    """Return the blocks with every text within its limit, and the whole within the limits of a message.

    Their texts are changed in place. `links` is the length of all URLs in blocks that were made here: the usual
    small message of these need not be measured.
    """
    if len(blocks) > MAX_BLOCKS:
        left_out = len(blocks) - MAX_BLOCKS + 1
        blocks = [*blocks[: MAX_BLOCKS - 1], context(_more(left_out, "block", way))]
    texts = list(_texts(blocks))
    total, fits = 0, True
    for holder, name, limit in texts:
        words = _tidy(holder[name], holder["type"] == "mrkdwn")
        holder[name] = words = words if words.strip() else "—"
        weight = 2 * len(words)  # at most: quotes, line ends and characters beyond 16 bits count two
        total += weight + _AROUND
        fits = fits and weight <= limit
    if links is not None and fits and total + links <= MAX_TOTAL:
        return blocks
    return _shortened(blocks, texts, way)


def _shortened(blocks: list[Block], texts: list[tuple[Block, str, int]], way: str) -> list[Block]:
    """Shorten the longest texts, step by step, until the whole fits."""
    whole = [holder[name] for holder, name, _ in texts]
    for step in _LIMITS:
        hidden = False
        for (holder, name, limit), words in zip(texts, whole, strict=True):
            holder[name] = clip(words, min(limit, step), way)
            hidden = hidden or (holder[name] is not words and min(limit, step) < _ROOM_FOR_WAY)
        fitted = _with_way(blocks, way) if hidden else blocks
        if size(encode(fitted)) <= MAX_TOTAL:
            return fitted
    return _fewer(blocks, way)


def _tidy(words: str, quotes: bool) -> str:
    """Escape what an author's own words have of &, < and > that is no markup, and take out controls."""
    if not words.isprintable():
        words = _CONTROL.sub("", words)
    if "&" in words:
        words = _BARE_AMPERSAND.sub("&amp;", words)
    if "<" in words or ">" in words:
        words = _MARKUP.sub(_marked_up, words)
        if not quotes:
            words = _QUOTES.sub(lambda found: found[0].replace(">", "&gt;"), words)
    return words


def _with_way(blocks: list[Block], way: str) -> list[Block]:
    """Say once where the whole is, for texts that are too short to say it."""
    element = mrkdwn(f"… shortened, {way}")
    last = blocks[-1]
    if last.get("type") == "context" and len(last.get("elements", ())) < MAX_ELEMENTS:
        return [*blocks[:-1], {**last, "elements": [*last["elements"], element]}]
    return [*blocks, {"type": "context", "elements": [element]}] if len(blocks) < MAX_BLOCKS else blocks


def _fewer(blocks: list[Block], way: str) -> list[Block]:
    """The last resort: leave blocks out, from the end but for the last one, which says where the event is."""
    for count in range(len(blocks) - 2, -1, -1):
        left_out = context(_more(len(blocks) - 1 - count, "block", way))
        fitted = [*blocks[:count], left_out, blocks[-1]]
        if size(encode(fitted)) <= MAX_TOTAL:
            return fitted
    return [context(_more(len(blocks), "block", way))]


def _more(count: int, noun: str, way: str) -> str:
    return f"… {count:,} more {noun}{'' if count == 1 else 's'}, {way}"


_KEYS = {"title": 100, "confirm": 30, "deny": 30}  # of a confirmation dialog


def _texts(data: Any, inside: str = "") -> Iterator[tuple[Block, str, int]]:
    """Yield every text below `data` as (its object, its name there, the limit of its place)."""
    if isinstance(data, list):
        for item in data:
            yield from _texts(item, inside)
    elif isinstance(data, dict):
        kind = data.get("type")
        if kind in ("plain_text", "mrkdwn") and isinstance(data.get("text"), str):
            limits = {"header": MAX_HEADER, "fields": MAX_FIELD, "button": MAX_LABEL, "image": 2_000, "dialog": 300}
            yield data, "text", limits.get(inside, _KEYS.get(inside, MAX_TEXT))
            return
        if kind == "rich_text":  # literal texts, in which an ampersand is one
            return
        if kind == "image" and isinstance(data.get("alt_text"), str):
            yield data, "alt_text", 2_000
        for name, value in data.items():
            if name == "confirm" and isinstance(value, dict) and "type" not in value:
                for part, text in value.items():
                    yield from _texts(text, part if part in _KEYS else "dialog")
            else:
                yield from _texts(value, "fields" if name == "fields" else str(kind or inside))
