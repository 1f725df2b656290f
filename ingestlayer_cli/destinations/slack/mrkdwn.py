"""mrkdwn, the markup of Slack's texts, read: as styled text for a terminal, or as plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.emoji import Emoji
from rich.style import Style
from rich.text import Text

from ...system.console import shows
from ...system.terminal import clean, is_harmless, of_one_width
from ...system.typed import NamedTuple
from .text import INERT

PLAIN = Style()
CODE = Style(color="yellow")
LINK = Style(color="bright_blue", underline=True)
MENTION = Style(color="bright_blue", bold=True)
MARKS = {"bold": Style(bold=True), "italic": Style(italic=True), "strike": Style(strike=True)}


def link(url: str) -> Style:
    """A hyperlink for a harmless http(s) URL; no style at all for any other."""
    return Style(link=url) if is_harmless(url) else PLAIN


class Span(NamedTuple):
    """A run of text in one style. `literal` texts may still hold :emoji: codes."""

    text: str
    style: Style
    literal: bool = False


def _mark(name: str, sign: str) -> str:
    """`*bold*`: not inside a word, no space within the signs; links and code are taken whole."""
    c = re.escape(sign)
    inside = rf"(?=\S)(?:<[^<>\n]*>|`[^`\n]+`|[^{c}<`\n])+?(?<=\S)"
    return rf"(?<![^\W_])(?<!{c}){c}(?P<{name}>{inside}){c}(?![^\W_])(?!{c})"


FENCE = re.compile(r"```(?P<fence>(?s:.+?))```")
QUOTE = re.compile(r"(?:>>>|&gt;&gt;&gt;|>|&gt;) ?")
_ENTITY = re.compile("&(amp|lt|gt);")
_TOKEN = re.compile(
    "|".join(
        [
            FENCE.pattern,
            r"`(?P<code>[^`\n]+)`",
            r"<(?P<reference>[^<>\n]+)>",
            r"(?P<url>https?://[^\s<>|]+)",
            *map(_mark, MARKS, "*_~"),
        ]
    )
)


# Signs of a value, that are none: read as characters of their own, which no text has.
_VALUES = re.compile(f"(?<={INERT})[*_~`](?={INERT})")
_AS_VALUE = {ord(sign): 0xF0000 + ord(sign) for sign in "*_~`"}
_AS_SIGN = {code: sign for sign, code in _AS_VALUE.items()}


def plain(mrkdwn: str) -> str:
    """The mrkdwn as plain text: links by their label, mentions by their name, no marks."""
    return "".join(span.text for span in spans(clean(mrkdwn))).replace(INERT, "")


def decode(text: str) -> str:
    """One pass, so that `&amp;lt;` stays the text `&lt;`."""
    return _ENTITY.sub(lambda found: {"amp": "&", "lt": "<", "gt": ">"}[found[1]], text.translate(_AS_SIGN))


def spans(source: str, style: Style = PLAIN, verbatim: bool = False) -> Iterator[Span]:
    """Yield the runs of a text. Where it is `verbatim` Slack makes no link of an address in plain words."""
    source = _VALUES.sub(lambda found: found[0].translate(_AS_VALUE), source)
    end = 0
    for found in _TOKEN.finditer(source):
        yield Span(decode(source[end : found.start()]), style, literal=True)
        kind = found.lastgroup or ""
        inside = found[kind]
        if kind in MARKS:
            yield from spans(inside, style + MARKS[kind], verbatim)
        elif kind == "reference":
            yield _reference(inside, style)
        elif kind == "url":
            yield Span(decode(inside), style if verbatim else style + LINK + link(decode(inside)))
        else:
            yield Span(decode(inside), style + CODE)
        end = found.end()
    yield Span(decode(source[end:]), style, literal=True)


def _reference(inside: str, style: Style) -> Span:
    """What stands between < and >: a person, a channel, a group, a date or a link."""
    name, _, label = (decode(part) for part in inside.partition("|"))
    if name.startswith("!date^"):
        return Span(label or name, style)
    if name.startswith(("@", "#", "!")):
        sign = "#" if name.startswith("#") else "@"
        word = label or name[1:].removeprefix("subteam^")
        return Span(sign + word.removeprefix(sign), style + MENTION)
    return Span(label or name.removeprefix("mailto:"), style + LINK + link(name), literal=bool(label))


def emoji(text: str) -> str:
    """The text with its emoji, as far as the terminal has them."""
    drawn = Emoji.replace(re.sub(r":large_(?=(green|yellow|orange|purple|brown)_circle:)", ":", text))
    return of_one_width(drawn) if drawn == text or shows(drawn) else text


def blank(style: Style = PLAIN) -> Text:
    return Text(style=style, overflow="fold")


def inline(source: str, style: Style = PLAIN, verbatim: bool = False) -> Text:
    text = blank(style)
    for span in spans(source, verbatim=verbatim):
        shown = emoji(span.text) if span.literal else span.text
        text.append(shown.replace(INERT, ""), span.style)
    return text
