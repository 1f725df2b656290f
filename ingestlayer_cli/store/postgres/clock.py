"""The database's clock: whatever a host's own says, all hosts have the same time."""

from time import monotonic_ns

from ...system.clock import Clock
from ...system.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from .link import PostgresLink


class DatabaseClock(Clock):
    """What time it is by the database, which was asked when it was connected to, and is asked now and then."""

    def __init__(self, link: "PostgresLink") -> None:
        self._link = link

    def now(self) -> int:
        return self._link.offset + monotonic_ns() // 1_000_000
