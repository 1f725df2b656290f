"""The documents of `replay` and `backtest`."""

from typing import NotRequired

from typing_extensions import TypedDict

from .events import DeliveryCounts, Failing, RunCounts, RunOutcome


class ReplayDocument(TypedDict):
    """`replay`: its plan with `--dry-run`, else what it did.

    `messages` counts by target what is new, `waiting` what was queued before and is sent, too. Not sent is what is
    `unknown`, that may or may not have arrived, and what is `skipped`, for its destination took the event.
    """

    events: int
    messages: dict[str, int]
    waiting: dict[str, int]
    unknown: int
    skipped: int
    today: dict[str, int]
    runs: RunCounts
    deliveries: DeliveryCounts
    trouble: NotRequired[Failing]  # what stopped it once something was replayed


class SideDocument(TypedDict):
    """What a pipeline did, or would do, with an event; `outcome` is null where it did not run."""

    outcome: RunOutcome | None
    reason: str
    targets: list[str]


class ChangeDocument(TypedDict):
    """An event with which a pipeline would do something else."""

    event: str
    type: str
    received_at: str
    pipeline: str
    before: SideDocument
    after: SideDocument


class MessageSides(TypedDict):
    """Messages by target, on both sides."""

    before: dict[str, int]
    after: dict[str, int]


class RunSides(TypedDict):
    """Runs by outcome, on both sides."""

    before: RunCounts
    after: RunCounts


class SendingDocument(TypedDict):
    """What would become of messages: those that go, those of them and of their lines that wait for a digest, hours or a
    budget, those that come outside of their hours, and those that are a line of another."""

    sent: int
    waited: int
    dropped: int
    collapsed: int


class TextDiffDocument(TypedDict):
    """A message whose text changes, as a unified diff."""

    event: str
    pipeline: str
    target: str
    diff: list[str]


class BacktestDocument(TypedDict):
    """`backtest`; the first of `changes`. `today` is of both documents: see there.

    Of `messages` a digest is one; `sending` is of those that would go now. With `--diff` also how many `texts` change,
    and the first of them.
    """

    events: int
    messages: MessageSides
    sending: SendingDocument
    runs: RunSides
    changed: int
    changes: list[ChangeDocument]
    today: dict[str, int]
    texts: NotRequired[int]
    diffs: NotRequired[list[TextDiffDocument]]
