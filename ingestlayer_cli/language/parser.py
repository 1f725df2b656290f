"""The parser of expressions and templates: texts of project files become plain data. What only runs never loads it."""

import re
from collections.abc import Callable, Iterable

from ..system.patterns import lazy
from ..system.typed import Any
from .expressions import ROOTS, Node, dotted, to_number
from .templates import FILTERS, Part

Own = Callable[[], Iterable[str]]  # the roots of their own that steps put; asked for a root that is not of `ROOTS`

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
_SPACE = lazy(r"\s*", re.ASCII)
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
_REF = lazy(rf"\$[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*{SUBSCRIPTS}", re.ASCII | re.DOTALL)


class ExpressionError(ValueError):
    """What is wrong with an expression or template, and at which character of it (0-based)."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


# Expressions ----------------------------------------------------------------------------------------------


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
        full = [dotted(["$" + root, *path[1:]]) for root in (*roots, *ROOTS[4:])]
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


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1], flags=re.DOTALL)


# Templates ------------------------------------------------------------------------------------------------


def parse_template(text: str, own: Own = tuple) -> list[Part]:
    """Parse a template into its parts; ExpressionError with the position otherwise."""
    parts: list[Part] = []
    literal, at = "", 0
    while (dollar := text.find("$", at)) >= 0:
        literal += text[at:dollar]
        if text.startswith("$$", dollar):
            literal, at = literal + "$", dollar + 2
            continue
        hole, at = _hole(text, dollar, own)
        if hole is None:
            literal += "$"
            continue
        if literal:
            parts.append(literal)
        parts.append(hole)
        literal = ""
    literal += text[at:]
    return [*parts, literal] if literal else parts


def _hole(text: str, dollar: int, own: Own) -> tuple[Part | None, int]:
    """Read what a dollar sign starts; a sign before anything else (`$5`) is itself."""
    if text.startswith("${", dollar):
        return _expression(text, dollar + 2, own)
    match = _REF.match(text, dollar)
    if match is None:
        return None, dollar + 1
    try:
        path = ref_path(match[0], dollar, own=own)
    except ExpressionError as error:
        raise ExpressionError(f"{error.message}; a dollar sign itself is $$", dollar) from None
    return {"node": ["ref", path], "filters": []}, match.end()


def _expression(text: str, start: int, own: Own) -> tuple[Part, int]:
    parser = Parser(text, start, bare=True, own=own)
    node = parser.expression()
    filters: list[list[Any]] = []
    while parser.take("|"):
        filters.append(_filter(parser))
    if parser.kind != "op" or parser.value != "}":
        raise parser.error("'|' or '}'")
    return {"node": node, "filters": filters}, parser.at


def _filter(parser: Parser) -> list[Any]:
    name, start = parser.value, parser.start
    if parser.kind != "name":
        raise parser.error("the name of a filter")
    if name not in FILTERS:
        from ..system.errors import near_miss

        known = near_miss(name, FILTERS) or f": there are {', '.join(FILTERS)}"
        raise ExpressionError(f"unknown filter {name}{known}", start)
    parser.advance()
    arguments = _arguments(parser) if parser.take("(") else []
    kinds = FILTERS[name][1]
    fits = len(arguments) == len(kinds) and all(type(a) in kind for a, kind in zip(arguments, kinds, strict=True))
    if not fits:
        usage = {"truncate": "truncate(20)", "default": "default('none')"}.get(name, name)
        raise ExpressionError(f"the filter is written {usage}", start)
    return [name, arguments]


def _arguments(parser: Parser) -> list[Any]:
    found: list[Any] = []
    while not parser.take(")"):
        if found:
            parser.expect(",", "',' or ')'")
        kind, node = parser.kind, parser.atom()
        if kind not in ("number", "string") and node[0] != "lit":
            raise parser.error("a number or a text")
        found.append(node[1])
    return found
