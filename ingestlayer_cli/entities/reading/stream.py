"""A file from its start: its bytes, unpacked, in an encoding whose lines end in one byte; its lines; and what the
readers of its rows share.
"""

from collections.abc import Iterator
from io import BytesIO, StringIO
from itertools import accumulate, chain

from ...system.typed import Any, BinaryIO, TomlTable, Values
from .cells import is_composed
from .faults import Fault, Parsed, Record, WholeFileError

READ = 1 << 18  # bytes read at once; a pipe gives what it has, so that a slow one is not waited for
HEAD = 1 << 13  # bytes read at once for the header alone
LINE = 1 << 20  # bytes of a line, and characters of a cell, at most
# Whoever writes a file and has stopped for so long has finished.
MOMENTS = 10_000_000_000  # nanoseconds
UTF8 = "utf-8"
SAVE_AS_UTF8 = 'save it as UTF-8 (in Excel: "CSV UTF-8"), or say what it is: format = { encoding = "cp1252" }'
HALF = "the row has no line end, and the file has changed a moment ago: it is read once the line is whole"
_MARK = b"\xef\xbb\xbf"
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_PACKED = b"\x1f\x8b"
_NO_TEXT = {
    b"PK\x03\x04": "an Excel workbook, or another ZIP archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"%PDF": "a PDF document",
    b"SQLi": "a SQLite database",
    b"PAR1": "a Parquet file",
}


class Stream:
    """The bytes of one open file, piece by piece.

    `encoding` is what a line is decoded with, `told` what the file is said to be written in. `start` is where the first
    line begins. A stream that is `made` has other bytes than the file, whose places are of no use.
    """

    def __init__(self, file: BinaryIO, encoding: str | None = None, size: int = READ) -> None:
        """Read `size` bytes at once."""
        self._size = size
        self.has_more = True  # more may be read without waiting for whoever writes it
        self.made = False
        self.start = 0
        pieces = self._pieces(file)
        head, pieces = _head(pieces)
        if head.startswith(_PACKED):
            self.made = True
            head, pieces = _head(_unpacked(pieces))
        if head[:4] in _NO_TEXT:
            what = _NO_TEXT[head[:4]]
            raise WholeFileError(Fault(1, 1, f"the file is {what}: no CSV and no JSON", "export it as CSV (UTF-8)"))
        self.encoding = self.told = encoding or UTF8
        if head.startswith(_MARK):
            self.encoding = self.told = UTF8
            self.start = len(_MARK)
            head = next(pieces).removeprefix(_MARK)
            pieces = chain([head] if head else [], pieces)
        elif (mark := head[:2]) in _MARKS:
            self.told = _MARKS[mark]
        if is_wide(self.told):
            self.made, self.encoding = True, UTF8
            pieces = _narrowed(pieces, self.told)
        # The first line end tells.
        end = head.find(b"\r")
        self.is_carriage = not self.made and end >= 0 and b"\n" not in head[: end + 2]
        self.pieces = _lines_of_macs(pieces) if self.is_carriage else pieces

    def _pieces(self, file: Any) -> Iterator[bytes]:
        read = getattr(file, "read1", file.read)
        while piece := read(self._size):
            self.has_more = len(piece) == self._size
            yield piece

    def decoded(self, data: bytes, errors: str = "strict") -> str:
        """Return bytes of this stream as text."""
        return data.decode(self.encoding, errors)

    def refused(self, line: int, raw: bytes, at: int) -> Fault:
        """Return the fault of a row whose byte `at` is not of the encoding."""
        column = len(raw[:at].decode(self.encoding, "replace")) + 1
        byte = "" if self.made and is_wide(self.told) else f" (byte 0x{raw[at]:02x})"
        name = {"utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}.get(self.told, self.told)
        return Fault(line, column, f"the row is not {name}{byte}", SAVE_AS_UTF8)


def is_young(changed: int) -> bool:
    """Say whether a file that has changed at that time, in nanoseconds, may still be written."""
    from time import time_ns

    return abs(time_ns() - changed) < MOMENTS


def is_wide(encoding: str) -> bool:
    """Say whether a line end is more than its byte in an encoding: UTF-16 and UTF-32."""
    return encoding != UTF8 and "\n".encode(encoding) != b"\n"


def _head(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first piece, of four bytes at least where there are so many, and all the pieces."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= 4:
            break
    return head, chain([head] if head else [], pieces)


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip, of which there may be several, one behind the other."""
    import zlib

    unpacker = zlib.decompressobj(31)
    try:
        for piece in pieces:
            while piece:
                if unpacker.eof:
                    piece = piece.lstrip(b"\0")
                    if not piece:
                        break
                    unpacker = zlib.decompressobj(31)
                found = unpacker.decompress(piece, READ)
                piece = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
                if found:
                    yield found
            while not unpacker.eof and (found := unpacker.decompress(b"", READ)):
                yield found
    except zlib.error:
        raise WholeFileError(Fault(1, 1, "the file is packed, and broken", "pack it again, with gzip")) from None
    if not unpacker.eof:
        hint = "is it being written? Write it under another name, then move it into place"
        raise WholeFileError(Fault(1, 1, "the file is packed, and cut off", hint))


def _narrowed(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Return the pieces as UTF-8. What is not of the encoding stays broken, and refuses its row."""
    from codecs import getincrementaldecoder

    try:
        decoder = getincrementaldecoder(encoding)("surrogatepass")
    except LookupError:
        decoder = getincrementaldecoder(encoding)("replace")
    is_first = True
    for piece in pieces:
        text = decoder.decode(piece)
        if is_first and text:
            text, is_first = text.removeprefix("\ufeff"), False
        if text:
            yield text.encode(UTF8, "surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xff"  # half a letter


def _lines_of_macs(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Return the pieces of a file whose lines end in CR alone."""
    for piece in pieces:
        yield piece.replace(b"\r", b"\n")


class Lines:
    """The lines of a stream. Those from `kept` on are at hand, so that a record can be read again, or quoted.

    `faults` has, by its number, what is wrong with a line: it is not of the encoding, or too long (then it is empty).
    """

    def __init__(self, stream: Stream, is_young: bool = False) -> None:
        self.kept = 1  # the number of the first line that is still of use
        self.first = 1  # that of the first line at hand
        self.starts = [stream.start]  # where each line at hand begins, and where the last one ends
        self.faults: dict[int, Fault] = {}
        self.is_composed = True  # what is at hand needs no composing
        self._stream = stream
        self._is_young = is_young
        self._texts: list[str] = []
        self._raw: list[bytes] = []
        self._again = 0  # the number of a line at hand from which on they are read again
        self._blocks = self._whole()

    @property
    def last(self) -> int:
        """The number of the last line at hand."""
        return self.first + len(self._texts) - 1

    def again_from(self, number: int) -> None:
        """Read the lines from a number on again."""
        self._again = number

    def blocks(self) -> Iterator[list[str]]:
        """Yield the lines to their end, with their line ends, many at once."""
        if self._again:
            again, self._again = self._texts[self._again - self.first :], 0
            yield again
        for data, hidden in self._blocks:
            yield self._taken(data, hidden)

    def text(self, number: int, end: int) -> bytes:
        """Return the bytes of the lines from a number on, which are at hand, to the place where a line ends."""
        begins = after = number - self.first
        while self.starts[after] < end:
            after += 1
        return b"".join(self._raw[begins:after])

    def _taken(self, data: bytes, hidden: int) -> list[str]:
        """Take the next block. Of its first line `hidden` bytes, too many, were thrown away."""
        used = min(self.kept - self.first, len(self._texts))
        number = self.first + len(self._texts)
        raw = BytesIO(data).readlines()
        try:
            text = self._stream.decoded(data)
            texts = StringIO(text, newline="\n").readlines()
            self.is_composed = is_composed(text) and (self.is_composed or not self._texts[used:])
        except UnicodeDecodeError:
            texts = [self._decoded(number + index, line) for index, line in enumerate(raw)]
            self.is_composed = False
        if hidden:
            self.faults[number] = Fault(number, 1, f"the line is larger than {LINE:,} bytes")
        begins = self.starts[-1]
        self.starts[: used + 1] = self.starts[used : used + 1]
        self.starts += accumulate(map(len, raw[1:]), initial=begins + hidden + len(raw[0]))
        self._texts = self._texts[used:] + texts
        self._raw = self._raw[used:] + raw
        self.first += used
        for number in [number for number in self.faults if number < self.first]:
            del self.faults[number]
        return texts

    def _decoded(self, number: int, line: bytes) -> str:
        try:
            return self._stream.decoded(line)
        except UnicodeDecodeError as error:
            self.faults[number] = self._stream.refused(number, line, error.start)
            return self._stream.decoded(line, "replace")

    def _whole(self) -> Iterator[tuple[bytes, int]]:
        """Yield blocks of whole lines, and how many bytes of the first one were too many."""
        rest: list[bytes] = []
        size = hidden = 0
        for piece in self._stream.pieces:
            if not hidden and size + (piece.find(b"\n") if b"\n" in piece else len(piece)) > LINE:
                hidden, rest = size, []
            cut = piece.rfind(b"\n") + 1
            if not cut:
                if hidden:
                    hidden += len(piece)
                else:
                    rest.append(piece)
                size += len(piece)
                continue
            begins = 0
            if hidden:
                begins = piece.find(b"\n")
                hidden += begins
            yield b"".join([*rest, piece[begins:cut]]), hidden
            rest = [piece[cut:]] if cut < len(piece) else []
            size, hidden = len(piece) - cut, 0
        if rest or hidden:
            if self._is_young:
                number = self.last + 1
                self.faults[number] = Fault(number, 1, HALF)
            yield (b"" if hidden else b"".join(rest)) or b"\n", hidden


class Reader:
    """Reads the rows of files of one form.

    `format` is the table of that name in `ingestlayer.toml`, may be empty. `names` are our names of columns by theirs.
    """

    unit = "line"

    def __init__(self, format: TomlTable | None = None, names: dict[str, str] | None = None) -> None:
        self.format = {name: value for name, value in (format or {}).items() if value is not None}
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
        self.stream = Stream(file, self.format.get("encoding"), HEAD)

    def parse(self, records: list[bytes]) -> list[Parsed]:
        """Read rows again by their bytes; ValueError where there is none."""
        raise NotImplementedError

    def values(self, value: Any) -> Values:
        """Return the columns of a row."""
        found: Values = value if isinstance(value, dict) else {}
        return {self.names.get(name, name): it for name, it in found.items()} if self.names else found
