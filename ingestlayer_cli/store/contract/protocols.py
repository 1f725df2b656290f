"""What the rest of the program asks of a store, by role: small calls in the words of the domain.

An engine does what is written here, whatever it is made of. Events, runs, deliveries and pipelines are called by
their ids and names; times are in milliseconds. Several processes have one store open, on one machine or on several:
what is said of a call holds whatever the others do meanwhile. Imported for the types alone: a start of the program
has no time for it.
"""

from ...model.memory import Memory
from ...system.typed import TYPE_CHECKING, Any, Protocol, Values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from ...system.clock import Clock
    from .accepting import First, LookedUp
    from .roles.deliveries import Deliveries
    from .roles.history import Refusals, Runs, StoredHistory, StoredUnfinished
    from .roles.known import ApiKeys, StoredEntities
    from .roles.outbox import StoredDoubts, StoredGathering, StoredOutbox
    from .roles.transaction import Transaction
    from .roles.upkeep import Copying, Upkeep


class Store(Memory, Protocol):
    """An open store. One thread at a time may use it. What others commit is seen at once."""

    @property
    def is_outdated(self) -> bool:
        """Whether it was made by an older program, and is not brought up to date: it is opened for reading."""

    @property
    def path(self) -> str:
        """What it was opened by."""

    @property
    def is_in_place(self) -> bool:
        """Whether it is where it was: one that was deleted, or replaced, nobody else reads."""

    @property
    def outbox(self) -> "StoredOutbox": ...
    @property
    def gathering(self) -> "StoredGathering": ...
    @property
    def doubts(self) -> "StoredDoubts": ...
    @property
    def deliveries(self) -> "Deliveries": ...
    @property
    def history(self) -> "StoredHistory": ...
    @property
    def runs(self) -> "Runs": ...
    @property
    def unfinished(self) -> "StoredUnfinished": ...
    @property
    def refusals(self) -> "Refusals": ...
    @property
    def entities(self) -> "StoredEntities": ...
    @property
    def upkeep(self) -> "Upkeep": ...
    @property
    def keys(self) -> "ApiKeys": ...
    @property
    def copying(self) -> "Copying": ...

    def as_of_now(self) -> "AbstractContextManager[None]":
        """Read all inside of one moment, whatever others write meanwhile."""

    def transaction(self, may_repeat: bool = False) -> "AbstractContextManager[Transaction]":
        """Commit what is written inside at the end; roll everything back on any exception.

        Whose caller does all of it again after a RepeatError says that it `may_repeat`; another one waits for others.
        """

    def clock(self, own: "Clock") -> "Clock":
        """Return the clock that its times are by: `own`, unless several machines share it."""

    @property
    def most_together(self) -> int:
        """How many events one transaction accepts at most, so that others need not wait for it."""

    def has_unfinished(self) -> bool:
        """Say whether a run failed and is to be run again."""

    def expect_many(self) -> None:
        """Get ready for many transactions."""

    def wait_at_most(self, seconds: float) -> None:
        """Wait no longer than this for another process that holds the store: StoreError then, and nothing is done."""

    def look_up(self, keys: list[str]) -> "LookedUp":
        """Read what is stored under many idempotency keys at once."""

    def first_with_key(self, type_: str, key: str, after: int) -> "First | None":
        """Return the newest event of a type with this idempotency key accepted after a time."""

    def states(self, scope: str, start: str) -> "Iterator[tuple[str, str, str, int]]":
        """Yield the states of the keys that begin with a text: key, value as JSON, event and its time.

        They are not of one moment, and never all in memory.
        """

    def note(self, topic: str, name: str) -> Any:
        """Return a note, which is JSON; None when there is none."""

    def notes(self, topic: str) -> Values:
        """Return all notes of a topic, by name."""

    def close(self) -> None: ...
