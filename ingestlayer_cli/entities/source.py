"""A file as `[entities.KIND]` tells of it, read from its start to its end."""

import os
import stat
from collections.abc import Iterator

from ..system.errors import Problem, ProjectError
from ..system.stamps import FileStamp, stamp_in
from ..system.typed import TYPE_CHECKING, TomlTable, Values
from .table import Table, entity_form

if TYPE_CHECKING:
    from .reading.faults import Record

READ_AHEAD = 256 * 1024  # bytes


class EntitySource:
    """One CSV, JSON or NDJSON file of entities. Whoever asks for no row loads no reader."""

    def __init__(
        self,
        kind: str,
        path: str,
        key: str,
        types: dict[str, str],
        columns: dict[str, str] | None = None,
        format: TomlTable | None = None,
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
        self.settings: dict[str, TomlTable] = {"types": types, "columns": columns or {}, "format": format or {}}

    def stamp(self) -> FileStamp:
        """Return what tells the file as it is now; ProjectError where there is none."""
        try:
            found = os.stat(self.path)
        except (OSError, ValueError) as error:  # ValueError: a null character in the path
            from .refusals import unreadable

            raise unreadable(self.path, self.kind, error) from None
        if stat.S_ISREG(found.st_mode):
            return stamp_in(found)
        from .refusals import remedy

        what = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise ProjectError(f"{self.path} is {what}", remedy(self.kind))

    def table(self, encoding: bool = True) -> Table:
        """Return the file as a table; without `encoding` as one that is UTF-8, whatever the settings say."""
        settings = self.settings
        if not encoding:
            told = settings["format"]
            settings = {**settings, "format": {name: told[name] for name in told if name != "encoding"}}
        return Table(entity_form(self.path), self.key, settings)

    def columns(self) -> list[str]:
        """Return the columns: of a CSV file the header's, else those of all records. Raises as `records`."""
        table = self.table()
        found: dict[str, None] = {}
        for record in self.records(table):
            if table.header is not None:
                break
            found.update(dict.fromkeys(table.columns_of(record[3])))
        return [name for name in table.header or found if name]

    def rows(self) -> Iterator[tuple[str, Values]]:
        """Yield every record as its place, `line 7` or `record 7`, and its typed columns. Raises as `records`."""
        from .index import with_progress

        table = self.table()
        for number, _, _, value, fault in with_progress(self.name, self.records(table)):
            if fault is None and table.columns_of(value):
                yield table.where(number).partition(" ")[2], table.values(value)

    def notes(self) -> list[str]:
        """Return what was settled by the looks of the file, and no setting says. Raises as `records`."""
        table = self.table()
        next(self.records(table), None)
        return table.reader.notes

    def records(self, table: Table) -> "Iterator[Record]":
        """Yield every record; ProjectError when the file is missing, no readable file, or broken as a whole."""
        from .reading.faults import WholeFileError
        from .refusals import refusal, unreadable

        self.stamp()
        try:
            with open(self.path, "rb", buffering=READ_AHEAD) as file:
                yield from table.records(file)
        except OSError as error:
            raise unreadable(self.path, self.kind, error) from None
        except WholeFileError as error:
            raise refusal(self.name, error.fault) from None

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
            self.stamp()
            return lint_file(self.path, self.key, self.settings)
        except ProjectError as error:
            return [Problem(self.name, error.message)]
        except (OSError, Error) as error:
            return [Problem(self.name, f"could not be checked: {error}")]
