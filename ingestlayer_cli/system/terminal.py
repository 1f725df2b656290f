"""Texts of users, events and files as a terminal may get them."""

import re
from unicodedata import category, combining, east_asian_width

WIDTH = 88  # of what is drawn: Slack does not stretch a message over a wide window either

# Beside C0: C1, bidirectional embeddings, overrides and isolates, lone surrogates.
ACTING = "\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE = re.compile(f"[\x00-\x09\x0b-\x1f{ACTING}]")
_ESCAPED = re.compile(f"[{ACTING}\u2028\u2029]")
_LINE_ENDS = re.compile(r"\r\n?|[\x85\u2028\u2029]")
# What terminals do not agree on the width of, beside what all of them draw alike: flags, joined emoji, their colours.
_JOINED = re.compile("(?<=[^\x00-\x7f])\u200d[^\x00-\x7f]\ufe0f?|[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")
_SAFE_URL = re.compile(r"https?://[!#-;=?-\[\]_a-z~]+", re.IGNORECASE)


def clean(value: object) -> str:
    """The text without characters that act on a terminal; "" for anything that is not a text."""
    if not isinstance(value, str):
        return ""
    text = _UNSAFE.sub("", _LINE_ENDS.sub("\n", value).replace("\t", "    "))
    return text if text.isascii() else of_one_width(text)


def of_one_width(text: str) -> str:
    """The text in characters that are as wide on every terminal: a border stands where it belongs."""
    return _FLAG.sub(lambda found: chr(ord(found[0]) - 0x1F1E6 + ord("A")), _JOINED.sub("", text))


# As wide as what they stand for, so that nothing moves.
_TWINS = {
    **dict(zip("✓✗–—•·…→▶‹›«»", "+x--*-~>><><>", strict=True)),
    **dict(zip("‘’‚‛′“”„‟″", "'''''\"\"\"\"\"", strict=True)),
    **dict(zip("─━│┃╭╮╰╯┌┐└┘├┤┬┴┼▎█▟▜▛▙░", "--||+++++++++++++|#####.", strict=True)),
    **dict(zip("▁▂▃▄▅▆▇", "_.-=+*%", strict=True)),
}


def twin(error: UnicodeError) -> tuple[str, int]:
    """What stands on a terminal for what its encoding lacks: our own marks have twins, all else is question marks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_twin, error.object[error.start : error.end])), error.end


def _twin(char: str) -> str:
    if char in _TWINS:
        return _TWINS[char]
    if combining(char) or category(char) in ("Mn", "Me", "Cf"):
        return ""
    return " " if char.isspace() else "??" if east_asian_width(char) in "WF" else "?"


def line(text: str) -> str:
    """The text in one line: what would begin another is seen as such, what acts on a terminal is a question mark."""
    return _UNSAFE.sub("�", _LINE_ENDS.sub("\\\\n", text).replace("\n", "\\n").replace("\t", " "))


def escaped(text: str) -> str:
    """JSON in which no character acts on a terminal that shows it: they stand in its strings, as \\uXXXX."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def is_harmless(url: str) -> bool:
    """Say whether an address may be a hyperlink."""
    return bool(_SAFE_URL.fullmatch(url))
