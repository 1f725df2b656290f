"""What is written together."""

from collections.abc import Iterable

from ....model.events import Event
from ....model.memory import Kept, Memory, Remembered, Traits, Upsert
from ....system.typed import TYPE_CHECKING, Any, Protocol, Values
from ..accepting import First, Keys, LookedUp, NewDelivery, NewRun, Queued, Rate

if TYPE_CHECKING:
    from ..refused import NewDeadLetter


class Earlier(Protocol):
    """What earlier transactions added, as a later one changes it."""

    def take_dead_letter(self, place: int) -> bool:
        """Forget what was refused: it is judged again; False when somebody has taken it already."""

    def take_up(self, event_id: str, number: int, tries: int) -> bool:
        """Take an unfinished run out, to be added anew; False: it was run again since it had failed so many times."""

    def give_up(self, event_id: str, why: str) -> int:
        """Run no failed run of an event again; `why` is added to the reasons. Return how many there were."""

    def hasten(self, queued: Queued, now: int, rate: Rate | None = None) -> None:
        """Make those of some deliveries due that wait for their next attempt; all that wait go at a rate, if given."""

    def supersede(self, event_id: str, pipeline: str, by: dict[tuple[str, str], str], now: int) -> None:
        """Settle what an earlier transaction queued of an event: ids of what replaces it, by (destination, target).

        That is whatever is not delivered at these places, and then what is dead of the same destinations elsewhere:
        their targets were mended.
        """


class Transaction(Memory, Protocol):
    """What is written together, whole or not at all. Look-ups see what the transaction itself has added.

    What one transaction found stays so until it is committed: of two that look for the same key, memory or state, to
    write it then, the second waits for the first and finds what that wrote.
    """

    @property
    def queued(self) -> Queued:
        """The deliveries that this transaction queues."""

    @property
    def earlier(self) -> Earlier: ...

    def first_with_key(self, type_: str, key: str, after: int) -> First | None:
        """Return the newest event of a type with this idempotency key accepted after a time.

        None: nobody else takes the key before this transaction has ended.
        """

    def add_event(self, event: Event, payload: str, line_up: str, now: int) -> None:
        """Store an event whole; `line_up` is the pipelines that there are, as JSON."""

    def add_duplicate(self, event_id: str, now: int) -> None:
        """Count one more event that came with the key of a first one."""

    def add_dead_letter(self, letter: "NewDeadLetter") -> None:
        """Keep what was refused."""

    def add_run(self, event_id: str, run: NewRun, now: int) -> None:
        """Add a run of an event, keeping its pipeline's text the first time."""

    def add_unfinished(self, event_id: str, number: int, cause: str, tries: int, retry_at: int | None) -> None:
        """Note that a run failed, so many times by now, and is run again: then, or once its cause has changed."""

    def add_delivery(self, event_id: str, run: int, delivery: NewDelivery, now: int, due_at: int) -> None:
        """Queue a message of a run of an event; one of a digest is due when what waits under its name is, if any."""

    def look_ahead(self, looked_up: LookedUp | None, traits: Keys, states: Keys, seen: Keys) -> None:
        """Read at once what is stored of many keys, by their kind or scope, for `traits`, `state` and `seen`.

        And take what was looked up for `first_with_key`; it is read again where others have written since.
        """

    def traits_of(self, kind: str, keys: Iterable[str]) -> dict[str, Traits]:
        """Return what is stored of those entities that the store has."""

    def remember(self, item: Remembered | Kept, event_id: str) -> None:
        """Keep what a step asked for."""

    def upsert(self, item: Upsert) -> None:
        """Lay traits over those that are known of an entity."""

    def write_entities(self, kind: str, entities: dict[str, Traits]) -> None:
        """Store entities whole, in place of what was stored of them."""

    def note(self, topic: str, name: str) -> Any:
        """Return a note; nobody else writes it before this transaction has ended."""

    def notes(self, topic: str) -> Values:
        """Return all notes of a topic as they are when this transaction reads them, by name."""

    def write_note(self, topic: str, name: str, value: object, at: int) -> None:
        """Keep a note, which is any JSON but null, in place of the one before."""

    def drop_note(self, topic: str, name: str) -> None:
        """Forget a note, if it is there."""
