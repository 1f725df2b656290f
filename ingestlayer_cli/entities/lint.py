"""Everything that is wrong in an entity file, in one pass and with little memory."""

import os
from collections.abc import Iterator

from ingestlayer_cli.entities.index import build_private_index, with_progress
from ingestlayer_cli.entities.reading.cells import WANTED, odd_key
from ingestlayer_cli.entities.reading.faults import Fault, Record, WholeFileError
from ingestlayer_cli.entities.reading.json_rows import shown
from ingestlayer_cli.entities.reading.stream import Stream
from ingestlayer_cli.entities.reading.written import Proposal
from ingestlayer_cli.entities.table import Place, Table, entity_form
from ingestlayer_cli.system.errors import Problem, count_of, near_miss

from ..system.typed import Any, BinaryIO, NamedTuple, TomlTable

NAMED = 1000  # problems that are named one by one; the rest is counted


def lint_file(path: str, key: str, settings: TomlTable) -> list[Problem]:
    """Return the problems of the entity file at `path` in their order; see `EntityFile.problems`.

    Raises OSError when the file cannot be read, sqlite3.Error when there is no room for a temporary file.
    """
    with open(path, "rb") as file:
        return _Lint(path, key, settings).run(file)


class _Found(NamedTuple):
    line: int  # 0: to be counted from `start`
    column: int
    start: int  # bytes
    problem: str


class _Lint:
    def __init__(self, path: str, key: str, settings: TomlTable) -> None:
        self.name = os.path.basename(path)
        self.path = path
        self.key = key
        self.types: dict[str, str] = settings["types"]
        self.table = Table(entity_form(path), key, settings)
        self.columns: dict[str, None] = {}
        self.proposal = Proposal(self.table.reader.format)
        self.misfit: int | None = None  # which of `found` is the first number or date that is written otherwise
        self.found: list[_Found] = []
        self.more = 0

    def run(self, file: BinaryIO) -> list[Problem]:
        index = build_private_index(with_progress(self.name, self.places(file)))
        try:
            for key, first, place in index.duplicates():
                problem = f"{self.key} {shown(key)} is already {self.table.where(first)}"
                self.note((*place, None, None), problem)
        finally:
            index.close()
        if self.misfit is not None and (words := self.proposal.words()):
            misfit = self.found[self.misfit]
            self.found[self.misfit] = misfit._replace(problem=f"{misfit.problem}; {words}")
        return self.problems()

    def places(self, file: BinaryIO) -> Iterator[tuple[str, Place]]:
        """Yield what the index takes, noting the problems of each record on the way."""
        try:
            for record in self.table.records(file):
                self.check(record)
                key = self.table.key_of(record[3])
                if key is not None:
                    yield key, record[:3]
        except WholeFileError as error:
            self.note_fault(error.fault)

    def check(self, record: Record) -> None:
        value, fault = record[3:]
        if fault is not None:
            self.note_fault(fault)
        if not self.table.is_object(value):
            return
        columns = self.table.columns_of(value)
        if self.table.header is None:
            self.columns.update(dict.fromkeys(columns))
        if fault is not None:
            return
        # A header that lacks the key is refused as a whole.
        if self.key in columns or self.table.header is None:
            self.check_key(record, columns)
        for column, found, kind in self.table.misfits(value):
            self.note_misfit(record, columns, column, found, kind)
        for column, found in self.table.values(value).items() if self.types else ():
            if self.types.get(column) in ("number", "integer") and isinstance(found, int | float):
                self.proposal.read(str(found))

    def check_key(self, record: Record, columns: list[str]) -> None:
        key = self.table.key_of(record[3])
        if key is not None:
            if odd := odd_key(key):
                self.note(record, f"{self.key}, the key, {odd}")
            return
        if self.key in columns:
            self.note(record, f"{self.key}, the key, is empty or no text or number")
        elif len(self.found) < NAMED:
            self.note(record, f"{self.key}, the key, is missing{near_miss(self.key, columns)}")
        else:
            self.more += 1

    def note_misfit(self, record: Record, columns: list[str], column: str, value: object, kind: str) -> None:
        cell = columns.index(column) if self.table.header is not None else 0
        if self.misfit is None and len(self.found) < NAMED and kind in ("number", "integer", "date"):
            self.misfit = len(self.found)
        self.note(record, f"{column} {shown(value)} is not {WANTED[kind]}", cell)
        if not isinstance(value, str):
            return
        if kind in ("number", "integer"):
            self.proposal.unread(value)
        elif kind == "date":
            self.proposal.unread_date(value)

    def note(self, record: Record, problem: str, cell: int = 0) -> None:
        if len(self.found) >= NAMED:
            self.more += 1
        elif self.table.form == "json":
            self.found.append(_Found(0, 0, record[1], problem))
        else:
            line, column = self.cell_position(record, cell) if cell else (record[0], 1)
            self.note_line(line, column, problem)

    def note_fault(self, fault: Fault) -> None:
        remedy = f". {fault.hint[0].upper()}{fault.hint[1:]}" if fault.hint else ""
        self.note_line(fault.line, fault.column, fault.words + remedy)

    def note_line(self, line: int, column: int, problem: str) -> None:
        if len(self.found) >= NAMED:
            self.more += 1
        else:
            self.found.append(_Found(line, column, 0, problem))

    def cell_position(self, record: Record, cell: int) -> tuple[int, int]:
        """Return line and column (from 1) at which a cell (from 0) of a CSV record starts."""
        reader: Any = self.table.reader
        number, start, length = record[:3]
        found: tuple[int, int] = reader.position(number, start + length, cell)
        return found

    def problems(self) -> list[Problem]:
        placed = sorted(self.placed())
        problems = [Problem(f"{self.name}:{line}:{column}", problem) for line, column, problem in placed]
        columns = self.columns if self.table.header is None else dict.fromkeys(self.table.header)
        if self.table.header and self.key not in self.table.header:
            problems.append(Problem("key", self.table.without_key(self.table.header).fault.words))
        for column in self.types:
            if columns and column not in columns:  # a mistake of the project's table, not of the file
                words = f'types names "{column}", but there is no such column{near_miss(column, columns)}'
                problems.append(Problem(f"types.{column}", words))
        for ours, theirs in self.table.theirs.items():
            if columns and ours not in columns:
                known = [column for column in columns if column]
                words = f'columns names "{theirs}", but there is no such column{near_miss(theirs, known)}'
                problems.append(Problem(f"columns.{ours}", words))
        if self.more:
            problems.append(Problem(self.name, f"… and {count_of(self.more, 'more problem')}"))
        return problems

    def placed(self) -> Iterator[tuple[int, int, str]]:
        """Yield line, column and problem; lines that are not known yet are counted in one pass."""
        yield from ((found.line, found.column, found.problem) for found in self.found if found.line)
        unknown = sorted((found for found in self.found if not found.line), key=lambda it: it.start)
        if not unknown:
            return
        with open(self.path, "rb") as file:
            stream = Stream(file, self.table.reader.format.get("encoding"))
            at, line, before = stream.start, 1, b""  # `before` is what the line has before this piece
            pieces = iter(stream.pieces)
            piece = next(pieces, b"")
            for found in unknown:
                while at + len(piece) < found.start and (following := next(pieces, b"")):
                    line += piece.count(b"\n")
                    at += len(piece)
                    before = piece.rpartition(b"\n")[2] if b"\n" in piece else before + piece
                    piece = following
                upto = piece[: found.start - at]
                last = upto.rpartition(b"\n")[2] if b"\n" in upto else before + upto
                yield line + upto.count(b"\n"), len(stream.decoded(last, "replace")) + 1, found.problem
