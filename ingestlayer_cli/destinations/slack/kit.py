"""Block Kit within Slack's limits: the blocks that messages are made of, and fitting them.

Limits are from Slack's reference (https://docs.slack.dev/reference/block-kit): 50 blocks a message, 3,000
characters a section text, 150 a header, 10 fields of 2,000 a section, 10 elements a context, 25 an actions
block, 75 a button's label; about 13,200 over all blocks, containers included, is not documented but answered
with `msg_blocks_too_long`.
"""

import re
from collections.abc import Iterator

from ...model.events import encode
from ...system.errors import count_of
from ...system.patterns import lazy
from ...system.typed import Any
from .text import ROOM_FOR_WAY, clip, size, tidy, url_problem

Block = dict[str, Any]

# How many texts there are below a title: lines, cells of fields, buttons by number and style, and notes at the end. A
# text without these is no block.
Layout = tuple[int, int, tuple[tuple[int, str | None], ...], int]

MAX_BLOCKS = 50
MAX_TEXT = 3_000
MAX_HEADER = 150
MAX_FIELD = 2_000
MAX_LABEL = 75
MAX_URLS = 6_000  # of all buttons together, so that texts have room
MAX_TOTAL = 13_200
MAX_FALLBACK = 1_000  # notifications show less; chat.update takes 4,000 bytes
FIELDS_PER_SECTION = 10
MAX_FIELDS = 40
MAX_BUTTONS = 25
MAX_ELEMENTS = 10  # of a context
LISTS = ("fields", "elements")  # of objects inside a block
ROOM = {"fields": FIELDS_PER_SECTION, "context": MAX_ELEMENTS, "actions": MAX_BUTTONS}  # in them
MAX_NAME = 80  # of who a message is from: what Slack lets a person's name have

# The steps in which texts are shortened until the whole message fits.
_LIMITS = (MAX_TEXT, 2_000, 1_400, 1_000, 700, 500, 350, 250, 180, 120, 75)
# With so few characters of texts and links in all, and so short a title and labels, blocks that are made here
# cannot meet a limit, whatever the characters are and however JSON writes them.
SMALL = 900
SMALL_TITLE = MAX_HEADER // 2
SMALL_LABEL = MAX_LABEL // 2


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": True}


def mrkdwn(text: str) -> Block:
    """Verbatim: else Slack would look for names to mention (`@here`) and channels in plain words, too."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def one_line(words: str) -> str:
    return " ".join(words.split())


def header(title: str) -> Block:
    return {"type": "header", "text": plain(one_line(title))}


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def cells(pairs: list[tuple[str, str]], way: str) -> list[str]:
    """Return the texts of name/value pairs; after as many as a message has room for, one that counts the others."""
    found = [f"*{name}*\n{value.strip() or '—'}" for name, value in pairs[:MAX_FIELDS]]
    return found if len(pairs) <= MAX_FIELDS else [*found, more(len(pairs) - MAX_FIELDS, "field", way)]


def context(text: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(text)]}


def button(label: str, url: str, number: int, style: str | None) -> Block:
    block: Block = {"type": "button", "text": plain(label), "url": url, "action_id": f"open-{number}"}
    return {**block, "style": style} if style else block


def laid_out(text: Iterator[str], layout: Layout) -> list[Block]:
    """Return the blocks of a message, whose texts are taken in their order."""
    lines, fields, buttons, notes = layout
    blocks = [header(next(text)), *[section(next(text)) for _ in range(lines)]]
    shown = min(fields, MAX_FIELDS)
    for start in range(0, shown, FIELDS_PER_SECTION):
        row = [mrkdwn(next(text)) for _ in range(start, min(start + FIELDS_PER_SECTION, shown))]
        blocks.append({"type": "section", "fields": row})
    if fields > shown:
        blocks.append(context(next(text)))
    if buttons:
        row = [button(next(text), next(text), number, style) for number, style in buttons]
        blocks.append({"type": "actions", "elements": row})
    return blocks + [context(next(text)) for _ in range(notes)]


def without_bad_links(block: Block, notes: list[str]) -> Block | None:
    """Return an author's block without the buttons and images whose links Slack would refuse; each gets a note.

    None when nothing is left of the block.
    """
    if block.get("type") == "image" and (problem := _link_problem(block)):
        notes.append(problem)
        return None
    if problem := _link_problem(block.get("accessory")):
        notes.append(problem)
        block = {name: value for name, value in block.items() if name != "accessory"}
    elements = block.get("elements")
    if block.get("type") not in ("actions", "context") or not isinstance(elements, list):
        return block
    problems = [_link_problem(element) for element in elements]
    notes += [problem for problem in problems if problem]
    fit_ones = [element for element, problem in zip(elements, problems, strict=True) if not problem]
    return {**block, "elements": fit_ones} if fit_ones or not elements else None


def leaf(element: Block) -> Block:
    """Return an element of rich text, or words in its place where Slack would refuse it."""
    kind = element.get("type")
    if kind == "text" and isinstance(element.get("text"), str):
        return {**element, "text": clip(element["text"], MAX_TEXT, markup=False) or "—"}
    if kind == "link":
        label = clip(str(element.get("text", "")), MAX_TEXT, markup=False)
        if problem := url_problem(str(element.get("url"))):
            return {"type": "text", "text": f"{clip(label or 'link', MAX_LABEL, markup=False)} ({problem})"}
        return {name: value for name, value in {**element, "text": label}.items() if name != "text" or label.strip()}
    if kind in _LEAF_IDS:
        name, form = _LEAF_IDS[kind]
        value = str(element.get(name, ""))
        if not form.fullmatch(value):
            return {"type": "text", "text": clip(value, MAX_LABEL, markup=False) if value.strip() else "—"}
    return element


# What rich text names, by the key that does and the form that it has.
_LEAF_IDS = {
    "user": ("user_id", lazy(r"[UW][A-Z0-9]+", re.ASCII)),
    "usergroup": ("usergroup_id", lazy(r"S[A-Z0-9]+", re.ASCII)),
    "channel": ("channel_id", lazy(r"[CGD][A-Z0-9]+", re.ASCII)),
    "emoji": ("name", lazy(r"[^\s:<>&\x00-\x1f]{1,100}")),
}


def _link_problem(element: object) -> str | None:
    """Return the note in place of a button or image whose address Slack would refuse, or None."""
    if not isinstance(element, dict) or element.get("type") not in ("button", "image"):
        return None
    name = "url" if element["type"] == "button" else "image_url"
    if name not in element or (problem := url_problem(str(element[name]))) is None:
        return None
    if element["type"] == "image":
        return f"no image “{clip(str(element.get('alt_text')), MAX_LABEL)}”: {problem}"
    label = element.get("text")
    return no_button(str(label.get("text")) if isinstance(label, dict) else "", problem)


def no_button(label: str, problem: str) -> str:
    """Return the note in place of a button."""
    return f"no button “{clip(label, MAX_LABEL)}”: {problem}"


# Fitting --------------------------------------------------------------------------------------------------


def barred(blocks: list[Block], color: str | None) -> dict[str, Any]:
    """Return the blocks of a message, its last line beside a bar of a color, which only an attachment can have.

    https://docs.slack.dev/messaging/formatting-message-text#attachments
    """
    if color is None or blocks[-1]["type"] != "context":
        return {"blocks": blocks}
    return {"blocks": blocks[:-1], "attachments": [{"color": color, "blocks": blocks[-1:]}]}


def fit(blocks: list[Block], way: str) -> list[Block]:
    """Return the blocks with every text within its limit, and the whole within the limits of a message.

    Their texts are changed in place.
    """
    if len(blocks) > MAX_BLOCKS:
        left_out = len(blocks) - MAX_BLOCKS + 1
        blocks = [*blocks[: MAX_BLOCKS - 1], context(more(left_out, "block", way))]
    texts = list(_texts(blocks))
    for holder, name, _ in texts:
        kind = holder["type"]
        words = holder[name] if kind in _LITERAL else tidy(holder[name], kind == "mrkdwn")
        holder[name] = words if words.strip() or kind in _LITERAL else "—"
    return _shortened(blocks, texts, way)


def _shortened(blocks: list[Block], texts: list[tuple[Block, str, int]], way: str) -> list[Block]:
    """Shorten the longest texts, step by step, until the whole fits."""
    whole = [holder[name] for holder, name, _ in texts]
    sizes = [size(words) for words in whole]
    for step in _LIMITS:
        if step != _LIMITS[-1] and sum(min(length, step) for length in sizes) > 2 * MAX_TOTAL:
            continue  # far too much
        hidden = False
        for (holder, name, limit), words in zip(texts, whole, strict=True):
            literal = holder["type"] in _LITERAL
            holder[name] = clip(words, min(limit, step), way.replace("`", "") if literal else way, markup=not literal)
            hidden = hidden or (holder[name] is not words and min(limit, step) < ROOM_FOR_WAY)
        fitted = _with_way(blocks, way) if hidden else blocks
        if size(encode(fitted)) <= MAX_TOTAL:
            return fitted
    return _fewer(blocks, way)


def _with_way(blocks: list[Block], way: str) -> list[Block]:
    """Say once where the whole is, for texts that are too short to say it."""
    element = mrkdwn(f"… shortened, {way}")
    last = blocks[-1]
    if last.get("type") == "context" and len(last.get("elements", ())) < MAX_ELEMENTS:
        return [*blocks[:-1], {**last, "elements": [*last["elements"], element]}]
    return [*blocks, {"type": "context", "elements": [element]}] if len(blocks) < MAX_BLOCKS else blocks


def _fewer(blocks: list[Block], way: str) -> list[Block]:
    """The last resort: leave blocks out, from the end but for the last one, which says where the event is."""
    for count in range(len(blocks) - 2, -1, -1):
        left_out = context(more(len(blocks) - 1 - count, "block", way))
        fitted = [*blocks[:count], left_out, blocks[-1]]
        if size(encode(fitted)) <= MAX_TOTAL:
            return fitted
    return [context(more(len(blocks), "block", way))]


def more(count: int, noun: str, way: str) -> str:
    """Return the words in place of what is left out."""
    return f"… {count_of(count, f'more {noun}')}, {way}"


_LITERAL = ("text", "link")  # elements of rich text: an ampersand in them is one
_KEYS = {"title": 100, "confirm": 30, "deny": 30}  # of a confirmation dialog


def _texts(data: object, inside: str = "") -> Iterator[tuple[Block, str, int]]:
    """Yield every text below `data` as (its object, its name there, the limit of its place)."""
    if isinstance(data, list):
        for item in data:
            yield from _texts(item, inside)
    elif isinstance(data, dict):
        kind = data.get("type")
        if kind in ("plain_text", "mrkdwn") and isinstance(data.get("text"), str):
            limits = {"header": MAX_HEADER, "fields": MAX_FIELD, "button": MAX_LABEL, "image": 2_000, "dialog": 300}
            yield data, "text", limits.get(inside, _KEYS.get(inside, MAX_TEXT))
            return
        if kind in _LITERAL and isinstance(data.get("text"), str):
            yield data, "text", MAX_TEXT
            return
        if kind == "image" and isinstance(data.get("alt_text"), str):
            yield data, "alt_text", 2_000
        for name, value in data.items():
            if name == "confirm" and isinstance(value, dict) and "type" not in value:
                for part, text in value.items():
                    yield from _texts(text, part if part in _KEYS else "dialog")
            else:
                yield from _texts(value, "fields" if name == "fields" else str(kind or inside))


def is_small(texts: list[str], labels: list[str]) -> bool:
    """Say whether a message is so small, as nearly all are, that no limit of Slack's need be looked at.

    Its texts are those of all blocks, the title the first of them; `labels` are on buttons.
    """
    return (
        len(texts[0]) <= SMALL_TITLE
        and sum(map(len, texts)) <= SMALL
        and (not labels or max(map(len, labels)) <= SMALL_LABEL)
    )
