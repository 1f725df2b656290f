"""What is accepted: the values that a transaction takes and gives. Times in milliseconds."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from ...model.events import Event
from ...system.errors import StoreError
from ...system.typed import Any, NamedTuple

Keys = Mapping[str, Collection[str]]  # by their kind or scope


class First(NamedTuple):
    """The event that took an idempotency key first. `accepted_at` is in milliseconds."""

    event: Event
    accepted_at: int


class RepeatError(StoreError):
    """Others were in the way of a transaction, and nothing of it is committed: it is done again."""


class AwayError(StoreError):
    """The store is out of reach: what is to be accepted may be kept elsewhere until it is there."""


class SpoolError(StoreError):
    """What is kept on this machine cannot be read or written: the store itself may be well."""


class LookedUp(NamedTuple):
    """What is stored under many idempotency keys: by type and key, the newest event. `as_of` is the store's own."""

    keys: list[str]
    firsts: dict[tuple[str, str], First]
    as_of: object


class NewThread(NamedTuple):
    """The thread that a message belongs to: that of its key, if one began less than `window` from it; times in ms."""

    scope: str
    key: str
    at: int
    window: int


class Rate(NamedTuple):
    """Messages of one name, to whatever targets, go at least `pace` milliseconds apart."""

    name: str
    pace: int


class NewDelivery(NamedTuple):
    """A composed message to queue."""

    id: str
    pipeline: str
    destination: str
    target: str
    body: str
    retry: Sequence[int] | None = None
    directions: str | None = None  # JSON
    thread: NewThread | None = None
    rate: Rate | None = None
    digest: str | None = None  # what waits under the same name goes when the first of it does


class NewRun(NamedTuple):
    """A run of a pipeline on an event, `number` among the event's runs; `text` is the pipeline's as it ran."""

    number: int
    pipeline: str
    version: str
    text: str
    outcome: str
    dropped_by: str | None
    reason: str | None
    trace: str  # JSON
    replayed_at: int | None = None
    given: str | None = None  # what it was given, as the engine writes it: empty for nothing, None where it is not kept


class Queued:
    """Deliveries that were queued, or are to be taken up: how many; which ones, only their store knows."""

    __slots__ = ("_count", "parts")

    def __init__(self, parts: tuple[Any, ...] = (), count: int = 0) -> None:
        self.parts = parts
        self._count = count

    @classmethod
    def joined(cls, queued: Iterable["Queued"]) -> "Queued":
        parts = [each for each in queued if each]
        return cls(tuple(part for each in parts for part in each.parts), sum(map(len, parts)))

    def __len__(self) -> int:
        return self._count


NOTHING = Queued()
