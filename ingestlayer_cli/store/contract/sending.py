"""What waits to be sent: the values of the outbox. Times in milliseconds."""

from collections.abc import Mapping

from ...model.people import Person
from ...system.typed import TYPE_CHECKING, Any, Directions, NamedTuple, Values
from .accepting import Queued

if TYPE_CHECKING:
    from ...model.documents.events import DeliveryCounts, Status, WentDocument

WAITING: "tuple[Status, ...]" = ("pending", "retrying")  # the status of a delivery that is to be sent
OPEN: "tuple[Status, ...]" = (*WAITING, "unknown")  # and of all that are work yet
# Of a delivery; what is shown was drawn on a terminal, and left no machine.
STATUSES: "tuple[Status, ...]" = ("delivered", *WAITING, "dead", "unknown", "shown", "dropped")
ARRIVED = ("delivered", "shown")  # nothing more is to be done
OVER = (*ARRIVED, "dropped")  # nobody waits for it, and nothing went wrong
RUN = "run/"  # what the names of digests begin with that say what one call found
AT_ONCE = "at_once"  # in the directions of what its operator lets wait for nothing
GIVEN_UP = "given up by hand"  # the error of what its operator lets rest


def no_deliveries() -> "DeliveryCounts":
    """Return the counts of deliveries by their status, before the first."""
    return {"delivered": 0, "pending": 0, "retrying": 0, "dead": 0, "unknown": 0}


class Claimed(NamedTuple):
    """A delivery that this process alone may send until its lease ends."""

    id: str
    destination: str
    target: str
    body: str
    attempts: int
    due_at: int
    claimed_at: int
    lease_until: int
    retry: list[int] | None  # the pauses of its destination, in milliseconds
    directions: Directions  # what its sender needs beside the body
    thread: tuple[str, str] | None  # channel and ts of the first message of its thread, once that is delivered
    overtaken: bool  # whether a newer message of its thread is delivered
    # Of one that is the first to edit that first message: its id, its body, and whether some attempt was made before.
    opening: tuple[str, str, bool] | None
    held_back: bool = False  # whether it waited for its target's budget


class Gathered(NamedTuple):
    """A delivery that may be part of another one's message."""

    id: str
    event: str  # its id
    directions: Directions
    body: str | None = None  # where it was asked for


class Wanted(NamedTuple):
    """Which deliveries a sender cares for; all of them when nothing is set."""

    queued: Queued | None = None  # these alone
    with_older: bool = False  # beside `queued`: what was accepted before it for the same targets
    pipeline: str | None = None
    target: str | None = None  # with its # or without
    without: tuple[tuple[str, str], ...] = ()  # not to these (kind of destination, target); "": any target
    due_by: int | None = None  # what was due by then: not what others accepted since


class Attempt(NamedTuple):
    """What came of one attempt, and what the delivery is now. Times in milliseconds."""

    at: int
    took: int
    outcome: str  # sent shown retry refused unknown not-connected found resend held waits dropped
    status: "Status"
    counts: bool
    due_at: int
    error: str | None = None
    hint: str | None = None
    receipt: dict[str, str] | None = None
    lane_free_at: int = 0  # not before this may the next message go to its target
    learned: tuple[Person, ...] = ()


class Leased(NamedTuple):
    """A delivery that some process has in hand."""

    id: str
    destination: str
    target: str
    lease_by: str
    lease_until: int


class Doubtful(NamedTuple):
    """A delivery that may or may not have arrived. Times in milliseconds."""

    id: str
    destination: str
    target: str
    channel: str | None
    attempts: int
    last_attempt: int  # its number; another one means that another process took it up
    sent_at: int
    noticed_at: int  # when nothing more could come of it
    retry: list[int] | None
    body: str
    directions: Directions
    thread: tuple[str, str] | None


def went(target: str, receipt: Values | None) -> "WentDocument":
    """Return the `target` to which a delivery went; where its pipeline names another, that is what was `meant`."""
    place = (receipt or {}).get("target", target)
    return {"target": place} if place == target else {"target": place, "meant": target}


def place_of(delivery: Mapping[str, Any]) -> str:
    """Return in words where a delivery as `--json` shows it went."""
    meant = f" (meant for {delivery['meant']})" if "meant" in delivery else ""
    return f"{delivery['target']}{meant}"
