"""Every key of every file, read from the JSON Schemas that editors have."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from ..model import families
from ..model.documents.reference import TopicKind
from ..project.jsonschema import schema_of
from ..system.typed import Schema
from .topics import Topic

_FILES = {"project": "ingestlayer.toml", "event": "events/TYPE.toml", "pipeline": "pipelines/NAME.toml"}
_PLACEHOLDERS = {"entities": "KIND"}  # of tables that the user names; the others are NAME
_FAMILIES: dict[str, TopicKind] = {"steps": "step", "destinations": "destination"}
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "table",
}


def topics() -> Iterator[Topic]:
    """Yield the files, and all that is below them."""
    for kind, file in _FILES.items():
        whole = schema_of(kind)
        walk = _Walk(whole, file)
        first = "" if kind == "project" else kind
        found = list(walk.keys(whole, first, file))
        yield Topic(file, "file", file, whole["description"], keys=_names(found, first))
        yield from found


class _Walk:
    """A way through the schema of a file."""

    def __init__(self, whole: Schema, file: str) -> None:
        self._whole = whole
        self._file = file

    def keys(self, table: Schema, name: str, where: str) -> Iterator[Topic]:
        """Yield the keys of a table, each with what is below it."""
        for key, schema in table["properties"].items():
            full = f"{name}.{key}" if name else key
            inner, placeholder = self._table_in(schema)
            if full in ("pipeline.steps", "pipeline.destinations"):
                yield self._key(table, name, where, key)
                yield from self._members(key)
            elif inner is not None:
                named = f"{full}.{placeholder or _PLACEHOLDERS.get(key, 'NAME')}" if placeholder != "" else full
                yield from self._table(inner, named, self._title(named, key, where, schema))
            else:
                yield self._key(table, name, where, key)

    def _table(self, table: Schema, name: str, title: str, kind: TopicKind = "table") -> Iterator[Topic]:
        found = list(self.keys(table, name, title))
        yield Topic(name, kind, title, table["description"], type="table", keys=_names(found, name))
        yield from found

    def _members(self, family: str) -> Iterator[Topic]:
        for member in families.kinds(family):
            table = self._whole["$defs"][f"{family}.{member}"]
            kind = _FAMILIES[family]
            yield from self._table(table, f"{family}.{member}", f"the {kind} {member}", kind)

    def _title(self, name: str, key: str, where: str, schema: Schema) -> str:
        if self._file == "ingestlayer.toml":
            return f"[{name}]"
        if where != self._file:
            return f"{key} of {where}"
        written = f"[[{key}]]" if schema.get("type") == "array" else f"[{name.partition('.')[2]}]"
        return f"{written} of {self._file}"

    def _key(self, table: Schema, name: str, where: str, key: str) -> Topic:
        schema = table["properties"][key]
        meaning, _, form = schema.get("description", "").partition("\n\n")
        return Topic(
            f"{name}.{key}" if name else key,
            "key",
            f"{key} of {where}",
            meaning,
            type=self._type(schema, form),
            default=None if (default := schema.get("default")) in ("", [], {}) else default,
            required=key in table.get("required", ()),
            example=_example(table, key),
        )

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            found: Any = self._whole
            for part in schema["$ref"].split("/")[1:]:
                found = found[part]
            schema = found
        return schema

    def _table_in(self, schema: Schema) -> tuple[Schema | None, str | None]:
        """Return the table that a key is, or has under names; with these, the name's placeholder, None for any."""
        schema = self._resolved(schema)
        named = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        for inner, placeholder in [(schema, ""), (schema.get("items"), ""), *((each, None) for each in named)]:
            for option in (inner, *inner.get("anyOf", ())) if isinstance(inner, dict) else ():
                table = self._resolved(option)
                if "properties" in table:
                    return {"description": inner.get("description", ""), **table}, placeholder
        return None, ""

    def _type(self, schema: Schema, form: str = "") -> str:
        schema = self._resolved(schema)
        if "const" in schema:
            return written(schema["const"])
        if "enum" in schema:
            return " or ".join(map(written, schema["enum"]))
        if form:
            return form[0].lower() + form[1:]
        if "oneOf" in schema:
            return "table"
        if "anyOf" in schema:
            return " or ".join(dict.fromkeys(self._type(option) for option in schema["anyOf"]))
        inner = next(
            (it for it in (schema.get("items"), schema.get("additionalProperties")) if isinstance(it, dict) and it),
            None,
        )
        kinds = schema.get("type", [*_TYPES])
        said = " or ".join(_TYPES[kind] for kind in (kinds if isinstance(kinds, list) else [kinds]))
        if inner is not None:
            said += f" of: {self._type(inner, inner.get('description', ''))}"
        least, most = schema.get("minimum"), schema.get("maximum")
        return said + (f" from {least}" if least is not None else "") + (f" to {most}" if most is not None else "")


def _names(found: list[Topic], name: str) -> tuple[str, ...]:
    """Return the names of those topics that are immediately below one."""
    below = [topic.name for topic in found if topic.kind in ("key", "table")]
    start = f"{name}." if name else ""
    return tuple(it for it in below if not any(it.startswith(f"{other}.") for other in below) and it.startswith(start))


def blocks(text: str) -> list[str]:
    """Return the examples of a reference: its indented lines, one table of a kind in each."""
    return re.findall(r"(?:^    .*\n?)+", text, re.MULTILINE)


def _example(table: Schema, key: str) -> str | None:
    """Return a line that sets a key: from the examples of its table, else one made of what the schema says of it."""
    schema = table["properties"][key]
    for block in blocks(table.get("description", "")):
        found = _set_in(tomllib.loads(block), table["properties"].keys(), key)
        if found is not None:
            return f"{key} = {written(found)}"
    given = [*schema.get("examples", ()), *schema.get("enum", ())]
    given += [schema[name] for name in ("const", "default") if schema.get(name) not in (None, "", [], {})]
    given += [True] if schema.get("type") == "boolean" else []
    return f"{key} = {written(given[0])}" if given else None


def _set_in(data: Any, names: Any, key: str) -> Any:
    """Return what a key has in the outermost table of an example that may be of its kind."""
    if isinstance(data, dict):
        if key in data and data.keys() - {"use"} <= set(names):
            return data[key]
        data = list(data.values())
    inside = (_set_in(item, names, key) for item in data) if isinstance(data, list) else ()
    return next((found for found in inside if found is not None), None)


def written(value: object) -> str:
    """Write a value as a file has it, in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        names = [name if re.fullmatch(r"[\w-]+", name, re.ASCII) else written(name) for name in value]
        return f"{{ {', '.join(f'{name} = {written(it)}' for name, it in zip(names, value.values(), strict=True))} }}"
    return f"[{', '.join(map(written, value))}]" if isinstance(value, list) else str(value)
