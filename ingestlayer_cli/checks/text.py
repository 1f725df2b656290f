"""Rows of CSV, NDJSON and JSON text, from a file, from stdin or from a command."""

from collections.abc import Iterator
from io import BytesIO

from ..entities.reading.faults import EmptyFileError, WholeFileError
from ..entities.reading.stream import Stream
from ..entities.table import reader_of
from ..system.typed import TYPE_CHECKING, Any, BinaryIO, TomlTable
from .base import SourceError, SourceRow

if TYPE_CHECKING:
    from ..model.documents.checks import Unit

_STARTS = {b"{": "ndjson", b"[": "json"}
_NO_LIST = "it holds a list of objects"


class Text:
    """A source that is text. `form` is csv, ndjson or json; its reader finds the columns of a CSV."""

    def __init__(self, name: str, form: str, format: TomlTable) -> None:
        self.name = name
        self.form = form
        self.columns: list[str] | None = None
        self.notes: list[str] = []
        self._format = format

    @property
    def unit(self) -> "Unit":
        return "row" if self.form == "json" else "line"

    def rows_in(self, file: BinaryIO, is_young: bool = False) -> Iterator[SourceRow]:
        """Yield the rows of an open file, which stays open; a young one was changed a moment ago."""
        reader = reader_of(self.form, self._format)
        read, by_key, made = reader.values, self.form == "json", tuple.__new__
        is_first = True
        try:
            for number, _, _, value, fault in reader.records(file, is_young):
                if is_first:
                    is_first = False
                    self._begin(reader)
                if by_key and isinstance(value, tuple):
                    value = value[1]
                    if not isinstance(value, dict):
                        raise SourceError(f"{self.name} holds no list of objects", _NO_LIST)
                # As `SourceRow(…)`, in half the time.
                yield made(SourceRow, (number, read(value), "") if fault is None else (number, {}, fault.words))
            self._begin(reader)
        except EmptyFileError:
            return
        except WholeFileError as error:
            raise SourceError(error.words(self.name), error.remedy) from None

    def _begin(self, reader: Any) -> None:
        self.columns = reader.columns and [name for name in reader.columns if name]
        self.notes = [f"{self.name} {note}" for note in reader.notes]


def guess(head: bytes) -> str:
    """Say whether text that begins so is NDJSON, JSON or CSV."""
    try:
        head = next(iter(Stream(BytesIO(head)).pieces), b"")
    except WholeFileError:
        return "csv"
    return _STARTS.get(head.lstrip()[:1], "csv")


def objects_in(data: object, name: str, hint: str = _NO_LIST) -> list[Any]:
    """Return the items of a JSON list; or the objects of an object by key, as an entity file may be."""
    if isinstance(data, dict) and data and all(isinstance(value, dict) for value in data.values()):
        return list(data.values())
    if not isinstance(data, list):
        raise SourceError(f"{name} holds no list of objects", hint)
    return data


def row_of(number: int, value: object) -> SourceRow:
    """Return the row that a JSON value is."""
    return SourceRow(number, value) if isinstance(value, dict) else SourceRow(number, {}, "the row is not an object")
