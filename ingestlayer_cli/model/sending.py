"""What is sent to a destination, and what may come of it."""

from collections.abc import Callable

from ..system.typed import Body, Directions, NamedTuple, Protocol
from .people import Person


class Sent(NamedTuple):
    """The destination took the message; `receipt` is what it said (Slack: channel and ts).

    `note` tells what did not go as asked; `learned` is what it said of people. What `is_shown` was drawn on a
    terminal, and nobody else has it.
    """

    receipt: dict[str, str]
    note: str = ""
    learned: tuple[Person, ...] = ()
    is_shown: bool = False


class Retry(NamedTuple):
    """It did not take the message and may later; `after` is what it asked for, in milliseconds; `hint` the remedy."""

    why: str
    after: int | None = None
    hint: str = ""


class Refused(NamedTuple):
    """It will never take this message as it is; `hint` is the remedy."""

    why: str
    hint: str = ""


class Unknown(NamedTuple):
    """The request left and no answer came: it may or may not have taken the message."""

    why: str


class NotConnected(NamedTuple):
    """Nothing can be sent over this connection until someone mends it; no attempt is counted."""

    why: str
    hint: str = ""


Result = Sent | Retry | Refused | Unknown | NotConnected

LATE = Retry("this process was held up for longer than its lease; nothing was sent", 0)
"""What came of a delivery that others may have taken up meanwhile."""


def _always() -> bool:
    return True


class Place(NamedTuple):
    """The first message of a thread, as its receipt named it."""

    channel: str
    ts: str


class Judgement(NamedTuple):
    """Whether a message that has waited is still to be sent, and what is told of that; nothing where it was not asked.

    Where it could not be told, it is to be sent.
    """

    holds: bool
    words: str = ""


Recheck = Callable[[str, Directions, int], Judgement]
"""Judges a delivery again, by its id, its directions and the time."""


class Opening(NamedTuple):
    """What the first message of a thread says, of which no newer one is delivered: the delivery's id, and its body.

    `may_be_kept`: what was tried before may have put it into the thread.
    """

    id: str
    body: Body
    may_be_kept: bool


class Outgoing(NamedTuple):
    """One delivery as it is sent. `people` is what is known of the addresses in its directions.

    `overtaken`: a newer message of its thread is delivered. `opening`: what it is the first to edit away. `at` is when
    it is sent, in milliseconds. `is_ours` says whether no other process has taken it up: its sender asks immediately
    before each request that has an effect, and where it is not, answers `LATE`.
    """

    id: str
    target: str
    body: Body
    directions: Directions
    thread: Place | None = None
    people: dict[str, Person] = {}  # noqa: RUF012 - read alone
    overtaken: bool = False
    opening: Opening | None = None
    at: int = 0
    attempts: int = 0  # before this one
    is_ours: Callable[[], bool] = _always


class Doubt(NamedTuple):
    """A delivery that may or may not have arrived. `since`: milliseconds by our clock; it was sent after that."""

    outgoing: Outgoing
    since: int


class Found(NamedTuple):
    """What a look at the other side found: the receipts of those delivery ids that are there.

    `unseen`: of others, why the look could not have found them; of the rest it is known that they are not there.
    `ahead`: by how many milliseconds our clock is ahead of theirs, if that is known.
    """

    receipts: dict[str, dict[str, str]]
    unseen: dict[str, str] = {}  # noqa: RUF012 - read alone
    ahead: int = 0


class CannotTell(NamedTuple):
    """It cannot be seen from here what arrived. `passes`: not now, and maybe later."""

    why: str
    passes: bool = False


class Harmless(NamedTuple):
    """To send it twice does no harm: the receiver knows a delivery by its id."""

    why: str


class Reacting(Protocol):
    """A sender of messages that people react to."""

    def reacted(self, place: Place, emoji: str) -> bool | CannotTell:
        """Say whether somebody has reacted to a message with an emoji; never raises."""


class Sender(Protocol):
    """Sends the deliveries of one kind of destination; `name` tells the connection."""

    name: str

    def send(self, outgoing: Outgoing) -> Result:
        """Send one message and classify what came of it; never raises for what the other side does."""

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell | Harmless:
        """Look for deliveries of one target by their ids; never raises.

        `channel` is the id that an earlier receipt named, if any.
        """
