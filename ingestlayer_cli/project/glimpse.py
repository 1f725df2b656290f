"""A project as its files say it, unchecked: for a shell, which waits for a key and not for a check.

Files that are broken say nothing. Nothing is written, and nothing heavy is loaded.
"""

import os
from functools import cached_property

from ..system.typed import Any
from .find import FILE, SCHEMA, STORE, bounded, files_in, find, store_place

Table = dict[str, Any]


class Glimpse:
    """What a project's files name. ProjectError where there is no project."""

    def __init__(self, path: str | None) -> None:
        self.root = find(path, even_gone=True)

    @cached_property
    def settings(self) -> Table:
        return self._file(FILE)

    def names(self, folder: str) -> list[str]:
        """Return what has a file in a folder: event types, pipelines."""
        return [os.path.basename(name).removesuffix(".toml") for name in files_in(self.root, folder)]

    def tables(self, name: str) -> dict[str, Table]:
        """Return the tables of a family in the project's own file: [entities.KIND], [checks.NAME]."""
        return _tables(self.settings.get(name))

    @property
    def entities(self) -> dict[str, Table]:
        """The tables of entities that have a key, as `Project.entities` has them."""
        return {kind: row for kind, row in self.tables("entities").items() if isinstance(row.get("key"), str)}

    def pipeline(self, name: str) -> Table:
        return self._file(f"pipelines/{name}.toml")

    def description(self, folder: str, name: str) -> str:
        return str(self._file(f"{folder}/{name}.toml").get("description", ""))

    def fields(self, type_: str) -> dict[str, Any]:
        """Return the declared fields of an event type as they are written."""
        fields = self._file(f"events/{type_}.toml").get("fields")
        return fields if isinstance(fields, dict) else {}

    @property
    def store_place(self) -> str:
        """Where the store is, as `Project.store_path` says it."""
        found = self.settings.get("store")
        table = found if isinstance(found, dict) else {}
        url, path, schema = (table.get(name) for name in ("url", "path", "schema"))
        return store_place(self.root, str(path or STORE), None if url is None else str(url), str(schema or SCHEMA))

    def _file(self, name: str) -> Table:
        import tomllib  # the project's names are those of its files

        try:
            return tomllib.loads(bounded(os.path.join(self.root, name)).decode())
        except (OSError, ValueError):
            return {}


def _tables(found: object) -> dict[str, Table]:
    """Return the tables inside a table, whatever else a file that nobody checked has there."""
    return {name: row for name, row in found.items() if isinstance(row, dict)} if isinstance(found, dict) else {}
