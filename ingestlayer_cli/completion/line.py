"""The line of bash: the words in it as they are meant, and a word as it must be typed.

Nothing that is inserted may act: of an event's values, or of a customer's key, anything may be true.
"""

import re

from ..system.typed import NamedTuple

_SPECIAL = re.compile(r"""[\s"'`$\\!&|;<>(){}\[\]*?~#^]""")
_SPECIAL_IN_QUOTES = {"": _SPECIAL, '"': re.compile(r'["`$\\!]'), "'": re.compile(r"['!]")}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


class AsTyped(NamedTuple):
    """A word, or the beginning of one, as it was typed: what it means, and the quote that is open at its end."""

    meant: str
    quote: str


def words_of(line: str, replaced: str) -> tuple[list[str], str, AsTyped]:
    """Return the words after the command's name, what the one at the end means so far, and what of that one stays.

    `replaced` is the text at the end that bash takes out for what it is given: it begins anew after a `:`, `=` or `@`,
    and after a quote that is open.
    """
    raws = _split(line)
    last = raws.pop()
    while raws and _ASSIGNMENT.match(raws[0]):
        del raws[0]
    stays = last.removesuffix(replaced) if last.endswith(replaced) else ""
    return [read(raw).meant for raw in raws[1:]], read(last).meant, read(stays)


def inserted(value: str, typed: AsTyped) -> str:
    """Return what is to be typed after what stands there, for the word to mean a value, and to do nothing."""
    special = _SPECIAL_IN_QUOTES[typed.quote]
    return "".join(_safe(char, special, typed.quote) for char in value.removeprefix(typed.meant))


def read(raw: str) -> AsTyped:
    """Read a word as bash does, but for what it would put in its place: `$HOME` stays as it is."""
    meant, quote, at = "", "", 0
    while at < len(raw):
        char = raw[at]
        at += 1
        if char == quote:
            quote = ""
        elif char in "'\"" and not quote:
            quote = char
        elif char == "\\" and quote != "'" and at < len(raw):
            escapes = not quote or raw[at] in '"`$\\'
            meant += raw[at] if escapes else char + raw[at]
            at += 1
        else:
            meant += char
    return AsTyped(meant, quote)


def _split(line: str) -> list[str]:
    """Return the words of a line as they are typed; the last one is empty after a space."""
    words, start = [], 0
    for space in re.finditer(r"\s", line):
        before = line[start : space.start()]
        if read(before).quote or _is_escaping(before):
            continue
        if before:
            words.append(before)
        start = space.end()
    return [*words, line[start:]]


def _is_escaping(before: str) -> bool:
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _safe(char: str, special: re.Pattern[str], quote: str) -> str:
    if char.isprintable() and not special.match(char):
        return char
    if char.isprintable() and char != "!" and quote != "'":
        return f"\\{char}"
    # In quotes neither a newline nor history's `!` can be taken out of its meaning: they stand between two of them.
    code = "".join(f"\\{byte:03o}" for byte in char.encode(errors="surrogateescape"))
    return f"{quote}$'{code}'{quote}" if not char.isprintable() else f"{quote}\\{char}{quote}"
