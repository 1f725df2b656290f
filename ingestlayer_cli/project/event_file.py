"""What may stand in `events/TYPE.toml`. Loaded only when a file has changed."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationError, WithJsonSchema

from ..model.declarations import TYPES
from ..system.clock import DAY
from ..system.errors import as_written, near_miss
from .models import Strict
from .values import Duration, EventType, Prose, problem


class _FieldTable(Strict):
    type: str | None = None
    enum: Annotated[list[str | int | float], Field(min_length=1)] | None = None
    optional: bool = False
    description: str = ""
    max_length: Annotated[int, Field(ge=1)] | None = None


_FIELD_KEYS = {
    "type": 'a type like "string" or "number?"',
    "enum": "a list of texts or numbers",
    "optional": "true or false",
    "description": "a text",
    "max_length": "a whole number from 1",
}


_FIELD_TYPES = {"type": "string", "enum": [name + mark for name in TYPES for mark in ("", "?")]}
_FIELD_SCHEMA = {
    "description": """A type, "…?" is optional; or a table with enum, optional, description, max_length.

    customer_id = "string"
    plan = { type = "string", optional = true, description = "What they pay for.", max_length = 40 }
    metric = { enum = ["seats", "api-calls"] }
""",
    "anyOf": [
        _FIELD_TYPES,
        {
            "type": "object",
            "additionalProperties": False,
            "anyOf": [{"required": ["type"]}, {"required": ["enum"]}],
            "properties": {
                "type": {**_FIELD_TYPES, "description": "What its value is."},
                "enum": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": ["string", "number"]},
                    "description": "The values that it may have.",
                    "examples": [["seats", "api-calls"]],
                },
                "optional": {"type": "boolean", "default": False, "description": 'Whether it may be missing: "…?".'},
                "description": {
                    "type": "string",
                    "default": "",
                    "description": "What it is, for the help of `emit` and for the clients of `sdk`.",
                    "examples": ["Whom it is about."],
                },
                "max_length": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "Of a text: characters at most.",
                    "examples": [64],
                },
            },
        },
    ],
}


def _field(value: object) -> list[Any]:
    """Read `"string?"` or `{ enum = […] }` into [type, optional, enum values, description, max length]."""
    if isinstance(value, str):
        return [_field_type(value.removesuffix("?")), value.endswith("?"), None, "", None]
    if not isinstance(value, dict):
        raise problem(f'must be a type like "string" or "number?", or {{ enum = […] }}, not {as_written(value)}', 0)
    try:
        table = _FieldTable.model_validate(value)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        if name not in _FIELD_KEYS:
            near = near_miss(name, _FIELD_KEYS) or f": there are {', '.join(_FIELD_KEYS)}"
            raise problem(f'unknown key "{name}"{near}') from None
        raise problem(f"{name} must be {_FIELD_KEYS[name]}, not {as_written(value[name])}") from None
    if table.type is None and table.enum is None:
        raise problem('needs `type = "…"` or `enum = […]`')
    kind = None if table.type is None else _field_type(table.type.removesuffix("?"))
    optional = table.optional or (table.type or "").endswith("?")
    if table.max_length is not None and (table.enum or kind != "string"):
        raise problem('max_length is of a field with type = "string" and without an enum')
    for item in table.enum or []:
        if kind and not TYPES[kind].fits(item):
            raise problem(f"enum: {as_written(item)} is not {TYPES[kind].words}, as `type` says")
    texts = all(isinstance(item, str) for item in table.enum or [])
    return [kind or ("string" if texts else "number"), optional, table.enum, table.description, table.max_length]


def _field_type(name: str) -> str:
    if name not in TYPES:
        raise problem(f'unknown type "{name}"{near_miss(name, TYPES)}: there are {", ".join(TYPES)}', 0)
    return name


class IdempotencyTable(Strict):
    """Which events are one.

    Of those with one key within a window the first counts, the others are duplicates, of which nothing is sent.

        [idempotency]
        key = "$event.customer_id:$event.metric:${event.received_at | month}"
        window = "31d"
        on_difference = "accept"
    """

    key: Prose | None = Field(default=None, description="The key of an event whose sender gives none.")
    window: Duration = Field(default=DAY, description="For how long a key is taken, by the clock of acceptance.")
    on_difference: Literal["accept", "reject"] = Field(
        default="accept", description="What a duplicate is whose payload differs: the first event, or a conflict (65)."
    )


class EventFile(Strict):
    """The declaration of an event: what its payload is, and when two of them are one.

    A field is a type in a text, "…?" where it may be missing, or a table.

        type = "usage.limit_reached"
        description = "A customer bumped a plan limit."

        [fields]
        customer_id = "string"
        metric = { enum = ["seats", "api-calls", "storage"] }
        limit = "number"
        used = "number"
        plan = "string?"

        [idempotency]
        key = "$event.customer_id:$event.metric:${event.received_at | month}"
        window = "31d"

        [example]
        customer_id = "acme"
        metric = "api-calls"
        limit = 10000
        used = 10250
    """

    type: Annotated[EventType, Field(max_length=200)] = Field(description="The type that it declares.")
    description: str = Field(default="", description="What happened, for people.")
    fields: dict[str, Annotated[Any, PlainValidator(_field), WithJsonSchema(_FIELD_SCHEMA)]] = Field(
        description="The fields of the payload; any other is refused."
    )
    idempotency: IdempotencyTable = Field(default=IdempotencyTable(), description="Which events are one.")
    example: dict[str, Any] | None = Field(
        default=None, description="A payload that fits, for `preview TYPE`, `slack test` and tests."
    )
