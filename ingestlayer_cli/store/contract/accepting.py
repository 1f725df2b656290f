"""What is accepted: the values that a transaction takes and gives. Times in milliseconds."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ...model.events import Event

Keys = Mapping[str, Collection[str]]  # by their kind or scope


class First(NamedTuple):
    """The event that took an idempotency key first. `accepted_at` is in milliseconds."""

    event: Event
    accepted_at: int


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
