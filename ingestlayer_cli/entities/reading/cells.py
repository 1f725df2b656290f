"""What a cell or a JSON value is: a key, or a value of the type that the project declares for its column."""

from math import isfinite

from ...system.typed import Any
from .faults import visible

# How each type is described to someone whose cell does not fit it.
WANTED = {
    "string": "a text",
    "number": "a number like 499 or 12.5",
    "integer": "a whole number like 499",
    "boolean": "a boolean (true or false)",
    "date": "a date like 2026-11-03",
    "datetime": "an RFC 3339 time with an offset, like 2026-11-03T09:30:00Z",
}
TEXTS = ("string", "date", "datetime")  # as which a text stays what it is
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def typed(value: object, kind: str) -> Any:
    """Return `value` as `kind`, or as it is when it does not fit: a bad cell never stops a look-up.

    Dates and times stay the text they are.
    """
    if kind in ("date", "datetime"):
        return value
    try:
        return fit(value, kind)
    except ValueError:
        return value


def fit(value: object, kind: str) -> Any:
    """Return `value` (a text or a JSON value) as `kind`; ValueError when it does not fit. None fits all."""
    read = None if value is None else _FITS.get(kind)
    return value if read is None else read(value)


def is_composed(text: str) -> bool:
    """Say whether a text is in the form in which one letter is one code point; then any part of it is."""
    if text.isascii():
        return True
    from unicodedata import is_normalized

    return is_normalized("NFC", text)


def composed(text: str) -> str:
    """Return a text in the form in which one letter is one code point: Unicode NFC."""
    if text.isascii():
        return text
    from unicodedata import normalize

    return normalize("NFC", text)


def key_text(value: object) -> str | None:
    """Return the text that a key is compared by (42 is `42`, true is `true`), None when it can be no key.

    White space around it is not of it, and its letters are composed.
    """
    if isinstance(value, str):
        text = value.strip()
        return (text if text.isascii() else composed(text)) or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return str(value) if isinstance(value, int | float) else None
    except ValueError:  # Python refuses to write integers of thousands of digits
        return None


def alike(key: str) -> str:
    """Return what people see of a key: no case, no spaces, nothing that does not show, no zeros before a number."""
    if key.isascii() and key.isprintable():
        seen = key.lower().replace(" ", "")
    else:
        seen = "".join([letter for letter in key.casefold() if letter.isprintable() and not letter.isspace()])
    return seen.lstrip("0") or seen


def lookalikes(key: str) -> list[str]:
    """Return keys that people may take for this one, for where no list of all that there are is at hand."""
    bare = key.replace(" ", "")
    found = [form(text) for text in (key, bare) for form in (str.lower, str.upper, str.capitalize, str.title)]
    visible_alone = "".join([letter for letter in key if letter.isprintable()])
    found += [visible_alone, alike(key), key.lstrip("0"), *(f"{'0' * zeros}{key}" for zeros in range(1, 9))]
    return [
        other
        for other in dict.fromkeys(found)
        if other not in ("", key) and other.isprintable() and alike(other) == alike(key)
    ]


def odd_key(key: str) -> str | None:
    """Say why a key is hardly what was meant by it, or None: a spreadsheet made it, or not all of it shows."""
    if not key.isprintable():
        return f'holds what does not show: "{visible(key)}"'
    if key.startswith('="') and key.endswith('"'):
        return f"is the formula {key}: export the cells as texts"
    if "e+" in key.lower():
        import re

        if re.fullmatch(r"\d+([.,]\d+)?e\+\d+", key, re.IGNORECASE | re.ASCII):
            return f"is the number {key}, rounded by a spreadsheet: export the column as text"
    return None


def _string(value: object) -> str:
    text = value if isinstance(value, str) else key_text(value)
    if text is None:
        raise ValueError
    return text


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    found = BOOLEANS.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError
    return found


def _number(value: object, whole: bool = False) -> int | float:
    if isinstance(value, str):
        value = _parse_number(value, whole)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    if whole and isinstance(value, float):
        if not value.is_integer():
            raise ValueError
        return int(value)
    return value


def _integer(value: object) -> int | float:
    return _number(value, whole=True)


def _parse_number(text: str, whole: bool) -> int | float:
    # int() and float() also take `1_000` and the digits of other scripts.
    if "_" in text or not text.isascii():
        raise ValueError
    try:
        return int(text)
    except ValueError:
        if whole:
            raise
    number = float(text)
    if not isfinite(number):
        raise ValueError
    return number


def _date(value: object) -> str:
    from datetime import date

    # fromisoformat() also takes 20261103 and 2026-W45-2.
    if not isinstance(value, str) or len(value) != 10 or value[4] != "-" or value[7] != "-":
        raise ValueError
    date.fromisoformat(value)
    return value


def _datetime(value: object) -> str:
    from ingestlayer_cli.system.clock import parse_rfc3339

    if not isinstance(value, str):
        raise ValueError
    parse_rfc3339(value)
    return value


_FITS = {
    "string": _string,
    "boolean": _boolean,
    "number": _number,
    "integer": _integer,
    "date": _date,
    "datetime": _datetime,
}
