"""Stored events in their order, where transactions that began before others may end after them."""

from ...system.typed import TYPE_CHECKING, cast
from ..contract.reading import Mark, Selection, Stored
from ..sql.history import SqlHistory
from .schema import BLOCK
from .transaction import class_of

if TYPE_CHECKING:
    from .database import PostgresDatabase

# Up to where no transaction that goes on can add anything: the numbers after are of those that began since, or of none.
_LOWEST = (
    "SELECT min(objid::bigint) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND classid::bigint = ?"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class PostgresHistory(SqlHistory):
    """See `contract.roles.history.StoredHistory`."""

    def __init__(self, store: "PostgresDatabase") -> None:
        super().__init__(store)
        self._class = class_of(store.link.address.schema)

    def mark(self, at_most: Mark | None = None) -> Mark:
        settled = self._settled()
        return Mark(settled if at_most is None else min(settled, cast(int, at_most)))

    def accepted_after(self, selection: Selection, mark: Mark | None) -> list[tuple[Mark, Stored]]:
        settled = self._settled()
        found = super().accepted_after(selection, mark)
        return [(place, stored) for place, stored in found if cast(int, place) <= settled]

    def _settled(self) -> int:
        """Return the last number that nobody can add an event before."""
        last = int(
            self._rows("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM blocks")[0][0]
        )  # before the look at who goes on
        lowest = self._rows(_LOWEST, self._class)[0][0]
        settled = last if lowest is None else min(int(lowest), last)
        return (settled + 1) * BLOCK - 1
