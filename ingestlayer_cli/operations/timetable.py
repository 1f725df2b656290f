"""When messages would go, and which would be one: digests, hours and budgets on the events' own times.

Nothing is composed: it is counted as if `deliver` ran at every moment.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator

from ..engine.accepting import digest_of, due_of
from ..engine.attempts import outside_hours
from ..engine.flood import most_and_window
from ..engine.pipeline import Message, Run, is_outside
from ..model.events import Event
from ..system.typed import TYPE_CHECKING, Directions

if TYPE_CHECKING:
    from ..model.documents.past import SendingDocument

Budget = Callable[[str, str], str | None]  # of a connection's label and a target: 20/h


class Waiting:
    """A message that is queued. `digest` is what it has in common with those that it may be one with."""

    def __init__(self, number: int, message: Message, now: int, digest: str | None, is_reply: bool) -> None:
        self.number = number
        self.queued_at = now
        self.digest = digest
        self.told: Directions = message.directions
        self.lane = message.destination, message.target
        self.is_reply = is_reply
        self.is_held = False  # back, for the budget of its target
        self.has_waited = False


class Timetable:
    """Takes runs in the order of their acceptance. `sent` is by target what would be in it, each digest once."""

    def __init__(self, budget: Budget) -> None:
        self.sent: Counter[str] = Counter()
        self.waited = 0  # messages that would not have gone at once
        self.collapsed = 0  # messages that would be lines of another
        self.dropped = 0  # messages that would come outside of their hours
        self._budget = budget
        self._now = 0
        self._accepted_at = 0
        self._run: list[Waiting] = []  # what one check or batch has found so far
        self._queue: list[tuple[int, int, Waiting]] = []
        self._number = 0
        self._ends: dict[str, int] = {}  # of digests
        self._posted: dict[tuple[str, str], list[int]] = {}
        self._threads: dict[tuple[str, str, str, str], int] = {}

    def take(self, run: Run, event: Event, accepted_at: int) -> None:
        """Queue the messages of a run on an event; those of one acceptance are of one check or batch."""
        before, self._now = self._now, max(self._now, event.received_at)
        if accepted_at != self._accepted_at:
            self._accepted_at = accepted_at
            self._end_run(before)
            self._go(self._now)
        elif self._now > before:
            self._go(self._now)
        self.dropped += sum(is_outside(entry) for entry in run.skipped)
        for message in run.messages:
            self._add(message, run, event.received_at)

    def end(self) -> None:
        """Let time pass until nothing waits any more."""
        self._end_run(self._now)
        self._go(None)

    def counts(self) -> "SendingDocument":
        """Return how many messages go, and what becomes of the others."""
        return {
            "sent": self.sent.total(),
            "waited": self.waited,
            "dropped": self.dropped,
            "collapsed": self.collapsed,
        }

    # Queueing -----------------------------------------------------------------------------------------

    def _add(self, message: Message, run: Run, at: int) -> None:
        told, digest = message.directions.get("digest"), digest_of(run, message)
        due = due_of(message, max(self._now, run.not_before or 0))
        self._number += 1
        waiting = Waiting(self._number, message, self._now, digest, self._is_reply(message, run, at))
        if told is not None and told["window"] == 0 and due == self._now:
            self._run.append(waiting)
            return
        if digest is not None:
            ends = self._ends.get(digest, 0)
            due = self._ends[digest] = min(ends, due) if ends > self._now else due
        self._push(waiting, due)

    def _is_reply(self, message: Message, run: Run, at: int) -> bool:
        """Say whether a message goes into a thread that is there."""
        key = message.directions.get("thread")
        if key is None:
            return False
        place = run.pipeline, message.destination, message.target, key
        opened_at = self._threads.get(place)
        if opened_at is not None and abs(at - opened_at) < message.directions["window"]:
            return True
        self._threads[place] = at
        return False

    def _end_run(self, at: int) -> None:
        for waiting in self._run:
            self._push(waiting, at)
        self._run.clear()

    def _push(self, waiting: Waiting, due: int) -> None:
        if due > waiting.queued_at and not waiting.has_waited:
            waiting.has_waited = True
            self.waited += 1
        heapq.heappush(self._queue, (due, waiting.number, waiting))

    # Sending ------------------------------------------------------------------------------------------

    def _go(self, until: int | None) -> None:
        """Send what is due by a time."""
        while self._queue and (until is None or self._queue[0][0] <= until):
            at, by_lane = self._queue[0][0], dict[tuple[str, str], list[Waiting]]()
            while self._queue and self._queue[0][0] == at:
                waiting = heapq.heappop(self._queue)[2]
                by_lane.setdefault(waiting.lane, []).append(waiting)
            for lane, due in by_lane.items():
                self._send(lane, due, at)

    def _send(self, lane: tuple[str, str], due: list[Waiting], at: int) -> None:
        left = list(self._within_hours(due, at))
        while left and (said := self._said(lane, left, at)):
            self.sent[lane[1]] += 1
            self.collapsed += len(said) - 1
            gone = {waiting.number for waiting in said}
            left = [waiting for waiting in left if waiting.number not in gone]

    def _within_hours(self, due: list[Waiting], at: int) -> Iterator[Waiting]:
        for waiting in due:
            later = outside_hours(waiting.told, at)
            if later is None:
                yield waiting
            else:
                self._push(waiting, later.due_at)

    def _said(self, lane: tuple[str, str], due: list[Waiting], at: int) -> list[Waiting]:
        """Return those of what is due that the next message says; none where the budget lets them wait."""
        first = next((waiting for waiting in due if waiting.is_reply), due[0])
        rate = None if first.is_reply else self._budget(*lane)
        if rate is not None:
            most, window = most_and_window(rate)
            lately = [time for time in self._posted.get(lane, ()) if time > at - window]
            if len(lately) >= most:
                for waiting in due:
                    waiting.is_held, waiting.digest = True, None
                    self._push(waiting, lately[-most] + window)
                return []
            self._posted[lane] = [*lately, at]
            if first.is_held or len(lately) == most - 1:
                return due
        same = [waiting for waiting in due if waiting.digest == first.digest] if first.digest else []
        return same if same and len(same) >= max(first.told["digest"]["at_least"], 2) else [first]
