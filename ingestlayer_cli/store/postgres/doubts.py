"""What may or may not have arrived, while others are in the way."""

from ...system.typed import TYPE_CHECKING
from ..contract.sending import Attempt, Doubtful, Leased
from ..sql.doubts import SqlDoubts

if TYPE_CHECKING:
    from .database import PostgresDatabase


class PostgresDoubts(SqlDoubts):
    """See `contract.roles.outbox.StoredDoubts`."""

    def __init__(self, store: "PostgresDatabase") -> None:
        super().__init__(store)
        self._repeated = store.repeated

    def abandon(self, row: Leased, attempt: Attempt) -> None:
        self._repeated(lambda: super(PostgresDoubts, self).abandon(row, attempt))

    def settle(self, row: Doubtful, attempt: Attempt, owner: str) -> bool:
        return self._repeated(lambda: super(PostgresDoubts, self).settle(row, attempt, owner))
