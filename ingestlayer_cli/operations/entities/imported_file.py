"""The rows of a file to import, and what is wrong with each that cannot be."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ...entities.reading.cells import WANTED
from ...entities.reading.faults import Fault, Record, WholeFileError
from ...entities.reading.json_rows import shown
from ...entities.table import Table, form_of
from ...model.declarations import unsound
from ...system.errors import UsageError, near_miss
from ...system.typed import TomlTable, Values


class ImportedRow(NamedTuple):
    """A row of an imported file."""

    line: int
    key: str
    values: Values  # typed, without nulls


class RefusedRow(NamedTuple):
    """A row that is not imported."""

    line: int
    problem: str


class ImportedFile:
    """The rows of a file to import, and what is wrong with each that cannot be."""

    def __init__(self, file: BinaryIO, name: str, form: str, key: str, settings: TomlTable) -> None:
        """`file` can be read from its start again; `settings` is as in `[entities.KIND]`."""
        self.name = name
        self._file = file
        self._table = Table(form, key, settings)

    def check_whole(self) -> None:
        """Raise UsageError for a file whose header is wrong, or a JSON document that is broken anywhere.

        These have no lines that stand for themselves.
        """
        for _ in self._records():
            if self._table.form != "json":
                break

    def slips(self) -> list[str]:
        """Return what looks like a slip in the header of a CSV file: nearly the name that `types` has."""
        if self._table.form != "csv":
            return []
        self.check_whole()
        header, types = self._table.header or [], self._table.types
        others = [column for column in header if column not in types]
        missing = {name: near_miss(name, others) for name in types if name not in header}
        return [f"{self.name} has no column {name}{near}" for name, near in missing.items() if near]

    @property
    def notes(self) -> list[str]:
        """What was settled by the looks of the file."""
        return [f"{self.name} {note}" for note in self._table.reader.notes]

    def place(self, line: int) -> str:
        """Return `customers.csv line 7`."""
        return f"{self.name} {self._table.reader.unit} {line}"

    def __iter__(self) -> Iterator[ImportedRow | RefusedRow]:
        for record in self._records():
            number, value, fault = record[0], record[3], record[4]
            values = self._table.values(value)
            problem = self._problem(value, values, fault)
            if problem:
                yield RefusedRow(number, problem)
            else:
                key = str(self._table.key_of(value))
                yield ImportedRow(number, key, {name: it for name, it in values.items() if it is not None})

    def _records(self) -> Iterator[Record]:
        """Yield the rows; UsageError for what cannot be read on."""
        self._file.seek(0)
        try:
            for record in self._table.records(self._file):
                self._table.check_header()
                yield record
            self._table.check_header()
        except WholeFileError as error:
            fault = error.fault
            words = f"{self.name}:{fault.line}:{fault.column}: {fault.words}"
            raise UsageError(words, fault.hint or "nothing was imported") from None

    def _problem(self, value: object, values: Values, fault: Fault | None) -> str:
        """Say what is wrong with a row, or nothing."""
        if fault is not None:
            return fault.words
        table = self._table
        if table.header is None and (broken := next(unsound(values), None)):
            return f"{broken.path} {broken.problem}".strip()
        if table.key_of(value) is None:
            columns = table.columns_of(value)
            missing = table.key not in columns
            return f"{table.key}, the key, is " + (
                f"missing{near_miss(table.key, columns)}" if missing else "empty or no text or number"
            )
        for name, found, kind in table.misfits(value):
            return f"{name} {shown(found)} is not {WANTED[kind]}"
        return ""


def source_form(name: str) -> str:
    """Return the form of a file to import, by its ending; UsageError when it names none."""
    form = form_of(name)
    if form is None:
        raise UsageError(f"{name} is neither .csv, .json nor .ndjson", "rename it, or say what it holds: --format csv")
    return form
