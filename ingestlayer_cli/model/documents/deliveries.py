"""Documents of the outbox."""

from typing import Any, Literal

from typing_extensions import TypedDict

from .events import RunOutcome, Status, WentDocument


class StandingDeliveryDocument(WentDocument):
    """How a delivery stands, beside what it is of."""

    id: str
    destination: str
    status: Status
    attempts: int
    queued_at: str
    next_at: str | None
    settled_at: str | None
    error: str | None
    hint: str | None
    receipt: dict[str, Any] | None
    in_hand_of: str | None
    superseded_by: str | None
    carried_by: str | None


class DeliveryDocument(StandingDeliveryDocument):
    """A delivery."""

    event: str
    pipeline: str


class ListedDeliveryDocument(DeliveryDocument):
    """A line of `deliveries list`: with the type of its event, whom that is about, and what the message says first."""

    type: str
    who: str
    title: str


class AttemptDocument(TypedDict):
    """One attempt to send a delivery."""

    at: str
    took_ms: int
    outcome: str
    error: str | None
    process: str


class TriedDocument(TypedDict):
    """A delivery's thread, and every attempt to send it."""

    thread: str | None
    update: bool
    waits_for: str | None
    attempts_made: list[AttemptDocument]


class WholeDeliveryDocument(DeliveryDocument, TriedDocument):
    """`deliveries show`."""

    body: Any


class RetryDocument(TypedDict):
    """`deliveries retry`."""

    retrying: int


class SettleDocument(TypedDict):
    """`deliveries settle`."""

    settled: list[str]
    status: Literal["delivered", "dead"]


class SentDocument(WentDocument):
    """A line of `deliver`: one attempt, or what was found out of a doubtful one."""

    id: str
    destination: str
    outcome: str
    status: Status
    error: str | None
    next_at: str | None


class AgainDocument(TypedDict):
    """A line of `deliver`: a run that had failed and is run again; it waits, if it failed, until `retry_at`."""

    event: str
    pipeline: str
    outcome: RunOutcome
    reason: str | None
    retry_at: str | None


class RoundDocument(TypedDict):
    """What one round of `deliver` comes to; no command prints it so. What waits and what was sent is by status."""

    sent: int
    outcomes: dict[str, int]
    waiting: dict[str, int]
    failed: int
