"""A file as a table of entities: its rows by the text of their key column, typed."""

import os
from collections.abc import Iterator

from ..system.errors import ProjectError, near_miss
from ..system.typed import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TomlTable, Values
from .reading.cells import TEXTS, fit, key_text, typed
from .reading.faults import Fault, Parsed, Record, WholeFileError, visible
from .reading.stream import Reader

if TYPE_CHECKING:
    from .reading.written import Plain

# The first three fields of a Record.
Place = tuple[int, int, int]

# Stands for the key of a row of which the key cannot be read.
UNREADABLE = "\0"

FORMS = {".csv": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson"}


class Row(NamedTuple):
    """One row of an entity file."""

    values: Values
    """Every column, typed. An empty CSV cell is None; a value that does not fit its type stays as it is."""
    line: int
    """The line where the record starts, from 1 (CSV, NDJSON); the ordinal of the record, from 1 (JSON)."""
    duplicates: tuple[int, ...] = ()
    """The lines (ordinals) of the later records with the same key; this row is the first one."""


class Table:
    """The rows of one file. `settings` may have `types`, by which columns are read, `columns` and `format`."""

    def __init__(self, form: str, key: str, settings: TomlTable) -> None:
        self.form = form
        self.key = key
        self.types: dict[str, str] = settings.get("types") or {}
        self.theirs: dict[str, str] = settings.get("columns") or {}
        names = {theirs: ours for ours, theirs in self.theirs.items()}
        self.reader = reader_of(form, settings.get("format"), names)
        self._key_at: int | None = None
        self._typed: list[tuple[str, str]] = []  # the columns whose values are to be more than texts
        self._number: Plain | None = None
        self._date: Plain | None = None
        if any(self.reader.format.get(name) for name in ("decimal", "thousands", "currency", "percent", "dates")):
            from .reading.written import dates_of, numbers_of

            self._number, self._date = numbers_of(self.reader.format), dates_of(self.reader.format)

    @property
    def header(self) -> list[str] | None:
        """The columns that all rows have, once the header was read; None where each has its own."""
        return self.reader.columns

    def prepare(self, file: BinaryIO) -> None:
        """Read what `parse` and `values` need when `records` did not run."""
        self.reader.prepare(file)
        self._begin()

    def records(self, file: BinaryIO, is_young: bool = False) -> Iterator[Record]:
        """Yield every row; WholeFileError when there is no reading it, or no reading on."""
        is_first = True
        for record in self.reader.records(file, is_young):
            if is_first:
                is_first = False
                self._begin()
            yield record
        if is_first:
            self._begin()

    def keyed(self, file: BinaryIO, is_young: bool = False) -> Iterator[tuple[str, Record]]:
        """Yield the rows that have a key, or one that cannot be read, with it.

        WholeFileError when there are rows, and none has its column.
        """
        others = None
        has_one = False
        for record in self.records(file, is_young):
            if not has_one:
                self.check_header()
            key = self.key_of(record[3])
            if record[4] is not None and self._is_unreadable(key, record[3]):
                yield UNREADABLE, record
            elif key is not None:
                has_one = True
                yield key, record
            elif others is None:
                others = self.columns_of(record[3])
        if not has_one:
            self.check_header()
        if others and not has_one and self.key not in others:
            raise self.without_key(others)

    def _is_unreadable(self, key: str | None, value: object) -> bool:
        """Say whether a row that has a fault has one in its key."""
        return "\ufffd" in key if key is not None else self.header is None and not self.is_object(value)

    def parse(self, records: list[bytes]) -> list[Parsed]:
        """Read rows again by their bytes."""
        return self.reader.parse(records)

    def columns_of(self, value: object) -> list[str]:
        """Return the columns of one row."""
        if self.header is not None:
            return self.header
        return list(self._object(value)) if isinstance(value, dict | tuple) else []

    def key_of(self, value: Any) -> str | None:
        """Return the key of a row as text, None when it has none."""
        if self.header is None:
            return key_text(self._object(value).get(self.key))
        at = self._key_at
        return None if at is None or at >= len(value) else key_text(value[at])

    def values(self, value: Any) -> Values:
        """Return the columns of a row, typed."""
        values = self._object(value) if self.header is None else self.reader.values(value)
        for name, kind in self._typed:
            if name in values:
                if self.header is None and values is value:
                    values = value.copy()
                values[name] = self._read(values[name], kind)
        return values

    def misfits(self, value: object) -> Iterator[tuple[str, Any, str]]:
        """Yield the columns of a row whose values are not of their types: name, value and type."""
        if not self.types:
            return
        values = self._object(value) if self.header is None else self.reader.values(value)
        for name, kind in self.types.items():
            found = values.get(name)
            try:
                fit(self._plain(found, kind), kind)
            except ValueError:
                yield name, found, kind

    def _read(self, value: object, kind: str) -> Any:
        """Return a value as its type, or as it is when it does not fit: a bad cell never stops a look-up."""
        try:
            return typed(self._plain(value, kind), kind)
        except ValueError:
            return value

    def _plain(self, value: object, kind: str) -> Any:
        """Return a text as JSON has what it is written for; ValueError when it is written otherwise."""
        if self._number is None and self._date is None:
            return value
        plain = self._number if kind in ("number", "integer") else self._date if kind in ("date", "datetime") else None
        if plain is None or not isinstance(value, str):
            return value
        found = plain(value)
        if found is None:
            raise ValueError(value)
        return found

    def is_object(self, value: object) -> bool:
        """Say whether a row has columns at all."""
        return self.header is not None or isinstance(value[1] if isinstance(value, tuple) else value, dict)

    def where(self, number: int) -> str:
        """Return how a message calls the place of a row."""
        return f"{'in' if self.form == 'json' else 'on'} {self.reader.unit} {number}"

    def without_key(self, columns: list[str]) -> WholeFileError:
        """Return the refusal of a file whose `columns` lack the key."""
        theirs = self.theirs.get(self.key, self.key)
        words = f'there is no column "{theirs}", the key{near_miss(theirs, columns)}'
        hint = f"The columns are: {', '.join(map(visible, columns))}."
        return WholeFileError(Fault(getattr(self.reader, "header_line", 1), 1, words, hint))

    def _begin(self) -> None:
        header = self.header
        if header is None:
            self._typed = list(self.types.items())
            return
        texts = ("string",) if self._date else TEXTS
        self._key_at = header.index(self.key) if self.key in header else None
        self._typed = [(name, kind) for name, kind in self.types.items() if name in header and kind not in texts]

    def check_header(self) -> None:
        """Raise WholeFileError when the header, that was read, has no key."""
        if self.header is not None and self._key_at is None:
            raise self.without_key(self.header)

    def _object(self, value: object) -> Values:
        """Return the object of a row of JSON; one of an object by key has it as its key column."""
        if isinstance(value, tuple):
            name, value = value
            if isinstance(value, dict):
                return {self.key: name} | self.reader.values(value) | {self.key: name}
        return self.reader.values(value)


def reader_of(form: str, format: TomlTable | None = None, names: dict[str, str] | None = None) -> Reader:
    """Return the reader of a form: csv, ndjson or json."""
    if form == "csv":
        from .reading.csv_rows import Csv

        return Csv(format, names)
    from .reading.json_rows import Json, Ndjson

    return (Json if form == "json" else Ndjson)(format, names)


def form_of(path: str) -> str | None:
    """Return the form that the ending of a name says, whether or not it is packed; None when it says none."""
    return FORMS.get(os.path.splitext(path.lower().removesuffix(".gz"))[1])


def entity_form(path: str) -> str:
    """Return the form of an entity file; ProjectError when its ending names none."""
    form = form_of(path)
    if form is None:
        raise ProjectError(
            f'{path} is no entity file: its name ends in "{os.path.splitext(path)[1]}"',
            hint="Entity files are .csv, .json, .ndjson or .jsonl, each also with .gz behind it.",
        )
    return form
