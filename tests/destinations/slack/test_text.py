"""Values in Slack's texts are literal: no mention, no link, no format, no emoji; and nothing else is changed."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.destinations.slack.mrkdwn import inline, plain, spans
from ingestlayer_cli.destinations.slack.text import escape, literal, said, url_problem
from ingestlayer_cli.language.parser import parse_template as parse
from ingestlayer_cli.language.templates import Template

VALUES = [
    "10:100:5",
    ":100:",
    ":fire::tada: :+1:",
    "*bold* _it_ ~gone~ `code`",
    "**x** __x__ ~~x~~ ``x``",
    "```\nfence\n```",
    "a *b* ~c _f",
    "*",
    "`",
    "_ _",
    "(*x*)",
    "> quote",
    "one\n> two\n  >>> three",
    "<!channel> & <@U123> <mailto:a@b.example|ok>",
    "&gt; &lt;b&gt;",
]
WORDS = ["acme", "snake_case_name", "maya_lee@acme.example", "3*4=12", "09:30", "a: b", "Zoë 会社"]
EMOJI = re.compile(r":[\w+'-]+:")
signs = st.lists(st.sampled_from([*"*_~`:<>&", "```", ":100:", "a", "b1", " ", "\n", "é", "(", "-"]), max_size=12)


def styles(text: str) -> set[object]:
    """Return how the parts of a text look, as a reader of Slack's markup has it."""
    return {span.style for span in spans(text) if span.text}


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_shown_as_it_is(value: str) -> None:
    text = escape(value)
    assert plain(text) == value
    assert inline(text).plain == value
    assert len(styles(text)) <= 1
    assert not EMOJI.search(text)
    assert not re.search(r"^[ \t]*(>|&gt;)", text, re.MULTILINE)


@settings(deadline=None)
@given(signs)
def test_whatever_signs_it_has(parts: list[str]) -> None:
    value = "".join(parts)
    assert plain(escape(value)) == value
    assert len(styles(escape(value))) <= 1


@pytest.mark.parametrize("value", [value for value in VALUES if "\n" not in value])
@pytest.mark.parametrize("sign", "*_~")
def test_an_authors_format_holds_around_a_value(value: str, sign: str) -> None:
    text = f"{sign}Plan {escape(value)} of{sign} it"
    assert plain(text) == f"Plan {value} of it"
    assert len(styles(text)) == 2


@pytest.mark.parametrize("value", WORDS)
def test_words_stay_as_they_are(value: str) -> None:
    assert escape(value) == value


@pytest.mark.parametrize("acting", ["\x1b", "\x85", "\x9b", "\u202e", "\u2066", "\ud800", "\x00"])
def test_what_acts_on_a_reader_is_taken_out(acting: str) -> None:
    assert escape(f"a{acting}b") == literal(f"a{acting}b") == "ab"
    assert url_problem(f"https://a.example/{acting}x") == "its link is no http(s) address"


def test_a_link_of_an_author_leads_where_the_value_says() -> None:
    url = "https://a.example/_x_/*y*?z=`1`"
    link = said(Template(parse("<$event.url|Open $event.name>")), {"event": {"url": url, "name": "*now*"}})
    assert link.startswith(f"<{url}|Open ")
    assert plain(link) == "Open *now*"


@pytest.mark.parametrize("nothing", [None, "", " "])
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("see <$event.url|the *invoice*>.", "see the *invoice*."),
        ("see <$event.url>.", "see ."),
        ("<mailto:$event.url|Write>", "Write"),
        ("<@$event.url> hi", " hi"),
        ("<!subteam^$event.url>", ""),
        ("<#$event.url|alerts>", "alerts"),
    ],
)
def test_of_markup_whose_value_is_null_the_label_is_left(text: str, left: str, nothing: str | None) -> None:
    assert said(Template(parse(text)), {"event": {"url": nothing}}) == left
