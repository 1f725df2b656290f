"""Block Kit's limits, held over HTTP: what stands at a limit is posted, one more is refused at its place."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.support.blocks import MAX_BLOCKS_WEIGHT, problems, weight
from tests.support.standin import SlackStandin

Json = dict[str, Any]


@pytest.fixture(scope="module")
def client() -> Iterator[WebClient]:
    with SlackStandin() as standin:
        yield WebClient(token="xoxb-test", base_url=standin.url, retry_handlers=[], timeout=5)


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def section(**more: Any) -> Json:
    return {"type": "section", **more}


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain("Open"), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def image(**more: Any) -> Json:
    return {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a chart", **more}


def confirm(**more: Json) -> Json:
    texts = {"title": plain("Sure?"), "text": plain("Really"), "confirm": plain("Yes"), "deny": plain("No")}
    return button(confirm={**texts, **more})


def link(size: int) -> str:
    return "https://example.com/".ljust(size, "a")


LIMITS: dict[str, tuple[int, str, Callable[[int], list[Json]]]] = {
    "50 blocks": (50, "/blocks", lambda n: [{"type": "divider"}] * n),
    "section text of 3000": (3000, "/blocks/0/text/text", lambda n: [section(text=mrkdwn("a" * n))]),
    "plain section text of 3000": (3000, "/blocks/0/text/text", lambda n: [section(text=plain("a" * n))]),
    "10 section fields": (10, "/blocks/0/fields", lambda n: [section(fields=[mrkdwn("a")] * n)]),
    "field of 2000": (2000, "/blocks/0/fields/0/text", lambda n: [section(fields=[mrkdwn("a" * n)])]),
    "header of 150": (150, "/blocks/0/text/text", lambda n: [{"type": "header", "text": plain("a" * n)}]),
    "10 context elements": (
        10,
        "/blocks/0/elements",
        lambda n: [{"type": "context", "elements": [mrkdwn("a")] * n}],
    ),
    "context text of 3000": (
        3000,
        "/blocks/0/elements/0/text",
        lambda n: [{"type": "context", "elements": [mrkdwn("a" * n)]}],
    ),
    "25 actions": (25, "/blocks/0/elements", lambda n: [actions(*[button()] * n)]),
    "button label of 75": (
        75,
        "/blocks/0/elements/0/text/text",
        lambda n: [actions(button(text=plain("a" * n)))],
    ),
    "button url of 3000": (3000, "/blocks/0/elements/0/url", lambda n: [actions(button(url=link(n)))]),
    "button value of 2000": (2000, "/blocks/0/elements/0/value", lambda n: [actions(button(value="a" * n))]),
    "accessibility label of 75": (
        75,
        "/blocks/0/elements/0/accessibility_label",
        lambda n: [actions(button(accessibility_label="a" * n))],
    ),
    "action_id of 255": (
        255,
        "/blocks/0/elements/0/action_id",
        lambda n: [actions(button(action_id="a" * n))],
    ),
    "confirm title of 100": (
        100,
        "/blocks/0/elements/0/confirm/title/text",
        lambda n: [actions(confirm(title=plain("a" * n)))],
    ),
    "confirm text of 300": (
        300,
        "/blocks/0/elements/0/confirm/text/text",
        lambda n: [actions(confirm(text=plain("a" * n)))],
    ),
    "confirm answer of 30": (
        30,
        "/blocks/0/elements/0/confirm/deny/text",
        lambda n: [actions(confirm(deny=plain("a" * n)))],
    ),
    "block_id of 255": (255, "/blocks/0/block_id", lambda n: [{"type": "divider", "block_id": "a" * n}]),
    "image_url of 3000": (3000, "/blocks/0/image_url", lambda n: [image(image_url=link(n))]),
    "alt_text of 2000": (2000, "/blocks/0/alt_text", lambda n: [image(alt_text="a" * n)]),
    "image title of 2000": (2000, "/blocks/0/title/text", lambda n: [image(title=plain("a" * n))]),
    "accessory label of 75": (
        75,
        "/blocks/0/accessory/text/text",
        lambda n: [section(text=mrkdwn("a"), accessory=button(text=plain("a" * n)))],
    ),
}


@pytest.mark.parametrize(("limit", "at", "build"), LIMITS.values(), ids=LIMITS)
def test_what_stands_at_the_limit_is_posted(
    client: WebClient, limit: int, at: str, build: Callable[[int], list[Json]]
) -> None:
    assert client.chat_postMessage(channel="#test", text="x", blocks=build(limit))["ok"]


@pytest.mark.parametrize(("limit", "at", "build"), LIMITS.values(), ids=LIMITS)
def test_one_more_than_the_limit_is_refused_at_its_place(
    client: WebClient, limit: int, at: str, build: Callable[[int], list[Json]]
) -> None:
    with pytest.raises(SlackApiError) as refused:
        client.chat_postMessage(channel="#test", text="x", blocks=build(limit + 1))
    assert refused.value.response["error"] == "invalid_blocks"
    messages = refused.value.response["response_metadata"]["messages"]
    assert len(messages) == 1
    assert re.fullmatch(
        rf"\[ERROR\] no more than {limit} (characters|items) allowed \[json-pointer:{at}\]", messages[0]
    )


WRONG: dict[str, tuple[str, list[Any]]] = {
    "a block that is no object": ("/blocks/0/type", ["text"]),
    "an unknown block type": ("/blocks/0/type", [{"type": "sectoin", "text": mrkdwn("a")}]),
    "an unknown key in a block": ("/blocks/0/txt", [section(text=mrkdwn("a"), txt=1)]),
    "an unknown key in a text": ("/blocks/0/text/bold", [section(text={**mrkdwn("a"), "bold": True})]),
    "emoji in a mrkdwn text": ("/blocks/0/text/emoji", [section(text={**mrkdwn("a"), "emoji": True})]),
    "an unknown key in a button": ("/blocks/0/elements/0/href", [actions(button(href="https://a.example"))]),
    "a divider with a text": ("/blocks/0/text", [{"type": "divider", "text": plain("a")}]),
    "an empty section text": ("/blocks/0/text/text", [section(text=mrkdwn(""))]),
    "a blank section text": ("/blocks/0/text/text", [section(text=mrkdwn(" \n"))]),
    "an empty field": ("/blocks/0/fields/0/text", [section(fields=[mrkdwn("")])]),
    "an empty header": ("/blocks/0/text/text", [{"type": "header", "text": plain("")}]),
    "an empty context text": ("/blocks/0/elements/0/text", [{"type": "context", "elements": [mrkdwn("")]}]),
    "an empty button label": ("/blocks/0/elements/0/text/text", [actions(button(text=plain("")))]),
    "an empty alt_text": ("/blocks/0/alt_text", [image(alt_text="")]),
    "a section of nothing": ("/blocks/0", [section()]),
    "no fields": ("/blocks/0/fields", [section(fields=[])]),
    "no context elements": ("/blocks/0/elements", [{"type": "context", "elements": []}]),
    "no actions": ("/blocks/0/elements", [actions()]),
    "a text that is a string": ("/blocks/0/text", [section(text="a")]),
    "a text that is a number": ("/blocks/0/text/text", [section(text={"type": "mrkdwn", "text": 5})]),
    "a text of unknown type": ("/blocks/0/text", [section(text={"type": "markdown", "text": "a"})]),
    "a mrkdwn header": ("/blocks/0/text", [{"type": "header", "text": mrkdwn("a")}]),
    "a mrkdwn button label": ("/blocks/0/elements/0/text", [actions(button(text=mrkdwn("a")))]),
    "a javascript url": ("/blocks/0/elements/0/url", [actions(button(url="javascript:alert(1)"))]),
    "a url without a host": ("/blocks/0/elements/0/url", [actions(button(url="https://"))]),
    "a url with a space": ("/blocks/0/elements/0/url", [actions(button(url="https://a.example/b c"))]),
    "an unknown style": ("/blocks/0/elements/0/style", [actions(button(style="warning"))]),
    "an image without alt_text": ("/blocks/0", [{"type": "image", "image_url": "https://a.example/b"}]),
    "an unknown accessory": (
        "/blocks/0/accessory/type",
        [section(text=mrkdwn("a"), accessory={"type": "slider"})],
    ),
    "an image among actions": ("/blocks/0/elements/0/type", [actions(image())]),
    "a button in a context": ("/blocks/0/elements/0", [{"type": "context", "elements": [button()]}]),
    "a block_id used twice": ("/blocks/1/block_id", [{"type": "divider", "block_id": "a"}] * 2),
    "an action_id used twice": (
        "/blocks/1/elements/0/action_id",
        [actions(button(action_id="a")), actions(button(action_id="a"))],
    ),
    "an empty rich text": ("/blocks/0/elements", [{"type": "rich_text", "elements": []}]),
    "an unknown rich text element": (
        "/blocks/0/elements/0/type",
        [{"type": "rich_text", "elements": [{"type": "text", "text": "a"}]}],
    ),
}


@pytest.mark.parametrize(("at", "blocks"), WRONG.values(), ids=WRONG)
def test_a_wrong_block_is_refused_at_its_place(client: WebClient, at: str, blocks: list[Any]) -> None:
    with pytest.raises(SlackApiError) as refused:
        client.chat_postMessage(channel="#test", text="x", blocks=blocks)
    assert refused.value.response["error"] == "invalid_blocks"
    messages = refused.value.response["response_metadata"]["messages"]
    assert len(messages) == 1
    assert messages[0].endswith(f"[json-pointer:{at}]")


RIGHT: dict[str, list[Json]] = {
    "text and fields": [section(text=mrkdwn("*a*"), fields=[mrkdwn("b"), plain("c")])],
    "a button accessory": [section(text=mrkdwn("a"), accessory=button(url="http://a.example/?b=c&d=e"))],
    "an image accessory": [section(text=mrkdwn("a"), accessory=image())],
    "styles": [actions(button(style="primary"), button(style="danger"))],
    "a text option": [section(text={**plain("a"), "emoji": False}, expand=True)],
    "a context with an image": [{"type": "context", "elements": [image(), mrkdwn("a"), plain("b")]}],
    "a rich text": [
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "<a> & b"}]},
                {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "\n"}]},
                {
                    "type": "rich_text_list",
                    "style": "bullet",
                    "elements": [{"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U1"}]}],
                },
            ],
        }
    ],
}


@pytest.mark.parametrize("blocks", RIGHT.values(), ids=RIGHT)
def test_a_right_block_is_posted(client: WebClient, blocks: list[Json]) -> None:
    assert client.chat_postMessage(channel="#test", text="x", blocks=blocks)["ok"]


def test_an_emoji_outside_the_basic_plane_counts_as_two_characters(client: WebClient) -> None:
    with pytest.raises(SlackApiError, match="no more than 150 characters"):
        client.chat_postMessage(channel="#test", text="x", blocks=[{"type": "header", "text": plain("😀" * 76)}])


def heavy(size: int) -> list[Json]:
    """Valid blocks that weigh exactly so much."""
    blocks = [section(text=mrkdwn("a" * 2500)) for _ in range(5)]
    blocks[0]["text"]["text"] += "a" * (size - weight(blocks))
    return blocks


def test_blocks_of_13200_characters_in_all_are_posted(client: WebClient) -> None:
    assert client.chat_postMessage(channel="#test", text="x", blocks=heavy(MAX_BLOCKS_WEIGHT))["ok"]


def test_blocks_of_13201_characters_in_all_are_too_long(client: WebClient) -> None:
    with pytest.raises(SlackApiError) as refused:
        client.chat_postMessage(channel="#test", text="x", blocks=heavy(MAX_BLOCKS_WEIGHT + 1))
    assert refused.value.response["error"] == "msg_blocks_too_long"


def test_text_of_40000_characters_is_posted(client: WebClient) -> None:
    assert client.chat_postMessage(channel="#test", text="a" * 40_000)["ok"]


def test_text_of_40001_characters_is_too_long(client: WebClient) -> None:
    with pytest.raises(SlackApiError) as refused:
        client.chat_postMessage(channel="#test", text="a" * 40_001)
    assert refused.value.response["error"] == "msg_too_long"


ARGUMENTS: dict[str, tuple[str, str, Json]] = {
    "an unknown key": ("invalid_arguments", "/txt", {"text": "a", "txt": "b"}),
    "a text that is a number": ("invalid_arguments", "/text", {"text": 5}),
    "an empty text beside blocks": (
        "invalid_arguments",
        "/text",
        {"text": "", "blocks": [{"type": "divider"}]},
    ),
    "no text and no blocks": ("no_text", "/text", {}),
    "a blank text": ("no_text", "/text", {"text": " \n"}),
    "empty blocks alone": ("no_text", "/text", {"blocks": []}),
    "blocks that are no array": ("invalid_blocks_format", "/blocks", {"text": "a", "blocks": {"a": 1}}),
    "empty blocks": ("invalid_blocks", "/blocks", {"text": "a", "blocks": []}),
    "a flag that is a string": ("invalid_arguments", "/unfurl_links", {"text": "a", "unfurl_links": "no"}),
    "an unknown parse": ("invalid_arguments", "/parse", {"text": "a", "parse": "html"}),
    "a thread that is no ts": ("invalid_arguments", "/thread_ts", {"text": "a", "thread_ts": "1.2"}),
    "metadata without its type": (
        "invalid_metadata_format",
        "/metadata",
        {"text": "a", "metadata": {"event_payload": {}}},
    ),
    "metadata of an empty type": (
        "invalid_metadata_format",
        "/metadata/event_type",
        {"text": "a", "metadata": {"event_type": "", "event_payload": {}}},
    ),
    "metadata of a text payload": (
        "invalid_metadata_format",
        "/metadata/event_payload",
        {"text": "a", "metadata": {"event_type": "a", "event_payload": "b"}},
    ),
    "101 attachments": ("too_many_attachments", "/attachments", {"attachments": [{"text": "a"}] * 101}),
    "an unknown key in an attachment": (
        "invalid_attachments",
        "/attachments/0/txt",
        {"attachments": [{"txt": "a"}]},
    ),
    "a wrong block in an attachment": (
        "invalid_attachments",
        "/attachments/0/blocks/0/type",
        {"attachments": [{"blocks": [{"type": "sectoin"}]}]},
    ),
}


@pytest.mark.parametrize(("code", "at", "body"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_a_wrong_argument_is_refused_with_its_code(client: WebClient, code: str, at: str, body: Json) -> None:
    with pytest.raises(SlackApiError) as refused:
        client.api_call("chat.postMessage", json={"channel": "#test", **body})
    assert refused.value.response["error"] == code
    assert refused.value.response["errors"][0].endswith(f"[json-pointer:{at}]")


def test_a_relative_icon_url_is_a_problem() -> None:
    assert problems({"text": "a", "icon_url": "/a.png"}) == ["must be an http or https URL [json-pointer:/icon_url]"]


def test_metadata_with_a_dotted_type_is_a_problem() -> None:
    body = {"text": "a", "metadata": {"event_type": "a.b", "event_payload": {}}}
    assert problems(body) == ["must not contain a dot [json-pointer:/metadata/event_type]"]


@pytest.mark.parametrize("key", ["channel", "metadata", "username", "icon_url", "icon_emoji"])
def test_a_webhook_does_not_take(key: str) -> None:
    value: Any = {"event_type": "a", "event_payload": {}} if key == "metadata" else "https://a.example"
    assert problems({"text": "a", key: value}) == []
    assert problems({"text": "a", key: value}, webhook=True) == [
        f'"{key}" is not allowed in an incoming webhook [json-pointer:/{key}]'
    ]


def test_every_problem_of_a_message_is_listed() -> None:
    body = {"txt": 1, "text": "a & b", "blocks": [{"type": "divider", "a/b": 1}, section(text=mrkdwn(""))]}
    assert problems(body) == [
        'unknown key "txt" [json-pointer:/txt]',
        "unescaped & or broken entity: only &amp; &lt; &gt; are known [json-pointer:/text]",
        'unknown key "a/b" [json-pointer:/blocks/0/a~1b]',
        "must be more than 0 characters [json-pointer:/blocks/1/text/text]",
    ]
