"""The rows of JSON: an object a line, or one document that is a list of objects, or an object of them by key."""

from collections.abc import Iterator

from ...system.typed import Any, BinaryIO, TomlTable, Values
from .faults import EmptyFileError, Fault, Parsed, Record, WholeFileError, visible
from .stream import Lines, Reader, Stream

SHOWN = 60  # characters of a value in a message
_SPACE = " \t\r\n"
_NEAR = 16  # characters: an error so near to the end of what is at hand may only be that end


class Decoder:
    """Reads JSON values, of which none is NaN or infinite: these stay texts. Notes a name that an object has twice."""

    def __init__(self) -> None:
        from json import JSONDecoder

        decoder = JSONDecoder(parse_constant=str, parse_float=_finite, object_pairs_hook=self._object)
        self.decode, self.raw_decode = decoder.decode, decoder.raw_decode
        self._repeated: str | None = None

    def fault(self, value: object, line: int, column: int = 1) -> Fault | None:
        """Return what is wrong with the value that was read last, as a row."""
        repeated = self.repeated()
        if not isinstance(value, dict):
            return Fault(line, column, f"the row is not an object: {shown(value)}")
        return Fault(line, column, f"the row {repeated}") if repeated else None

    def repeated(self) -> str:
        """Say that the value that was read last has a name twice; nothing when it has not."""
        name, self._repeated = self._repeated, None
        return "" if name is None else f"has the name {shown(name)} twice in one object: which of the two is meant?"

    def _object(self, pairs: list[tuple[str, Any]]) -> Values:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            self._repeated = next(name for at, name in enumerate(names) if name in names[:at])
        return found


class Ndjson(Reader):
    """One JSON object on each line."""

    def __init__(self, format: TomlTable | None = None, names: dict[str, str] | None = None) -> None:
        super().__init__(format, names)
        self.decoder = Decoder()

    def records(self, file: BinaryIO, is_young: bool = False) -> Iterator[Record]:
        self.stream = Stream(file, self.format.get("encoding"))
        lines = Lines(self.stream)
        number = 0
        for block in lines.blocks():
            for line in block:
                number += 1
                if line.isspace() and number not in lines.faults:
                    continue
                value, fault = self._decoded(line, number)
                start = lines.starts[number - lines.first]
                length = lines.starts[number + 1 - lines.first] - start
                yield number, start, length, value, lines.faults.get(number) or fault
            lines.kept = number + 1
        if number == 0:
            raise EmptyFileError

    def parse(self, records: list[bytes]) -> list[Parsed]:
        return [self._parsed(data) for data in records]

    def _parsed(self, data: bytes) -> Parsed:
        try:
            return self._decoded(self.stream.decoded(data), 1)
        except UnicodeDecodeError as error:
            value, _ = self._decoded(self.stream.decoded(data, "replace"), 1)
            return value, self.stream.refused(1, data, error.start)

    def _decoded(self, line: str, number: int) -> Parsed:
        try:
            value = self.decoder.decode(line.strip(_SPACE))
        except (ValueError, RecursionError) as error:
            return None, Fault(number, getattr(error, "colno", 1), f"the line is not JSON: {_said(error)}")
        return value, self.decoder.fault(value, number)


class Json(Reader):
    """A list of objects, or an object of objects by their key (`by_key`), whose values are `(key, object)`.

    It is read piece by piece: memory grows with the largest row, not with the file.
    """

    unit = "record"

    def __init__(self, format: TomlTable | None = None, names: dict[str, str] | None = None) -> None:
        import re

        super().__init__(format, names)
        self.by_key = False
        self.decoder = Decoder()
        self._space = re.compile(r"[ \t\r\n]*")
        self._broken = re.compile("[\udc80-\udcff]")  # what a byte becomes that is not of the encoding

    def records(self, file: BinaryIO, is_young: bool = False) -> Iterator[Record]:
        self.stream = Stream(file, self.format.get("encoding"))
        self._pieces = self._decoded()
        self._text, self._at, self._kept = "", 0, 0  # what is at hand; how far it is read; what is still of use
        self._line = self._column = 1  # where it begins
        self._counted, self._offset = 0, self.stream.start  # the byte at which a character of it stands
        yield from self._entries()

    @property
    def text(self) -> str:
        """The text of the row that was read last."""
        return self._text[self._kept : self._at]

    def parse(self, records: list[bytes]) -> list[Parsed]:
        return [self._parsed(self.stream.decoded(data, "surrogateescape")) for data in records]

    def _parsed(self, text: str) -> Parsed:
        if not text.startswith('"'):
            value = self.decoder.decode(text)
            return value, self._fault(value, text)
        name, at = self.decoder.raw_decode(text)
        value = self.decoder.decode(text[at:].lstrip(_SPACE).removeprefix(":").lstrip(_SPACE))
        return (name, value), self._fault(value, text)

    # Piece by piece -----------------------------------------------------------------------------------

    def _decoded(self) -> Iterator[str]:
        from codecs import getincrementaldecoder

        decoder = getincrementaldecoder(self.stream.encoding)("surrogateescape")
        is_first = True
        for piece in self.stream.pieces:
            if text := decoder.decode(piece):
                yield text.removeprefix("\ufeff") if is_first else text
                is_first = False
        if rest := decoder.decode(b"", final=True):
            yield rest

    def _entries(self) -> Iterator[Record]:
        opening = self._peek()
        if not opening:
            raise EmptyFileError
        if opening not in "[{":
            raise self._refused("it is neither a list of objects nor an object by key", self._at)
        self.by_key = opening == "{"
        closing = "}" if self.by_key else "]"
        self._at += 1
        number = 0
        while number or self._peek() != closing:
            number += 1
            self._peek()
            self._kept = self._at
            value = self._named() if self.by_key else self._value()
            start = self._byte(self._kept)
            fault = self._fault(value[1] if self.by_key else value, self.text)
            if fault is not None:
                line, column = self._place(self._kept)
                fault = Fault(line, column, fault.words, fault.hint)
            yield number, start, self._byte(self._at) - start, value, fault
            self._kept = self._at
            follows = self._peek()
            if follows == closing:
                break
            if follows != ",":
                raise self._refused("a comma is missing, or its end", self._at)
            self._at += 1
        self._at += 1
        if self._peek():
            raise self._refused("something follows its end", self._at)

    def _named(self) -> tuple[str, Any]:
        if self._peek() != '"':
            raise self._refused("a name in double quotes is missing", self._at)
        name = self._value()
        if self._peek() != ":":
            raise self._refused("a colon is missing", self._at)
        self._at += 1
        self._peek()
        return name, self._value()

    def _value(self) -> Any:
        from json import JSONDecodeError

        while True:
            try:
                value, end = self.decoder.raw_decode(self._text, self._at)
            except JSONDecodeError as error:
                may_end_here = error.pos > len(self._text) - _NEAR or error.msg.startswith("Unterminated")
                if may_end_here and self._load():
                    continue
                raise self._refused(_said(error), error.pos) from None
            except (ValueError, RecursionError) as error:
                raise self._refused(_said(error), self._at) from None
            if end == len(self._text) and self._load():
                continue  # a number may go on
            self._at = end
            return value

    def _peek(self) -> str:
        """Go to the next character that is no space, and return it; nothing at the end."""
        while True:
            space = self._space.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._load():
                return ""

    def _load(self) -> bool:
        """Read as much again as is at hand, and forget what is of no more use; False at the end of the file."""
        piece = next(self._pieces, "")
        if not piece:
            return False
        used = min(self._kept, self._at)
        self._byte(used)
        self._line, self._column = self._place(used)
        parts, wanted = [self._text[used:], piece], len(self._text) - used - len(piece)
        while wanted > 0 and (piece := next(self._pieces, "")):
            parts.append(piece)
            wanted -= len(piece)
        self._text = "".join(parts)
        self._at, self._kept, self._counted = self._at - used, self._kept - used, self._counted - used
        return True

    def _byte(self, at: int) -> int:
        """Return at which byte of the file a character stands, not before the one that was asked for last."""
        passed = self._text[self._counted : at]
        self._offset += len(passed) if passed.isascii() else len(passed.encode(self.stream.encoding, "surrogateescape"))
        self._counted = at
        return self._offset

    def _fault(self, value: object, text: str) -> Fault | None:
        fault = self.decoder.fault(value, 1)
        if not text.isascii() and (found := self._broken.search(text)):
            raw = text[: found.end()].encode(self.stream.encoding, "surrogateescape")
            return self.stream.refused(1, raw, len(raw) - 1)
        return fault

    def refused(self, words: str) -> WholeFileError:
        """Return the refusal of the whole file, from the row on that was read last."""
        return WholeFileError(Fault(*self._place(self._kept), f"the file is not JSON as it is wanted: {words}"))

    def _refused(self, words: str, at: int) -> WholeFileError:
        return WholeFileError(Fault(*self._place(at), f"the file is not JSON: {words}"))

    def _place(self, at: int) -> tuple[int, int]:
        """Return line and column, from 1, of a character that is at hand."""
        lines = self._text.count("\n", 0, at)
        return self._line + lines, at - self._text.rfind("\n", 0, at) if lines else self._column + at


def shown(value: object) -> str:
    """Return a value of a file as a message shows it: as JSON, cut, with nothing in it that does not show."""
    import json

    text = visible(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _finite(text: str) -> float | str:
    from math import isfinite

    number = float(text)
    return number if isfinite(number) else text


def _said(error: Exception) -> str:
    from json import JSONDecodeError

    from ingestlayer_cli.system.not_json import words_of

    if isinstance(error, RecursionError):
        return "nested too deeply"
    return words_of(error) if isinstance(error, JSONDecodeError) else "a number has too many digits"
