"""What the values of keys may be in a project's files, and what they compile to, as pydantic types."""

import json
import os
import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError, core_schema

from ..language.conditions import Condition, Value
from ..language.parser import ExpressionError, parse, parse_template
from ..language.templates import Template
from ..model import families
from ..model.forms import Form, Rule
from ..model.redaction import ACTIONS
from ..system.clock import parse_duration
from ..system.errors import as_written, near_miss
from ..system.not_json import place_of, words_of
from ..system.zones import zone
from .find import bounded


def problem(message: str, offset: int | None = None, path: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """Return a validation error with our words, and the key below, or the character of the value, that it is about."""
    context: dict[str, Any] = {"words": message, "offset": offset, "path": path}
    return PydanticCustomError("ingestlayer", "{words}", context)


def _duration(value: object) -> int:
    if not isinstance(value, str):
        raise problem(f"must be a duration in quotes with a unit, like 30s 5m 1h 24h 7d, not {as_written(value)}", 0)
    try:
        return parse_duration(value)
    except ValueError as error:
        raise problem(str(error), 0) from None


def _zone(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise problem(f"must be a time zone in quotes, like Europe/Berlin, not {as_written(value)}", 0)
    try:
        zone(value)
    except ValueError as error:
        raise problem(str(error), 0) from None
    return value


def _minutes(value: object) -> int:
    """Read `09:30` into minutes since midnight."""
    read = re.fullmatch(r"(\d\d?):(\d\d)", value) if isinstance(value, str) else None
    minutes = int(read[1]) * 60 + int(read[2]) if read else -1
    if read is None or int(read[2]) > 59 or minutes > 24 * 60:
        raise problem(f"must be a time in quotes, like 09:00 or 18:30, not {value!r}", 0)
    return minutes


def _window(value: object) -> int:
    """Read `15m`, or `run`."""
    try:
        return 0 if value == "run" else _duration(value)
    except PydanticCustomError:
        if isinstance(value, str) and (near := near_miss(value, ["run"])):
            raise problem(f"{as_written(value)} is no window: write a duration, like 15m, or run{near}", 0) from None
        raise


def _parse_expression(text: str) -> Any:
    return parse(text, own=families.own_roots)


def _parse_template(text: str) -> Any:
    return parse_template(text, own=families.own_roots)


def _condition(value: object) -> dict[str, Any]:
    return {"$condition": language_of(_parse_expression, value, "an expression")}


def _value(value: object) -> dict[str, Any]:
    return {"$value": language_of(_parse_expression, value, "an expression")}


def secret_name(value: object) -> str:
    if not isinstance(value, str):
        raise problem(f'must name a secret in quotes, "env:NAME" or "keyring:NAME", not {as_written(value)}', 0)
    if not re.fullmatch(r"(env|keyring):[\w./-]+", value, re.ASCII):
        # The value itself is not shown: it may be the secret.
        raise problem('must name a secret, "env:NAME" or "keyring:NAME", and never be one', 0)
    return value


def _actions(value: object) -> dict[str, str]:
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


def _action(value: object, where: str) -> str:
    if value not in ACTIONS:
        known = (isinstance(value, str) and near_miss(value, ACTIONS)) or ""
        raise problem(f"{where}must be {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}, not {as_written(value)}{known}", 0)
    return str(value)


def _structure(value: object) -> Any:
    return _texts_compiled(_plain(value), "")


def _plain(value: object) -> Any:
    """Return a TOML value as JSON has it: dates and times are texts there."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _template(value: object) -> dict[str, Any]:
    return {"$template": language_of(_parse_template, value, "a text")}


def language_of(parse: Any, value: Any, words: str) -> Any:
    if not isinstance(value, str):
        raise problem(f"must be {words} in quotes, not {as_written(value)}", 0)
    try:
        return parse(value)
    except ExpressionError as error:
        raise problem(error.message, error.offset) from None


def _json_file(value: object, info: ValidationInfo) -> Any:
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
    except json.JSONDecodeError as error:
        raise problem(f"{value} is not JSON: {words_of(error)} at {place_of(error)}", 0) from None
    except ValueError:
        raise problem(f"{value} is not JSON: a number has too many digits", 0) from None
    return _texts_compiled(data, value)


def _texts_compiled(data: object, place: str) -> Any:
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


def described(description: str, **more: object) -> WithJsonSchema:
    """Return what the JSON Schema says of a text that we read ourselves."""
    return WithJsonSchema({"type": "string", "description": description, **more})


class Matching(Form):
    """A text of one form; editors are told its pattern."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: core_schema.CoreSchema, handler: Any) -> dict[str, Any]:
        return {**handler(core), "pattern": f"^({self.pattern})$".replace(r"\w", "A-Za-z0-9_")}

    def _check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value, re.ASCII):
            raise problem(f'"{value}" is not {self.words}', 0)
        return value


def ruled(rule: Rule) -> AfterValidator:
    """Return what checks a value by a rule."""

    def check(value: object, info: ValidationInfo) -> Any:
        try:
            rule.check(value, info.data)
        except ValueError as error:
            raise problem(str(error), 0) from None
        return value

    return AfterValidator(check)


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
EventType = Annotated[str, Matching(r"[\w-]+(\.[\w-]+)*", "an event type: dotted words of letters, digits, _ and -")]
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
ANNOTATIONS: dict[Any, Any] = {
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
