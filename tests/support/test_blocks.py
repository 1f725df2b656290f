"""Slack's markup: what a text may hold, and which mentions and links stand in a message."""

from html import escape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.blocks import mentions, problems, refusal

TEXTS = [
    "<!channel>",
    "<!here> and <!everyone>",
    "<!subteam^S012AB>",
    "<!subteam^S012AB|@csm>",
    "<!date^1392734382^Posted {date_num} {time_secs}|Posted 2014-02-18>",
    "<@U012AB>",
    "<#C012AB>",
    "<#C012AB|alerts>",
    "<https://a.example/?b=c&amp;d=e|the account>",
    "<https://a.example>",
    "<mailto:a@b.example|write>",
    "&lt;!channel&gt; &amp;amp;",
    "> a quote\n>>> the rest",
    "tabs\tand\nlines",
    "emoji 😀 :smile:",
]


def in_section(text: str) -> dict[str, Any]:
    return {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}


def in_plain(text: str) -> dict[str, Any]:
    return {"blocks": [{"type": "section", "text": {"type": "plain_text", "text": text}}]}


@pytest.mark.parametrize("text", TEXTS)
def test_right_markup_has_no_problems(text: str) -> None:
    assert problems(in_section(text)) == []
    assert problems({"text": text}) == []


WRONG = {
    "unescaped &": ["a & b", "AT&T", "&", "a &nbsp; b"],
    "broken entity": ["&lt", "&amp", "&quot;", "&#39;", "&LT;"],
    "< without its closing >": ["a < b", "<!channel", "<https://a.example|a", "a <"],
    "unescaped >": ["a > b", "a -> b", "<!here>>"],
    "unknown markup": ["<>", "<b>", "<!all>", "<@ana>", "<#alerts>", "<javascript:a|b>", "<https://a b>"],
    "control characters": ["a\x00b", "a\rb", "a\x1b[31m", "a\x7f", "a\x85b"],
    "lone surrogates": ["a\ud83d", "\ude00"],
}


@pytest.mark.parametrize(("problem", "text"), [(problem, text) for problem in WRONG for text in WRONG[problem]])
def test_wrong_markup_is_a_problem_in_every_kind_of_text(problem: str, text: str) -> None:
    for body in ({"text": text}, in_section(text), in_plain(text)):
        found = problems(body)
        assert len(found) == 1
        assert problem in found[0]


def test_a_quote_mark_is_unescaped_in_plain_text() -> None:
    assert problems(in_plain("> a")) == ["unescaped > [json-pointer:/blocks/0/text/text]"]


def test_control_characters_in_alt_text_are_a_problem() -> None:
    picture = {"type": "image", "image_url": "https://a.example/b", "alt_text": "a\x00"}
    assert problems({"blocks": [picture]}) == ["control characters are not allowed [json-pointer:/blocks/0/alt_text]"]


@given(st.text(min_size=1, max_size=200))
def test_an_escaped_text_forges_nothing(text: str) -> None:
    body = {"text": "a" + escape(text, quote=False)}
    assert mentions(body) == []
    wrong = [problem for problem in problems(body) if "control characters" not in problem]
    assert wrong == []


@given(st.text(alphabet="<>!@#&;|ahttps:/ \n", max_size=40))
def test_a_text_without_problems_lists_all_its_markup(text: str) -> None:
    body = {"text": "a" + text}
    if not problems(body):
        assert len(mentions(body)) == text.count("<")


KEYS = st.sampled_from(
    [
        "type",
        "text",
        "blocks",
        "elements",
        "fields",
        "accessory",
        "attachments",
        "metadata",
        "block_id",
        "url",
        "action_id",
        "confirm",
        "title",
        "alt_text",
        "image_url",
        "event_type",
        "event_payload",
        "style",
    ]
)
KINDS = st.sampled_from(
    [
        "section",
        "header",
        "context",
        "actions",
        "image",
        "divider",
        "button",
        "mrkdwn",
        "plain_text",
        "link",
        "rich_text",
        "rich_text_section",
        "rich_text_list",
        "text",
        "user",
        "broadcast",
    ]
)


def in_blocks(block: Any) -> dict[str, Any]:
    return {"blocks": [block]}


def in_rich_text(element: Any) -> dict[str, Any]:
    return in_blocks({"type": "rich_text", "elements": [element]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, JSON, max_size=5) | JSON.map(in_rich_text) | JSON.map(in_blocks))
def test_any_json_is_judged(body: dict[str, Any]) -> None:
    mentions(body)
    for webhook in (False, True):
        assert bool(problems(body, webhook=webhook)) == bool(refusal(body, webhook=webhook))


def test_mentions_are_found_in_every_text_of_a_message() -> None:
    body = {
        "text": "<!here>",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "<@U1>"}},
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": "<https://a.example|b> <https://c.example>"},
                "fields": [{"type": "mrkdwn", "text": "<#C1>"}],
                "accessory": {"type": "button", "text": {"type": "plain_text", "text": "<!channel>"}},
            },
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "<!subteam^S1>"}]},
            {"type": "image", "image_url": "https://a.example/b", "alt_text": "<@U2>"},
        ],
        "attachments": [{"text": "<@U3>", "fields": [{"title": "<@U4>", "value": "<@U5>"}]}],
    }
    links = ["<https://a.example|b>", "<https://c.example>"]
    people = ["<@U1>", "<@U2>", "<@U3>", "<@U4>", "<@U5>"]
    others = ["<!here>", "<!channel>", "<!subteam^S1>", "<#C1>"]
    assert sorted(mentions(body)) == sorted([*links, *people, *others])


def test_urls_ids_and_metadata_are_not_texts() -> None:
    button = {
        "type": "button",
        "text": {"type": "plain_text", "text": "Open"},
        "url": "https://a.example/<!channel>",
        "action_id": "<!here>",
        "value": "<@U1>",
    }
    body = {
        "text": "a",
        "blocks": [{"type": "actions", "elements": [button], "block_id": "<@U2>"}],
        "metadata": {"event_type": "a", "event_payload": {"name": "<!channel>"}},
    }
    assert mentions(body) == []


def test_rich_text_mentions_by_elements_and_not_by_text() -> None:
    elements = [
        {"type": "text", "text": "<!channel>"},
        {"type": "user", "user_id": "U1"},
        {"type": "broadcast", "range": "here"},
        {"type": "link", "url": "https://a.example", "text": "b"},
    ]
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}
    assert mentions({"blocks": [rich]}) == ["<@U1>", "<!here>", "<https://a.example|b>"]


@pytest.mark.parametrize("option", [{"parse": "full"}, {"link_names": True}])
def test_bare_names_are_mentions_when_slack_is_asked_to_link_them(option: dict[str, Any]) -> None:
    assert mentions({"text": "@channel a@b.example #alerts"}) == []
    assert mentions({"text": "@channel a@b.example #alerts", **option}) == ["@channel", "#alerts"]
