"""Texts of users, events and files as a terminal may get them."""

import re

WIDTH = 88  # of what is drawn: Slack does not stretch a message over a wide window either

# Beside C0: C1, bidirectional embeddings, overrides and isolates, lone surrogates.
ACTING = "\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE = re.compile(f"[\x00-\x09\x0b-\x1f{ACTING}]")
_ESCAPED = re.compile(f"[{ACTING}\u2028\u2029]")
_LINE_ENDS = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_SAFE_URL = re.compile(r"https?://[!#-;=?-\[\]_a-z~]+", re.IGNORECASE)


def clean(value: object) -> str:
    """The text without characters that act on a terminal; "" for anything that is not a text."""
    if not isinstance(value, str):
        return ""
    return _UNSAFE.sub("", _LINE_ENDS.sub("\n", value).replace("\t", "    "))


def line(text: str) -> str:
    """The text in one line: what would begin another is seen as such, what acts on a terminal is a question mark."""
    return _UNSAFE.sub("�", _LINE_ENDS.sub("\\\\n", text).replace("\n", "\\n").replace("\t", " "))


def escaped(text: str) -> str:
    """JSON in which no character acts on a terminal that shows it: they stand in its strings, as \\uXXXX."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def is_harmless(url: str) -> bool:
    """Say whether an address may be a hyperlink."""
    return bool(_SAFE_URL.fullmatch(url))
