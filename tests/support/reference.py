"""What becomes of events, in plain Python: the reference that the program is measured by.

Written from the words that the program's own reference has, not from the code: exact fractions, lists that are looked
through from their start, the wall's clock as the standard library has it. Times are milliseconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


# What a project says ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Crossing:
    levels: tuple[Fraction, ...]
    rearm: Fraction
    daily: bool = False
    clears: bool = False
    new_period: bool = False
    remind: int | None = None


@dataclass(frozen=True)
class Dedupe:
    window: int


@dataclass(frozen=True)
class Throttle:
    most: int
    window: int
    delays: bool = False


@dataclass(frozen=True)
class Hours:
    days: tuple[int, ...]
    start: int  # minutes since midnight
    end: int
    holidays: tuple[date, ...] = ()


@dataclass(frozen=True)
class Digest:
    """`window` is 0 for those of one run; `at` is minutes since midnight."""

    window: int | None = None
    at: int | None = None
    by_customer: bool = False
    at_least: int = 2
    at_most: int = 50
    ordered: bool = False


@dataclass(frozen=True)
class Place:
    """A destination: it takes what is used at `least`."""

    channel: str
    least: int = 0
    outside: str = ""  # "" without hours
    digest: Digest | None = None


@dataclass(frozen=True)
class Line:
    """A pipeline."""

    name: str
    steps: tuple[Crossing | Dedupe | Throttle, ...] = ()
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Rules:
    zone: str
    lines: tuple[Line, ...]
    hours: Hours
    budgets: dict[str, tuple[int, int]] = field(default_factory=dict)  # of a channel: how many in how long


@dataclass(frozen=True)
class Happened:
    """An event. `limit` is what `used` is measured against."""

    number: int
    at: int
    customer: str | None
    used: int
    limit: int


# The wall's clock ---------------------------------------------------------------------------------------------------


class Wall:
    def __init__(self, zone: str, hours: Hours) -> None:
        self._zone = ZoneInfo(zone)
        self._hours = hours

    def shows(self, at: int) -> datetime:
        return datetime.fromtimestamp(at // 1000, self._zone).replace(microsecond=at % 1000 * 1000)

    def day(self, at: int) -> date:
        return self.shows(at).date()

    def when(self, wall: datetime) -> int:
        """When the clock shows this first."""
        moment = wall.replace(tzinfo=self._zone, fold=0).astimezone(UTC)
        return round(moment.timestamp() * 1000)

    def begins(self, at: int, length: int) -> int:
        """When the window began that a time is in."""
        wall = self.shows(at).replace(tzinfo=None)
        passed = (wall - datetime(1970, 1, 1)) % timedelta(milliseconds=length)
        return self.when(wall - passed)

    def next(self, start: int, length: int) -> int:
        return self.when(self.shows(start).replace(tzinfo=None) + timedelta(milliseconds=length))

    def opens(self, at: int) -> int:
        """The first time from then on that is within the hours."""
        today, hours = self.day(at), self._hours
        for ahead in range(-1, 400):
            day = today + timedelta(days=ahead)
            if day.weekday() not in hours.days or day in hours.holidays:
                continue
            midnight = datetime(day.year, day.month, day.day)
            start = self.when(midnight + timedelta(minutes=hours.start))
            length = hours.end - hours.start if hours.end > hours.start else hours.end - hours.start + 24 * 60
            end = self.when(midnight + timedelta(minutes=hours.start + length))
            if start < end and at < end:
                return max(at, start)
        raise AssertionError("these hours never open")

    def is_open(self, at: int) -> bool:
        return self.opens(at) == at

    def next_at(self, at: int, minutes: int) -> int:
        """The first time after that when the clock shows this time of day."""
        for ahead in (0, 1, 2):
            day = self.day(at) + timedelta(days=ahead)
            found = self.when(datetime(day.year, day.month, day.day) + timedelta(minutes=minutes))
            if found > at:
                return found
        raise AssertionError


# Steps --------------------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What a step makes of an event: whether it passes, when it may go, and what to keep once a message is queued."""

    passes: bool
    keep: Callable[[], object] = lambda: None
    not_before: int | None = None


class DedupeMemory:
    def __init__(self, rule: Dedupe, wall: Wall) -> None:
        self._rule = rule
        self._went: list[tuple[str, int]] = []

    def see(self, event: Happened) -> Seen:
        if event.customer is None:
            return Seen(True)
        own = event.customer, event.at
        near = [at for name, at in self._went if name == event.customer and abs(at - event.at) < self._rule.window]
        return Seen(not near, lambda: self._went.append(own))


class ThrottleMemory:
    def __init__(self, rule: Throttle, wall: Wall) -> None:
        self._rule = rule
        self._wall = wall
        self._went: dict[tuple[str, int], int] = {}

    def see(self, event: Happened) -> Seen:
        if event.customer is None:
            return Seen(True)
        own = start = self._wall.begins(event.at, self._rule.window)
        while self._went.get((event.customer, start), 0) >= self._rule.most:
            if not self._rule.delays:
                return Seen(False)
            start = self._wall.next(start, self._rule.window)
        place = event.customer, start
        keep = lambda: self._went.update({place: self._went.get(place, 0) + 1})  # noqa: E731
        return Seen(True, keep, start if start > own else None)


@dataclass
class Level:
    """What is held of a key in a period: since when each level, measured against which limit, and how often told."""

    since: dict[Fraction, int] = field(default_factory=dict)
    limit: int = 0
    changed: int = -(10**18)
    told: int = 0
    times: int = 1

    @property
    def top(self) -> Fraction | None:
        return max(self.since, default=None)


class CrossingMemory:
    """`said` is what the last event that passed tells: direction, level, previous, times."""

    def __init__(self, rule: Crossing, wall: Wall) -> None:
        self._rule = rule
        self._wall = wall
        self._held: dict[tuple[str, date | None], Level] = {}
        self.said: tuple[str, Fraction | None, Fraction | None, int] | None = None

    def see(self, event: Happened) -> Seen:
        rule, at = self._rule, event.at
        self.said = None
        if not event.limit:
            return Seen(False)
        value = Fraction(event.used, event.limit)
        reached = [level for level in rule.levels if value >= level]
        if event.customer is None:
            self.said = ("up", max(reached, default=None), None, 1)
            return Seen(bool(reached))
        day = self._wall.day(at) if rule.daily else None
        place = event.customer, day
        held = self._held.get(place)
        if held is None and rule.new_period and day is not None and not reached:
            return self._begin(event, place)
        held = held or Level()
        before, is_late = held.top, at < held.changed
        # What is not held any more, is not held whatever becomes of this event.
        now = Level(dict(held.since), held.limit, held.changed, held.told, held.times)
        if not is_late and held.since:
            still = {
                level: since
                for level, since in held.since.items()
                if held.limit == event.limit and value >= level - rule.rearm
            }
            if len(still) < len(held.since):
                now = Level(still, held.limit, at, held.told if still else 0, held.times if still else 1)
                self._held[place] = now
        after = Level(dict(now.since), now.limit, now.changed, now.told, now.times)
        rises = bool(reached) and (now.top is None or max(reached) > now.top)
        if rises:
            after.since |= {level: at for level in reached if now.top is None or level > now.top}
            after.limit = now.limit if is_late and now.since else event.limit
            after.changed = max(at, now.changed)
            after.told, after.times = at, 1
        falls = rule.clears and before is not None and (after.top is None or after.top < before)
        if falls:
            after.times = 1
            self.said = ("down", after.top, before, held.times)
        elif rises:
            self.said = ("up", after.top, now.top, 1)
        elif rule.remind is not None and now.since and not is_late and at >= now.changed:
            last = now.told or now.since[max(now.since)]
            if at - last < rule.remind:
                return Seen(False)
            after.times = now.times + 1
            self.said = ("up", now.top, before, after.times)
        else:
            return Seen(False)
        if rule.remind is not None and after.since:
            after.told, after.changed = at, max(at, after.changed)
        return Seen(True, lambda: self._held.update({place: after}))

    def _begin(self, event: Happened, place: tuple[str, date | None]) -> Seen:
        """A new period whose first event is below all levels: what the one before held is over."""
        day = place[1]
        assert day is not None
        old = self._held.get((place[0], day - timedelta(days=1)))
        if old is None or not old.since:
            return Seen(False)
        self.said = ("down", None, old.top, old.times)
        self._held[place[0], day - timedelta(days=1)] = Level(changed=old.changed)
        return Seen(True)


_MEMORIES: dict[type, Any] = {Crossing: CrossingMemory, Dedupe: DedupeMemory, Throttle: ThrottleMemory}


# Messages -----------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """One message of one event, and what became of it; `by` is the row of the message that says it."""

    event: Happened
    line: Line
    place: Place
    target: str
    due: int
    name: tuple[str, ...] | None  # of the digest that it waits to be in
    held: bool = False  # back, for its channel's budget
    by: "Row | None" = None
    posted_at: int | None = None

    @property
    def waits(self) -> bool:
        return self.by is None


class Message(list[Row]):
    """The rows that one message says, the one that it was first; `kind` is alone, digest or flood."""

    def __init__(self, rows: list[Row], kind: str, at: int) -> None:
        super().__init__(rows)
        self.kind = kind
        self.at = at


class Reference:
    """The project. `rows` is all that was queued, in its order; `dropped` tells of each run that queued nothing why."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.wall = Wall(rules.zone, rules.hours)
        self.rows: list[Row] = []
        self.messages: list[Message] = []
        self.dropped: dict[tuple[int, str], str] = {}
        self._memories = {
            line.name: [(type(step).__name__.lower(), _MEMORIES[type(step)](step, self.wall)) for step in line.steps]
            for line in rules.lines
        }

    # Accepting ----------------------------------------------------------------------------------------------

    def accept(self, event: Happened, now: int) -> None:
        for line in self.rules.lines:
            self._run(line, event, now)

    def _run(self, line: Line, event: Happened, now: int) -> None:
        keep, not_before = list[Callable[[], object]](), 0
        for kind, memory in self._memories[line.name]:
            seen = memory.see(event)
            if not seen.passes:
                self.dropped[event.number, line.name] = kind
                return
            keep.append(seen.keep)
            not_before = seen.not_before or not_before
        queued = False
        for number, place in enumerate(line.places):
            target = self._target(place, event)
            if target:
                queued = True
                self._queue(line, number, target, event, max(now, not_before), now)
        if not queued:
            self.dropped[event.number, line.name] = ""
            return
        for kept in keep:
            kept()

    def _target(self, place: Place, event: Happened) -> str:
        if event.used < place.least:
            return ""
        if place.outside in ("", "wait") or self.wall.is_open(event.at):
            return place.channel
        return "" if place.outside == "drop" else place.outside

    def _queue(self, line: Line, number: int, target: str, event: Happened, due: int, now: int) -> None:
        place = line.places[number]
        name, digest = None, place.digest
        if digest is not None:
            name = (line.name, str(number), target, (event.customer or "") if digest.by_customer else "")
            due = due + (digest.window or 0) if digest.at is None else self.wall.next_at(due, digest.at)
        if place.outside == "wait":
            due = self.wall.opens(due)
        if name is not None:
            due = min([due, *(row.due for row in self.rows if row.name == name and row.waits and row.due > now)])
        self.rows.append(Row(event, line, place, target, due, name))

    # Delivering ---------------------------------------------------------------------------------------------

    def deliver(self, now: int) -> list[Message]:
        """Post what is due; return the messages."""
        before = len(self.messages)
        for target in sorted({row.target for row in self.rows}):
            self._deliver_to(target, now)
        return self.messages[before:]

    def _due(self, target: str, now: int) -> list[Row]:
        return [row for row in self.rows if row.target == target and row.waits and row.due <= now]

    def _deliver_to(self, target: str, now: int) -> None:
        while due := self._due(target, now):
            row = due[0]
            if not self._may_go(row, now):
                row.due = self.wall.opens(now)
                continue
            message = Message([row], "alone", now)
            if (budget := self.rules.budgets.get(target)) is not None:
                most, window = budget
                lately = [at for at in self._posted(target) if at > now - window]
                if len(lately) >= most:
                    for other in due:
                        other.due, other.held, other.name = lately[-most] + window, True, None
                    continue
                is_last = len(lately) == most - 1
                if row.held or is_last:
                    others = [other for other in due[1:] if self._may_go(other, now)]
                    if others or is_last:
                        message = Message([row, *others], "flood", now)
            if message.kind == "alone" and row.name is not None:
                digest = row.place.digest
                assert digest is not None
                same = [other for other in due if other.name == row.name]
                if len(same) >= max(digest.at_least, 2):
                    message = Message(same, "digest", now)
            for said in message:
                said.by, said.posted_at = row, now
            self.messages.append(message)

    def _may_go(self, row: Row, now: int) -> bool:
        return row.place.outside != "wait" or self.wall.is_open(now)

    def _posted(self, target: str) -> list[int]:
        return sorted(message.at for message in self.messages if message[0].target == target)
