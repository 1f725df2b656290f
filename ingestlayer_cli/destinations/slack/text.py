"""Texts for Slack: escaping, an author's own markup, links, and visible truncation.

&, < and > are Slack's control characters (https://docs.slack.dev/messaging/formatting-message-text). Characters
are counted as UTF-16 code units, the strictest reading of Slack's limits.
"""

import re

from ...language.expressions import Scope
from ...language.templates import Template
from ...system.addresses import quote
from ...system.patterns import lazy
from ...system.zones import Moment

MAX_URL = 3_000  # of a button or an image: https://docs.slack.dev/reference/block-kit

# Other controls than newline and tab, what turns the direction of writing, and halves of characters, have no place in
# a message.
_TURNING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_NOWHERE = [code for code in (*range(32), *range(127, 160), *_TURNING, *range(0xD800, 0xE000)) if code not in (9, 10)]
_ESCAPES: dict[int, str | None] = dict.fromkeys(_NOWHERE)
_ESCAPES |= {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_CONTROL = lazy(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BARE_AMPERSAND = lazy(r"&(?!amp;|lt;|gt;)")
_IN_URL = r"\s<>\"\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_URL = lazy(rf"https?://[^/?#{_IN_URL}][^{_IN_URL}]*")

# Slack has no escape for the signs of its formats and emoji. They are none between two of these, which nobody sees; and
# within a word they never are.
INERT = "\u200b"
_ACTIVE = lazy(r"[&<>*_~`:]")
_SIGNS = lazy(r"`+|(?<![^\W_])[*_~]+|[*_~]+(?![^\W_])")
_EMOJI = lazy(r":(?=[\w+'-]+:)")
_QUOTED = lazy(r"^(?=[ \t]*&gt;)", re.MULTILINE)

# What an author may write between < and >. Values in it are marked by _OPEN and _CLOSE, a bar of theirs by _BAR.
_OPEN, _CLOSE, _BAR = "\x02", "\x03", "\x04"
_VALUE = lazy(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")
_MARKUP = lazy(r"<([^<>]*)>|(^[ \t]*>{1,3})|[<>]", re.MULTILINE)
_QUOTES = lazy(r"^[ \t]*>{1,3}", re.MULTILINE)
_LINK = lazy(r"(?:https?://|mailto:|tel:|slack://)[^|\s]+")
_MENTION = lazy(r"!(?:channel|here|everyone)|!subteam\^\w+|!date\^\d+\^[^|]+|[@#][A-Z0-9]+")
_UNNAMED = lazy(r"[@#]?|[a-z]+:(//)?|!\w+\^[^|]*")  # what is left of a link or a mention whose value is null
_DATED = lazy(r"<!date\^\d+\^[^|<>]+\|([^<>]*)>")
_BROADCASTS = ("!channel", "!here", "!everyone")

ROOM_FOR_WAY = 250
_JOINERS = ("\u200d", "\ufe0f", "\u20e3")


def escape(value: str) -> str:
    """Make a value plain text to Slack: it can mention nobody, forge no link, and has no format and no emoji."""
    if value.isalnum() or (value.isprintable() and not _ACTIVE.search(value)):  # nearly every value
        return value
    value = _SIGNS.sub(lambda found: f"{INERT}{INERT.join(found[0])}{INERT}", value.translate(_ESCAPES))
    return _QUOTED.sub(INERT, _EMOJI.sub(f":{INERT}", value))


def dated(value: str) -> str:
    """Escape a value for mrkdwn; a time is shown to each reader in the zone that is theirs.

    https://docs.slack.dev/messaging/formatting-message-text#date-formatting
    """
    if type(value) is Moment and value.seconds >= 0:
        return f"<!date^{value.seconds}^{{date_num}} {{time}}|{escape(value)}>"
    return escape(value)


def undated(text: str) -> str:
    """Return a text with its times as they are in their own zone, for where Slack puts in no others."""
    return _DATED.sub(r"\1", text) if "<!date^" in text else text


def literal(value: str) -> str:
    """Make a value fit for a place where Slack reads no markup, such as rich text."""
    return _CONTROL.sub("", value)


def said(template: Template, scope: Scope, quotes: bool = True) -> str:
    """Render a template for Slack: what its author wrote as a mention or link is one, values never are.

    `<$event.url|Open>` is a link when the value is an address, its label when it is null, else these very characters.
    """
    text = template.render(scope, dated)
    if "<" in text or ">" in text:  # the author's: values have none, but for times
        text = _MARKUP.sub(_marked_up, template.render(scope, _marked)).translate(_UNMARK)
    elif "&" not in text and text.isprintable():
        return text
    return tidy(text, quotes)


_UNMARK: dict[int, str | None] = {ord(_OPEN): None, ord(_CLOSE): None, ord(_BAR): "|"}


def _marked(value: str) -> str:
    if type(value) is Moment:
        return dated(value)
    return f"{_OPEN}{escape(value).replace('|', _BAR)}{_CLOSE}"


def _marked_up(found: re.Match[str]) -> str:
    if found[2] is not None:  # a quotation
        return found[2]
    if found[1] is None:
        return "&lt;" if found[0] == "<" else "&gt;"
    shown = _reference(found[1])
    return f"&lt;{found[1]}&gt;" if shown is None else shown


def _reference(inside: str) -> str | None:
    """Return what stands between < and > as Slack takes it, or None when it is neither mention nor link.

    Where the values that should make it one are null, it is its label alone.
    """
    target, _, label = inside.partition("|")
    target = target.replace(INERT, "")  # an address is no text
    values = _VALUE.findall(target)
    if values and not any(value.strip() for value in values) and _UNNAMED.fullmatch(_VALUE.sub("", target)):
        return " ".join(label.translate(_UNMARK).split())
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


def written(value: str) -> int:
    """Return how much of Slack's room a value takes once it is escaped."""
    return size(escape(value))


def in_url(value: str) -> int:
    """Return how long a value is in an address."""
    return len(quote(value))


def clip(text: str, limit: int, way: str = "", markup: bool = True) -> str:
    """Cut a text to a limit, visibly; never inside an entity, a link, a mention or an emoji.

    `way` tells where the whole of it is: `… 1,204 more characters, WAY`.
    """
    if size(text) <= limit:
        return text
    told = bool(way) and limit >= ROOM_FOR_WAY
    whole = _read(text) if told else 0
    tail = f"… {whole:,} more characters, {way}" if told else "…"
    room = limit - len(tail)
    kept = text[:room]
    while size(kept) > room:
        kept = kept[: -(size(kept) - room + 1) // 2]
    end = -1
    while end != len(kept):  # to leave one of them whole may cut into the other
        end = len(kept)
        for opening, closing in ("<>", "&;") if markup else ():
            start = kept.rfind(opening)
            if start >= 0 and closing not in kept[start:]:
                kept = kept[:start]
        kept = kept[: _whole(text, len(kept))]
    return kept + (tail.replace(f"{whole:,}", f"{whole - _read(kept):,}", 1) if told else tail)


def _read(text: str) -> int:
    """Return how many characters a reader sees: an entity is one."""
    return len(text) - 4 * text.count("&amp;") - 3 * (text.count("&lt;") + text.count("&gt;"))


def _whole(text: str, end: int) -> int:
    """Return the nearest end, not after this one, that cuts no emoji or accent off its base."""
    from unicodedata import combining

    for at in range(end, max(end - 40, 0), -1):
        after, before = text[at], text[at - 1]
        flag = _is_flag(after) and _flags_before(text, at) % 2
        joined = after in _JOINERS or "\U0001f3fb" <= after <= "\U0001f3ff" or combining(after)
        if not (joined or flag or before == "\u200d"):
            return at
    return end


def _flags_before(text: str, at: int) -> int:
    start = at
    while start and _is_flag(text[start - 1]):
        start -= 1
    return at - start


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def tidy(words: str, quotes: bool) -> str:
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
