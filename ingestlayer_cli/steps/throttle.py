"""throttle: at most so many messages for a key in a window."""

from typing import Any, Literal

from ..clock import format_duration, format_time
from ..events import Kept, State
from ..families import Duration
from ..templates import Template
from .base import Context, Drop, Step


class Throttle(Step):
    """Lets at most `max` events of a key through in each window; what is over is dropped, or delayed.

        [[steps]]
        use = "throttle"
        key = "$event.customer_id"
        max = 3
        window = "1h"
        mode = "drop"

    Windows follow one another without a gap, on the events' own `received_at`: of `1h`, each full hour in UTC. With
    `mode = "delay"` the messages over `max` go in the next window that has room, in their order; to wait is no
    attempt. An event counts only when its run queues a message. A key with a null in it is not throttled.
    """

    key: Template
    max: int
    window: Duration
    mode: Literal["drop", "delay"] = "drop"

    @classmethod
    def compiled(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values["max"] < 1:
            raise ValueError("`max` is 1 or more")
        if values["window"] < 1:
            raise ValueError("`window` is longer than nothing")
        return values

    def __call__(self, context: Context) -> Drop | None:
        key = self.key.key(context.scope)
        if key is None:
            context.note = "the key is null: not throttled"
            return None
        at = context.event.received_at
        start = at - at % self.window
        place = key if self.mode == "delay" else f"{start} {key}"
        kept = context.memory.state(context.place, place)
        before = _before(kept, context.event.id)
        slot, count = self._next(start, *before)
        told, full = context.says(self.key, key), f"{self.max} in {format_duration(self.window)}"
        if count > self.max:
            return Drop(f"{told} had {full}; the window ends {format_time(start + self.window)}")
        value = {"now": [slot, count], "before": before}
        context.to_remember.append(Kept(context.place, place, value, at))
        context.note = f"{told}: {count} of {full}"
        if slot > start:
            context.not_before = max(slot, context.not_before or 0)
            context.note = f"{told} had {full}: delayed until {format_time(slot)}"
        return None

    def _next(self, start: int, last: int, count: int) -> tuple[int, int]:
        """Return the window that an event of the one from `start` goes in, and which one of that window it is.

        So far `count` went in the window `last`. Who delays never comes back to an earlier one: order is kept.
        """
        if last < start:
            return start, 1
        if self.mode == "drop" or count < self.max:
            return last, count + 1
        return last + self.window, 1


def _before(kept: State | None, event_id: str) -> list[int]:
    """Return the last window and how many went in it, before an event: it does not meet itself."""
    if kept is None:
        return [-(1 << 62), 0]
    found: list[int] = kept.value["before" if kept.event_id == event_id else "now"]
    return found
