"""Why a text is not TOML, in the words of who wrote it: the reader's own name its grammar, and not the mistake.

Loaded only when a file is broken. The reader says where it stopped; what stands there tells the usual causes.
"""

import re
from typing import NamedTuple

_KEY = r"(?:[\w-]+|\"[^\"\n]*\"|'[^'\n]*')"
_KEYS = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_PAIR = re.compile(rf"[ \t]*({_KEYS})[ \t]*=[ \t]*")
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEYS})[ \t]*(\]*)")
_WORDY = re.compile(r"[ \t]*([^=\n\[\]{}\"'#]*[^=\n\[\]{}\"'# \t])[ \t]*=")
_TYPOGRAPHIC = "“”„‟«»‘’‚‛′″"
_UNSEEN = re.compile("[\u00a0\u00ad\u200b-\u200f\u2028\u2029\u202a-\u202f\u2060-\u2064\u3000\ufeff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TEXT = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
_TRUTH = {"true": "true", "false": "false", "yes": "true", "no": "false"}
_LISTS = ("steps", "destinations", "tests")


class Mistake(NamedTuple):
    """Where a text stops being TOML, and why."""

    line: int
    column: int
    words: str


_LONGEST = 2_000  # characters of a line that are looked at


class _Open(NamedTuple):
    """What was begun above a place and goes on to it: where a list begins, or a text of several lines and how."""

    lists: list[tuple[int, int]]
    text: tuple[int, int]
    quote: str


def why(text: str, error: Exception) -> Mistake:
    """Return the fault that tomllib tells in its own words. Values are not told: they may be secrets."""
    said = str(error)
    line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    if found := re.search(r"\(at line (\d+), column (\d+)\)", said):
        line, column = int(found[1]), int(found[2])
    elif "(at end of document)" not in said:
        return Mistake(1, 1, "it has more in one another, or longer numbers, than can be read")
    return _explained(text, line, column, said.startswith(("Cannot ", "Duplicate ")))


def _explained(text: str, line: int, column: int, is_twice: bool) -> Mistake:
    """Return the fault at a place; `is_twice`: what stands there is there already."""
    lines = text.split("\n")
    line = min(line, len(lines))
    written = lines[line - 1].rstrip("\r")
    if len(written) > _LONGEST:
        return Mistake(line, column, "here stands neither a table nor a key with its value")
    if is_twice and (fault := _twice(lines, line, column - 1)):
        return fault
    if found := _of_characters(written):
        return Mistake(line, found[0] + 1, found[1])
    begun = _begun(lines, line, column)
    if begun.quote:
        return Mistake(*begun.text, f"the text that begins here with {begun.quote} is not closed")
    is_inside = bool(begun.lists) and begun.lists[0][0] < line
    is_next = is_inside and (_PAIR.match(written) or _HEADER.match(written))
    is_end = not written[column - 1 :].strip() and written.count('"') % 2 == 0
    if begun.lists and (is_next or is_end):
        return Mistake(*begun.lists[0], "the list that begins here is not closed: its ] is missing")
    at, words = (None if is_inside else _of_line(written)) or _of_value(written, column - 1, is_inside)
    return Mistake(line, at + 1, words)


# What stands twice -----------------------------------------------------------------------------------------


def _twice(lines: list[str], line: int, at: int) -> Mistake | None:
    written = lines[line - 1]
    if header := _HEADER.match(written):
        return Mistake(line, header.start(1) + 1, _table_twice(lines[: line - 1], header[1], _plain(header[2])))
    if (pair := _PAIR.match(written)) is None:
        return None
    if written.startswith("{", pair.end()):
        return Mistake(line, at + 1, "a key stands twice in this { }")
    first = _first_key(lines[: line - 1], _plain(pair[1]))
    return Mistake(
        line, pair.start(1) + 1, f"{_plain(pair[1])} stands twice{f', first in line {first}' if first else ''}"
    )


def _table_twice(above: list[str], opening: str, name: str) -> str:
    first, form = _first_table(above, name)
    if opening == "[" and (name in _LISTS or form == "[["):
        return f"[{name}] stands for one of a list: write [[{name}]], each time"
    if opening == "[[" and form == "[":
        return f"[{name}] in line {first} is no list: write [[{name}]] there, too"
    if form == opening:
        return f"[{name}] stands twice, first in line {first}"
    return f"[{name}] is there already{f', in line {first}' if first else ''}: put its keys there"


def _first_table(above: list[str], name: str) -> tuple[int, str]:
    """Return the line in which a table is there first, and how: by `[`, by `[[`, or as a key."""
    table = ""
    for number, written in enumerate(above, 1):
        if header := _HEADER.match(written):
            table = _plain(header[2])
            if table == name:
                return number, header[1]
        elif (pair := _PAIR.match(written)) and f"{table}.{_plain(pair[1])}.".lstrip(".").startswith(f"{name}."):
            return number, ""
    return 0, ""


def _first_key(above: list[str], name: str) -> int:
    """Return the line of the same table that has a key first; 0 when it cannot be told."""
    found = 0
    for number in range(len(above), 0, -1):
        written = above[number - 1]
        if _HEADER.match(written):
            break
        pair = _PAIR.match(written)
        if pair and f"{_plain(pair[1])}.".startswith(f"{name}."):
            found = number
    return found


def _plain(keys: str) -> str:
    return ".".join(part.strip(" \t\"'") for part in keys.split("."))


# What one line tells ---------------------------------------------------------------------------------------

_Found = tuple[int, str]  # where in the line, from 0, and why


def _of_characters(written: str) -> _Found | None:
    """Find characters that look like others, or like nothing, outside of texts."""
    if "\r" in written:
        return written.index("\r"), "a line ends with a carriage return alone: save the file with line ends of today"
    if found := _CONTROL.search(written):
        return found.start(), f"a control character stands here (U+{ord(found[0]):04X}): delete it"
    bare = _TEXT.sub(lambda text: " " * len(text[0]), written).partition("#")[0]
    if found := re.search(f"[{_TYPOGRAPHIC}]", bare):
        straight = "'" if found[0] in "‘’‚‛′" else '"'
        return found.start(), f"{found[0]} is a typographic quote: write {straight}"
    if found := _UNSEEN.search(bare):
        return found.start(), f"a character that does not show stands here (U+{ord(found[0]):04X}): delete it"
    return None


_BEGINS = {
    ("<<<<<<<", "=======", ">>>>>>>"): "a merge of two versions is not finished here",
    ("//", "/*", "--"): "a comment begins with #",
    ("{",): "this looks like JSON: TOML has key = value, each in a line of its own",
    ("- ",): "this looks like YAML: a list is written key = [ …, … ]",
}
_NAMES = "with other characters than letters, digits, _ and - needs quotes"


def _of_line(written: str) -> _Found | None:
    """Find what is wrong with how a line begins."""
    start = len(written) - len(written.lstrip())
    begins = written[start:]
    for signs, words in _BEGINS.items():
        if begins.startswith(signs):
            return start, words
    if begins.startswith("["):
        return _of_header(written, start)
    if pair := _PAIR.match(written):
        more = re.match(r"[=>]+", written[pair.end() :])
        return (pair.end() - 1, "one = stands between a key and its value") if more else None
    key = re.match(rf"[ \t]*({_KEYS})[ \t]*", written)
    if key and written[key.end() :].startswith(":"):
        return key.end(), f"between a key and its value stands =, and no colon: write {key[1]} = …"
    if wordy := _WORDY.match(written):
        return wordy.start(1), f'a key {_NAMES}: write "{wordy[1]}" = …'
    if key is None:
        return None
    is_alone = not written[key.end() :].partition("#")[0].strip()
    what = "= and a value are missing" if is_alone else "= is missing between a key and its value"
    return key.end(), f"{what}: write {key[1]} = …"


def _of_header(written: str, start: int) -> _Found | None:
    """Find what is wrong with the name of a table."""
    opening = "[[" if written.startswith("[[", start) else "["
    inside = written[start:].strip("[] \t\r")
    if " " in inside and not re.search("[\"'=,\\[\\]#]", inside):
        return start, f"a name {_NAMES}: write {opening}{_in_quotes(inside)}{']' * len(opening)}"
    if not (header := _HEADER.match(written)):
        return None
    opening, name, closing = header.groups()
    whole = f"{opening}{name}{']' * len(opening)}"
    if len(closing) != len(opening):
        return start, f"{opening}{name}{closing} is not closed as it is opened: write {whole}"
    is_alone = not written[header.end() :].partition("#")[0].strip()
    return None if is_alone else (header.end(), f"{whole} stands in a line of its own")


def _in_quotes(name: str) -> str:
    return ".".join(f'"{part.strip()}"' if " " in part.strip() else part.strip() for part in name.split("."))


def _begun(lines: list[str], line: int, column: int) -> _Open:
    """Read what stands above a place."""
    lists: list[tuple[int, int]] = []
    quote, text = "", (0, 0)
    for number, written in enumerate(lines[:line], 1):
        pair = _PAIR.match(written)
        if not (lists or quote or pair):
            continue
        index, end = 0, column - 1 if number == line else len(written)
        while index < end:
            if quote:
                index = written.find(quote, index)
                if index < 0:
                    break
                index, quote = index + 3, ""
            elif written.startswith(('"""', "'''"), index):
                quote, text = written[index : index + 3], (number, index + 1)
                index += 3
            elif found := _TEXT.match(written, index):
                index = found.end()
            elif written[index] == "#":
                break
            else:
                if written[index] == "[":
                    lists.append((number, index + 1))
                elif written[index] == "]" and lists:
                    lists.pop()
                index += 1
    return _Open(lists, text, quote)


# What a value tells ----------------------------------------------------------------------------------------


def _of_value(written: str, at: int, is_inside: bool) -> _Found:
    """Say what is wrong with a value; `at` is where the reader stopped, `is_inside` a list of several lines."""
    pair = None if is_inside else _PAIR.match(written)
    start = pair.end() if pair else len(written) - len(written.lstrip())
    value = written[start:].rstrip()
    key = f"{pair[1]} = " if pair else ""
    if "{" in written[:at] and written.rfind("{", 0, at) > written.rfind("}", 0, at):
        return at, _of_table(written, at)
    if not value:
        return start, f"the value is missing: write {key}…"
    if value.count('"') % 2 and "'" not in value:
        return at if at < len(written) else start, 'a " is missing: each text has one before it and one after it'
    if is_inside or value.startswith("["):
        return at, _of_item(written, at)
    if value.startswith(('"', "'")):
        return _of_text(written, start, at)
    return start, _of_bare(value, key)


def _of_table(written: str, at: int) -> str:
    """Say what is wrong in { }."""
    rest = written[at:].strip()
    if not rest or (rest.startswith("}") and written[:at].rstrip().endswith(",")):
        return "a table in { } stands in one line, with commas between its pairs, and none after the last"
    if rest.startswith(":"):
        return "between a key and its value stands =, and no colon"
    return 'in { } stands key = value, with commas between the pairs, and quotes about texts: { a = "…", b = 1 }'


def _of_text(written: str, start: int, at: int) -> _Found:
    value, quote = written[start:], written[start]
    if quote == '"' and not _SOUND.fullmatch(value[: max(at - start, 0) + 1]):
        return start, "a backslash begins an escape in \" \": write the text in ' ', or each backslash twice"
    text = _TEXT.match(value)
    if text is None:
        return start, f"the text is not closed: its {quote} is missing at the end"
    rest = value[text.end() :].strip()
    after = start + text.end()
    if quote in rest and not _WORDY.match(rest):
        other = "'" if quote == '"' else '"'
        return after, f"the text ends here, at its second {quote}: write it in {other} {other}, with {quote} in it"
    return after, _of_rest(rest)


_SOUND = re.compile(r"(?:[^\\]|\\[btnfr\"\\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*\\?")


def _of_item(written: str, at: int) -> str:
    """Say what is wrong in a list, or after it."""
    before, rest = written[:at].rstrip(), written[at:].strip()
    if rest.startswith(('"', "'", "[", "{")) and before and not before.endswith(("[", ",")):
        return "a comma is missing between two values"
    if before.endswith("]"):
        return _of_rest(rest)
    if rest.startswith(('"', "'")):
        return "a comma is missing before this value"
    return _of_bare(re.split(r"[,\]]", rest)[0].strip(), "") if rest else "its ] is missing"


def _of_rest(rest: str) -> str:
    """Say what is wrong with what stands after a value."""
    if rest.startswith(";"):
        return "no ; stands after a value"
    if rest.startswith("//"):
        return "a comment begins with #"
    return "each key stands in a line of its own" if _PAIR.match(rest) else "after a value stands nothing but a comment"


def _of_bare(value: str, key: str) -> str:
    """Say what a value without quotes should be."""
    word = value.partition("#")[0].strip() or value
    if word.lower() in _TRUTH:
        return f"this is written true or false: write {key}{_TRUTH[word.lower()]}"
    if word.lower() in ("null", "none", "nil"):
        return "TOML has no null: leave the key out"
    if re.search(r"^[\w.+-]+\s+[\w-]+\s*=", word):
        return "each key stands in a line of its own"
    if word.endswith(";"):
        return "no ; stands after a value"
    if re.fullmatch(r"[+-]?0\d+", word):
        return f'a number has no zeros before it: leave them out, or write {key}"…" for a text'
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", word):
        return f"a number has no thousands separators: write {key}{word.replace(',', '')}"
    if re.fullmatch(r"[+-]?(\.\d+|\d+\.)", word):
        return "a number has digits on both sides of its point"
    if re.fullmatch(r"\d{4}-\d\d-\d\d([T ].*)?", word):
        return "this is no date of the calendar"
    return f'a text stands in quotes: write {key}"…"'
