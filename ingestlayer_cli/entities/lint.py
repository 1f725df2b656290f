"""Everything that is wrong in an entity file, in one pass and with little memory."""

import os
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from ingestlayer_cli.entities.index import build_private_index, with_progress
from ingestlayer_cli.entities.records import BOM, Csv, Json, Place, Record, format_of
from ingestlayer_cli.entities.values import WANTED, fit
from ingestlayer_cli.system.errors import Problem, near_miss

NAMED = 1000  # problems that are named one by one; the rest is counted
SHOWN = 60  # characters of a value in a message


def lint_file(path: str, key: str, types: dict[str, str]) -> list[Problem]:
    """Return the problems of the entity file at `path` in their order; see `EntityFile.problems`.

    Raises OSError when the file cannot be read, sqlite3.Error when there is no room for a temporary file.
    """
    with open(path, "rb") as file, open(path, "rb") as source:
        return _Lint(path, key, types, source).run(file)


class _Found(NamedTuple):
    line: int  # 0: to be counted from `start`
    column: int
    start: int  # bytes
    problem: str


class _Lint:
    def __init__(self, path: str, key: str, types: dict[str, str], source: BinaryIO) -> None:
        self.name = os.path.basename(path)
        self.key = key
        self.types = types
        self.format = format_of(path)(key, types, self.note_remedy)
        # A second handle on the same file: the first one is in the middle of its lines.
        self.source = source
        self.columns: dict[str, None] = {}
        self.found: list[_Found] = []
        self.more = 0

    def run(self, file: BinaryIO) -> list[Problem]:
        index = build_private_index(with_progress(self.name, self.places(file)))
        try:
            for key, first, place in index.duplicates():
                problem = f"{self.key} {_shown(key)} is already {self.format.where(first)}"
                self.note(Record(*place, value=None), problem)
        finally:
            index.close()
        self.check_columns()
        return self.problems()

    def places(self, file: BinaryIO) -> Iterator[tuple[str, Place]]:
        """Yield what the index takes, noting the problems of each record on the way."""
        for record in self.format.records(file):
            self.check(record)
            key = self.format.key_of(record.value)
            if key is not None:
                yield key, record[:3]

    def check(self, record: Record) -> None:
        value = record.value
        columns = self.format.columns_of(value)
        if isinstance(self.format, Csv):
            if len(value) > len(columns):
                problem = f"the record has {len(value)} cells, the header {len(columns)}"
                self.note(record, problem, cell=len(columns))
        elif isinstance(value, dict):
            self.columns.update(dict.fromkeys(columns))
        else:
            self.note(record, f"the record is not an object: {_shown(value)}")
            return
        # A header that lacks the key was refused as a whole.
        if self.key in columns or not isinstance(self.format, Csv):
            self.check_key(record, columns)
        for column, kind in self.types.items():
            self.check_type(record, column, kind)

    def check_key(self, record: Record, columns: list[str]) -> None:
        if self.format.key_of(record.value) is not None:
            return
        if self.key in columns:
            self.note(record, f"{self.key}, the key, is empty or no text or number")
        elif len(self.found) < NAMED:
            self.note(record, f"{self.key}, the key, is missing{near_miss(self.key, columns)}")
        else:
            self.more += 1

    def check_type(self, record: Record, column: str, kind: str) -> None:
        value, cell = self.value_of(record.value, column)
        try:
            fit(value, kind)
        except ValueError:
            self.note(record, f"{column} {_shown(value)} is not {WANTED[kind]}", cell)

    def value_of(self, value: Any, column: str) -> tuple[Any, int]:
        """Return what the record has in `column`, and the number of its cell (0 where there are no cells)."""
        if isinstance(value, dict):
            return value.get(column), 0
        columns = self.format.columns_of(value)
        if column not in columns:
            return None, 0
        cell = len(columns) - 1 - columns[::-1].index(column)
        return (value[cell] or None if cell < len(value) else None), cell

    def check_columns(self) -> None:
        """Note what is wrong with the columns of the whole file."""
        if isinstance(self.format, Csv):
            self.columns = dict.fromkeys(self.format.columns)
            self.note_repeated_columns(self.format.columns, self.format.header_line)
        for column in self.types:
            if self.columns and column not in self.columns:
                miss = near_miss(column, self.columns)
                self.note_line(1, 1, f'types names "{column}", but there is no such column{miss}')

    def note_repeated_columns(self, columns: list[str], line: int) -> None:
        for column in dict.fromkeys(columns):
            if column and columns.count(column) > 1:
                self.note_line(line, 1, f'there are {columns.count(column)} columns "{column}": the last counts')

    def note(self, record: Record, problem: str, cell: int = 0) -> None:
        if len(self.found) >= NAMED:
            self.more += 1
        elif isinstance(self.format, Json):
            self.found.append(_Found(0, 0, record.start, problem))
        else:
            line, column = self.cell_position(record, cell) if cell else (record.number, 1)
            self.note_line(line, column, problem)

    def note_line(self, line: int, column: int, problem: str) -> None:
        if len(self.found) >= NAMED:
            self.more += 1
        else:
            self.found.append(_Found(line, column, 0, problem))

    def note_remedy(self, line: int, column: int, problem: str, remedy: str) -> None:
        self.note_line(line, column, f"{problem}. {remedy}" if remedy else problem)

    def cell_position(self, record: Record, cell: int) -> tuple[int, int]:
        """Return line and column (from 1) at which a cell (from 0) of a CSV record starts."""
        self.source.seek(record.start)
        text = self.source.read(record.length).decode(errors="replace")
        line, column = record.number, 1
        quoted, fresh = False, True  # inside a quoted cell; at the start of a cell
        quotes = False  # the cell is one in quotes
        for character in text:
            if cell == 0:
                break
            if character == '"' and (fresh or quotes):
                quotes, quoted = True, not quoted
            fresh = character == "," and not quoted
            if fresh:
                cell, quotes = cell - 1, False
            line, column = (line + 1, 1) if character == "\n" else (line, column + 1)
        return line, column

    def problems(self) -> list[Problem]:
        placed = sorted(self.placed())
        problems = [Problem(f"{self.name}:{line}:{column}", problem) for line, column, problem in placed]
        if self.more:
            problems.append(Problem(self.name, f"… and {self.more:,} more problems"))
        return problems

    def placed(self) -> Iterator[tuple[int, int, str]]:
        """Yield line, column and problem; lines that are not known yet are counted in one pass."""
        yield from ((found.line, found.column, found.problem) for found in self.found if found.line)
        self.source.seek(0)
        at = len(BOM) if self.source.read(len(BOM)) == BOM else 0
        self.source.seek(at)
        line, column = 1, 1
        for found in sorted((found for found in self.found if not found.line), key=lambda it: it.start):
            between = self.source.read(found.start - at)
            at = found.start
            lines = between.count(b"\n")
            if lines:
                line, column = line + lines, 1
            column += len(between[between.rfind(b"\n") + 1 :].decode(errors="replace"))
            yield line, column, found.problem


def _shown(value: Any) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False)
    text = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return text.encode(errors="backslashreplace").decode()
