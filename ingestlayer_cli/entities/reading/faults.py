"""What a row of a file is, and what may be wrong with it, or with the whole file."""

from ...system.typed import Any


class Fault:
    """What is wrong with a row, or with a whole file, and where: line and column from 1.

    Words about a file begin with `the file`.
    """

    def __init__(self, line: int, column: int, words: str, hint: str = "") -> None:
        self.line = line
        self.column = column
        self.words = words
        self.hint = hint


# A row: its line, from 1 (CSV, NDJSON), or its ordinal, from 1 (JSON); where it begins, and how long it is, in bytes;
# its value: the cells, a list of texts (CSV), or the JSON value; and what is wrong with it, if anything is.
Record = tuple[int, int, int, Any, Fault | None]
Parsed = tuple[Any, Fault | None]


class WholeFileError(Exception):
    """Nothing of a file can be read, or nothing more of it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.words)
        self.fault = fault

    @property
    def remedy(self) -> str:
        return self.fault.hint or f"look at line {self.fault.line}, column {self.fault.column}"

    def words(self, name: str) -> str:
        """Say what is wrong with the file of a name."""
        what = self.fault.words
        return name + what.removeprefix("the file") if what.startswith("the file") else f"{name}: {what}"


class EmptyFileError(WholeFileError):
    """There is nothing in a file: where that is a table with no rows, and where a file that is being written."""

    def __init__(self) -> None:
        hint = "is it being written? Write it under another name, then move it into place"
        super().__init__(Fault(1, 1, "the file is empty", hint))


def visible(text: str) -> str:
    """Return a text of a file with whatever would not show, or would move what stands beside it, written out."""
    if text.isprintable():
        return text
    return "".join([letter if letter.isprintable() else _escaped(letter) for letter in text])


def _escaped(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
