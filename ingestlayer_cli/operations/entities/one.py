"""What is known of one entity, each trait with where it is from."""

from itertools import islice
from typing import TYPE_CHECKING

from ...engine.runtime import Runtime
from ...entities.file import EntityFile
from ...entities.reading.cells import key_text
from ...entities.reading.faults import visible
from ...model.memory import Traits, laid_over
from ...store.contract.protocols import Store
from ...system.clock import format_time
from ...system.errors import Exit, IngestlayerError, near_miss
from ...system.typed import Values
from .kinds import check_kind, file_rows, kinds

if TYPE_CHECKING:
    from ...model.documents.entities import EntityDocument, Origin, TraitDocument

SEARCHED = 2_000  # ids that a near miss is looked for among


class UnknownEntityError(IngestlayerError):
    """Nothing is known of an entity: neither its file nor the store has it."""

    kind = "unknown_entity"
    exit_code = Exit.FOUND


def get(runtime: Runtime, store: Store | None, kind: str, key: str) -> "EntityDocument":
    """Return an entity as pipelines see it, and of each trait where it is from; UnknownEntityError otherwise."""
    check_kind(runtime.project, store, kind)
    key = key_text(key) or key
    row, traits = runtime.entities.get(kind, key), store.traits(kind, key) if store else None
    if row is None and traits is None:
        raise _unknown(runtime, store, kind, key)
    file = runtime.entities.file(kind)
    place = _place(file, row.line) if file and row else ""
    values = row.values if row else {}
    return {
        "kind": kind,
        "id": key,
        "values": laid_over(values, traits),
        "traits": [_trait(name, values, traits, place) for name in _names(values, traits)],
        "first_seen": format_time(traits.first_seen) if traits else None,
        "last_seen": format_time(traits.last_seen) if traits else None,
        "file": {"name": file.name, "line": row.line, "duplicates": list(row.duplicates)} if file and row else None,
    }


def _names(values: Values, traits: Traits | None) -> list[str]:
    return list({**values, **(traits.values if traits else {})})


def _trait(name: str, values: Values, traits: Traits | None, place: str) -> "TraitDocument":
    """Return a trait with its origin; `over` is what the file says where the store overrides it."""
    if traits is None or name not in traits.values:
        return {"name": name, "value": values[name], "origin": place, "at": None, "over": None}
    origin, at = traits.origins.get(name, ("", traits.last_seen))
    over: Origin | None = {"value": values[name], "origin": place} if name in values else None
    return {"name": name, "value": traits.values[name], "origin": origin, "at": format_time(at), "over": over}


def _place(file: EntityFile, number: int) -> str:
    """Return `customers.csv line 2`; the records of a JSON file have no lines."""
    return f"{file.name} {'record' if file.name.lower().endswith('.json') else 'line'} {number}"


def _unknown(runtime: Runtime, store: Store | None, kind: str, key: str) -> UnknownEntityError:
    file = runtime.entities.file(kind)
    where = " nor ".join(filter(None, (file.name if file else "", "the store")))
    words = f"neither {where} has" if file else f"{where} does not have"
    known = {id_.lower(): id_ for id_ in _some_ids(runtime, store, kind, key)}
    near = near_miss(key.lower(), known)
    for lower, id_ in known.items():
        near = near.replace(f'"{lower}"', f'"{id_}"')
    return UnknownEntityError(f"{words} {kind} {key}{visible(near)}", f"`ingestlayer entities list {kind}` shows them")


def _some_ids(runtime: Runtime, store: Store | None, kind: str, key: str) -> list[str]:
    """Return ids that may have been meant: the first ones of the file, and the store's with the same start."""
    found = [id_ for _, id_, _ in islice(file_rows(runtime.entities.file(kind)), SEARCHED)]
    for start in dict.fromkeys((key[:2], key[:2].lower(), key[:2].upper())):
        found += store.entities.starting(kind, start, SEARCHED) if store else []
    return found


def completed(runtime: Runtime, store: Store | None, kind: str, start: str, most: int = 50) -> list[str]:
    """Return ids that start so, among the first ones of the file and in the store: for a shell."""
    if kind not in kinds(runtime.project, store):
        return []
    first = islice(file_rows(runtime.entities.file(kind)), SEARCHED)
    found = [id_ for _, id_, _ in first if id_.startswith(start)][:most]
    return list(dict.fromkeys([*found, *(store.entities.starting(kind, start, most) if store else [])]))[:most]
