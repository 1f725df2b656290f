"""Deals and their owners."""

from typing import Any

from ingestlayer_cli.engine import flow
from ingestlayer_cli.model.gate import Raw
from ingestlayer_cli.system.clock import Clock
from ingestlayer_cli.system.document import Document
from tests.support.posting import Posting
from tests.support.standin import SlackStandin


def pipeline(mentioning: Posting, text: str = 'mention = "$event.owner"\n', channel: str = "#alerts") -> None:
    head = f'match = ["deal"]\n[[destinations]]\nuse = "slack"\nchannel = "{channel}"\n'
    mentioning.write("pipelines/limits.toml", head + text)


def emit(mentioning: Posting, owner: str | None = None, clock: Clock | None = None, **more: Any) -> Document:
    payload = {name: value for name, value in {"owner": owner, **more}.items() if value is not None}
    with mentioning.runtime(clock) as runtime:
        return flow.emit(runtime, Raw("deal", payload))


def cc(slack: SlackStandin) -> str:
    """Return the composed line of the last message."""
    (line,) = [
        block["text"]["text"].splitlines()[-1]
        for block in slack.messages[-1].body["blocks"]
        if block["type"] == "section" and "text" in block
    ]
    return str(line)


def lookups(slack: SlackStandin) -> list[str]:
    return [request.params["email"] for request in slack.requests if request.method == "users.lookupByEmail"]


def note(mentioning: Posting) -> str:
    """Return the note of the last attempt."""
    return str(mentioning.sql("SELECT error FROM attempts ORDER BY delivery DESC, number DESC LIMIT 1")[0][0])
