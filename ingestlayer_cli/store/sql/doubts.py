"""What may or may not have arrived, and what is settled by a look or by a word."""

from ...system.typed import Any
from ..contract.sending import Attempt, Doubtful, Leased, Wanted
from .base import Base
from .names import lane_name
from .outbox import RATE_OF, place_of, told_in
from .settling import keep_attempt, settle
from .wanted import OWN, filters, own_values


class SqlDoubts:
    """See `contract.roles.outbox.StoredDoubts`."""

    def __init__(self, store: Base) -> None:
        self._store = store
        self._rows = store.rows

    def abandon(self, row: Leased, attempt: Attempt) -> None:
        with self._store.transaction() as transaction:
            execute = transaction.connection.execute
            leased = "lease_by = ? AND lease_until = ?"
            if settle(execute, row.id, attempt, leased, (row.lease_by, row.lease_until)):
                keep_attempt(execute, row.id, attempt, row.lease_by)
                lane = lane_name(row.destination, row.target)
                execute("UPDATE lanes SET busy_until = NULL WHERE name = ? AND busy_until = ?", (lane, row.lease_until))
                free = f"UPDATE rates SET busy_until = NULL WHERE {RATE_OF} AND busy_until = ?"
                execute(free, (row.id, row.lease_until))

    def doubtful(self, wanted: Wanted) -> list[Doubtful]:
        terms, values = filters(wanted)
        if wanted.queued is not None:
            terms.append(OWN)
            values += own_values(wanted.queued)
        where = " AND ".join(["w.status = 'unknown'", *terms])
        rows = self._rows(
            "SELECT w.id, w.destination, w.target, l.channel, w.attempts,"
            " coalesce((SELECT max(number) FROM attempts a WHERE a.delivery = w.seq), 0),"
            " coalesce(a.at, w.queued_at), coalesce(a.at + a.took, w.queued_at), w.retry, w.body, w.directions,"
            " t.channel, t.ts FROM deliveries w JOIN lanes l ON l.seq = w.lane"
            " LEFT JOIN attempts a ON a.delivery = w.seq AND a.number ="
            " (SELECT max(number) FROM attempts b WHERE b.delivery = w.seq AND b.outcome = 'unknown')"
            " LEFT JOIN threads t ON t.seq = w.thread AND t.ts IS NOT NULL"
            f" WHERE {where} ORDER BY w.seq",
            *values,
        )
        return [
            Doubtful._make((*head, told_in(retry), body, told_in(directions) or {}, place_of(channel, ts)))
            for *head, retry, body, directions, channel, ts in rows
        ]

    def settle(self, row: Doubtful, attempt: Attempt, owner: str) -> bool:
        same = (
            "status = 'unknown' AND lease_until IS NULL"
            " AND ? = coalesce((SELECT max(number) FROM attempts a WHERE a.delivery = d.seq), 0)"
        )
        return settle_where(self._store, same, (row.last_attempt,), row.id, attempt, owner)


def settle_where(store: Base, term: str, values: tuple[Any, ...], id_: str, attempt: Attempt, owner: str) -> bool:
    """Record what became of a delivery of which a term over `d` holds; say whether it did."""
    with store.transaction() as transaction:
        execute = transaction.connection.execute
        holds = settle(execute, id_, attempt, term, values)
        if holds:
            keep_attempt(execute, id_, attempt, owner)
        return bool(holds)
