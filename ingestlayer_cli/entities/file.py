"""`EntityFile`: find one row of a file by its key, and see the file change."""

import os
from collections.abc import Collection, Iterable
from contextlib import suppress

from ..system.errors import ProjectError
from ..system.stamps import FileStamp
from ..system.typed import TYPE_CHECKING, TomlTable
from .opened import OpenedFile, StaleError
from .reading.cells import key_text
from .source import EntitySource
from .table import Row

if TYPE_CHECKING:
    from .reading.faults import Fault

INDEX_FROM = 256 * 1024  # bytes; a smaller file is kept in memory
MISSES = 100  # keys of a large file that were not found, and for which others like them are looked up
ROWS_KEPT = 10_000  # rows that were looked up; one more, and they are forgotten


class EntityFile(EntitySource):
    """The rows of one CSV, JSON or NDJSON file by the text of their key column.

    Of a file below `index_from` bytes the places of all keys are kept in memory. A larger one gets a side index in
    `index_dir`, made at the first look-up. Memory does not grow with the file.

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
        most: int = ROWS_KEPT,
        columns: dict[str, str] | None = None,
        format: TomlTable | None = None,
    ) -> None:
        super().__init__(kind, path, key, types, columns, format)
        self._index_path = _index_path(index_dir, kind) if index_dir is not None else None
        self._index_from = index_from
        self._opened: OpenedFile | None = None  # the file as it was looked at last
        self._rows: dict[str, Row | Fault | None] = {}  # those of it that were looked up last
        self._most = most
        self._alike: dict[str, str] | None = None  # its keys by what people see of them
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
        for rebuild in (False, True):
            try:
                return self._get(wanted, rebuild, settled)
            except StaleError:
                self.close()
        from .scan import scan

        # It changes faster than it is indexed: one pass over it is the best answer there is.
        return scan(self, wanted)

    def look_up(self, keys: Collection[str]) -> dict[str, Row]:
        """Read many rows at once, and return those that are whole; `get` says of each other what is with it.

        Nobody may change them: they are kept for the next look.
        """
        with suppress(StaleError, ProjectError, OSError):
            opened = self._as_it_is()
            texts = {key: key_text(key) for key in keys}
            self._read(opened, texts.values())
            found = [(key, self._rows.get(text)) for key, text in texts.items() if text]
            return {key: row for key, row in found if isinstance(row, Row)}
        return {}

    def as_read(self) -> FileStamp | None:
        """Return the stamp of the file as it was looked at last; None where it was not whole, or still changed."""
        opened = self._opened
        return None if opened is None or opened.error or not opened.is_settled else opened.stamp

    def _read(self, opened: OpenedFile, keys: Iterable[str | None]) -> None:
        """Read and keep the rows of keys that are not kept yet."""
        if opened.places is None or opened.error:
            return
        asked = [key for key in dict.fromkeys(keys) if key and key.isprintable()]
        wanted = [key for key in asked if key not in self._rows]
        if wanted and len(self._rows) + len(wanted) > self._most:
            self._rows.clear()
            wanted = asked
        if wanted:
            self._rows.update(opened.read(wanted))

    def near_key(self, key: str) -> str:
        """Return a key that people may take for one that `get` has not found; empty for none.

        In a large file the usual ones are looked up, for the first that are not found.
        """
        from .reading.cells import alike, lookalikes

        places = self._opened and self._opened.places
        if not isinstance(places, dict):
            self._misses += 1
            if self._opened and self._misses <= MISSES:
                with suppress(StaleError):
                    return next(iter(self._opened.find(lookalikes(key))), "")
            return ""
        if self._alike is None:
            self._alike = {alike(known): known for known in reversed(places)}
        wanted = alike(key)
        return self._alike.get(wanted, "") if wanted else ""

    def close(self) -> None:
        """Let go of the file and its index. A later `get` opens them again."""
        if self._opened is not None:
            self._opened.close()
        self._opened = self._alike = None
        self._rows.clear()

    def __enter__(self) -> "EntityFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _get(self, key: str, rebuild: bool, settled: bool) -> Row | None:
        opened = self._opened if settled and not rebuild else None
        if opened is None or not opened.is_settled:
            opened = self._as_it_is(rebuild)
        if opened.error:
            raise opened.error.copy()
        if key not in self._rows:
            if len(self._rows) >= self._most:
                self._rows.clear()
            self._rows[key] = opened.read_one(key)
        row = self._rows[key]
        if row is not None and not isinstance(row, Row):
            from .refusals import refused_row

            raise refused_row(self.name, row)
        # The caller may change its dict; the kept one stays as the file has it.
        return row and Row(row.values.copy(), row.line, row.duplicates)

    def _as_it_is(self, rebuild: bool = False) -> OpenedFile:
        """Return the file as it is now, opened anew where it has changed; StaleError when it changes meanwhile."""
        stamp = self.stamp()
        opened = self._opened
        if opened is None or rebuild or not opened.is_settled or opened.stamp != stamp:
            self.close()
            self._opened = opened = OpenedFile(self, stamp, self._index_path, self._index_from, rebuild)
        return opened


def _index_path(folder: str, kind: str) -> str:
    # A kind may hold characters that no file name can.
    name = "".join(letter if letter.isalnum() or letter in "-_" else f"%{ord(letter):x}%" for letter in kind)
    return os.path.join(os.path.abspath(folder), f"{name}.index")
