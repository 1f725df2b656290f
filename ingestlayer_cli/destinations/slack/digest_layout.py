"""One message for many: how messages are gathered, and the one that says them."""

from collections.abc import Sequence

from ...language.templates import Template
from ...model.families import thaw
from ...system.errors import count_of
from ...system.typed import Any, Body, Directions
from ...system.zones import moment_of
from ..base import Composing
from . import kit as kit
from . import text as texts
from .digest import Digest

MAX_LINE = 300  # characters of a line
LINES = 25  # of them in a section
_ALONE = ("title", "text", "blocks")  # what says the whole


def directions(table: Digest, composing: Composing, title: str, zone: str) -> Directions:
    """Return what is needed of one message, of this title, to make it a line of a digest."""
    said = texts.said(table.line, composing.scope).strip() if table.line else texts.escape(title)
    found: Directions = {
        "key": table.key.render(composing.scope) if table.key else "",
        "line": texts.clip(said.replace("\n", " ") or composing.event.type, MAX_LINE),
        "order": table.order.of(composing.scope)[0] if table.order else None,
        "window": table.window,
        "at": table.at,
        "zone": zone,
        "at_least": table.at_least,
        "at_most": table.at_most,
        "pipeline": composing.pipeline,
        "whole": {name: _frozen(value) for name in _ALONE if (value := getattr(table, name)) is not None},
    }
    return found | ({"event": composing.scope["event"]} if table.blocks is not None else {})


def _frozen(data: object) -> Any:
    """Return data whose templates are plain again: what `thaw` takes."""
    if isinstance(data, Template):
        return {"$template": data.parts}
    if isinstance(data, dict):
        return {name: _frozen(value) for name, value in data.items()}
    return [_frozen(value) for value in data] if isinstance(data, list) else data


def listed(lines: list[str]) -> list[kit.Block]:
    """Return the lines as sections."""
    points = [f"• {line}" for line in lines]
    return [kit.section("\n".join(points[start : start + LINES])) for start in range(0, len(points), LINES)]


def composed(id_: str, first: Directions, told: Sequence[Directions], at: int) -> Body:
    """Return the text and the blocks of the message that says all of `told`, the oldest first."""
    ordered = sorted(told, key=lambda item: item["order"] if item["order"] is not None else float("-inf"), reverse=True)
    shown, left = ordered[: first["at_most"]], len(ordered) - first["at_most"]
    items = [{"line": item["line"], "order": item["order"], "event": item.get("event")} for item in ordered]
    scope = {"digest": {"count": len(items), "items": items}, "item": None, "event": {}, "entity": {}, "body": {}}
    whole, way = thaw(first["whole"]), f"`ingestlayer deliveries list --digest {id_}`"
    title = texts.undated(texts.said(whole["title"], scope, quotes=False).strip()) if "title" in whole else ""
    title = title or f"{count_of(len(items), 'message')}: {first['pipeline']}"
    if "blocks" in whole:
        from .blocks_layout import laid_out

        return {"text": title, "blocks": kit.fit(laid_out(whole["blocks"], scope, way, kit.MAX_BLOCKS), way)}
    text = texts.said(whole["text"], scope).strip() if "text" in whole else ""
    blocks = [kit.header(title), *([kit.section(text)] if text else []), *listed([item["line"] for item in shown])]
    blocks += [kit.context(f"and {left:,} more: {way}")] if left > 0 else []
    where = f"{texts.escape(first['pipeline'])} · {count_of(len(items), 'message')} in one"
    blocks.append(kit.context(f"{where} · {texts.dated(moment_of(at, first['zone']))} · {id_}"))
    return {"text": texts.clip(title, kit.MAX_FALLBACK), "blocks": kit.fit(blocks, way)}


def of_many(body: Body, count: int, said: Body) -> Body:
    """Return the body of the first of many messages that says all of them."""
    metadata = body.get("metadata", {})
    payload = {**metadata.get("event_payload", {}), "messages": count}
    more = {"metadata": {**metadata, "event_payload": payload}} if metadata else {}
    plain = {name: value for name, value in body.items() if name != "attachments"}
    return {**plain, **said, **more}
