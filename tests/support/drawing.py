"""Messages drawn as text, and the snapshots they are held against.

`UPDATE_SNAPSHOTS=1 pytest tests/destinations/slack` writes the snapshots anew; review them with `git diff`.
"""

import io
import os
from typing import Any

from rich.console import Console, RenderableType

from ingestlayer_cli.destinations.slack.drawing import message
from tests.support import ROOT

SNAPSHOTS = ROOT / "tests" / "destinations" / "slack" / "snapshots"

USAGE: dict[str, Any] = {
    "channel": "#alerts",
    "text": "Acme Inc is out of api-calls: 10,250 of 10,000 used (102.5%)",
    "blocks": [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": "Acme Inc is out of api-calls", "emoji": True},
        },
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "10,250 of 10,000 used (102.5%)\ncc maya@ourcompany.example"},
        },
        {
            "type": "section",
            "fields": [
                {"type": "mrkdwn", "text": "*Plan*\npro"},
                {"type": "mrkdwn", "text": "*MRR*\n1,900"},
                {"type": "mrkdwn", "text": "*Renewal*\n2027-01-31"},
            ],
        },
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "text": {"type": "plain_text", "text": "Open account", "emoji": True},
                    "url": "https://crm.example/acme",
                    "action_id": "button-0",
                }
            ],
        },
        {
            "type": "context",
            "elements": [
                {
                    "type": "mrkdwn",
                    "text": "usage-limit-hits · 2026-11-03 09:30 UTC · evt_01KA4WHGR0C8ZJ8MEV1WN2T9QX",
                }
            ],
        },
    ],
}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def words(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": True}


def button(text: str, url: str = "", style: str = "") -> dict[str, Any]:
    return {"type": "button", "text": words(text), "url": url, "style": style}


def blocks(*given: dict[str, Any]) -> dict[str, Any]:
    return {"channel": "#alerts", "text": "fallback", "blocks": list(given)}


EVERY_BLOCK = blocks(
    {"type": "header", "text": words(":rotating_light: 東京株式会社 upgraded")},
    {
        "type": "section",
        "text": mrkdwn(
            "*Bold*, _italic_, ~gone~, `x = 1`, a_b_c, <https://crm.example/a|the account>, <@U1>, <!here>\n"
            "> a quote that is long enough to need a second line, for it says rather a lot about nothing\n"
            "```def f(x):\n    return x &lt; 3```\nafter :tada:"
        ),
        "accessory": button("Look", "https://x.example/" + "y" * 90),
    },
    {"type": "divider"},
    {
        "type": "image",
        "title": words("Usage"),
        "image_url": "https://img.example/u.png",
        "alt_text": "A chart of usage per day",
    },
    {
        "type": "actions",
        "elements": [
            button("Approve", "https://a.example/approve", "primary"),
            button("Reject it", "https://a.example/r", "danger"),
        ],
    },
    {"type": "actions", "elements": [button("Yes"), button("No"), {"type": "overflow"}]},
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "Hello ", "style": {"bold": True}},
                    {"type": "user", "user_id": "U1"},
                    {"type": "text", "text": " &amp; "},
                    {"type": "broadcast", "range": "here"},
                ],
            },
            {
                "type": "rich_text_list",
                "style": "ordered",
                "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "link", "url": "https://q.example"}]},
                    {"type": "rich_text_section", "elements": [{"type": "emoji", "name": "wave"}]},
                ],
            },
        ],
    },
    {"type": "video"},
    {"type": "context", "elements": [{"type": "image", "alt_text": "logo"}, mrkdwn("from *ingestlayer*")]},
) | {"attachments": [{"text": "An *attachment*\nsecond line"}]}


def screen(renderable: RenderableType, width: int = 80, **options: Any) -> str:
    """What a console of that width prints; without options a pipe."""
    console = Console(file=io.StringIO(), width=width, _environ={}, **options)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def drawn(body: dict[str, Any], width: int = 80, **options: Any) -> str:
    return screen(message(body, "#alerts", "9:30"), width, **options)


def section(text: str, width: int = 80) -> str:
    """The one section of a message, without frame, avatar and trailing blanks."""
    lines = drawn(blocks({"type": "section", "text": mrkdwn(text)}), width).splitlines()[3:-2]
    return "\n".join(line[6:-2].rstrip() for line in lines)


def matches_snapshot(name: str, text: str) -> bool:
    """Whether the text is the stored one; prints it for the report of a failed test."""
    path = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(text)
    return path.is_file() and path.read_text(encoding="utf-8") == text
