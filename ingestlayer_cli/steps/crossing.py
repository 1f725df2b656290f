"""crossing: only what newly reaches a level; a customer over the line all month is one message, not thousands."""

from math import isfinite
from typing import Any, Literal

from ..clock import format_time, period_of
from ..conditions import Value, show
from ..crossings import Reached, State, crosses, level_of, still_held
from ..events import Kept
from ..expressions import evaluator, to_number
from ..templates import Template
from .base import Context, Drop, Step


class Crossing(Step):
    """Passes only the first event that newly reaches one of the `levels` in its period, per `key`.

        [[steps]]
        use = "crossing"
        value = "$event.used / $event.limit"
        levels = [0.8, 0.9, 1]
        key = "$event.customer_id:$event.metric"
        period = "month"
        rearm = 0.05

    A jump over two levels passes once, with the higher. A level that was reached can be reached again when the
    value has fallen below that level less `rearm`, when the limit (what `value` divides by) is another, and when a
    new `period` begins: an hour, day, week, month, quarter or year, in UTC; without it there is one for ever.

    Later steps and messages have `$crossing.level` and `$crossing.value`, and of the level that was held before
    `$crossing.previous` and `$crossing.since`, when that was reached; both are null without one.

    A level counts as reached only when the run queues a message. A value that is null reaches nothing; a key with
    a null in it has no memory, so that each of its events at a level passes. An event older than the last one that
    changed something can raise the level, but not lower it.
    """

    value: Value
    levels: list[float]
    key: Template
    period: Literal["hour", "day", "week", "month", "quarter", "year"] | None = None
    rearm: float = 0.05

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        node = self.value.node
        self._limit = evaluator(node[2]) if node[0] == "/" else None

    @classmethod
    def compiled(cls, values: dict[str, Any]) -> dict[str, Any]:
        levels = values["levels"]
        if not levels or not all(map(isfinite, levels)) or sorted(set(levels)) != levels:
            raise ValueError("`levels` are numbers from the lowest to the highest, each once")
        if not 0 <= values.get("rearm", 0) < float("inf"):
            raise ValueError("`rearm` is a number from 0")
        return values

    def __call__(self, context: Context) -> Drop | None:
        value, words = context.number(self.value)
        if value is None:
            return Drop(f"{words}: null reaches no level")
        level = level_of(self.levels, value)
        key = self.key.key(context.scope)
        if key is None:
            if level is None:
                return Drop(f"{words}, below {show(self.levels[0])}")
            self._pass(context, Reached(), level, value, f"{words}; the key is null: it has no memory")
            return None
        at, limit = context.event.received_at, to_number(self._limit(context.scope)) if self._limit else None
        place = key if self.period is None else f"{period_of(at, self.period)} {key}"
        kept = context.memory.state(context.place, place)
        state = State.of(kept.value, kept.at, kept.event_id) if kept else State()
        before = held = state.until(context.event.id)
        if at >= state.at:
            held = still_held(self.levels, self.rearm, before, value, limit)
        if level is not None and crosses(level, held):
            now = State(Reached(level, at, limit), before)
            context.to_remember.append(Kept(context.place, place, now.data(), max(at, state.at)))
            self._pass(context, held, level, value, words)
            return None
        if held != before:
            context.noticed.append(Kept(context.place, place, State(held, before).data(), at))
        return Drop(self._why(words, level, held, before))

    def _pass(self, context: Context, held: Reached, level: float, value: float, words: str) -> None:
        since = None if held.since is None else format_time(held.since)
        context.scope["crossing"] = {"level": level, "previous": held.level, "value": value, "since": since}
        context.changed.append("crossing")
        context.note = f"{words} newly reaches {show(level)}"

    def _why(self, words: str, level: float | None, held: Reached, before: Reached) -> str:
        """Say why nothing is newly reached."""
        why = f"{words}, below {show(self.levels[0])}"
        if level is not None and held.level is not None:
            since = "" if held.since is None else f" since {format_time(held.since)}"
            why = f"{words}: {show(held.level)} is reached{since}"
        return why if held.level == before.level else f"{why}; {show(before.level)} can be reached again"
