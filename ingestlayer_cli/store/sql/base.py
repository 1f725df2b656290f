"""What the parts of a store ask of its engine."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from .lookups import Lookups

if TYPE_CHECKING:
    from .transaction import SqlTransaction


class Base(Lookups):
    """An open store, as its parts know it."""

    def transaction(self, may_repeat: bool = False) -> "AbstractContextManager[SqlTransaction]":
        raise NotImplementedError

    def alone(self) -> "AbstractContextManager[SqlTransaction]":
        """Return a transaction beside which there is no other."""
        return self.transaction()
