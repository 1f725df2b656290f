"""The package @ingestlayer/sdk: a client for TypeScript and JavaScript that depends on nothing but `fetch`.

ES module and CommonJS are one text with two last lines.
"""

import json
import re
from collections.abc import Iterator

from ..model.declarations import Declaration, Field
from ..project import Project
from .templates import filled

_EXPORT = re.compile(r"^export (\{[^}]*\});$", re.MULTILINE)
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
_TYPES = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "date": "string",
    "datetime": "Moment",
    "object": "JsonObject",
    "array": "readonly unknown[]",
}
_NOTES = {"integer": "A whole number.", "date": 'A date like "2026-11-03".'}

_DECLARED = """\
export type EventType = keyof Events;
export type Payload<T extends EventType> = Events[T];"""
# Where undeclared events are accepted, too: those that are declared are as strict as ever.
_UNDECLARED = """\
export type EventType = keyof Events | (string & {});
export type Payload<T extends EventType> = T extends keyof Events ? Events[T] : JsonObject;"""
_BATCH = """
export type BatchEvent<T extends EventType = EventType> = T extends EventType
  ? { type: T; payload: Payload<T> } & EventOptions
  : never;
export type BatchEvents<T extends readonly EventType[]> = { [I in keyof T]: BatchEvent<T[I]> };"""


def files(project: Project) -> dict[str, str]:
    """Return the files of the package, by their names."""
    declarations = [found for type_ in sorted(project.types) if (found := project.declaration(type_))]
    timed = [declaration.type for declaration in declarations if declaration.key_reads_time]
    module = filled("typescript", "client.js", KEYED_BY_TIME=_literal(timed))
    types = filled(
        "typescript",
        "client.d.ts",
        EVENTS=_events(declarations),
        TYPES=(_UNDECLARED if project.accepts_undeclared else _DECLARED) + _BATCH,
    )
    return {
        "package.json": filled("typescript", "package.json"),
        "README.md": filled("typescript", "README.md"),
        "index.js": module,
        "index.cjs": _EXPORT.sub(r"module.exports = \1;", module),
        "index.d.ts": types,
        "index.d.cts": types,
    }


def _events(declarations: list[Declaration]) -> str:
    return "\n".join(["export interface Events {", *(line for it in declarations for line in _event(it)), "}"])


def _event(declaration: Declaration) -> Iterator[str]:
    yield from _comment(declaration.description, "  ")
    yield f"  {_literal(declaration.type)}: {{"
    for field in declaration.fields.values():
        yield from _comment(" ".join(filter(None, (field.description, _note(field)))), "    ")
        yield f"    {_name(field.name)}{_type(field)};"
    yield "  };"


def _note(field: Field) -> str:
    if field.max_length is not None:
        return f"At most {field.max_length:,} characters."
    return "" if field.values is not None else _NOTES.get(field.type, "")


def _type(field: Field) -> str:
    kind = _TYPES[field.type] if field.values is None else " | ".join(map(_literal, field.values))
    return f"?: {kind} | null | undefined" if field.optional else f": {kind}"


def _name(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else _literal(name)


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _comment(text: str, indent: str) -> Iterator[str]:
    """Yield a text as a doc comment, which no text can end."""
    lines = [line.rstrip() for line in text.strip().replace("*/", "*\\/").splitlines()]
    if len(lines) == 1:
        yield f"{indent}/** {lines[0]} */"
    elif lines:
        yield f"{indent}/**"
        yield from (f"{indent} * {line}".rstrip() for line in lines)
        yield f"{indent} */"
