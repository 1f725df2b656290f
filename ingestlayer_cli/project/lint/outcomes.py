"""What conditions can come to, as far as the declarations tell. Whatever is not certain counts as possible.

A ref has either a list of all the values that it may have, or an `Unknown` that tells what these could be. Each
comparison with an unknown in it may be true, false or null, but the same in every condition that it stands in.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple

from ...language.expressions import COMPARISONS, Node, evaluator, kleene, moment, refs, to_number, truth
from ...model import families
from ...model.declarations import Field
from ...model.events import HEAD
from ...system.typed import TomlTable, Values

MAX_CASES = 3_000  # looked at one by one; where there are more, less is told apart


class UnknownValue(NamedTuple):
    """A value that is not known: whether it may be a number, and a date or time. It may always be null."""

    number: bool
    moment: bool


ANY, NUMBER, MOMENT, OTHER = (
    UnknownValue(True, True),
    UnknownValue(True, False),
    UnknownValue(False, True),
    UnknownValue(False, False),
)
_OF_TYPE = {"number": NUMBER, "integer": NUMBER, "date": MOMENT, "datetime": MOMENT, "object": OTHER, "array": OTHER}

# The values that the ref with this path may have.
Domain = Callable[[list[str]], "list[Any] | UnknownValue"]


# What the roots of steps' own may have, by root and name.
Own = Mapping[str, Mapping[str, list[Any] | UnknownValue]]


def domain_of(declaration: TomlTable | None, own: Own = MappingProxyType({})) -> Domain:
    """Return what the refs may be for events of a compiled declaration; None stands for undeclared events.

    `own` is what the pipeline's steps put.
    """
    fields = {row[0]: Field(*row) for row in declaration["fields"]} if declaration else {}

    def domain(path: list[str]) -> list[Any] | UnknownValue:
        names = path[2:] if path[1:2] == ["payload"] else path[1:]
        if path[0] in own and path[1:]:
            return own[path[0]].get(path[1], ANY)
        if path[0] != "event":
            return ANY
        if not names:
            return OTHER
        if path[1] in HEAD:
            return [declaration["type"]] if declaration and path[1:] == ["type"] else ANY
        if declaration is None:
            return ANY
        field = fields.get(names[0])
        return [None] if field is None else _values(field, len(names) > 1)

    return domain


def own_of(steps: list[TomlTable]) -> Own:
    """Return what the steps of a pipeline put under roots of their own."""
    found: dict[str, dict[str, list[Any] | UnknownValue]] = {}
    for step in steps:
        cls = families.member("steps", step["use"])
        listed = cls.lists(step)
        for root, types in cls.puts.items():
            names = found.setdefault(root, {})
            for name, type_ in types.items():
                values = names.get(name, [None])
                is_listed = name in listed and isinstance(values, list)
                names[name] = [*listed[name], *values] if is_listed else _OF_TYPE.get(type_, ANY)
    return found


def _values(field: Field, inside: bool) -> list[Any] | UnknownValue:
    null = [None] if field.optional else []
    if inside:
        return ANY if field.type == "object" else [None]
    if field.values is not None:
        return [*field.values, *null]
    return [True, False, *null] if field.type == "boolean" else _OF_TYPE.get(field.type, ANY)


def outcomes(nodes: list[Node], domain: Domain) -> Iterator[list[Any]]:
    """Yield what the nodes may come to together, case by case; an `Unknown` among it may be anything."""
    values = {tuple(path): domain(path) for node in nodes for path in refs(node)}
    listed = {path: found for path, found in values.items() if not isinstance(found, UnknownValue)}
    known: dict[tuple[str, ...], Any] = {
        path: found for path, found in values.items() if isinstance(found, UnknownValue)
    }
    atoms = list(dict.fromkeys(key for node in nodes for key in _atoms(node, known)))
    while listed and _count(listed) > MAX_CASES:
        known[max(listed, key=lambda path: len(listed[path]))] = ANY
        listed = {path: found for path, found in listed.items() if path not in known}
    if _count(listed) * 3 ** len(atoms) > MAX_CASES:
        atoms = []
    for case in product(*listed.values()):
        known.update(zip(listed, case, strict=True))
        for truths in product((True, False, None), repeat=len(atoms)):
            held = dict(zip(atoms, truths, strict=True))
            yield [_value(node, known, held) for node in nodes]


def can_hold(nodes: list[Node], domain: Domain) -> bool:
    """Say whether all of the conditions may hold for one event."""
    return any(
        all(isinstance(value, UnknownValue) or truth(value) for value in values) for values in outcomes(nodes, domain)
    )


def is_always_null(node: Node, domain: Domain) -> bool:
    """Say whether a node comes to null whatever the event is."""
    return all(values == [None] for values in outcomes([node], domain))


def values_of(path: list[str], domains: list[Domain]) -> list[Any]:
    """Return the values that a ref may have in any of the domains, null left out; none when they are not known."""
    found = [domain(path) for domain in domains]
    if any(isinstance(values, UnknownValue) for values in found):
        return []
    return [value for values in found if not isinstance(values, UnknownValue) for value in values if value is not None]


def _count(listed: dict[tuple[str, ...], list[Any]]) -> int:
    count = 1
    for found in listed.values():
        count *= len(found)
    return count


def _atoms(node: Node, known: dict[tuple[str, ...], Any]) -> Iterator[str]:
    kind = node[0]
    if kind in COMPARISONS:
        if any(tuple(path) in known for path in refs(node)):
            yield _atom(node)[0]
    elif kind not in ("lit", "ref"):
        for child in node[1] if kind == "list" else node[1:]:
            yield from _atoms(child, known)


def _atom(node: Node) -> tuple[str, bool]:
    """Return the comparison that a comparison comes down to, as text, and whether it is the negation of it."""
    kind, left, right = node
    if kind in (">", "<="):
        left, right = right, left
    elif kind in ("==", "!="):
        left, right = sorted((left, right), key=json.dumps)
    elif kind == "contains":
        left, right = right, left
    name = {">": "<", ">=": "<", "<=": "<", "!=": "==", "contains": "in"}.get(kind, kind)
    return json.dumps([name, left, right]), kind in (">=", "<=", "!=")


def _value(node: Node, known: dict[tuple[str, ...], Any], held: Values) -> Any:
    kind = node[0]
    if kind == "lit":
        return node[1]
    if kind == "ref":
        return known[tuple(node[1])]
    if kind == "list":
        items = [_value(item, known, held) for item in node[1]]
        return OTHER if any(isinstance(item, UnknownValue) for item in items) else items
    left = _value(node[1], known, held)
    if kind == "not":
        return ANY if isinstance(left, UnknownValue) else None if left is None else not left
    if kind == "neg":
        return NUMBER if isinstance(left, UnknownValue) and left.number else evaluator(["neg", _known(left)])({})
    right = _value(node[2], known, held)
    if not (isinstance(left, UnknownValue) or isinstance(right, UnknownValue)):
        return evaluator([kind, ["lit", left], ["lit", right]])({})
    if kind in ("and", "or"):
        decisive = kind == "or"
        sides = [truth(side) for side in (left, right) if not isinstance(side, UnknownValue)]
        return kleene(decisive, *sides, *sides) if sides == [decisive] else ANY
    if kind in COMPARISONS:
        return _comparison(node, left, right, held)
    is_zero = kind in "/%" and not isinstance(right, UnknownValue) and to_number(right) == 0
    return NUMBER if _is_number(left) and _is_number(right) and not is_zero else None


def _comparison(node: Node, left: object, right: object, held: Values) -> Any:
    kind = node[0]
    if kind in ("<", "<=", ">", ">=") and not (
        (_is_number(left) and _is_number(right)) or (_is_moment(left) and _is_moment(right))
    ):
        return None
    if kind in ("in", "contains"):
        whole = right if kind == "in" else left
        if whole == []:
            return False
        if not isinstance(whole, str | list | dict | UnknownValue):
            return None
    key, negated = _atom(node)
    if key not in held:
        return ANY
    return None if held[key] is None else held[key] is not negated


def _known(value: object) -> Node:
    return ["lit", None if isinstance(value, UnknownValue) else value]


def _is_number(value: object) -> bool:
    return value.number if isinstance(value, UnknownValue) else to_number(value) is not None


def _is_moment(value: object) -> bool:
    return value.moment if isinstance(value, UnknownValue) else moment(value) is not None
