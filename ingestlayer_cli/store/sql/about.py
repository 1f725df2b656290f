"""Which events, messages and refusals a text stands in."""

import json

from ...system.typed import Any
from ..contract.reading import About

_LIKE = "{} LIKE ? ESCAPE '!'"  # whatever the case of the letters


def about_event(about: About) -> tuple[str, list[Any]]:
    """Return the condition over an event `e`, and its values."""
    terms, values = list[str](), list[Any]()
    for text in about.texts:
        inner = json.dumps(text, ensure_ascii=False)[1:-1]
        for column, stored, whole in (("e.payload", inner, _values(text, inner)), ("e.key", text, [f":{text}:"])):
            term = _LIKE.format(column)
            values.append(_anywhere(stored))
            if about.whole:  # of the few in which it stands at all
                name = column if column == "e.payload" else f"':' || {column} || ':'"
                term += f" AND ({' OR '.join([_LIKE.format(name)] * len(whole))})"
                values += map(_anywhere, whole)
            terms.append(f"({term})")
    return f"({' OR '.join(terms)})", values


def _values(text: str, inner: str) -> list[str]:
    """Return how a value stands in a payload: JSON without white space, with a comma or a bracket after it."""
    found = [f'"{inner}"{end}' for end in ",}]"]
    return found + [f"{start}{text}{end}" for start in ":,[" for end in ",}]"] if _is_number(text) else found


def stands_in(columns: str, text: str) -> tuple[str, list[Any]]:
    """Return the condition that a text stands in one of some columns, as it is or as JSON, and its values."""
    wanted = dict.fromkeys((text, json.dumps(text, ensure_ascii=False)[1:-1]))
    names = columns.split()
    term = " OR ".join(_LIKE.format(name) for name in names for _ in wanted)
    return f"({term})", [_anywhere(it) for _ in names for it in wanted]


def _is_number(text: str) -> bool:
    try:
        return isinstance(json.loads(text), int | float)
    except ValueError:
        return False


def _anywhere(text: str) -> str:
    """Return the pattern of a text wherever it stands."""
    for sign in "!%_":
        text = text.replace(sign, f"!{sign}")
    return f"%{text}%"
