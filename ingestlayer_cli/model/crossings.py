"""When a value newly reaches a level: the rule of the `crossing` step, without its surroundings."""

from collections.abc import Callable, Sequence

from ..system.typed import Any, NamedTuple, Values
from ..system.zones import names_of, period_of
from .memory import State

_EVER = -(1 << 62)  # before all times


class Held(NamedTuple):
    """What a key has reached in its period.

    `reached` has [level, since] for each level that is held, from the lowest to the highest; `limits` is what they
    were measured against; `at` the time of the last event that changed any of it. Where there are reminders, `told`
    is when the level was told last, and `times` how often, and once it `stopped` it is not told again; `events` are the
    ids of those that told it, where that is asked for. Times in milliseconds.
    """

    reached: Sequence[list[Any]] = ()
    limits: Sequence[float | None] = ()
    at: int = _EVER
    told: int | None = None
    times: int = 1
    events: Sequence[str] = ()
    stopped: bool = False

    @property
    def level(self) -> float | None:
        """The highest level that is held."""
        return self.reached[-1][0] if self.reached else None

    @property
    def since(self) -> int | None:
        """When that was reached."""
        return self.reached[-1][1] if self.reached else None

    def data(self) -> Values:
        """Return it as plain data."""
        data = self._asdict()
        if self.told is None:
            del data["told"], data["times"]
        for name in ("events", "stopped"):
            if not data[name]:
                del data[name]
        return data

    def crossed_by(self, level: float | None) -> bool:
        """Say whether a level is newly reached."""
        return level is not None and (self.level is None or level > self.level)

    def knowing(self, levels: Sequence[float]) -> "Held":
        """Return it with levels that an edit brought: who holds a level holds those below it, too."""
        held = [row[0] for row in self.reached]
        new = [[level, self.since] for level in levels if self.level is not None and level < self.level]
        new = [row for row in new if row[0] not in held]
        return self._replace(reached=sorted([*self.reached, *new])) if new else self

    def after(self, value: float, limits: Sequence[float | None], rearm: float, at: int) -> "Held":
        """Return what is still held, now that the value is this one, measured against these limits.

        Of other limits nothing is; else every level that the value has not fallen below by more than `rearm`.
        """
        if not self.reached:
            return self
        kept = [] if list(limits) != list(self.limits) else [row for row in self.reached if value >= low(row[0], rearm)]
        if len(kept) == len(self.reached):
            return self
        return self._replace(reached=kept, at=at) if kept else Held(kept, self.limits, at)

    def ended(self) -> "Held":
        """Return it once its period is over: nothing is held, by an event of another period."""
        return Held((), self.limits, self.at)

    def raised(self, levels: Sequence[float], value: float, limits: Sequence[float | None], at: int) -> "Held":
        """Return what is held once a value has reached more of the (rising) levels.

        An event older than the last that changed something does not change the limits.
        """
        new = [[level, at] for level in levels if value >= level and self.crossed_by(level)]
        is_late = at < self.at and bool(self.reached)
        return Held([*self.reached, *new], self.limits if is_late else limits, max(at, self.at))

    def is_due(self, pause: int, at: int) -> bool:
        """Say whether a level is held that was told so long ago. An event older than the last reminds of nothing."""
        last = self.since if self.told is None else self.told
        return last is not None and not self.stopped and at >= self.at and at - last >= pause

    def told_at(self, at: int, times: int = 1) -> "Held":
        """Return it once it was told, for the so manieth time."""
        return self._replace(told=at, times=times, at=max(at, self.at))

    def told_by(self, event: str) -> "Held":
        """Return it once an event told it; of those before only the first is kept."""
        return self._replace(events=[*self.events[:1], event])


def level_of(levels: Sequence[float], value: float) -> float | None:
    """Return the highest of the (rising) levels that a value is at."""
    for level in reversed(levels):
        if value >= level:
            return level
    return None


def low(level: float, rearm: float) -> float:
    """Return where a level is re-armed, as people subtract: 0.95 - 0.05 is 0.9, not 0.8999999999999999."""
    return float(f"{level - rearm:.15g}")


def kept_of(
    state: Callable[[str, str], State | None], scope: str, at: int, period: str, zone: str, key: str
) -> State | None:
    """Return what was kept of a key in the period of a time, also of when that had its name in another zone.

    So no level is told again where a project gets a time zone, or another. `state` reads a scope's state under
    `PERIOD KEY`.
    """
    names = names_of(at, period, zone)
    for name in names:
        kept = state(scope, f"{name} {key}")
        if kept is not None and is_of(kept.at, name, names[0], period, zone):
            return kept
    return None


def is_of(at: int, name: str, now: str, period: str, zone: str) -> bool:
    """Say whether what was kept at a time, in a period of this name, is of the one that is now.

    A day that is called so in two zones is one; the same hour on their walls is two.
    """
    return (name == now and period != "hour") or period_of(at, period, zone) == now
