"""What the readers of the forms share: a file's rows in their order, each with its place and its own problem.

The bytes of a place are enough to read its row again later, without reading the file.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from .stream import Stream

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

    def words(self, name: str) -> str:
        """Say what is wrong with the file of a name."""
        what = self.fault.words
        return name + what.removeprefix("the file") if what.startswith("the file") else f"{name}: {what}"


class EmptyFileError(WholeFileError):
    """There is nothing in a file: where that is a table with no rows, and where a file that is being written."""

    def __init__(self) -> None:
        hint = "is it being written? Write it under another name, then move it into place"
        super().__init__(Fault(1, 1, "the file is empty", hint))


class Reader:
    """Reads the rows of files of one form.

    `format` is the table of that name in `ingestlayer.toml`, may be empty. `names` are our names of columns by theirs.
    """

    unit = "line"

    def __init__(self, format: dict[str, Any] | None = None, names: dict[str, str] | None = None) -> None:
        self.format = format or {}
        self.names = names or {}
        self.columns: list[str] | None = None  # of every row, once the header was read; None: each has its own
        self.notes: list[str] = []  # what was settled by the looks of the file
        self.stream: Stream

    def records(self, file: BinaryIO, is_young: bool = False) -> Iterator[Record]:
        """Yield every row of an open file from where it stands; WholeFileError when it cannot be read, or read on.

        `is_young`: it was changed a moment ago, and may not be written to its end.
        """
        raise NotImplementedError

    def prepare(self, file: BinaryIO) -> None:
        """Read what `parse` needs when `records` did not run."""
        from .stream import HEAD, Stream

        self.stream = Stream(file, self.format.get("encoding"), HEAD)

    def parse(self, records: list[bytes]) -> list[Parsed]:
        """Read rows again by their bytes; ValueError where there is none."""
        raise NotImplementedError

    def values(self, value: Any) -> dict[str, Any]:
        """Return the columns of a row."""
        if not isinstance(value, dict):
            return {}
        return {self.names.get(name, name): it for name, it in value.items()} if self.names else value


def visible(text: str) -> str:
    """Return a text of a file with whatever would not show, or would move what stands beside it, written out."""
    if text.isprintable():
        return text
    return "".join([letter if letter.isprintable() else _escaped(letter) for letter in text])


def _escaped(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
