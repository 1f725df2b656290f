"""The template language of messages and keys: `$root.path`, `${ expression | filter }`, `$$` for a dollar.

A parsed template is plain data: a list of parts, each a literal text or
`{"node": expression, "filters": [[name, [argument, …]], …]}`. Values are put in as text and are never read
again: a value that holds `$event.x` or `<!channel>` stays just that, and the caller's escape is applied to
every value and to no literal text.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from ..system.addresses import quote
from ..system.clock import parse_date_or_time
from ..system.typed import Any
from ..system.zones import as_moment, there
from .expressions import Evaluator, Scope, evaluator, refs, to_number

Part = str | dict[str, Any]
Filter = Callable[..., Any]


def template_refs(parts: list[Part]) -> list[list[str]]:
    """Return the paths of all refs in a template, in their order."""
    return [path for part in parts if not isinstance(part, str) for path in refs(part["node"])]


def in_zone(parts: list[Part], zone: str) -> None:
    """Let the filters of a parsed template that read times do it in a time zone."""
    for part in parts:
        for used in [] if isinstance(part, str) else part["filters"]:
            if used[0] in _TIMES:
                used[1] = [zone]


# Filters --------------------------------------------------------------------------------------------------
# A value that a filter cannot read is passed on as it is: a message with `soon` for a date beats none.


def _number(value: object) -> Any:
    number = to_number(value)
    if type(number) is int:
        return f"{number:,}"
    return value if number is None else _trimmed(f"{number:,.2f}")


def _percent(value: object) -> Any:
    number = to_number(value)
    if number is None or not math.isfinite(number * 100):
        return value
    return _trimmed(f"{number * 100:,.1f}") + "%"


def _trimmed(text: str) -> str:
    text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _time(form: str) -> Filter:
    """Make a filter that formats a date, an RFC 3339 time or Unix seconds, in the zone that is its argument."""

    def run(value: object, zone: str = "") -> Any:
        # Thousands of events share one `received_at`; other types are rare and may not be hashable.
        return _formatted(value, form, zone) if isinstance(value, str) else _formatted_unix(value, form, zone)

    return run


@lru_cache(maxsize=256)
def _formatted(text: str, form: str, zone: str) -> str:
    try:
        # A day alone is the same day everywhere.
        return _written(parse_date_or_time(text), form, "" if len(text) == 10 else zone)
    except (ValueError, OverflowError):
        return text


def _formatted_unix(value: object, form: str, zone: str) -> Any:
    seconds = to_number(value)
    try:
        return value if seconds is None else _written(datetime.fromtimestamp(seconds, UTC), form, zone)
    except (ValueError, OverflowError, OSError):
        return value


def _written(moment: datetime, form: str, zone: str) -> str:
    if not form:
        return as_moment(moment, zone)
    shown = there(moment, zone)
    # strftime does not fill up the years before 1000 everywhere, and `0001-01-01` is a usual stand-in for none
    return shown.strftime(form.replace("%Y", f"{shown.year:04}"))


def _truncate(value: object, length: int) -> str:
    text = as_text(value)
    return text if len(text) <= length else text[: max(length - 1, 0)] + "…"


def _json(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _default(value: object, instead: object) -> Any:
    return instead if value is None else value


# name: the function and the types that each of its arguments may have
FILTERS: dict[str, tuple[Filter, list[tuple[type, ...]]]] = {
    "number": (_number, []),
    "percent": (_percent, []),
    "date": (_time("%Y-%m-%d"), []),
    "datetime": (_time(""), []),
    "month": (_time("%Y-%m"), []),
    "week": (_time("%G-W%V"), []),
    "day": (_time("%Y-%m-%d"), []),
    "hour": (_time("%Y-%m-%dT%H"), []),
    "upper": (lambda value: as_text(value).upper(), []),
    "lower": (lambda value: as_text(value).lower(), []),
    "truncate": (_truncate, [(int,)]),
    "default": (_default, [(str, int, float)]),
    "json": (_json, []),
}
_TAKE_NULL = ("default", "json")
_TIMES = ("date", "datetime", "month", "week", "day", "hour")


# Rendering ------------------------------------------------------------------------------------------------


def as_text(value: Any) -> str:
    """Return a value as prose shows it: null is nothing, 2.0 is `2`, lists and objects are JSON."""
    kind = type(value)
    if kind is int:
        return str(value)
    if value is None:
        return ""
    if kind is bool:
        return "true" if value else "false"
    if kind is float:
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return value if isinstance(value, str) else _json(value)


class Template:
    """A compiled template."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        self._parts = [part if isinstance(part, str) else _value(part) for part in parts]
        self._form = ""  # where its values go, see `_take_apart`
        # A template that starts with a value may hold a whole URL in it; a literal start keeps it in place.
        self.starts_with_value = bool(parts) and not isinstance(parts[0], str)

    def render(self, scope: Scope, escape: Callable[[str], str] | None = None) -> str:
        """Return the text with the values put in, each through `escape`."""
        if not self._form:
            self._take_apart()
        event, found = scope["event"], []
        for name, value_of in self._holes:
            value = event.get(name) if value_of is None else value_of(scope)
            if type(value) is not str:
                value = as_text(value)
            found.append(value if escape is None else escape(value))
        return self._form % (*found,)

    def _take_apart(self) -> None:
        """Tell its values from the text around them, once it is used: most templates of a start never are.

        Threads may do so at once: `_form` comes last.
        """
        # Fields of the event have their names: most values are such, and to call for each takes longer than to look.
        self._holes = [
            (name := _field(part), None if name is not None else value_of)
            for part, value_of in zip(self.parts, self._parts, strict=True)
            if not isinstance(part, str) and not isinstance(value_of, str)
        ]
        self._form = "".join([part.replace("%", "%%") if isinstance(part, str) else "%s" for part in self._parts])

    def key(self, scope: Scope) -> str | None:
        """Return the text, or None when any value in it is null: half a key would merge strangers."""
        if not self._form:
            self._take_apart()
        found: list[str] = []
        for name, value_of in self._holes:
            value = scope["event"].get(name) if value_of is None else value_of(scope)
            if type(value) is not str:
                if value is None:
                    return None
                value = as_text(value)
            found.append(value)
        return self._form % (*found,)

    def value(self, scope: Scope) -> Any:
        """Return the value itself when the template is nothing but one, else the text."""
        if len(self._parts) == 1 and not isinstance(self._parts[0], str):
            return self._parts[0](scope)
        return self.render(scope)


def substitute(data: object, scope: Scope) -> Any:
    """Return JSON-like data with its templates put in as JSON: a template that is one value keeps its type."""
    if isinstance(data, Template):
        return data.value(scope)
    if isinstance(data, dict):
        return {name: substitute(value, scope) for name, value in data.items()}
    return [substitute(value, scope) for value in data] if isinstance(data, list) else data


def _field(part: dict[str, Any]) -> str | None:
    """Return the name of the field of the event that a value is, and nothing beside; None for any other."""
    kind, *path = part["node"]
    return path[0][1] if kind == "ref" and path[0][0] == "event" and len(path[0]) == 2 and not part["filters"] else None


def _value(part: dict[str, Any]) -> Evaluator:
    run = evaluator(part["node"])
    for name, arguments in part["filters"]:
        run = _filtered(run, name, arguments)
    return run


def _filtered(inner: Evaluator, name: str, arguments: list[Any]) -> Evaluator:
    function, takes_null = FILTERS[name][0], name in _TAKE_NULL
    if not arguments:
        if takes_null:
            return lambda scope: function(inner(scope))
        return lambda scope: None if (value := inner(scope)) is None else function(value)
    (argument,) = arguments
    if takes_null:
        return lambda scope: function(inner(scope), argument)
    return lambda scope: None if (value := inner(scope)) is None else function(value, argument)


def url_text(template: Template, scope: Scope) -> str:
    """Render a URL: values in it are percent-encoded; one that starts it may be a whole address."""
    if not template.starts_with_value:
        return template.render(scope, quote).strip()
    is_first = True

    def encoded(value: str) -> str:
        nonlocal is_first
        whole, is_first = is_first, False
        return value.strip() if whole else quote(value)

    return template.render(scope, encoded).strip()
