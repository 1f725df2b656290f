"""How the columns of a row are read: by their names, inside of objects, and as what they are compared with."""

from collections.abc import Callable, Iterator

from ..entities.reading.faults import visible
from ..entities.reading.written import Plain
from ..language.conditions import Condition, divisors
from ..language.expressions import Node, evaluator, refs, to_number
from ..system.errors import near_miss
from ..system.typed import Any, Values
from .base import Source, SourceError

Reader = Callable[[Values], Any]
_WORDS = {"true": True, "false": False}


class Where:
    """The condition of a check. A CSV has texts only: what is compared with a number or a truth is read as one."""

    def __init__(self, node: Node, columns: dict[str, str], plain: Plain | None) -> None:
        self._plain = plain
        node = flattened(node)
        self.names = list(dict.fromkeys(path[1] for path in refs(node)))
        self.unseen = {name: columns.get(name, name) for name in self.names}  # those that no row has had so far
        self.beside: list[str] = []  # the columns of the first row
        self._condition = Condition(node)
        kinds = _compared(node)
        self._readers = [(name, column_reader(columns.get(name, name)), kinds.get(name)) for name in self.names]

    def holds(self, values: Values) -> bool:
        if self.unseen:
            self.beside = self.beside or list(values)
            self.unseen = {name: column for name, column in self.unseen.items() if not _has(values, column)}
        scope = {name: _read_as(self._written(read(values)), kind) for name, read, kind in self._readers}
        return self._condition.holds({"row": scope})

    def _written(self, value: object) -> Any:
        """Return a number that is written as the source's `format` says; anything else as it is."""
        if self._plain is None or not isinstance(value, str):
            return value
        plain = self._plain(value)
        return value if plain is None else plain


def _compared(node: Node) -> dict[str, type]:
    """Return the columns that are compared for equality with literals that are no texts, and what those are."""
    found: dict[str, type] = {}
    if node[0] in ("==", "!=", "in"):
        for one, other in ((node[1], node[2]), (node[2], node[1])):
            literals = other[1] if other[0] == "list" else [other]
            kinds = {type(item[1]) for item in literals if item[0] == "lit" and item[1] is not None}
            if one[0] == "ref" and kinds and str not in kinds:
                found[one[1][1]] = bool if kinds == {bool} else float
    for child in node[1:] if node[0] not in ("lit", "ref", "list") else ():
        found |= _compared(child)
    return found


def _read_as(value: object, kind: type | None) -> Any:
    if kind is None or not isinstance(value, str):
        return value
    if kind is bool:
        return _WORDS.get(value.lower(), value)
    number = to_number(value)
    return value if number is None else number


def flattened(node: Node) -> Node:
    """Return a node in which every column has one name: `usage.total` is read before the expression runs."""
    if node[0] == "ref":
        return ["ref", ["row", ".".join(node[1][1:])]]
    if node[0] == "lit":
        return node
    children = node[1] if node[0] == "list" else node[1:]
    flat = [flattened(child) for child in children]
    return ["list", flat] if node[0] == "list" else [node[0], *flat]


def column_reader(name: str) -> Reader:
    """Return what reads a column: by its name, or inside of objects by a dotted one."""
    if "." not in name:
        return lambda values: values.get(name)

    def read(values: Values) -> Any:
        if name in values:
            return values[name]
        found: Any = values
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found

    return read


def _has(values: Values, name: str) -> bool:
    """Say whether a row has a column, by its name or inside of objects, whatever is in it."""
    found: Any = values
    for part in () if name in values else name.split("."):
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    return True


def names_of_zero(node: Node, scope: Values) -> Iterator[str]:
    """Yield the columns that something is divided by and that are 0."""
    for divisor in divisors(node):
        if divisor[0] == "ref" and evaluator(divisor)(scope) == 0:
            yield divisor[1][1]


def no_column(source: Source, name: str, column: str, columns: list[str] | None) -> SourceError:
    """Return the error of a source that lacks a column."""
    near = near_miss(column, columns or ())
    hint = f"its columns: {', '.join(map(visible, columns[:20]))}" if columns else ""
    remedy = f'map it: columns = {{ {name} = "…" }}'
    return SourceError(f"{source.name} has no column {column}{visible(near)}", f"{remedy}; {hint}" if hint else remedy)
