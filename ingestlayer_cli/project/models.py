"""What may stand in a project's files, as pydantic models. Loaded only when a file has changed."""

import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, core_schema

from ..language import expressions, templates
from ..language.conditions import Condition, Value
from ..language.expressions import ExpressionError
from ..language.templates import Template
from ..model import families
from ..model.declarations import TYPES
from ..model.redaction import ACTIONS
from ..system.clock import DAY, format_duration, parse_duration
from ..system.errors import as_written, near_miss
from ..system.zones import zone
from .find import bounded
from .tests_schema import Test


def problem(message: str, offset: int | None = None, path: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """Return a validation error with our words, and the key below, or the character of the value, that it is about."""
    context: dict[str, Any] = {"words": message, "offset": offset, "path": path}
    return PydanticCustomError("ingestlayer", "{words}", context)


def _duration(value: Any) -> int:
    if not isinstance(value, str):
        raise problem(f"must be a duration in quotes with a unit, like 30s 5m 1h 24h 7d, not {as_written(value)}", 0)
    try:
        return parse_duration(value)
    except ValueError as error:
        raise problem(str(error), 0) from None


def _zone(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise problem(f"must be a time zone in quotes, like Europe/Berlin, not {as_written(value)}", 0)
    try:
        zone(value)
    except ValueError as error:
        raise problem(str(error), 0) from None
    return value


def _minutes(value: Any) -> int:
    """Read `09:30` into minutes since midnight."""
    read = re.fullmatch(r"(\d\d?):(\d\d)", value) if isinstance(value, str) else None
    minutes = int(read[1]) * 60 + int(read[2]) if read else -1
    if read is None or int(read[2]) > 59 or minutes > 24 * 60:
        raise problem(f"must be a time in quotes, like 09:00 or 18:30, not {value!r}", 0)
    return minutes


def _window(value: Any) -> int:
    """Read `15m`, or `run`."""
    return 0 if value == "run" else _duration(value)


def _parse_expression(text: str) -> Any:
    return expressions.parse(text, own=families.own_roots)


def _parse_template(text: str) -> Any:
    return templates.parse(text, own=families.own_roots)


def _condition(value: Any) -> dict[str, Any]:
    return {"$condition": language_of(_parse_expression, value, "an expression")}


def _value(value: Any) -> dict[str, Any]:
    return {"$value": language_of(_parse_expression, value, "an expression")}


def secret_name(value: Any) -> str:
    if not isinstance(value, str):
        raise problem(f'must name a secret in quotes, "env:NAME" or "keyring:NAME", not {as_written(value)}', 0)
    if not re.fullmatch(r"(env|keyring):[\w./-]+", value, re.ASCII):
        # The value itself is not shown: it may be the secret.
        raise problem('must name a secret, "env:NAME" or "keyring:NAME", and never be one', 0)
    return value


def _actions(value: Any) -> dict[str, str]:
    """Read `"mask"` or `{ slack = "mask", webhook = "keep" }` into a table; "*" stands for the other kinds."""
    if not isinstance(value, dict):
        return {"*": _action(value, "")}
    kinds = families.kinds("destinations")
    for kind in value:
        if kind != "*" and kind not in kinds:
            known = near_miss(kind, kinds) or f': there are {", ".join(kinds)} and "*" for the others'
            raise problem(f'unknown kind of destination "{kind}"{known}')
    if not value:
        raise problem("the table is empty: say what each kind of destination gets")
    return {kind: _action(action, f"{kind}: ") for kind, action in value.items()}


def _action(value: Any, where: str) -> str:
    if value not in ACTIONS:
        known = (isinstance(value, str) and near_miss(value, ACTIONS)) or ""
        raise problem(f"{where}must be {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}, not {as_written(value)}{known}", 0)
    return str(value)


def _structure(value: Any) -> Any:
    return _texts_compiled(_plain(value), "")


def _plain(value: Any) -> Any:
    """Return a TOML value as JSON has it: dates and times are texts there."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _template(value: Any) -> dict[str, Any]:
    return {"$template": language_of(_parse_template, value, "a text")}


def language_of(parse: Any, value: Any, words: str) -> Any:
    if not isinstance(value, str):
        raise problem(f"must be {words} in quotes, not {as_written(value)}", 0)
    try:
        return parse(value)
    except ExpressionError as error:
        raise problem(error.message, error.offset) from None


def _json_file(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        raise problem(f"must be the name of a JSON file, not {as_written(value)}", 0)
    source: Any = info.context  # the file that names this one
    if "\0" not in value:
        source.others.append(value)  # whatever is wrong with it: mended, it is read again
    try:
        data = json.loads(bounded(os.path.join(source.root, value)).decode("utf-8-sig"))
    except OSError as error:
        raise problem(f"{value} cannot be read: {error.strerror}", 0) from None
    except RecursionError:
        raise problem(f"{value} is nested too deeply", 0) from None
    except UnicodeDecodeError as error:
        raise problem(f"{value} is not UTF-8 (byte {error.start + 1})", 0) from None
    except ValueError as error:
        raise problem(f"{value} is not JSON: {error}", 0) from None
    return _texts_compiled(data, value)


def _texts_compiled(data: Any, place: str) -> Any:
    """Make every text of a JSON document that holds a dollar sign a template."""
    if isinstance(data, dict):
        for name in families.LANGUAGES:
            if name in data:
                raise problem(f"{name} cannot be a name here", 0)
        return {name: _texts_compiled(value, f"{place}/{name}") for name, value in data.items()}
    if isinstance(data, list):
        return [_texts_compiled(value, f"{place}/{index}") for index, value in enumerate(data)]
    if isinstance(data, str) and "$" in data:
        try:
            return {"$template": _parse_template(data)}
        except ExpressionError as error:
            where = f"{place.strip('/')}: " if place else ""
            raise problem(f"{where}{error.message} (character {error.offset + 1})", 0) from None
    return data


def described(description: str, **more: Any) -> WithJsonSchema:
    """Return what the JSON Schema says of a text that we read ourselves."""
    return WithJsonSchema({"type": "string", "description": description, **more})


DURATION = r"^[0-9]{1,9} ?(ms|s|m|h|d)$"
Duration = Annotated[
    int,
    PlainValidator(_duration),
    described("A duration: a number and a unit, 30s 5m 1h 24h 7d", pattern=DURATION, examples=["1h"]),
]
Minutes = Annotated[
    int, PlainValidator(_minutes), described("A time of day", examples=["09:00"], pattern=r"^[0-9]{1,2}:[0-9]{2}$")
]
SecretName = Annotated[
    str,
    PlainValidator(secret_name),
    described(
        "The name of a secret: env:NAME or keyring:NAME",
        pattern=r"^(env|keyring):[A-Za-z0-9_./-]+$",
        examples=["env:CRM_SECRET"],
    ),
]
Zone = Annotated[str, PlainValidator(_zone), described("A time zone of the IANA database", examples=["Europe/Berlin"])]
Json = Annotated[
    Any, PlainValidator(_json_file), described("The name of a JSON file of the project", examples=["blocks/alert.json"])
]
Prose = Annotated[
    dict[str, Any],
    PlainValidator(_template),
    described(
        "A text with values: $event.field, $entity.kind.column, ${ expression | filter }; $$ is a dollar sign",
        examples=["$event.customer_id"],
    ),
]

_ACTIONS_SCHEMA = {
    "description": 'What becomes of it, or a table of that by kind of destination, "*" for the others',
    "anyOf": [
        {"enum": [*ACTIONS]},
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"enum": [*families.kinds("destinations"), "*"]},
            "additionalProperties": {"enum": [*ACTIONS]},
        },
    ],
}

# What an annotation of a Section is in a file, and what it compiles to.
_ANNOTATIONS: dict[Any, Any] = {
    families.Duration: Duration,
    families.JsonFile: Json,
    families.Structure: Annotated[Any, PlainValidator(_structure), WithJsonSchema({})],
    families.Secret: SecretName,
    families.TimeZone: Zone,
    families.TimeOfDay: Minutes,
    families.Window: Annotated[
        int, PlainValidator(_window), described("A duration, or run: what one check or batch finds", examples=["15m"])
    ],
    families.WorkingHours: Annotated[str, Field(min_length=1)],
    families.Actions: Annotated[dict[str, str], PlainValidator(_actions), WithJsonSchema(_ACTIONS_SCHEMA)],
    Value: Annotated[
        dict[str, Any],
        PlainValidator(_value),
        described("A number made from refs", examples=["$event.used / $event.limit"]),
    ],
    Condition: Annotated[
        dict[str, Any],
        PlainValidator(_condition),
        described("A condition", examples=["$event.used / $event.limit >= 0.8 and $event.plan in ['pro', 'team']"]),
    ],
    Template: Prose,
}


def _forms(field: FieldInfo) -> Iterator[str]:
    """Yield what the type of a key says of itself."""
    is_optional = type(None) in get_args(field.annotation)
    options = [get_args(option)[1:] for option in get_args(field.annotation) if get_origin(option) is Annotated]
    for about in (*field.metadata, *(one for option in options for one in option if is_optional)):
        if isinstance(about, WithJsonSchema):
            yield (about.json_schema or {}).get("description", "")
        elif isinstance(about, Matching):
            yield about.words[0].upper() + about.words[1:]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    def given(self) -> dict[str, Any]:
        """Return the keys that the file has, with their checked values."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the schema: of each key what it means, then what its type is like, and a default as files have it."""
        made = handler(core)
        keys = handler.resolve_ref_schema(made)["properties"]
        for name, field in cls.model_fields.items():
            key = keys[field.alias or name]
            if words := "\n\n".join(filter(None, (field.description, *_forms(field)))):
                key["description"] = words
            if isinstance(key.get("default"), dict):  # of a table, key by key
                del key["default"]
            elif DURATION in str(key) and isinstance(key.get("default"), int):
                key["default"] = format_duration(key["default"])
        return made


def section_model(cls: type[families.Section], **more: Any) -> type[Strict]:
    """Return the pydantic model of a section: its annotations, ours replaced by what files hold."""
    keys: dict[str, Any] = dict(more)
    for name, annotation in get_type_hints(cls, include_extras=True).items():
        if get_origin(annotation) is not ClassVar:
            inner, *about = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
            told = Field(description=about[0] if about else None, examples=about[1:] or None)
            keys[name] = (Annotated[_in_files(inner), told], getattr(cls, name, ...))
    return create_model(cls.__name__, __base__=Strict, __doc__=cls.__doc__, **keys)


def _in_files(annotation: Any) -> Any:
    if annotation in _ANNOTATIONS:
        return _ANNOTATIONS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, families.Section):
        return Annotated[section_model(annotation), AfterValidator(_compiled_by(annotation))]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None or origin is Literal:
        return annotation
    if origin in (list, dict):
        return origin[tuple(_in_files(argument) for argument in arguments)]
    # `X | None`: in a file the key is there or it is not; TOML has no null.
    return next(_in_files(argument) for argument in arguments if argument is not type(None))


def _compiled_by(cls: type[families.Section]) -> Callable[[Strict], dict[str, Any]]:
    def check(value: Strict) -> dict[str, Any]:
        try:
            return cls.compiled(value.given())
        except ValueError as error:
            raise problem(str(error), path=getattr(error, "path", ())) from None

    return check


class Matching:
    """A text of one form; editors are told its pattern."""

    def __init__(self, pattern: str, words: str) -> None:
        self._pattern = pattern
        self.words = words

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: core_schema.CoreSchema, handler: Any) -> dict[str, Any]:
        return {**handler(core), "pattern": f"^({self._pattern})$".replace(r"\w", "A-Za-z0-9_")}

    def _check(self, value: str) -> str:
        if not re.fullmatch(self._pattern, value, re.ASCII):
            raise problem(f'"{value}" is not {self.words}', 0)
        return value


EventType = Annotated[str, Matching(r"[\w-]+(\.[\w-]+)*", "an event type: dotted words of letters, digits, _ and -")]
Match = Annotated[str, Matching(r"[\w-]+(\.[\w-]+)*(\.\*)?", 'an event type, or the start of some like "usage.*"')]


# events/TYPE.toml -----------------------------------------------------------------------------------------


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


def _field(value: Any) -> list[Any]:
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


# pipelines/NAME.toml --------------------------------------------------------------------------------------


class PipelineFile(Strict):
    """A pipeline: which events it takes, what it does with them, and where they go.

    Every pipeline that matches an event runs, each for itself.

        description = "Who reaches a limit of their plan."
        match = ["usage.limit_reached"]
        status = "active"

        [[steps]]
        use = "enrich.entity"
        kind = "customer"
        key = "$event.customer_id"

        [[destinations]]
        use = "slack"
        channel = "#alerts"
        when = "$event.used / $event.limit >= 1"

        [[tests]]
        name = "a blocking limit goes to #alerts"
        from_example = "usage.limit_reached"
        expect = { channels = ["#alerts"], contains = ["acme"] }
    """

    description: str = Field(default="", description="What it is for, for people.")
    match: list[Match] = Field(
        default=[], description='The types of the events that it takes, "usage.*" for some; without it all but our own.'
    )
    status: Literal["active", "paused", "draft"] = Field(
        default="active", description="Whether it runs; its tests do whatever it says."
    )
    steps: list[Any] = Field(default=[], description="What is done with an event, in this order.")
    destinations: list[Any] = Field(default=[], description="Where an event goes that no step dropped.")
    tests: list[Test] = Field(default=[], description="What `ingestlayer test` runs.")
