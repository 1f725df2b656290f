"""throttle: at most so many messages for a key in a window."""

from __future__ import annotations

from ..language.expressions import Scope
from ..language.templates import Template
from ..model.events import Event
from ..model.families import NO_ZONE, Duration, TimeZone, WrongKeyError
from ..model.memory import Foreseen, Kept
from ..system.clock import HOUR, UNITS, format_duration, format_time
from ..system.typed import Annotated, Any, Literal, TomlTable
from ..system.zones import window_after, window_of
from .base import Context, Drop, Step

LONGEST = 36_500 * UNITS["d"]


class Throttle(Step):
    """Lets at most `max` events of a key through in each window; what is over is dropped, or delayed.

        [[steps]]
        use = "throttle"
        key = "$event.customer_id"
        max = 3
        window = "1h"
        mode = "drop"

    Windows follow one another without a gap, on the events' own `received_at`: of `1h`, each full hour, of `1d`, each
    day of the project's `timezone`, or of the step's own. With `mode = "delay"` the messages over `max` go in the next
    window that has room, in their order; to wait is no attempt, and where that window has passed, as in a backfill,
    they go at once. An event counts only when its run
    queues a message. A key with a null in it is not throttled.
    """

    key: Annotated[Template, "What is counted together."]
    max: Annotated[int, "How many pass in a window."]
    window: Annotated[Duration, "How long a window is."]
    mode: Annotated[Literal["drop", "delay"], "What becomes of what is over."] = "drop"
    timezone: Annotated[TimeZone, "Whose clock the windows follow; without it the project's."] = NO_ZONE

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._length = format_duration(self.window)

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
        if values["max"] < 1:
            raise WrongKeyError("`max` is 1 or more", "max")
        if not 0 < values["window"] <= LONGEST:
            words = f"`window` is longer than nothing, and {format_duration(LONGEST)} at most"
            raise WrongKeyError(words, "window")
        return values

    @classmethod
    def remembers(cls, data: TomlTable) -> int | None:
        return int(data["window"]) + HOUR  # where the clock is put back

    def __call__(self, context: Context) -> Drop | None:
        key = self.key.key(context.scope)
        if key is None:
            context.note = "the key is null: not throttled"
            return None
        at = context.event.received_at
        if self.mode == "delay" and context.not_before is not None:
            at = max(at, context.not_before)  # it goes when an earlier step lets it
        start = slot = window_of(at, self.window, self.timezone)
        told, most = context.says(self.key, key), f"{self.max} in {self._length}"
        full: list[tuple[Kept, str]] = []
        while True:
            kept, last = self._window(context, slot, key)
            if kept.value["count"] < self.max:
                break
            if self.mode == "drop":
                ends = format_time(window_after(start, self.window, self.timezone))
                return Drop(f"{told} had {most}; the window ends {ends}", last)
            context.by = context.by or last
            full.append((kept, last))
            slot = kept.value["next"]
        count = kept.value["count"] + 1
        context.to_remember.append(kept._replace(value={**kept.value, "count": count}))
        own = {"window": kept.key, "before": kept.value}
        context.to_remember.append(Kept(f"{context.place}/before", context.event.id, own, at))
        context.note = f"{told}: {count} of {most}"
        if slot > start:
            # The next event need not look through the full windows again.
            context.to_remember += [
                window._replace(value={**window.value, "next": slot, "last": last})
                for window, last in full
                if window.value["next"] != slot
            ]
            context.not_before = slot
            context.note = f"{told} had {most}: delayed until {format_time(slot)}"
        return None

    def again(self, context: Context) -> Drop | None:
        return None  # it was let through

    def foresee(self, place: str, event: Event, scope: Scope, foreseen: Foreseen) -> None:
        if key := self.key.key(scope):
            foreseen.states[place].add(self._name(window_of(event.received_at, self.window, self.timezone), key))

    def _name(self, slot: int, key: str) -> str:
        return f"{self._length} {slot} {key}"

    def _window(self, context: Context, slot: int, key: str) -> tuple[Kept, str]:
        """Return what is known of the window that begins at `slot`: how many went in it, and which one is next.

        That is as it was when the event came: previewed, it does not meet itself. Beside it the event that went last
        in it, where that is known.
        """
        name = self._name(slot, key)
        kept = context.state(context.place, name)
        if kept is None:
            none = {"count": 0, "next": window_after(slot, self.window, self.timezone)}
            return Kept(context.place, name, none, slot), ""
        own = context.state(f"{context.place}/before", context.event.id)
        met = own is not None and own.value["window"] == name
        if own is not None and met:
            return Kept(context.place, name, own.value["before"], slot), ""
        return Kept(context.place, name, kept.value, slot), kept.value.get("last", kept.event_id)
