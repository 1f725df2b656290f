"""The three formats: the records of an entity file in their order, each with its place in the file.

A place is enough to read one record again later without reading the file: `parse` takes those bytes.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

from ingestlayer_cli.entities.values import TEXTS, key_text, typed
from ingestlayer_cli.system.errors import ProjectError, near_miss

BOM = b"\xef\xbb\xbf"
SAVE_AS_UTF8 = 'Save the file as UTF-8; in Excel that is the format "CSV UTF-8".'

# What to do about a file that cannot be read on: line, column (both from 1), problem, remedy (may be empty).
# A look-up raises; the check notes the problem and goes on behind it.
Refuse = Callable[[int, int, str, str], None]


# The first three fields of a Record.
Place = tuple[int, int, int]


class Record(NamedTuple):
    """One record and where it stands."""

    number: int  # its line, from 1 (CSV, NDJSON); its ordinal, from 1 (JSON)
    start: int  # bytes from the start of the file
    length: int  # bytes
    value: Any  # the cells, a list of str (CSV); the JSON value, an object if all is well (JSON, NDJSON)


class Format:
    """What the formats share. `key` is the key column, `types` maps columns to their declared types."""

    def __init__(self, key: str, types: dict[str, str], refuse: Refuse) -> None:
        self.key = key
        self.types = types
        self.refuse = refuse

    def records(self, file: BinaryIO) -> Iterator[Record]:
        """Yield every record of `file` from its beginning; blank lines are none."""
        raise NotImplementedError

    def prepare(self, file: BinaryIO) -> None:
        """Read what `parse` and `values` need when `records` did not run."""

    def parse(self, records: list[bytes]) -> list[Any]:
        """Return the `value` of each record, ValueError where one holds none. What they hold may be fewer or more."""
        raise NotImplementedError

    def columns_of(self, value: Any) -> list[str]:
        """Return the columns of one record."""
        return list(value) if isinstance(value, dict) else []

    def key_of(self, value: Any) -> str | None:
        """Return the key of a record as text, None when it has none."""
        return key_text(value.get(self.key)) if isinstance(value, dict) else None

    def values(self, value: Any) -> dict[str, Any]:
        """Return the columns of a record, typed."""
        types = self.types
        return {name: typed(it, types[name]) if name in types else it for name, it in value.items()}

    def where(self, number: int) -> str:
        """Return how a message calls the place of a record."""
        return f"on line {number}"

    def keyed(self, file: BinaryIO) -> Iterator[tuple[str, Record]]:
        """Yield the records that have a key, with it. Refuses when there are records, and none has one."""
        first = None
        some = False
        for record in self.records(file):
            key = self.key_of(record.value)
            if key is not None:
                some = True
                yield key, record
            elif first is None:
                first = self.columns_of(record.value)
        if first and not some and self.key not in first:
            self.refuse_columns(first, 1)

    def refuse_columns(self, columns: list[str], line: int) -> None:
        """Refuse the file because its `columns` lack the key column."""
        problem = f'there is no column "{self.key}", the key{near_miss(self.key, columns)}'
        self.refuse(line, 1, problem, f"The columns are: {', '.join(columns)}.")


class Csv(Format):
    """RFC 4180 with a header row; the names in it are taken without the spaces around them."""

    def __init__(self, key: str, types: dict[str, str], refuse: Refuse) -> None:
        super().__init__(key, types, refuse)
        self.columns: list[str] = []
        self.header_line = 0  # 0 until the header was read
        self._key_at: int | None = None
        self._typed: list[tuple[str, str]] = []  # the columns whose cells are to be more than texts

    def records(self, file: BinaryIO) -> Iterator[Record]:
        import csv

        self.header_line = 0
        lines = _Lines(file, self.refuse)
        # Strict: else a quote that is never closed would swallow the rest of the file unnoticed.
        reader = csv.reader(lines, strict=True)
        start, number = lines.end, 1
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                self.refuse(number, 1, _csv_problem(str(error)), "")
                cells = []
            if cells is None:
                break
            if any(map(str.strip, cells)):
                if self.header_line:
                    yield Record(number, start, lines.end - start, cells)
                else:
                    self._take_header(cells, number)
            start, number = lines.end, lines.number + 1
        if not self.header_line:
            remedy = f'Write a header row with the column "{self.key}" and one row for each key.'
            self.refuse(1, 1, "the file is empty", remedy)

    def prepare(self, file: BinaryIO) -> None:
        next(self.records(file), None)

    def parse(self, records: list[bytes]) -> list[Any]:
        import csv

        try:
            return list(csv.reader([data.decode() for data in records], strict=True))
        except csv.Error as error:
            raise ValueError(str(error)) from None

    def columns_of(self, value: list[str]) -> list[str]:
        return self.columns

    def key_of(self, value: list[str]) -> str | None:
        if self._key_at is None or self._key_at >= len(value):
            return None
        return value[self._key_at] or None

    def values(self, value: list[str]) -> dict[str, Any]:
        cells = value + [""] * (len(self.columns) - len(value))
        found: dict[str, Any] = {name: cell or None for name, cell in zip(self.columns, cells, strict=False)}
        for name, kind in self._typed:
            found[name] = typed(found[name], kind)
        # A column without a name is what a spreadsheet writes for a stray comma.
        found.pop("", None)
        return found

    def _take_header(self, cells: list[str], line: int) -> None:
        self.columns = [cell.strip() for cell in cells]
        self.header_line = line
        self._typed = [(name, kind) for name, kind in self.types.items() if name in self.columns and kind not in TEXTS]
        if self.key in self.columns:
            # As in `values`, the last one of two equal names counts.
            self._key_at = len(cells) - 1 - self.columns[::-1].index(self.key)
            return
        self._key_at = None
        for name, mark in (("semicolons", ";"), ("tabs", "\t")):
            if len(cells) == 1 and mark in cells[0]:
                problem = f'there is no column "{self.key}": the cells are separated by {name}, not by commas'
                self.refuse(line, 1, problem, "Save the file as CSV with commas.")
                return
        self.refuse_columns(self.columns, line)


class Ndjson(Format):
    """One JSON object on each line."""

    def __init__(self, key: str, types: dict[str, str], refuse: Refuse) -> None:
        super().__init__(key, types, refuse)
        self.decoder = _decoder()

    def records(self, file: BinaryIO) -> Iterator[Record]:
        lines = _Lines(file, self.refuse)
        start = lines.end
        for line in lines:
            if not line.isspace():
                try:
                    value = self.decoder.decode(line.rstrip())
                except (ValueError, RecursionError) as error:
                    column = getattr(error, "colno", 1)
                    self.refuse(lines.number, column, _json_problem(error), "")
                else:
                    yield Record(lines.number, start, lines.end - start, value)
            start = lines.end

    def parse(self, records: list[bytes]) -> list[Any]:
        return [self.decoder.decode(data.decode()) for data in records]


class Json(Format):
    """A list of objects, or an object of objects by their key.

    The standard library cannot read JSON piece by piece: `records` holds the text of the file in memory,
    one parsed record at a time. Reading one record by its place does not.
    """

    def __init__(self, key: str, types: dict[str, str], refuse: Refuse) -> None:
        import re

        super().__init__(key, types, refuse)
        self.decoder = _decoder()
        self._space = re.compile(r"[ \t\r\n]*")

    def records(self, file: BinaryIO) -> Iterator[Record]:
        from json import JSONDecodeError

        file.seek(0)
        data = file.read()
        offset = len(BOM) if data.startswith(BOM) else 0
        text = self._decode(data[offset:])
        try:
            yield from self._entries(text, offset)
        except JSONDecodeError as error:
            self.refuse(error.lineno, error.colno, _json_problem(error), "")
        except (ValueError, RecursionError) as error:
            self.refuse(1, 1, _json_problem(error), "")

    def parse(self, records: list[bytes]) -> list[Any]:
        texts = [data.decode() for data in records]
        return [self._entry(text, 0)[0] if text.startswith('"') else self.decoder.decode(text) for text in texts]

    def where(self, number: int) -> str:
        return f"in record {number}"

    def _entries(self, text: str, offset: int) -> Iterator[Record]:
        from json import JSONDecodeError

        at = self._skip(text, 0)
        closing = {"[": "]", "{": "}"}.get(text[at : at + 1])
        if closing is None:
            raise JSONDecodeError("Expecting a list of objects, or an object by key", text, at)
        read = self._entry if closing == "}" else self.decoder.raw_decode
        counted = 0  # characters whose bytes are in `offset`
        at = self._skip(text, at + 1)
        ordinal = 0
        while ordinal or text[at : at + 1] != closing:
            ordinal += 1
            value, end = read(text, at)
            start = offset + len(text[counted:at].encode())
            offset = start + len(text[at:end].encode())
            counted = end
            yield Record(ordinal, start, offset - start, value)
            at = self._skip(text, end)
            if text[at : at + 1] == closing:
                break
            if text[at : at + 1] != ",":
                raise JSONDecodeError("Expecting ',' delimiter", text, at)
            at = self._skip(text, at + 1)
        at = self._skip(text, at + 1)
        if at < len(text):
            raise JSONDecodeError("Extra data", text, at)

    def _entry(self, text: str, at: int) -> tuple[Any, int]:
        """Read `"key": object`; the object then has the key as its key column."""
        from json import JSONDecodeError

        if text[at : at + 1] != '"':
            raise JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        name, at = self.decoder.raw_decode(text, at)
        at = self._skip(text, at)
        if text[at : at + 1] != ":":
            raise JSONDecodeError("Expecting ':' delimiter", text, at)
        value, at = self.decoder.raw_decode(text, self._skip(text, at + 1))
        if isinstance(value, dict):
            value = {self.key: name} | value | {self.key: name}
        return value, at

    def _skip(self, text: str, at: int) -> int:
        match = self._space.match(text, at)
        return match.end() if match else at

    def _decode(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            column = error.start - data.rfind(b"\n", 0, error.start)
            self.refuse(line, column, _utf8_problem(error), SAVE_AS_UTF8)
            return data.decode(errors="replace")


FORMATS: dict[str, type[Format]] = {".csv": Csv, ".json": Json, ".ndjson": Ndjson, ".jsonl": Ndjson}


def format_of(path: str) -> type[Format]:
    """Return the format that the ending of `path` names; ProjectError when it names none."""
    ending = os.path.splitext(path)[1].lower()
    if ending not in FORMATS:
        raise ProjectError(
            f'{path} is no entity file: its name ends in "{ending}"',
            hint="Entity files are .csv, .json, .ndjson or .jsonl.",
        )
    return FORMATS[ending]


class _Lines:
    """The lines of a file as text; `number` and `end` (in bytes) tell how far it was read."""

    def __init__(self, file: BinaryIO, refuse: Refuse) -> None:
        file.seek(0)
        self.number = 0
        self.end = len(BOM) if file.read(len(BOM)) == BOM else 0
        file.seek(self.end)
        self._file = file
        self._refuse = refuse

    def __iter__(self) -> Iterator[str]:
        for raw in self._file:
            self.number += 1
            self.end += len(raw)
            try:
                line = raw.decode()
            except UnicodeDecodeError as error:
                column = len(raw[: error.start].decode()) + 1
                self._refuse(self.number, column, _utf8_problem(error), SAVE_AS_UTF8)
                line = raw.decode(errors="replace")
            yield line


def _decoder() -> Any:
    from json import JSONDecoder

    # NaN, Infinity and 1e999 are no numbers of JSON: they stay texts, and the check reports them.
    return JSONDecoder(parse_constant=str, parse_float=_finite)


def _finite(text: str) -> float | str:
    from math import isfinite

    number = float(text)
    return number if isfinite(number) else text


def _utf8_problem(error: UnicodeDecodeError) -> str:
    return f"the file is not UTF-8 (byte 0x{error.object[error.start]:02x})"


def _json_problem(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "broken JSON: nested too deeply"
    return f"broken JSON: {getattr(error, 'msg', error)}"


def _csv_problem(message: str) -> str:
    if "unexpected end" in message:
        return "a quote is opened in this record and never closed"
    if "expected after" in message:
        return 'text follows a closing quote (a quote inside a quoted cell is written twice: "")'
    if "field limit" in message:
        return f"a cell is longer than any should be: is its closing quote missing? ({message})"
    if "new-line" in message:
        return "a carriage return stands alone: lines end in LF or CR LF"
    return message
