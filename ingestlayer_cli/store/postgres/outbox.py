"""What waits to be sent, claimed by several machines at once."""

from collections.abc import Callable

from ...system.typed import TYPE_CHECKING, Any
from ..contract.sending import Attempt, Claimed, Wanted
from ..sql.names import WAITS
from ..sql.outbox import CLAIMED, SqlOutbox
from ..sql.wanted import first_due

if TYPE_CHECKING:
    from .database import PostgresDatabase

# Joined by its number, what is settled would be gone through in search of it.
_FIRST = "CROSS JOIN LATERAL ({first}) d"

_TAKE = (
    "WITH it (seq, lane) AS ({first} FOR UPDATE OF l SKIP LOCKED), d AS (UPDATE deliveries SET lease_by = ?,"
    " lease_until = ? FROM it WHERE deliveries.seq = it.seq AND rate IS NULL AND lease_until IS NULL"
    f" AND status {WAITS} AND due_at <= ? RETURNING deliveries.*)"
    f" SELECT {CLAIMED} FROM it LEFT JOIN d ON TRUE"
)

_IS_LEASED = "SELECT 1 FROM deliveries WHERE seq = ? AND lease_by = ? AND lease_until = ?"
_IS_RECORDED = (
    "SELECT 1 FROM attempts WHERE delivery = (SELECT seq FROM deliveries WHERE id = ?)"
    " AND at = ? AND outcome = ? AND process = ?"
)


class PostgresOutbox(SqlOutbox):
    """See `contract.roles.outbox.StoredOutbox`."""

    def __init__(self, store: "PostgresDatabase") -> None:
        super().__init__(store)
        self._database = store
        self._repeated = store.repeated

    def _taken(self, execute: Any, wanted: Wanted, now: int, until: int, owner: str) -> Any:
        """Lock a target that nobody else has in hand, and lease what is first in it, by one statement.

        It is looked again where somebody was quicker since the statement began, and for what goes at a rate.
        """
        first, values = first_due(wanted, now, beside=_FIRST)
        row = execute(_TAKE.format(first=first), [*values, owner, until, now]).fetchone()
        if row is not None and row[0] is None:
            row = super()._taken(execute, wanted, now, until, owner)
        if row is not None:
            self._database.witness = _IS_LEASED, (row[0], owner, until)
        return row

    def _first(self, execute: Any, wanted: Wanted, now: int) -> tuple[int, int] | None:
        """Lock a target that nobody else has in hand, and look again what is first in it."""
        passed: list[int] = []
        while True:
            sql, values = first_due(wanted, now, " AND l.seq <> ALL(?::bigint[])", _FIRST)
            row = execute(f"{sql} FOR UPDATE OF l SKIP LOCKED", [*values, passed]).fetchone()
            if row is None:
                return None
            lane = int(row[1])
            sql, values = first_due(wanted, now, " AND l.seq = ?", _FIRST)
            found: tuple[int, int] | None = execute(sql, [*values, lane]).fetchone()
            if found is not None and self._lock_rate(execute, found[0]):
                found = execute(sql, [*values, lane]).fetchone()
            if found is not None:
                return found
            passed.append(lane)

    def _lock_rate(self, execute: Any, seq: int) -> bool:
        """Lock the rate that a delivery goes at; say whether it has one."""
        rate = execute("SELECT rate FROM deliveries WHERE seq = ?", (seq,)).fetchone()[0]
        if rate is not None:
            execute("SELECT 1 FROM rates WHERE seq = ? FOR UPDATE", (rate,))
        return rate is not None

    def claim(self, wanted: Wanted, now: int, lease: int, pace: Callable[[str], int], owner: str) -> Claimed | None:
        return self._repeated(lambda: super(PostgresOutbox, self).claim(wanted, now, lease, pace, owner))

    def record(self, claimed: Claimed, attempt: Attempt, owner: str) -> None:
        def work() -> None:
            self._database.witness = _IS_RECORDED, (claimed.id, attempt.at, attempt.outcome, owner)
            super(PostgresOutbox, self).record(claimed, attempt, owner)

        self._repeated(work)

    def set_right(self, now: int, hold: Callable[[str], int], pause: int, lease: int) -> None:
        self._repeated(lambda: super(PostgresOutbox, self).set_right(now, hold, pause, lease))
