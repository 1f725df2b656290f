"""The outbox: claim a delivery, send it, record what came of it. The only place that retries.

Every row is claimed with a lease before it is sent, so no two processes send the same one. A sender that
vanishes leaves `unknown`; `reconcile` settles that by the channel's history, or as `on_unknown` says.
"""

import json
from collections.abc import Callable
from time import monotonic

from ..model.sending import (
    CannotTell,
    Doubt,
    Found,
    Harmless,
    NotConnected,
    Opening,
    Outgoing,
    Place,
    Recheck,
    Result,
)
from ..store.contract.sending import ARRIVED, Attempt, Claimed, Doubtful, Wanted
from ..system.clock import DAY, MINUTE, SECOND, Clock
from ..system.processes import identity, vanished
from ..system.typed import TYPE_CHECKING, NamedTuple
from . import attempts
from .attempts import CURVE, LONGEST, Said, judged, sent_again
from .connections import Connections, account_of
from .in_hand import WORKERS, InHand

if TYPE_CHECKING:
    from ..model.documents.events import Status
    from ..store.contract.protocols import Store

LEASE = MINUTE  # milliseconds; a sending takes at most a connection's and a read's time-out
REQUEST = 15 * SECOND  # what one request of it may take: none is begun when less of the lease is left
WINDOW = MINUTE  # how long after it was sent a message may still turn up in the channel's history
LOOK_AGAIN = 10_000  # between two looks of one process into a channel's history
PATIENCE = MINUTE  # a channel that is held for longer is left to the next call
CHOSEN = frozenset(("hours", "digest", "recheck"))  # in the directions of what does not go as it comes
NAP = 250  # milliseconds; the longest sleep before a stop is noticed
LOOK = 50  # and before a channel that another process has in hand is looked at again
FIRST = 1_000  # how long the others wait for the first answer of a connection


class Errand(NamedTuple):
    """What is to be sent: what is wanted of all that is due by a time; paced channels are waited for until another."""

    wanted: Wanted
    due_by: int
    until: int | None = None  # by the clock that is never set
    set_back: int | None = None  # by how much the other had been set back when `due_by` was said; None: now


class Outbox:
    """Sends what waits in a store, over the project's connections. While a `shared` one does, others may join."""

    def __init__(
        self,
        store: "Store",
        connections: Connections,
        clock: Clock,
        shared: bool = False,
        recheck: Recheck | None = None,
    ) -> None:
        self._store = store
        self._stored = store.outbox
        self._deliveries = store.deliveries
        self.connections = connections
        self._clock = clock
        self._owner = identity()
        self._looked: dict[tuple[str, str], int] = {}  # when each target's history was last looked through
        self._held: set[str] = set()  # what was said to be held
        self._recheck = recheck  # judges again what has waited
        self._notes: dict[str, str] = {}  # what is to be told of an attempt, by the id of its delivery
        self._in_hand = InHand()
        self._nap = LOOK if shared else NAP
        self.unrecorded: set[str] = set()  # what was sent, while the store could not be written any more
        self._latest = 0  # what time it was
        self.set_back = 0  # by how much the clock was set back meanwhile
        self.stopped = False

    def stop(self) -> None:
        """Finish what is in hand and return from `send`."""
        self.stopped = True

    def send(
        self,
        wanted: Wanted,
        due_by: int,
        until: int | None = None,
        said: Said | None = None,
        limit: int | None = None,
    ) -> int:
        """Send the wanted deliveries that are due by a time; return how many.

        Paced channels are waited for `until` the steady clock is there, or as long as none of them is held for over
        `PATIENCE`.
        A call that wants what it queued is done as soon as that is settled or due later.
        """
        self.expire()
        errand = Errand(wanted, due_by, until, self.set_back)
        return self._send(lambda: errand, said, limit)

    def serve(self, errand: Callable[[], Errand | None]) -> None:
        """Send what is wanted now, which is asked for again after each step, until that is nothing."""
        self._send(errand, None, None)

    def is_done(self, errand: Errand) -> bool:
        """Say whether nothing more is waited for: it is settled, due later, or its time is over."""
        return self._pause(errand) is None

    def as_of_now(self, errand: Errand) -> Errand:
        """Return an errand with its time as it is after what the clock was set back by since it was said."""
        back = 0 if errand.set_back is None else self.set_back - errand.set_back
        return errand._replace(due_by=errand.due_by - back, set_back=self.set_back)

    def _send(self, ask: Callable[[], Errand | None], said: Said | None, limit: int | None) -> int:
        sent, in_hand = 0, self._in_hand
        try:
            while True:
                errand = ask()
                pause = None if errand is None or self._over(sent, limit) else self._pause(errand)
                free = errand is not None and pause == 0 and self._has_room(in_hand)
                if free and errand and (claimed := self._claim(errand.wanted)) is not None:
                    sent += self._take(claimed, in_hand, said)
                elif in_hand:
                    for claimed, at, result in in_hand.finished(self._nap):
                        self._record(claimed, result, at, said)
                elif pause is None:
                    return sent
                else:
                    self._clock.sleep(min(max(pause, 1), NAP))
        finally:
            self._finish(in_hand, said)

    def _finish(self, in_hand: "InHand", said: Said | None) -> None:
        """Record what is in hand, interrupted or broken, each when it is done; once that fails, only note them."""
        failure: Exception | None = None
        for claimed, at, result in in_hand.rest():
            try:
                if failure is None:
                    self._record(claimed, result, at, said)
                else:
                    self.unrecorded.add(claimed.id)
            except Exception as error:
                failure = error
        if failure is not None:
            raise failure

    def _take(self, claimed: Claimed, in_hand: "InHand", said: Said | None) -> bool:
        """Send several at a time, by other threads; here, one after the other, what this terminal draws.

        False for what is not sent now: the hours that it goes in are over, the budget of its channel is used up, or it
        has waited and is not so any more.
        """
        at = self._clock.now()
        rate = self.connections.budget(claimed.destination, claimed.target)
        if rate or not CHOSEN.isdisjoint(claimed.directions):
            chosen = self._choosing(claimed, rate, at, said)
            if chosen is None:
                return False
            claimed = chosen
        outgoing = self._outgoing(claimed)
        if self.connections.of(claimed.destination).is_drawn:
            self._record(claimed, self._deliver(claimed, outgoing), at, said)
        else:
            self.connections.sender(claimed.destination)  # made here: threads share it
            in_hand.add(claimed, at, lambda: self._deliver(claimed, outgoing))
        return True

    def _choosing(self, claimed: Claimed, rate: str | None, at: int, said: Said | None) -> Claimed | None:
        """Return a claimed delivery as it is sent now, maybe for others too; None where it is not."""
        from .choosing import Choosing

        choosing = Choosing(self._store, self._owner, self._recheck, self._notes)
        return choosing.chosen(claimed, rate, self.connections.of(claimed.destination).zone, at, said)

    def _over(self, sent: int, limit: int | None) -> bool:
        return self.stopped or (limit is not None and sent >= limit)

    def _has_room(self, in_hand: "InHand") -> bool:
        """Say whether one more may be sent at once; the first goes alone: a refused connection is one error."""
        now, has_answered = self._clock.now(), self.connections.has_answered
        return len(in_hand) < WORKERS and all(
            has_answered(claimed.destination) or now - at > FIRST for claimed, at in in_hand
        )

    def _now(self) -> int:
        """Return what time it is. Where the clock was set back, what is stored by it is set right."""
        now = self._clock.now()
        back, self._latest = self._latest - now, now
        if back > SECOND:
            self.set_back += back
            self._set_right(now)
        return now

    def _set_right(self, now: int) -> None:
        """Let nothing be held by a time that was stored while the clock was wrong."""
        self._stored.set_right(now, lambda label: max(LONGEST, self._pace(label)), CURVE[-1], 2 * LEASE)

    def _pause(self, errand: Errand) -> int | None:
        """Return how long until a wanted delivery may go; None when that is not waited for."""
        now = self._now()
        wanted, due_by, until, _ = self.as_of_now(errand)
        wanted = self._reachable(wanted)
        if wanted.with_older and not self._stored.own_open(wanted, due_by):
            return None
        at = self._stored.next_at(wanted, now, due_by, now + LOOK)
        if at is None and wanted.with_older:
            at = now + LOOK  # all that is left is in the hand of some process, maybe of this one
        if at is None or at - now > (PATIENCE if until is None else until - self._clock.steady()):
            return None
        return max(at - now, 0)

    def _claim(self, wanted: Wanted) -> Claimed | None:
        return self._stored.claim(self._reachable(wanted), self._clock.now(), LEASE, self._pace, self._owner)

    def _reachable(self, wanted: Wanted) -> Wanted:
        return wanted._replace(without=(*wanted.without, *broken)) if (broken := self.connections.broken) else wanted

    def _pace(self, label: str) -> int:
        """Return the time between two messages to one target over a connection."""
        return self.connections.of(label).pace

    def _outgoing(self, claimed: Claimed) -> Outgoing:
        ends, clock_ends = monotonic() + (LEASE - REQUEST) / 1000, claimed.lease_until - REQUEST

        def is_ours() -> bool:  # by two clocks: the wall's may have been set back, and no other runs in sleep
            return self._clock.now() < clock_ends and monotonic() < ends

        opening = claimed.opening and Opening(claimed.opening[0], json.loads(claimed.opening[1]), claimed.opening[2])
        return self._outgoing_of(claimed)._replace(
            overtaken=claimed.overtaken, opening=opening, attempts=claimed.attempts, is_ours=is_ours
        )

    def _outgoing_of(self, row: Claimed | Doubtful) -> Outgoing:
        now, people = self._clock.now(), {}
        if emails := row.directions.get("people"):
            known = self._stored.people(account_of(row.destination), emails)
            people = {email: person for email, person in known.items() if person.is_fresh(now)}
        place = Place(*row.thread) if row.thread else None
        return Outgoing(row.id, row.target, json.loads(row.body), row.directions, place, people, at=now)

    def _deliver(self, claimed: Claimed, outgoing: Outgoing) -> Result:
        return self.connections.sender(claimed.destination).send(outgoing)

    def _record(self, claimed: Claimed, result: Result, at: int, said: Said | None) -> None:
        now = self._clock.now()
        attempt = judged(result, claimed, at, now)
        if (note := self._notes.pop(claimed.id, "")) and attempt.status in ARRIVED:
            attempt = attempt._replace(error="; ".join(filter(None, (note, attempt.error))))
        self.connections.noted(claimed.destination, claimed.target, result)
        if not isinstance(result, NotConnected):
            # Paced from here on, not from when it was sent: on its way it may have been slower than the next.
            free_at = now + self._pace(claimed.destination)
            attempt = attempt._replace(lane_free_at=max(attempt.lane_free_at, free_at))
        try:
            self._stored.record(claimed, attempt, self._owner)
        except BaseException:
            self.unrecorded.add(claimed.id)
            raise
        if said is not None:
            said(claimed, attempt)

    # What a person says ------------------------------------------------------------------------------

    def settle(self, id_: str, status: "Status") -> bool:
        """Record the operator's word, delivered or dead; False when it is delivered already, or being sent."""
        return self._deliveries.settle(id_, attempts.settled_by_hand(status, self._clock.now()), self._owner)

    # What may or may not have arrived -----------------------------------------------------------------

    def expire(self) -> None:
        """Make what a vanished process had in hand `unknown`; set right what a wrong clock left."""
        now = self._now()
        self._set_right(now)
        for row in self._stored.leased():
            if not now < row.lease_until <= now + 2 * LEASE or vanished(row.lease_by):
                # It was sent, if it was, after it was claimed: the history is looked through from there on.
                claimed_at = _believed(row.lease_until - LEASE, now)
                self._store.doubts.abandon(row, attempts.vanished_with(row, claimed_at, now))

    def reconcile(self, wanted: Wanted, said: Said | None = None, since: int | None = None) -> None:
        """Settle what is `unknown`: by the channel's history where it can be read, else as `on_unknown` says.

        `since`: only what was noticed after that time.
        """
        self.expire()
        by_target: dict[tuple[str, str], list[Doubtful]] = {}
        for row in self._store.doubts.doubtful(wanted):
            if since is None or row.noticed_at >= since:
                by_target.setdefault((row.destination, row.target), []).append(row)
        for place, doubtful in by_target.items():
            now = self._clock.now()
            if abs(now - self._looked.get(place, 0)) >= LOOK_AGAIN and not self.stopped:
                self._looked[place] = now
                self._reconcile_target(doubtful, said)

    def _reconcile_target(self, doubtful: list[Doubtful], said: Said | None) -> None:
        first = doubtful[0]
        doubts = [Doubt(self._outgoing_of(row), _believed(row.sent_at, self._clock.now())) for row in doubtful]
        # What is not there by now, a minute after the last that could have happened, will never be.
        looked_at = self._clock.now()
        found = self.connections.sender(first.destination).find(first.channel, doubts)
        for row in doubtful:
            now = self._clock.now()
            if isinstance(found, CannotTell):
                attempt = self._undecided(row, found, now)
            elif isinstance(found, Found) and row.id in found.receipts:
                attempt = attempts.found_there(found.receipts[row.id], now)
            elif isinstance(found, Harmless):
                attempt = sent_again(row, found.why, now)
            elif row.id in found.unseen:
                attempt = self._undecided(row, CannotTell(found.unseen[row.id]), now)
            elif row.noticed_at > looked_at + WINDOW:
                attempt = self._undecided(row, CannotTell("the clock was wrong when it was sent"), now)
            elif looked_at - max(found.ahead, 0) - row.noticed_at < WINDOW:
                continue  # it may still turn up
            else:
                attempt = sent_again(row, "it is not in the channel's history", now)
            if attempt.status == "unknown":
                if row.id in self._held:
                    continue
                self._held.add(row.id)
            elif not self._store.doubts.settle(row, attempt, self._owner):
                continue  # another process was quicker
            if said is not None:
                said(row, attempt)

    def _undecided(self, row: Doubtful, look: CannotTell, now: int) -> Attempt:
        """What cannot be seen is as `on_unknown` says; what cannot be seen now is looked for again."""
        if self.connections.of(row.destination).doubt == "resend" and not look.passes:
            return sent_again(row, f'{look.why}; on_unknown = "resend"', now)
        why = f"it may or may not have arrived: {look.why}" + ("; it is looked for again" if look.passes else "")
        return attempts.held(row, why, now)


def _believed(at: int, now: int) -> int:
    """Return a time of the past that was stored; one that is still to come is of a clock that was wrong."""
    return at if at <= now + WINDOW else now - DAY
