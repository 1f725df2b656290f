"""Entities for people: what is known of one and from where, lists of them, and traits set by hand or imported.

The store's traits lie over the row of the kind's file, name by name, as `enrich.entity` has it.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from ..engine.runtime import Runtime
from ..entities.file import EntityFile
from ..entities.reading.cells import WANTED, fit, key_text
from ..entities.reading.faults import Fault, Record, WholeFileError, visible
from ..entities.reading.json_rows import shown
from ..entities.table import Row, Table, form_of
from ..language.expressions import equal
from ..model import families
from ..model.declarations import unsound
from ..model.memory import Traits, Upsert, laid_over, merged
from ..project import Project
from ..store.contract.protocols import Store
from ..system.clock import format_time
from ..system.console import safe
from ..system.document import Document
from ..system.errors import Exit, IngestlayerError, ProjectError, UsageError, near_miss

BY_HAND = "set by hand"
CHUNK = 1_000  # rows of a transaction
PAGE = 500  # rows of a file that are looked up at once
NAMED = 100  # refused rows, and changed entities, that a report names one by one
SEARCHED = 2_000  # ids that a near miss is looked for among
COMPARED = 100  # entities whose traits' names a slip is looked for among


class UnknownEntityError(IngestlayerError):
    """Nothing is known of an entity: neither its file nor the store has it."""

    kind = "unknown_entity"
    exit_code = Exit.FOUND


def kinds(project: Project, store: Store | None) -> list[str]:
    """Return the kinds that there are: with a file, written by a pipeline, or in the store."""
    steps = (step for pipeline in project.pipelines for step in pipeline["steps"])
    others = {kind for step in steps for kind in families.writes(step)}
    others |= set(store.entities.kinds() if store else ())
    return [*project.entities, *sorted(others - project.entities.keys())]


def check_kind(project: Project, store: Store | None, kind: str) -> None:
    """Refuse a kind that there is not."""
    known = kinds(project, store)
    if kind not in known:
        listed = near_miss(kind, known) or (f": there are {', '.join(known)}" if known else "")
        raise UsageError(
            f'there is no kind of entity "{kind}"{listed}',
            f"its table is [entities.{safe(kind)}] in ingestlayer.toml, or a pipeline's step upsert.entity writes it",
        )


# One entity -----------------------------------------------------------------------------------------------


def get(runtime: Runtime, store: Store | None, kind: str, key: str) -> Document:
    """Return an entity as pipelines see it, and of each trait where it is from; UnknownEntityError otherwise."""
    check_kind(runtime.project, store, kind)
    key = key_text(key) or key
    row, traits = runtime.entities.get(kind, key), store.traits(kind, key) if store else None
    if row is None and traits is None:
        raise _unknown(runtime, store, kind, key)
    file = runtime.entities.file(kind)
    place = _place(file, row.line) if file and row else ""
    values = row.values if row else {}
    return Document(
        kind=kind,
        id=key,
        values=laid_over(values, traits),
        traits=[_trait(name, values, traits, place) for name in _names(values, traits)],
        first_seen=format_time(traits.first_seen) if traits else None,
        last_seen=format_time(traits.last_seen) if traits else None,
        file={"name": file.name, "line": row.line, "duplicates": list(row.duplicates)} if file and row else None,
    )


def _names(values: dict[str, Any], traits: Traits | None) -> list[str]:
    return list({**values, **(traits.values if traits else {})})


def _trait(name: str, values: dict[str, Any], traits: Traits | None, place: str) -> dict[str, Any]:
    """Return a trait with its origin; `over` is what the file says where the store overrides it."""
    if traits is None or name not in traits.values:
        return {"name": name, "value": values[name], "origin": place, "at": None, "over": None}
    origin, at = traits.origins.get(name, ("", traits.last_seen))
    over = {"value": values[name], "origin": place} if name in values else None
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
    found = [id_ for _, id_, _ in islice(_file_rows(runtime.entities.file(kind)), SEARCHED)]
    for start in dict.fromkeys((key[:2], key[:2].lower(), key[:2].upper())):
        found += store.entities.starting(kind, start, SEARCHED) if store else []
    return found


def completed(runtime: Runtime, store: Store | None, kind: str, start: str, most: int = 50) -> list[str]:
    """Return ids that start so, among the first ones of the file and in the store: for a shell."""
    if kind not in kinds(runtime.project, store):
        return []
    first = islice(_file_rows(runtime.entities.file(kind)), SEARCHED)
    found = [id_ for _, id_, _ in first if id_.startswith(start)][:most]
    return list(dict.fromkeys([*found, *(store.entities.starting(kind, start, most) if store else [])]))[:most]


# Many -----------------------------------------------------------------------------------------------------


def overview(runtime: Runtime, store: Store | None) -> Document:
    """Return the kinds with their files, and how many entities the file and the store have of each."""
    return Document(kinds=[_kind(runtime, store, kind) for kind in kinds(runtime.project, store)])


def _kind(runtime: Runtime, store: Store | None, kind: str) -> dict[str, Any]:
    file = runtime.entities.file(kind)
    found: dict[str, Any] = {"kind": kind, "file": None, "modified_at": None, "rows": 0, "stored": 0, "problem": None}
    found["stored"] = store.entities.count(kind) if store else 0
    if file is not None:
        found["file"] = os.path.relpath(file.path, runtime.project.root)
        try:
            found["rows"] = sum(1 for _ in file.rows())
            found["modified_at"] = format_time(int(os.stat(file.path).st_mtime * 1000))
        except (ProjectError, OSError) as error:
            found["problem"] = str(error)
    return found


def listed(runtime: Runtime, store: Store | None, kind: str, search: str = "") -> Iterator[dict[str, Any]]:
    """Yield the entities of a kind as pipelines see them: those of the file in its order, then the store's alone.

    `search` is looked for in ids and values, whatever its case. Memory does not grow with their number.
    """
    check_kind(runtime.project, store, kind)
    file = runtime.entities.file(kind)
    wanted = search.lower()
    for found in _all(store, kind, file):
        if not wanted or any(wanted in word.lower() for word in (found["id"], *map(_words, found["values"].values()))):
            yield found


def _all(store: Store | None, kind: str, file: EntityFile | None) -> Iterator[dict[str, Any]]:
    for chunk in _chunks(_file_rows(file), PAGE):
        known = store.entities.of_keys(kind, [key for _, key, _ in chunk]) if store else {}
        for place, key, values in chunk:
            origins = [f"{file.name} {place}" if file else "", *(["the store"] if key in known else [])]
            yield {"id": key, "values": laid_over(values, known.get(key)), "from": origins}
    for key, traits in store.entities.every(kind) if store else ():
        if file is None or file.get(key) is None:
            yield {"id": key, "values": laid_over({}, traits), "from": ["the store"]}


def _file_rows(file: EntityFile | None) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield place, key and values of the rows of a file that have a key."""
    for place, values in file.rows() if file else ():
        key = key_text(values.get(file.key)) if file else None
        if key is not None:
            yield place, key, values


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


# By hand --------------------------------------------------------------------------------------------------


def set_traits(runtime: Runtime, kind: str, key: str, values: dict[str, Any], unset: list[str]) -> Document:
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
        traits = _laid(known, {name: value for name, value in values.items() if name not in later}, BY_HAND, at)
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
    result = Document(
        kind=kind,
        id=key,
        new=row is None and known is None,
        changed=[{"name": n, "from": a, "to": b} for n, (a, b) in changes.items() if not equal(a, b)],
        unchanged=[name for name, (a, b) in changes.items() if equal(a, b)],
        kept=[{"name": n, "origin": origins[n][0], "at": format_time(origins[n][1])} for n in sorted(later)],
    )
    result.hints = _slips(runtime, kind, [name for name in values if name not in before])
    return result


def _slips(runtime: Runtime, kind: str, names: list[str]) -> list[str]:
    """Return a word about each new trait whose name is nearly that of another."""
    file = runtime.entities.file(kind)
    known = dict.fromkeys(file.types) if file else {}
    for _, _, values in islice(_file_rows(file), COMPARED):
        known |= dict.fromkeys(values)
    for _, traits in islice(runtime.store.entities.every(kind), COMPARED):
        known |= dict.fromkeys(name for name in traits.values if name not in names)
    missed = {name: near_miss(name, known) for name in names if name not in known}
    return [f"{name} is a new trait{near}" for name, near in missed.items() if near]


def _seen_values(row: Row | None, traits: Traits | None) -> dict[str, Any]:
    return {**(row.values if row else {}), **(traits.values if traits else {})}


def _check_unset(runtime: Runtime, name: str, row: Row | None, known: Traits | None, who: str) -> None:
    stored = known.values if known else {}
    if name in stored:
        return
    if row and name in row.values:
        words = f"{name} of {who} is not the store's: its file has it"
        raise UsageError(words, f"change the file, or lay a null over it: {name}:=null")
    raise UsageError(f"the store has no {name} of {who}{near_miss(name, stored)}")


def _laid(known: Traits | None, values: dict[str, Any], origin: str, at: int) -> Traits:
    """Lay values over what is known. An entity is not seen by being written: that is what events do."""
    traits = merged(known, Upsert("", "", values, origin, at))
    return traits if known is None else traits._replace(first_seen=known.first_seen, last_seen=known.last_seen)


def typed(project: Project, kind: str, name: str, value: Any) -> Any:
    """Return a trait's value by `[entities.KIND].types`; UsageError when it does not fit."""
    wanted = project.entities[kind]["types"].get(name) if kind in project.entities else None
    if broken := next(unsound(value), None):
        raise UsageError(f"{name} {broken.path} {broken.problem}".replace("  ", " "))
    try:
        return value if wanted is None else fit(value, wanted)
    except ValueError:
        raise UsageError(f"{name} must be {WANTED[wanted or 'string']}, not {shown(value)}") from None


# Importing ------------------------------------------------------------------------------------------------


class ImportedRow(NamedTuple):
    """A row of an imported file."""

    line: int
    key: str
    values: dict[str, Any]  # typed, without nulls


class RefusedRow(NamedTuple):
    """A row that is not imported."""

    line: int
    problem: str


class ImportedFile:
    """The rows of a file to import, and what is wrong with each that cannot be."""

    def __init__(self, file: BinaryIO, name: str, form: str, key: str, settings: dict[str, Any]) -> None:
        """`file` can be read from its start again; `settings` is as in `[entities.KIND]`."""
        self.name = name
        self._file = file
        self._table = Table(form, key, settings)

    def check_whole(self) -> None:
        """Raise UsageError for a file whose header is wrong, or a JSON document that is broken anywhere.

        These have no lines that stand for themselves.
        """
        for _ in self._records():
            if self._table.form != "json":
                break

    def slips(self) -> list[str]:
        """Return what looks like a slip in the header of a CSV file: nearly the name that `types` has."""
        if self._table.form != "csv":
            return []
        self.check_whole()
        header, types = self._table.header or [], self._table.types
        others = [column for column in header if column not in types]
        missing = {name: near_miss(name, others) for name in types if name not in header}
        return [f"{self.name} has no column {name}{near}" for name, near in missing.items() if near]

    @property
    def notes(self) -> list[str]:
        """What was settled by the looks of the file."""
        return [f"{self.name} {note}" for note in self._table.reader.notes]

    def place(self, line: int) -> str:
        """Return `customers.csv line 7`."""
        return f"{self.name} {self._table.reader.unit} {line}"

    def __iter__(self) -> Iterator[ImportedRow | RefusedRow]:
        for record in self._records():
            number, value, fault = record[0], record[3], record[4]
            values = self._table.values(value)
            problem = self._problem(value, values, fault)
            if problem:
                yield RefusedRow(number, problem)
            else:
                key = str(self._table.key_of(value))
                yield ImportedRow(number, key, {name: it for name, it in values.items() if it is not None})

    def _records(self) -> Iterator[Record]:
        """Yield the rows; UsageError for what cannot be read on."""
        self._file.seek(0)
        try:
            for record in self._table.records(self._file):
                self._table.check_header()
                yield record
            self._table.check_header()
        except WholeFileError as error:
            fault = error.fault
            words = f"{self.name}:{fault.line}:{fault.column}: {fault.words}"
            raise UsageError(words, fault.hint or "nothing was imported") from None

    def _problem(self, value: Any, values: dict[str, Any], fault: Fault | None) -> str:
        """Say what is wrong with a row, or nothing."""
        if fault is not None:
            return fault.words
        table = self._table
        if table.header is None and (broken := next(unsound(values), None)):
            return f"{broken.path} {broken.problem}".strip()
        if table.key_of(value) is None:
            columns = table.columns_of(value)
            missing = table.key not in columns
            return f"{table.key}, the key, is " + (
                f"missing{near_miss(table.key, columns)}" if missing else "empty or no text or number"
            )
        for name, found, kind in table.misfits(value):
            return f"{name} {shown(found)} is not {WANTED[kind]}"
        return ""


def source_form(name: str) -> str:
    """Return the form of a file to import, by its ending; UsageError when it names none."""
    form = form_of(name)
    if form is None:
        raise UsageError(f"{name} is neither .csv, .json nor .ndjson", "rename it, or say what it holds: --format csv")
    return form


def import_rows(
    runtime: Runtime,
    kind: str,
    source: ImportedFile,
    compared: Store | None = None,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Document:
    """Lay the rows of a file over the store's traits, a chunk in a transaction, in memory that does not grow.

    A cell that is empty, or null, says nothing. Rows of one key are merged in their order. What a later event has
    said stays. A row that changes nothing is not written. `dry_run` writes nothing: it compares with `compared`,
    the store as it is, if there is one.
    """
    at = runtime.clock.now()
    result = Document(kind=kind, file=source.name, dry_run=dry_run, rows=0, new=0, changed=0, unchanged=0, rejected=0)
    result.update(rejects=[], changes=[])
    for chunk in _chunks(source, CHUNK):
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
    if result["rejected"]:
        result.exit_codes.append(Exit.REJECTED)
    return result


class _Told(NamedTuple):
    """What a row meant: `new` for an entity that the store did not have; each change as before and now."""

    key: str
    line: int
    new: bool
    changes: dict[str, tuple[Any, Any]]


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
        known[item.key] = written[item.key] = _laid(before, values, f"import {source.place(item.line)}", at)
    return _Told(item.key, item.line, before is None, changes)


def _differs(known: Traits, name: str, value: Any, at: int) -> bool:
    """Say whether a value is another than the known one, and no later event's word stands against it."""
    if name in known.values and equal(known.values[name], value):
        return False
    return name not in known.origins or known.origins[name][1] <= at


def _count(result: Document, chunk: list[ImportedRow | RefusedRow], told: list[_Told]) -> None:
    result["rows"] += len(chunk)
    refused = [item for item in chunk if isinstance(item, RefusedRow)]
    result["rejected"] += len(refused)
    room = NAMED - len(result["rejects"])
    result["rejects"] += [{"line": item.line, "message": item.problem} for item in refused[:room]]
    for item in told:
        word = "new" if item.new else "changed" if item.changes else "unchanged"
        result[word] += 1
        if word == "changed" and len(result["changes"]) < NAMED:
            changed = [{"name": name, "from": a, "to": b} for name, (a, b) in item.changes.items()]
            result["changes"].append({"id": item.key, "line": item.line, "changed": changed})
