"""The matrix of a step that redacts: whether its fields, detectors and destinations are there; where its values go."""

from collections.abc import Iterator
from typing import Any

from ..model import families
from ..model.detectors import DETECTORS
from ..model.redaction import ACTIONS, rooted
from ..system.errors import near_miss
from ..system.typed import TomlTable, Values
from .facts import Facts
from .source import SourceFile

Row = dict[str, str]  # the action for each kind of destination, "*" for the others


def validate(facts: Facts, source: SourceFile, compiled: TomlTable, declared: list[TomlTable] | None) -> None:
    """Report what the matrices of a pipeline name and is not there, and destinations that they leave open."""
    used = [data["use"] for data in compiled["destinations"] if data]
    for index, data in enumerate(compiled["steps"]):
        if not data or not families.member("steps", data["use"]).redacts:
            continue
        for key in ("fields", "detect"):
            for name, row in data.get(key, {}).items():
                words = _field_problem(facts, name, declared) if key == "fields" else _detector_problem(name)
                if words := words or _open_problem(name, row, used):
                    source.report(("steps", index, key, name), words)


def _detector_problem(name: str) -> str | None:
    if name in DETECTORS or name == "*":
        return None
    known = near_miss(name, DETECTORS) or f': there are {", ".join(DETECTORS)}, and "*" for all'
    return f'unknown detector "{name}"{known}'


def _open_problem(name: str, row: Row, used: list[str]) -> str | None:
    unnamed = [kind for kind in dict.fromkeys(used) if kind not in row and "*" not in row]
    if not unnamed:
        return None
    return f'{name}: says nothing of {" and ".join(unnamed)}: add {unnamed[0]} = "mask", or "*" for the others'


def _field_problem(facts: Facts, name: str, declared: list[TomlTable] | None) -> str | None:
    root, path = rooted(name)
    if not all(path):
        return f'"{name}" is neither a name nor a path of names'
    if root == "entity" and facts.kinds_are_known and path[0] not in facts.kinds:
        full = [".".join(["entity", kind, *path[1:]]) for kind in facts.kinds]
        return f'"{name}": there is no [entities.{path[0]}]{near_miss(name, full)}'
    if root != "payload" or declared is None:
        return None
    types: dict[str, list[str]] = {}
    for declaration in declared:
        for field, type_, *_ in declaration["fields"]:
            types.setdefault(field, []).append(type_)
    first, *inside = path
    if first not in types:
        where = " or ".join(sorted(declaration["file"] for declaration in declared))
        near = near_miss(name, [".".join([field, *inside]) for field in types]) or f": there are {', '.join(types)}"
        return f'"{name}": {where} declares no such field{near}'
    if inside and not {"object", "array"} & set(types[first]):
        return f'"{name}": {first} is of type {" or ".join(dict.fromkeys(types[first]))}, with nothing inside'
    return None


# Where values go -------------------------------------------------------------------------------------------


def spread(pipelines: list[TomlTable]) -> None:
    """Give each trait that a step makes of a redacted field what becomes of that field.

    An entity keeps what an earlier event told of it: by its value alone it would not be known again.
    """
    written = [
        (pipeline["steps"], kind, traits)
        for pipeline in pipelines
        for data in pipeline["steps"]
        for kind, traits in families.writes(data).items()
    ]
    for pipeline in pipelines:
        for data in pipeline["steps"]:
            if fields := families.redacted(data):
                for steps, kind, traits in written:
                    _spread(fields, steps, kind, traits)


def _spread(fields: dict[str, Row], steps: list[Any], kind: str, traits: Values) -> None:
    for trait, value in traits.items():
        rows = list(_rows_of(fields, steps, value))
        if rows:
            fields.setdefault(f"entity.{kind}.{trait}", _strictest(rows))


def _rows_of(fields: dict[str, Row], steps: list[Any], value: object) -> Iterator[Row]:
    """Yield the rows of the fields that something with templates in it is made of."""
    yield from _rows_of_refs(fields, steps, families.refs_in(value))


def _rows_of_refs(fields: dict[str, Row], steps: list[Any], paths: list[list[str]]) -> Iterator[Row]:
    known = [(*rooted(name), row) for name, row in fields.items()]
    for path in paths:
        root, inside = rooted(".".join(path))
        if root == "body" or path == ["body"]:
            # Maybe the payload as it was, maybe anything that a step made of it.
            yield from _rows_at(known, "body", inside)
            yield from _rows_at(known, "payload", path[1:])
            for data in steps:
                yield from _rows_of_refs(fields, [], families.body_refs(data) or [])
        else:
            yield from _rows_at(known, root, [] if path in (["event"], ["event", "payload"]) else inside)


def _rows_at(known: list[tuple[str, list[str], Row]], root: str, path: list[str]) -> Iterator[Row]:
    """Yield the rows of the fields at a path, above it or below it."""
    for other, inside, row in known:
        short = min(len(path), len(inside))
        if other == root and inside[:short] == path[:short]:
            yield row


def _strictest(rows: list[Row]) -> Row:
    kinds = dict.fromkeys(kind for row in rows for kind in row)
    return {kind: max((row.get(kind) or row.get("*") or "mask" for row in rows), key=ACTIONS.index) for kind in kinds}
