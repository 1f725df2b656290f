"""A Slack message in a terminal."""

import io
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from ingestlayer_cli.destinations.slack.drawing import message
from ingestlayer_cli.destinations.slack.mrkdwn import plain
from tests.support.drawing import (
    EVERY_BLOCK,
    USAGE,
    blocks,
    button,
    drawn,
    matches_snapshot,
    mrkdwn,
    screen,
    section,
    words,
)

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ESCAPES = re.compile(r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\")
HOSTILE = "[red]x[/red] \x1b[31mred\x1b]0;title\x07\x9b2J \u202eevil\u2066 \ud800 &lt;!channel&gt;"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_message_is_drawn_as_in_slack(width: int) -> None:
    assert matches_snapshot(f"usage-{width}.txt", drawn(USAGE, width))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_kind_of_block_is_drawn(width: int) -> None:
    assert matches_snapshot(f"every-block-{width}.txt", drawn(EVERY_BLOCK, width))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(cell_len(line) for line in drawn(EVERY_BLOCK, width).splitlines()) <= width


# What a body may hold


def test_the_text_shows_when_there_are_no_blocks() -> None:
    assert "only *text*".replace("*", "") in drawn({"text": "only *text*"})


def test_the_text_is_a_fallback_when_there_are_blocks() -> None:
    assert "fallback" not in drawn(blocks({"type": "divider"}))


def test_a_reply_says_that_it_is_in_a_thread() -> None:
    assert "in a thread" in drawn({"text": "x", "thread_ts": "1.2"})


def test_a_customised_name_replaces_the_apps() -> None:
    assert "Usage bot   APP" in drawn({"text": "x", "username": "Usage bot"})


def test_an_unknown_block_is_named() -> None:
    assert "[hologram block]" in drawn(blocks({"type": "hologram"}))


def test_fields_stand_in_two_columns_name_above_value() -> None:
    assert re.search(r"Plan +MRR +│\n│ +pro +1,900", drawn(USAGE))


def test_a_url_that_does_not_fit_beside_its_button_stands_beneath_it() -> None:
    body = blocks({"type": "actions", "elements": [button("Open", "https://crm.example/" + "a" * 30)]})
    assert re.search(r"\[ Open \] +│\n│ +https://crm\.example/a+…", drawn(body, 40))


def test_buttons_without_urls_stand_in_a_row() -> None:
    body = blocks({"type": "actions", "elements": [button("Yes"), button("No")]})
    assert "[ Yes ]  [ No ]" in drawn(body)


def test_plain_text_is_not_mrkdwn() -> None:
    assert "*a* <b> & `c`" in drawn(blocks({"type": "header", "text": words("*a* &lt;b&gt; &amp; `c`")}))


def test_plain_text_with_emoji_off_keeps_its_codes() -> None:
    text = {"type": "plain_text", "text": ":tada:", "emoji": False}
    assert ":tada:" in drawn(blocks({"type": "header", "text": text}))


# mrkdwn


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("*bold* _it_ ~s~ `code`", "bold it s code"),
        ("*_both_* and (*bold*)", "both and (bold)"),
        ("snake_case_name 2*3*4 a~b~c", "snake_case_name 2*3*4 a~b~c"),
        ("* not bold * **nor this**", "* not bold * **nor this**"),
        ("`*literal* &lt;`", "*literal* <"),
        ("<https://a.example|the *account*>", "the *account*"),
        ("<https://a.example/_x_?a=1&amp;b=2>", "https://a.example/_x_?a=1&b=2"),
        ("https://a.example/_x_/", "https://a.example/_x_/"),
        ("*<https://a.example/*|x>*", "x"),
        ("<mailto:a@b.example>", "a@b.example"),
        ("<@U1> <@U2|ada> <#C1|general> <#C2>", "@U1 @ada #general #C2"),
        ("<!channel> <!here|here> <!subteam^S1|@cs> <!subteam^S2>", "@channel @here @cs @S2"),
        ("<!date^1392734382^{date}|Feb 18>", "Feb 18"),
        ("&lt;!channel&gt; &amp;lt;", "<!channel> &lt;"),
        ("```a *b*```", "a *b*"),
        ("an open `tick and *star", "an open `tick and *star"),
    ],
)
def test_mrkdwn_as_plain_text(source: str, shown: str) -> None:
    assert plain(source) == shown


def test_mrkdwn_is_drawn_with_its_marks() -> None:
    text = drawn({"text": "*b* _i_ ~s~"}, force_terminal=True, color_system="standard")
    assert all(code in text for code in ("\x1b[1mb", "\x1b[3mi", "\x1b[9ms"))


@pytest.mark.parametrize(("verbatim", "linked"), [(True, 1), (False, 2)])
@pytest.mark.parametrize("quoted", ["", "> "])
def test_what_is_drawn_as_a_link_is_one_in_slack(verbatim: bool, linked: int, quoted: str) -> None:
    text = {**mrkdwn(f"{quoted}*https://bare.example* <https://a.example|Open>"), "verbatim": verbatim}
    for block in ({"type": "section", "text": text}, {"type": "context", "elements": [text]}):
        shown = drawn(blocks(block), force_terminal=True, color_system="standard", legacy_windows=False)
        assert len(set(re.findall(r"\x1b\]8;id=\d+;(https://[^\x1b]*)", shown))) == linked
        assert "https://bare.example" in ESCAPES.sub("", shown)


def test_a_quote_keeps_its_bar_on_every_line() -> None:
    shown = section("before\n> one two three four five six seven eight\nafter", 40)
    assert shown == "before\n▎ one two three four five six\n▎ seven eight\nafter"


def test_an_escaped_quote_is_a_quote_as_in_slack() -> None:
    assert section("&gt; said") == "▎ said"


def test_emoji_codes_become_emoji() -> None:
    assert section(":tada: :large_green_circle: 10:30:45 :no_such_code:") == "🎉 🟢 10:30:45 :no_such_code:"


def test_emoji_codes_in_code_stay() -> None:
    assert section("`:tada:`") == ":tada:"


def test_a_very_long_word_is_folded() -> None:
    assert section("x" * 50, 40) == "x" * 32 + "\n" + "x" * 18


# Where it is drawn


def test_a_pipe_gets_no_escape_sequences() -> None:
    assert "\x1b" not in drawn(EVERY_BLOCK)


def test_no_color_leaves_no_color() -> None:
    text = drawn(EVERY_BLOCK, force_terminal=True, color_system="standard", no_color=True)
    assert not re.search(r"\x1b\[(?:\d+;)*[349][0-7]m", text)


def test_color_carries_nothing_that_the_text_does_not() -> None:
    colored = drawn(EVERY_BLOCK, force_terminal=True, color_system="truecolor")
    assert ESCAPES.sub("", colored) == drawn(EVERY_BLOCK)


def test_a_button_is_a_hyperlink_where_the_terminal_has_them() -> None:
    text = drawn(USAGE, force_terminal=True, color_system="standard", legacy_windows=False)
    assert re.search(r"\x1b\]8;id=\d+;https://crm\.example/acme\x1b\\\x1b\[1mOpen account", text)


def test_an_ascii_terminal_gets_ascii() -> None:
    body = blocks(*USAGE["blocks"][:4], {"type": "divider"}, {"type": "section", "text": mrkdwn("> q\n```x```")})
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii"), width=60, _environ={})
    console.print(message(body, "#alerts"))
    console.file.flush()
    assert b"+- #alerts -" in raw.getvalue()


# Hostile values


@pytest.mark.parametrize("width", [40, 80])
def test_a_hostile_value_is_shown_as_the_text_it_is(width: int) -> None:
    assert "[red]x[/red] [31mred]0;title2J evil" in section(HOSTILE, 80)
    assert "<!channel>" in section(HOSTILE, width)


@pytest.mark.parametrize("field", ["username", "text"])
def test_a_hostile_top_level_value_sends_no_control_character(field: str) -> None:
    assert not CONTROL.search(drawn({"text": "x", field: HOSTILE}))


def test_a_hostile_target_sends_no_control_character() -> None:
    text = screen(message({"text": "x"}, HOSTILE + "\nsecond line", HOSTILE))
    assert not CONTROL.search(text)
    assert "[red]x[/red]" in text


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", 'https://a.example/"onclick=', "https://a.example/\x1b\\x"],
)
def test_only_a_harmless_http_url_becomes_a_hyperlink(url: str) -> None:
    body = blocks({"type": "actions", "elements": [button("Open", url)]})
    text = drawn(body, force_terminal=True, color_system="standard", legacy_windows=False)
    assert "\x1b]8;" not in text


SIGNS = ["*", "_", "~", "`", "```", "<", ">", "|", "&lt;", "&amp;", "!date^", "https://a.b", ":tada:", "[b]"]
ACTING = [
    "\n",
    "\r",
    "\t",
    "\x1b[2J",
    "\x9b",
    "\u202e",
    "\ud800",
    "\u0301",
    "\u200d",
    "\ufe0f",
    " ",
    "x" * 40,
]
WIDE = ["東", "👩\u200d👩\u200d👧"]
BITS = st.sampled_from([*SIGNS, *ACTING, *WIDE])
TEXTS = st.text() | st.lists(BITS | st.text(max_size=3), max_size=12).map("".join)
KINDS = st.sampled_from(["header", "section", "actions", "context", "image", "rich_text", "mrkdwn", "button", "text"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.fixed_dictionaries(
            {},
            optional={
                "type": KINDS | TEXTS,
                **dict.fromkeys(
                    [
                        "text",
                        "fields",
                        "elements",
                        "accessory",
                        "url",
                        "style",
                        "title",
                        "alt_text",
                        "indent",
                    ],
                    inner,
                ),
            },
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(text=TEXTS, width=st.sampled_from([20, 40, 80]))
def test_any_text_is_drawn_without_control_characters(text: str, width: int) -> None:
    body = blocks(
        {"type": "header", "text": words(text)},
        {"type": "section", "text": mrkdwn(text), "fields": [mrkdwn(text), words(text)]},
        {"type": "actions", "elements": [button(text, text), button(text)]},
        {"type": "context", "elements": [mrkdwn(text), {"type": "image", "alt_text": text}]},
    )
    shown = screen(message(body, text, text), width, force_terminal=True, color_system="standard")
    assert not CONTROL.search(ESCAPES.sub("", shown))
    shown.encode()


@settings(deadline=None)
@given(parts=st.lists(JSON, max_size=3))
def test_a_malformed_body_is_still_drawn(parts: list[Any]) -> None:
    assert "#alerts" in drawn({"blocks": parts, "attachments": parts, "text": parts})


@settings(deadline=None)
@given(text=TEXTS)
def test_plain_text_holds_no_control_characters(text: str) -> None:
    assert not CONTROL.search(plain(text))


@settings(deadline=None)
@given(value=st.text(alphabet="abc<>&!@|:# ^", max_size=20))
def test_an_escaped_value_is_read_back_as_it_was(value: str) -> None:
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert plain(escaped) == value
