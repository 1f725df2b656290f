"""What sends to Slack: over a bot token or a webhook, on the terminal, or not at all."""

import re

from ...model.sending import (
    LATE,
    CannotTell,
    Doubt,
    Found,
    Harmless,
    NotConnected,
    Outgoing,
    Place,
    Reacting,
    Result,
    Sender,
    Sent,
)
from ...system.addresses import is_open
from ...system.errors import ProjectError
from ...system.typed import TYPE_CHECKING, Any, Protocol, TomlTable
from ..base import Draw, in_thread
from . import credentials
from . import kit as kit
from .answers import WEBHOOK_REMEDIES, classified, lost
from .client import IncomingWebhook, Lost
from .text import escape
from .workspaces import table_of

if TYPE_CHECKING:

    class _Made(Sender, Reacting, Protocol):
        """Each of them can do both."""


_TOKEN = re.compile(r"[!-~]+")
_ADDRESS = re.compile(r"https?://[\w.-]+(:\d+)?/[!-~]*", re.IGNORECASE | re.ASCII)


def connect(settings: TomlTable, draw: Draw, root: str) -> Sender:
    """Return the sender of one workspace of a project, with the secret that the environment or `slack connect` gave."""
    connection, workspace = settings["connection"], settings["workspace"]
    if not settings["known"]:
        return Disconnected(connection, f"there is no [{table_of(workspace)}]", "write it into ingestlayer.toml")
    return Terminal(draw) if connection == "terminal" else Workspace(settings, root)


class Workspace:
    """Sends with the secret as it is now: a process that lives long sees one that is given, or changed, later."""

    def __init__(self, settings: TomlTable, root: str) -> None:
        self.name: str = settings["connection"]
        self._settings = settings
        self._root = root
        self._made = self._make()

    def send(self, outgoing: Outgoing) -> Result:
        return self._sender().send(outgoing)

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell | Harmless:
        return self._sender().find(channel, doubts)

    def reacted(self, place: Place, emoji: str) -> bool | CannotTell:
        return self._sender().reacted(place, emoji)

    def _sender(self) -> "_Made":
        if self._made[0] != credentials.stamp(self.name, self._settings["workspace"]):
            self._made = self._make()
        return self._made[1]

    def _make(self) -> "tuple[tuple[Any, ...], _Made]":
        # The stamp first: what changes meanwhile is seen by the next look.
        return credentials.stamp(self.name, self._settings["workspace"]), _connected(self._settings, self._root)


def _connected(settings: TomlTable, root: str) -> "_Made":
    connection, workspace = settings["connection"], settings["workspace"]
    name = credentials.variable(connection, workspace)
    try:
        secret = credentials.find(root, connection, workspace)
    except ProjectError as error:
        return Disconnected(connection, error.message, error.hint)
    if secret is None:
        return Disconnected(connection, f"{name} is not set", f"set {name}, or: ingestlayer slack connect")
    # What does not fit a request would be told with its text: by urllib, in a traceback.
    if connection == "bot" and not _TOKEN.fullmatch(secret.value):
        return Disconnected(connection, f"{secret.where} holds no token", f"set {name} to the bot token, xoxb-…")
    if connection == "webhook" and not _ADDRESS.fullmatch(secret.value):
        remedy = f"set {name} to https://hooks.slack.com/services/…"
        return Disconnected(connection, f"{secret.where} holds no address", remedy)
    if connection == "webhook" and is_open(secret.value) and not settings["insecure"]:
        remedy = f"set {name} to https://…, or say insecure = true in [{table_of(workspace)}]"
        return Disconnected(connection, f"{secret.where} leads over a network without encryption", remedy)
    if connection == "webhook":
        return WebhookSender(secret.value)
    from .bot import Bot

    return Bot(secret.value, settings["api_url"])


class Disconnected:
    """No secret, or none that could be one: everything waits."""

    def __init__(self, connection: str, why: str, remedy: str) -> None:
        self.name = connection
        self._why = f"Slack is not connected: {why}"
        self._remedy = remedy

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        return CannotTell(self._why, passes=True)

    def reacted(self, place: Place, emoji: str) -> CannotTell:
        return CannotTell(self._why)

    def send(self, outgoing: Outgoing) -> Result:
        return NotConnected(self._why, f"{self._remedy}; what waits goes out with `ingestlayer deliver`")


class Terminal:
    """Draws messages on this terminal in place of Slack."""

    name = "terminal"

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def send(self, outgoing: Outgoing) -> Result:
        body = outgoing.body
        if "thread" in outgoing.directions:
            words = f"in Slack: {in_thread(outgoing.directions)}"
            body = {**body, "blocks": [*body["blocks"], kit.context(escape(words))]}
        if not outgoing.is_ours():
            return LATE
        self._draw(outgoing.target, body)
        return Sent({"connection": "terminal"}, is_shown=True)

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        return CannotTell("a terminal keeps no history", passes=True)

    def reacted(self, place: Place, emoji: str) -> CannotTell:
        return CannotTell("nobody reacts on a terminal")


OWN_CHANNEL = "the webhook's own channel"


class WebhookSender:
    """An incoming webhook: its channel is the one that it was made for."""

    name = "webhook"

    def __init__(self, url: str) -> None:
        self._hook = IncomingWebhook(url)

    def send(self, outgoing: Outgoing) -> Result:
        body, directions = outgoing.body, outgoing.directions
        missed = [words for key, words in _NO_WEBHOOK.items() if key in directions.get("missed", ())]
        if not outgoing.is_ours():
            return LATE
        answer = self._hook.post({name: body[name] for name in ("text", "blocks", "attachments") if name in body})
        if isinstance(answer, Lost):
            return lost(answer.error, self._hook.secret)
        if answer is not None:
            return classified(answer, WEBHOOK_REMEDIES)
        return Sent({"connection": "webhook", "target": OWN_CHANNEL}, "; ".join(missed))

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        return CannotTell("a webhook cannot read the channel")

    def reacted(self, place: Place, emoji: str) -> CannotTell:
        return CannotTell("a webhook cannot read reactions")


# What a webhook cannot do, by what the directions would have had.
_NO_WEBHOOK = {
    "thread": "not in a thread: a webhook has none",
    "mention": "nobody is mentioned by e-mail address: a webhook cannot look people up",
    "to": "not a direct message: a webhook has one channel",
}
