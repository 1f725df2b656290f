"""Keys of the HTTP door."""

import json

from ...model.events import encode
from ...system.typed import Any
from ..contract.keys import ApiKey
from .base import Base

_SELECT = "SELECT name, hash, types, created_at, expires_at, revoked_at, last_used_at FROM api_keys"


class SqlKeys:
    """See `contract.roles.known.ApiKeys`."""

    def __init__(self, store: Base) -> None:
        self._store = store

    def create(self, key: ApiKey) -> bool:
        name, hash_, types, *times = key
        sql = "INSERT INTO api_keys VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
        return self._write(sql, name, hash_, encode(types), *times)

    def with_hash(self, hash_: str) -> ApiKey | None:
        found = self._store.rows(f"{_SELECT} WHERE hash = ?", hash_)
        return _stored(found[0]) if found else None

    def every(self) -> list[ApiKey]:
        return [_stored(row) for row in self._store.rows(f"{_SELECT} ORDER BY name")]

    def revoke(self, name: str, at: int) -> bool:
        return self._write("UPDATE api_keys SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL", at, name)

    def used(self, at: dict[str, int]) -> None:
        with self._store.transaction() as transaction:
            transaction.connection.executemany(
                "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE name = ?",
                [(when, name) for name, when in at.items()],
            )

    def _write(self, sql: str, *values: Any) -> bool:
        with self._store.transaction() as transaction:
            return transaction.connection.execute(sql, values).rowcount > 0


def _stored(row: tuple[Any, ...]) -> ApiKey:
    name, hash_, types, *times = row
    return ApiKey(name, hash_, json.loads(types), *times)
