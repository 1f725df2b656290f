"""The parts of an open store."""

from functools import cached_property

from ...system.typed import TYPE_CHECKING
from .base import Base

if TYPE_CHECKING:
    from .copying import SqlCopying
    from .deliveries import SqlDeliveries
    from .doubts import SqlDoubts
    from .entities import SqlEntities
    from .gathering import SqlGathering
    from .history import SqlHistory
    from .keys import SqlKeys
    from .outbox import SqlOutbox
    from .refusals import SqlRefusals
    from .runs import SqlRuns
    from .unfinished import SqlUnfinished


class Parts(Base):
    """They are loaded when they are used: most calls use few of them."""

    @cached_property
    def outbox(self) -> "SqlOutbox":
        from .outbox import SqlOutbox

        return SqlOutbox(self)

    @cached_property
    def gathering(self) -> "SqlGathering":
        from .gathering import SqlGathering

        return SqlGathering(self)

    @cached_property
    def doubts(self) -> "SqlDoubts":
        from .doubts import SqlDoubts

        return SqlDoubts(self)

    @cached_property
    def deliveries(self) -> "SqlDeliveries":
        from .deliveries import SqlDeliveries

        return SqlDeliveries(self)

    @cached_property
    def history(self) -> "SqlHistory":
        from .history import SqlHistory

        return SqlHistory(self)

    @cached_property
    def runs(self) -> "SqlRuns":
        from .runs import SqlRuns

        return SqlRuns(self)

    @cached_property
    def unfinished(self) -> "SqlUnfinished":
        from .unfinished import SqlUnfinished

        return SqlUnfinished(self)

    @cached_property
    def refusals(self) -> "SqlRefusals":
        from .refusals import SqlRefusals

        return SqlRefusals(self)

    @cached_property
    def entities(self) -> "SqlEntities":
        from .entities import SqlEntities

        return SqlEntities(self)

    @cached_property
    def copying(self) -> "SqlCopying":
        from .copying import SqlCopying

        return SqlCopying(self)

    @cached_property
    def keys(self) -> "SqlKeys":
        from .keys import SqlKeys

        return SqlKeys(self)
