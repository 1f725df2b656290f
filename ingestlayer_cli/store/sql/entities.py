"""What the store knows of entities, many at a time."""

from collections.abc import Iterable, Iterator

from ...model.memory import Traits
from .base import Base
from .lookups import TRAITS, stored_traits

PAGE = 500


class SqlEntities:
    """See `contract.roles.known.StoredEntities`."""

    def __init__(self, store: Base) -> None:
        self._store = store

    def of_keys(self, kind: str, keys: Iterable[str]) -> dict[str, Traits]:
        return self._store.traits_of(kind, keys)

    def every(self, kind: str) -> Iterator[tuple[str, Traits]]:
        """Read page by page."""
        last = None
        while True:
            after, values = ("", ()) if last is None else (" AND key > ?", (last,))
            rows = self._store.rows(
                f"SELECT key, {TRAITS} FROM entities WHERE kind = ?{after} ORDER BY key LIMIT {PAGE}", kind, *values
            )
            for key, *known in rows:
                yield key, stored_traits(known)
            if len(rows) < PAGE:
                return
            last = rows[-1][0]

    def starting(self, kind: str, start: str, most: int) -> list[str]:
        sql = "SELECT key FROM entities WHERE kind = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"
        return [key for (key,) in self._store.rows(sql, kind, start, start + "\U0010ffff", most)]

    def kinds(self) -> list[str]:
        """Look into the index once for each."""
        found: list[str] = []
        sql = "SELECT min(kind) FROM entities WHERE kind > ?"
        while (kind := self._store.rows(sql, found[-1] if found else "")[0][0]) is not None:
            found.append(kind)
        return found

    def count(self, kind: str) -> int:
        return int(self._store.rows("SELECT count(*) FROM entities WHERE kind = ?", kind)[0][0])
