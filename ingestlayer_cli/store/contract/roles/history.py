"""Events that were accepted or refused, and what became of them."""

from collections.abc import Collection, Iterator, Sequence

from ....model.events import Event
from ....system.typed import TYPE_CHECKING, Payload, Protocol
from ..accepting import Queued
from ..reading import FirstRun, Lined, Looked, Mark, Outcome, Past, Selection, Stored, StoredRun, UsedVersion, Version
from ..unfinished import UnfinishedGroup, UnfinishedRun

if TYPE_CHECKING:
    from ....model.documents.events import RunCounts
    from ....model.documents.stories import RefusalDocument


class StoredHistory(Protocol):
    """Stored events, chosen and read in order."""

    def select(
        self,
        selection: Selection,
        newest_first: bool = True,
        limit: int | None = None,
        looked: Looked | None = None,
        as_accepted: bool = False,
    ) -> Iterator[Stored]:
        """Yield the chosen events by their `received_at`, in memory that does not grow with their number.

        Or `as_accepted`, in the order of their acceptance.
        `looked` is told, now and then, how many were looked at.
        """

    def mark(self, at_most: Mark | None = None) -> Mark:
        """Return the place in the order of acceptance that whatever is committed from now on comes after.

        `at_most` is a place of an earlier look, to go on from: it holds unless all that was before it is forgotten.
        """

    def accepted_after(self, selection: Selection, mark: Mark | None) -> list[tuple[Mark, Stored]]:
        """Return the chosen events that were accepted after a place, in their order, each with its own place.

        None is the place before the first of all. Whoever goes on from the place of the last one meets each event
        once, however many write meanwhile.
        """

    def back(self, steps: int) -> Stored | None:
        """Return the event accepted last, or so many steps before it."""

    def starting(self, prefix: str, most: int) -> list[Stored]:
        """Return the events whose id starts so, the shortest first."""

    def with_key(self, key: str) -> list[Stored]:
        """Return the events with an idempotency key, the newest first; a hundred at most."""

    def same(self, type_: str, key: str | None, received_at: int | None, payload: Payload) -> list[str]:
        """Return the ids of the events that an envelope describes, the newest first."""

    def in_order(self, ids: Collection[str], as_accepted: bool = False) -> list[str]:
        """Return ids of stored events in the order of the events' times, or of their acceptance, each once."""

    def events(self, ids: Sequence[str]) -> list[Event]:
        """Return the events with these ids, in this order; those that are gone by now are left out."""

    def shortest(self, ids: list[str]) -> list[str]:
        """Return of each event's id the shortest start that no other stored event has, some fourteen characters."""

    def types(self, pattern: str) -> list[str]:
        """Return the types of the stored events that are `pattern`, or `usage.*`."""


class Runs(Protocol):
    """What the pipelines did with stored events."""

    def of_event(self, event_id: str) -> list[StoredRun]:
        """Return the runs of an event in their order."""

    def outcomes(self, event_id: str) -> list[Outcome]:
        """Return what became of an event: of each message, and of each run without one."""

    def line_up(self, event_id: str) -> list[Lined] | None:
        """Return the pipelines that there were when an event was accepted; None when that was not kept."""

    def past(self, ids: Sequence[str]) -> dict[str, Past]:
        """Return the past of events."""

    def first_versions(self, ids: Sequence[str]) -> dict[str, list[Version]]:
        """Return the versions that events first ran under."""

    def firsts(self, ids: Sequence[str], bodies: bool) -> dict[str, dict[str, FirstRun]]:
        """Return what was sent when events were accepted, by pipeline."""

    def unknown(self, ids: Sequence[str]) -> Queued:
        """Return the deliveries of events that may or may not have arrived."""

    def skipped(self, event_id: str, run: int) -> list[dict[str, str]]:
        """Return the destinations that a run passed over, [{destination, target, reason}]."""

    def pipelines(self) -> list[str]:
        """Return the names of all pipelines that ever ran."""

    def versions(self) -> dict[str, list[UsedVersion]]:
        """Return each pipeline's versions, the newest first."""

    def texts(self, pipeline: str) -> dict[str, str]:
        """Return the text of each version of a pipeline, the newest first."""

    def last_version(self, pipeline: str) -> str | None:
        """Return the version that the latest event ran under of those that ran a pipeline."""

    def days(self, now: int, days: int) -> "dict[str, list[RunCounts]]":
        """Return for each pipeline its runs by outcome on each of the last days, the oldest first.

        A day is 24 hours, the last one ends now; an event counts where its `received_at` is. Replays are left out.
        """


class StoredUnfinished(Protocol):
    """Runs that failed and are run again."""

    def groups(self, but: str = "") -> list[UnfinishedGroup]:
        """Return what runs wait for, how many, and what the first of them was accepted at and failed by.

        Without those on events whose type starts with `but`.
        """

    def due(
        self, changed: Sequence[str], timed: Sequence[str], now: int, pause: int, source: str | None, most: int
    ) -> list[UnfinishedRun]:
        """Return the first runs of causes that have changed, or of these whose time has come, in acceptance's order.

        A time that is further off than `pause` was written by a wrong clock: it has come. Of the events from one
        source, where it is given.
        """

    def of_events(self, ids: Sequence[str]) -> list[UnfinishedRun]:
        """Return the unfinished runs of events, in the order of acceptance."""

    def of_source(self, source: str) -> list[UnfinishedRun]:
        """Return the unfinished runs of the events from a source, in the order of acceptance."""


class Refusals(Protocol):
    """What was refused, as `--json` shows it."""

    def newest(self, word: str | None, type_: str | None = None) -> "tuple[RefusalDocument, int] | None":
        """Return the newest refusal whose type is a word, or in which it stands, and how many others there are.

        Without a word: the newest of all, or of a type.
        """

    def about(
        self, text: str, most: int, type_: str | None = None, source: str | None = None
    ) -> "list[RefusalDocument]":
        """Return what was refused and has a text in its type, in what came or in its reason, the newest first.

        Whatever its case; an empty one stands in all. Of a type, exact or `usage.*`, and from a source, if given.
        """

    def conflicts(self, event_id: str) -> "list[RefusalDocument]":
        """Return the events that were refused because this one has their key, the newest first."""

    def of_rule(self, rule: str, type_: str | None, after: int, limit: int) -> list[tuple[int, str, str]]:
        """Return the place, the source and the text of what one rule refused, the oldest first, after a place."""
