"""The compiled check of a declaration: plain Python, fast enough for every line of a batch."""

import json
import math
from collections.abc import Callable, Iterator

from ..language.expressions import to_number
from ..language.templates import Template
from ..system.clock import parse_date_or_time, parse_rfc3339
from ..system.errors import Problem, near_miss
from ..system.typed import Any, NamedTuple, Payload, TomlTable

MAX_DEPTH = 64

# Values ---------------------------------------------------------------------------------------------------


def _is_text(value: object) -> bool:
    return type(value) is str and (value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value))


def _is_number(value: Any) -> bool:
    kind = type(value)
    return (kind is int and -(1 << 63) <= value < 1 << 64) or (kind is float and math.isfinite(value))


def _is_integer(value: Any) -> bool:
    return _is_number(value) and value == int(value)


def _reads(read: Callable[[str], Any]) -> Callable[[Any], bool]:
    def check(value: object) -> bool:
        if not isinstance(value, str):
            return False
        try:
            read(value)
        except ValueError:
            return False
        return True

    return check


def _read_date(text: str) -> str:
    if len(text) != 10:
        raise ValueError(text)
    parse_date_or_time(text)
    return text


def _read_datetime(text: str) -> str:
    parse_rfc3339(text)
    return text


def _read_number(text: str) -> int | float:
    number = to_number(text)
    if number is None:
        raise ValueError(text)
    return number


def _read_integer(text: str) -> int:
    number = _read_number(text)
    if number != int(number):
        raise ValueError(text)
    return int(number)


def _read_boolean(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _read_json(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, kind):
            raise ValueError(text)
        return value

    return read


class FieldType(NamedTuple):
    """One type of a declared field: the check of a JSON value, the reading of a text, and its words."""

    fits: Callable[[Any], bool]
    read: Callable[[str], Any]
    words: str


TYPES = {
    "string": FieldType(_is_text, str, "a text"),
    "number": FieldType(_is_number, _read_number, "a number"),
    "integer": FieldType(_is_integer, _read_integer, "a whole number"),
    "boolean": FieldType(lambda value: type(value) is bool, _read_boolean, "true or false"),
    "date": FieldType(_reads(_read_date), _read_date, "a date like 2026-11-03"),
    "datetime": FieldType(_reads(_read_datetime), _read_datetime, "an RFC 3339 time like 2026-11-03T09:30:00Z"),
    "object": FieldType(lambda value: type(value) is dict, _read_json(dict), "a JSON object"),
    "array": FieldType(lambda value: type(value) is list, _read_json(list), "a JSON array"),
}


def unsound(value: object, path: str = "", depth: int = 0) -> Iterator[Problem]:
    """Yield what no store or receiver could keep whole: NaN, huge numbers, lone surrogates, deep nesting."""
    if depth > MAX_DEPTH:
        yield Problem(path, f"is nested deeper than {MAX_DEPTH}")
    elif isinstance(value, dict):
        for name, inner in value.items():
            if not _is_text(name):
                yield Problem(path, f"has a name that is not Unicode text: {ascii(name)[:60]}")
            yield from unsound(inner, f"{path}.{printable(name)}" if path else printable(name), depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from unsound(inner, f"{path}[{index}]", depth + 1)
    elif isinstance(value, str):
        if not _is_text(value):
            yield Problem(path, "is not Unicode text (it has a lone surrogate)")
    elif isinstance(value, int | float):
        if not isinstance(value, bool) and not _is_number(value):
            yield Problem(path, "is a number that JSON or 64 bits cannot hold")
    elif value is not None:
        remedy = f': write it as a text, "{value.isoformat()}"' if hasattr(value, "isoformat") else ""
        yield Problem(path, f"is of type {type(value).__name__}, which JSON does not have{remedy}")


# Declarations ---------------------------------------------------------------------------------------------


def option_name(field: str) -> str:
    """Return the option of a field: `customer_id` is `--customer-id`."""
    return "--" + field.replace("_", "-")


class Field(NamedTuple):
    """One declared field. `values` are the enum's, in their order, or None; `max_length` is a text's, or None."""

    name: str
    type: str
    optional: bool = False
    values: list[Any] | None = None
    description: str = ""
    max_length: int | None = None

    def problem(self, value: Any) -> str | None:
        """Say what is wrong with a JSON value of this field, or None."""
        if self.values is not None:
            if type(value) is not bool and not isinstance(value, dict | list) and value in self.values:
                return None
            listed = ", ".join(map(str, self.values))
            texts = [word for word in self.values if isinstance(word, str)]
            near = near_miss(value, texts) if isinstance(value, str) and len(value) < 100 else ""
            return f"{_shown(value)} is not one of {listed}{near}"
        if TYPES[self.type].fits(value):
            if self.max_length is not None and len(value) > self.max_length:
                return f"has {len(value):,} characters, {self.max_length:,} at most"
            deep = next(unsound(value), None) if self.type in ("object", "array") else None
            return deep and f"{deep.path} {deep.problem}".strip()
        broken = next(unsound(value), None)
        return broken.problem if broken else f"must be {TYPES[self.type].words}, not {_shown(value)}"

    def read(self, text: str) -> Any:
        """Read a text (of an option, `k=v` or a CSV cell) by the field's type; ValueError says why not."""
        if self.values is not None:
            return next((value for value in self.values if str(value) == text), text)
        try:
            return TYPES[self.type].read(text)
        except (ValueError, RecursionError):
            raise ValueError(f"must be {TYPES[self.type].words}, not {_shown(text)}") from None


def _shown(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=not (isinstance(value, str) and value.isprintable()))
    except (TypeError, ValueError, RecursionError):  # not JSON at all, or no end to it
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 80 else text[:79] + "…"


def printable(name: object) -> str:
    """Return the name of a field as a message may show it, whatever characters it has."""
    text = name if isinstance(name, str) and name.isprintable() else ascii(name).strip("'\"")
    return text if len(text) <= 80 else text[:79] + "…"


class Declaration:
    """A declaration, compiled: the check of a payload and the idempotency key."""

    def __init__(self, data: TomlTable) -> None:
        self.type: str = data["type"]
        self.description: str = data["description"]
        self.fields = {row[0]: Field(*row) for row in data["fields"]}
        self.key = None if data["key"] is None else Template(data["key"])
        self.key_refs: list[list[str]] = data["key_refs"]
        self.window: int = data["window"]
        self.rejects_difference: bool = data["on_difference"] == "reject"
        self.example: Payload | None = data["example"]
        self._required = [(name, _quick_check(field)) for name, field in self.fields.items() if not field.optional]

    @property
    def key_reads_time(self) -> bool:
        """Whether the time of an event is part of its key."""
        return self.key is not None and ["event", "received_at"] in self.key_refs

    def problems(self, payload: Payload) -> list[Problem]:
        """Return every problem of a payload; none means that it fits the declaration."""
        if self._fits(payload):
            return []
        found = []
        for name, field in self.fields.items():
            value = payload.get(name)
            if value is not None:
                if problem := field.problem(value):
                    found.append(Problem(name, problem))
            elif not field.optional:
                found.append(Problem(name, "is required" if name not in payload else "is required, not null"))
        for name in payload:
            if name not in self.fields:
                # Looking for near misses takes long among thousands, and helps nobody there.
                near = near_miss(name, self.fields) if isinstance(name, str) and len(found) < 100 else ""
                found.append(Problem(printable(name), f"is not a declared field{near}"))
        return found

    def _fits(self, payload: Payload) -> bool:
        """Answer the common case quickly: exactly the required fields, each of its type."""
        if len(payload) != len(self._required):
            return False
        try:
            return all([fits(payload[name]) for name, fits in self._required])  # noqa: C419 (a list is faster)
        except (KeyError, TypeError):
            return False


def _quick_check(field: Field) -> Callable[[Any], bool]:
    if field.values is not None and all(isinstance(value, str) for value in field.values):
        return frozenset(field.values).__contains__
    if field.values is not None or field.max_length is not None or field.type in ("object", "array"):
        return lambda value: field.problem(value) is None
    return TYPES[field.type].fits
