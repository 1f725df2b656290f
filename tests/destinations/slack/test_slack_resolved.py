"""A message that tells that something is over, and the bar of a message's color."""

from typing import Any

import pytest

from tests.support.bench import Bench, all_text
from tests.support.standin import SlackStandin

FIELDS = 'type = "usage"\n[fields]\ncustomer = "string"\nused = "number"\n'
CROSSING = """
match = ["usage"]
[[steps]]
use = "crossing"
value = "$event.used / 100"
levels = [0.8, 1]
key = "$event.customer"
clears = true
"""
ALERT = """
[[destinations]]
use = "slack"
channel = "#alerts"
thread = "$event.customer"
update = true
"""
MESSAGE = """
[destinations.message]
title = "$event.customer is at ${event.used / 100 | percent}"
color = "danger"
buttons = [{ text = "Open", url = "https://crm.example/" }]
"""


@pytest.fixture
def alerts(bench: Bench) -> Bench:
    bench.write("events/usage.toml", FIELDS)
    bench.write("pipelines/alert.toml", CROSSING + ALERT + MESSAGE)
    return bench


def emit(bench: Bench, *used: int) -> None:
    for value in used:
        bench.emit({"customer": "acme", "used": value}, type_="usage")


def looks(body: dict[str, Any]) -> tuple[str, list[str], bool]:
    """Return the title of a message, its colors, and whether it has buttons."""
    colors = [attachment["color"] for attachment in body.get("attachments", ())]
    return body["blocks"][0]["text"]["text"], colors, any(block["type"] == "actions" for block in body["blocks"])


def test_the_first_message_is_resolved_and_its_thread_keeps_the_story(alerts: Bench, slack: SlackStandin) -> None:
    emit(alerts, 85, 100, 60)
    first, *replies = [message.body for message in slack.messages]
    over = ("Resolved: acme is at 60%", ["good"], False)
    assert looks(first) == over
    assert [looks(reply) for reply in replies] == [
        ("acme is at 85%", ["danger"], True),
        ("acme is at 100%", ["danger"], True),
        over,
    ]
    assert first["text"].startswith("Resolved: acme")


def test_what_is_over_can_begin_again(alerts: Bench, slack: SlackStandin) -> None:
    alerts.write("pipelines/alert.toml", CROSSING + ALERT + MESSAGE.replace('color = "danger"\n', ""))
    emit(alerts, 85, 60, 85)
    assert looks(slack.messages[0].body) == ("acme is at 85%", [], True)


def test_a_condition_of_its_own_tells_what_is_over(alerts: Bench, slack: SlackStandin) -> None:
    own = 'match = ["usage"]\n' + ALERT + 'resolved = "$event.used < 50"\n' + MESSAGE
    alerts.write("pipelines/alert.toml", own)
    emit(alerts, 60, 40)
    assert looks(slack.messages[0].body) == ("Resolved: acme is at 40%", ["good"], False)


def test_blocks_of_ones_own_lose_their_buttons_and_say_it(alerts: Bench, slack: SlackStandin) -> None:
    button = '{"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": "https://crm.example/"}'
    header = '{"type": "header", "text": {"type": "plain_text", "text": "$event.customer"}}'
    alerts.write("own.json", f'[{header}, {{"type": "actions", "elements": [{button}]}}]')
    alerts.write("pipelines/alert.toml", CROSSING + ALERT + '[destinations.message]\nblocks = "own.json"\n')
    emit(alerts, 85, 60)
    assert looks(slack.messages[0].body) == ("acme", ["good"], False)
    assert "Resolved" in all_text(slack.messages[0].body["attachments"])


@pytest.mark.parametrize("color", ["red", "#12345", "#1234567", ""])
def test_a_color_that_is_none_is_told_at_its_place(alerts: Bench, color: str) -> None:
    alerts.write("pipelines/alert.toml", CROSSING + ALERT + MESSAGE.replace("danger", color))
    result = alerts.run("validate", "--json")
    assert result.code == 1
    (problem,) = result.json["problems"]
    assert problem["problem"].startswith('message: color is "good", "warning", "danger", or as in "#2eb67d"')
