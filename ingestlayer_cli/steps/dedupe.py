"""dedupe: one message for a key inside a window."""

from __future__ import annotations

from ..language.expressions import Scope
from ..language.templates import Template
from ..model.events import Event
from ..model.families import NO_ZONE, Duration, TimeZone
from ..model.memory import Foreseen, Remembered
from ..system.clock import format_duration, format_time
from ..system.typed import Annotated, TomlTable
from .base import Context, Drop, Step


class Dedupe(Step):
    """Drops an event whose key this pipeline let through less than `window` before or after it.

    The window runs on the events' own `received_at`, so that a backfill behaves as it would have then. A key
    is remembered only when the run queues a message. A key with a null in it is not deduplicated.

        [[steps]]
        use = "dedupe"
        key = "$event.customer_id:$event.metric"
        window = "24h"
    """

    key: Annotated[Template, "What two events have in common of which one is enough."]
    window: Annotated[Duration, "How far apart two events of a key must be."]
    timezone: Annotated[TimeZone, "What times in the key mean; without it the project's."] = NO_ZONE

    @classmethod
    def remembers(cls, data: TomlTable) -> int | None:
        return int(data["window"])

    def __call__(self, context: Context) -> Drop | None:
        key = self.key.key(context.scope)
        if key is None:
            context.note = "the key is null: not deduplicated"
            return None
        at = context.event.received_at
        seen = context.seen(key, at - self.window, at + self.window)
        if seen is None or seen.event_id == context.event.id:  # previewed or replayed, it does not meet itself
            context.to_remember.append(Remembered(context.place, key, at))
            context.note = f"{context.says(self.key, key)} is new in {format_duration(self.window)}"
            return None
        ends = format_time(seen.at + self.window)
        return Drop(
            f"{context.says(self.key, key)} was let through by {seen.event_id}; the window ends {ends}", seen.event_id
        )

    def again(self, context: Context) -> Drop | None:
        return None  # it was let through

    def foresee(self, place: str, event: Event, scope: Scope, foreseen: Foreseen) -> None:
        if key := self.key.key(scope):
            foreseen.seen[place].add(key)
