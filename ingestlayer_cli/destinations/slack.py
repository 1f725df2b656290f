"""slack: a message in a channel."""

import re
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from ..errors import ProjectError
from ..events import received_text
from ..expressions import Scope
from ..families import JsonFile, Section
from ..templates import Template, as_text
from . import _blocks as kit
from . import _text as texts
from .base import Composing, Destination, Limit, Sender, Target

# Ids that may be mentioned as they are: users (U, W) and user groups (S).
_USER = re.compile(r"[UW][A-Z0-9]{5,20}", re.ASCII)
_GROUP = re.compile(r"S[A-Z0-9]{5,20}", re.ASCII)
_LONG = 250


def _written(value: str) -> int:
    return texts.size(texts.escape(value))


def _in_url(value: str) -> int:
    return len(texts.quote(value))


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

    redirectable: ClassVar[bool] = True
    paced: ClassVar[bool] = True

    channel: Template
    mention: Template | None = None
    message: Message | None = None

    limits: ClassVar[dict[tuple[str, ...], Limit]] = {
        ("message", "title"): Limit(kit.MAX_HEADER, _written, "Slack shows {most}"),
        ("message", "text"): Limit(kit.MAX_TEXT, _written, "Slack shows {most}"),
        ("message", "fields", "*"): Limit(kit.MAX_FIELD, _written, "Slack shows {most}"),
        ("message", "context"): Limit(kit.MAX_TEXT, _written, "Slack shows {most}"),
        ("message", "buttons", "*", "text"): Limit(kit.MAX_LABEL, _written, "Slack shows {most}"),
        ("message", "buttons", "*", "url"): Limit(
            texts.MAX_URL, _in_url, "Slack takes {most}, there will be no button", True
        ),
    }

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        message = values.get("message") or {}
        self._message = Message(**{**message, "buttons": [Button(**row) for row in message.get("buttons", [])]})
        self._fields = [(texts.tidy(name, quotes=True), value) for name, value in self._message.fields.items()]

    def target(self, scope: Scope) -> Target:
        channel = self.channel.render(scope).strip()
        if not channel:
            raise ProjectError("the destination's channel came out empty", "its template has only nulls in it")
        return Target(channel)

    def compose(self, composing: Composing) -> dict[str, Any]:
        event, way = composing.event, f"`ingestlayer events show {composing.event.id}`"
        scope, message = composing.scope, self._message
        title = texts.said(message.title, scope, quotes=False).strip() if message.title else ""
        text = texts.said(message.text, scope).strip() if message.text else ""
        if self._message.blocks:
            blocks = self._own_blocks(composing, way)
        else:
            blocks = self._blocks(composing, title or event.type, text, way)
        fallback = texts.clip(": ".join(filter(None, (title, text))) or event.type, kit.MAX_FALLBACK)
        body = {"text": fallback, "blocks": blocks}
        if composing.connection == "webhook":  # its channel is fixed, and it takes no metadata
            return body
        # Slack drops metadata whose event_type is not of letters, digits and underscores.
        payload = {"event_id": event.id, "event_type": event.type, "delivery_id": composing.delivery_id}
        metadata = {"event_type": re.sub(r"\W", "_", event.type), "event_payload": payload}
        return {"channel": composing.target, **body, "metadata": metadata}

    def _own_blocks(self, composing: Composing, way: str) -> list[kit.Block]:
        """Return the blocks of the author's file; a mention and the mark of a replay come after them."""
        blocks = kit.mend(_rendered(self._message.blocks, composing.scope))
        mention = self._mention(composing.scope)
        more = [kit.section(mention)] if mention else []
        if composing.mark:
            more.append(kit.context(composing.mark))
        return kit.fit([*blocks, *more], way)

    def _blocks(self, composing: Composing, title: str, text: str, way: str) -> list[kit.Block]:
        event, scope, message = composing.event, composing.scope, self._message
        mention = self._mention(scope)
        # A long text may be cut, and whom it is for must not be lost.
        lines = [text, mention] if len(text) > _LONG else ["\n".join(filter(None, (text, mention)))]
        pairs = [(name, texts.said(value, scope)) for name, value in self._fields]
        if not (pairs or message.text):
            pairs = [(texts.escape(name), texts.escape(as_text(value))) for name, value in scope["body"].items()]
        buttons, notes = self._buttons(scope)
        context = texts.said(message.context, scope).strip() if message.context else ""
        at = received_text(event.received_at)
        where = f"{texts.escape(composing.pipeline)} · {at[:10]} {at[11:16]} UTC · {event.id}"
        where += f" · {composing.mark}" if composing.mark else ""
        blocks = [kit.header(title), *(kit.section(line) for line in lines if line), *kit.fields(pairs, way)]
        if buttons:
            blocks.append({"type": "actions", "elements": buttons})
        blocks += [kit.context(line) for line in ("\n".join(notes), context, where) if line]
        said = [*lines, *notes, context, where, *(words for pair in pairs for words in pair)]
        small = _is_small(title, said, buttons)
        return blocks if small else kit.fit(blocks, way)

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
            label, url = texts.said(row.text, scope, quotes=False), texts.url(row.url, scope)
            problem = texts.url_problem(url)
            if problem is None and len(url) > room:
                problem = "the links of this message are too long together"
            if problem is None:
                room -= len(url)
                found.append(kit.button(label.strip() or "—", url, number, row.style))
            else:
                notes.append(kit.no_button(label, problem))
        return found, notes

    @classmethod
    def sender(cls, settings: dict[str, Any], show: Callable[[str, dict[str, Any]], None]) -> Sender:
        """Return what sends over the connection of `[slack]`; `show` draws a message on this terminal."""
        from ._slack_api import connect

        return connect(settings, show)


def _is_small(title: str, said: list[str], buttons: list[kit.Block]) -> bool:
    """Say whether a message is so small, as nearly all are, that no limit of Slack's need be looked at."""
    labels = [button["text"]["text"] for button in buttons]
    if len(title) > kit.SMALL_TITLE or any(len(label) > kit.SMALL_LABEL for label in labels):
        return False
    return sum(map(len, said)) + sum(len(button["url"]) for button in buttons) <= kit.SMALL


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
