"""What is drawn in a terminal as a picture: SVG and HTML that stand alone and fetch nothing.

The SVG is written here and not by Rich, whose own loads a font from the web, squeezes wide characters
into one cell and leaves gaps in vertical lines.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from html import escape

from rich.cells import cell_len
from rich.color import Color, blend_rgb
from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from ..system.terminal import WIDTH, clean, is_harmless

_FONT = "ui-monospace, 'Cascadia Mono', 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_CELL, _LINE, _MARGIN, _BAR = 12.04, 23, 16, 44  # pixels, at a font size of 20

_THEME = TerminalTheme(
    (26, 29, 33),
    (209, 210, 211),
    [
        (26, 29, 33),
        (224, 30, 90),
        (46, 182, 125),
        (232, 145, 45),
        (18, 100, 163),
        (171, 84, 175),
        (54, 197, 240),
        (209, 210, 211),
    ],
    [
        (130, 132, 135),
        (255, 92, 138),
        (90, 210, 160),
        (236, 178, 46),
        (29, 155, 209),
        (200, 130, 205),
        (120, 215, 245),
        (255, 255, 255),
    ],
)
_FOREGROUND, _BACKGROUND = _THEME.foreground_color, _THEME.background_color

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">
<title>{title}</title>
<rect width="{width:g}" height="{height:g}" rx="10" fill="{background}"/>
<circle cx="24" cy="22" r="6" fill="#ff5f57"/>
<circle cx="44" cy="22" r="6" fill="#febc2e"/>
<circle cx="64" cy="22" r="6" fill="#28c840"/>
<text x="{middle:g}" y="27" fill="{foreground}" font-family="system-ui, sans-serif" font-size="15" \
text-anchor="middle">{title}</text>
<g fill="currentColor" color="{foreground}" \
font-family="{font}" font-size="20">
{content}
</g>
</svg>
"""

_HTML = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ margin: 2em; color: {foreground}; background: {background}; }}
pre {{ font: 15px/1.16 {font}; }}
</style>
</head>
<body>
<pre>{content}</pre>
</body>
</html>
"""


def svg(renderables: Sequence[RenderableType], title: str, width: int = WIDTH) -> str:
    """The renderables as a picture of a terminal window, the same for the same input."""
    lines = _lines(renderables, width)
    full = width * _CELL + 2 * _MARGIN
    return _SVG.format(
        width=full,
        height=len(lines) * _LINE + _BAR + _MARGIN,
        middle=full / 2,
        title=_escaped(title),
        font=_FONT,
        foreground=_FOREGROUND.hex,
        background=_BACKGROUND.hex,
        content="\n".join(tag for row, line in enumerate(lines) for tag in _row(line, row)),
    )


def html(renderables: Sequence[RenderableType], title: str, width: int = WIDTH) -> str:
    """The renderables as a complete HTML document."""
    return _HTML.format(
        title=_escaped(title),
        font=_FONT,
        foreground=_FOREGROUND.hex,
        background=_BACKGROUND.hex,
        content="\n".join("".join(map(_span, line)).rstrip() for line in _lines(renderables, width)),
    )


def _lines(renderables: Sequence[RenderableType], width: int) -> list[list[Segment]]:
    """What a terminal would show. No console markup: a text given as a plain string stays that text."""
    console = Console(
        width=width,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )
    segments = (segment for each in renderables for segment in console.render(each))
    return [list(line) for line in Segment.split_lines(Segment.filter_control(segments))]


def _row(line: list[Segment], row: int) -> Iterator[str]:
    """The grounds and words of one line; every run of words is held to the width of its cells.

    A run ends where more than one blank follows: browsers draw these as one, and would stretch the words.
    """
    column, top = 0, _BAR + row * _LINE
    for text, style, _ in line:
        look = _explicit(style)
        if look.bgcolor:
            size = f'width="{cell_len(text) * _CELL:g}" height="{_LINE}" rx="3"'
            ground = look.bgcolor.get_truecolor().hex
            yield f'<rect x="{_MARGIN + column * _CELL:g}" y="{top}" {size} fill="{ground}"/>'
        for run in re.finditer(r"\S+(?:\s\S+)*", text):
            x = _MARGIN + (column + cell_len(text[: run.start()])) * _CELL
            fit = f'textLength="{cell_len(run[0]) * _CELL:g}" lengthAdjust="spacingAndGlyphs"'
            tag = f'<text x="{x:g}" y="{top + 18}" {fit}{_css(look)}>{_escaped(run[0])}</text>'
            yield _linked(tag, look)
        column += cell_len(text)


def _span(segment: Segment) -> str:
    look, text = _explicit(segment.style), _escaped(segment.text)
    css = _css(look)
    return _linked(f"<span{css}>{text}</span>" if css else text, look)


def _explicit(style: Style | None) -> Style:
    """The same look as plain colours: pictures know no default colour to dim or to reverse."""
    style = style or Style()
    front = style.color.get_truecolor(_THEME) if style.color else _FOREGROUND
    back = style.bgcolor.get_truecolor(_THEME, foreground=False) if style.bgcolor else _BACKGROUND
    front = blend_rgb(front, back, 0.4) if style.dim else front
    front, back = (back, front) if style.reverse else (front, back)
    return Style(
        color=None if front == _FOREGROUND else Color.from_triplet(front),
        bgcolor=None if back == _BACKGROUND else Color.from_triplet(back),
        bold=style.bold,
        italic=style.italic,
        underline=style.underline,
        strike=style.strike,
        link=style.link if is_harmless(style.link or "") else None,
    )


def _css(look: Style) -> str:
    css = look.get_html_style(_THEME)
    return f' style="{css}"' if css else ""


def _linked(tag: str, look: Style) -> str:
    color = look.color.get_truecolor().hex if look.color else _FOREGROUND.hex
    return f'<a href="{escape(look.link)}" style="color: {color}">{tag}</a>' if look.link else tag


def _escaped(text: str) -> str:
    """Fit for XML, which cannot hold two characters even when they are escaped."""
    return escape(re.sub(r"[\ufffe\uffff]", "\ufffd", clean(text)))
