"""`EntityFile`: find one row of a file by its key, and see the file change."""

import os
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn

from ingestlayer_cli.entities.reading.cells import key_text
from ingestlayer_cli.system.errors import Problem, ProjectError, near_miss
from ingestlayer_cli.system.stamps import stamp_in

if TYPE_CHECKING:
    from ingestlayer_cli.entities.index import Index
    from ingestlayer_cli.entities.reading.faults import Fault, Parsed, Record
    from ingestlayer_cli.entities.table import Place, Table

INDEX_FROM = 256 * 1024  # bytes; a smaller file is kept in memory
MISSES = 100  # keys of a large file that were not found, and for which others like them are looked up
ROWS_KEPT = 10_000  # rows that were looked up; one more, and they are forgotten
READ_AHEAD = 256 * 1024  # bytes
# Two changes within one tick of the kernel's clock leave the same mtime: a younger file may change unseen.
TICK = 50_000_000  # nanoseconds
WRITTEN_ANEW = "the file is being written: {}"
MOVE = "Write it under another name, then move it into place: mv customers.new customers.csv"


class Row(NamedTuple):
    """One row of an entity file."""

    values: dict[str, Any]
    """Every column, typed. An empty CSV cell is None; a value that does not fit its type stays as it is."""
    line: int
    """The line where the record starts, from 1 (CSV, NDJSON); the ordinal of the record, from 1 (JSON)."""
    duplicates: tuple[int, ...] = ()
    """The lines (ordinals) of the later records with the same key; this row is the first one."""


class _Stamp(NamedTuple):
    size: int  # bytes
    changed: int  # mtime, nanoseconds
    touched: int  # ctime: an edit that keeps size and mtime has another
    inode: int


class _StaleError(Exception):
    """The file changed under our hands, or the index does not fit it."""


class RowError(ProjectError):
    """A row that cannot be read, or what might be in it; other rows can."""


class EntityFile:
    """The rows of one CSV, JSON or NDJSON file by the text of their key column.

    Of a file below `index_from` bytes the places of all keys are kept in memory. A larger one gets a side
    index in `index_dir`, made at the first look-up; when `index_dir` is None or cannot be written, the first
    look-up reads the file through and later ones use a temporary index of this process. Memory does not grow
    with the file. One that is packed, or in UTF-16, is copied to a temporary file, in which its rows have places.

    Not for several threads at once. Close it, or use it in a `with` statement.
    """

    def __init__(
        self,
        kind: str,
        path: str,
        key: str,
        types: dict[str, str],
        index_dir: str | None,
        *,
        index_from: int = INDEX_FROM,
        columns: dict[str, str] | None = None,
        format: dict[str, Any] | None = None,
    ) -> None:
        """Take what `[entities.KIND]` says.

        `types` maps columns to string, number, integer, boolean, date or datetime; `columns` our names to the file's;
        `format` says how it is written.
        """
        self.kind = kind
        self.path = path
        self.name = os.path.basename(path)
        self.key = key
        self.types = types
        self._settings = {"types": types, "columns": columns or {}, "format": format or {}}
        self._index_path = _index_path(index_dir, kind) if index_dir is not None else None
        self._index_from = index_from
        # All of this is about the file of this stamp: how to read it, the places of its keys (None: no index
        # can be had), the rows looked up last, what is wrong with it, and how often it was read through.
        self._stamp: _Stamp | None = None
        self._file: BinaryIO | None = None
        self._copy: BinaryIO | None = None  # where the rows have places, when they have none in the file
        self._table: Table
        self._places: dict[str, list[Place]] | Index | None = None
        self._rows: dict[str, Row | Fault | None] = {}
        self._alike: dict[str, str] | None = None  # its keys by what people see of them
        self._error: ProjectError | None = None
        self._passes = 0
        self._misses = 0  # for how many keys of a large file others like them were looked for

    def get(self, key: str, settled: bool = False) -> Row | None:
        """Return the first row whose key is `key`, or None.

        `settled` is for a caller that has looked a moment ago whether the file has changed.

        Raises ProjectError when the file is missing, empty, no readable file or broken as a whole, has an unknown
        ending, or lacks the key column; and when this row is broken: those of others do not matter.
        """
        wanted = key_text(key)
        if wanted is None:
            return None
        key = wanted
        for rebuild in (False, True):
            try:
                return self._get(key, rebuild, settled)
            except _StaleError:
                self.close()
        # It changes faster than it is indexed: one pass over it is the best answer there is.
        return self._scan(key)

    def look_up(self, keys: Collection[str]) -> None:
        """Read many rows at once, for the calls of `get` that follow; these say what is wrong, if anything is."""
        with suppress(_StaleError, ProjectError, OSError):
            stamp = self._stat()
            if stamp != self._stamp:
                self.close()
                self._open(stamp, rebuild=False)
            asked = filter(None, map(key_text, keys))
            wanted = [key for key in dict.fromkeys(asked) if key not in self._rows and key.isprintable()]
            if self._places is None or self._error or not wanted:
                return
            if len(self._rows) + len(wanted) > ROWS_KEPT:
                self._rows.clear()
            self._rows.update(self._read(wanted, stamp))

    def near_key(self, key: str) -> str:
        """Return a key that people may take for one that `get` has not found; empty for none.

        In a large file the usual ones are looked up, for the first that are not found.
        """
        from ingestlayer_cli.entities.reading.cells import alike, lookalikes

        if not isinstance(self._places, dict):
            self._misses += 1
            with suppress(_StaleError):
                return next(iter(self._find(lookalikes(key)) if self._misses <= MISSES else ()), "")
            return ""
        if self._alike is None:
            self._alike = {alike(known): known for known in reversed(self._places)}
        wanted = alike(key)
        return self._alike.get(wanted, "") if wanted else ""

    def problems(self) -> list[Problem]:
        """Return what is wrong in the whole file: `name:line:column` and what, in the order of the file.

        That is invalid UTF-8, broken CSV or JSON, a missing key column, records that are no objects, have
        too many cells or no key, keys that stood before, values that do not fit `types`, and columns that
        stand twice or that only `types` has. A file that cannot be read is one problem. The first 1,000
        are named, the rest is counted in a last one.
        """
        from sqlite3 import Error

        from .lint import lint_file

        try:
            self._stat()
            return lint_file(self.path, self.key, self._settings)
        except ProjectError as error:
            return [Problem(self.name, error.message)]
        except (OSError, Error) as error:
            return [Problem(self.name, f"could not be checked: {error}")]

    # Whoever asks for no row loads no reader: the modules of it are imported where it begins.

    def columns(self) -> list[str]:
        """Return the columns: of a CSV file the header's, else those of all records. Raises as `get`."""
        table = self._new_table()
        found: dict[str, None] = {}
        for record in self._records(table):
            if table.header is not None:
                break
            found.update(dict.fromkeys(table.columns_of(record[3])))
        return [name for name in table.header or found if name]

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every record as its place, `line 7` or `record 7`, and its typed columns. Raises as `get`."""
        from ingestlayer_cli.entities.index import with_progress

        table = self._new_table()
        for number, _, _, value, fault in with_progress(self.name, self._records(table)):
            if fault is None and table.columns_of(value):
                yield table.where(number).partition(" ")[2], table.values(value)

    def notes(self) -> list[str]:
        """Return what was settled by the looks of the file, and no setting says. Raises as `get`."""
        table = self._new_table()
        next(self._records(table), None)
        return table.reader.notes

    def _records(self, table: "Table") -> "Iterator[Record]":
        from ingestlayer_cli.entities.reading.faults import WholeFileError

        self._stat()
        try:
            with open(self.path, "rb", buffering=READ_AHEAD) as file:
                yield from table.records(file)
        except OSError as error:
            self._refuse_file(error)
        except WholeFileError as error:
            self._refuse(error.fault)

    def close(self) -> None:
        """Let go of the file and its index. A later `get` opens them again."""
        if self._places is not None and not isinstance(self._places, dict):
            self._places.close()
        for file in (self._file, self._copy):
            if file:
                file.close()
        self._file = self._copy = self._places = self._stamp = self._error = self._alike = None
        self._rows.clear()
        self._passes = 0

    def __enter__(self) -> "EntityFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _get(self, key: str, rebuild: bool, settled: bool) -> Row | None:
        found = self._stamp if settled and self._stamp is not None else self._stat()
        if found != self._stamp or rebuild:
            self.close()
            self._open(found, rebuild)
        if self._error:
            raise self._error.copy()
        if key not in self._rows:
            if len(self._rows) >= ROWS_KEPT:
                self._rows.clear()
            self._rows[key] = self._read_one(key, found)
        row = self._rows[key]
        if row is not None and not isinstance(row, Row):
            raise self._refused_row(row)
        # The caller may change its dict; the kept one stays as the file has it.
        return row and Row(row.values.copy(), row.line, row.duplicates)

    def _open(self, stamp: _Stamp, rebuild: bool) -> None:
        """Find the places of the keys in the file of `stamp`; _StaleError when it changes meanwhile."""
        from ingestlayer_cli.entities.reading.faults import WholeFileError

        settled = abs(time.time_ns() - stamp.changed) > TICK
        self._table = self._new_table()
        try:
            self._file = open(self.path, "rb", buffering=0)  # noqa: SIM115 - kept open for the rows
        except OSError as error:
            self._refuse_file(error)
        self._check_unchanged(stamp)
        try:
            self._table.prepare(self._read_ahead(self._file))
            if self._table.reader.stream.made:
                self._copy = self._copied()
                self._table = self._new_table(encoding=False)
                self._table.prepare(self._read_ahead(self._copy))
            if stamp.size < self._index_from:
                self._places = self._places_in_memory()
            else:
                self._places = self._open_index(stamp, rebuild, settled)
            self._check_written(stamp)
        except WholeFileError as error:
            self._error = self._refusal(error.fault)
        except ProjectError as error:
            self._error = error
        # Also an error may only be that somebody is writing the file at this moment.
        self._check_unchanged(stamp)
        self._stamp = stamp if settled else None

    def _places_in_memory(self) -> "dict[str, list[Place]]":
        places: dict[str, list[Place]] = {}
        for key, place in self._keyed():
            places.setdefault(key, []).append(place)
        return places

    def _open_index(self, stamp: _Stamp, rebuild: bool, settled: bool) -> "Index | None":
        from sqlite3 import Error

        from ingestlayer_cli.entities.index import build_index, open_index, with_progress

        if self._index_path is None:
            return None
        identity = f"{tuple(stamp)} {self.key!r} {self._settings['columns']} {self._settings['format']}"
        index = None if rebuild else open_index(self._index_path, identity)
        if index:
            return index
        try:
            keyed = with_progress(self.name, self._keyed())
            return build_index(self._index_path, identity if settled else "unsettled", keyed)
        except (OSError, Error):
            return None

    def _keyed(self) -> "Iterator[tuple[str, Place]]":
        for key, record in self._table.keyed(self._read_ahead(self._copy or self._file)):
            yield key, record[:3]

    def _read_ahead(self, file: BinaryIO | None) -> BinaryIO:
        """Return the file, from its start, as one to be read through."""
        if file is None:
            raise _StaleError
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        return open(file.fileno(), "rb", buffering=READ_AHEAD, closefd=False)

    def _copied(self) -> BinaryIO:
        """Copy what is packed, or in UTF-16, to a file of this process, as UTF-8."""
        from tempfile import TemporaryFile

        from ingestlayer_cli.entities.reading.stream import Stream

        copy = TemporaryFile(buffering=0)  # noqa: SIM115 - kept open for the rows
        try:
            for piece in Stream(self._read_ahead(self._file), self._settings["format"].get("encoding")).pieces:
                copy.write(piece)
        except BaseException:
            copy.close()
            raise
        return copy

    def _check_written(self, stamp: _Stamp) -> None:
        """Raise WholeFileError for a CSV that has lost its rows a moment ago: they are about to come."""
        from ingestlayer_cli.entities.reading.faults import Fault, WholeFileError
        from ingestlayer_cli.entities.reading.stream import is_young

        if (
            self._table.header is not None
            and is_young(stamp.changed)
            and not (self._places is None or any(self._places))
        ):
            raise WholeFileError(Fault(1, 1, WRITTEN_ANEW.format("it has a header, and no rows yet"), MOVE))

    def _read_one(self, key: str, stamp: _Stamp) -> "Row | Fault | None":
        if self._places is None:
            self._index_for_now()
        if self._places is None:
            return self._read_through(key, stamp)
        return self._read([key], stamp)[key]

    def _read(self, keys: list[str], stamp: _Stamp) -> "dict[str, Row | Fault | None]":
        """Read the rows of keys from their places; _StaleError when something else stands there."""
        found = self._find(keys)
        rows: dict[str, Row | Fault | None] = dict.fromkeys(keys)
        if len(found) < len(rows) and (fault := self._unreadable(stamp)):
            rows = dict.fromkeys(keys, fault)
        parsed = self._parse([places[0] for places in found.values()], stamp)
        for (key, places), (value, fault) in zip(found.items(), parsed, strict=True):
            if self._table.key_of(value) != key:
                raise _StaleError
            if fault is not None:
                rows[key] = self._placed(fault, places[0])
                continue
            later = tuple([place[0] for place in places[1:]]) if len(places) > 1 else ()
            rows[key] = Row(self._table.values(value), places[0][0], later)
        self._check_unchanged(stamp)
        return rows

    def _unreadable(self, stamp: _Stamp) -> "Fault | None":
        """Return what is wrong with the first row whose key cannot be read: it may be that of any key."""
        from ingestlayer_cli.entities.table import UNREADABLE

        places = self._find([UNREADABLE]).get(UNREADABLE)
        if not places:
            return None
        ((_, fault),) = self._parse(places[:1], stamp)
        return fault and _of_nobody(self._placed(fault, places[0]))

    def _read_through(self, key: str, stamp: _Stamp) -> Row | None:
        try:
            return self._scan(key)
        except RowError:
            raise
        except ProjectError as error:
            self._error = error
            raise
        finally:
            self._check_unchanged(stamp)

    def _index_for_now(self) -> None:
        """Build an index for this process at the second look-up; a single one is faster without."""
        from sqlite3 import Error

        from ingestlayer_cli.entities.index import build_private_index, with_progress

        self._passes += 1
        if self._passes == 2:
            with suppress(Error):  # no room for it: go on reading the file through
                self._places = build_private_index(with_progress(self.name, self._keyed()))

    def _find(self, keys: list[str]) -> "dict[str, list[Place]]":
        """Return the places of the keys that are there."""
        if isinstance(self._places, dict):
            known = self._places
            return {key: known[key] for key in keys if key in known}
        from sqlite3 import Error

        if self._places is None:
            raise _StaleError
        try:
            if len(keys) > 1:
                return self._places.find_all(keys)
            return {key: places for key in keys if (places := self._places.find(key))}
        except Error:
            raise _StaleError from None

    def _parse(self, places: "list[Place]", stamp: _Stamp) -> "list[Parsed]":
        file = self._copy or self._file
        size = stamp.size if self._copy is None else os.fstat(self._copy.fileno()).st_size
        if file is None or not all(0 <= start <= start + length <= size for _, start, length in places):
            raise _StaleError
        records = [os.pread(file.fileno(), length, start) for _, start, length in places]
        try:
            parsed = self._table.parse(records)
        except ValueError:
            raise _StaleError from None
        if len(parsed) != len(places):
            raise _StaleError
        from ingestlayer_cli.entities.reading.stream import HALF, is_young

        if self._table.header is not None and is_young(stamp.changed):
            from ingestlayer_cli.entities.reading.faults import Fault

            half = Fault(1, 1, HALF, MOVE)
            whole = [data.endswith((b"\n", b"\r")) for data in records]
            return [found if is_whole else (found[0], half) for found, is_whole in zip(parsed, whole, strict=True)]
        return parsed

    def _placed(self, fault: "Fault", place: "Place") -> "Fault":
        """Return the fault of a row that was read by its place, with its place in the file."""
        from ingestlayer_cli.entities.reading.faults import Fault

        number, start, _ = place
        if self._table.form != "json":
            return Fault(number + fault.line - 1, fault.column, fault.words, fault.hint)
        with self._read_ahead(self._copy or self._file) as file:
            before = file.read(start)
        return Fault(before.count(b"\n") + 1, start - before.rfind(b"\n"), fault.words, fault.hint)

    def _scan(self, key: str) -> Row | None:
        """Read the whole file for one row."""
        from ingestlayer_cli.entities.reading.faults import WholeFileError
        from ingestlayer_cli.entities.reading.stream import is_young
        from ingestlayer_cli.entities.table import UNREADABLE

        table = self._new_table()
        first: Record | None = None
        unreadable: Fault | None = None
        later = []
        try:
            stamp = self._stat()
            with open(self.path, "rb", buffering=READ_AHEAD) as file:
                for found, record in table.keyed(file, is_young(stamp.changed)):
                    if found == key and first is None:
                        first = record
                    elif found == key:
                        later.append(record[0])
                    elif found == UNREADABLE and unreadable is None:
                        unreadable = record[4]
        except OSError as error:
            self._refuse_file(error)
        except WholeFileError as error:
            self._refuse(error.fault)
        if first is None and unreadable is not None:
            raise self._refused_row(_of_nobody(unreadable))
        if first is None:
            return None
        number, _, _, value, fault = first
        if fault is not None:
            raise self._refused_row(fault)
        return Row(table.values(value), number, tuple(later))

    def _new_table(self, encoding: bool = True) -> "Table":
        from ingestlayer_cli.entities.table import Table, entity_form

        settings = self._settings
        if not encoding:
            told = settings["format"]
            settings = {**settings, "format": {name: told[name] for name in told if name != "encoding"}}
        return Table(entity_form(self.path), self.key, settings)

    def _stat(self) -> _Stamp:
        try:
            found = os.stat(self.path)
        except (OSError, ValueError) as error:  # ValueError: a null character in the path
            self._refuse_file(error)
        if stat.S_ISREG(found.st_mode):
            return _stamp_of(found)
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise ProjectError(f"{self.path} is {what}", self._remedy())

    def _check_unchanged(self, stamp: _Stamp) -> None:
        if self._file is None or _stamp_of(os.fstat(self._file.fileno())) != stamp:
            raise _StaleError

    def _refused_row(self, fault: "Fault") -> RowError:
        told = self._refusal(fault)
        return RowError(told.message, told.hint, told.details)

    def _refuse(self, fault: "Fault") -> NoReturn:
        raise self._refusal(fault)

    def _refusal(self, fault: "Fault") -> ProjectError:
        place = f"{self.name}:{fault.line}:{fault.column}"
        hint = fault.hint or "Correct this place; `ingestlayer validate` lists every problem of the file."
        return ProjectError(f"{place}: {fault.words}", hint, [Problem(place, fault.words)])

    def _refuse_file(self, error: OSError | ValueError) -> NoReturn:
        if isinstance(error, FileNotFoundError):
            others, stem = [], self.name.partition(".")[0]
            with suppress(OSError):  # what has no more than its ending in common is another file
                others = os.listdir(os.path.dirname(self.path) or ".")
                others = [other for other in others if near_miss(stem, [other.partition(".")[0]])]
            miss = near_miss(self.name, others)
            raise ProjectError(f"{self.path} does not exist{miss}", self._remedy()) from None
        why = getattr(error, "strerror", None) or str(error)
        raise ProjectError(f"{self.path} cannot be read: {why}", self._remedy()) from None

    def _remedy(self) -> str:
        return f'Correct "file" of [entities.{self.kind}] in ingestlayer.toml, or put a readable file there.'


def _of_nobody(fault: "Fault") -> "Fault":
    from ingestlayer_cli.entities.reading.faults import Fault

    return Fault(fault.line, fault.column, f"{fault.words}; whose row it is cannot be told", fault.hint)


def _stamp_of(found: os.stat_result) -> _Stamp:
    return _Stamp(*stamp_in(found))


def _index_path(folder: str, kind: str) -> str:
    # A kind may hold characters that no file name can.
    name = "".join(letter if letter.isalnum() or letter in "-_" else f"%{ord(letter):x}%" for letter in kind)
    return os.path.join(os.path.abspath(folder), f"{name}.index")
