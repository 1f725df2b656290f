"""A store in a schema of a PostgreSQL database."""

from functools import cached_property

from ...system.typed import TYPE_CHECKING
from ..sql.parts import Parts
from .address import Address
from .database import PostgresDatabase
from .link import PostgresLink
from .schema import VERSION
from .version import known

if TYPE_CHECKING:
    from .copying import PostgresCopying
    from .doubts import PostgresDoubts
    from .gathering import PostgresGathering
    from .history import PostgresHistory
    from .outbox import PostgresOutbox
    from .upkeep import PostgresUpkeep


class PostgresStore(Parts, PostgresDatabase):
    """See `contract.protocols.Store`."""

    @cached_property
    def outbox(self) -> "PostgresOutbox":
        from .outbox import PostgresOutbox

        return PostgresOutbox(self)

    @cached_property
    def gathering(self) -> "PostgresGathering":
        from .gathering import PostgresGathering

        return PostgresGathering(self)

    @cached_property
    def doubts(self) -> "PostgresDoubts":
        from .doubts import PostgresDoubts

        return PostgresDoubts(self)

    @cached_property
    def history(self) -> "PostgresHistory":
        from .history import PostgresHistory

        return PostgresHistory(self)

    @cached_property
    def copying(self) -> "PostgresCopying":
        from .copying import PostgresCopying

        return PostgresCopying(self)

    @cached_property
    def upkeep(self) -> "PostgresUpkeep":
        from .upkeep import PostgresUpkeep

        return PostgresUpkeep(self)


def open_to_write(place: str) -> PostgresStore:
    """Open a store, making or migrating it when needed; StoreError says what is in the way."""
    link = PostgresLink(Address.of(place))
    try:
        if known(link, link.version) != VERSION:
            from .migrating import migrate

            migrate(link)
    except BaseException:
        link.close()
        raise
    return PostgresStore(link)


def open_to_read(place: str) -> PostgresStore | None:
    """Open an existing store for reading alone; None when there is none."""
    link = PostgresLink(Address.of(place))
    try:
        version = known(link, link.version)
    except BaseException:
        link.close()
        raise
    if version == 0:
        link.close()
        return None
    return PostgresStore(link, version)
