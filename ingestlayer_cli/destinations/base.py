"""What a destination is, and what may come of a delivery."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol

from ..conditions import Condition
from ..events import Event
from ..expressions import Scope
from ..families import Duration, Section


class Sent(NamedTuple):
    """The destination took the message; `receipt` is what it said (Slack: channel and ts)."""

    receipt: dict[str, str]


class Retry(NamedTuple):
    """It did not take the message and may later; `after` is what it asked for, in milliseconds."""

    why: str
    after: int | None = None


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
    mark: str = ""  # what a replayed message says of itself


class Limit(NamedTuple):
    """How many characters a template's text may have, values counted by `measure`, and what happens beyond."""

    most: int
    measure: Callable[[str], int]
    beyond: str
    starts_whole: bool = False  # a value at the very start is taken as it is


class Destination(Section):
    """One destination of a pipeline. `limits` has the keys of its templates; `*` stands for any name or number."""

    limits: ClassVar[dict[tuple[str, ...], Limit]] = {}
    redirectable: ClassVar[bool] = False  # whether its target is a channel, which a replay may replace

    when: Condition | None = None
    retry: list[Duration] | None = None  # pauses after the first, second, … failed attempt; then it is dead

    def target(self, scope: Scope) -> str:
        """Return where the message goes, for people: `#alerts`."""
        raise NotImplementedError

    def compose(self, composing: Composing) -> dict[str, Any]:
        """Return the body that is stored and sent. Pure."""
        raise NotImplementedError


class Found(NamedTuple):
    """What a look into the channel's history found: the receipts of those delivery ids that are there."""

    receipts: dict[str, dict[str, str]]


class CannotTell(NamedTuple):
    """The history cannot be read."""

    why: str


class Sender(Protocol):
    """Sends the bodies of one kind of destination over the project's connection, `name`."""

    name: str

    def send(self, target: str, body: dict[str, Any]) -> Result:
        """Send one message and classify what came of it; never raises for what the other side does."""

    def find(self, target: str, channel: str | None, ids: list[str], since: int) -> Found | CannotTell:
        """Look for messages by their delivery ids, sent after `since` (milliseconds); never raises.

        `channel` is the id that an earlier receipt named, if any.
        """
