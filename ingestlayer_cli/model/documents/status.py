"""The document of `status`."""

from typing import Literal

from typing_extensions import TypedDict

from .events import RunCounts
from .projects import LookDocument

State = Literal["well", "attention", "trouble"]
LinedUp = Literal["active", "paused", "draft", "broken"]


class CheckStandingDocument(TypedDict):
    """A check: its last run, when the next is expected, what the last one judged, and how old its source is."""

    name: str
    health: Literal["good", "running", "old", "failing", "overdue", "never ran"]
    every: str | None
    last_run: str | None
    last_good: str | None
    next_at: str | None
    took_ms: int | None
    exit: int | None
    rows: int | None
    crossed: int | None
    source: str
    source_age_s: int | None


class OpenDocument(TypedDict):
    """Messages to one target, of one status, that are not delivered; `since` is when the first of them became so."""

    destination: str
    target: str
    status: Literal["pending", "retrying", "dead", "unknown", "shown"]
    count: int
    since: str
    next_at: str | None
    why: str | None


class PutOffDocument(TypedDict):
    """Of the messages that wait, those to one target that wait for the same, and when the next of them may go."""

    reason: Literal["digest", "hours", "budget"]
    target: str
    count: int
    next_at: str


class DeliverDocument(TypedDict):
    """When `deliver` ran last, and how."""

    last_run: str
    last_good: str | None
    sent: int | None
    error: str | None


class LinedUpDocument(TypedDict):
    """A pipeline, whether it runs, and its runs in the last 24 hours."""

    name: str
    status: LinedUp
    match: list[str]
    last_24h: RunCounts


class LinkDocument(TypedDict):
    """How a workspace is connected, as far as is known without asking."""

    workspace: str | None
    connection: Literal["terminal", "bot", "webhook"]
    secret: str | None
    problem: str | None


class StoreStandingDocument(TypedDict):
    """The store: the machines that wrote to it within a day, and when the oldest that waits was queued."""

    path: str
    bytes: int
    machines: list[str]
    oldest_open: str | None


class RecentDocument(TypedDict):
    """Events of the last 24 hours: how many were accepted, came again, and were taken by no pipeline."""

    accepted: int
    repeated: int
    unmatched: int
    refused: int


class LastMessageDocument(TypedDict):
    """One of the last messages, with who it is about."""

    id: str
    event: str
    queued_at: str
    pipeline: str
    target: str
    status: str
    who: str
    title: str


class StatusDocument(TypedDict):
    """`status`; `store` is null where there is none yet, or it cannot be read.

    That is among the troubles then, `store_broken`, and nothing is known of checks, messages and events.
    """

    project: str
    at: str
    state: State
    troubles: list[LookDocument]
    checks: list[CheckStandingDocument]
    waiting: list[OpenDocument]
    put_off: list[PutOffDocument]
    failed_runs: int
    last_24h: RecentDocument
    deliver: DeliverDocument | None
    pipelines: list[LinedUpDocument]
    connections: list[LinkDocument]
    store: StoreStandingDocument | None
    messages: list[LastMessageDocument]
