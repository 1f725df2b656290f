"""crossing: only what newly reaches a level; a customer over the line all month is one message, not thousands."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from ..language.conditions import Value, divisors, show
from ..language.expressions import Scope, evaluator, to_number
from ..language.templates import Template
from ..model.crossings import Held, kept_of, level_of, low
from ..model.events import Event
from ..model.families import NO_ZONE, Duration, TimeZone, WrongKeyError
from ..model.memory import Foreseen, Kept, State
from ..system.clock import PERIODS, format_time
from ..system.patterns import lazy
from ..system.typed import Annotated, Any, ClassVar, Literal, NamedTuple, TomlTable, Values
from ..system.zones import names_of, period_before, period_of
from .base import Context, Drop, Step

FEW = 32  # keys of states


class Told(NamedTuple):
    """What an event that passes tells: of what was held `before` it, and for the how many-th time."""

    direction: str  # up, down
    before: Held
    level: float | None
    note: str
    times: int = 1

    def data(self) -> Values:
        """Return what is kept of it as plain data, for `again`."""
        own = (self.direction, self.level, self.before.level, self.before.since, self.times)
        return dict(zip(("direction", "level", "previous", "since", "times"), own, strict=True))


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
    value has fallen below that level less `rearm` (in the unit of the levels), when the limit (what `value` divides
    by) is another, and when a new `period` begins: an hour, day, week, month, quarter or year of the project's
    `timezone`, or of the step's own; without it there is one for ever.

    Later steps and messages have `$crossing.level` and `$crossing.value`, and of the level that was held before
    `$crossing.previous` and `$crossing.since`, when that was reached; both are null without one.

    With `clears = true` the first event passes, too, that falls below the level that is held, less `rearm`:
    `$crossing.direction` is then `down`, else `up`, and `$crossing.level` the one that is still held, or null. What
    was never told is not cleared. A new `period` clears nothing by itself: with `new_period = "clear"` its first
    event below all levels clears what the period before still held.

    With `remind = "3d"` an event passes again while its level is still held, that long after it was told last;
    `$crossing.times` is how often it was told then, 1 at first. `until_reaction = "white_check_mark"` stops that once
    somebody has reacted so in Slack to what was posted of the level, first or last: it is asked when a reminder falls
    due, and needs the scope reactions:read. Where it cannot be asked, the reminder passes, and its trace says why.

    A level counts as reached only when the run queues a message. A value that is null reaches nothing; a key with
    a null in it has no memory, so that each of its events at a level passes. An event older than the last one that
    changed something can raise the level, but neither lower it nor change the limit.
    """

    measures: ClassVar[bool] = True
    puts: ClassVar[dict[str, dict[str, str]]] = {
        "crossing": {
            "level": "number",
            "previous": "number",
            "value": "number",
            "since": "datetime",
            "direction": "string",
            "times": "integer",
        }
    }

    value: Annotated[Value, "What is compared with the levels."]
    levels: Annotated[list[float], "What is told when it is reached, from the lowest to the highest."]
    key: Annotated[Template, "What holds a level of its own."]
    period: Annotated[
        Literal["hour", "day", "week", "month", "quarter", "year"] | None,
        "When all levels can be reached anew; without it there is one period for ever.",
    ] = None
    rearm: Annotated[float, "How far below a level the value must fall before the level can be reached again."] = 0.05
    clears: Annotated[bool, "Whether the first event passes, too, that falls below the level that is held."] = False
    new_period: Annotated[Literal["keep", "clear"], "Whether a new period clears what the one before still held."] = (
        "keep"
    )
    remind: Annotated[
        Duration | None, "How long after it was told last an event passes again while its level is held."
    ] = None
    until_reaction: Annotated[
        str | None, "The emoji that ends the reminders, once somebody reacts with it in Slack.", "white_check_mark"
    ] = None
    timezone: Annotated[TimeZone, "Whose periods they are; without it the project's."] = NO_ZONE

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._limits = [evaluator(node) for node in divisors(self.value.node)]
        self._lowest = show(self.levels[0])

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
        levels = values["levels"]
        if not levels or not all(map(isfinite, levels)) or sorted(set(levels)) != levels:
            raise WrongKeyError("`levels` are numbers from the lowest to the highest, each once", "levels")
        if not 0 <= values.get("rearm", 0) < float("inf"):
            raise WrongKeyError("`rearm` is a number from 0", "rearm")
        if values.get("new_period") == "clear" and not (values.get("clears") and "period" in values):
            raise WrongKeyError("`new_period` is of a `period` of a crossing that `clears`", "new_period")
        if values.get("remind") == 0:
            raise WrongKeyError("`remind` is longer than nothing", "remind")
        if "until_reaction" in values:
            values["until_reaction"] = emoji = values["until_reaction"].strip(":")
            if "remind" not in values:
                raise WrongKeyError(
                    '`until_reaction` ends reminders: say when they are due, remind = "3d"', "until_reaction"
                )
            if not _EMOJI.fullmatch(emoji):
                words = f'"{emoji}" is no emoji\'s name: write it as in Slack, white_check_mark'
                raise WrongKeyError(f"`until_reaction`: {words}", "until_reaction")
        # A level of 20 is told as 20, not as 20.0.
        return {**values, "levels": [int(level) if level.is_integer() else level for level in levels]}

    @classmethod
    def remembers(cls, data: TomlTable) -> int | None:
        return PERIODS[data["period"]] if "period" in data else None

    @classmethod
    def lists(cls, data: TomlTable) -> dict[str, list[Any]]:
        directions = ["up", "down"] if data.get("clears") else ["up"]
        return {"level": data["levels"], "direction": directions} if "levels" in data else {}

    def __call__(self, context: Context) -> Drop | None:
        value, words = context.number(self.value)
        if value is None:
            return Drop(f"{words}: null reaches no level")
        level = level_of(self.levels, value)
        key = self.key.key(context.scope)
        if key is None:
            if level is None:
                return Drop(f"{words}, below {self._lowest}")
            words = f"{words} newly reaches {show(level)}; the key is null: it has no memory"
            self._put(context, Told("up", Held(), level, words))
            return None
        at = context.event.received_at
        place = self._place(at, key)
        before, is_over = self._before(context, place), False
        if before is _NOTHING and level is None and self.new_period == "clear" and self.period is not None:
            place, is_over = f"{period_before(at, self.period, self.timezone)} {key}", True
            before = self._before(context, place)
        by, context.by = context.by, ""
        if level is None and not before.reached:
            return Drop(f"{words}, below {self._lowest}")
        limits = [to_number(run(context.scope)) for run in self._limits]
        held = before if at < before.at else before.after(value, limits, self.rearm, at)
        held = before.ended() if is_over else held
        if held != before:
            context.noticed += self._kept(context, place, held, before)
        after, times = held.raised(self.levels, value, limits, at) if held.crossed_by(level) else held, 1
        if self.clears and before.level is not None and (after.level is None or after.level < before.level):
            still = f"; {show(after.level)} is still held" if after.reached else ""
            told = Told("down", before, after.level, f"{words} falls below {show(before.level)}{still}", before.times)
        elif after != held:
            told = Told("up", held, after.level, f"{words} newly reaches {show(after.level)}")
        elif self.remind is not None and held.is_due(self.remind, at):
            times, why = held.times + 1, ""
            if self.until_reaction is not None:
                to, why = context.outside.reacted(context.pipeline, held.events, self.until_reaction)
                if to:
                    stopped = held._replace(stopped=True, at=at)
                    context.noticed += self._kept(context, place, stopped, before)
                    return Drop(f"{self._why(words, level, held, before)}; {self._stopped} to {to}", to)
            note = f"{words}: {show(held.level)} is still held, told {times} times"
            note += f"; whether somebody has reacted is not known: {why}" if why else ""
            told = Told("up", held, held.level, note, times)
        else:
            is_held = level is not None and held.since == before.since
            return Drop(self._why(words, level, held, before), by if is_held else "")
        if self.remind is not None and after.reached:
            after = after.told_at(at, times)
        if after != held:
            if told.direction == "up" and (self.clears or self.remind is not None):
                after = after.told_by(context.event.id)
            context.to_remember.append(Kept(context.place, place, after.data(), after.at))
        context.to_remember.append(self._own(context, place, before, told))
        self._put(context, told)
        return None

    def about(self, scope: Scope) -> str | None:
        return self.key.key(scope)

    def again(self, context: Context) -> Drop | None:
        """What was reached is to be held since then, and what was cleared not to be reached again."""
        value, words = context.number(self.value)
        waiting = context.waiting or context.event
        own = context.state(f"{context.place}/before", waiting.id)
        told = own.value.get("told") if own is not None else None
        kept = context.state(context.place, own.value["place"]) if own is not None else None
        if value is None or own is None or told is None or kept is None:  # it has no memory, or not any more
            self._put(context, Told("up", Held(), None if value is None else level_of(self.levels, value), words))
            is_below = value is not None and value < low(self.levels[0], self.rearm)
            return Drop(f"{words}, below {self._lowest}") if is_below and self.key.key(context.scope) is None else None
        held = Held(**kept.value).knowing(self.levels)
        before = Held([[told["previous"], told["since"]]] if told["previous"] is not None else ())
        self._put(context, Told(told["direction"], before, told["level"], words, told["times"]))
        if told["direction"] == "down":
            context.ends = own.value["held"].get("events", ())
            is_back = held.level is not None and held.level >= told["previous"]
            return Drop(f"{words}: {show(told['previous'])} is reached again") if is_back else None
        since = waiting.received_at if told["times"] == 1 else told["since"]
        if [told["level"], since] not in [list(row) for row in held.reached]:
            found = next((at for level, at in held.reached if level == told["level"]), None)
            how = "is not held any more" if found is None else f"was reached again at {format_time(found)}"
            return Drop(f"{words}: {show(told['level'])} {how}")
        if value < low(told["level"], self.rearm):  # of a newer period
            return Drop(f"{words}, below {show(told['level'])}")
        return None

    @classmethod
    def asks_reactions(cls, data: TomlTable) -> str | None:
        return "until_reaction" if data.get("until_reaction") else None

    def foresee(self, place: str, event: Event, scope: Scope, foreseen: Foreseen) -> None:
        if not (key := self.key.key(scope)):
            return
        keys, at = foreseen.states[place], event.received_at
        # An hour has many names: of many events the store finds out at once which of them are asked for.
        if self.period is None or (self.period == "hour" and len(keys) >= FEW):
            keys.add(self._place(at, key))
        else:
            keys.update([f"{name} {key}" for name in names_of(at, self.period, self.timezone)])
        if self.period is not None and self.new_period == "clear":
            keys.add(f"{period_before(at, self.period, self.timezone)} {key}")

    def _place(self, at: int, key: str) -> str:
        return key if self.period is None else f"{period_of(at, self.period, self.timezone)} {key}"

    def _before(self, context: Context, place: str) -> Held:
        """Return what was held when the event came: previewed, it does not meet itself.

        `context.by` is the event that reached the highest level, where it was the last to change anything.
        """
        kept = self._found(context, place)
        if kept is None:
            return _NOTHING
        held = Held(**kept.value)
        context.by = kept.event_id if kept.at == held.since else ""
        at = context.event.received_at
        if at <= held.at or not place.startswith(self._place(at, "")):  # a newer one has changed nothing yet
            own = context.state(f"{context.place}/before", context.event.id)
            if own is not None:  # in its own period there was nothing yet where it ended the one before
                held, context.by = Held(**own.value["held"]) if own.value["place"] == place else _NOTHING, ""
        return held.knowing(self.levels)

    def _found(self, context: Context, place: str) -> State | None:
        """Return what was kept there; in the event's own period also what was kept when the zone was another."""
        at = context.event.received_at
        name, _, key = place.partition(" ")
        if self.period is None or name != period_of(at, self.period, self.timezone):
            return context.state(context.place, place)
        return kept_of(context.state, context.place, at, self.period, self.timezone, key)

    def _kept(self, context: Context, place: str, held: Held, before: Held) -> Iterator[Kept]:
        """Yield what to keep: what is held now, and for a preview of this event what was held before it."""
        yield Kept(context.place, place, held.data(), held.at)
        yield self._own(context, place, before)

    def _own(self, context: Context, place: str, before: Held, told: Told | None = None) -> Kept:
        own = {"place": place, "held": before.data()} | ({} if told is None else {"told": told.data()})
        return Kept(f"{context.place}/before", context.event.id, own, context.event.received_at)

    def _put(self, context: Context, told: Told) -> None:
        since = None if told.before.since is None else format_time(told.before.since)
        found = {"level": told.level, "previous": told.before.level, "value": None, "since": since}
        found |= {"direction": told.direction, "times": told.times}
        # Where what the value is made of is redacted, it is null.
        context.put(lambda scope: scope.update(crossing={**found, "value": self.value.of(scope)[0]}))
        context.changed.append("crossing")
        context.note = told.note

    @property
    def _stopped(self) -> str:
        return f"nobody is reminded: somebody has reacted with :{self.until_reaction}:"

    def _why(self, words: str, level: float | None, held: Held, before: Held) -> str:
        """Say why nothing is newly reached."""
        why = f"{words}, below {self._lowest}"
        if level is not None and held.since is not None:
            why = f"{words}: {show(held.level)} is reached since {format_time(held.since)}"
            why += f"; {self._stopped}" if held.stopped else ""
        return why if held.level == before.level else f"{why}; {show(before.level)} can be reached again"


_NOTHING = Held()
_EMOJI = lazy(r"[a-z0-9_'+-]{1,100}")
