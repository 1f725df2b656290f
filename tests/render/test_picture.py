"""Pictures of what a terminal shows."""

import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import RenderableType
from rich.style import Style
from rich.text import Text

from ingestlayer_cli.destinations.slack.drawing import message
from ingestlayer_cli.render.picture import html, svg
from tests.support.drawing import EVERY_BLOCK, USAGE, blocks, mrkdwn

Picture = Callable[[Sequence[RenderableType], str], str]
BOTH = pytest.mark.parametrize("picture", [svg, html])
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>alert(1)</script><img src=x> {x} {0} [red]r[/red] \x00\x1b[2J\ufffe\ud800 ]]> &amp;"


class Tags(HTMLParser):
    """Notes the tags and their attributes, and that every one is closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [value or "" for name, value in attributes if name in ("href", "src")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def words(picture: str) -> str:
    return "\n".join("".join(each.itertext()) for each in ElementTree.fromstring(picture).iter(f"{SVG}text"))


@BOTH
def test_a_picture_is_the_same_every_time(picture: Picture) -> None:
    assert picture([message(USAGE, "#alerts")], "t") == picture([message(USAGE, "#alerts")], "t")


@BOTH
def test_a_picture_fetches_nothing(picture: Picture) -> None:
    made = picture([message(EVERY_BLOCK, "#alerts")], "t")
    assert not re.search(r"url\(|@import|@font-face|src=|<link|<image|<use|<script", made)


def test_an_svg_shows_the_message() -> None:
    shown = words(svg([message(USAGE, "#alerts", "9:30")], "preview"))
    assert all(part in shown for part in ("preview", "#alerts", "Acme Inc", "1,900", "Open account"))


def test_html_shows_the_message_as_the_terminal_does() -> None:
    shown = Tags(html([message(USAGE, "#alerts", "9:30")], "preview")).words
    assert re.search(r"Plan +MRR +│\n│ +pro +1,900", shown)


def test_html_is_a_whole_document() -> None:
    made = html([Text("x")], "preview")
    assert made.startswith("<!DOCTYPE html>")
    assert "<title>preview</title>" in made
    assert Tags(made).open == []


@BOTH
def test_several_drawings_make_one_picture(picture: Picture) -> None:
    made = picture([Text("first"), message(USAGE, "#alerts"), Text("last")], "t")
    assert made.index("first") < made.index("Acme") < made.index("last")


@BOTH
def test_a_plain_string_is_no_markup(picture: Picture) -> None:
    assert "[red]r[/red] :tada:" in picture(["[red]r[/red] :tada:"], "t")


@BOTH
def test_http_urls_become_links(picture: Picture) -> None:
    assert '<a href="https://a.example/?x=1&amp;y=2"' in picture(
        [Text("x", Style(link="https://a.example/?x=1&y=2"))], "t"
    )


@BOTH
@pytest.mark.parametrize("url", ["javascript:alert(1)", 'https://a.example/"><script>', "data:text/html,x"])
def test_other_urls_become_none(picture: Picture, url: str) -> None:
    assert "<a " not in picture([Text("x", Style(link=url))], "t")


def test_wide_characters_take_two_cells_in_an_svg() -> None:
    narrow = ElementTree.fromstring(svg([Text("abcd")], "t")).findall(f".//{SVG}g/{SVG}text")
    wide = ElementTree.fromstring(svg([Text("東京")], "t")).findall(f".//{SVG}g/{SVG}text")
    assert narrow[0].get("textLength") == wide[0].get("textLength")


def test_a_dimmed_reversed_badge_keeps_its_ground() -> None:
    assert "background-color" in html([Text(" APP ", "reverse dim")], "t")


def test_hostile_values_stay_text_in_an_svg() -> None:
    made = svg([message(blocks({"type": "section", "text": mrkdwn(HOSTILE)}), HOSTILE), HOSTILE], HOSTILE)
    tags = {each.tag.removeprefix(SVG) for each in ElementTree.fromstring(made).iter()}
    assert tags <= {"svg", "title", "rect", "circle", "text", "g", "a"}
    assert "{x} {0} [red]r[/red]" in words(made)


def test_hostile_values_stay_text_in_html() -> None:
    tags = Tags(html([message(blocks({"type": "section", "text": mrkdwn(HOSTILE)}), HOSTILE), HOSTILE], HOSTILE))
    assert tags.seen <= {"html", "head", "meta", "title", "style", "body", "pre", "span", "a"}
    assert "{x} {0} [red]r[/red]" in tags.words


@settings(deadline=None)
@given(text=st.text())
def test_any_text_makes_a_well_formed_svg(text: str) -> None:
    ElementTree.fromstring(svg([message({"text": text}, text), Text(text), text], text, width=40))


@settings(deadline=None)
@given(text=st.text())
def test_any_text_makes_closed_html(text: str) -> None:
    assert Tags(html([message({"text": text}, text), Text(text)], text, width=40)).open == []


def test_blanks_between_words_take_their_cells_though_browsers_draw_several_as_one() -> None:
    page = ElementTree.fromstring(svg([Text("pro     1,900")], "t"))
    drawn = {each.text: float(each.attrib["x"]) for each in page.iter(f"{SVG}text") if each.text != "t"}
    assert drawn["1,900"] - drawn["pro"] == pytest.approx(8 * 12.04)
