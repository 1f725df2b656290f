"""The kinds with how much there is of each, and the entities of one."""

import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from ...engine.runtime import Runtime
from ...entities.file import EntityFile
from ...model.memory import laid_over
from ...store.contract.protocols import Store
from ...system.clock import format_time
from ...system.errors import ProjectError
from .kinds import check_kind, file_rows, kinds

if TYPE_CHECKING:
    from ...model.documents.entities import KindDocument, KindsDocument, ListedDocument

Item = TypeVar("Item")

PAGE = 500  # rows of a file that are looked up at once


def overview(runtime: Runtime, store: Store | None) -> "KindsDocument":
    """Return the kinds with their files, and how many entities the file and the store have of each."""
    return {"kinds": [_kind(runtime, store, kind) for kind in kinds(runtime.project, store)]}


def _kind(runtime: Runtime, store: Store | None, kind: str) -> "KindDocument":
    file = runtime.entities.file(kind)
    stored = store.entities.count(kind) if store else 0
    found: KindDocument = {
        "kind": kind,
        "file": None,
        "modified_at": None,
        "rows": 0,
        "stored": stored,
        "problem": None,
    }
    if file is not None:
        found["file"] = os.path.relpath(file.path, runtime.project.root)
        try:
            found["rows"] = sum(1 for _ in file.rows())
            found["modified_at"] = format_time(int(os.stat(file.path).st_mtime * 1000))
        except (ProjectError, OSError) as error:
            found["problem"] = str(error)
    return found


def listed(runtime: Runtime, store: Store | None, kind: str, search: str = "") -> Iterator["ListedDocument"]:
    """Yield the entities of a kind as pipelines see them: those of the file in its order, then the store's alone.

    `search` is looked for in ids and values, whatever its case. Memory does not grow with their number.
    """
    check_kind(runtime.project, store, kind)
    file = runtime.entities.file(kind)
    wanted = search.lower()
    for found in _all(store, kind, file):
        if not wanted or any(wanted in word.lower() for word in (found["id"], *map(_words, found["values"].values()))):
            yield found


def _all(store: Store | None, kind: str, file: EntityFile | None) -> Iterator["ListedDocument"]:
    for chunk in chunks(file_rows(file), PAGE):
        known = store.entities.of_keys(kind, [key for _, key, _ in chunk]) if store else {}
        for place, key, values in chunk:
            origins = [f"{file.name} {place}" if file else "", *(["the store"] if key in known else [])]
            yield {"id": key, "values": laid_over(values, known.get(key)), "from": origins}
    for key, traits in store.entities.every(kind) if store else ():
        if file is None or file.get(key) is None:
            yield {"id": key, "values": laid_over({}, traits), "from": ["the store"]}


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
