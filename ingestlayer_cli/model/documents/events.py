"""Documents of events: one as it is stored, what `emit`, a batch and `preview` come to, and why one was refused."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from ...system.error_document import ErrorDocument as ErrorDocument
from ...system.error_document import Failing as Failing
from ...system.error_document import ProblemDocument as ProblemDocument

RunOutcome = Literal["queued", "dropped", "failed"]
Status = Literal["pending", "retrying", "delivered", "dead", "unknown", "shown", "dropped"]


class EventDocument(TypedDict):
    """An event as every command shows it."""

    id: str
    type: str
    received_at: str
    source: str
    idempotency_key: str | None
    payload: dict[str, Any]


# emit -----------------------------------------------------------------------------------------------------


class SkippedDocument(TypedDict):
    """A destination that a run passed over."""

    destination: str
    target: str
    reason: str


class WentDocument(TypedDict):
    """Where a message went."""

    target: str
    meant: NotRequired[str]  # what the pipeline names, where it went elsewhere


class QueuedDocument(WentDocument):
    """A message of a run, and how far it came."""

    id: str
    destination: str
    status: Status
    attempts: int
    error: str | None
    next_at: NotRequired[str]  # when it goes, where it is delayed


class StandingDocument(QueuedDocument):
    """One as the store has it now: of which run of its event it is, and what helps. No command prints it so."""

    run: int
    hint: str | None


class RunDocument(TypedDict):
    """What one pipeline made of the event.

    One that failed is run again at `retry_at`; null: once its pipeline has changed.
    """

    pipeline: str
    version: str
    outcome: RunOutcome
    dropped_by: str | None
    reason: str | None
    skipped: list[SkippedDocument]
    deliveries: list[QueuedDocument]
    retry_at: NotRequired[str | None]


class EmitDocument(TypedDict):
    """`emit`, and what `ingest` returns."""

    status: Literal["accepted", "duplicate"]
    differs: list[str]
    event: EventDocument
    runs: list[RunDocument]
    trouble: NotRequired[Failing]  # what failed after the event was accepted
    kept: NotRequired[bool]  # on this machine, until the store is in reach: `runs` are those of then


class RunCounts(TypedDict):
    """Runs by their outcome."""

    queued: int
    dropped: int
    failed: int


class DeliveryCounts(TypedDict):
    """Deliveries by their status; what was shown or dropped only where something was."""

    delivered: int
    pending: int
    retrying: int
    dead: int
    unknown: int
    shown: NotRequired[int]
    dropped: NotRequired[int]


class TroubledDocument(TypedDict):
    """What every document has of which something may fail once some of it is committed."""

    trouble: NotRequired[Failing]


class RanDocument(TypedDict):
    """What every document has that counts runs."""

    runs: RunCounts


class SettledDocument(RanDocument, TroubledDocument):
    """What every document has that counts what became of many messages."""

    deliveries: DeliveryCounts


class RejectDocument(TypedDict):
    """A refused line of a batch."""

    line: int
    kind: str
    message: str


class BatchDocument(TypedDict):
    """`emit --batch`, and what `ingest_batch` returns; the first 100 of `rejects`."""

    accepted: int
    duplicates: int
    rejected: int
    runs: RunCounts
    deliveries: DeliveryCounts
    rejects: list[RejectDocument]
    notes: NotRequired[list[str]]  # what the looks of the file settled, and the setting that would read more of it
    trouble: NotRequired[Failing]  # what stopped it once something was accepted
    kept: NotRequired[int]  # of those that are accepted: on this machine, until the store is in reach
    dry_run: NotRequired[bool]
    messages: NotRequired[dict[str, int]]  # of a dry run, by where they would go


# preview --------------------------------------------------------------------------------------------------


class StepDocument(TypedDict):
    """What a step did; `by` is the earlier event on account of which it did so."""

    step: str
    verdict: Literal["continue", "drop", "error"]
    note: str
    by: NotRequired[str]


class TracedDocument(StepDocument):
    """What a step would do, with what it would change, by ref."""

    set: dict[str, Any]


class MessageDocument(TypedDict):
    """A message that would be sent. `body` is byte for byte what `emit` posts."""

    destination: str
    target: str
    when: str
    body: Any
    thread: NotRequired[str]
    update: NotRequired[bool]


class PreviewedDocument(TypedDict):
    """What one pipeline would make of the event."""

    pipeline: str
    outcome: RunOutcome
    dropped_by: str | None
    reason: str | None
    trace: list[TracedDocument]
    messages: list[MessageDocument]
    skipped: list[SkippedDocument]


class PreviewDocument(TypedDict):
    """`preview`."""

    event: EventDocument
    runs: list[PreviewedDocument]


# events ---------------------------------------------------------------------------------------------------


class WaitingDocument(TypedDict):
    """A run that failed and is run again at `retry_at`; null: once its pipeline has changed."""

    pipeline: str
    reason: str
    retry_at: str | None


class ShownDocument(EventDocument):
    """`events show`; `unfinished` where a run of the event waits."""

    unfinished: NotRequired[list[WaitingDocument]]


class OutcomeDocument(TypedDict):
    """What became of one message, or of a run without messages (`target` is empty then).

    `reason` is the step that dropped it, `why` says it with the values of what did not hold.
    """

    pipeline: str
    target: str
    status: Literal["pending", "retrying", "delivered", "dead", "unknown", "shown", "dropped", "failed"]
    attempts: int
    reason: str
    why: str


class PassedOverDocument(SkippedDocument):
    """A destination that a run passed over, with the values of what did not hold."""

    pipeline: str


class TailedDocument(EventDocument):
    """A line of `events tail`."""

    outcomes: list[OutcomeDocument]
    skipped: list[PassedOverDocument]


class ExportDocument(TypedDict):
    """`events export FILE`."""

    exported: int
    file: str
