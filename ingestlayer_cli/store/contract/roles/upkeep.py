"""The store as a whole, and what is kept where it is out of reach."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from ....model.events import Event
from ....system.clock import Clock
from ....system.typed import TYPE_CHECKING, Any, Protocol, Values
from ..copying import Copied
from ..reading import Looked, Recent, Size, Totals

if TYPE_CHECKING:
    from ....model.documents.projects import StoreDocument


class Upkeep(Protocol):
    """What the store holds, forgetting what is old, giving space back."""

    def info(self) -> "StoreDocument":
        """Return counts, sizes in bytes, the oldest that waits, the schema's version and the engine's own check."""

    def totals(self) -> Totals:
        """Count what is there, for a program that asks every few seconds: bodies, traces and payloads are not read."""

    def recent(self, since: int) -> Recent:
        """Count what became of the events that are of a time or later, and of what was refused since."""

    def size(self) -> Size:
        """Return how large the store is."""

    def latest(self) -> int | None:
        """Return when the store was last written to, by the clock of then; None where it has no event.

        Where a clock was set back meanwhile, that is the latest time among what was written last.
        """

    def count_after(self, at: int) -> int:
        """Count the events that are of a later time."""

    def faults(self) -> list[str]:
        """Return what the engine's quick check of the store finds."""

    def prune(
        self,
        clock: Clock,
        before: int,
        memory_before: int,
        progress: Looked | None = None,
        forever: Sequence[str] = (),
    ) -> int:
        """Forget events accepted before a time, with all that hangs on them; return how many.

        What is not settled stays, with its event; so do what steps remember and threads of the events that stay, or
        since `memory_before`. What is remembered in a scope that is `forever` and what is
        known of entities are never forgotten.
        Emitters go on meanwhile.
        """

    def vacuum(self) -> tuple[int, int]:
        """Give free space back to the disk; return the sizes in bytes before and after. Writers wait meanwhile."""


class Copying(Protocol):
    """The store as rows of tables, which any other store can take: their columns are the contract of both."""

    def tables(self) -> list[str]:
        """Return the names of the tables."""

    def pages(self, table: str) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a table in the order of its key."""

    def page(
        self, table: str, after: tuple[Any, ...] | None, until: tuple[Any, ...] | None = None
    ) -> list[tuple[Any, ...]]:
        """Return the rows after one and up to another; without an end, the first of them."""

    def write(
        self, table: str, after: tuple[Any, ...] | None, until: tuple[Any, ...] | None, rows: list[tuple[Any, ...]]
    ) -> None:
        """Put rows in the place of all that are after one and up to another, in one transaction."""

    def sent_apart(self, source: "Copying") -> str | None:
        """Return the id of a delivery that this copy of a store tried to send, or settled, and the store did not."""

    def sums(self) -> dict[str, Copied]:
        """Return the count and the checksum of each table."""

    def end(self) -> None:
        """Go on after what was written."""


class Spool(Protocol):
    """Events that are kept on this machine until the store that several share is in reach, in their order."""

    def add(self, events: Sequence[tuple[Event, str]], at: int) -> None:
        """Keep events, each with its payload as JSON; one that is kept already is not kept twice."""

    def taken(self, most: int) -> AbstractContextManager[list[tuple[Event, str]]]:
        """Return the first events in a `with`, which forgets them unless there is an error inside.

        Nobody else takes them meanwhile; AwayError where another one does so for too long.
        """

    def newest(self) -> dict[str, Values]:
        """Return the payload of what was kept last under each key."""

    def count(self) -> tuple[int, int | None]:
        """Return how many there are, and when the first of them was kept."""
