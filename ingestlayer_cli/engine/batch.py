"""Reading a batch: lines into raw events, in chunks, in memory that does not grow with the file."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from ..model.declarations import Declaration
from ..model.gate import MAX_PAYLOAD, WRITTEN, Line, Raw, read_payload
from ..system.errors import RejectedError, UsageError

CHUNK = 1_000  # lines of a transaction at most
CHUNK_BYTES = 4_000_000  # and how long they may be together, but for the last; read they take many times the memory
READ = 1 << 18  # bytes read at once; a pipe gives what it has, so that a slow one is not waited for
_BOM = b"\xef\xbb\xbf"


def numbered_lines(file: BinaryIO) -> Iterator[list[tuple[int, bytes | None]]]:
    """Yield lists of (line number, line) with line ends cut; None stands for a line over the size limit."""
    number, rest, too_long = 0, b"", False
    first = True
    found: list[tuple[int, bytes | None]] = []
    while data := _read(file):
        has_more = len(data) == READ
        if first:
            data, first = data.removeprefix(_BOM), False
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            number += 1
            found.append((number, None if too_long or len(line) > MAX_PAYLOAD else line))
            too_long = False
        if len(rest) > MAX_PAYLOAD:
            rest, too_long = b"", True
        while len(found) >= CHUNK or (found and (not has_more or _size(found) >= CHUNK_BYTES)):
            yield found[:CHUNK]
            del found[:CHUNK]
    if rest or too_long:
        found.append((number + 1, None if too_long else rest))
    if found:
        yield found


def _read(file: BinaryIO) -> bytes:
    try:
        return os.read(file.fileno(), READ)
    except OSError as error:
        raise UsageError(f"the batch cannot be read: {error.strerror}", "name a file, or a pipe") from None


def _size(lines: list[tuple[int, bytes | None]]) -> int:
    return sum(len(line or b"") for _, line in lines)


def chunked(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield lines in lists that one transaction may have."""
    chunk: list[Line] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.text)
        if len(chunk) >= CHUNK or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _too_long() -> RejectedError:
    return RejectedError("size", f"the line is larger than {MAX_PAYLOAD:,} bytes")


class NdjsonBatch:
    """Envelopes {type, payload, idempotency_key?, timestamp?}, or payloads of one given type."""

    def __init__(self, file: BinaryIO, type_: str | None, source: str) -> None:
        self._file = file
        self._type = type_
        self._source = source

    def chunks(self) -> Iterator[list[Line]]:
        for lines in numbered_lines(self._file):
            yield [self._line(number, line) for number, line in lines if line is None or line.strip()]

    def _line(self, number: int, line: bytes | None) -> Line:
        try:
            if line is None:
                raise _too_long()
            raw = raw_event(read_payload(line, "the line"), self._type, self._source)
            return Line(number, raw, None, line)
        except RejectedError as error:
            return Line(number, None, error, line or b"")


def raw_event(data: Any, type_: str | None, source: str) -> Raw:
    """Read an envelope, or a payload when the type is given; RejectedError for what is neither."""
    if type_ is not None:
        return Raw(type_, data, source=source)
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        hint = 'a line is {"type": …, "payload": {…}}; for lines that are payloads: emit TYPE --batch …'
        raise RejectedError("schema", "the line is no envelope with a type", hint)
    if unknown := data.keys() - WRITTEN:
        raise RejectedError("schema", f"the envelope has an unknown key: {', '.join(sorted(map(str, unknown)))}")
    payload = data.get("payload", {})
    return Raw(data["type"], payload, data.get("idempotency_key"), data.get("timestamp"), source)


class CsvBatch:
    """Rows of one declared type; cells are read by the types of its fields, an empty cell is an absent field."""

    def __init__(self, file: BinaryIO, type_: str, declaration: Declaration | None, source: str) -> None:
        self._source_lines = numbered_lines(file)
        self._type = type_
        self._fields = declaration.fields if declaration else {}
        self._source = source
        self._header: list[str] = []
        self._record: list[tuple[int, bytes | None]] = []  # the lines of the record that is being read
        self._waiting: deque[tuple[int, bytes | None]] = deque()  # lines that are at hand

    def chunks(self) -> Iterator[list[Line]]:
        chunk: list[Line] = []
        for line in self._rows():
            chunk.append(line)
            if len(chunk) >= CHUNK or not self._waiting:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def _rows(self) -> Iterator[Line]:
        import csv

        csv.field_size_limit(MAX_PAYLOAD)
        rows = csv.reader(self._lines(), strict=True)
        while True:
            self._record.clear()
            try:
                cells = next(rows)
            except StopIteration:
                return
            except (csv.Error, UnicodeDecodeError, RejectedError) as error:
                yield self._refused(error)
                rows = csv.reader(self._lines(), strict=True)
                continue
            if not self._header:
                self._header = [cell.strip() for cell in cells]
            elif cells:
                yield self._line(cells)

    def _refused(self, error: Exception) -> Line:
        """Refuse the first line of a broken record and read the others again: a quote may have eaten them."""
        (number, line), *others = self._record
        self._waiting.extendleft(reversed(others))
        if line is None and isinstance(error, RejectedError):
            return Line(number, None, error, b"")
        words = "a quote is opened and not closed, or not at the end of its cell" if others else str(error)
        return Line(number, None, RejectedError("csv", f"the row cannot be read: {words}"), line or b"")

    def _lines(self) -> Iterator[str]:
        while True:
            if not self._waiting:
                self._waiting.extend(next(self._source_lines, ()))
            if not self._waiting:
                return
            number, line = self._waiting.popleft()
            self._record.append((number, line))
            if line is None:
                raise _too_long()
            yield line.decode("utf-8") + "\n"

    def _line(self, cells: list[str]) -> Line:
        number, text = self._record[0][0], b"\n".join(line or b"" for _, line in self._record)
        if len(cells) > len(self._header):
            words = f"the row has {len(cells)} cells, the header {len(self._header)}"
            return Line(number, None, RejectedError("csv", words), text)
        payload = {name: self._value(name, cell) for name, cell in zip(self._header, cells, strict=False) if cell != ""}
        return Line(number, Raw(self._type, payload, source=self._source), None, text)

    def _value(self, name: str, cell: str) -> Any:
        try:
            return self._fields[name].read(cell)
        except (KeyError, ValueError):
            return cell  # the gate says what is wrong with it
