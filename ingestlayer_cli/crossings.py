"""When a value newly reaches a level: the rule of the `crossing` step, without its surroundings."""

from collections.abc import Sequence
from typing import Any, NamedTuple


class Reached(NamedTuple):
    """What is known of a key in its period: the highest level that is held, since when, and of what limit."""

    level: float | None = None
    since: int | None = None  # milliseconds
    limit: float | None = None


class State(NamedTuple):
    """What is known of a key after the last event that changed it, and before that event."""

    now: Reached = Reached()
    before: Reached = Reached()
    at: int = -(1 << 62)  # that event's time, in milliseconds
    event_id: str = ""

    def until(self, event_id: str) -> Reached:
        """Return what was known when an event came: previewed or replayed, it does not meet itself."""
        return self.before if self.event_id == event_id else self.now

    def data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"now": self.now, "before": self.before}

    @classmethod
    def of(cls, data: dict[str, Any], at: int, event_id: str) -> "State":
        return cls(Reached(*data["now"]), Reached(*data["before"]), at, event_id)


def level_of(levels: Sequence[float], value: float) -> float | None:
    """Return the highest of the (rising) levels that a value is at."""
    return max((level for level in levels if value >= level), default=None)


def still_held(levels: Sequence[float], rearm: float, before: Reached, value: float, limit: float | None) -> Reached:
    """Return what is still held of what was reached, now that the value is this one of this limit.

    Of another limit nothing is; else every level that the value has not fallen below by more than `rearm`.
    """
    if before.level is None:
        return before
    if limit != before.limit:
        return Reached()
    kept = max((level for level in levels if value >= level - rearm), default=None)
    if kept is None:
        return Reached()
    return before if kept >= before.level else before._replace(level=kept)


def crosses(level: float | None, held: Reached) -> bool:
    """Say whether a level is newly reached."""
    return level is not None and (held.level is None or level > held.level)
