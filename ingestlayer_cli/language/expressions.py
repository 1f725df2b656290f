"""The expression language of `when`, `filter`, keys and `${…}`: parse once, run many times.

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
from collections.abc import Callable, Iterable
from typing import Any

from ..system.clock import parse_date_or_time
from ..system.patterns import lazy

Node = list[Any]
Scope = dict[str, Any]
Evaluator = Callable[[Scope], Any]
Comparison = Callable[[Any, Any], bool | None]
Own = Callable[[], Iterable[str]]  # the roots of their own that steps put; asked for a root that is not of `ROOTS`

ROOTS = ("event", "entity", "body", "item", "digest")
MAX_LENGTH = 2_000
MAX_NESTING = 20
MAX_OPERATORS = 100
CONSTANTS = {"null": None, "true": True, "false": False}

_TOKEN = lazy(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<name>\$?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
    r"|(?P<op>==|!=|<=|>=|[-+*/%<>()\[\],|}])"
    r"|(?P<end>$))",
    re.ASCII | re.DOTALL,
)
# What may follow a name at once: names that are no identifiers, `["CSM Channel"]`, and further ones.
SUBSCRIPTS = r"(?:\[(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\](?:\.[A-Za-z_]\w*)*)*"
_SUBSCRIPTS = lazy(SUBSCRIPTS, re.ASCII | re.DOTALL)
_PART = lazy(r"\[(?P<quoted>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\]|\.?(?P<name>\w+)", re.ASCII | re.DOTALL)
_IDENTIFIER = lazy(r"[A-Za-z_]\w*", re.ASCII)
_SPACE = lazy(r"\s*", re.ASCII)
_NUMBER = lazy(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
# What other languages write, and how it is written here.
_INSTEAD = {
    "=": "write ==",
    "=>": "write >=",
    "=<": "write <=",
    "&": "write and",
    "!": "write not",
    "${": "write $event.… without braces",
}
_ESCAPES = {"n": "\n", "t": "\t"}
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in", "contains")


class ExpressionError(ValueError):
    """What is wrong with an expression or template, and at which character of it (0-based)."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


# Parsing --------------------------------------------------------------------------------------------------


def parse(text: str, columns: bool = False, own: Own = tuple) -> Node:
    """Parse a whole text; ExpressionError with the position otherwise.

    With `columns` a bare name is a column, a ref of the root `row`: `used / limit`.
    """
    parser = Parser(text, bare=False, columns=columns, own=own)
    node = parser.expression()
    if parser.kind == "op" and parser.value == "|":
        words = "'|' is not part of a condition: write or; filters stand in ${…} of texts"
        raise ExpressionError(words, parser.start)
    parser.expect("end", "the end")
    return node


class Parser:
    """Recursive descent over one text. Templates use it too, from the character after `${`."""

    def __init__(self, text: str, start: int = 0, bare: bool = False, columns: bool = False, own: Own = tuple) -> None:
        self.text = text
        self.own = own
        self.limit = start + MAX_LENGTH
        self.columns = columns
        self.bare = bare  # inside ${…} a ref may stand without its dollar sign
        self.at = start
        self.kind = self.value = ""
        self.start = start
        self.open = 0  # parentheses and lists around this place
        self.operators = 0
        self.advance()

    def advance(self) -> None:
        match = _TOKEN.match(self.text, self.at)
        if match is None or match.lastgroup is None:
            space = _SPACE.match(self.text, self.at)
            start = space.end() if space else self.at
            char = self.text[start]
            if char in "'\"":
                raise ExpressionError("the text is not closed by its quote", start)
            instead = _INSTEAD.get(self.text[start : start + 2]) or _INSTEAD.get(char)
            remedy = f": {instead}" if instead else ""
            raise ExpressionError(f"{char!r} is not part of the expression language{remedy}", start)
        self.kind, self.value = match.lastgroup, match[match.lastgroup]
        self.start, self.at = match.start(match.lastgroup), match.end()
        if self.at > self.limit:
            raise ExpressionError(f"longer than {MAX_LENGTH} characters", self.limit)

    def error(self, wanted: str) -> ExpressionError:
        found = "the end" if self.kind == "end" else repr(self.value)
        if self.value == "not" and re.match(r"\s+(in|contains)\b", self.text[self.at :]):
            found += ": write not (a in b)"
        return ExpressionError(f"expected {wanted}, found {found}", self.start)

    def expect(self, value: str, wanted: str = "") -> None:
        if value != ("end" if self.kind == "end" else self.value if self.kind == "op" else ""):
            raise self.error(wanted or repr(value))
        if self.kind != "end":
            self.advance()

    def take(self, *words: str) -> str:
        """Consume the current operator or word when it is one of these, and return it."""
        if self.kind not in ("op", "name") or self.value not in words:
            return ""
        word = self.value
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            raise ExpressionError(f"more than {MAX_OPERATORS} operators", self.start)
        self.advance()
        return word

    def expression(self) -> Node:
        self.open += 1
        if self.open > MAX_NESTING:
            raise ExpressionError(f"nested deeper than {MAX_NESTING}", self.start)
        node = self.disjunction()
        self.open -= 1
        return node

    def binary(self, operand: Callable[[], Node], *operators: str) -> Node:
        node = operand()
        while word := self.take(*operators):
            node = [word, node, operand()]
        return node

    def disjunction(self) -> Node:
        return self.binary(self.conjunction, "or")

    def conjunction(self) -> Node:
        return self.binary(self.negation, "and")

    def negation(self) -> Node:
        return ["not", self.negation()] if self.take("not") else self.comparison()

    def comparison(self) -> Node:
        left = self.sum()
        word = self.take(*_COMPARISONS)
        if not word:
            return left
        node = [word, left, self.sum()]
        if self.kind in ("op", "name") and self.value in _COMPARISONS:
            raise ExpressionError("comparisons do not chain: write a < b and b < c", self.start)
        return node

    def sum(self) -> Node:
        return self.binary(self.product, "+", "-")

    def product(self) -> Node:
        return self.binary(self.factor, "*", "/", "%")

    def factor(self) -> Node:
        return ["neg", self.factor()] if self.take("-") else self.atom()

    def atom(self) -> Node:
        kind, value, start = self.kind, self.value, self.start
        if kind == "number":
            self.advance()
            return ["lit", self.literal_number(value, start)]
        if kind == "string":
            self.advance()
            return ["lit", _unquoted(value)]
        if kind == "name" and value not in ("and", "or", "in", "contains", "not"):
            return self.name()
        if self.take("("):
            node = self.expression()
            self.expect(")")
            return node
        if self.take("["):
            return ["list", self.items()]
        raise self.error("a value")

    def literal_number(self, text: str, start: int) -> float:
        value = to_number(text)
        if value is None:
            raise ExpressionError("the number is too large", start)
        return value

    def name(self) -> Node:
        value, start = self.value, self.start
        if value not in CONSTANTS and (further := _SUBSCRIPTS.match(self.text, self.at)):
            value, self.at = value + further[0], further.end()
        self.advance()
        if value in CONSTANTS:
            return ["lit", CONSTANTS[value]]
        if self.kind == "op" and self.value == "(":
            raise ExpressionError("there are no calls; in ${…} a filter follows a bar: value | number", start)
        if self.columns:
            return ["ref", column_path(value, start)]
        return ["ref", ref_path(value, start, self.bare, self.own)]

    def items(self) -> list[Node]:
        found: list[Node] = []
        while not self.take("]"):
            if found:
                self.expect(",", "',' or ']'")
            found.append(self.expression())
        return found


def ref_path(name: str, start: int, bare: bool = False, own: Own = tuple) -> list[str]:
    """Split `$event.used` into its path; ExpressionError for an unknown root or a missing dollar sign."""
    path = split(name.removeprefix("$"))
    if path[0] not in ROOTS and path[0] not in (owned := tuple(own())):
        from ..system.errors import near_miss

        if not name.startswith("$"):
            raise ExpressionError(f"{name!r} is no value: write text in quotes, a ref as $event.…", start)
        roots = (*ROOTS[:2], *owned, *ROOTS[2:4])  # in the order in which a run gives them values
        full = [dotted(["$" + root, *path[1:]]) for root in roots]
        hint = near_miss(name, full) or f": it starts with one of {', '.join('$' + r for r in roots)}"
        raise ExpressionError(f"unknown ref {name}{hint}", start)
    if not (bare or name.startswith("$")):
        raise ExpressionError(f'a ref starts with a dollar sign (did you mean "${name}"?)', start)
    return path


def column_path(name: str, start: int) -> list[str]:
    """Return the path of a column; ExpressionError for a ref of another kind."""
    if name.startswith("$"):
        raise ExpressionError(f'a column has no dollar sign (did you mean "{name.rpartition(".")[2]}"?)', start)
    return ["row", *split(name)]


def split(name: str) -> list[str]:
    """Split `entity.customer["CSM Channel"]` into its path."""
    if "[" not in name:
        return name.split(".")
    return [_unquoted(part["quoted"]) if part["quoted"] else part["name"] for part in _PART.finditer(name)]


def dotted(path: list[str]) -> str:
    """Write a path as it may be typed: `entity.customer["CSM Channel"]`."""
    first, *others = path
    return first + "".join([f".{name}" if _IDENTIFIER.fullmatch(name) else f"[{_quoted(name)}]" for name in others])


def _quoted(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{text}"'


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1], flags=re.DOTALL)


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


def truth(value: Any) -> bool | None:
    """Return the three-valued truth of a value: null stays null, empty and zero are false."""
    return None if value is None else bool(value)


def equal(left: Any, right: Any) -> bool:
    """JSON equality: 1 equals 1.0, but neither true nor "1"."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[k], right[k]) for k in left)
    return bool(left == right)


def moment(value: Any) -> Any:
    """Return something ordered for a date or an RFC 3339 time, else None."""
    if not isinstance(value, str):
        return None
    try:
        return parse_date_or_time(value)
    except ValueError:
        return None


def _contains(whole: Any, part: Any) -> bool | None:
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


def kleene(decisive: bool, left: Any, right: Any) -> bool | None:
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

    def run(first: Any, second: Any) -> bool | None:
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
