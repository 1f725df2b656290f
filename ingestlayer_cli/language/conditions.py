"""Conditions: whether one holds, and why, with the values put in: `used/limit = 9700/10000 = 0.97 < 1`."""

from collections.abc import Callable, Iterator

from ..system.typed import Any
from .expressions import COMPARISONS, Node, Scope, dotted, evaluator, getter, kleene, refs, to_number, truth
from .templates import as_text

REDACTED = "[redacted]"  # in words, in place of a value that they may not tell

# What a node came to, and the words for it.
Judge = Callable[[Scope], tuple[Any, str]]
_GAP = "\0"  # where the value of a ref goes

Words = Callable[[Scope, Any, bool], str]

_PRECEDENCE = {"or": 1, "and": 2, "not": 3, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "neg": 7}
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_NEGATED |= {"in": "not in", "contains": "does not contain"}


class Condition:
    """A compiled condition."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._judge = _judge(node)

    def holds(self, scope: Scope) -> bool:
        """Return whether it holds; one that ends null does not."""
        return bool(self._judge(scope)[0])

    def judge(self, scope: Scope) -> tuple[bool, str]:
        """Return whether it holds, and why: the relation as it is, and which refs were null."""
        value, words = self._judge(scope)
        if value is not None:
            return bool(value), words
        nulls = list(dict.fromkeys("$" + dotted(path) for path in refs(self.node) if getter(path)(scope) is None))
        if not nulls:
            return False, f"{words}: null (no number, or a division by zero)"
        return False, f"{words}: {' and '.join(nulls)} {'is' if len(nulls) == 1 else 'are'} null"


class Value:
    """A compiled expression that stands for a number."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._run, self._words = evaluator(node), _side(node)

    def of(self, scope: Scope) -> tuple[int | float | None, str]:
        """Return the number, null for what is none, and how it came about: `used/limit = 9700/10000 = 0.97`."""
        value = self._run(scope)
        return to_number(value), self._words(scope, value, False)


def divisors(node: Node) -> Iterator[Node]:
    """Yield what an expression divides by, where that has refs: its limits."""
    if node[0] == "/" and refs(node[2]):
        yield node[2]
    for child in node[1:] if node[0] not in ("lit", "ref", "list") else ():
        yield from divisors(child)


def hides(node: Node, scope: Scope, told: Scope) -> bool:
    """Say whether what may be told of a node's values differs from what they are."""
    return any(getter(path)(scope) != getter(path)(told) for path in refs(node))


def _judge(node: Node) -> Judge:
    kind = node[0]
    if kind in ("and", "or"):
        return _judge_both(node)
    if kind == "not":
        inner = _judge(node[1])
        return lambda scope: _negated(*inner(scope))
    if kind in COMPARISONS:
        return _judge_comparison(node)
    value, words = evaluator(node), _side(node)
    return lambda scope: (found := value(scope), words(scope, found, False))


def _negated(value: object, words: str) -> tuple[bool | None, str]:
    held = truth(value)
    return None if held is None else not held, f"not ({words})"


def _judge_both(node: Node) -> Judge:
    kind, left, right = node[0], _judge(node[1]), _judge(node[2])
    # `or` binds less than `and`
    form = " ".join(["({})" if kind == "and" and side[0] == "or" else "{}" for side in node[1:]])
    form = form.replace(" ", f" {kind} ")

    def run(scope: Scope) -> tuple[bool | None, str]:
        (first, why), (second, also) = left(scope), right(scope)
        return kleene(kind == "or", first, second), form.format(why, also)

    return run


def _judge_comparison(node: Node) -> Judge:
    kind, compare = node[0], COMPARISONS[node[0]]
    left, right = evaluator(node[1]), evaluator(node[2])
    left_words, right_words = _side(node[1]), _side(node[2], mirrored=True)

    def run(scope: Scope) -> tuple[bool | None, str]:
        first, second = left(scope), right(scope)
        held = compare(first, second)
        relation = _NEGATED[kind] if held is False else kind
        # `0.9999999 < 1` must not read `1 < 1`
        exact = (type(first) is float or type(second) is float) and _misleads(kind, first, second, held)
        return held, f"{left_words(scope, first, exact)} {relation} {right_words(scope, second, exact)}"

    return run


def _misleads(kind: str, first: object, second: object, held: bool | None) -> bool:
    """Say whether two numbers, as `show` rounds them, would stand in another relation than they do."""
    a, b = to_number(first), to_number(second)
    if a is None or b is None or abs(a - b) > 1e-4 * (abs(a) + abs(b)):
        return False  # no numbers, or six digits tell them apart
    shown = [to_number(show(value) if type(value) is float else value) for value in (first, second)]
    return COMPARISONS[kind](*shown) is not held


def _side(node: Node, mirrored: bool = False) -> Words:
    """Explain one side: `used/limit = 10250/10000 = 1.025`; the right side reads the other way round."""
    words = source(node)
    if not refs(node):
        return lambda scope, value, exact: words
    words = words.replace("%", "%%")
    if node[0] == "ref":
        form = f"%s = {words}" if mirrored else f"{words} = %s"
        return lambda scope, value, exact: form % show(value, exact)
    values = [getter(path) for path in refs(node)]
    inside = _written(node, lambda path: _GAP).replace("%", "%%").replace(_GAP, "%s")
    if mirrored:
        form = f"%s = {inside} = {words}"
        return lambda scope, value, exact: form % (show(value, exact), *[show(get(scope), exact) for get in values])
    form = f"{words} = {inside} = %s"
    if len(values) == 2:  # the usual case
        first, second = values
        return lambda scope, value, exact: (
            form % (show(first(scope), exact), show(second(scope), exact), show(value, exact))
        )
    return lambda scope, value, exact: form % (*[show(get(scope), exact) for get in values], show(value, exact))


def source(node: Node) -> str:
    """Write a node as an expression again; fields of the event by their bare names, as people read them."""
    return _written(node, _bare)


def _bare(path: list[str]) -> str:
    return dotted(path[1:] if path[0] in ("event", "row") and path[1:] else path)


def _written(node: Node, ref: Callable[[list[str]], str]) -> str:
    kind = node[0]
    if kind == "lit":
        return show(node[1])
    if kind == "ref":
        return ref(node[1])
    if kind == "list":
        return "[" + ", ".join(_written(item, ref) for item in node[1]) + "]"
    sides = [_written(side, ref) for side in node[1:]]
    level = _PRECEDENCE.get(kind, 4)
    for index, side in enumerate(node[1:]):
        inner = 8 if side[0] in ("lit", "ref", "list") else _PRECEDENCE.get(side[0], 4)
        if inner < level or (inner == level and (index == 1 or level == 4)):
            sides[index] = f"({sides[index]})"
    if kind in ("not", "neg"):
        return ("not " if kind == "not" else "-") + sides[0]
    return sides[0] + (kind if kind in "*/%" else f" {kind} ") + sides[1]


def show(value: Any, exact: bool = False) -> str:
    """Show a value in an explanation: texts in quotes, lists as JSON, floats in six digits unless `exact`; cut."""
    kind = type(value)
    if kind is int:
        return str(value)
    if kind is float:
        if exact:
            return repr(value)
        return f"{value:.0f}" if 1e6 <= abs(value) < 1e15 else f"{value:.6g}"
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    text = as_text(value)
    text = text if len(text) <= 60 else text[:59] + "…"
    return repr(text) if isinstance(value, str) else text
