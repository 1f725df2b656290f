"""The gate: what becomes an event and what is refused, by which rule. Pure: nothing is read or written."""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable
from json.scanner import make_scanner

from ..language.expressions import dotted, evaluator
from ..system.clock import DAY, format_time, parse_time
from ..system.errors import Problem, RejectedError, as_written, near_miss
from ..system.patterns import lazy
from ..system.typed import Any, NamedTuple, cast
from .declarations import TYPES, Declaration, unsound
from .events import OURS, Event, encode, new_event_id

MAX_PAYLOAD = 1 << 20  # bytes of JSON
MAX_TYPE = 200
MAX_KEY = 512
MAX_LISTED = 500  # fields in the declaration that a rejection proposes
_TYPE = lazy(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
_OF_CALL = lazy(r"once_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_UNPRINTABLE = lazy(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


WRITTEN = ("type", "payload", "idempotency_key", "timestamp")  # the names of an event on a line of a batch


class Raw(NamedTuple):
    """What a sender gave, before any check."""

    type: str
    payload: Any
    key: str | None = None
    timestamp: str | None = None
    source: str = "cli"

    def envelope(self) -> dict[str, Any]:
        """Return what a sender writes of it, as a line of a batch."""
        return dict(zip(WRITTEN, (self.type, self.payload, self.key, self.timestamp), strict=True))


class Line(NamedTuple):
    """One line of a batch: what it holds, or why it cannot be read, and its text for the dead letter.

    Where it is `lasting`, a dead letter of it waits for the declaration that it lacks: `replay --refused` takes it.
    """

    number: int
    raw: Raw | None
    error: RejectedError | None
    text: bytes
    lasting: bool = False


class Gate:
    """Admits events by the project's declarations.

    The doors by which events come from outside take those of a time beyond tomorrow only where that is meant.
    """

    allows_future = True

    def __init__(
        self, types: list[str], declaration: Callable[[str], Declaration | None], accept_undeclared: bool
    ) -> None:
        self._types = types
        self._declaration = declaration
        self._accept_undeclared = accept_undeclared
        self._source = ""  # the last one that was found to be one: thousands of events are of it

    def admit(self, raw: Raw, now: int) -> tuple[Event, str]:
        """Return the event and its payload as JSON; RejectedError names the rule and every problem."""
        if isinstance(raw.type, str) and raw.type.startswith(OURS):
            raise RejectedError(
                "type",
                f"{raw.type} is an event of ingestlayer's own: from anybody else it would be a false alarm",
                f"to see what comes of it: ingestlayer preview {raw.type}",
            )
        return self.admit_own(raw, now)

    def admit_own(self, raw: Raw, now: int) -> tuple[Event, str]:
        """Do the same for our own events, too: those that were found to be so, or that are only looked at."""
        declaration = self._declaration(raw.type)
        if declaration is None:
            self._check_undeclared(raw)
        elif not isinstance(raw.payload, dict):
            raise RejectedError("schema", f"the payload must be a JSON object, not {_kind(raw.payload)}")
        elif problems := declaration.problems(raw.payload):
            raise _schema(raw.type, problems)
        if raw.source != self._source:
            _check_source(raw.source)
            self._source = raw.source
        received_at = now if raw.timestamp is None else self._received_at(raw.timestamp, now)
        event = Event(new_event_id(now), raw.type, received_at, raw.source, raw.key, raw.payload)
        if raw.key is not None:
            _check_key(raw.key)
        if declaration is not None and declaration.key is not None and (raw.key is None or is_of_call(raw.key)):
            event = event._replace(key=_derived_key(declaration, event))
        text = encode(event.payload)
        if len(text) * 4 > MAX_PAYLOAD and _too_large(text):
            raise RejectedError("size", f"the payload is larger than {MAX_PAYLOAD:,} bytes")
        return event, text

    def _received_at(self, timestamp: object, now: int) -> int:
        at = _received_at(timestamp, now)
        if at >= now - now % DAY + 2 * DAY and not self.allows_future:
            words = (
                f"the timestamp {format_time(at)} is beyond tomorrow: what steps remember of it would last until then"
            )
            raise RejectedError("timestamp", words, "is it meant? then --allow-future takes it")
        return at

    def _check_undeclared(self, raw: Raw) -> None:
        if not isinstance(raw.type, str) or len(raw.type) > MAX_TYPE or not _TYPE.fullmatch(raw.type):
            raise RejectedError(
                "type",
                f"{_short(raw.type)} is not an event type",
                f"write dotted words of letters, digits, _ and -, at most {MAX_TYPE} characters: usage.limit_reached",
            )
        if not self._accept_undeclared:
            raise RejectedError(
                "undeclared",
                f"the event type {raw.type} is not declared{near_miss(raw.type, self._types)}",
                _declaration_to_write(raw),
            )
        if not isinstance(raw.payload, dict):
            raise RejectedError("schema", f"the payload must be a JSON object, not {_kind(raw.payload)}")
        if problems := list(unsound(raw.payload)):
            raise RejectedError("schema", f"the payload of {raw.type} {_first(problems)}", details=problems)


def read_payload(text: str | bytes, what: str) -> Any:
    """Parse JSON strictly (no NaN); RejectedError of kind `json` or `size` names `what` and the place."""
    if _too_large(text):
        raise RejectedError("size", f"{what} is larger than {MAX_PAYLOAD:,} bytes")
    return read_json(text, what)


def read_json(text: str | bytes, what: str) -> Any:
    """Parse JSON of any size strictly; RejectedError of kind `json` names `what` and the place."""
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig" if text.startswith(BOM_UTF8) else "utf-8")
        return _decoded(text)
    except RecursionError:
        words = "is nested too deeply"
    except json.JSONDecodeError as error:
        from ..system.not_json import place_of, words_of

        words = f"is not JSON: {words_of(error)} at {place_of(error)}"
    except UnicodeDecodeError as error:
        words = f"is not UTF-8 at byte {error.start + 1}"
    except _TwiceError as error:
        words = f"has the name {_short(error.args[0])} twice in one object: which of the two is meant?"
    except ValueError as error:
        # json says it only of NaN and the like, and of numbers with thousands of digits
        words = f"is not JSON: {'a number has too many digits' if 'limit' in str(error) else error}"
    refusal = RejectedError("json", f"{what} {words}", 'JSON quotes names and texts: {"plan": "pro"}')
    refusal.text = text if isinstance(text, str) else text.decode("utf-8", "backslashreplace")
    raise refusal


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


class _TwiceError(ValueError):
    """A name that stands twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found


_decoder = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_once)
_scan: Callable[[str, int], tuple[Any, int]] = make_scanner(cast(Any, _decoder))


def _decoded(text: str) -> Any:
    """Decode a JSON text; most are nothing but an object, without the space that `decode` looks for around it."""
    if text.startswith("{") and text.endswith("}"):
        try:
            value, end = _scan(text, 0)
        except StopIteration:
            end = -1  # `decode` says what is wrong, and where
        if end == len(text):
            return value
    return _decoder.decode(text)


def _too_large(text: str | bytes) -> bool:
    if len(text) * 4 <= MAX_PAYLOAD:
        return False
    return len(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")) > MAX_PAYLOAD


def _schema(type_: str, problems: list[Problem]) -> RejectedError:
    hint = f"the declared fields: ingestlayer emit {type_} --help"
    return RejectedError("schema", f"{type_} does not fit its declaration: {_first(problems)}", hint, problems)


def _first(problems: list[Problem]) -> str:
    first = f"{problems[0].path} {problems[0].problem}".strip()
    return first + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")


def _received_at(timestamp: object, now: int) -> int:
    try:
        if not isinstance(timestamp, str):
            raise ValueError(f"{_short(timestamp)} is not a text")
        return parse_time(timestamp, now)
    except (ValueError, OverflowError) as error:
        hint = "write RFC 3339 (2026-11-03T09:30:00Z) or a duration (2h ago)"
        raise RejectedError("timestamp", f"the timestamp is unreadable: {error}", hint) from None


def _is_unprintable(text: str) -> bool:
    # What Python calls printable leaves out more than control characters: spaces of other scripts, for one.
    return not text.isprintable() and _UNPRINTABLE.search(text) is not None


def is_key(text: str) -> bool:
    """Say whether a text can be an idempotency key."""
    if text.isprintable() and text.isascii():  # the usual case
        return not text.isspace() and 0 < len(text) <= MAX_KEY
    return bool(text.strip()) and len(text) <= MAX_KEY and not _is_unprintable(text)


def is_of_call(key: str) -> bool:
    """Say whether a client made a key for one call, to be safe when the call is sent again.

    It stands where the declaration has no key: else every call would be an event of its own.
    """
    return key.startswith("once_") and _OF_CALL.fullmatch(key) is not None


def hashed(text: str) -> str:
    """Return what stands in a derived key for a text that cannot: no sender chose it, nor can one shorten it."""
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _check_key(key: object) -> None:
    if not isinstance(key, str) or not is_key(key):
        hint = f"a key is 1 to {MAX_KEY} printable characters, like acme:api-calls:2026-11"
        raise RejectedError("key", f"{_short(key)} is not an idempotency key", hint)


def _check_source(source: object) -> None:
    if not isinstance(source, str) or len(source) > MAX_TYPE or _is_unprintable(source):
        hint = f"a source is at most {MAX_TYPE} printable characters, like billing-cron"
        raise RejectedError("schema", f"{_short(source)} is not the name of a source", hint)


def _derived_key(declaration: Declaration, event: Event) -> str:
    scope = event.scope()
    key = declaration.key.key(scope) if declaration.key else None
    if key is None:
        missing = [dotted(path) for path in declaration.key_refs if evaluator(["ref", path])(scope) is None]
        needs = " and ".join(f"${name}" for name in dict.fromkeys(missing)) or "a value that came out null"
        hint = "give the event that field, or a key of its own with --key"
        raise RejectedError("key", f"the declared idempotency key needs {needs}", hint)
    return key if is_key(key) else f"sha256:{hashed(key)}"


def _declaration_to_write(raw: Raw) -> str:
    """Return the declaration that would admit this event, from its own fields."""
    lines = [f"write events/{raw.type}.toml:", "", f'type = "{raw.type}"', "[fields]"]
    if isinstance(raw.payload, dict):
        for name, value in list(raw.payload.items())[:MAX_LISTED]:
            kinds = ("boolean", "number", "object", "array")
            kind = "string?" if value is None else next((k for k in kinds if TYPES[k].fits(value)), "string")
            lines.append(f'{_toml_key(str(name))} = "{kind}"')
        if len(raw.payload) > MAX_LISTED:
            lines.append(f"# … and {len(raw.payload) - MAX_LISTED} more")
    return "\n".join([*lines, "", 'or set [events] undeclared = "accept" in ingestlayer.toml'])


def _toml_key(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]+", name):
        return name
    # TOML's texts are JSON's, but for characters beyond 16 bits and for DEL
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", type(None): "null"}
    number = "a number" if isinstance(value, int | float) else f"a value of type {type(value).__name__}"
    return names.get(type(value), number)


def _short(value: object) -> str:
    text = as_written(value, MAX_PAYLOAD) if isinstance(value, str) else _kind(value)
    return text if len(text) <= 60 else f"{text[:40]}… ({len(text):,} characters)"
