"""Stored events, chosen and read in order."""

import heapq
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from ...system.errors import Problem, UsageError, near_miss
from ..contract.reading import Outcome, Selection, Stored
from ..contract.sending import STATUSES
from .connection import Store
from .schema import key_hash
from .transaction import stored_event

_COLUMNS = (
    "e.id, e.type, e.received_at, e.source, e.key, e.payload, e.seq, e.accepted_at, e.duplicates, e.last_duplicate_at"
)
_OPEN = "d.status = ? AND d.status <> 'delivered' AND d.superseded_by IS NULL"  # by the index of those that are not
_OF_KEY = "e.key_hash = ? AND e.key = ?"
PAGE = 1_000
SHORTEST = 14  # characters of a shortened id


def select(
    store: Store,
    selection: Selection,
    newest_first: bool = True,
    limit: int | None = None,
    looked: Callable[[int], None] | None = None,
) -> Iterator[Stored]:
    """Yield the chosen events by their `received_at`, page by page, so that memory does not grow with their number.

    `looked` is told, now and then, how many were looked at.
    """
    seen = 0

    def look(rows: int) -> None:
        nonlocal seen
        seen += rows
        if looked is not None:
            looked(seen)

    if selection.type is None or not selection.type.endswith(".*"):
        return _select(store, selection, newest_first, limit, look)
    # Each type is in order by the index; all of them at once would have to be sorted.
    each = [
        _select(store, selection._replace(type=type_), newest_first, limit, look)
        for type_ in types(store, selection.type)
    ]
    merged = heapq.merge(*each, key=lambda item: (item.event.received_at, item.seq), reverse=newest_first)
    return islice(merged, limit)


def _select(
    store: Store, selection: Selection, newest_first: bool, limit: int | None, look: Callable[[int], None]
) -> Iterator[Stored]:
    where, values = _where(selection, _is_rare(store, selection.status))
    order, past = ("DESC", "<") if newest_first else ("ASC", ">")
    last: tuple[int, int] | None = None
    found = 0
    while limit is None or found < limit:
        page = PAGE if limit is None or selection.where else min(PAGE, limit - found)
        after = f" AND (e.received_at, e.seq) {past} (?, ?)" if last else ""
        rows = store.select(
            f"SELECT {_COLUMNS} FROM events e WHERE {where}{after}"
            f" ORDER BY e.received_at {order}, e.seq {order} LIMIT ?",
            *values,
            *(last or ()),
            page,
        )
        for row in rows:
            event = stored_event(row)
            last = event.received_at, row[6]
            if selection.where is None or selection.where.holds(event.scope()):
                yield Stored(event, *row[6:])
                found += 1
                if found == limit:
                    return
        look(len(rows))
        if len(rows) < page:
            return


def _where(selection: Selection, rare: bool = False) -> tuple[str, list[Any]]:
    """Return the condition over an event `e`, and its values; `rare`: few deliveries have the status."""
    terms: list[str] = ["1"]
    values: list[Any] = []
    # Few events have a key or a rare status: SQLite, which counts nothing, is kept from the other indexes.
    free = "+" if rare or selection.key is not None else ""
    if selection.type is not None and selection.type.endswith(".*"):
        terms.append(f"{free}e.type >= ? AND {free}e.type < ?")
        values += [selection.type[:-1], selection.type[:-2] + "/"]  # "/" follows "."
    elif selection.type is not None:
        terms.append(f"{free}e.type = ?")
        values.append(selection.type)
    if selection.source is not None:
        terms.append("e.source = ?")
        values.append(selection.source)
    if selection.key is not None:
        terms.append(_OF_KEY)
        values += [key_hash(selection.key), selection.key]
    for column, at in (("received_at >=", selection.since), ("received_at <", selection.until)):
        if at is not None:
            terms.append(f"{free}e.{column} ?")
            values.append(at)
    if selection.pipeline is not None:
        terms.append(
            "EXISTS (SELECT 1 FROM runs r JOIN pipeline_versions v ON v.seq = r.version"
            " WHERE r.event = e.seq AND v.pipeline = ?)"
        )
        values.append(selection.pipeline)
    if selection.status in ("dropped", "failed"):
        terms.append("EXISTS (SELECT 1 FROM runs r WHERE r.event = e.seq AND r.outcome = ?)")
        values.append(selection.status)
    elif selection.status is not None and rare:
        terms.append(f"e.seq IN (SELECT d.event FROM deliveries d WHERE {_OPEN})")
        values.append(selection.status)
    elif selection.status is not None:
        terms.append(
            "EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.seq AND d.status = ? AND d.superseded_by IS NULL)"
        )
        values.append(selection.status)
    return " AND ".join(terms), values


def _is_rare(store: Store, status: str | None) -> bool:
    """Say whether so few deliveries have a status that their events are looked up quicker than they are met."""
    if status is None or status not in STATUSES or status == "delivered":
        return False
    found = store.select(f"SELECT count(*) FROM (SELECT 1 FROM deliveries d WHERE {_OPEN} LIMIT ?)", status, PAGE + 1)
    return bool(found[0][0] <= PAGE)


def accepted_after(store: Store, selection: Selection, seq: int) -> list[Stored]:
    """Return the chosen events that were accepted after the one with this number, in the order of acceptance."""
    where, values = _where(selection)
    rows = store.select(
        f"SELECT {_COLUMNS} FROM events e NOT INDEXED WHERE e.seq > ? AND {where} ORDER BY e.seq", seq, *values
    )
    found = [Stored(stored_event(row), *row[6:]) for row in rows]
    return [item for item in found if selection.where is None or selection.where.holds(item.event.scope())]


def newest(store: Store) -> int:
    """Return the number of the event that was accepted last, 0 when there is none."""
    return int(store.select("SELECT coalesce(max(seq), 0) FROM events")[0][0])


# One event by its name -------------------------------------------------------------------------------------


def named(store: Store | None, word: str) -> Stored:
    """Return the event that a word means: `@last`, `@-2`, its id or the start of it; UsageError otherwise."""
    hint = "`ingestlayer events list` shows the latest"
    if word.startswith("@"):
        back = 1 if word == "@last" else int(word[2:]) if re.fullmatch(r"@-[1-9]\d{0,8}", word, re.ASCII) else 0
        if not back:
            near = near_miss(word, ["@last"])
            raise UsageError(f"{word} names no event{near}", "@last is the one accepted last, @-2 the one before it")
        found = _rows(store, "1 ORDER BY e.seq DESC LIMIT 1 OFFSET ?", back - 1)
        if not found:
            words = "the store is empty" if back == 1 else f"the store has fewer than {back:,}"
            raise UsageError(f"there is no event {word}: {words}", hint)
        return found[0]
    if not word:
        raise UsageError("an empty text is no event's id", hint)
    found = _rows(store, "e.id >= ? AND e.id < ? ORDER BY e.id LIMIT 4", word, word + "\uffff")
    if len(found) == 1 or (found and found[0].event.id == word):
        return found[0]
    if found:
        known = [Problem("", f"{item.event.id}  {item.event.type}") for item in found[:3]]
        more = [Problem("", "…")] if len(found) > 3 else []
        raise UsageError(f"{word} is the start of several events' ids", "write more of it", known + more)
    raise UsageError(f"there is no event {word} in the store", hint)


def with_key(store: Store, key: str) -> list[Stored]:
    """Return the events with an idempotency key, the newest first; a hundred at most."""
    return _rows(store, f"{_OF_KEY} ORDER BY e.seq DESC LIMIT 100", key_hash(key), key)


def _rows(store: Store | None, where: str, *values: Any) -> list[Stored]:
    rows = store.select(f"SELECT {_COLUMNS} FROM events e WHERE {where}", *values) if store else []
    return [Stored(stored_event(row), *row[6:]) for row in rows]


def shortest(store: Store, ids: list[str]) -> list[str]:
    """Return of each event's id the shortest start that no other stored event has."""
    found = []
    for id_ in ids:
        beside = store.select("SELECT max(id) FROM events WHERE id < ?", id_)
        beside += store.select("SELECT min(id) FROM events WHERE id > ?", id_)
        same = max(_shared(id_, other or "") for (other,) in beside)
        found.append(id_[: max(same + 1, SHORTEST)])
    return found


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts share at their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def outcomes(store: Store, seq: int) -> list[Outcome]:
    """Return what became of an event: of each message, and of each run without one."""
    sent = store.select(
        "SELECT pipeline, coalesce(receipt ->> 'target', target), status, attempts, '' FROM deliveries"
        " WHERE event = ? AND superseded_by IS NULL ORDER BY seq",
        seq,
    )
    ended = store.select(
        "SELECT v.pipeline, '', r.outcome, 0, coalesce(r.dropped_by, '') FROM runs r"
        " JOIN pipeline_versions v ON v.seq = r.version"
        " WHERE r.event = ? AND r.outcome <> 'queued' ORDER BY r.number",
        seq,
    )
    return [Outcome(*row) for row in sent + ended]


# What there is ---------------------------------------------------------------------------------------------


def types(store: Store, pattern: str) -> list[str]:
    """Return the types of the stored events that are `pattern`, or `usage.*`; a look into the index for each."""
    if not pattern.endswith(".*"):
        return [pattern] if store.select("SELECT 1 FROM events WHERE type = ? LIMIT 1", pattern) else []
    first, last = pattern[:-1], pattern[:-2] + "/"  # "/" follows "."
    next_type = "SELECT min(type) FROM events WHERE type >= ? AND type < ?"
    found = []
    while (type_ := store.select(next_type, first, last)[0][0]) is not None:
        found.append(type_)
        first = type_ + "\0"
    return found


def pipelines(store: Store) -> list[str]:
    """Return the names of all pipelines that ever ran."""
    return [name for (name,) in store.select("SELECT DISTINCT pipeline FROM pipeline_versions")]
