"""What a channel is told whose budget is used up: one message that says many, and until when."""

import re

from ...system.errors import count_of
from ...system.typed import Body
from ...system.zones import Moment
from ..base import Listed
from . import kit, text
from .digest_layout import MAX_LINE, listed

_MENTION = re.compile(r"<[!@][^<>]*>")


def composed(id_: str, target: str, lines: list[Listed], rate: str, until: Moment | None) -> Body:
    """Return the text and the blocks of the message that says all of them, the oldest first."""
    way = f"`ingestlayer deliveries list --digest {id_}`"
    title = f"{count_of(len(lines), 'message')} for {text.escape(target)}"
    shown = [line for line in map(_said, lines) if line]
    blocks = [kit.header(title), kit.section(_why(target, rate, until)), *listed(shown)]
    if left := len(lines) - len(shown):
        blocks.append(kit.context(f"and {left:,} more: {way}"))
    blocks.append(kit.context(f"{count_of(len(lines), 'message')} in one · {id_}"))
    return {"text": text.clip(title, kit.MAX_FALLBACK), "blocks": kit.fit(blocks, way)}


def alone(id_: str, target: str, body: Body, rate: str, until: Moment | None) -> Body:
    """Return a message that says beside what it did why no more come."""
    blocks = [*body["blocks"], kit.context(_why(target, rate, until))]
    return {**body, "blocks": kit.fit(blocks, f"`ingestlayer deliveries show {id_}`")}


def _why(target: str, rate: str, until: Moment | None) -> str:
    budget = f"the budget of {text.escape(target)}, {rate},"
    if until is None:
        return f"They waited: {budget} was used up."
    return f"T{budget[1:]} is used up: what comes next is one message, not before {text.dated(until)}."


def _said(line: Listed) -> str:
    """Return what a message is as a line: it mentions nobody."""
    if line.body is None:
        return ""
    told = line.directions.get("digest")
    words = told["line"] if told else line.body["text"]
    return text.clip(_MENTION.sub("", " ".join(words.split())), MAX_LINE).strip() or "—"
