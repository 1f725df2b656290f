"""What the rest of the program asks of a store, by role: small calls in the words of the domain.

An engine does what is written here, whatever it is made of. Events, runs, deliveries and pipelines are called by
their ids and names; times are in milliseconds. Several processes have one store open, on one machine or on several:
what is said of a call holds whatever the others do meanwhile. Imported for the types alone: a start of the program
has no time for it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ...model.events import Event
from ...model.memory import Kept, Memory, Remembered, Traits, Upsert
from ...model.people import Person
from ...system.clock import Clock
from .accepting import First, Keys, LookedUp, NewDelivery, NewRun, Queued, Rate
from .copying import Copied
from .keys import ApiKey
from .reading import (
    DeliverySelection,
    FirstRun,
    LastSettled,
    Lined,
    Looked,
    Mark,
    NotArrived,
    Outcome,
    Past,
    Recent,
    Selection,
    Size,
    Stored,
    StoredRun,
    Totals,
    UsedVersion,
    Version,
)
from .sending import Attempt, Claimed, Doubtful, Gathered, Leased, Wanted
from .unfinished import UnfinishedGroup, UnfinishedRun


class Transaction(Memory, Protocol):
    """What is written together, whole or not at all. Look-ups see what the transaction itself has added.

    What one transaction found stays so until it is committed: of two that look for the same key, memory or state, to
    write it then, the second waits for the first and finds what that wrote.
    """

    @property
    def queued(self) -> Queued:
        """The deliveries that this transaction queues."""

    def first_with_key(self, type_: str, key: str, after: int) -> First | None:
        """Return the newest event of a type with this idempotency key accepted after a time.

        None: nobody else takes the key before this transaction has ended.
        """

    def know(self, looked_up: LookedUp) -> None:
        """Take what was looked up for `first_with_key`; it is read again where others have written since."""

    def add_event(self, event: Event, payload: str, line_up: str, now: int) -> None:
        """Store an event whole; `line_up` is the pipelines that there are, as JSON."""

    def add_duplicate(self, event_id: str, now: int) -> None:
        """Count one more event that came with the key of a first one."""

    def add_dead_letter(
        self,
        at: int,
        kind: str,
        type_: str,
        source: str,
        line: int | None,
        message: str,
        details: list[dict[str, str]],
        raw: str,
    ) -> None:
        """Keep what was refused."""

    def take_dead_letter(self, place: int) -> bool:
        """Forget what was refused: it is judged again; False when somebody has taken it already."""

    def add_run(self, event_id: str, run: NewRun, now: int) -> None:
        """Add a run of an event, keeping its pipeline's text the first time."""

    def add_unfinished(self, event_id: str, number: int, cause: str, tries: int, retry_at: int | None) -> None:
        """Note that a run failed, so many times by now, and is run again: then, or once its cause has changed."""

    def take_up(self, event_id: str, number: int, tries: int) -> bool:
        """Take an unfinished run out, to be added anew; False: it was run again since it had failed so many times."""

    def give_up(self, event_id: str, why: str) -> int:
        """Run no failed run of an event again; `why` is added to the reasons. Return how many there were."""

    def add_delivery(self, event_id: str, run: int, delivery: NewDelivery, now: int, due_at: int) -> None:
        """Queue a message of a run of an event; one of a digest is due when what waits under its name is, if any."""

    def hasten(self, queued: Queued, now: int, rate: Rate | None = None) -> None:
        """Make those of some deliveries due that wait for their next attempt; all that wait go at a rate, if given."""

    def supersede(self, event_id: str, pipeline: str, by: dict[tuple[str, str], str], now: int) -> None:
        """Settle what an earlier transaction queued of an event: ids of what replaces it, by (destination, target).

        That is whatever is not delivered at these places, and then what is dead of the same destinations elsewhere:
        their targets were mended.
        """

    def look_up_memory(self, traits: Keys, states: Keys, seen: Keys) -> None:
        """Read at once what is stored of many keys, by their kind or scope, for `traits`, `state` and `seen`."""

    def traits_of(self, kind: str, keys: Iterable[str]) -> dict[str, Traits]:
        """Return what is stored of those entities that the store has."""

    def remember(self, item: Remembered | Kept, event_id: str) -> None:
        """Keep what a step asked for."""

    def upsert(self, item: Upsert) -> None:
        """Lay traits over those that are known of an entity."""

    def write_entities(self, kind: str, entities: dict[str, Traits]) -> None:
        """Store entities whole, in place of what was stored of them."""

    def note(self, topic: str, name: str) -> Any:
        """Return a note; nobody else writes it before this transaction has ended."""

    def notes(self, topic: str) -> dict[str, Any]:
        """Return all notes of a topic as they are when this transaction reads them, by name."""

    def write_note(self, topic: str, name: str, value: Any, at: int) -> None:
        """Keep a note, which is any JSON but null, in place of the one before."""

    def drop_note(self, topic: str, name: str) -> None:
        """Forget a note, if it is there."""


class StoredOutbox(Protocol):
    """What waits to be sent. A delivery is claimed by one sender at a time; each target has its order and pace."""

    def claim(self, wanted: Wanted, now: int, lease: int, pace: Callable[[str], int], owner: str) -> Claimed | None:
        """Claim of what is due, to a target that is free, what was accepted first, and reserve its next slot.

        `pace` is the time between two messages to one target of a kind of destination. Of what has a rate, one is in
        hand at a time, and the next one is claimed its pace after that is recorded, at the earliest.
        """

    def next_at(self, wanted: Wanted, now: int, due_by: int, look: int) -> int | None:
        """Return when the next wanted delivery that is due by a time may go, or None when there is none.

        A target that is in some process's hand may be free at any moment: `look` is when to look again.
        """

    def unfinished(self, due_by: int) -> list[str]:
        """Return over which connections anything is due by a time, may or may not have arrived, or is being sent."""

    def set_right(self, now: int, hold: Callable[[str], int], pause: int, lease: int) -> None:
        """Take back times that were stored while the clock was wrong, so that nothing waits for them.

        `hold` is for how long a target of a kind of destination may be held at most, `lease` for how long one may be
        busy. A retry waits for no longer than the longest of its own pauses, else `pause`. What was accepted at a time
        that is still to come, and was to wait from then on, a message that is delayed, waits for as long from now on.
        """

    def own_open(self, wanted: Wanted, due_by: int) -> bool:
        """Say whether some of what a call itself queued is in some process's hand, or due by a time.

        What waits behind an older message of its thread that is held up for longer is not.
        """

    def destinations(self, queued: Queued) -> list[str]:
        """Return the kinds of destination that these deliveries go to."""

    def gather(self, claimed: Claimed, now: int, most: int) -> list[Gathered]:
        """Return what of the same digest is due beside a claimed delivery, the oldest first."""

    def posted(self, claimed: Claimed, since: int) -> list[int]:
        """Return when other messages were posted to a claimed one's target, or may have been, since then; in order.

        What went into a thread is not in the channel.
        """

    def beside(self, claimed: Claimed, now: int, most: int, shown: int) -> list[Gathered]:
        """Return what else is due to the target of a claimed delivery, the oldest first; so many with their bodies.

        Without what goes into a thread that is there, or waits in one for what is held up.
        """

    def hold_back(self, claimed: Claimed, now: int, until: int, why: str) -> None:
        """Let all that is `beside` a claimed delivery wait until a time for its target's budget, and mark both so."""

    def carry(self, claimed: Claimed, ids: Sequence[str], body: str, directions: dict[str, Any], owner: str) -> bool:
        """Let the message of a claimed delivery say what others would; what becomes of it becomes of them.

        False, and nothing is changed, when one of them was taken up otherwise, or the claim has run out.
        """

    def record(self, claimed: Claimed, attempt: Attempt, owner: str) -> None:
        """Record an attempt and give the lease back, with what was learned of people.

        A sender that was so slow that it was taken for vanished still knows what came of its attempt: that it arrived,
        or anything else as long as nobody has tried since.
        """

    def leased(self) -> list[Leased]:
        """Return what is in hand."""

    def abandon(self, row: Leased, attempt: Attempt) -> None:
        """Record that a delivery's sender vanished, unless the sender was quicker."""

    def doubtful(self, wanted: Wanted) -> list[Doubtful]:
        """Return the wanted deliveries that are `unknown`, in their order."""

    def settle(self, row: Doubtful, attempt: Attempt, owner: str) -> bool:
        """Record what became of a delivery that was `unknown`, unless another process was quicker."""

    def people(self, workspace: str, emails: list[str]) -> dict[str, Person]:
        """Return what a workspace said of these e-mail addresses."""

    def states(self, queued: Queued) -> list[dict[str, Any]]:
        """Return deliveries as `--json` shows them, with `run` and `hint` beside; of one that is delayed, `next_at`."""

    def counts(self, queued: Queued) -> dict[str, int]:
        """Count deliveries by status; what is shown only where something is."""

    def still_waiting(self, wanted: Wanted) -> dict[str, int]:
        """Count what is wanted and neither delivered nor dead, by status."""

    def waiting(
        self, own: Queued, places: Collection[tuple[str, str]], than: Queued | None, replaced: Queued, due_by: int
    ) -> dict[str, int]:
        """Count what waits, by target: some deliveries, and what is due by a time at some (destination, target).

        The latter but for what is `replaced`, and, unless that is None, only where it was queued before the last of
        `than` and is none of these.
        """

    def soonest(self, wanted: Wanted) -> int | None:
        """Return when the next of what waits may go; None when nothing does."""


class Deliveries(Protocol):
    """Deliveries as their operator reads them, newest first, and the operator's word on them."""

    def find(self, selection: DeliverySelection, limit: int | None) -> list[dict[str, Any]]:
        """Return deliveries, newest first, as `--json` shows them."""

    def count(self, selection: DeliverySelection) -> int:
        """Return how many fit."""

    def open_pipelines(self) -> list[str]:
        """Return the pipelines of what is not delivered."""

    def channels(self) -> list[str]:
        """Return where anything was ever to go, without #."""

    def starting(self, prefix: str) -> list[dict[str, Any]]:
        """Return the deliveries whose id starts so, two at most."""

    def shortest(self, ids: list[str]) -> list[str]:
        """Return of each delivery's id the shortest start that no other one has, some fourteen characters."""

    def whole(self, id_: str) -> dict[str, Any]:
        """Return one delivery with its attempts and its body.

        `thread` is the key of its thread, `waits_for` the delivery of it that must be settled before, if any.
        """

    def of_event(self, event_id: str, now: int) -> dict[int, list[dict[str, Any]]]:
        """Return the deliveries of an event by the number of their run, each with its attempts.

        `held_until` is when its channel may be used again, `behind` how many older ones wait in that channel, `due`
        whether it may go now. `before` is, where there is one, the delivery that it waits for in its thread, else the
        oldest of those: its id, event, status, next_at, error and hint.
        """

    def not_arrived(self, due_before: int, but: str = "") -> list[NotArrived]:
        """Return what is not delivered, by target and status: what was due before a time is late.

        Without what is superseded, what was given up by hand, and what is of events whose type starts with `but`.
        """

    def last_settled(self, destination: str, target: str) -> LastSettled | None:
        """Return what became of the last delivery to a target that is settled."""

    def retry(self, ids: list[str], now: int) -> int:
        """Make deliveries due again, with all their attempts before them; return how many. None that is superseded.

        Who was not in Slack, or not to be looked up, is looked up again: that is what may have been mended.
        """

    def settle(self, id_: str, attempt: Attempt, owner: str) -> bool:
        """Record the operator's word on a delivery; False when it is delivered, or in some process's hand."""


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

    def same(self, type_: str, key: str | None, received_at: int | None, payload: dict[str, Any]) -> list[str]:
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

    def days(self, now: int, days: int) -> dict[str, list[dict[str, int]]]:
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

    def newest(self, word: str | None, type_: str | None = None) -> tuple[dict[str, Any], int] | None:
        """Return the newest refusal whose type is a word, or in which it stands, and how many others there are.

        Without a word: the newest of all, or of a type.
        """

    def about(self, text: str, most: int, type_: str | None = None, source: str | None = None) -> list[dict[str, Any]]:
        """Return what was refused and has a text in its type, in what came or in its reason, the newest first.

        Whatever its case; an empty one stands in all. Of a type, exact or `usage.*`, and from a source, if given.
        """

    def conflicts(self, event_id: str) -> list[dict[str, Any]]:
        """Return the events that were refused because this one has their key, the newest first."""

    def of_rule(self, rule: str, type_: str | None, after: int, limit: int) -> list[tuple[int, str, str]]:
        """Return the place, the source and the text of what one rule refused, the oldest first, after a place."""


class StoredEntities(Protocol):
    """What the store knows of entities, many at a time."""

    def of_keys(self, kind: str, keys: Iterable[str]) -> dict[str, Traits]:
        """Return what is stored of those entities that the store has."""

    def every(self, kind: str) -> Iterator[tuple[str, Traits]]:
        """Yield the stored entities of a kind in the order of their keys, in memory that does not grow."""

    def starting(self, kind: str, start: str, most: int) -> list[str]:
        """Return the first keys that start so."""

    def kinds(self) -> list[str]:
        """Return the kinds that there are."""

    def count(self, kind: str) -> int:
        """Return how many entities of a kind are stored."""


class ApiKeys(Protocol):
    """Who may send over HTTP. A key itself is nowhere: it is known by its SHA-256, in hexadecimal."""

    def create(self, key: ApiKey) -> bool:
        """Add a key; False when there is one of its name, be it revoked."""

    def with_hash(self, hash_: str) -> ApiKey | None:
        """Return the key of this SHA-256, be it expired or revoked."""

    def every(self) -> list[ApiKey]:
        """Return all keys, by name."""

    def revoke(self, name: str, at: int) -> bool:
        """Let a key be worth nothing from now on; False when there is none of this name that is worth anything."""

    def used(self, at: dict[str, int]) -> None:
        """Note when keys were last used, by name: the latest time that was told stays."""


class Upkeep(Protocol):
    """What the store holds, forgetting what is old, giving space back."""

    def info(self) -> dict[str, Any]:
        """Return counts, sizes in bytes, the oldest that waits, the schema's version and the engine's own check."""

    def totals(self) -> Totals:
        """Count what is there, for a program that asks every few seconds: bodies, traces and payloads are not read."""

    def recent(self, since: int) -> Recent:
        """Count what became of the events that are of a time or later, and of what was refused since."""

    def size(self) -> Size:
        """Return how large the store is."""

    def latest(self) -> int | None:
        """Return when the store was last written to, by the clock of then; None where it has no event.

        Where a clock was set back meanwhile, that is the latest time among what was written last.
        """

    def count_after(self, at: int) -> int:
        """Count the events that are of a later time."""

    def faults(self) -> list[str]:
        """Return what the engine's quick check of the store finds."""

    def prune(
        self,
        clock: Clock,
        before: int,
        memory_before: int,
        progress: Looked | None = None,
        forever: Sequence[str] = (),
    ) -> int:
        """Forget events accepted before a time, with all that hangs on them; return how many.

        What is not settled stays, with its event; so do what steps remember and threads of the events that stay, or
        since `memory_before`. What is remembered in a scope that is `forever` and what is
        known of entities are never forgotten.
        Emitters go on meanwhile.
        """

    def vacuum(self) -> tuple[int, int]:
        """Give free space back to the disk; return the sizes in bytes before and after. Writers wait meanwhile."""


class Copying(Protocol):
    """The store as rows of tables, which any other store can take: their columns are the contract of both."""

    def tables(self) -> list[str]:
        """Return the names of the tables."""

    def pages(self, table: str) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a table in the order of its key."""

    def page(
        self, table: str, after: tuple[Any, ...] | None, until: tuple[Any, ...] | None = None
    ) -> list[tuple[Any, ...]]:
        """Return the rows after one and up to another; without an end, the first of them."""

    def write(
        self, table: str, after: tuple[Any, ...] | None, until: tuple[Any, ...] | None, rows: list[tuple[Any, ...]]
    ) -> None:
        """Put rows in the place of all that are after one and up to another, in one transaction."""

    def sums(self) -> dict[str, Copied]:
        """Return the count and the checksum of each table."""

    def end(self) -> None:
        """Go on after what was written."""


class Spool(Protocol):
    """Events that are kept on this machine until the store that several share is in reach, in their order."""

    def add(self, events: Sequence[tuple[Event, str]], at: int) -> None:
        """Keep events, each with its payload as JSON; one that is kept already is not kept twice."""

    def taken(self, most: int) -> AbstractContextManager[list[tuple[Event, str]]]:
        """Return the first events in a `with`, which forgets them unless there is an error inside.

        Nobody else takes them meanwhile.
        """

    def count(self) -> tuple[int, int | None]:
        """Return how many there are, and when the first of them was kept."""


class Store(Memory, Protocol):
    """An open store. One thread at a time may use it. What others commit is seen at once."""

    @property
    def is_outdated(self) -> bool:
        """Whether it was made by an older program, and is not brought up to date: it is opened for reading."""

    @property
    def path(self) -> str:
        """What it was opened by."""

    @property
    def is_in_place(self) -> bool:
        """Whether it is where it was: one that was deleted, or replaced, nobody else reads."""

    @property
    def outbox(self) -> StoredOutbox: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def history(self) -> StoredHistory: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def unfinished(self) -> StoredUnfinished: ...
    @property
    def refusals(self) -> Refusals: ...
    @property
    def entities(self) -> StoredEntities: ...
    @property
    def upkeep(self) -> Upkeep: ...
    @property
    def keys(self) -> ApiKeys: ...
    @property
    def copying(self) -> Copying: ...

    def as_of_now(self) -> AbstractContextManager[None]:
        """Read all inside of one moment, whatever others write meanwhile."""

    def transaction(self, may_repeat: bool = False) -> AbstractContextManager[Transaction]:
        """Commit what is written inside at the end; roll everything back on any exception.

        Whose caller does all of it again after a RepeatError says that it `may_repeat`; another one waits for others.
        """

    def clock(self, own: Clock) -> Clock:
        """Return the clock that its times are by: `own`, unless several machines share it."""

    @property
    def most_together(self) -> int:
        """How many events one transaction accepts at most, so that others need not wait for it."""

    def has_unfinished(self) -> bool:
        """Say whether a run failed and is to be run again."""

    def expect_many(self) -> None:
        """Get ready for many transactions."""

    def wait_at_most(self, seconds: float) -> None:
        """Wait no longer than this for another process that holds the store: StoreError then, and nothing is done."""

    def look_up(self, keys: list[str]) -> LookedUp:
        """Read what is stored under many idempotency keys at once."""

    def first_with_key(self, type_: str, key: str, after: int) -> First | None:
        """Return the newest event of a type with this idempotency key accepted after a time."""

    def states(self, scope: str, start: str) -> Iterator[tuple[str, str, str, int]]:
        """Yield the states of the keys that begin with a text: key, value as JSON, event and its time.

        They are not of one moment, and never all in memory.
        """

    def note(self, topic: str, name: str) -> Any:
        """Return a note, which is JSON; None when there is none."""

    def notes(self, topic: str) -> dict[str, Any]:
        """Return all notes of a topic, by name."""

    def close(self) -> None: ...
