"""The documents of `why`."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from .checks import HighestDocument
from .deliveries import StandingDeliveryDocument, TriedDocument
from .events import EventDocument, ProblemDocument, RunOutcome, Status, StepDocument, WentDocument


class RefusalDocument(TypedDict):
    """An event that was refused, as it came."""

    at: str
    kind: str
    type: str
    source: str
    line: int | None
    message: str
    details: list[ProblemDocument]
    raw: str


class AcceptedDocument(TypedDict):
    """How an event was accepted."""

    at: str
    duplicates: int
    last_duplicate_at: str | None
    conflicts: list[RefusalDocument]
    same_key: list[str]


class BeforeDocument(TypedDict):
    """The older message that a delivery is behind, and why that one waits."""

    id: str
    event: str
    status: Status
    next_at: str | None
    error: str | None
    hint: str | None


class FollowingDocument(TypedDict):
    """What a delivery goes after: the one that it waits for in its thread, else the oldest of its channel."""

    before: NotRequired[BeforeDocument]


class StoryDeliveryDocument(StandingDeliveryDocument, TriedDocument, FollowingDocument):
    """A delivery in the story of its event; `behind` counts the older ones that wait in its channel."""

    held_until: str | None
    due: bool
    behind: int


class PlaceDocument(TypedDict):
    """What was decided on a destination."""

    destination: str
    target: str
    chosen: bool
    note: str
    delivery: StoryDeliveryDocument | None


class ToldStepDocument(StepDocument):
    """What a step did; `came_to` is what became, in this pipeline, of the earlier event that it did so by."""

    came_to: NotRequired[str]


class StoredRunDocument(TypedDict):
    """A run as it is stored. One that failed is run again at `retry_at`; null: once its pipeline has changed."""

    number: int
    version: str
    replayed_at: str | None
    outcome: RunOutcome
    dropped_by: str | None
    reason: str | None
    steps: list[ToldStepDocument]
    destinations: list[PlaceDocument]
    retry_at: NotRequired[str | None]


class StoryPipelineDocument(TypedDict):
    """A pipeline that there was, with its runs or why it had none; `status` and `match` null: there was none."""

    pipeline: str
    version: str
    status: str | None
    match: list[str] | None
    matches: bool | None
    ran: bool
    why_not: str | None
    runs: list[StoredRunDocument]


class AskedDocument(TypedDict):
    """By what an event was asked for, when not by its id."""

    key: NotRequired[str]
    delivery: NotRequired[str]
    text: NotRequired[str]


class StoryDocument(TypedDict):
    """`why`, of an event that was accepted."""

    status: Literal["accepted"]
    asked: AskedDocument | None
    event: EventDocument
    accepted: AcceptedDocument
    line_up_kept: bool
    pipelines: list[StoryPipelineDocument]
    summary: str
    hints: list[str]


class RefusedDocument(TypedDict):
    """`why`, of one that was refused."""

    status: Literal["refused"]
    refused: RefusalDocument
    others: int
    hints: list[str]


# An entity that a word means, and where its values are from.
MeantDocument = TypedDict("MeantDocument", {"kind": str, "key": str, "from": list[str]})


class FoundDeliveryDocument(WentDocument):
    """A delivery in the story of somebody."""

    id: str
    status: Status
    error: str | None
    next_at: str | None


class CauseDocument(TypedDict):
    """The earlier event on account of which a step dropped this one, and what became of that."""

    by: NotRequired[str]
    came_to: NotRequired[str]


class FoundRunDocument(CauseDocument):
    """A run in the story of somebody."""

    pipeline: str
    outcome: RunOutcome
    dropped_by: str | None
    reason: str | None
    skipped: list[str]
    deliveries: list[FoundDeliveryDocument]


class IdleDocument(TypedDict):
    """A pipeline that would have run, and why it did not."""

    pipeline: str
    why: str


class FoundEventDocument(TypedDict):
    """An event that was accepted, in the story of somebody."""

    status: Literal["accepted"]
    at: str
    event: EventDocument
    duplicates: int
    summary: str
    runs: list[FoundRunDocument]
    did_not_run: list[IdleDocument]


class FoundRefusalDocument(TypedDict):
    """What was refused, in the story of somebody."""

    status: Literal["refused"]
    at: str
    refused: RefusalDocument


class LevelDocument(TypedDict):
    """A level that a check holds, since when, and the event that told it; null: none did."""

    key: str
    period: str | None
    level: int | float
    since: str
    event: str | None


class HeldDocument(LevelDocument):
    """A level that a check holds, and what became of the event that told it."""

    came_to: str


class ProblemRowDocument(TypedDict):
    """A row that cannot be judged."""

    place: str
    key: str
    problem: str


class LookedDocument(TypedDict):
    """The rows of a source as it is now, where that was `looked` at."""

    looked: bool
    rows: list[HighestDocument]
    problems: list[ProblemRowDocument]
    error: str | None


class KnowingDocument(LookedDocument):
    """What a check knows of somebody."""

    check: str
    source: str
    rows_read: int | None
    read_at: str | None
    failing_since: str | None
    held: list[HeldDocument]


class FoundDocument(TypedDict):
    """`why`, of a word that names no single event: the newest of what is about it."""

    status: Literal["found"]
    word: str
    meant: list[MeantDocument]
    found: list[FoundEventDocument | FoundRefusalDocument]
    more: bool
    checks: list[KnowingDocument]
    summary: str
    hints: list[str]
