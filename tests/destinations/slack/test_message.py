"""What a body says, as the JSON that is stored and sent."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestlayer_cli.destinations.slack.text import escape
from ingestlayer_cli.engine.memory import NoMemory
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.events import Event, encode
from ingestlayer_cli.project import load
from ingestlayer_cli.system.addresses import quote

PIPELINE = """
[[destinations]]
use = "slack"
channel = "#alerts"
username = "100% ours"
icon = ":x:"
unfurl = false
[destinations.message]
title = "T $event.v"
text = '100% "$event.v"'
fields = { "F%" = "$event.v" }
context = "C $event.v"
color = "danger"
buttons = [{ text = "B $event.v", url = "https://x.example/$event.v", style = "primary" }]
"""
VALUES = st.text(st.characters() | st.sampled_from('"\\%<>&*_`:\n\t\x00\x02'), max_size=12)
AT = "<!date^1795990494^{date_num} {time}|2026-11-29 22:14 UTC>"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    root = tmp_path_factory.mktemp("message")
    (root / "pipelines").mkdir()
    (root / "ingestlayer.toml").write_text('[slack]\nconnection = "bot"\n[events]\nundeclared = "accept"\n')
    (root / "pipelines" / "p.toml").write_text(PIPELINE)
    with Runtime(load(str(root), keep=False), keep=False) as runtime:
        yield runtime


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": True}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def expected(value: str, id_: str) -> dict[str, Any]:
    """The body of an event with this value, put together by hand."""
    said = escape(value)
    title, text = f"T {said}".strip(), f'100% "{said}"'
    button = {
        "type": "button",
        "text": plain(f"B {said}".strip()),
        "url": f"https://x.example/{quote(value)}",
        "action_id": "open-0",
        "style": "primary",
    }
    where = {"type": "context", "elements": [mrkdwn(f"p · {AT} · evt_{id_}")]}
    return {
        "channel": "#alerts",
        "text": f"{title}: {text}",
        "blocks": [
            {"type": "header", "text": plain(" ".join(title.split()))},
            {"type": "section", "text": mrkdwn(text)},
            {"type": "section", "fields": [mrkdwn(f"*F%*\n{said.strip() or '—'}")]},
            {"type": "actions", "elements": [button]},
            {"type": "context", "elements": [mrkdwn(f"C {said}".strip())]},
        ],
        "attachments": [{"color": "danger", "blocks": [where]}],
        "username": "100% ours",
        "icon_emoji": ":x:",
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {
            "event_type": "usage_at_limit",
            "event_payload": {"event_id": f"evt_{id_}", "event_type": "usage.at-limit", "delivery_id": ""},
        },
    }


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES)
def test_the_form_of_a_body_holds_any_text(runtime: Runtime, value: str) -> None:
    id_ = "01M8MP070G4FNGBDWX4P0P1QN8"
    event = Event(f"evt_{id_}", "usage.at-limit", 1_795_990_494_224, "cli", None, {"v": value})
    (pipeline,) = runtime.pipelines(event.type)
    (message,) = pipeline.run(event, runtime.outside, NoMemory()).messages
    body = expected(value, id_)
    body["metadata"]["event_payload"]["delivery_id"] = message.id
    assert message.body == encode(body)
    assert json.loads(message.body) == body
