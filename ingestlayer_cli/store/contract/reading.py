"""What is read of a store by people: choices, and what they find. Times in milliseconds."""

from collections.abc import Callable

from ...language.conditions import Condition
from ...model.events import Event
from ...system.typed import TYPE_CHECKING, NamedTuple, NewType, Values
from .accepting import Queued
from .sending import STATUSES

if TYPE_CHECKING:
    from ...model.documents.events import RunOutcome

EVENT_STATUSES = (*STATUSES, "failed")  # and of a run that sent nothing, `dropped` among them

Looked = Callable[[int], None]  # is told, now and then, of how many are done
Mark = NewType("Mark", object)  # a place in the order of acceptance, which only its store can read


class About(NamedTuple):
    """Texts of which one must stand in an event, whatever their case.

    `whole`: as a value of its payload or a part of its key, between colons; else anywhere in them, or in a message.
    """

    texts: tuple[str, ...]
    whole: bool = True


class DeliverySelection(NamedTuple):
    """Which deliveries: all that fit; with nothing set, those that are not delivered."""

    status: str | None = None
    since: int | None = None
    pipeline: str | None = None
    target: str | None = None
    about: About | None = None  # by their event
    digest: str | None = None  # what one delivery says: its id

    @property
    def open_only(self) -> bool:
        return self == DeliverySelection()


class PutOff(NamedTuple):
    """Messages to one target that wait for the same: to be one (`digest`), for their hours, or for a budget.

    `next_at` is when the next of them may go. Times in milliseconds.
    """

    reason: str
    target: str
    number: int
    next_at: int


class NotArrived(NamedTuple):
    """Deliveries to one target, of one status, that are not delivered, and what is to be said of one of them.

    `since` is when the first of them was queued, of what is dead or shown when it became so; `newest` the same of the
    last. `late` counts those that were due before a time; `next_at` is when the next may go, `held_until` when their
    target is free. The one is the oldest, of what is dead or shown the newest; `outcome` is that of its last attempt.
    """

    destination: str
    target: str
    status: str
    number: int
    since: int
    newest: int
    late: int
    next_at: int | None
    held_until: int
    id: str
    pipeline: str
    error: str | None
    hint: str | None
    outcome: str | None


class Totals(NamedTuple):
    """What a store has, in numbers, and since when what waits does. What a delivery was superseded by counts alone."""

    events: dict[str, int]  # by type
    runs: dict[tuple[str, str], int]  # by pipeline and outcome, of its replays too
    deliveries: dict[tuple[str, str, str], int]  # by destination, target and status
    accepted_at: int | None  # the last event
    refused_at: int | None  # and the last that was refused
    waiting_since: int | None  # the first that is neither settled nor given up was queued then
    due_since: int | None  # the first that waits for its attempt was due then, or is


class Recent(NamedTuple):
    """What became of the events of a time and after it; of what was refused the first is of `refused_since`."""

    accepted: int
    repeated: int  # events whose key came again
    unmatched: int  # that no pipeline took
    refused: int
    refused_since: int | None
    refusal: str | None  # the message of the newest


class Size(NamedTuple):
    """How large a store is, in bytes; `free` of these it would use before it grows, `log` is beside it."""

    used: int
    free: int
    log: int


class LastSettled(NamedTuple):
    """What became of a delivery."""

    status: str
    at: int
    receipt: dict[str, str]


class Stored(NamedTuple):
    """A stored event and what is kept beside it. Times in milliseconds."""

    event: Event
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
    about: About | None = None


class Outcome(NamedTuple):
    """What became of one message, or of a run without messages (`target` is empty then)."""

    pipeline: str
    target: str
    status: str  # of a delivery; or dropped, failed
    attempts: int = 0
    reason: str = ""  # the step that dropped it
    why: str = ""  # why it was dropped, or failed, with the values of what did not hold


class Past(NamedTuple):
    """What became of an event so far: its last run, and where its messages went or will go.

    `sent` has by (pipeline, destination, target) whether one is said `together` with others by a message that is not
    delivered yet, or is `waiting`, `unknown` or `delivered`, the first of these that holds, and those that wait.
    """

    run: int
    sent: dict[tuple[str, str, str], tuple[str, Queued]]


class Version(NamedTuple):
    """A pipeline as it was."""

    pipeline: str
    version: str
    text: str


class FirstRun(NamedTuple):
    """The run of an event's acceptance; `bodies` are JSON texts, empty ones unless they were asked for.

    `in_others` are the targets of those of its messages that another one says. `given` is what it was given, as the
    engine writes it; None where that was not kept.
    """

    number: int
    version: str
    given: str | None
    outcome: "RunOutcome"
    reason: str | None
    targets: list[str]
    bodies: list[str]
    in_others: list[str]


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
    paused: dict[str, str] | None = None  # in the store: by whom, when and why


class StoredRun(NamedTuple):
    """One run as it is stored. `trace` is [{step, verdict, note}] and the destinations' decisions after them."""

    number: int
    pipeline: str
    version: str
    outcome: "RunOutcome"
    dropped_by: str | None
    reason: str | None
    trace: list[Values]
    replayed_at: int | None
