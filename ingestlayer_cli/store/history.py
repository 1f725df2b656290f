"""Stored events, chosen and read in order."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..conditions import Condition
from ..events import Event
from . import Store
from .transaction import stored_event

_COLUMNS = (
    "e.id, e.type, e.received_at, e.source, e.key, e.payload, e.seq, e.accepted_at, e.duplicates, e.last_duplicate_at"
)
PAGE = 1_000


class Stored(NamedTuple):
    """A stored event and what is kept beside it. Times in milliseconds."""

    event: Event
    seq: int
    accepted_at: int
    duplicates: int
    last_duplicate_at: int | None


class Selection(NamedTuple):
    """Which stored events; all that fit. `since` (inclusive) and `until` (exclusive) are of `received_at`."""

    type: str | None = None  # exact, or "usage.*"
    since: int | None = None
    until: int | None = None
    source: str | None = None
    key: str | None = None
    pipeline: str | None = None  # that had a run of this pipeline
    status: str | None = None  # that has a delivery of this status, or a run that was dropped or failed
    where: Condition | None = None

    def sql(self) -> tuple[str, list[Any]]:
        """Return the condition over an event `e`, and its values."""
        terms: list[str] = ["1"]
        values: list[Any] = []
        if self.type is not None and self.type.endswith(".*"):
            terms.append("e.type >= ? AND e.type < ?")
            values += [self.type[:-1], self.type[:-2] + "/"]  # "/" follows "."
        elif self.type is not None:
            terms.append("e.type = ?")
            values.append(self.type)
        for column, value in (("source", self.source), ("key", self.key)):
            if value is not None:
                terms.append(f"e.{column} = ?")
                values.append(value)
        for column, at in (("received_at >=", self.since), ("received_at <", self.until)):
            if at is not None:
                terms.append(f"e.{column} ?")
                values.append(at)
        if self.pipeline is not None:
            terms.append(
                "EXISTS (SELECT 1 FROM runs r JOIN pipeline_versions v ON v.seq = r.version"
                " WHERE r.event = e.seq AND v.pipeline = ?)"
            )
            values.append(self.pipeline)
        if self.status in ("dropped", "failed"):
            terms.append("EXISTS (SELECT 1 FROM runs r WHERE r.event = e.seq AND r.outcome = ?)")
            values.append(self.status)
        elif self.status is not None:
            terms.append("EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.seq AND d.status = ?)")
            values.append(self.status)
        return " AND ".join(terms), values


def select(store: Store, selection: Selection, newest_first: bool = True, limit: int | None = None) -> Iterator[Stored]:
    """Yield the chosen events by their `received_at`, page by page, so that memory does not grow with their number."""
    where, values = selection.sql()
    order, past = ("DESC", "<") if newest_first else ("ASC", ">")
    last: tuple[int, int] | None = None
    found = 0
    while limit is None or found < limit:
        after = f" AND (e.received_at, e.seq) {past} (?, ?)" if last else ""
        rows = store.select(
            f"SELECT {_COLUMNS} FROM events e WHERE {where}{after}"
            f" ORDER BY e.received_at {order}, e.seq {order} LIMIT ?",
            *values,
            *(last or ()),
            PAGE if limit is None or selection.where else min(PAGE, limit - found),
        )
        for row in rows:
            event = stored_event(row)
            last = event.received_at, row[6]
            if selection.where is None or selection.where.holds(event.scope()):
                yield Stored(event, *row[6:])
                found += 1
                if found == limit:
                    return
        if len(rows) < (PAGE if limit is None or selection.where else 1):
            return
