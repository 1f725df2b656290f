"""Traits that are set by hand."""

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.runtime import Runtime
from ...entities.reading.cells import WANTED, fit, key_text
from ...entities.reading.json_rows import shown
from ...entities.table import Row
from ...language.expressions import equal
from ...model.declarations import unsound
from ...model.memory import Traits, Upsert, merged
from ...project import Project
from ...system.clock import format_time
from ...system.errors import UsageError, near_miss
from ...system.typed import Values
from .kinds import check_kind, file_rows

if TYPE_CHECKING:
    from ...model.documents.entities import SetDocument

BY_HAND = "set by hand"
COMPARED = 100  # entities whose traits' names a slip is looked for among


class HandSet(NamedTuple):
    """What was written, and a word about each new trait whose name is nearly that of another."""

    document: "SetDocument"
    slips: list[str]


def set_traits(runtime: Runtime, kind: str, key: str, values: Values, unset: list[str]) -> HandSet:
    """Write traits by hand, and take some away; both say what pipelines saw before and see now.

    They win over what older events said; a later event wins over them. UsageError for a name that is not there.
    """
    store = runtime.store
    check_kind(runtime.project, store, kind)
    key = key_text(key) or ""
    if not key:
        raise UsageError("the id is empty")
    row = runtime.entities.get(kind, key)
    at = runtime.clock.now()
    with store.transaction() as transaction:
        known = transaction.traits_of(kind, [key]).get(key)
        later = {name for name in values if known and known.origins.get(name, ("", at))[1] > at}
        traits = laid(known, {name: value for name, value in values.items() if name not in later}, BY_HAND, at)
        for name in unset:
            _check_unset(runtime, name, row, known, f"{kind} {key}")
        gone = set(unset)
        traits = traits._replace(
            values={name: value for name, value in traits.values.items() if name not in gone},
            origins={name: origin for name, origin in traits.origins.items() if name not in gone},
        )
        transaction.write_entities(kind, {key: traits})
    before, after = _seen_values(row, known), _seen_values(row, traits)
    changes = {name: (before.get(name), after.get(name)) for name in [*values, *unset] if name not in later}
    origins = known.origins if known else {}
    document: SetDocument = {
        "kind": kind,
        "id": key,
        "new": row is None and known is None,
        "changed": [{"name": n, "from": a, "to": b} for n, (a, b) in changes.items() if not equal(a, b)],
        "unchanged": [name for name, (a, b) in changes.items() if equal(a, b)],
        "kept": [{"name": n, "origin": origins[n][0], "at": format_time(origins[n][1])} for n in sorted(later)],
    }
    return HandSet(document, _slips(runtime, kind, [name for name in values if name not in before]))


def _slips(runtime: Runtime, kind: str, names: list[str]) -> list[str]:
    """Return a word about each new trait whose name is nearly that of another."""
    file = runtime.entities.file(kind)
    known = dict.fromkeys(file.types) if file else {}
    for _, _, values in islice(file_rows(file), COMPARED):
        known |= dict.fromkeys(values)
    for _, traits in islice(runtime.store.entities.every(kind), COMPARED):
        known |= dict.fromkeys(name for name in traits.values if name not in names)
    missed = {name: near_miss(name, known) for name in names if name not in known}
    return [f"{name} is a new trait{near}" for name, near in missed.items() if near]


def _seen_values(row: Row | None, traits: Traits | None) -> Values:
    return {**(row.values if row else {}), **(traits.values if traits else {})}


def _check_unset(runtime: Runtime, name: str, row: Row | None, known: Traits | None, who: str) -> None:
    stored = known.values if known else {}
    if name in stored:
        return
    if row and name in row.values:
        words = f"{name} of {who} is not the store's: its file has it"
        raise UsageError(words, f"change the file, or lay a null over it: {name}:=null")
    raise UsageError(f"the store has no {name} of {who}{near_miss(name, stored)}")


def laid(known: Traits | None, values: Values, origin: str, at: int) -> Traits:
    """Lay values over what is known. An entity is not seen by being written: that is what events do."""
    traits = merged(known, Upsert("", "", values, origin, at))
    return traits if known is None else traits._replace(first_seen=known.first_seen, last_seen=known.last_seen)


def typed(project: Project, kind: str, name: str, value: object) -> Any:
    """Return a trait's value by `[entities.KIND].types`; UsageError when it does not fit."""
    wanted = project.entities[kind]["types"].get(name) if kind in project.entities else None
    if broken := next(unsound(value), None):
        raise UsageError(f"{name} {broken.path} {broken.problem}".replace("  ", " "))
    try:
        return value if wanted is None else fit(value, wanted)
    except ValueError:
        raise UsageError(f"{name} must be {WANTED[wanted or 'string']}, not {shown(value)}") from None
