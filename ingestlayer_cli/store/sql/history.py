"""Stored events, chosen and read in order."""

import heapq
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice

from ...model.events import Event
from ...system.typed import Any, Payload, cast
from ..contract.reading import Looked, Mark, Selection, Stored
from .about import about_event
from .base import Base
from .lookups import stored_event
from .names import key_hash
from .short import shortest

_EVENT = "e.id, e.type, e.received_at, e.source, e.key, e.payload"
_COLUMNS = f"{_EVENT}, e.seq, e.accepted_at, e.duplicates, e.last_duplicate_at"
# By the indexes of what is not delivered, and of how the runs of a version ended.
_OPEN = "deliveries d WHERE d.status = ? AND d.status <> 'delivered' AND d.superseded_by IS NULL"
_ENDED = "pipeline_versions v JOIN runs r ON r.version = v.seq WHERE r.outcome = ?"
_OUTCOMES = ("dropped", "failed")  # of runs; the other statuses are of deliveries, `dropped` too
_OF_KEY = "e.key_hash = ? AND e.key = ?"
_CHOSEN = "IN (SELECT value FROM json_each(?))"
PAGE = 1_000

_Numbered = tuple[int, Stored]  # an event after its place in the order of acceptance


class SqlHistory:
    """See `contract.roles.history.StoredHistory`."""

    def __init__(self, store: Base) -> None:
        self._rows = store.rows

    def select(
        self,
        selection: Selection,
        newest_first: bool = True,
        limit: int | None = None,
        looked: Looked | None = None,
        as_accepted: bool = False,
    ) -> Iterator[Stored]:
        """Read page by page."""
        seen = 0

        def look(rows: int) -> None:
            nonlocal seen
            seen += rows
            if looked is not None:
                looked(seen)

        if as_accepted or selection.type is None or not selection.type.endswith(".*"):
            found = self._select(selection, newest_first, limit, look, as_accepted)
        else:  # Each type is in order by the index; all of them at once would have to be sorted.
            each = [
                self._select(selection._replace(type=type_), newest_first, limit, look)
                for type_ in self.types(selection.type)
            ]
            merged = heapq.merge(*each, key=lambda row: (row[1].event.received_at, row[0]), reverse=newest_first)
            found = islice(merged, limit)
        return (stored for _, stored in found)

    def _select(
        self,
        selection: Selection,
        newest_first: bool,
        limit: int | None,
        look: Callable[[int], None],
        as_accepted: bool = False,
    ) -> Iterator[_Numbered]:
        where, values = _where(selection, self._is_rare(selection.status), self._is_rare_source(selection.source))
        order, past = ("DESC", "<") if newest_first else ("ASC", ">")
        by, index = (["e.seq"], "NOT INDEXED") if as_accepted else (["e.received_at", "e.seq"], "")
        marks, ordered = ", ".join("?" * len(by)), ", ".join(f"{column} {order}" for column in by)
        last: tuple[int, ...] | None = None
        found = 0
        while limit is None or found < limit:
            page = PAGE if limit is None or selection.where else min(PAGE, limit - found)
            after = f" AND ({', '.join(by)}) {past} ({marks})" if last else ""
            rows = self._rows(
                f"SELECT {_COLUMNS} FROM events e {index} WHERE {where}{after} ORDER BY {ordered} LIMIT ?",
                *(*values, *(last or ()), page),
            )
            for number, stored in map(_numbered, rows):
                last = (number,) if as_accepted else (stored.event.received_at, number)
                if _holds(selection, stored):
                    yield number, stored
                    found += 1
                    if found == limit:
                        return
            look(len(rows))
            if len(rows) < page:
                return

    def _is_rare(self, status: str | None) -> bool:
        """Say whether so little has a status that the events of it are looked up quicker than they are met."""
        if status is None or status == "delivered":
            return False
        rows = _ENDED if status in _OUTCOMES else _OPEN
        found = self._rows(f"SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT ?) few", status, PAGE + 1)
        return bool(found[0][0] <= PAGE)

    def _is_rare_source(self, source: str | None) -> bool:
        found = "SELECT count(*) FROM (SELECT 1 FROM events e WHERE e.source = ? LIMIT ?) few"
        return source is not None and bool(self._rows(found, source, PAGE + 1)[0][0] <= PAGE)

    def mark(self, at_most: Mark | None = None) -> Mark:
        newest = int(self._rows("SELECT coalesce(max(seq), 0) FROM events")[0][0])
        return Mark(newest if at_most is None else min(newest, cast(int, at_most)))

    def accepted_after(self, selection: Selection, mark: Mark | None) -> list[tuple[Mark, Stored]]:
        where, values = _where(selection)
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM events e NOT INDEXED WHERE e.seq > ? AND {where} ORDER BY e.seq",
            mark or 0,
            *values,
        )
        return [(Mark(number), stored) for number, stored in map(_numbered, rows) if _holds(selection, stored)]

    # One event, or a few ------------------------------------------------------------------------------

    def back(self, steps: int) -> Stored | None:
        found = self._stored("TRUE ORDER BY e.seq DESC LIMIT 1 OFFSET ?", steps)
        return found[0] if found else None

    def starting(self, prefix: str, most: int) -> list[Stored]:
        return self._stored("e.id >= ? AND e.id < ? ORDER BY e.id LIMIT ?", prefix, prefix + "\uffff", most)

    def with_key(self, key: str) -> list[Stored]:
        return self._stored(f"{_OF_KEY} ORDER BY e.seq DESC LIMIT 100", key_hash(key), key)

    def _stored(self, where: str, *values: Any) -> list[Stored]:
        return [_numbered(row)[1] for row in self._rows(f"SELECT {_COLUMNS} FROM events e WHERE {where}", *values)]

    def same(self, type_: str, key: str | None, received_at: int | None, payload: Payload) -> list[str]:
        terms: list[str] = ["type = ?"]
        values: list[Any] = [type_]
        for column, value in (("key", key), ("received_at", received_at)):
            if value is not None:
                terms.append(f"{column} = ?")
                values.append(value)
        rows = self._rows(f"SELECT id, payload FROM events WHERE {' AND '.join(terms)} ORDER BY seq DESC", *values)
        return [id_ for id_, text in rows if json.loads(text) == payload]

    def in_order(self, ids: Collection[str], as_accepted: bool = False) -> list[str]:
        order = "seq" if as_accepted else "received_at, seq"
        rows = self._rows(f"SELECT id FROM events WHERE id {_CHOSEN} ORDER BY {order}", json.dumps(list(ids)))
        return [id_ for (id_,) in rows]

    def events(self, ids: Sequence[str]) -> list[Event]:
        rows = self._rows(f"SELECT {_EVENT} FROM events e WHERE e.id {_CHOSEN}", json.dumps(list(ids)))
        found = {row[0]: stored_event(row) for row in rows}
        return [found[id_] for id_ in ids if id_ in found]

    def shortest(self, ids: list[str]) -> list[str]:
        return shortest(self._rows, "events", ids)

    def types(self, pattern: str) -> list[str]:
        """Look into the index once for each."""
        if not pattern.endswith(".*"):
            return [pattern] if self._rows("SELECT 1 FROM events WHERE type = ? LIMIT 1", pattern) else []
        first, last = _span(pattern)
        found = []
        next_type = "SELECT min(type) FROM events WHERE type >= ? AND type < ?"
        while (type_ := self._rows(next_type, first, last)[0][0]) is not None:
            found.append(type_)
            first = type_ + "\0"
        return found


def _numbered(row: Sequence[Any]) -> _Numbered:
    return row[6], Stored(stored_event(row), *row[7:])


def _holds(selection: Selection, stored: Stored) -> bool:
    return selection.where is None or selection.where.holds(stored.event.scope())


def _span(pattern: str) -> tuple[str, str]:
    """Return between which texts the types of `usage.*` are: "/" follows "."."""
    return pattern[:-1], pattern[:-2] + "/"


def _where(selection: Selection, rare: bool = False, rare_source: bool = False) -> tuple[str, list[Any]]:
    """Return the condition over an event `e`, and its values; `rare`: few deliveries or runs have the status.

    `rare_source`: few events are from the source.
    """
    terms: list[str] = ["TRUE"]
    values: list[Any] = []

    def add(term: str, *of: object) -> None:
        terms.append(term)
        values.extend(of)

    # Few events have a key, a rare status or a rare source: SQLite, which counts nothing, is kept from other indexes.
    fewer = rare or selection.key is not None
    free = "+" if fewer or rare_source else ""
    free_source = "" if rare_source and not fewer else "+"
    if selection.type is not None and selection.type.endswith(".*"):
        add(f"{free}e.type >= ? AND {free}e.type < ?", *_span(selection.type))
    elif selection.type is not None:
        add(f"{free}e.type = ?", selection.type)
    if selection.source is not None:
        add(f"{free_source}e.source = ?", selection.source)
    if selection.key is not None:
        add(_OF_KEY, key_hash(selection.key), selection.key)
    if selection.about is not None:
        term, texts = about_event(selection.about)
        add(term, *texts)
    if selection.since is not None:
        add(f"{free}e.received_at >= ?", selection.since)
    if selection.until is not None:
        add(f"{free}e.received_at < ?", selection.until)
    if selection.pipeline is not None:
        add(
            "EXISTS (SELECT 1 FROM runs r JOIN pipeline_versions v ON v.seq = r.version"
            " WHERE r.event = e.seq AND v.pipeline = ?)",
            selection.pipeline,
        )
    if selection.status is not None:
        term = _of_status(selection.status, rare)
        add(term, *[selection.status] * term.count("?"))
    return " AND ".join(terms), values


def _of_status(status: str, rare: bool) -> str:
    """Return the term over an event `e` that has a delivery, or a run, of a status."""
    ended, sent = f"SELECT r.event FROM {_ENDED}", f"SELECT d.event FROM {_OPEN}"
    of_run = "EXISTS (SELECT 1 FROM runs r WHERE r.event = e.seq AND r.outcome = ?)"
    of_delivery = (
        "EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.seq AND d.status = ? AND d.superseded_by IS NULL)"
    )
    if status == "dropped":
        return f"e.seq IN ({ended} UNION {sent})" if rare else f"({of_run} OR {of_delivery})"
    if rare:
        return f"e.seq IN ({ended if status in _OUTCOMES else sent})"
    return of_run if status in _OUTCOMES else of_delivery
