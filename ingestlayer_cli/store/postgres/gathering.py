"""Deliveries that one message says together, while others are in the way."""

from collections.abc import Sequence

from ...system.typed import TYPE_CHECKING, Directions
from ..contract.sending import Claimed
from ..sql.gathering import SqlGathering

if TYPE_CHECKING:
    from .database import PostgresDatabase


class PostgresGathering(SqlGathering):
    """See `contract.roles.outbox.StoredGathering`."""

    def __init__(self, store: "PostgresDatabase") -> None:
        super().__init__(store)
        self._repeated = store.repeated

    def hold_back(self, claimed: Claimed, now: int, until: int, why: str) -> None:
        self._repeated(lambda: super(PostgresGathering, self).hold_back(claimed, now, until, why))

    def carry(self, claimed: Claimed, ids: Sequence[str], body: str, directions: Directions, owner: str) -> bool:
        return self._repeated(lambda: super(PostgresGathering, self).carry(claimed, ids, body, directions, owner))
