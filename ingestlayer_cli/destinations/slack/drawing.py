"""A Slack message drawn in a terminal, close enough to Slack to be recognised at a glance.

Texts come from events. They only ever become `Text` objects, never console markup, and lose every
character that could drive a terminal or reorder a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from rich import box
from rich.cells import cell_len
from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.segment import Segment
from rich.style import Style
from rich.table import Column, Table
from rich.text import Text

from ...system.terminal import WIDTH, clean
from ...system.typed import Body
from .mrkdwn import CODE, FENCE, LINK, MARKS, MENTION, PLAIN, QUOTE, blank, decode, emoji, inline, link
from .text import INERT

_BOLD = Style(bold=True)
_DIM = Style(dim=True)
_LEAF_MARKS = {**MARKS, "code": CODE}
_BUTTONS = {"primary": Style(color="green", bold=True), "danger": Style(color="red", bold=True)}


def _mrkdwn(source: str, verbatim: bool = False) -> Iterator[RenderableType]:
    """Paragraphs, quotes with a bar, code in a box."""
    for number, piece in enumerate(FENCE.split(source)):
        if number % 2:
            yield _code(piece)
        elif piece.strip("\n"):
            yield from _quotes(piece.strip("\n"), verbatim)


def _quotes(source: str, verbatim: bool) -> Iterator[RenderableType]:
    for quoted, lines in groupby(source.split("\n"), lambda line: bool(QUOTE.match(line))):
        if quoted:
            yield _Barred(inline("\n".join(QUOTE.sub("", line, count=1) for line in lines), verbatim=verbatim))
        else:
            yield inline("\n".join(lines), verbatim=verbatim)


def _code(source: str) -> Panel:
    return Panel(blank(CODE).append(decode(source.strip("\n"))), box=box.SQUARE, border_style=_DIM)


# The message ----------------------------------------------------------------------------------------


def message(body: Body, target: str, at: str = "") -> RenderableType:
    """The body of a chat.postMessage or webhook call as it will look in `target` (at the time `at`)."""
    content = Table.grid(Column(width=3), Column(ratio=1, overflow="fold"), expand=True, padding=(0, 1, 0, 0))
    content.add_row(_Avatar(_icon(body)), Group(_author(body, at), *_content(body)))
    title = Text(clean(target) or "Slack", Style(bold=True, dim=False))
    return Panel(content, title=title, title_align="left", border_style=_DIM, padding=(1, 1), width=WIDTH)


def _author(body: Body, at: str) -> Text:
    text = blank().append(clean(body.get("username")) or "ingestlayer", _BOLD)
    text.append("  ").append(" APP ", Style(reverse=True, dim=True))
    icon = clean(body.get("icon_emoji")) if not _icon(body) else ""  # one of the workspace's own
    if url := clean(body.get("icon_url")):
        text.append("  ").append("[icon]", _DIM + link(url)).append(f" {url}", _DIM + link(url))
    for word in (icon, clean(at), "in a thread" if body.get("thread_ts") else ""):
        text.append(f"  {word}" if word else "", _DIM)
    return text


def _icon(body: Body) -> str:
    """The emoji in place of the app's icon; "" when there is none that a terminal knows."""
    code = clean(body.get("icon_emoji"))
    drawn = emoji(code)
    return drawn if drawn != code and cell_len(drawn) <= 2 else ""


def _content(body: Body) -> Iterator[RenderableType]:
    """The blocks; the text only where there are none, as Slack does."""
    if blocks := _dicts(body.get("blocks")):
        yield from _stack(blocks)
    else:
        yield from _mrkdwn(clean(body.get("text")) or clean(body.get("fallback")))
    for attachment in _dicts(body.get("attachments")):
        yield Text()
        yield _Barred(Group(*_content(attachment)))


def _stack(blocks: list[Body]) -> Iterator[RenderableType]:
    """One block under the other, a blank line between them unless a header leads in."""
    gap = False
    for block in blocks:
        if gap:
            yield Text()
        yield from _BLOCKS.get(clean(block.get("type")), _other)(block)
        gap = block.get("type") != "header"


def _dicts(value: object) -> list[Body]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _words(value: object, style: Style = PLAIN) -> Text:
    """A text object on one line of thought: headers, labels, context."""
    if not isinstance(value, dict):
        return blank(style)
    source = clean(value.get("text"))
    if value.get("type") != "plain_text":
        return inline(source, style, value.get("verbatim") is True)
    shown = decode(source) if value.get("emoji") is False else emoji(decode(source))
    return blank(style).append(shown.replace(INERT, ""))


def _paragraphs(value: object) -> Iterator[RenderableType]:
    """A text object with all that mrkdwn can hold."""
    if isinstance(value, dict) and value.get("type") == "mrkdwn":
        yield from _mrkdwn(clean(value.get("text")), value.get("verbatim") is True)
    elif value:
        yield _words(value)


def _header(block: Body) -> Iterator[RenderableType]:
    yield _words(block.get("text"), _BOLD)


def _section(block: Body) -> Iterator[RenderableType]:
    yield from _paragraphs(block.get("text"))
    if fields := _dicts(block.get("fields")):
        if block.get("text"):
            yield Text()
        yield _fields(fields)
    if accessory := _dicts([block.get("accessory")]):
        yield from _image(accessory[0]) if accessory[0].get("type") == "image" else [_Buttons(accessory)]


def _fields(fields: list[Body]) -> Table:
    columns = [Column(ratio=1, overflow="fold") for _ in range(2)]
    grid = Table.grid(*columns, expand=True, padding=(0, 2, 0, 0))
    for first in range(0, len(fields), 2):
        if first:
            grid.add_row()
        grid.add_row(*(Group(*_paragraphs(field)) for field in fields[first : first + 2]))
    return grid


def _actions(block: Body) -> Iterator[RenderableType]:
    yield _Buttons(_dicts(block.get("elements")))


def _context(block: Body) -> Iterator[RenderableType]:
    parts = [
        _small_image(element) if element.get("type") == "image" else _words(element)
        for element in _dicts(block.get("elements"))
    ]
    text = Text("  ", overflow="fold").join(parts)
    text.style = _DIM
    yield text


def _small_image(element: Body) -> Text:
    url = clean(element.get("image_url")).replace("\n", "")
    text = blank().append(f"[{clean(element.get('alt_text')) or 'image'}]", link(url))
    return text.append(f" {url}", link(url)) if url else text


def _divider(block: Body) -> Iterator[RenderableType]:
    yield _Divider()


def _image(block: Body) -> Iterator[RenderableType]:
    slack_file = block.get("slack_file")
    url = clean(block.get("image_url") or (slack_file.get("url") if isinstance(slack_file, dict) else ""))
    alt = blank().append(clean(block.get("alt_text")) or "image")
    title = _words(block.get("title")) or Text("image")
    content = Group(alt, blank(_DIM).append(url, link(url))) if url else alt
    yield Panel(content, title=title, title_align="left", border_style=_DIM, expand=False)


def _other(block: Body) -> Iterator[RenderableType]:
    yield blank(_DIM).append(f"[{clean(block.get('type')) or 'unknown'} block]")


# rich_text: what people type in Slack's own editor; its texts are literal ----------------------------


def _rich_text(block: Body) -> Iterator[RenderableType]:
    for element in _dicts(block.get("elements")):
        match element.get("type"):
            case "rich_text_list":
                yield from _list(element)
            case "rich_text_quote":
                yield _Barred(_leaves(element))
            case "rich_text_preformatted":
                yield Panel(_leaves(element, CODE), box=box.SQUARE, border_style=_DIM)
            case _:
                yield _leaves(element)


def _list(element: Body) -> Iterator[RenderableType]:
    indent = element.get("indent")
    margin = "  " * min(indent, 8) if isinstance(indent, int) else ""
    for number, item in enumerate(_dicts(element.get("elements")), start=1):
        sign = f"{number}. " if element.get("style") == "ordered" else "• "
        yield blank().append(margin + sign).append_text(_leaves(item))


def _leaves(element: Body, style: Style = PLAIN) -> Text:
    text = blank(style)
    for leaf in _dicts(element.get("elements")):
        text.append(*_leaf(leaf))
    return text


def _leaf(leaf: Body) -> tuple[str, Style]:
    flags = leaf.get("style")
    flags = flags if isinstance(flags, dict) else {}
    style = sum((mark for name, mark in _LEAF_MARKS.items() if flags.get(name)), start=PLAIN)
    match leaf.get("type"):
        case "user" | "usergroup" as kind:
            return "@" + clean(leaf.get(f"{kind}_id")), style + MENTION
        case "channel":
            return "#" + clean(leaf.get("channel_id")), style + MENTION
        case "broadcast":
            return "@" + clean(leaf.get("range")), style + MENTION
        case "emoji":
            return emoji(f":{clean(leaf.get('name'))}:"), style
        case "link":
            url = clean(leaf.get("url"))
            return clean(leaf.get("text")) or url, style + LINK + link(url)
        case _:
            return clean(leaf.get("text")) or clean(leaf.get("fallback")), style


_BLOCKS: dict[str, Callable[[Body], Iterable[RenderableType]]] = {
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

    def __init__(self, elements: list[Body]) -> None:
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


def _button(element: Body) -> tuple[Text, str]:
    """`[ Open account ]` and its URL; menus and pickers show their placeholder the same way."""
    url = clean(element.get("url")).replace("\n", "")
    style = _BUTTONS.get(clean(element.get("style")), _BOLD) + link(url)
    label = _words(element.get("text")) or _words(element.get("placeholder"))
    label = label or blank().append(clean(element.get("type")) or "button")
    return blank().append("[ ", _DIM).append(label.plain, style).append(" ]", _DIM), url
