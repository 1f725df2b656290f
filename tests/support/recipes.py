"""Projects made of recipes, connected to a Slack, and what their samples post there."""

import html
import time
from pathlib import Path
from typing import Any

from ingestlayer_cli import recipes
from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.project import load
from ingestlayer_cli.store.contract.sending import Wanted
from ingestlayer_cli.system.clock import DAY
from tests.support.clock import FakeClock
from tests.support.folder import Folder
from tests.support.standin import Message, SlackStandin

PEOPLE = ("maya@ourcompany.example", "jon@ourcompany.example", "security@ourcompany.example")
CHANNELS = (
    *("sales", "signups", "customer-success", "waitlist", "revenue", "big-deals", "churn", "leadership", "billing"),
    *("product", "inbox", "feedback", "security", "operations", "support", "acct-initech", "integrations"),
)


def furnish(slack: SlackStandin) -> None:
    """Put the channels and people into a Slack that the recipes post to."""
    for channel in CHANNELS:
        slack.add_channel(channel)
    for email in PEOPLE:
        slack.add_user(email)


def connected(root: Path, slack: SlackStandin, *names: str) -> Folder:
    """Return a project of recipes that posts to a Slack without waiting between messages."""
    for name in names:
        recipes.write(name, str(root))
    folder = Folder(root)
    folder.edit(
        "ingestlayer.toml",
        'connection = "terminal"',
        f'connection = "bot"\napi_url = "{slack.url}"\npace = "0s"',
    )
    return folder


def emitted(folder: Folder, batch: Path) -> Any:
    """Emit a batch, and send a day later what waits to be one message with others; return the result of `emit`."""
    result = folder.here("emit", "--batch", str(batch), "--json")
    waiting = result.json["deliveries"]["pending"]
    assert result.code == (65 if result.json["rejected"] else 75 if waiting else 0), result
    if waiting:
        clock = FakeClock(time.time_ns() // 1_000_000 + DAY)
        with Runtime(load(str(folder.root), keep=False), clock=clock) as runtime:
            assert not flow.deliver(runtime, Wanted())["waiting"]
    return result.json


def posted(slack: SlackStandin) -> dict[str, list[str]]:
    """Return the titles of messages by channel as they stand now, replies with `> ` before them below their first."""
    found: dict[str, list[str]] = {}
    for message in slack.messages:
        if message.thread_ts is None:
            lines = found.setdefault(_channel(slack, message), [])
            lines += [title(message), *(f"> {title(reply)}" for reply in slack.replies_to(message))]
    return found


def title(message: Message) -> str:
    (header, *_) = (block for block in message.body["blocks"] if block["type"] == "header")
    return html.unescape(header["text"]["text"])


def _channel(slack: SlackStandin, message: Message) -> str:
    """Return where a message stands: the name of its channel, or the address of a direct message's reader."""
    if not message.channel.startswith("@"):
        return f"#{message.channel}"
    return next(f"@{user.email}" for user in slack.users if message.channel == f"@{user.id}")
