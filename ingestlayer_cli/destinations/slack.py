"""slack: a message in a channel."""

import re
from collections.abc import Callable
from typing import Any, Literal

from ..errors import ProjectError
from ..events import received_text
from ..expressions import Scope
from ..families import JsonFile, Section
from ..templates import Template, as_text
from . import _blocks as kit
from . import _text as texts
from .base import Composing, Destination, Sender

# Ids that may be mentioned as they are: users (U, W) and user groups (S).
_USER = re.compile(r"[UW][A-Z0-9]{5,20}", re.ASCII)
_GROUP = re.compile(r"S[A-Z0-9]{5,20}", re.ASCII)
_LONG = 250


class Button(Section):
    """A button that opens a link."""

    text: Template
    url: Template
    style: Literal["primary", "danger"] | None = None


class Message(Section):
    """What a message says. Without it: the event's name and its fields."""

    title: Template | None = None
    text: Template | None = None
    fields: dict[str, Template] = {}
    context: Template | None = None
    buttons: list[Button] = []
    blocks: JsonFile | None = None

    @classmethod
    def compiled(cls, values: dict[str, Any]) -> dict[str, Any]:
        blocks = values.get("blocks")
        if blocks is not None:
            values["blocks"] = blocks = blocks.get("blocks") if isinstance(blocks, dict) else blocks
            if not isinstance(blocks, list) or not all(isinstance(b, dict) and "type" in b for b in blocks):
                raise ValueError("the blocks file must hold a list of Block Kit blocks")
            if not 1 <= len(blocks) <= kit.MAX_BLOCKS:
                raise ValueError(f"the blocks file has {len(blocks)} blocks; a message takes 1 to {kit.MAX_BLOCKS}")
            if idle := [name for name in ("fields", "context", "buttons") if values.get(name)]:
                raise ValueError(
                    f"`blocks` is the whole message: {', '.join(idle)} would not show; put them into the file"
                )
        if len(values.get("buttons", [])) > kit.MAX_BUTTONS:
            raise ValueError(f"a message takes at most {kit.MAX_BUTTONS} buttons")
        return values


class Slack(Destination):
    """Posts a message to a Slack channel, over the connection that `[slack]` names.

    Without `[destinations.message]`: the event's name, its fields as name and value, and a line with the
    pipeline, the time and the event's id. Values are escaped: no event can mention anybody or forge a link.

        [[destinations]]
        use = "slack"
        channel = "#alerts"
        when = "$event.used / $event.limit >= 1"
        mention = "$entity.customer.csm_email"
        [destinations.message]
        title = "$entity.customer.name is out of $event.metric"
        text = "${event.used | number} of ${event.limit | number} used"
        fields = { Plan = "$event.plan" }
        buttons = [{ text = "Open account", url = "https://crm.example/$event.customer_id" }]

    `blocks = "file.json"` in the message gives the Block Kit blocks themselves, every text in them a template.
    """

    channel: Template
    mention: Template | None = None
    message: Message | None = None

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        message = values.get("message") or {}
        self._message = Message(**{**message, "buttons": [Button(**row) for row in message.get("buttons", [])]})

    def target(self, scope: Scope) -> str:
        channel = self.channel.render(scope).strip()
        if not channel:
            raise ProjectError("the destination's channel came out empty", "its template has only nulls in it")
        return channel

    def compose(self, composing: Composing) -> dict[str, Any]:
        event, way = composing.event, f"`ingestlayer events show {composing.event.id}`"
        blocks = self._own_blocks(composing, way) if self._message.blocks else self._blocks(composing, way)
        body = {"text": self._fallback(composing), "blocks": blocks}
        if composing.connection == "webhook":  # its channel is fixed, and it takes no metadata
            return body
        # Slack drops metadata whose event_type is not of letters, digits and underscores.
        payload = {"event_id": event.id, "event_type": event.type, "delivery_id": composing.delivery_id}
        metadata = {"event_type": re.sub(r"\W", "_", event.type), "event_payload": payload}
        return {"channel": composing.target, **body, "metadata": metadata}

    def _fallback(self, composing: Composing) -> str:
        """Return the plain text for notifications."""
        parts = [self._message.title, self._message.text]
        said = [text for part in parts if part and (text := texts.said(part, composing.scope).strip())]
        return texts.clip(": ".join(said) or composing.event.type, kit.MAX_FALLBACK)

    def _own_blocks(self, composing: Composing, way: str) -> list[kit.Block]:
        """Return the blocks of the author's file; a mention comes after them."""
        blocks = kit.mend(_rendered(self._message.blocks, composing.scope))
        mention = self._mention(composing.scope)
        return kit.fit([*blocks, kit.section(mention)] if mention else blocks, way)

    def _blocks(self, composing: Composing, way: str) -> list[kit.Block]:
        event, scope, message = composing.event, composing.scope, self._message
        title = texts.said(message.title, scope).strip() if message.title else ""
        blocks = [kit.header(title or event.type)]
        text = texts.said(message.text, scope).strip() if message.text else ""
        lines = [line for line in (text, self._mention(scope)) if line]
        if len(text) > _LONG:  # it may be cut, and whom it is for must not be lost
            blocks += [kit.section(line) for line in lines]
        elif lines:
            blocks.append(kit.section("\n".join(lines)))
        pairs = [(name, texts.said(value, scope)) for name, value in message.fields.items()]
        if not (message.fields or message.text):
            pairs = [(texts.escape(name), texts.escape(as_text(value))) for name, value in event.payload.items()]
        blocks += kit.fields(pairs, way)
        buttons, notes = self._buttons(scope)
        if buttons:
            blocks.append({"type": "actions", "elements": buttons})
        if notes:
            blocks.append(kit.context("\n".join(notes)))
        if message.context and (said := texts.said(message.context, scope).strip()):
            blocks.append(kit.context(said))
        at = received_text(event.received_at)
        where = f"{texts.escape(composing.pipeline)} · {at[:10]} {at[11:16]} UTC · {event.id}"
        return kit.fit([*blocks, kit.context(where)], way, sum(2 * len(button["url"]) for button in buttons))

    def _mention(self, scope: Scope) -> str:
        owner = self.mention.render(scope).strip() if self.mention else ""
        if _USER.fullmatch(owner):
            return f"cc <@{owner}>"
        if _GROUP.fullmatch(owner):
            return f"cc <!subteam^{owner}>"
        return f"cc {texts.escape(owner)}" if owner else ""

    def _buttons(self, scope: Scope) -> tuple[list[kit.Block], list[str]]:
        """Return the buttons, and a note for each whose link Slack would refuse."""
        found: list[kit.Block] = []
        notes = []
        room = kit.MAX_URLS
        for number, row in enumerate(self._message.buttons):
            label, url = texts.said(row.text, scope), texts.url(row.url, scope)
            problem = texts.url_problem(url)
            if problem is None and len(url) > room:
                problem = "the links of this message are too long together"
            if problem is None:
                room -= len(url)
                found.append(kit.button(label, url, number, row.style))
            else:
                notes.append(kit.no_button(label, problem))
        return found, notes

    @classmethod
    def sender(cls, settings: dict[str, Any], show: Callable[[str, dict[str, Any]], None]) -> Sender:
        """Return what sends over the connection of `[slack]`; `show` draws a message on this terminal."""
        from ._slack_api import connect

        return connect(settings, show)


def _rendered(data: Any, scope: Scope, name: str = "", rich: bool = False) -> Any:
    """Render every template of a blocks file; URLs by their own rule, and rich text without markup."""
    if isinstance(data, Template):
        if name in ("url", "image_url"):
            return texts.url(data, scope)
        return data.render(scope, texts.literal) if rich else texts.said(data, scope)
    if isinstance(data, dict):
        rich = rich or data.get("type") == "rich_text"
        rendered = {key: _rendered(value, scope, key, rich) for key, value in data.items()}
        return kit.leaf(rendered) if rich else rendered
    return [_rendered(value, scope, name, rich) for value in data] if isinstance(data, list) else data
