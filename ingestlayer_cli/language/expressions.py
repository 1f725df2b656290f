"""The expression language of `when`, `filter`, keys and `${…}`: parsed once, see `parser`, run many times.

A parsed expression is plain data (nested lists, so that the project's cache can hold it):
`["ref", ["event", "used"]]`, `["lit", 1]`, `["list", [node, …]]`, `["not", node]`, `["neg", node]` and
`[operator, left, right]`. `evaluator` turns it into a function of a scope, which has a value for each of `ROOTS`:
`$event`, `$entity` by kind, `$body` as `transform` left it, `$item` where a list is laid out, and `$digest`. Beside
these it has an object for each root of its own that a step has put there.

A missing ref is null. Null propagates through arithmetic and ordered comparisons; `and or not` are
three-valued (Kleene); `== !=` are total, so that `== null` tests for it. A text where a number is needed and
a division by zero are null too; numeric strings count as numbers there. Two dates or times compare as such.
"""

import math
import operator
import re
from collections.abc import Callable

from ..system.clock import parse_date_or_time
from ..system.patterns import lazy
from ..system.typed import Any

Node = list[Any]
Scope = dict[str, Any]
Evaluator = Callable[[Scope], Any]
Comparison = Callable[[Any, Any], bool | None]

ROOTS = ("event", "entity", "body", "item", "digest")

_IDENTIFIER = lazy(r"[A-Za-z_]\w*", re.ASCII)
_NUMBER = lazy(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


def dotted(path: list[str]) -> str:
    """Write a path as it may be typed: `entity.customer["CSM Channel"]`."""
    first, *others = path
    return first + "".join([f".{name}" if _IDENTIFIER.fullmatch(name) else f"[{_quoted(name)}]" for name in others])


def _quoted(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{text}"'


def refs(node: Node) -> list[list[str]]:
    """Return the paths of all refs in a node, in the order in which they are written."""
    if node[0] == "ref":
        return [node[1]]
    children = [] if node[0] == "lit" else node[1] if node[0] == "list" else node[1:]
    return [path for child in children for path in refs(child)]


# Running --------------------------------------------------------------------------------------------------


def to_number(value: Any) -> int | float | None:
    """Return a number for a number or a numeric string, else None; never a bool, NaN or infinity."""
    kind = type(value)
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is int:
        return _bounded(value)
    if kind is not str or len(value) > 400 or not _NUMBER.fullmatch(value):
        return None
    try:
        return _bounded(int(value))
    except ValueError:
        return _bounded(float(value))


def _bounded(value: Any) -> int | float | None:
    """Keep whole numbers within 64 bits exact, larger ones as floats; nothing that is not finite."""
    if type(value) is int:
        if -(1 << 63) <= value < 1 << 63:
            return value
        try:
            value = float(value)
        except OverflowError:
            return None
    return value if math.isfinite(value) else None


def truth(value: object) -> bool | None:
    """Return the three-valued truth of a value: null stays null, empty and zero are false."""
    return None if value is None else bool(value)


def equal(left: object, right: object) -> bool:
    """JSON equality: 1 equals 1.0, but neither true nor "1"."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[k], right[k]) for k in left)
    return bool(left == right)


def moment(value: object) -> Any:
    """Return something ordered for a date or an RFC 3339 time, else None."""
    if not isinstance(value, str):
        return None
    try:
        return parse_date_or_time(value)
    except ValueError:
        return None


def _contains(whole: object, part: object) -> bool | None:
    if isinstance(whole, list):
        return any(equal(item, part) for item in whole)
    if isinstance(whole, str):
        return part in whole if isinstance(part, str) else None
    if isinstance(whole, dict):
        return part in whole if isinstance(part, str) else None
    return None


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}


def evaluator(node: Node) -> Evaluator:
    """Turn a parsed expression into a function of a scope. It never raises and never runs long."""
    kind = node[0]
    if kind == "lit":
        value = node[1]
        return lambda scope: value
    if kind == "ref":
        return getter(node[1])
    if kind == "list":
        items = [evaluator(item) for item in node[1]]
        return lambda scope: [item(scope) for item in items]
    left = evaluator(node[1])
    if kind == "not":
        return lambda scope: None if (value := truth(left(scope))) is None else not value
    if kind == "neg":
        return lambda scope: None if (value := to_number(left(scope))) is None else -value
    right = evaluator(node[2])
    if kind in ("and", "or"):
        return _logic(kind == "or", left, right)
    if kind in _ARITHMETIC:
        return _arithmetic(_ARITHMETIC[kind], left, right)
    compare = COMPARISONS[kind]
    return lambda scope: compare(left(scope), right(scope))


_NOTHING: dict[str, Any] = {}  # what a root holds that no step has put yet


def getter(path: list[str]) -> Evaluator:
    root, *names = path
    if len(names) == 1 and root not in ("item", "digest", "body"):  # the others are objects
        name = names[0]
        if root in ROOTS:
            return lambda scope: scope[root].get(name)
        return lambda scope: scope.get(root, _NOTHING).get(name)
    if len(names) == 2 and root == "entity":
        kind, name = names

        def get_of_entity(scope: Scope) -> Any:
            row = scope.get(root, _NOTHING).get(kind)
            return row.get(name) if isinstance(row, dict) else None

        return get_of_entity

    def get(scope: Scope) -> Any:
        value = scope.get(root, _NOTHING)
        for name in names:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return get


def _logic(decisive: bool, left: Evaluator, right: Evaluator) -> Evaluator:
    return lambda scope: kleene(decisive, left(scope), right(scope))


def kleene(decisive: bool, left: object, right: object) -> bool | None:
    """Join two truths: `or` is decided by a true side, `and` by a false one; else a null side makes it null."""
    first, second = truth(left), truth(right)
    if first is decisive or second is decisive:
        return decisive
    return None if first is None or second is None else not decisive


def _arithmetic(operate: Callable[[Any, Any], Any], left: Evaluator, right: Evaluator) -> Evaluator:
    def run(scope: Scope) -> int | float | None:
        first, second = left(scope), right(scope)
        if type(first) is not int:
            first = to_number(first)
        if type(second) is not int:
            second = to_number(second)
        if first is None or second is None:
            return None
        try:
            return _bounded(operate(first, second))
        except (ZeroDivisionError, OverflowError):
            return None

    return run


_NUMERIC = (int, float)


def _ordering(compare: Callable[[Any, Any], bool]) -> Comparison:
    """Make the ordered comparison of two values: as numbers, else as dates or times, else null."""

    def run(first: object, second: object) -> bool | None:
        if type(first) in _NUMERIC and type(second) in _NUMERIC:  # the usual case
            return compare(first, second)
        a, b = to_number(first), to_number(second)
        if a is None or b is None:
            a, b = moment(first), moment(second)
            if a is None or b is None:
                return None
        return compare(a, b)

    return run


COMPARISONS: dict[str, Comparison] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _ordering(operator.lt),
    "<=": _ordering(operator.le),
    ">": _ordering(operator.gt),
    ">=": _ordering(operator.ge),
    "in": lambda part, whole: _contains(whole, part),
    "contains": _contains,
}
