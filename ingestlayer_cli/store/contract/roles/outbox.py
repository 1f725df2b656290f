"""What waits to be sent, and what came of it."""

from collections.abc import Callable, Collection, Sequence

from ....model.people import Person
from ....system.typed import TYPE_CHECKING, Directions, Protocol
from ..accepting import Queued
from ..sending import Attempt, Claimed, Doubtful, Gathered, Leased, Wanted

if TYPE_CHECKING:
    from ....model.documents.events import DeliveryCounts, StandingDocument


class StoredGathering(Protocol):
    """Deliveries that one message says together: those of a digest, and what a budget holds back."""

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

    def carry(self, claimed: Claimed, ids: Sequence[str], body: str, directions: Directions, owner: str) -> bool:
        """Let the message of a claimed delivery say what others would; what becomes of it becomes of them.

        False, and nothing is changed, when one of them was taken up otherwise, or the claim has run out.
        """

    def release(self, queued: Queued, now: int, until: int) -> None:
        """Let go now what of some deliveries was held until a time at most, so that one call's would be one message."""

    def let_go(self, is_gone: Callable[[str], bool], now: int) -> int:
        """Let go now what was held so by processes that are gone; return how much that is."""

    def drop(self, row: Gathered, attempt: Attempt, owner: str) -> bool:
        """Record that a delivery which nobody has in hand is not sent any more; False when it was taken up."""


class StoredDoubts(Protocol):
    """What may or may not have arrived."""

    def abandon(self, row: Leased, attempt: Attempt) -> None:
        """Record that a delivery's sender vanished, unless the sender was quicker."""

    def doubtful(self, wanted: Wanted) -> list[Doubtful]:
        """Return the wanted deliveries that are `unknown`, in their order."""

    def settle(self, row: Doubtful, attempt: Attempt, owner: str) -> bool:
        """Record what became of a delivery that was `unknown`, unless another process was quicker."""


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

    def record(self, claimed: Claimed, attempt: Attempt, owner: str) -> None:
        """Record an attempt and give the lease back, with what was learned of people.

        Where nothing was to be sent, it waits or is dropped, the next one to its target may go at once.

        A sender that was so slow that it was taken for vanished still knows what came of its attempt: that it arrived,
        or anything else as long as nobody has tried since.
        """

    def leased(self) -> list[Leased]:
        """Return what is in hand."""

    def people(self, workspace: str, emails: list[str]) -> dict[str, Person]:
        """Return what a workspace said of these e-mail addresses."""

    def states(self, queued: Queued) -> "list[StandingDocument]":
        """Return deliveries as `--json` shows them, with `run` and `hint` beside; of one that is delayed, `next_at`."""

    def counts(self, queued: Queued) -> "DeliveryCounts":
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
