"""What the store knows of entities, read and written many at a time."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from ...model.events import encode
from ...model.memory import Traits
from .connection import Store
from .transaction import Transaction

PAGE = 500

_COLUMNS = "e.key, e.traits, e.origins, e.first_seen, e.last_seen"


def of_keys(source: Store | Transaction, kind: str, keys: Iterable[str]) -> dict[str, Traits]:
    """Return what is stored of those entities that the store has."""
    rows = source.connection.execute(
        f"SELECT {_COLUMNS} FROM json_each(?) k CROSS JOIN entities e ON e.kind = ? AND e.key = k.value",
        (encode(list(keys)), kind),
    )
    return dict(map(_entity, rows))


def write(transaction: Transaction, kind: str, entities: dict[str, Traits]) -> None:
    """Store entities whole, in place of what was stored of them."""
    transaction.connection.executemany(
        "INSERT OR REPLACE INTO entities VALUES (?,?,?,?,?,?)",
        (
            (kind, key, encode(known.values), encode(known.origins), known.first_seen, known.last_seen)
            for key, known in entities.items()
        ),
    )


def every(store: Store, kind: str) -> Iterator[tuple[str, Traits]]:
    """Yield the stored entities of a kind in the order of their keys, read page by page."""
    last = None
    while True:
        after, values = ("", ()) if last is None else ("AND e.key > ?", (last,))
        rows = store.select(
            f"SELECT {_COLUMNS} FROM entities e WHERE e.kind = ? {after} ORDER BY e.key LIMIT {PAGE}", kind, *values
        )
        yield from map(_entity, rows)
        if len(rows) < PAGE:
            return
        last = rows[-1][0]


def starting(store: Store, kind: str, start: str, most: int) -> list[str]:
    """Return the first keys that start so."""
    sql = "SELECT key FROM entities WHERE kind = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"
    return [key for (key,) in store.select(sql, kind, start, start + "\U0010ffff", most)]


def kinds(store: Store) -> list[str]:
    """Return the kinds that there are; a look into the index for each."""
    found: list[str] = []
    sql = "SELECT min(kind) FROM entities WHERE kind > ?"
    while (kind := store.select(sql, found[-1] if found else "")[0][0]) is not None:
        found.append(kind)
    return found


def count(store: Store, kind: str) -> int:
    """Return how many entities of a kind are stored."""
    return int(store.select("SELECT count(*) FROM entities WHERE kind = ?", kind)[0][0])


def _entity(row: sqlite3.Row | tuple[Any, ...]) -> tuple[str, Traits]:
    key, traits, origins, first_seen, last_seen = row
    known = {name: (origin, at) for name, (origin, at) in json.loads(origins).items()}
    return key, Traits(json.loads(traits), known, first_seen, last_seen)
