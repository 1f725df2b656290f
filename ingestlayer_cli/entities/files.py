"""The entity files of a project, opened when one is asked for."""

import os
from collections.abc import Collection

from ..system.clock import DAY, Clock
from ..system.errors import Problem, ProjectError, count_of
from ..system.stamps import stamp_of
from ..system.typed import TYPE_CHECKING, TomlTable

if TYPE_CHECKING:
    from ..system.stamps import FileStamp
    from .file import EntityFile
    from .table import Row


class EntityFiles:
    """The entity files of a project, by kind."""

    def __init__(
        self, root: str, tables: dict[str, TomlTable], clock: Clock, index: str | None, most: int | None = None
    ) -> None:
        """`tables` says of each kind its file, below `root`; side indexes are kept in the folder `index`, if any.

        `most`: the rows of each file that are kept, where they are not as many as usual.
        """
        self._settings = {} if most is None else {"most": most}
        self._root = root
        self._tables = tables
        self._clock = clock
        self._names: dict[str, str] = {}
        self._index = index
        self._files: dict[str, EntityFile] = {}
        self._looked: set[str] = set()  # the kinds whose file was looked at since `refresh`
        # Of these: why the file, or its row of a key, cannot be used.
        self._unusable: dict[tuple[str, str | None], ProjectError] = {}
        self.sealed = False  # while the store is held: whoever asks for a file now would keep others waiting for it

    def get(self, kind: str, key: str) -> "Row | None":
        """Return a row or None. Whether its file has changed is looked at once until `refresh()`.

        ProjectError where it cannot be used: `by` is the file as it was then.
        """
        file = self.file(kind)
        if file is None:
            return None
        for place in ((kind, None), (kind, key)) if self._unusable else ():
            if place in self._unusable:
                raise self._unusable[place].copy()
        try:
            return file.get(key, kind in self._looked)
        except (ProjectError, OSError):
            return self._again(kind, file, key)
        finally:
            self._looked.add(kind)

    def _again(self, kind: str, file: "EntityFile", key: str) -> "Row | None":
        """Read once more what could not be read: its stamp must be of before what is told of it."""
        stamp = stamp_of(file.path)
        try:
            return file.get(key)
        except ProjectError as error:
            unusable = error
        except OSError as error:
            unusable = ProjectError(f"{file.path} cannot be read: {error.strerror}", "check the file and its disk")
        from .refusals import RowError

        unusable.by = file.path, stamp
        self._unusable[kind, key if isinstance(unusable, RowError) else None] = unusable
        raise unusable.copy()

    def near_key(self, kind: str, key: str) -> str:
        """Return a key that people may take for one that `get` has not found; empty for none."""
        file = self.file(kind)
        return file.near_key(key) if file else ""

    def look_up(self, kind: str, keys: Collection[str]) -> "dict[str, Row]":
        """Read many rows at once, and return those that are whole; `get` says of each other what is with it."""
        file = self.file(kind)
        return file.look_up(keys) if file and not self._unusable else {}

    def as_read(self, kind: str) -> "FileStamp | None":
        """Return the stamp of a kind's file as it was looked at last; None where it was not whole, or still changed."""
        return self._files[kind].as_read() if kind in self._files else None

    def refresh(self) -> None:
        """Look again whether a file has changed."""
        self._names.clear()
        self._looked.clear()
        self._unusable.clear()

    def name(self, kind: str) -> str:
        """Return the file's name, with its age when an export of it must have been missed: over a day.

        It is empty for a kind that only the store knows.
        """
        file = self.file(kind)
        if file is None:
            return ""
        if kind not in self._names:
            try:
                changed = os.stat(file.path).st_mtime * 1000
            except OSError:  # it is just being replaced
                return file.name
            days = int(self._clock.now() - changed) // DAY
            self._names[kind] = file.name if days < 1 else f"{file.name} ({count_of(days, 'day')} old)"
        return self._names[kind]

    def problems(self, kind: str) -> list[Problem]:
        """Return every problem of one kind's file."""
        file = self.file(kind)
        return file.problems() if file else []

    def file(self, kind: str) -> "EntityFile | None":
        """Return the file of a kind; None for one that only the store knows."""
        if self.sealed:
            raise RuntimeError(f"the file of {kind} is asked for while the store is held")
        table = self._tables.get(kind)
        if table is None:
            return None
        if kind not in self._files:
            from .file import EntityFile

            path = os.path.join(self._root, table["file"])
            settings = {**self._settings, **{name: table[name] for name in ("types", "columns", "format")}}
            self._files[kind] = EntityFile(kind, path, table["key"], index_dir=self._index, **settings)
        return self._files[kind]

    def close(self) -> None:
        for file in self._files.values():
            file.close()
