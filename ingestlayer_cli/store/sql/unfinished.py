"""Runs that failed and are run again."""

import json
from collections.abc import Sequence

from ..contract.unfinished import UnfinishedGroup, UnfinishedRun
from .base import Base
from .lookups import of_other_types, stored_event

_RUNS = (
    "SELECT e.id, e.type, e.received_at, e.source, e.key, e.payload, u.run, u.cause, r.reason, u.tries, u.retry_at"
    " FROM unfinished u JOIN events e ON e.seq = u.event JOIN runs r ON r.event = u.event AND r.number = u.run"
)
_LISTED = "IN (SELECT value FROM json_each(?))"


class SqlUnfinished:
    """See `contract.roles.history.StoredUnfinished`."""

    def __init__(self, store: Base) -> None:
        self._rows = store.rows

    def groups(self, but: str = "") -> list[UnfinishedGroup]:
        others, values = of_other_types("unfinished.event", but)
        rows = self._rows(
            "SELECT g.cause, g.runs, g.retry_at, e.id, e.accepted_at, coalesce(r.reason, '') FROM"
            " (SELECT cause, count(*) AS runs, min(retry_at) AS retry_at, min(event) AS event FROM unfinished"
            f" WHERE TRUE{others} GROUP BY cause) g JOIN events e ON e.seq = g.event JOIN runs r ON r.event = g.event"
            " AND r.number = (SELECT min(u.run) FROM unfinished u WHERE u.event = g.event AND u.cause = g.cause)"
            " ORDER BY g.cause",
            *values,
        )
        return [UnfinishedGroup(*row) for row in rows]

    def due(
        self, changed: Sequence[str], timed: Sequence[str], now: int, pause: int, source: str | None, most: int
    ) -> list[UnfinishedRun]:
        return self._runs(
            # In their own order, not by the index of causes: the first ones are found without sorting all.
            f"(+u.cause {_LISTED} OR (+u.cause {_LISTED} AND u.retry_at NOT BETWEEN ? AND ?))"
            " AND e.source = coalesce(?, e.source)",
            *(json.dumps(changed), json.dumps(timed), now + 1, now + pause, source),
            most=most,
        )

    def of_events(self, ids: Sequence[str]) -> list[UnfinishedRun]:
        return self._runs(f"u.event IN (SELECT seq FROM events WHERE id {_LISTED})", json.dumps(ids))

    def of_source(self, source: str) -> list[UnfinishedRun]:
        return self._runs("e.source = ?", source)

    def _runs(self, where: str, *values: object, most: int = -1) -> list[UnfinishedRun]:
        sql = f"{_RUNS} WHERE {where} ORDER BY u.event, u.run LIMIT ?"
        return [UnfinishedRun(stored_event(row), *row[6:]) for row in self._rows(sql, *values, most)]
