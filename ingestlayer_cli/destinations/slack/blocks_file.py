"""A file of Block Kit blocks, every text in it a template: checked when it is compiled.

Any object of a list (a block, one of `fields`, one of `elements`) may have `repeat`: it stands once for each element
of that list of the event or the entity, which is `$item` in it. An object of the event repeats over
`{name, value}` pairs. Inside, a `repeat` has an `$item` of its own.

    {"type": "section", "repeat": "$event.items", "text": {"type": "mrkdwn", "text": "$item.name: $item.count"}}

Null or an empty list is nothing, and what holds nothing then is left out. What is no list says so in its place. More
than fits is cut, and counted.
"""

from collections.abc import Iterator

from ...language.templates import template_refs
from ...system.errors import count_of, near_miss
from ...system.typed import Any, NamedTuple
from . import kit as kit

NAMED = 5  # problems that are told at once

Data = dict[str, Any]


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


def compiled(data: object) -> list[Data]:
    """Return the blocks of a file, whose texts are compiled, ready to be kept; ValueError tells what is wrong."""
    blocks = data.get("blocks") if isinstance(data, dict) else data
    if not isinstance(blocks, list) or not all(isinstance(block, dict) and "type" in block for block in blocks):
        raise ValueError("the blocks file must hold a list of Block Kit blocks")
    if not 1 <= len(blocks) <= kit.MAX_BLOCKS:
        raise ValueError(f"the blocks file has {count_of(len(blocks), 'block')}; a message takes 1 to {kit.MAX_BLOCKS}")
    problems = [
        problem
        for index, block in enumerate(blocks)
        for problem in (*_shape_problems(block, BLOCKS, "block", f"/{index}"), *_item_problems(block, f"/{index}"))
    ]
    if problems:
        more = [f"and {count_of(len(problems) - NAMED, 'more problem')}"] if len(problems) > NAMED else []
        raise ValueError(f"the blocks file: {'; '.join([*problems[:NAMED], *more])}")
    return [_kept(block) for block in blocks]


def _shape_problems(data: object, known: Shapes, what: str, at: str) -> Iterator[str]:
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
        elif name in shape.children and name in kit.LISTS:
            yield from _list_problems(value, shape.children[name], kind, f"{at}/{name}")
        elif name in shape.children:
            yield from _shape_problems(value, shape.children[name], name, f"{at}/{name}")


def _list_problems(items: object, known: Shapes, kind: str, at: str) -> Iterator[str]:
    name = at.rpartition("/")[2]
    room = kit.ROOM.get("fields" if name == "fields" else kind)
    if not isinstance(items, list) or not items:
        yield f"{at}: must be a list with something in it"
        return
    if room is not None and len(items) > room:
        yield f"{at}: has {count_of(len(items), 'item')}; {kind} takes {room}"
    for index, item in enumerate(items):
        yield from _shape_problems(item, known, "field" if name == "fields" else "element", f"{at}/{index}")


def _item_problems(data: object, at: str, repeated: bool = False, listed: bool = True) -> Iterator[str]:
    """Yield each `$item` without a `repeat` around it, and each `repeat` that is none; `listed`: one may be here."""
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from _item_problems(item, f"{at}/{index}", repeated, at.rpartition("/")[2] in kit.LISTS)
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


def _repeated_ref(repeat: object) -> list[str] | None:
    """Return the path of the ref that `repeat` is, or None when it is anything else."""
    parts = repeat.get("$template", []) if isinstance(repeat, dict) else []
    part = parts[0] if len(parts) == 1 else ""
    if isinstance(part, str) or part["filters"] or part["node"][0] != "ref":
        return None
    path: list[str] = part["node"][1]
    return path


def _kept(data: object) -> Any:
    """Give each `repeat` the words of its ref, for what it says when that is no list."""
    if isinstance(data, list):
        return [_kept(item) for item in data]
    if not isinstance(data, dict) or "$template" in data:
        return data
    ref = _repeated_ref(data.get("repeat"))
    kept = {name: _kept(value) for name, value in data.items()}
    return kept if ref is None else {**kept, "repeat": {"over": data["repeat"], "ref": f"${'.'.join(ref)}"}}
