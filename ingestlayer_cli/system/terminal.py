"""Texts of users, events and files as a terminal may get them."""

import re

WIDTH = 88  # of what is drawn: Slack does not stretch a message over a wide window either

# C0 but newline, C1, bidirectional overrides and isolates, lone surrogates.
_UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LINE_ENDS = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_SAFE_URL = re.compile(r"https?://[!#-;=?-\[\]_a-z~]+", re.IGNORECASE)


def clean(value: object) -> str:
    """The text without characters that act on a terminal; "" for anything that is not a text."""
    if not isinstance(value, str):
        return ""
    return _UNSAFE.sub("", _LINE_ENDS.sub("\n", value).replace("\t", "    "))


def is_harmless(url: str) -> bool:
    """Say whether an address may be a hyperlink."""
    return bool(_SAFE_URL.fullmatch(url))
