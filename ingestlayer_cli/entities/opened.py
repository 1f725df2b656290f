"""One state of an entity file: where the rows of its keys stand, and what stands there."""

import os
import time
from contextlib import suppress

from ..system.errors import ProjectError
from ..system.stamps import FileStamp, stamp_in
from ..system.typed import TYPE_CHECKING, BinaryIO
from .source import READ_AHEAD, EntitySource
from .table import UNREADABLE, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .index import Index
    from .reading.faults import Fault, Parsed
    from .table import Place

# Two changes within one tick of the kernel's clock leave the same mtime: a younger file may change unseen.
TICK = 50_000_000  # nanoseconds
WRITTEN_ANEW = "the file is being written: {}"
MOVE = "Write it under another name, then move it into place: mv customers.new customers.csv"


class StaleError(Exception):
    """The file changed under our hands, or the index does not fit it."""


class OpenedFile:
    """The file of one stamp, opened to be read by places; StaleError when it changes meanwhile.

    Of a small one the places of all keys are kept in memory. A large one gets a side index at `index_path`; when that
    is None or cannot be written, the first look-up reads the file through and later ones use a temporary index of
    this process. One that is packed, or in UTF-16, is copied to a temporary file, in which its rows have places.
    """

    def __init__(
        self, source: EntitySource, stamp: FileStamp, index_path: str | None, index_from: int, rebuild: bool
    ) -> None:
        """`index_from`: the bytes from which a file is large; `rebuild`: an index that is there does not fit."""
        self._source = source
        self.stamp = stamp
        self._index_path = index_path
        self.is_settled = abs(time.time_ns() - stamp[1]) > TICK
        self.error: ProjectError | None = None  # what is wrong with it
        self.places: dict[str, list[Place]] | Index | None = None  # None: no index can be had
        self._passes = 0  # how often it was read through
        self._copy: BinaryIO | None = None  # where the rows have places, when they have none in the file
        self._table = source.table()
        try:
            self._file = open(source.path, "rb", buffering=0)  # noqa: SIM115 - kept open for the rows
        except OSError as error:
            from .refusals import unreadable

            raise unreadable(source.path, source.kind, error) from None
        try:
            self._check_unchanged()
            self._find_places(index_from, rebuild)
            # Also an error may only be that somebody is writing the file at this moment.
            self._check_unchanged()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self.places is not None and not isinstance(self.places, dict):
            self.places.close()
        for file in (self._file, self._copy):
            if file:
                file.close()

    def _find_places(self, index_from: int, rebuild: bool) -> None:
        from .reading.faults import WholeFileError

        try:
            self._table.prepare(self._read_ahead(self._file))
            if self._table.reader.stream.made:
                self._copy = self._copied()
                self._table = self._source.table(encoding=False)
                self._table.prepare(self._read_ahead(self._copy))
            self.places = self._in_memory() if self.stamp[0] < index_from else self._indexed(rebuild)
            self._check_written()
        except WholeFileError as error:
            from .refusals import refusal

            self.error = refusal(self._source.name, error.fault)
        except ProjectError as error:
            self.error = error

    def _in_memory(self) -> "dict[str, list[Place]]":
        places: dict[str, list[Place]] = {}
        for key, place in self._keyed():
            places.setdefault(key, []).append(place)
        return places

    def _indexed(self, rebuild: bool) -> "Index | None":
        from sqlite3 import Error

        from .index import build_index, building, open_index, with_progress

        if self._index_path is None:
            return None
        source = self._source
        identity = f"{self.stamp} {source.key!r} {source.settings['columns']} {source.settings['format']}"
        index = None if rebuild else open_index(self._index_path, identity)
        if index:
            return index
        try:
            with building(self._index_path) as is_new:
                if is_new and (index := open_index(self._index_path, identity)):
                    return index
                keyed = with_progress(source.name, self._keyed())
                return build_index(self._index_path, identity if self.is_settled else "unsettled", keyed)
        except (OSError, Error):
            return None

    def _keyed(self) -> "Iterator[tuple[str, Place]]":
        for key, record in self._table.keyed(self._read_ahead(self._copy or self._file)):
            yield key, record[:3]

    def _read_ahead(self, file: BinaryIO) -> BinaryIO:
        """Return the file, from its start, as one to be read through."""
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        return open(file.fileno(), "rb", buffering=READ_AHEAD, closefd=False)

    def _copied(self) -> BinaryIO:
        """Copy what is packed, or in UTF-16, to a file of this process, as UTF-8."""
        from tempfile import TemporaryFile

        from .reading.stream import Stream

        copy = TemporaryFile(buffering=0)  # noqa: SIM115 - kept open for the rows
        try:
            for piece in Stream(self._read_ahead(self._file), self._source.settings["format"].get("encoding")).pieces:
                copy.write(piece)
        except BaseException:
            copy.close()
            raise
        return copy

    def _check_written(self) -> None:
        """Raise WholeFileError for a CSV that has lost its rows a moment ago: they are about to come."""
        from .reading.faults import Fault, WholeFileError
        from .reading.stream import is_young

        if self._table.header is None or not is_young(self.stamp[1]):
            return
        if self.places is not None and not any(self.places):
            raise WholeFileError(Fault(1, 1, WRITTEN_ANEW.format("it has a header, and no rows yet"), MOVE))

    def _check_unchanged(self) -> None:
        if stamp_in(os.fstat(self._file.fileno())) != self.stamp:
            raise StaleError

    # Rows -------------------------------------------------------------------------------------------------

    def read_one(self, key: str) -> "Row | Fault | None":
        """Read the row of one key."""
        if self.places is None:
            self._index_for_now()
        if self.places is None:
            return self._read_through(key)
        return self.read([key])[key]

    def read(self, keys: list[str]) -> "dict[str, Row | Fault | None]":
        """Read the rows of keys from their places; StaleError when something else stands there."""
        found = self.find(keys)
        rows: dict[str, Row | Fault | None] = dict.fromkeys(keys)
        if len(found) < len(rows) and (fault := self._unreadable()):
            rows = dict.fromkeys(keys, fault)
        parsed = self._parse([places[0] for places in found.values()])
        for (key, places), (value, fault) in zip(found.items(), parsed, strict=True):
            if self._table.key_of(value) != key:
                raise StaleError
            if fault is not None:
                rows[key] = self._placed(fault, places[0])
                continue
            later = tuple([place[0] for place in places[1:]]) if len(places) > 1 else ()
            rows[key] = Row(self._table.values(value), places[0][0], later)
        self._check_unchanged()
        return rows

    def find(self, keys: list[str]) -> "dict[str, list[Place]]":
        """Return the places of the keys that are there."""
        if isinstance(self.places, dict):
            known = self.places
            return {key: known[key] for key in keys if key in known}
        from sqlite3 import Error

        if self.places is None:
            raise StaleError
        try:
            if len(keys) > 1:
                return self.places.find_all(keys)
            return {key: places for key in keys if (places := self.places.find(key))}
        except Error:
            raise StaleError from None

    def _unreadable(self) -> "Fault | None":
        """Return what is wrong with the first row whose key cannot be read: it may be that of any key."""
        places = self.find([UNREADABLE]).get(UNREADABLE)
        if not places:
            return None
        from .refusals import of_nobody

        ((_, fault),) = self._parse(places[:1])
        return fault and of_nobody(self._placed(fault, places[0]))

    def _read_through(self, key: str) -> Row | None:
        from .refusals import RowError
        from .scan import scan

        try:
            return scan(self._source, key)
        except RowError:
            raise
        except ProjectError as error:
            self.error = error
            raise
        finally:
            self._check_unchanged()

    def _index_for_now(self) -> None:
        """Build an index for this process at the second look-up; a single one is faster without."""
        from sqlite3 import Error

        from .index import build_private_index, with_progress

        self._passes += 1
        if self._passes == 2:
            with suppress(Error):  # no room for it: go on reading the file through
                self.places = build_private_index(with_progress(self._source.name, self._keyed()))

    def _parse(self, places: "list[Place]") -> "list[Parsed]":
        file = self._copy or self._file
        size = self.stamp[0] if self._copy is None else os.fstat(self._copy.fileno()).st_size
        if not all(0 <= start <= start + length <= size for _, start, length in places):
            raise StaleError
        records = [os.pread(file.fileno(), length, start) for _, start, length in places]
        try:
            parsed = self._table.parse(records)
        except ValueError:
            raise StaleError from None
        if len(parsed) != len(places):
            raise StaleError
        from .reading.stream import HALF, is_young

        if self._table.header is not None and is_young(self.stamp[1]):
            from .reading.faults import Fault

            half = Fault(1, 1, HALF, MOVE)
            whole = [data.endswith((b"\n", b"\r")) for data in records]
            return [found if is_whole else (found[0], half) for found, is_whole in zip(parsed, whole, strict=True)]
        return parsed

    def _placed(self, fault: "Fault", place: "Place") -> "Fault":
        """Return the fault of a row that was read by its place, with its place in the file."""
        from .reading.faults import Fault

        number, start, _ = place
        if self._table.form != "json":
            return Fault(number + fault.line - 1, fault.column, fault.words, fault.hint)
        with self._read_ahead(self._copy or self._file) as file:
            before = file.read(start)
        return Fault(before.count(b"\n") + 1, start - before.rfind(b"\n"), fault.words, fault.hint)
