"""`EntityFile`: find one row of a file by its key, and see the file change."""

import os
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn

from ingestlayer_cli.entities.records import Csv, Format, Place, Record, format_of
from ingestlayer_cli.system.errors import Problem, ProjectError, near_miss

if TYPE_CHECKING:
    from ingestlayer_cli.entities.index import Index

INDEX_FROM = 256 * 1024  # bytes; a smaller file is kept in memory
ROWS_KEPT = 10_000  # rows that were looked up; one more, and they are forgotten
READ_AHEAD = 256 * 1024  # bytes
# Two changes within one tick of the kernel's clock leave the same mtime: a younger file may change unseen.
TICK = 50_000_000  # nanoseconds


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
    inode: int


class _StaleError(Exception):
    """The file changed under our hands, or the index does not fit it."""


class EntityFile:
    """The rows of one CSV, JSON or NDJSON file by the text of their key column.

    Of a file below `index_from` bytes the places of all keys are kept in memory. A larger one gets a side
    index in `index_dir`, made at the first look-up; when `index_dir` is None or cannot be written, the first
    look-up reads the file through and later ones use a temporary index of this process. Memory does not grow
    with a CSV or NDJSON file; a JSON document is held as text while it is indexed or read through, not later.

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
    ) -> None:
        """`types` maps columns to string, number, integer, boolean, date or datetime."""
        self.kind = kind
        self.path = path
        self.name = os.path.basename(path)
        self.key = key
        self.types = types
        self._index_path = _index_path(index_dir, kind) if index_dir is not None else None
        self._index_from = index_from
        # All of this is about the file of this stamp: how to read it, the places of its keys (None: no index
        # can be had), the rows looked up last, what is wrong with it, and how often it was read through.
        self._stamp: _Stamp | None = None
        self._file: BinaryIO | None = None
        self._format: Format
        self._places: dict[str, list[Place]] | Index | None = None
        self._rows: dict[str, Row | None] = {}
        self._error: ProjectError | None = None
        self._passes = 0

    def get(self, key: str, settled: bool = False) -> Row | None:
        """Return the first row whose key is `key`, or None.

        `settled` is for a caller that has looked a moment ago whether the file has changed.

        Raises ProjectError when the file is missing, no readable file, not UTF-8 or broken, has an
        unknown ending, or lacks the key column.
        """
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
            wanted = [key for key in keys if key not in self._rows and key.isprintable()]
            if self._places is None or self._error or not wanted:
                return
            if len(self._rows) + len(wanted) > ROWS_KEPT:
                self._rows.clear()
            self._rows.update(self._read(wanted, stamp))

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
            return lint_file(self.path, self.key, self.types)
        except ProjectError as error:
            return [Problem(self.name, error.message)]
        except (OSError, Error) as error:
            return [Problem(self.name, f"could not be checked: {error}")]

    def columns(self) -> list[str]:
        """Return the columns: of a CSV file the header's, else those of all records. Raises as `get`."""
        file_format = self._new_format()
        found: dict[str, None] = {}
        for record in self._records(file_format):
            found.update(dict.fromkeys(file_format.columns_of(record.value)))
            if isinstance(file_format, Csv):
                break
        header = file_format.columns if isinstance(file_format, Csv) else ()
        return [name for name in found or dict.fromkeys(header) if name]

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every record as its place, `line 7` or `record 7`, and its typed columns. Raises as `get`."""
        from ingestlayer_cli.entities.index import with_progress

        file_format = self._new_format()
        for record in with_progress(self.name, self._records(file_format)):
            if isinstance(record.value, dict | list) and file_format.columns_of(record.value):
                yield file_format.where(record.number).partition(" ")[2], file_format.values(record.value)

    def _records(self, file_format: Format) -> Iterator[Record]:
        self._stat()
        try:
            with open(self.path, "rb", buffering=READ_AHEAD) as file:
                yield from file_format.records(file)
        except OSError as error:
            self._refuse_file(error)

    def close(self) -> None:
        """Let go of the file and its index. A later `get` opens them again."""
        if self._places is not None and not isinstance(self._places, dict):
            self._places.close()
        if self._file:
            self._file.close()
        self._file = self._places = self._stamp = self._error = None
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
            raise ProjectError(self._error.message, self._error.hint, self._error.details)
        if key not in self._rows:
            if len(self._rows) >= ROWS_KEPT:
                self._rows.clear()
            self._rows[key] = self._read_one(key, found)
        row = self._rows[key]
        # The caller may change its dict; the kept one stays as the file has it.
        return row and Row(row.values.copy(), row.line, row.duplicates)

    def _open(self, stamp: _Stamp, rebuild: bool) -> None:
        """Find the places of the keys in the file of `stamp`; _StaleError when it changes meanwhile."""
        settled = abs(time.time_ns() - stamp.changed) > TICK
        self._format = self._new_format()
        try:
            self._file = open(self.path, "rb", buffering=0)  # noqa: SIM115 - kept open for the rows
        except OSError as error:
            self._refuse_file(error)
        self._check_unchanged(stamp)
        try:
            if stamp.size < self._index_from:
                self._places = self._places_in_memory()
            else:
                self._places = self._open_index(stamp, rebuild, settled)
        except ProjectError as error:
            self._error = error
        # Also an error may only be that somebody is writing the file at this moment.
        self._check_unchanged(stamp)
        self._stamp = stamp if settled else None

    def _places_in_memory(self) -> dict[str, list[Place]]:
        places: dict[str, list[Place]] = {}
        for key, place in self._keyed():
            places.setdefault(key, []).append(place)
        return places

    def _open_index(self, stamp: _Stamp, rebuild: bool, settled: bool) -> "Index | None":
        from sqlite3 import Error

        from ingestlayer_cli.entities.index import build_index, open_index, with_progress

        if self._index_path is None:
            return None
        identity = f"{tuple(stamp)} {self.key!r}"
        index = None if rebuild else open_index(self._index_path, identity)
        if index:
            with self._buffered() as file:
                self._format.prepare(file)
            return index
        try:
            keyed = with_progress(self.name, self._keyed())
            return build_index(self._index_path, identity if settled else "unsettled", keyed)
        except (OSError, Error):
            return None

    def _keyed(self) -> Iterator[tuple[str, Place]]:
        with self._buffered() as file:
            for key, record in self._format.keyed(file):
                yield key, record[:3]

    def _buffered(self) -> BinaryIO:
        if self._file is None:
            raise _StaleError
        return open(self._file.fileno(), "rb", buffering=READ_AHEAD, closefd=False)

    def _read_one(self, key: str, stamp: _Stamp) -> Row | None:
        if self._places is None:
            self._index_for_now()
        if self._places is None:
            return self._read_through(key, stamp)
        return self._read([key], stamp)[key]

    def _read(self, keys: list[str], stamp: _Stamp) -> dict[str, Row | None]:
        """Read the rows of keys from their places; _StaleError when something else stands there."""
        found = self._find(keys)
        rows: dict[str, Row | None] = dict.fromkeys(keys)
        values = self._parse([places[0] for places in found.values()], stamp.size)
        for (key, places), value in zip(found.items(), values, strict=True):
            if self._format.key_of(value) != key:
                raise _StaleError
            later = tuple([place[0] for place in places[1:]]) if len(places) > 1 else ()
            rows[key] = Row(self._format.values(value), places[0][0], later)
        self._check_unchanged(stamp)
        return rows

    def _read_through(self, key: str, stamp: _Stamp) -> Row | None:
        try:
            return self._scan(key)
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

    def _find(self, keys: list[str]) -> dict[str, list[Place]]:
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

    def _parse(self, places: list[Place], size: int) -> list[Any]:
        if self._file is None or not all(0 <= start <= start + length <= size for _, start, length in places):
            raise _StaleError
        file = self._file.fileno()
        try:
            values = self._format.parse([os.pread(file, length, start) for _, start, length in places])
        except ValueError:
            raise _StaleError from None
        if len(values) != len(places):
            raise _StaleError
        return values

    def _scan(self, key: str) -> Row | None:
        """Read the whole file for one row."""
        file_format = self._new_format()
        first = None
        later = []
        try:
            with open(self.path, "rb", buffering=READ_AHEAD) as file:
                for found, record in file_format.keyed(file):
                    if found == key and first is None:
                        first = record
                    elif found == key:
                        later.append(record.number)
        except OSError as error:
            self._refuse_file(error)
        return Row(file_format.values(first.value), first.number, tuple(later)) if first else None

    def _new_format(self) -> Format:
        return format_of(self.path)(self.key, self.types, self._refuse)

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

    def _refuse(self, line: int, column: int, problem: str, remedy: str) -> NoReturn:
        place = f"{self.name}:{line}:{column}"
        hint = remedy or "Correct this place; `ingestlayer validate` lists every problem of the file."
        raise ProjectError(f"{place}: {problem}", hint, [Problem(place, problem)])

    def _refuse_file(self, error: OSError | ValueError) -> NoReturn:
        if isinstance(error, FileNotFoundError):
            others = []
            with suppress(OSError):
                others = os.listdir(os.path.dirname(self.path) or ".")
            miss = near_miss(self.name, others)
            raise ProjectError(f"{self.path} does not exist{miss}", self._remedy()) from None
        why = getattr(error, "strerror", None) or str(error)
        raise ProjectError(f"{self.path} cannot be read: {why}", self._remedy()) from None

    def _remedy(self) -> str:
        return f'Correct "file" of [entities.{self.kind}] in ingestlayer.toml, or put a readable file there.'


def _stamp_of(found: os.stat_result) -> _Stamp:
    return _Stamp(found.st_size, found.st_mtime_ns, found.st_ino)


def _index_path(folder: str, kind: str) -> str:
    # A kind may hold characters that no file name can.
    name = "".join(letter if letter.isalnum() or letter in "-_" else f"%{ord(letter):x}%" for letter in kind)
    return os.path.join(os.path.abspath(folder), f"{name}.index")
