"""The JSON Schema (draft 2020-12) of the payloads that a declaration admits: what clients in any language are made of.

As strict as the gate, but for what a schema cannot say: a field that is optional may also be null.
"""

from ..system.typed import Schema
from .declarations import Declaration, Field

_TYPES: dict[str, Schema] = {
    "string": {"type": "string"},
    "number": {"type": "number", "format": "double"},  # a client that is made of it would take fewer bits
    "integer": {"type": "integer", "format": "int64"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "object": {"type": "object"},
    "array": {"type": "array"},
}


def payload_schema(declaration: Declaration) -> Schema:
    """Return the schema of a declared event's payload; it has its example, where there is one."""
    schema: Schema = {"type": "object"}
    if declaration.description:
        schema["description"] = declaration.description
    schema["properties"] = {name: _property(field) for name, field in declaration.fields.items()}
    if required := [name for name, field in declaration.fields.items() if not field.optional]:
        schema["required"] = required
    schema["additionalProperties"] = False
    if declaration.example is not None:
        schema["examples"] = [declaration.example]
    return schema


def _property(field: Field) -> Schema:
    if field.values is None:
        schema = dict(_TYPES[field.type])
        if field.optional:
            schema["type"] = [schema["type"], "null"]
    else:
        schema = {"enum": [*field.values, None] if field.optional else [*field.values]}
    if field.max_length is not None:
        schema["maxLength"] = field.max_length
    return schema | ({"description": field.description} if field.description else {})
