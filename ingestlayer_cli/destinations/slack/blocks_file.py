"""A file of Block Kit blocks, every text in it a template: checked when it is compiled, laid out for an event.

Any object of a list (a block, one of `fields`, one of `elements`) may have `repeat`: it stands once for each element
of that list of the event or the entity, which is `$item` in it. An object of the event repeats over
`{name, value}` pairs. Inside, a `repeat` has an `$item` of its own.

    {"type": "section", "repeat": "$event.items", "text": {"type": "mrkdwn", "text": "$item.name: $item.count"}}

Null or an empty list is nothing, and what holds nothing then is left out. What is no list says so in its place. More
than fits is cut, and counted.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ...language.expressions import Scope
from ...language.templates import Template, template_refs, url_text
from ...system.errors import near_miss
from . import kit as kit
from . import text as texts

LISTS = ("fields", "elements")  # whose objects may repeat, as may the blocks
MAX_RICH = 100  # elements of rich text in one list; Slack names no limit
MOST = 2_000  # repeated objects of a message in all: an event may hold lists of any length
NAMED = 5  # problems that are told at once

Data = dict[str, Any]


# Checking -------------------------------------------------------------------------------------------------


class Shape(NamedTuple):
    """The keys of an object beside `type`; `children` are those that hold objects of certain types, by type."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    children: dict[str, "Shapes"] = {}


Shapes = dict[str, Shape]

_PLAIN: Shapes = {"plain_text": Shape(("text",), ("emoji",))}
_TEXT: Shapes = {**_PLAIN, "mrkdwn": Shape(("text",), ("verbatim",))}
_BUTTON = Shape(("text",), ("url", "value", "action_id", "style", "confirm", "accessibility_label"), {"text": _PLAIN})
_PICTURE = Shape(("image_url", "alt_text"))
_LEAVES: Shapes = {
    "text": Shape(("text",), ("style",)),
    "link": Shape(("url",), ("text", "style")),
    "user": Shape(("user_id",), ("style",)),
    "usergroup": Shape(("usergroup_id",), ("style",)),
    "channel": Shape(("channel_id",), ("style",)),
    "broadcast": Shape(("range",), ("style",)),
    "emoji": Shape(("name",), ("style",)),
}
_RICH_SECTION = Shape(("elements",), (), {"elements": _LEAVES})
_RICH_BOX = Shape(("elements",), ("border",), {"elements": _LEAVES})
_CONTAINERS: Shapes = {
    "rich_text_section": _RICH_SECTION,
    "rich_text_quote": _RICH_BOX,
    "rich_text_preformatted": _RICH_BOX,
    "rich_text_list": Shape(
        ("elements",),
        ("style", "indent", "offset", "border"),
        {"elements": {"rich_text_section": _RICH_SECTION}},
    ),
}
# https://docs.slack.dev/reference/block-kit/blocks: those that show something, and need nobody to answer them.
BLOCKS: Shapes = {
    "section": Shape(
        (),
        ("text", "fields", "accessory", "expand"),
        {"text": _TEXT, "fields": _TEXT, "accessory": {"button": _BUTTON, "image": _PICTURE}},
    ),
    "header": Shape(("text",), (), {"text": _PLAIN}),
    "context": Shape(("elements",), (), {"elements": {**_TEXT, "image": _PICTURE}}),
    "actions": Shape(("elements",), (), {"elements": {"button": _BUTTON}}),
    "image": Shape(("image_url", "alt_text"), ("title",), {"title": _PLAIN}),
    "divider": Shape(),
    "rich_text": Shape(("elements",), (), {"elements": _CONTAINERS}),
}
# Values of these decide what a message is, and whom it is for: an event may not.
_FIXED = ("type", "style", "range", "verbatim", "emoji")
_ROOM = {"fields": kit.FIELDS_PER_SECTION, "context": kit.MAX_ELEMENTS, "actions": kit.MAX_BUTTONS}


def compiled(data: Any) -> list[Data]:
    """Return the blocks of a file, whose texts are compiled, ready to be kept; ValueError tells what is wrong."""
    blocks = data.get("blocks") if isinstance(data, dict) else data
    if not isinstance(blocks, list) or not all(isinstance(block, dict) and "type" in block for block in blocks):
        raise ValueError("the blocks file must hold a list of Block Kit blocks")
    if not 1 <= len(blocks) <= kit.MAX_BLOCKS:
        raise ValueError(f"the blocks file has {len(blocks)} blocks; a message takes 1 to {kit.MAX_BLOCKS}")
    problems = [
        problem
        for index, block in enumerate(blocks)
        for problem in (*_shape_problems(block, BLOCKS, "block", f"/{index}"), *_item_problems(block, f"/{index}"))
    ]
    if problems:
        more = [f"and {len(problems) - NAMED} more problems"] if len(problems) > NAMED else []
        raise ValueError(f"the blocks file: {'; '.join([*problems[:NAMED], *more])}")
    return [_kept(block) for block in blocks]


def _shape_problems(data: Any, known: Shapes, what: str, at: str) -> Iterator[str]:
    """Yield what is wrong with an object that is to be of one of these types, and below it."""
    kind = data.get("type") if isinstance(data, dict) else None
    if not isinstance(data, dict) or kind is None:
        yield f'{at}: a {what} is an object with a "type"'
        return
    if not isinstance(kind, str) or kind not in known:
        listed = near_miss(kind, known) if isinstance(kind, str) else ""
        shown = f'"{kind}"' if isinstance(kind, str) else "of a template"
        listed = listed or f": there are {', '.join(known)}"
        yield f"{at}/type: unknown {what} {shown}{listed}"
        return
    shape = known[kind]
    allowed = ("type", "repeat", *shape.required, *shape.optional, *(("block_id",) if what == "block" else ()))
    for name in data:
        if name not in allowed:
            yield f'{at}: unknown key "{name}" of {kind}{near_miss(name, allowed)}'
    for name in shape.required:
        if name not in data:
            yield f'{at}: {kind} needs "{name}"'
    if kind == "section" and not ("text" in data or "fields" in data):
        yield f'{at}: section needs "text" or "fields"'
    for name, value in data.items():
        if name in _FIXED and isinstance(value, dict) and "$template" in value:
            yield f"{at}/{name}: is fixed, and no template: an event does not decide it"
        elif name in shape.children and name in LISTS:
            yield from _list_problems(value, shape.children[name], kind, f"{at}/{name}")
        elif name in shape.children:
            yield from _shape_problems(value, shape.children[name], name, f"{at}/{name}")


def _list_problems(items: Any, known: Shapes, kind: str, at: str) -> Iterator[str]:
    name = at.rpartition("/")[2]
    room = _ROOM.get("fields" if name == "fields" else kind)
    if not isinstance(items, list) or not items:
        yield f"{at}: must be a list with something in it"
        return
    if room is not None and len(items) > room:
        yield f"{at}: has {len(items)} items; {kind} takes {room}"
    for index, item in enumerate(items):
        yield from _shape_problems(item, known, "field" if name == "fields" else "element", f"{at}/{index}")


def _item_problems(data: Any, at: str, repeated: bool = False, listed: bool = True) -> Iterator[str]:
    """Yield each `$item` without a `repeat` around it, and each `repeat` that is none; `listed`: one may be here."""
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from _item_problems(item, f"{at}/{index}", repeated, at.rpartition("/")[2] in LISTS)
    elif isinstance(data, dict) and "$template" in data:
        outside = [path for path in template_refs(data["$template"]) if path[0] == "item" and not repeated]
        yield from (f"{at}: ${'.'.join(path)} stands outside a `repeat`" for path in outside[:1])
    elif isinstance(data, dict):
        inside = repeated
        if "repeat" in data:
            inside = True
            if not listed:
                yield f"{at}/repeat: only an object of a list repeats: a block, one of fields, one of elements"
            elif _repeated_ref(data["repeat"]) is None:
                yield f'{at}/repeat: must be one ref to a list, like "$event.items"'
        for name, value in data.items():
            around = repeated if name == "repeat" else inside
            yield from _item_problems(value, f"{at}/{name}", around, False)


def _repeated_ref(repeat: Any) -> list[str] | None:
    """Return the path of the ref that `repeat` is, or None when it is anything else."""
    parts = repeat.get("$template", []) if isinstance(repeat, dict) else []
    part = parts[0] if len(parts) == 1 else ""
    if isinstance(part, str) or part["filters"] or part["node"][0] != "ref":
        return None
    path: list[str] = part["node"][1]
    return path


def _kept(data: Any) -> Any:
    """Give each `repeat` the words of its ref, for what it says when that is no list."""
    if isinstance(data, list):
        return [_kept(item) for item in data]
    if not isinstance(data, dict) or "$template" in data:
        return data
    ref = _repeated_ref(data.get("repeat"))
    kept = {name: _kept(value) for name, value in data.items()}
    return kept if ref is None else {**kept, "repeat": {"over": data["repeat"], "ref": f"${'.'.join(ref)}"}}


# Laying out -----------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """What one object of the file came to: a list for each time that it stands, and how often it does beside that."""

    shown: list[list[Data]]
    left: int = 0
    repeated: bool = False


def laid_out(blocks: list[Data], scope: Scope, way: str, room: int) -> list[kit.Block]:
    """Return at most `room` blocks for an event; `way` tells where the whole of it is."""
    return _unique_ids(_Layout(way).blocks(blocks, scope, room))


class _Layout:
    """Lays out one message."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._left = MOST
        self._notes: list[str] = []  # on the block that is just laid out

    def blocks(self, blocks: list[Data], scope: Scope, room: int) -> list[kit.Block]:
        rows = [self._row(block, scope, room, self._block, kit.context) for block in blocks]
        return _fitted(rows, room, lambda count: kit.context(kit.more(count, "block", self._way)))[0]

    def _block(self, data: Data, scope: Scope) -> list[kit.Block]:
        """Return a block and what there is to note on it; nothing when it is empty."""
        self._notes = []
        found = self._object(data, scope, data["type"] == "rich_text")
        block = kit.without_bad_links(found, self._notes) if found else None
        note = [kit.context("\n".join(dict.fromkeys(self._notes)))] if self._notes else []
        return [block, *note] if block else note

    def _row(
        self,
        data: Data,
        scope: Scope,
        room: int,
        one: Callable[[Data, Scope], list[Data]],
        said: Callable[[str], Data] | None,
    ) -> _Row:
        """Lay out an object once, or once for each element of its list; `said` makes what stands for words there."""
        repeat = data.get("repeat")
        if repeat is None:
            return _Row([one(data, scope)])
        data = {name: value for name, value in data.items() if name != "repeat"}
        elements = _elements(repeat["over"].value(scope))
        if elements is None:
            words = f"{texts.escape(repeat['ref'])} is no list to repeat over"
            if said is None:
                self._notes.append(words)
            return _Row([[said(words)]] if said else [])
        taken = elements[: min(room, self._left)]
        self._left -= len(taken)
        shown = [one(data, {**scope, "item": element}) for element in taken]
        return _Row([each for each in shown if each], len(elements) - len(taken), True)

    def _object(self, data: Data, scope: Scope, rich: bool) -> Data | None:
        """Lay out an object with all that is in it; None when lists in it came out empty and leave nothing."""
        kind = data["type"]
        laid: Data = {}
        for name, value in data.items():
            if isinstance(value, list) and name in LISTS:
                items = self._items(value, scope, kind, name, rich)
                if items:
                    laid[name] = items
                elif not (kind == "section" and "text" in data):
                    return None
            elif isinstance(value, dict):
                laid[name] = self._object(value, scope, rich) if "type" in value else self._plain(value, scope)
            else:
                laid[name] = value if not isinstance(value, Template) else _text(value, scope, name, rich)
        # Slack would look for names to mention and links in the plain words of a value, too.
        if kind == "mrkdwn":
            laid = {"verbatim": True, **laid}
        laid = {name: value for name, value in laid.items() if value != "" or name not in _OPTIONAL}
        return kit.leaf(laid) if rich else laid

    def _plain(self, data: Data, scope: Scope) -> Data:
        """Lay out an object without a type: a dialog to confirm, a style of rich text."""
        return {
            name: self._object(value, scope, False)
            if isinstance(value, dict) and "type" in value
            else (_text(value, scope, name, False) if isinstance(value, Template) else value)
            for name, value in data.items()
        }

    def _items(self, items: list[Data], scope: Scope, kind: str, name: str, rich: bool) -> list[Data]:
        room = MAX_RICH if rich else _ROOM["fields" if name == "fields" else kind]
        said = _words_in(kind, name)

        def one(data: Data, inner: Scope) -> list[Data]:
            found = self._object(data, inner, rich)
            return [found] if found else []

        rows = [self._row(item, scope, room, one, said) for item in items]
        more = (lambda count: said(f"… {count:,} more")) if said else None
        shown, left = _fitted(rows, room, more)
        if left:
            self._notes.append(kit.more(left, "button", self._way))
        return shown


_OPTIONAL = ("value", "accessibility_label", "block_id", "action_id")
_SHORT = {"value": 2_000, "accessibility_label": 75, "block_id": 255, "action_id": 255}


def _text(template: Template, scope: Scope, name: str, rich: bool) -> str:
    """Render a template: URLs by their own rule, rich text and ids without markup."""
    if name in ("url", "image_url"):
        return url_text(template, scope)
    if name in _SHORT:
        return texts.clip(template.render(scope, texts.literal).strip(), _SHORT[name], markup=False)
    return template.render(scope, texts.literal) if rich else texts.said(template, scope)


def _elements(value: Any) -> list[Any] | None:
    """Return what a `repeat` stands for: a list's elements, an object's pairs, nothing for null; None: no list."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [{"name": name, "value": inner} for name, inner in value.items()]
    return value if isinstance(value, list) else None


def _words_in(kind: str, name: str) -> Callable[[str], Data] | None:
    """Return what makes words an element of a list; None where only buttons are."""
    if kind == "actions":
        return None
    if name == "fields" or kind == "context":
        return kit.mrkdwn
    if kind in ("rich_text", "rich_text_list"):
        return lambda words: {"type": "rich_text_section", "elements": [{"type": "text", "text": words}]}
    return lambda words: {"type": "text", "text": words}


def _fitted(rows: list[_Row], room: int, more: Callable[[int], Data] | None) -> tuple[list[Data], int]:
    """Return what fits, and how many objects are left out without a word on it.

    What repeats is cut, each as much as the others; what does not stays. `more` makes what stands for so many.
    """
    longest = max((len(row.shown) for row in rows if row.repeated), default=0)
    for most in range(longest, -1, -1):
        found, left = _cut(rows, most, more)
        if len(found) <= room:
            return found, left
    found, left = _cut(rows, 0, None)
    kept = found[: room - 1] if more else found[:room]
    left += len(found) - len(kept)
    return ([*kept, more(left)], 0) if more else (kept, left)


def _cut(rows: list[_Row], most: int, more: Callable[[int], Data] | None) -> tuple[list[Data], int]:
    """Return everything with at most so many of each that repeats, and how many are left out without a word."""
    found: list[Data] = []
    unsaid = 0
    for row in rows:
        shown = row.shown[:most] if row.repeated else row.shown
        left = row.left + len(row.shown) - len(shown)
        found += [item for each in shown for item in each]
        if left and more:
            found.append(more(left))
        elif left:
            unsaid += left
    return found, unsaid


def _unique_ids(blocks: list[kit.Block]) -> list[kit.Block]:
    """Make ids that repeated objects share their own: Slack takes each once in a message."""
    taken: dict[str, set[str]] = {"block_id": set(), "action_id": set()}

    def walk(data: Any) -> Any:
        if isinstance(data, list):
            return [walk(item) for item in data]
        if not isinstance(data, dict):
            return data
        found = {name: walk(value) for name, value in data.items()}
        for name, ids in taken.items():
            if isinstance(found.get(name), str):
                found[name] = _other_than(ids, found[name])
        return found

    result: list[kit.Block] = walk(blocks)
    return result


def _other_than(taken: set[str], id_: str) -> str:
    number, found = 1, id_
    while found in taken:
        number += 1
        end = f"-{number}"
        found = texts.clip(id_, 255 - len(end), markup=False) + end
    taken.add(found)
    return found
