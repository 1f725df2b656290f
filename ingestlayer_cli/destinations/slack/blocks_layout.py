"""The blocks of a compiled file, laid out for an event: what repeats, repeated, and what does not fit, cut."""

from collections.abc import Callable

from ...language.expressions import Scope
from ...language.templates import Template, url_text
from ...system.typed import Any, NamedTuple
from . import kit as kit
from . import text as texts

MAX_RICH = 100  # elements of rich text in one list; Slack names no limit
MOST = 2_000  # repeated objects of a message in all: an event may hold lists of any length

Data = dict[str, Any]


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
            if isinstance(value, list) and name in kit.LISTS:
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
        elif isinstance(laid.get("text"), str):
            laid["text"] = texts.undated(laid["text"])
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
        room = MAX_RICH if rich else kit.ROOM["fields" if name == "fields" else kind]
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


def _elements(value: object) -> list[Any] | None:
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

    def walk(data: object) -> Any:
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
