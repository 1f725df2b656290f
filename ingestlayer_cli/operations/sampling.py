"""The first rows of a table that somebody names: a file, or what a database answers; and how it is written."""

import os
from itertools import islice
from typing import NamedTuple

from ..checks.sources import source_of
from ..entities.reading.faults import WholeFileError
from ..entities.reading.stream import SAVE_AS_UTF8, is_young
from ..entities.table import FORMS, form_of, reader_of
from ..project.check_table import problem_of, source_kind
from ..system.errors import UsageError
from ..system.typed import TomlTable, Values
from .proposing import CUSTOMER, Sample

ROWS = 10_000  # that are looked at
_ADDRESS = "name a secret that is the address: --from env:DATABASE_URL"


class Sampled(NamedTuple):
    """A sample, and the settings by which it was read that nobody gave: delimiter and encoding."""

    sample: Sample
    format: TomlTable


class _Asked:
    """A source as the table of a check would name it."""

    def __init__(self, source: str, query: str | None) -> None:
        self.source: str | None = source
        self.query: str | None = query
        self.command: list[str] = []
        self.headers: dict[str, str] = {}
        self.rows: str | None = None
        self.next: str | None = None
        self.levels = [1.0]
        self.rearm = 0.0


def sampled(source: str, query: str | None, format: TomlTable, folder: str = ".") -> Sampled:
    """Return the first rows of a source, that is named in a folder; UsageError where it can be none, or has no rows."""
    if source_kind(source) == "stdin":
        raise UsageError("--from needs what can be read again", "write it to a file: --from usage.csv")
    if wrong := problem_of(_Asked(source, query)):
        raise UsageError(wrong[1].replace("`", ""), _ADDRESS if "password" in wrong[1] else "--from, and --query")
    if source_kind(source) == "file":
        return _of_file(os.path.join(folder, source), source, format)
    data: TomlTable = {"source": source, "query": query, "command": [], "format": format, "timeout": 30_000}
    data |= {"headers": {}, "rows": None, "next": None}
    rows = [row.values for row in islice(source_of(folder, data).rows(), ROWS) if not row.problem]
    return Sampled(_sample(rows, None, source), {})


def customers_in(path: str) -> Sampled:
    """Return the first rows of a file of customers."""
    if form_of(path) is None:
        raise UsageError(f"{path} is no table of customers", f"there are files: {', '.join(FORMS)}")
    return _of_file(path, path, {}, CUSTOMER)


def within(place: str, source: str) -> str:
    """Return a source that was named in the working directory as the project in a folder names it."""
    kind = source_kind(source)
    if kind == "sqlite" and source.startswith("sqlite:///"):
        from urllib.parse import quote, unquote

        return "sqlite:///" + quote(_path_within(place, unquote(source.removeprefix("sqlite:///"))))
    return _path_within(place, source) if kind == "file" else source


def _path_within(place: str, path: str) -> str:
    if os.path.isabs(path):
        return path
    folder, name = os.path.split(path)  # the file may be a link on purpose: to the latest export
    return os.path.relpath(os.path.join(os.path.realpath(folder), name), os.path.realpath(place))


def _of_file(path: str, name: str, format: TomlTable, by: str = "") -> Sampled:
    """Return the first rows of a file; in those of a JSON object by key, that is the column `by`."""
    try:
        return _read(path, name, format, by)
    except _OtherEncodingError:
        return _read(path, name, {**format, "encoding": "cp1252"}, by)


class _OtherEncodingError(Exception):
    """The file is not UTF-8, and nobody has said what it is: what Windows writes is proposed."""


def _read(path: str, name: str, format: TomlTable, by: str) -> Sampled:
    reader = reader_of(form_of(path) or "csv", format)
    rows: list[Values] = []
    try:
        with open(path, "rb") as file:
            records = reader.records(file, is_young(os.fstat(file.fileno()).st_mtime_ns))
            for _, _, _, value, fault in islice(records, ROWS):
                if fault is None:
                    key, value = value if type(value) is tuple else (None, value)
                    rows.append({**reader.values(value), **({by: key} if by and key is not None else {})})
                elif fault.hint == SAVE_AS_UTF8 and "encoding" not in format:
                    raise _OtherEncodingError
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}", "name a file that is there") from None
    except WholeFileError as error:
        if error.fault.hint == SAVE_AS_UTF8 and "encoding" not in format:
            raise _OtherEncodingError from None
        raise UsageError(error.words(name), error.remedy) from None
    found = dict(format)
    if reader.notes:  # its looks say the delimiter: said in the project, nobody is told of it each time
        found["delimiter"] = getattr(reader, "delimiter", ",")
    return Sampled(_sample(rows, reader.columns, name), found)


def _sample(rows: list[Values], columns: list[str] | None, name: str) -> Sample:
    if columns is None:
        columns = list(dict.fromkeys(column for row in rows[:100] for column in row))
    if not rows:
        raise UsageError(f"{name} has no rows that can be read", "its first rows say what its columns are")
    return Sample([column for column in columns if column], rows)
