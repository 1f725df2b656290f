"""Where each key and value of a TOML text stands: tomllib keeps no positions, and errors need them."""

import re
import tomllib
from typing import NamedTuple

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\]|\\.)*\"|'[^']*'")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\]|\\.)*"|\'[^\']*\'', re.DOTALL)
# One character of a value as the file writes it; and the end of a line that goes on in the next.
_ESCAPED = re.compile(r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\.|\r\n|.", re.DOTALL)
_JOINED = re.compile(r"(?:\\[ \t]*\r?\n[ \t\r\n]*)*")
_PLAIN = re.compile(r"\r\n|.", re.DOTALL)
_SCALAR = re.compile(r"[^,\]\}#\r\n]*")


class Position(NamedTuple):
    """Character offsets of a key (or array item) and of its value's first character, quotes left out."""

    key: int
    value: int


class Positions:
    """Positions of one text that tomllib has accepted."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counts: dict[Path, int] = {}
        self._found: dict[Path, Position] = {}
        self._document()

    def place(self, path: Path, offset: int | None = None) -> tuple[int, int]:
        """Return line and column (both 1-based) of a path's key, or of a character inside its value.

        The nearest known parent stands for a path that is not in the text.
        """
        known = path
        while known and known not in self._found:
            known = known[:-1]
        position = self._found.get(known, Position(0, 0))
        at = position.key if offset is None or known != path else self._inside(position.value, offset)
        return self._text.count("\n", 0, at) + 1, at - self._text.rfind("\n", 0, at)

    def _inside(self, at: int, offset: int) -> int:
        """Return where the character `offset` of a value stands, counting each escape as the one that it is."""
        quote = self._text[at - 1 : at]
        if quote not in ("'", '"') or offset == 0:
            return at + offset
        if self._text.startswith(quote * 3, at - 3) and self._text[at : at + 2].startswith(("\n", "\r\n")):
            at = self._text.index("\n", at) + 1
        is_basic = quote == '"'
        for _ in range(offset):
            at = _end(_JOINED, self._text, at) if is_basic else at
            at = _end(_ESCAPED if is_basic else _PLAIN, self._text, at)
        return _end(_JOINED, self._text, at) if is_basic else at

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"not TOML at character {self._at}")
        self._at = match.end()
        return match[0]

    def _document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> Path:
        start = self._at
        is_array = self._text.startswith("[[", start)
        self._at += 1 + is_array
        path: Path = ()
        for name in self._dotted():
            path = (*path, name)
            self._found.setdefault(path, Position(start, start))  # a table that is there by those below it
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        if is_array:
            path = path[:-1] if path and isinstance(path[-1], int) else path
            index = self._counts.get(path, 0)
            self._counts[path] = index + 1
            path = (*path, index)
        self._at += 1 + is_array
        self._found[path] = Position(start, start)
        return path

    def _dotted(self) -> list[str]:
        names = []
        while True:
            self._skip(_SPACE)
            names.append(_name(self._skip(_KEY)))
            self._skip(_SPACE)
            if self._at >= len(self._text) or self._text[self._at] != ".":
                return names
            self._at += 1

    def _pair(self, table: Path) -> None:
        start = self._at
        path = (*table, *self._dotted())
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        for length in range(len(table) + 1, len(path)):
            self._found.setdefault(path[:length], Position(start, start))
        self._value(path, start)

    def _value(self, path: Path, key: int) -> None:
        start = self._at
        char = self._text[start]
        if char in "\"'":
            quotes = 3 if self._text.startswith(char * 3, start) else 1
            self._found[path] = Position(key, start + quotes)
            self._skip(_STRING)
            return
        self._found[path] = Position(key, start)
        if char == "[":
            self._items(path, "]")
        elif char == "{":
            self._items(path, "}")
        else:
            self._skip(_SCALAR)

    def _items(self, path: Path, end: str) -> None:
        self._at += 1
        self._skip(_BLANK)
        index = 0
        while self._text[self._at] != end:
            if self._text[self._at] == ",":
                self._at += 1
            elif end == "}":
                self._pair(path)
            else:
                self._value((*path, index), self._at)
                index += 1
            self._skip(_BLANK)
        self._at += 1


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _name(written: str) -> str:
    """Return a key without its quotes and escapes."""
    return next(iter(tomllib.loads(f"{written} = 0"))) if written[0] in "\"'" else written
