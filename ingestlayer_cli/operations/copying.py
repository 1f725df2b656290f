"""A store copied to another: page by page, so that one that was interrupted goes on, and emitters go on meanwhile.

What is the same already is left alone. What is copied is the store as it was when the copy began: once the emitters
rest, one more copy takes what came since, and the checksums of both are the same.
"""

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..model.documents.copying import ComparedDocument, CopyDocument
from ..store.contract.reading import Selection
from ..store.opening import is_file, open_to_read, open_to_write
from ..system.errors import StoreError, UsageError

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..store.contract.protocols import Store

_PASSWORD = re.compile(r"//[^/@]*:[^/@]*@|password")
MARK = "copy"  # topic of the note that the store which is copied to has


def place_named(runtime: "Runtime", word: str, schema: str) -> str:
    """Return the place that a word names: a path, or where a database is."""
    place = os.path.join(os.getcwd(), word) if is_file(word) else f"{word}#{schema}"
    if place == runtime.project.store_path:
        raise UsageError(f"{word} is the project's own store", "name the one to copy to")
    if _PASSWORD.search(word):
        raise UsageError("a password is no argument, which others can see", "name it: --to env:DATABASE_URL")
    return place


def copy(runtime: "Runtime", place: str, progress: Callable[[int], None]) -> CopyDocument:
    """Copy the project's store to a place, and compare them."""
    source, target = runtime.store, open_to_write(place)
    try:
        _check(source, target, runtime.clock.now())
        done = 0
        with source.as_of_now():
            for table in source.copying.tables():
                last = None
                for rows in source.copying.pages(table):
                    done += len(rows)
                    if target.copying.page(table, last, rows[-1]) != rows:
                        target.copying.write(table, last, rows[-1], rows)
                    last = rows[-1]
                    progress(done)
                if target.copying.page(table, last):
                    target.copying.write(table, last, None, [])
        target.copying.end()
        return {"from": source.path, "to": target.path, **compared(source, target)}
    finally:
        target.close()


def _check(source: "Store", target: "Store", now: int) -> None:
    """Raise StoreError where another store than a copy of this one lies there, or one that is used already."""
    newest = next(target.history.select(Selection(), limit=1, as_accepted=True), None)
    if newest is not None:
        if target.note(MARK, "from") is None:
            hint = "name an empty one: another schema, or another file"
            raise StoreError(f"the store {target.path} has events of its own", hint)
        if not source.history.events([newest.event.id]):
            hint = "what is accepted there is not here: they can no longer be made the same"
            raise StoreError(f"the store {target.path} is in use already: it has {newest.event.id}", hint)
        if id_ := target.copying.sent_apart(source.copying):
            hint = "what came of it there is not here: copied again, it would be sent twice"
            raise StoreError(f"the store {target.path} is in use already: it has sent {id_}", hint)
    with target.transaction() as transaction:
        transaction.write_note(MARK, "from", {"store": source.path}, now)


def compare(runtime: "Runtime", place: str) -> ComparedDocument:
    """Compare the project's store with another."""
    store, other = runtime.stored, open_to_read(place)
    if store is None or other is None:
        raise StoreError("there is no store yet" if store is None else "there is no store to compare with", "")
    try:
        return compared(store, other)
    finally:
        other.close()


def compared(store: "Store", other: "Store") -> ComparedDocument:
    """Compare two stores, each as of one moment, by the count and the checksum of each table."""
    with store.as_of_now(), other.as_of_now():
        here, there = store.copying.sums(), other.copying.sums()
    tables = {
        name: {"here": here[name].rows, "there": there[name].rows, "same": here[name] == there[name]} for name in here
    }
    return {"same": all(it["same"] for it in tables.values()), "tables": tables}  # type: ignore[typeddict-item]
