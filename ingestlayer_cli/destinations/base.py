"""What a destination is, and what may come of a delivery."""

import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from ..language.conditions import Condition
from ..language.expressions import Scope
from ..language.templates import as_text
from ..model.events import OWN, Event
from ..model.families import Duration, Section
from ..model.people import Person


class Sent(NamedTuple):
    """The destination took the message; `receipt` is what it said (Slack: channel and ts).

    `note` tells what did not go as asked; `learned` is what it said of people.
    """

    receipt: dict[str, str]
    note: str = ""
    learned: tuple[Person, ...] = ()


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


class Composing(NamedTuple):
    """What a message is composed from."""

    event: Event
    pipeline: str
    scope: Scope
    target: str
    delivery_id: str
    connection: str
    transformed: bool = False  # whether `$body` is other than the payload
    mark: str = ""  # what a replayed message says of itself


class Limit(NamedTuple):
    """How many characters a template's text may have, values counted by `measure`, and what happens beyond."""

    most: int
    measure: Callable[[str], int]
    beyond: str
    starts_whole: bool = False  # a value at the very start is taken as it is


class Target(NamedTuple):
    """Where a message goes, for people: `#alerts`; `note` tells why there, when that is not plain."""

    name: str
    note: str = ""


class Connection(NamedTuple):
    """What the deliveries of a destination go over, as the project's file has it.

    `doubt` is what becomes of a delivery of which nobody can see whether it arrived.
    """

    name: str = ""
    pace: int = 0  # milliseconds between two messages to one target
    is_drawn: bool = False  # on this terminal, in the order of acceptance: nothing leaves the machine
    doubt: Literal["hold", "resend"] = "hold"
    settings: dict[str, Any] = {}


Draw = Callable[[str, dict[str, Any]], None]
"""Draws a body for a target on this terminal."""


class Remark(NamedTuple):
    """What is said of a key of a destination; `about` is the ref in it that is meant, if it is one."""

    key: str
    words: str
    about: str = ""


class Destination(Section):
    """One destination of a pipeline. `limits` has the keys of its templates; `*` stands for any name or number."""

    limits: ClassVar[dict[tuple[str, ...], Limit]] = {}
    redirectable: ClassVar[bool] = False  # whether its target is a channel, which a replay may replace
    block_kit: ClassVar[bool] = False  # whether its bodies are of blocks that the Block Kit Builder shows
    apart: ClassVar[bool] = False  # whether each target is a connection of its own, which breaks for itself

    when: Condition | None = None
    retry: list[Duration] | None = None  # pauses after the first, second, … failed attempt; then it is dead

    def target(self, scope: Scope) -> Target:
        """Return where the message goes; ProjectError when that cannot be told."""
        raise NotImplementedError

    def compose(self, composing: Composing) -> dict[str, Any]:
        """Return the body that is stored and sent. Pure."""
        raise NotImplementedError

    def directions(self, composing: Composing) -> dict[str, Any]:
        """Return what its sender needs beside the body, as plain data; `thread` is known to the outbox."""
        return {}

    @classmethod
    def redirected(cls, channel: str, connection: Connection) -> str:
        """Return the target that a person means by a channel; UsageError when none can be given."""
        return channel

    @classmethod
    def remembers(cls, data: dict[str, Any]) -> int | None:
        """Return for how long the threads of a destination of this compiled data last; None: for ever."""
        return 0

    @classmethod
    def drawn(cls, body: dict[str, Any], target: str, at: str) -> Any:
        """Return a body as it will look there, to be printed by Rich; None: as the data that it is."""
        return None

    @classmethod
    def texts(cls, body: dict[str, Any]) -> list[str]:
        """Return what people can read of a body, in its order, for the tests of pipelines."""
        return [text for _, text in paths(body)]

    @classmethod
    def fields(cls, body: dict[str, Any]) -> dict[str, str]:
        """Return the named values in a body: of data each by its path, `payload.customer_id`."""
        return dict(paths(body))

    @classmethod
    def account(cls, data: dict[str, Any]) -> str:
        """Return the name of the connection that compiled data goes over; the default one of its kind has none."""
        return ""

    @classmethod
    def connection(cls, table: dict[str, Any], account: str) -> Connection:
        """Return a connection of this kind; `table` is that of ingestlayer.toml which is called like it."""
        return Connection()

    @classmethod
    def problems(cls, data: dict[str, Any], table: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield (key, words) of what in compiled data is wrong beside the table of ingestlayer.toml."""
        yield from ()

    @classmethod
    def warnings(cls, data: dict[str, Any], connection: Connection) -> Iterator[Remark]:
        """Yield what is well written in compiled data and still doubtful, for `validate`."""
        yield from ()

    @classmethod
    def writes(cls, data: dict[str, Any]) -> str | None:
        """Return the file of the project that compiled data writes to, where that is told without an event."""
        return None

    @classmethod
    def sender(cls, connection: Connection, draw: Draw, root: str) -> "Sender":
        """Return what sends over a connection for a project in the folder `root`."""
        raise NotImplementedError


def in_thread(directions: dict[str, Any]) -> str:
    """Return in words the thread that a message with these directions belongs to."""
    updated = ", whose first message is updated" if directions.get("update") else ""
    return f"in the thread of {directions['thread']}{updated}"


class Place(NamedTuple):
    """The first message of a thread, as its receipt named it."""

    channel: str
    ts: str


class Outgoing(NamedTuple):
    """One delivery as it is sent. `people` is what is known of the addresses in its directions.

    `overtaken`: a newer message of its thread is delivered. `at` is when it is sent, in milliseconds.
    """

    id: str
    target: str
    body: dict[str, Any]
    directions: dict[str, Any]
    thread: Place | None = None
    people: dict[str, Person] = {}
    overtaken: bool = False
    at: int = 0


class Doubt(NamedTuple):
    """A delivery that may or may not have arrived. `since`: milliseconds; it was sent, if it was, after that."""

    outgoing: Outgoing
    since: int


class Found(NamedTuple):
    """What a look at the other side found: the receipts of those delivery ids that are there."""

    receipts: dict[str, dict[str, str]]


class CannotTell(NamedTuple):
    """It cannot be seen from here what arrived."""

    why: str


class Harmless(NamedTuple):
    """To send it twice does no harm: the receiver knows a delivery by its id."""

    why: str


class Sender(Protocol):
    """Sends the deliveries of one kind of destination; `name` tells the connection."""

    name: str

    def send(self, outgoing: Outgoing) -> Result:
        """Send one message and classify what came of it; never raises for what the other side does."""

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell | Harmless:
        """Look for deliveries of one target by their ids; never raises.

        `channel` is the id that an earlier receipt named, if any.
        """


# The body of destinations that take data rather than a message -------------------------------------------------

# Of the event as the destination may see it: something may be redacted.
_SENT = (*OWN, "payload")


def body(composing: Composing) -> dict[str, Any]:
    """Return what a `transform` made, else the event: `{id, type, received_at, payload}`."""
    scope = composing.scope
    data = scope["body"] if composing.transformed else {name: scope["event"][name] for name in _SENT}
    found: dict[str, Any] = _json(data)
    return found


def paths(data: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the values inside of data, as texts, by their paths."""
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from paths(value, f"{name}.{key}" if name else str(key))
    else:
        yield name, as_text(data)


def _json(data: Any) -> Any:
    """Return data with null for what is no number in JSON: infinity, and what is not a number."""
    if isinstance(data, dict):
        return {name: _json(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_json(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
