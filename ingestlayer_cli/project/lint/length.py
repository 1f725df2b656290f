"""How long the texts of a message can get, for sure: by the declarations' limits and the rows of entity files.

What has no limit (a text of an event without `max_length`, a number) counts as nothing here: everything could
be too long by it. So a length that is told is one that can really come.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

from ...entities.file import EntityFile
from ...language.expressions import Node, Scope, dotted, refs
from ...language.templates import Template, as_text
from ...model.declarations import Field
from ...system.errors import ProjectError
from ...system.typed import Values

MAX_CASES = 1_000
_MOST_ESCAPED = 12  # a character beyond 16 bits in a URL: %F0%9F%98%80
_ROOM = 40  # what filters may add to a value

Measure = Callable[[str], int]


class Cause(NamedTuple):
    """How many characters of a text come from one thing, and its words."""

    length: int
    words: str


class Longest(NamedTuple):
    """The length of the longest text that is known to be possible, and what most of it comes from."""

    length: int
    why: str


class Columns:
    """The longest values of the entity files, read when first asked for.

    `names` is how a kind's file is called, `wanted` are the columns that messages have refs to.
    """

    def __init__(self, files: dict[str, EntityFile], names: dict[str, str], wanted: dict[str, set[str]]) -> None:
        self._files = files
        self.names = names
        self._wanted = wanted
        self._found: dict[tuple[str, Measure], dict[str, int]] = {}

    def rows(self, kind: str) -> Iterator[tuple[str, Values]]:
        """Yield place and values of every row; none of a file that cannot be read."""
        try:
            yield from self._files[kind].rows()
        except (ProjectError, KeyError):
            return

    def longest(self, kind: str, column: str, measure: Measure) -> int:
        """Return the length of the longest value of a column."""
        key = kind, measure
        if key not in self._found:
            found = dict.fromkeys(self._wanted.get(kind, ()), 0)
            for _, values in self.rows(kind):
                for name, most in found.items():
                    value = values.get(name)
                    text = value if type(value) is str else as_text(value)
                    if len(text) * _MOST_ESCAPED > most:
                        found[name] = max(measure(text), most)
            self._found[key] = found
        return self._found[key].get(column, 0)


def longest(parts: list[Any], fields: dict[str, Field], columns: Columns, measure: Measure, most: int) -> Longest:
    """Return the longest text of a template; the rows are looked through only when it may get beyond `most`."""
    own = sum(len(part) for part in parts if isinstance(part, str))
    causes = [Cause(own, f"its own words have {own:,} characters")]
    of_kind: dict[str, list[Any]] = {}
    for part in parts:
        if isinstance(part, str):
            continue
        paths = refs(part["node"])
        roots = {tuple(path[:2]) for path in paths}
        if len(roots) == 1 and paths[0][0] == "entity" and len(paths[0]) > 1:
            of_kind.setdefault(paths[0][1], []).append(part)
        elif all(path[0] == "event" for path in paths):
            causes.append(_of_event(part, paths, fields, measure))
    sure = sum(cause.length for cause in causes)
    bounds = sum(_bound(kind, part, columns, measure) for kind, found in of_kind.items() for part in found)
    if sure + bounds > most:
        causes += [cause for kind, found in of_kind.items() for cause in _of_row(kind, found, columns, measure)]
    told = causes if own > most else causes[1:] or causes
    return Longest(sum(cause.length for cause in causes), max(told, key=lambda cause: cause.length).words)


def _of_event(part: Any, paths: list[list[str]], fields: dict[str, Field], measure: Measure) -> Cause:
    """Return what a part with refs to the event alone can come to."""
    found = [fields.get((path[2:] if path[1:2] == ["payload"] else path[1:] or [""])[0]) for path in paths]
    name = " and ".join(dict.fromkeys("$" + dotted(path) for path in paths))
    listed = [_values(field) for field in found]
    count = 1
    for values in listed:
        count *= len(values)
    if paths and 0 < count <= MAX_CASES:
        texts = [_text(part, dict(zip(map(tuple, paths), case, strict=True))) for case in product(*listed)]
        longest_one = max(texts, key=measure)
        return Cause(measure(longest_one), f"{name} can come to {len(longest_one):,} characters")
    field = found[0] if part["node"][0] == "ref" else None
    if field is None or field.max_length is None:
        return Cause(0, "")
    cuts = [arguments[0] for filter_, arguments in part["filters"] if filter_ == "truncate"]
    length = min([field.max_length, *cuts])
    return Cause(length, f"{name} may have {length:,} characters")


def _values(field: Field | None) -> list[Any]:
    return [] if field is None or field.values is None else field.values


def _text(part: Any, values: dict[tuple[str, ...], Any]) -> str:
    scope: Scope = {"event": {}, "entity": {}}
    for path, value in values.items():
        place: Any = scope
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value
    return Template([part]).render(scope)


def _bound(kind: str, part: Any, columns: Columns, measure: Measure) -> int:
    """Return a length that the part surely stays below, whatever the row is."""
    named = [path[2] for path in refs(part["node"]) if len(path) > 2]
    if len(named) < len(refs(part["node"])):
        return 1 << 30  # the whole row
    known = sum(columns.longest(kind, column, measure) for column in named)
    return known if part["node"][0] == "ref" and not part["filters"] else 2 * known + _ROOM + len(str(part))


def _of_row(kind: str, parts: list[Any], columns: Columns, measure: Measure) -> list[Cause]:
    """Return what the parts come to with the row that makes them longest, one by one."""
    templates = [Template([part]) for part in parts]
    best: tuple[int, str, list[str]] = (0, "", [])
    plain = all(part["node"][0] == "ref" and len(part["node"][1]) == 3 and not part["filters"] for part in parts)
    named = [part["node"][1][2] for part in parts] if plain else []
    for place, values in columns.rows(kind):
        if named and sum([len(as_text(values.get(name))) for name in named]) * _MOST_ESCAPED <= best[0]:
            continue
        texts = [template.render({"event": {}, "entity": {kind: values}}) for template in templates]
        length = sum(map(measure, texts))
        if length > best[0]:
            best = length, place, texts
    _, place, texts = best
    file = columns.names.get(kind, kind)
    causes = []
    for part, text in zip(parts, texts, strict=False):
        length = measure(text)
        escaped = f" ({length:,} escaped)" if length != len(text) else ""
        words = f"{file} {place} has a {_column(part['node'])} of {len(text):,} characters{escaped}"
        causes.append(Cause(length, words))
    return causes


def _column(node: Node) -> str:
    return ".".join(refs(node)[0][2:]) or "row"
