"""Traits that are merged from a file."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ...engine.runtime import Runtime
from ...language.expressions import equal
from ...model.memory import Traits
from ...store.contract.protocols import Store
from .by_hand import laid
from .imported_file import ImportedFile, ImportedRow, RefusedRow
from .many import chunks

if TYPE_CHECKING:
    from ...model.documents.entities import Change, ImportDocument

CHUNK = 1_000  # rows of a transaction
NAMED = 100  # refused rows, and changed entities, that a report names one by one


def import_rows(
    runtime: Runtime,
    kind: str,
    source: ImportedFile,
    compared: Store | None = None,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> "ImportDocument":
    """Lay the rows of a file over the store's traits, a chunk in a transaction, in memory that does not grow.

    A cell that is empty, or null, says nothing. Rows of one key are merged in their order. What a later event has
    said stays. A row that changes nothing is not written. `dry_run` writes nothing: it compares with `compared`,
    the store as it is, if there is one.
    """
    at = runtime.clock.now()
    result: ImportDocument = {
        "kind": kind,
        "file": source.name,
        "dry_run": dry_run,
        "rows": 0,
        "new": 0,
        "changed": 0,
        "unchanged": 0,
        "rejected": 0,
        "rejects": [],
        "changes": [],
    }
    for chunk in chunks(source, CHUNK):
        with nullcontext() if dry_run else runtime.store.transaction() as transaction:
            given = [item for item in chunk if isinstance(item, ImportedRow)]
            keys = dict.fromkeys(item.key for item in given)
            if transaction is not None:
                known = transaction.traits_of(kind, keys)
            else:
                known = compared.entities.of_keys(kind, keys) if compared else {}
            written: dict[str, Traits] = {}
            told = [_import_row(item, known, written, source, at) for item in given]
            if transaction is not None:
                transaction.write_entities(kind, written)
        # Counted only now: a transaction that failed has imported nothing.
        _count(result, chunk, told)
        if progress is not None:
            progress(result["rows"])
    return result


class _Told(NamedTuple):
    """What a row meant: `new` for an entity that the store did not have; each change as before and now."""

    key: str
    line: int
    new: bool
    changes: dict[str, tuple[Any, Any]]

    @property
    def outcome(self) -> Literal["new", "changed", "unchanged"]:
        return "new" if self.new else "changed" if self.changes else "unchanged"


def _import_row(
    item: ImportedRow, known: dict[str, Traits], written: dict[str, Traits], source: ImportedFile, at: int
) -> _Told:
    """Lay a row over what is known of its entity, in `known` and, when it changes anything, in `written`."""
    before = known.get(item.key)
    changes = {
        name: (before.values.get(name) if before else None, value)
        for name, value in item.values.items()
        if before is None or _differs(before, name, value, at)
    }
    if changes or before is None:
        values = {name: value for name, (_, value) in changes.items()}
        known[item.key] = written[item.key] = laid(before, values, f"import {source.place(item.line)}", at)
    return _Told(item.key, item.line, before is None, changes)


def _differs(known: Traits, name: str, value: object, at: int) -> bool:
    """Say whether a value is another than the known one, and no later event's word stands against it."""
    if name in known.values and equal(known.values[name], value):
        return False
    return name not in known.origins or known.origins[name][1] <= at


def _count(result: "ImportDocument", chunk: list[ImportedRow | RefusedRow], told: list[_Told]) -> None:
    result["rows"] += len(chunk)
    refused = [item for item in chunk if isinstance(item, RefusedRow)]
    result["rejected"] += len(refused)
    room = NAMED - len(result["rejects"])
    result["rejects"] += [{"line": item.line, "message": item.problem} for item in refused[:room]]
    for item in told:
        result[item.outcome] += 1
        if item.outcome == "changed" and len(result["changes"]) < NAMED:
            changed: list[Change] = [{"name": name, "from": a, "to": b} for name, (a, b) in item.changes.items()]
            result["changes"].append({"id": item.key, "line": item.line, "changed": changed})
