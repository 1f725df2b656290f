"""A Slack message drawn in a terminal, close enough to Slack to be recognised at a glance.

Texts come from events. They only ever become `Text` objects, never console markup, and lose every
character that could drive a terminal or reorder a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.emoji import Emoji
from rich.panel import Panel
from rich.segment import Segment
from rich.style import Style
from rich.table import Column, Table
from rich.text import Text

WIDTH = 88  # Slack does not stretch a message over a wide window either

_PLAIN = Style()
_BOLD = Style(bold=True)
_DIM = Style(dim=True)
_CODE = Style(color="yellow")
_LINK = Style(color="bright_blue", underline=True)
_MENTION = Style(color="bright_blue", bold=True)
_MARKS = {"bold": _BOLD, "italic": Style(italic=True), "strike": Style(strike=True)}
_LEAF_MARKS = {**_MARKS, "code": _CODE}
_BUTTONS = {"primary": Style(color="green", bold=True), "danger": Style(color="red", bold=True)}

# C0 but newline, C1, bidirectional overrides and isolates, lone surrogates.
_UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LINE_ENDS = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_SAFE_URL = re.compile(r"https?://[!#-;=?-\[\]_a-z~]+", re.IGNORECASE)


def clean(value: object) -> str:
    """The text without characters that act on a terminal; "" for anything that is not a text."""
    if not isinstance(value, str):
        return ""
    return _UNSAFE.sub("", _LINE_ENDS.sub("\n", value).replace("\t", "    "))


def link(url: str) -> Style:
    """A hyperlink for a harmless http(s) URL; no style at all for any other."""
    return Style(link=url) if _SAFE_URL.fullmatch(url) else _PLAIN


# mrkdwn ---------------------------------------------------------------------------------------------


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


_FENCE = re.compile(r"```(?P<fence>(?s:.+?))```")
_QUOTE = re.compile(r"(?:>>>|&gt;&gt;&gt;|>|&gt;) ?")
_ENTITY = re.compile("&(amp|lt|gt);")
_TOKEN = re.compile(
    "|".join(
        [
            _FENCE.pattern,
            r"`(?P<code>[^`\n]+)`",
            r"<(?P<reference>[^<>\n]+)>",
            r"(?P<url>https?://[^\s<>|]+)",
            *map(_mark, _MARKS, "*_~"),
        ]
    )
)


def plain(mrkdwn: str) -> str:
    """The mrkdwn as plain text: links by their label, mentions by their name, no marks."""
    return "".join(span.text for span in _spans(clean(mrkdwn)))


def _decode(text: str) -> str:
    """One pass, so that `&amp;lt;` stays the text `&lt;`."""
    return _ENTITY.sub(lambda found: {"amp": "&", "lt": "<", "gt": ">"}[found[1]], text)


def _spans(source: str, style: Style = _PLAIN) -> Iterator[Span]:
    end = 0
    for found in _TOKEN.finditer(source):
        yield Span(_decode(source[end : found.start()]), style, literal=True)
        kind = found.lastgroup or ""
        inside = found[kind]
        if kind in _MARKS:
            yield from _spans(inside, style + _MARKS[kind])
        elif kind == "reference":
            yield _reference(inside, style)
        elif kind == "url":
            yield Span(_decode(inside), style + _LINK + link(_decode(inside)))
        else:
            yield Span(_decode(inside), style + _CODE)
        end = found.end()
    yield Span(_decode(source[end:]), style, literal=True)


def _reference(inside: str, style: Style) -> Span:
    """What stands between < and >: a person, a channel, a group, a date or a link."""
    name, _, label = (_decode(part) for part in inside.partition("|"))
    if name.startswith("!date^"):
        return Span(label or name, style)
    if name.startswith(("@", "#", "!")):
        sign = "#" if name.startswith("#") else "@"
        word = label or name[1:].removeprefix("subteam^")
        return Span(sign + word.removeprefix(sign), style + _MENTION)
    return Span(label or name.removeprefix("mailto:"), style + _LINK + link(name), literal=bool(label))


def _emoji(text: str) -> str:
    return Emoji.replace(re.sub(r":large_(?=(green|yellow|orange|purple|brown)_circle:)", ":", text))


def _text(style: Style = _PLAIN) -> Text:
    return Text(style=style, overflow="fold")


def _inline(source: str, style: Style = _PLAIN) -> Text:
    text = _text(style)
    for span in _spans(source):
        text.append(_emoji(span.text) if span.literal else span.text, span.style)
    return text


def _mrkdwn(source: str) -> Iterator[RenderableType]:
    """Paragraphs, quotes with a bar, code in a box."""
    for number, piece in enumerate(_FENCE.split(source)):
        if number % 2:
            yield _code(piece)
        elif piece.strip("\n"):
            yield from _quotes(piece.strip("\n"))


def _quotes(source: str) -> Iterator[RenderableType]:
    for quoted, lines in groupby(source.split("\n"), lambda line: bool(_QUOTE.match(line))):
        if quoted:
            yield _Barred(_inline("\n".join(_QUOTE.sub("", line, count=1) for line in lines)))
        else:
            yield _inline("\n".join(lines))


def _code(source: str) -> Panel:
    return Panel(_text(_CODE).append(_decode(source.strip("\n"))), box=box.SQUARE, border_style=_DIM)


# The message ----------------------------------------------------------------------------------------


def message(body: dict[str, Any], target: str, at: str = "") -> RenderableType:
    """The body of a chat.postMessage or webhook call as it will look in `target` (at the time `at`)."""
    content = Table.grid(Column(width=3), Column(ratio=1, overflow="fold"), expand=True, padding=(0, 1, 0, 0))
    content.add_row(_Avatar(_icon(body)), Group(_author(body, at), *_content(body)))
    title = Text(clean(target) or "Slack", Style(bold=True, dim=False))
    return Panel(content, title=title, title_align="left", border_style=_DIM, padding=(1, 1), width=WIDTH)


def _author(body: dict[str, Any], at: str) -> Text:
    text = _text().append(clean(body.get("username")) or "ingestlayer", _BOLD)
    text.append("  ").append(" APP ", Style(reverse=True, dim=True))
    icon = clean(body.get("icon_emoji")) if not _icon(body) else ""  # one of the workspace's own
    if url := clean(body.get("icon_url")):
        text.append("  ").append("[icon]", _DIM + link(url)).append(f" {url}", _DIM + link(url))
    for word in (icon, clean(at), "in a thread" if body.get("thread_ts") else ""):
        text.append(f"  {word}" if word else "", _DIM)
    return text


def _icon(body: dict[str, Any]) -> str:
    """The emoji in place of the app's icon; "" when there is none that a terminal knows."""
    code = clean(body.get("icon_emoji"))
    drawn = _emoji(code)
    return drawn if drawn != code and cell_len(drawn) <= 2 else ""


def _content(body: dict[str, Any]) -> Iterator[RenderableType]:
    """The blocks; the text only where there are none, as Slack does."""
    if blocks := _dicts(body.get("blocks")):
        yield from _stack(blocks)
    else:
        yield from _mrkdwn(clean(body.get("text")) or clean(body.get("fallback")))
    for attachment in _dicts(body.get("attachments")):
        yield Text()
        yield _Barred(Group(*_content(attachment)))


def _stack(blocks: list[dict[str, Any]]) -> Iterator[RenderableType]:
    """One block under the other, a blank line between them unless a header leads in."""
    gap = False
    for block in blocks:
        if gap:
            yield Text()
        yield from _BLOCKS.get(clean(block.get("type")), _other)(block)
        gap = block.get("type") != "header"


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _words(value: object, style: Style = _PLAIN) -> Text:
    """A text object on one line of thought: headers, labels, context."""
    if not isinstance(value, dict):
        return _text(style)
    source = clean(value.get("text"))
    if value.get("type") != "plain_text":
        return _inline(source, style)
    return _text(style).append(_decode(source) if value.get("emoji") is False else _emoji(_decode(source)))


def _paragraphs(value: object) -> Iterator[RenderableType]:
    """A text object with all that mrkdwn can hold."""
    if isinstance(value, dict) and value.get("type") == "mrkdwn":
        yield from _mrkdwn(clean(value.get("text")))
    elif value:
        yield _words(value)


def _header(block: dict[str, Any]) -> Iterator[RenderableType]:
    yield _words(block.get("text"), _BOLD)


def _section(block: dict[str, Any]) -> Iterator[RenderableType]:
    yield from _paragraphs(block.get("text"))
    if fields := _dicts(block.get("fields")):
        if block.get("text"):
            yield Text()
        yield _fields(fields)
    if accessory := _dicts([block.get("accessory")]):
        yield from _image(accessory[0]) if accessory[0].get("type") == "image" else [_Buttons(accessory)]


def _fields(fields: list[dict[str, Any]]) -> Table:
    columns = [Column(ratio=1, overflow="fold") for _ in range(2)]
    grid = Table.grid(*columns, expand=True, padding=(0, 2, 0, 0))
    for first in range(0, len(fields), 2):
        if first:
            grid.add_row()
        grid.add_row(*(Group(*_paragraphs(field)) for field in fields[first : first + 2]))
    return grid


def _actions(block: dict[str, Any]) -> Iterator[RenderableType]:
    yield _Buttons(_dicts(block.get("elements")))


def _context(block: dict[str, Any]) -> Iterator[RenderableType]:
    parts = [
        _small_image(element) if element.get("type") == "image" else _words(element)
        for element in _dicts(block.get("elements"))
    ]
    text = Text("  ", overflow="fold").join(parts)
    text.style = _DIM
    yield text


def _small_image(element: dict[str, Any]) -> Text:
    url = clean(element.get("image_url")).replace("\n", "")
    text = _text().append(f"[{clean(element.get('alt_text')) or 'image'}]", link(url))
    return text.append(f" {url}", link(url)) if url else text


def _divider(block: dict[str, Any]) -> Iterator[RenderableType]:
    yield _Divider()


def _image(block: dict[str, Any]) -> Iterator[RenderableType]:
    slack_file = block.get("slack_file")
    url = clean(block.get("image_url") or (slack_file.get("url") if isinstance(slack_file, dict) else ""))
    alt = _text().append(clean(block.get("alt_text")) or "image")
    title = _words(block.get("title")) or Text("image")
    content = Group(alt, _text(_DIM).append(url, link(url))) if url else alt
    yield Panel(content, title=title, title_align="left", border_style=_DIM, expand=False)


def _other(block: dict[str, Any]) -> Iterator[RenderableType]:
    yield _text(_DIM).append(f"[{clean(block.get('type')) or 'unknown'} block]")


# rich_text: what people type in Slack's own editor; its texts are literal ----------------------------


def _rich_text(block: dict[str, Any]) -> Iterator[RenderableType]:
    for element in _dicts(block.get("elements")):
        match element.get("type"):
            case "rich_text_list":
                yield from _list(element)
            case "rich_text_quote":
                yield _Barred(_leaves(element))
            case "rich_text_preformatted":
                yield Panel(_leaves(element, _CODE), box=box.SQUARE, border_style=_DIM)
            case _:
                yield _leaves(element)


def _list(element: dict[str, Any]) -> Iterator[RenderableType]:
    indent = element.get("indent")
    margin = "  " * min(indent, 8) if isinstance(indent, int) else ""
    for number, item in enumerate(_dicts(element.get("elements")), start=1):
        sign = f"{number}. " if element.get("style") == "ordered" else "• "
        yield _text().append(margin + sign).append_text(_leaves(item))


def _leaves(element: dict[str, Any], style: Style = _PLAIN) -> Text:
    text = _text(style)
    for leaf in _dicts(element.get("elements")):
        text.append(*_leaf(leaf))
    return text


def _leaf(leaf: dict[str, Any]) -> tuple[str, Style]:
    flags = leaf.get("style")
    flags = flags if isinstance(flags, dict) else {}
    style = sum((mark for name, mark in _LEAF_MARKS.items() if flags.get(name)), start=_PLAIN)
    match leaf.get("type"):
        case "user" | "usergroup" as kind:
            return "@" + clean(leaf.get(f"{kind}_id")), style + _MENTION
        case "channel":
            return "#" + clean(leaf.get("channel_id")), style + _MENTION
        case "broadcast":
            return "@" + clean(leaf.get("range")), style + _MENTION
        case "emoji":
            return _emoji(f":{clean(leaf.get('name'))}:"), style
        case "link":
            url = clean(leaf.get("url"))
            return clean(leaf.get("text")) or url, style + _LINK + link(url)
        case _:
            return clean(leaf.get("text")) or clean(leaf.get("fallback")), style


_BLOCKS: dict[str, Callable[[dict[str, Any]], Iterable[RenderableType]]] = {
    "header": _header,
    "section": _section,
    "actions": _actions,
    "context": _context,
    "divider": _divider,
    "image": _image,
    "rich_text": _rich_text,
}


# Shapes that depend on the room there is -------------------------------------------------------------


class _Avatar:
    """The app's icon, or the emoji in place of it."""

    def __init__(self, icon: str) -> None:
        self.icon = icon

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.icon and not options.ascii_only:
            yield Segment(self.icon)
            yield Segment.line()
            return
        lines = ("[i]",) if options.ascii_only else ("▟█▙", "▜█▛")
        for line in lines:
            yield Segment(line, Style(color="magenta"))
            yield Segment.line()


class _Divider:
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(("-" if options.ascii_only else "─") * options.max_width, _DIM)
        yield Segment.line()


class _Barred:
    """Something with a bar at its left: a quote, an attachment."""

    def __init__(self, inside: RenderableType) -> None:
        self.inside = inside

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        bar = Segment("| " if options.ascii_only else "▎ ", _DIM)
        for line in console.render_lines(self.inside, options.update_width(max(1, options.max_width - 2))):
            yield bar
            yield from line
            yield Segment.line()


class _Buttons:
    """Buttons in a row; where they have URLs, one to a line with its URL beside or beneath it."""

    def __init__(self, elements: list[dict[str, Any]]) -> None:
        self.buttons = [_button(element) for element in elements]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not any(url for _, url in self.buttons):
            yield Columns([label for label, _ in self.buttons], padding=(0, 2))
            return
        longest = max(label.cell_len for label, _ in self.buttons)
        for label, url in self.buttons:
            shown = Text(url, _DIM + link(url), no_wrap=True, overflow="ellipsis")
            if longest + 2 + cell_len(url) <= options.max_width:
                yield label.copy().append(" " * (longest - label.cell_len + 2)).append_text(shown)
            else:
                yield from (label, shown)


def _button(element: dict[str, Any]) -> tuple[Text, str]:
    """`[ Open account ]` and its URL; menus and pickers show their placeholder the same way."""
    url = clean(element.get("url")).replace("\n", "")
    style = _BUTTONS.get(clean(element.get("style")), _BOLD) + link(url)
    label = _words(element.get("text")) or _words(element.get("placeholder"))
    label = label or _text().append(clean(element.get("type")) or "button")
    return _text().append("[ ", _DIM).append(label.plain, style).append(" ]", _DIM), url
