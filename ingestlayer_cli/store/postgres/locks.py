"""What one transaction looks at, to write it then, is its own until it ends.

Locks of the database (`pg_advisory_xact_lock`), one for each key, taken in the order of their numbers. A transaction
that would need more than its share of the server's room takes the store for itself: every other one holds that in
share. Out of order nobody waits: the transaction is done again, and begins with all that it was found to need.
"""

from collections.abc import Collection
from hashlib import blake2b
from os import urandom

from ...system.typed import TYPE_CHECKING, Any
from ..contract.accepting import RepeatError
from .arrays import array

if TYPE_CHECKING:
    from .link import PostgresLink

SHARE = 8  # of the room that a server has for locks, one in so many is a transaction's
LAST = 1 << 62  # what is locked at a transaction's end has the numbers from here on

_TAKE = (
    "SELECT CASE WHEN alone THEN pg_advisory_xact_lock(number) IS NULL"
    " ELSE pg_advisory_xact_lock_shared(number) IS NULL END FROM unnest(?::bigint[], ?::boolean[]) AS t (number, alone)"
)
_TRY = (
    "SELECT coalesce(bool_and(CASE WHEN alone THEN pg_try_advisory_xact_lock(number)"
    " ELSE pg_try_advisory_xact_lock_shared(number) END), TRUE)"
    " FROM unnest(?::bigint[], ?::boolean[]) AS t (number, alone)"
)

Needed = dict[int, bool]  # numbers of locks: whether they are held alone


def number_of(*names: str) -> int:
    """Return the number of what has these names."""
    text = "\0".join(names).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 2


def of_state(scope: str, key: str) -> tuple[str, str, str]:
    """Return the name of a state's lock: it is one whatever the key's period is called."""
    return "state", scope, without_period(key)


def without_period(key: str) -> str:
    """Return a state's key without the name of its period; of one without a period, any part of it."""
    return key.partition(" ")[2] or key


class Locks:
    """The locks of one transaction, which holds the store in share, or alone."""

    def __init__(self, link: "PostgresLink", may_repeat: bool, begin_with: Needed, has_all: bool) -> None:
        self._link = link
        self._schema = link.address.schema
        self._may_repeat = may_repeat
        self._begin_with = begin_with
        self.has_all = has_all
        # Held from its start to its end: who lost the connection when it was to be committed waits for that.
        self.own = int.from_bytes(urandom(8), "big") >> 2
        self._held: Needed = {}
        self._names: set[tuple[str, ...]] = set()  # of what is held alone
        self._read: set[tuple[str, ...]] = set()
        self.needed: Needed = {}  # by a transaction that is to be done again
        self.needs_all = False

    def hold(
        self,
        alone: Collection[tuple[str, ...]] = (),
        shared: Collection[tuple[str, ...]] = (),
        last: bool = False,
    ) -> None:
        """Lock what has these names; `shared`, what is only read."""
        if self.has_all:
            return
        if self._names.issuperset(alone) and all(name in self._read or name in self._names for name in shared):
            return
        held, above = self._held, LAST if last else 0
        self._names.update(alone)
        self._read.update(shared)
        numbers = {number_of(self._schema, *name) + above: False for name in shared}
        numbers |= {number_of(self._schema, *name) + above: True for name in alone}
        wanted = {it: is_alone for it, is_alone in numbers.items() if it not in held or (is_alone and not held[it])}
        if not wanted:
            return
        if not held:  # in the right order, with what is known to be needed
            wanted = self._begin_with | {it: how or self._begin_with.get(it, False) for it, how in wanted.items()}
        if len(held) + len(wanted) > self._link.room // SHARE:
            self._want_all(wanted)
        elif not held or min(wanted) > max(held):
            self._take(wanted)
        elif not self._say(_TRY, wanted).fetchone()[0]:
            self._want(wanted)
        held.update(wanted)

    def _want_all(self, wanted: Needed) -> None:
        if self._may_repeat:
            self.needs_all = True
            raise RepeatError("the transaction is too large to share the store", "try again")
        self._link.execute("SELECT pg_advisory_xact_lock(?::bigint)", (self.all,))
        self.has_all = True

    def _want(self, wanted: Needed) -> None:
        if self._may_repeat:
            self.needed = self._held | wanted
            raise RepeatError("others hold what the transaction looks at", "try again")
        self._take(wanted)

    def _take(self, wanted: Needed) -> None:
        """Wait until they are held: nothing that is said after it is heard before, so that nobody waits here."""
        self._say(_TAKE, wanted)

    def _say(self, sql: str, wanted: Needed) -> Any:
        numbers = sorted(wanted)
        return self._link.execute(sql, (array(numbers), array([wanted[it] for it in numbers])))

    @property
    def number(self) -> int:
        return len(self._held)

    @property
    def all(self) -> int:
        """The number of the store as a whole."""
        return number_of(self._schema)
