"""What the parts of a store ask of its engine."""

import sys
from contextlib import AbstractContextManager

from ...system.clock import Clock
from ...system.typed import TYPE_CHECKING
from .lookups import Lookups

if TYPE_CHECKING:
    from .transaction import SqlTransaction


class Base(Lookups):
    """An open store, as its parts know it."""

    most_together = sys.maxsize

    def transaction(self, may_repeat: bool = False) -> "AbstractContextManager[SqlTransaction]":
        raise NotImplementedError

    def clock(self, own: Clock) -> Clock:
        """Return the clock that its times are by: `own`, where one machine writes it."""
        return own

    def alone(self) -> "AbstractContextManager[SqlTransaction]":
        """Return a transaction beside which there is no other."""
        return self.transaction()
