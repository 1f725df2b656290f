"""The documents of `check`."""

from typing import Literal, NotRequired, final

from typing_extensions import TypedDict

from .events import DeliveryCounts, Failing, RunCounts

Unit = Literal["line", "record", "row"]
RowState = Literal["new", "emitted", "known", "unfinished", "taken", "refused", "cleared", "below"]


class CrossedDocument(TypedDict):
    """A row that newly reached a level."""

    key: str
    value: int | float
    level: int | float
    previous: int | float | None
    event: str | None
    why: str


class ClearedDocument(TypedDict):
    """A row that fell below the level that it held; `level` is the one that it still holds.

    Without a value: there is no row of it any more.
    """

    key: str
    value: int | float | None
    level: int | float | None
    previous: int | float
    event: str | None
    why: str


class HighestDocument(TypedDict):
    """One of the rows with the highest values."""

    key: str
    value: int | float
    level: int | float | None
    state: RowState
    why: str


class ShownRowDocument(HighestDocument):
    """A row as the table on a terminal has it, with the event of its crossing. No command prints it so."""

    event: str | None


class RefusedRowDocument(TypedDict):
    """A row whose event was refused, by the number that its source counts in."""

    line: NotRequired[int]
    record: NotRequired[int]
    row: NotRequired[int]
    kind: str
    message: str


class BadRowDocument(TypedDict):
    """A row that cannot be judged."""

    line: NotRequired[int]
    record: NotRequired[int]
    row: NotRequired[int]
    key: str | None
    problem: str


@final
class CheckedDocument(TypedDict):
    """A check whose source could be read.

    `unfinished` counts its events, of this run or an earlier one, that wait for a run that failed: the next of those
    is run again at `retry_at`, null where that needs another pipeline.
    """

    check: str
    period: str | None
    unit: Unit
    rows: int
    left_out: int
    crossed: list[CrossedDocument]
    cleared: list[ClearedDocument]
    known: int
    emitted: int
    rejected: int
    rejects: list[RefusedRowDocument]
    runs: RunCounts
    unfinished: int
    retry_at: str | None
    deliveries: DeliveryCounts
    problems: list[BadRowDocument]
    problem_count: int
    problems_known_since: str | None
    notes: NotRequired[list[str]]
    highest: list[HighestDocument]
    error: NotRequired[Failing]  # too few of its rows can be judged: what can be is told, and the source fails
    stale: NotRequired["StaleDocument | None"]
    trouble: NotRequired[Failing]  # what failed after its events were accepted


class StaleDocument(TypedDict):
    """Since when a source says nothing, and the event that told of it."""

    since: str
    event: str


@final
class FailedCheckDocument(TypedDict):
    """A check whose source failed, or whose store is out of reach."""

    check: str
    error: Failing
    kept: NotRequired[int]  # rows at a level that are kept on this machine: the store is out of reach
    stale: StaleDocument | None
    runs: RunCounts
    unfinished: int
    retry_at: str | None
    trouble: NotRequired[Failing]


CheckDocument = CheckedDocument | FailedCheckDocument


class ChecksDocument(TypedDict):
    """`check`."""

    checks: list[CheckDocument]
