"""What the rest of the program knows of a store: immutable values in the words of the domain; times in ms."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from ..language.conditions import Condition
from ..model.events import Event
from ..model.people import Person

STATUSES = ("delivered", "pending", "retrying", "dead", "unknown")  # of a delivery
EVENT_STATUSES = (*STATUSES, "dropped", "failed")  # and of a run that sent nothing

Keys = Mapping[str, Collection[str]]  # by their kind or scope


# Accepting ----------------------------------------------------------------------------------------------


class First(NamedTuple):
    """The event that took an idempotency key first. `accepted_at` is in milliseconds."""

    event: Event
    accepted_at: int


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


# Sending ------------------------------------------------------------------------------------------------


class Claimed(NamedTuple):
    """A delivery that this process alone may send until its lease ends."""

    seq: int
    id: str
    lane: int
    destination: str
    target: str
    body: str
    attempts: int
    due_at: int
    lease_until: int
    retry: list[int] | None  # the pauses of its destination, in milliseconds
    directions: dict[str, Any]  # what its sender needs beside the body
    thread: tuple[str, str] | None  # channel and ts of the first message of its thread, once that is delivered
    overtaken: bool  # whether a newer message of its thread is delivered


class Wanted(NamedTuple):
    """Which deliveries a sender cares for; all of them when nothing is set."""

    queued: tuple[range, ...] = ()  # those with these numbers alone
    lanes: tuple[int, ...] = ()  # of `queued`: in these, what was accepted before is wanted too
    pipeline: str | None = None
    target: str | None = None  # with its # or without
    without: tuple[tuple[str, str], ...] = ()  # not to these (kind of destination, target); "": any target


class Attempt(NamedTuple):
    """What came of one attempt, and what the delivery is now. Times in milliseconds."""

    at: int
    took: int
    outcome: str  # sent retry refused unknown not-connected found resend held
    status: str
    counts: bool
    due_at: int
    error: str | None = None
    hint: str | None = None
    receipt: dict[str, str] | None = None
    lane_free_at: int = 0  # not before this
    learned: tuple[Person, ...] = ()


class Leased(NamedTuple):
    """A delivery that some process has in hand."""

    seq: int
    id: str
    target: str
    lane: int
    lease_by: str
    lease_until: int


class Doubtful(NamedTuple):
    """A delivery that may or may not have arrived. Times in milliseconds."""

    seq: int
    id: str
    lane: int
    destination: str
    target: str
    channel: str | None
    attempts: int
    last_attempt: int  # its number; another one means that another process took it up
    sent_at: int
    noticed_at: int  # when nothing more could come of it
    retry: list[int] | None
    body: str
    directions: dict[str, Any]
    thread: tuple[str, str] | None


# Deliveries for their operator --------------------------------------------------------------------------


class DeliverySelection(NamedTuple):
    """Which deliveries: all that fit; with nothing set, those that are not delivered."""

    status: str | None = None
    since: int | None = None
    pipeline: str | None = None
    target: str | None = None

    @property
    def open_only(self) -> bool:
        return self == DeliverySelection()


class Backlog(NamedTuple):
    """How many deliveries are not delivered, by status; of those how many are overdue, and how many died lately."""

    counts: dict[str, int]
    late: int
    died: int


class LastSettled(NamedTuple):
    """What became of a delivery."""

    status: str
    at: int
    receipt: dict[str, str]


# What is stored -----------------------------------------------------------------------------------------


class Stored(NamedTuple):
    """A stored event and what is kept beside it. Times in milliseconds."""

    event: Event
    seq: int
    accepted_at: int
    duplicates: int
    last_duplicate_at: int | None


class Selection(NamedTuple):
    """Which stored events; all that fit. `since` (inclusive) and `until` (exclusive) are of `received_at`."""

    type: str | None = None  # exact, or "usage.*"
    since: int | None = None
    until: int | None = None
    source: str | None = None
    key: str | None = None
    pipeline: str | None = None  # that had a run of this pipeline
    status: str | None = None  # that has a delivery of this status, or a run that was dropped or failed
    where: Condition | None = None


class Outcome(NamedTuple):
    """What became of one message, or of a run without messages (`target` is empty then)."""

    pipeline: str
    target: str
    status: str  # of a delivery; or dropped, failed
    attempts: int = 0
    reason: str = ""


# Runs ---------------------------------------------------------------------------------------------------


class Past(NamedTuple):
    """What became of an event so far: its last run, where its messages went or will go, and what still waits.

    `taken` has (pipeline, destination, target) of what is delivered, waits or may have arrived; `waiting` the
    numbers of the deliveries that wait.
    """

    run: int
    taken: set[tuple[str, str, str]]
    waiting: list[int]


class Version(NamedTuple):
    """A pipeline as it was."""

    pipeline: str
    version: str
    text: str


class FirstRun(NamedTuple):
    """The run of an event's acceptance; `bodies` are JSON texts, empty ones unless they were asked for."""

    number: int
    outcome: str
    reason: str | None
    targets: list[str]
    bodies: list[str]


class UsedVersion(NamedTuple):
    """A version of a pipeline that ran; `first_used` in milliseconds."""

    version: str
    first_used: int


class Lined(NamedTuple):
    """A pipeline that there was when an event was accepted."""

    name: str
    version: str
    status: str
    match: list[str]


class StoredRun(NamedTuple):
    """One run as it is stored. `trace` is [{step, verdict, note}] and the destinations' decisions after them."""

    number: int
    pipeline: str
    version: str
    outcome: str
    dropped_by: str | None
    reason: str | None
    trace: list[dict[str, Any]]
    replayed_at: int | None
