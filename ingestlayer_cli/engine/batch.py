"""Reading a batch: lines into raw events, in chunks, in memory that does not grow with the file."""

import os
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from stat import S_ISREG
from time import sleep

from ..model.declarations import Declaration, Field, printable
from ..model.gate import MAX_PAYLOAD, WRITTEN, Line, Raw, read_payload
from ..system.errors import Problem, RejectedError, UsageError, near_miss
from ..system.typed import Any, BinaryIO

CHUNK = 1_000  # lines of a transaction at most
CHUNK_BYTES = 500_000  # and how long they may be together, but for the last; read they take many times the memory
READ = 1 << 18  # bytes read at once; a pipe gives what it has, so that a slow one is not waited for
PATIENCE = 0.5  # seconds for which a file is waited for whose last line may still be written
ENVELOPE = ("idempotency_key", "timestamp", "source")


def numbered_lines(file: BinaryIO) -> Iterator[list[tuple[int, bytes | None]]]:
    """Yield lists of (line number, line) with line ends cut; None stands for a line over the size limit.

    WholeFileError for what is no text.
    """
    from ..entities.reading.stream import Stream

    number, rest, too_long = 0, b"", False
    found: list[tuple[int, bytes | None]] = []
    stream = Stream(_Input(file))
    for data in stream.pieces:
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            number += 1
            found.append((number, None if too_long or len(line) > MAX_PAYLOAD else line))
            too_long = False
        if len(rest) > MAX_PAYLOAD:
            rest, too_long = b"", True
        while len(found) >= CHUNK or (found and (not stream.has_more or _size(found) >= CHUNK_BYTES)):
            yield found[:CHUNK]
            del found[:CHUNK]
    if rest or too_long:
        found.append((number + 1, None if too_long else rest))
    if found:
        yield found


class _Input(BytesIO):
    """A batch as a file; UsageError when it cannot be read.

    A file that has changed a moment ago, and whose last line has no end, is waited for a little: is it still written?
    """

    def __init__(self, file: BinaryIO, is_whole: bool = True) -> None:
        super().__init__()
        self._file = file
        self._read: Callable[[int], bytes] = getattr(file, "read1", file.read)
        self._last = b"\n"
        self._waits = 0 if is_whole else 1

    def read1(self, size: int | None = -1, /) -> bytes:
        try:
            data = self._read(size or READ)
            if not data and self._waits and self._last != b"\n" and self._is_young():
                self._waits -= 1
                sleep(PATIENCE)
                data = self._read(size or READ)
        except OSError as error:
            raise UsageError(f"the batch cannot be read: {error.strerror or error}", "name a file, or a pipe") from None
        self._last = data[-1:] or self._last
        return data

    def _is_young(self) -> bool:
        from ..entities.reading.stream import is_young

        found = os.fstat(self._file.fileno())
        return S_ISREG(found.st_mode) and is_young(found.st_mtime_ns)


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


class _Envelopes:
    """Envelopes {type, payload, idempotency_key?, timestamp?, source?}, or payloads of one given type."""

    notes: tuple[str, ...] = ()
    proposal = ""

    def __init__(self, file: BinaryIO, type_: str | None, source: str) -> None:
        self._file = file
        self._type = type_
        self._source = source


class NdjsonBatch(_Envelopes):
    """One a line."""

    def chunks(self) -> Iterator[list[Line]]:
        from ..entities.reading.faults import WholeFileError

        try:
            for lines in numbered_lines(self._file):
                yield [self._line(number, line) for number, line in lines if line is None or line.strip()]
        except WholeFileError as error:
            yield [_refused(error, "json")]

    def _line(self, number: int, line: bytes | None) -> Line:
        try:
            if line is None:
                raise _too_long()
            raw = raw_event(read_payload(line, "the line"), self._type, self._source)
            return Line(number, raw, None, line)
        except RejectedError as error:
            return Line(number, None, error, line or b"")


_ENVELOPE = frozenset((*WRITTEN, "source"))


def raw_event(data: Any, type_: str | None, source: str) -> Raw:
    """Read an envelope, or a payload when the type is given; RejectedError for what is neither."""
    if type_ is not None:
        return Raw(type_, data, source=source)
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        hint = 'a line is {"type": …, "payload": {…}}; for lines that are payloads: emit TYPE --batch …'
        raise RejectedError("schema", "the line is no envelope with a type", hint)
    if not _ENVELOPE.issuperset(data):
        unknown = data.keys() - _ENVELOPE
        raise RejectedError("schema", f"the envelope has an unknown key: {', '.join(sorted(map(str, unknown)))}")
    payload = data.get("payload", {})
    if data.get("source") is not None:
        source = data["source"]
    return Raw(data["type"], payload, data.get("idempotency_key"), data.get("timestamp"), source)


class JsonBatch(_Envelopes):
    """One JSON list of them."""

    def chunks(self) -> Iterator[list[Line]]:
        return chunked(self._lines())

    def _lines(self) -> Iterator[Line]:
        from ..entities.reading.faults import EmptyFileError, WholeFileError
        from ..entities.reading.json_rows import Json

        reader = Json()
        try:
            for number, _, _, value, fault in reader.records(_Input(self._file)):
                if reader.by_key:
                    raise reader.refused("it holds no list of objects")
                text = reader.text.encode("utf-8", "backslashreplace")
                try:
                    if fault is not None:
                        raise RejectedError("json", fault.words, fault.hint)
                    yield Line(number, raw_event(value, self._type, self._source), None, text)
                except RejectedError as error:
                    yield Line(number, None, error, text)
        except EmptyFileError:
            return
        except WholeFileError as error:
            yield _refused(error, "json")


class CsvBatch:
    """Rows of one declared type; cells are read by the types of its fields, an empty cell is an absent field.

    The columns `timestamp`, `idempotency_key` and `source` are the envelope's, unless the type declares such a field.
    `format` says how it is written; what it does not say is never guessed, and proposed.
    """

    def __init__(
        self,
        file: BinaryIO,
        type_: str,
        declaration: Declaration | None,
        source: str,
        format: dict[str, Any] | None = None,
    ) -> None:
        from ..entities.reading.csv_rows import Csv
        from ..entities.reading.written import Proposal, dates_of, numbers_of

        self._reader = Csv(format)
        self._plain = {"number": numbers_of(format or {}), "date": dates_of(format or {})}
        self._proposal = Proposal(format or {})
        self._file = file
        self._type = type_
        self._declaration = declaration
        self._fields = declaration.fields if declaration else {}
        self._own = [name for name in ENVELOPE if name not in self._fields]
        self._reads = {name: self._read_by(field) for name, field in self._fields.items()}
        self._has_own = False  # whether the header has any of these
        self._source = source

    @property
    def notes(self) -> list[str]:
        """What was settled by the looks of the header, once it was read."""
        return self._reader.notes

    @property
    def proposal(self) -> str:
        """The setting that would read the most of the cells that were not read; nothing where none would."""
        from shlex import quote

        return self._proposal.words(lambda told: f"--format {quote(told)}")

    def chunks(self) -> Iterator[list[Line]]:
        from ..entities.reading.faults import EmptyFileError, WholeFileError

        chunk: list[Line] = []
        size = 0
        is_first = True
        reader = self._reader
        try:
            for number, start, length, cells, fault in reader.records(_Input(self._file, is_whole=False)):
                if is_first:
                    is_first = False
                    self._check_header()
                text = reader.lines.text(number, start + length).rstrip(b"\r\n")
                if fault is not None:
                    kind = "size" if "larger than" in fault.words else "csv"
                    chunk.append(Line(number, None, RejectedError(kind, fault.words, fault.hint), text))
                else:
                    chunk.append(Line(number, self._raw(reader.values(cells)), None, text))
                size += len(text)
                if len(chunk) >= CHUNK or size >= CHUNK_BYTES or reader.must_wait(start + length):
                    yield chunk
                    chunk, size = [], 0
            if is_first:
                self._check_header()
        except EmptyFileError:
            return
        except WholeFileError as error:
            chunk.append(_refused(error, "csv"))
        except RejectedError as error:
            text = ",".join(reader.columns).encode("utf-8", "backslashreplace")
            chunk.append(Line(reader.header_line, None, error, text))
        if chunk:
            yield chunk

    def _check_header(self) -> None:
        """Raise RejectedError when no row could fit: there are columns that are no fields, or required ones lack."""
        self._has_own = any(name in self._reader.columns for name in self._own)
        if self._declaration is None:
            return
        columns = [name for name in self._reader.columns if name]
        known = [*self._fields, *self._own]
        lacking = [name for name, field in self._fields.items() if not field.optional and name not in columns]
        problems = [Problem(name, "is required, and no column") for name in lacking]
        others = [name for name in columns if name not in known]
        problems += [Problem(printable(name), f"is not a declared field{near_miss(name, known)}") for name in others]
        if problems:
            first = f"{problems[0].path} {problems[0].problem}"
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            hint = f"the declared fields: ingestlayer emit {self._type} --help"
            raise RejectedError("schema", f"the header does not fit {self._type}: {first}{more}", hint, problems)

    def _raw(self, values: dict[str, Any]) -> Raw:
        own = {name: values.pop(name, None) for name in self._own} if self._has_own else {}
        payload = {name: self._value(name, cell) for name, cell in values.items() if cell is not None}
        if not own:
            return Raw(self._type, payload, None, None, self._source)
        key, timestamp, source = (own.get(name) for name in ENVELOPE)
        return Raw(self._type, payload, key, timestamp, source or self._source)

    def _value(self, name: str, cell: str) -> Any:
        read = self._reads.get(name)
        try:
            return cell if read is None else read(cell)
        except ValueError:
            return cell  # the gate says what is wrong with it

    def _read_by(self, field: Field) -> Callable[[str], Any]:
        """Return what reads the cells of a field, as the format has them; a cell that it does not read is noted."""
        kind = _WRITTEN.get(field.type) if field.values is None else None
        if kind is None:
            return field.read
        plain, read = self._plain[kind], field.read
        good = self._proposal.read if kind == "number" else None
        bad = self._proposal.unread if kind == "number" else self._proposal.unread_date

        def value(cell: str) -> Any:
            try:
                text = cell if plain is None else plain(cell)
                found = read("" if text is None else text)
            except ValueError:
                bad(cell)
                raise
            if good is not None:
                good(cell)
            return found

        return value


_WRITTEN = {"number": "number", "integer": "number", "date": "date", "datetime": "date"}


def _refused(error: Any, kind: str) -> Line:
    """Return the one line that stands for a file of which nothing, or nothing more, can be read."""
    fault = error.fault
    return Line(fault.line, None, RejectedError(kind, fault.words, fault.hint), b"")
