"""What the keys of a check hold in a period, what a row of its source newly reaches, and the event of that."""

import json
from binascii import crc32
from collections.abc import Callable, Container, Iterable, Iterator
from functools import lru_cache
from math import inf
from urllib.parse import unquote

from ..entities.reading.cells import key_text
from ..entities.reading.written import dates_of, numbers_of
from ..model.crossings import Held, is_of, kept_of
from ..model.declarations import Declaration, Field
from ..model.events import encode
from ..model.gate import Raw, hashed, is_key
from ..model.memory import Foreseen, Kept, Memory, State
from ..project.check_table import CROSSED, scope_of
from ..system.clock import DAY, MINUTE, format_time
from ..system.typed import TYPE_CHECKING, Any, NamedTuple, TomlTable, Values
from ..system.zones import names_of
from .judging import Judge, Judged, mark_of

if TYPE_CHECKING:
    from ..store.contract.roles.transaction import Transaction

SOON = 30 * MINUTE  # so soon after a run that had a key at its level, a fall is believed when two runs saw it
_NEVER = -(1 << 62)  # before all times
_SHARED = 10_000  # texts that are kept once; what one run found is held by many keys in the same words
# Yields key, value as JSON, event and its time of the states of a scope whose keys begin with a text.
States = Callable[[str, str], Iterator[tuple[str, str, str, int]]]


class Reached(NamedTuple):
    """What a row comes to: what its key holds now, the level that it newly reaches, and what to keep."""

    before: Held  # what was held when the row came, less what it has fallen below
    level: float | None
    state: Kept | None
    again: int  # how often levels of its key were armed again in this period
    refused: str | None  # why its event was refused by the last run
    fallen: Held | None = None  # what was held before the row fell below that, where it is to be told
    still: float | None = None  # and the level that is held even now

    @property
    def is_news(self) -> bool:
        return self.level is not None or self.fallen is not None


class Levels:
    """The levels of a compiled check, and who held which when its run began.

    What was held is kept as the texts of the store, until the row of its key is read: most of it does not change.
    """

    def __init__(self, data: TomlTable, now: int) -> None:
        self._data = data
        self._now = now
        self.scope = scope_of(data["name"])
        names = names_of(now, data["period"], data["timezone"]) if data["period"] else ("ever",)
        self.period = names[0] if data["period"] else None
        self.start = f"{names[0]} "  # of the keys of the states of this period
        # The names that this period may have had when the zone was another, and at last its own.
        self._names = [*names[1:], names[0]]
        self.holding: set[str] | None = None  # where it is asked for: the keys that held anything when the run began
        self.held: dict[int, str] = {}  # by the mark of its key: what no row was read of
        self._waiting: dict[int, str] = {}  # which event of a key waits, by the mark of the key
        self._first: dict[str, State] = {}  # what was held of the keys that may change
        self._parsed = lru_cache(1024)(json.loads)
        self._read_at = _NEVER  # when a run read the source last; one of some keys alone does not count
        self._number, self._date = numbers_of(data["format"]), dates_of(data["format"])

    def health(self, memory: Memory | None) -> Values:
        """Return what is kept of the source, and note when it was read last."""
        kept = memory.state(self.scope, "") if memory is not None else None
        health = kept.value if kept else {}
        self._read_at = health.get("at", _NEVER)
        return health

    def keep_health(self, transaction: "Transaction", judge: Judge, *, is_healthy: bool) -> int | None:
        """Remember how the source is; return since when its bad rows are known. After a day they are news again."""
        kept = transaction.state(self.scope, "")
        health: Values = {"rows": judge.total, "at": self._now}
        if not is_healthy and kept is not None:
            health = kept.value
        known_since = None
        if judge.problem_count:
            # Without their numbers: an export may sort its rows anew.
            found = sorted(encode(row[1:]) for row in judge.problems)
            which = crc32(f"{judge.problem_count} {found}".encode("utf-8", "surrogatepass"))
            at = kept.value.get("problems_at") if kept and kept.value.get("problems") == which else None
            known_since = at if at is not None and 0 <= self._now - at < DAY else None
            health = health | {"problems": which, "problems_at": self._now if known_since is None else known_since}
        transaction.remember(Kept(self.scope, "", health, self._now), "")
        return known_since

    def kept(self, memory: Memory, key: str) -> State | None:
        """Return what is kept of a key in this period, also of when the zone was another."""
        if self.period is None:
            return memory.state(self.scope, self.start + key)
        own = self._data["period"], self._data["timezone"]
        return kept_of(memory.state, self.scope, self._now, *own, key)

    def foresee(self, rows: Iterable[Judged], foreseen: Foreseen) -> Foreseen:
        """Add what is looked up of rows, and of the source."""
        foreseen.states[self.scope].update([""], *([f"{name} {row.key}" for name in self._names] for row in rows))
        return foreseen

    def begin(self, states: States, waiting: Container[str]) -> None:
        """Note what every key holds, and which of the events that wait is its last."""
        shared: dict[str, str] = {}
        for name in self._names:
            start = f"{name} "
            for key, text, event, at in states(self.scope, start):
                if self._is_of_now(at, name):
                    mark = mark_of(key[len(start) :])
                    if self.holding is not None and '"reached":[]' not in text:
                        self.holding.add(key[len(start) :])
                    if len(shared) > _SHARED:
                        shared.clear()
                    self.held[mark] = shared.setdefault(text, text)
                    if event in waiting:
                        self._waiting[mark] = event

    def _is_of_now(self, at: int, name: str) -> bool:
        if self.period is None:
            return True
        return is_of(at, name, self.period, self._data["period"], self._data["timezone"])

    def first(self, key: str) -> State | None:
        """Return what was held, when this run began, of the key of a row that may change it."""
        return self._first.get(key)

    def as_kept(self, memory: Memory, rows: Iterable[Judged], after: int | None) -> list[Judged]:
        """Return the rows, of a run that did not reach the store, by which anything may change.

        Where it was read by others since, they know better what has fallen. `after`: when the run before it was, where
        that did not reach the store either.
        """
        self.health(memory)
        is_overtaken = self._read_at >= self._now
        self._read_at = max(self._read_at, _NEVER if after is None else after)
        self._first.clear()
        found = []
        for row in rows:
            kept = self.kept(memory, row.key)
            is_newer = kept is not None and kept.value["held"]["at"] > self._now
            if kept is not None and not is_newer and not is_overtaken:
                self._first[row.key] = kept
            elif row.level is None or (is_newer and kept is not None and kept.value.get("again")):
                continue
            found.append(row)
        return found

    def known(self, row: Judged) -> Reached | None:
        """Return what a row comes to when that is nothing new, and nobody waits for its event; to be asked once.

        Such a row stays what it is: when another run changes what is held, that run has read what is newer.
        """
        mark = mark_of(row.key)
        text = self.held.pop(mark, None)
        state = None
        if text is not None:
            value = self._parsed(text)
            state = self._first[row.key] = State(value, self._waiting.get(mark, ""), value["held"]["at"])
        crossed = self.reached(row, state)
        if crossed.is_news or crossed.state is not None or (state and state.event_id):
            return None
        self._first.pop(row.key, None)
        return crossed

    def keep(self, key: str, value: Values) -> Kept:
        """Return what to keep of a key."""
        return Kept(self.scope, self.start + key, value, self._now)

    def reached(self, row: Judged, kept: State | None) -> Reached:
        """Return what a row comes to, given what was kept of its key."""
        if row.value is None:
            return self._vanished(row.key, kept)
        value = kept.value if kept else {}
        before = Held(**value["held"]) if kept else Held()
        again: int = value.get("again", 0)
        known = before.knowing(self._data["levels"])
        # When another run has changed what is held since this one began to read, that run may have read later: this
        # one tells nothing of what has fallen or of new limits.
        first = self._first.get(row.key)
        is_overtaken = (kept and kept.value) != (first and first.value)
        at = max(self._now, before.at)
        fell: int | float | None = value.get("fell")
        held, falls = (known, fell) if is_overtaken else self._fallen(row, known, fell, at)
        again += len(held.reached) < len(known.reached)
        after, level = held, None
        if held.crossed_by(row.level):
            level, falls = row.level, None
            after = held.raised(self._data["levels"], row.value, row.limits, at)
            if is_overtaken and held.reached:
                after = after._replace(limits=held.limits)
        refused, silent = value.get("refused"), value.get("silent")
        fallen = self._to_clear(known, after) if not silent else None
        state = None
        if after != before or falls != fell or "gone" in value:
            silent = silent if level is None and after.reached else None
            kept_on = {"fell": falls, "refused": refused if after == before else None, "silent": silent}
            own = {name: found for name, found in kept_on.items() if found is not None}
            state = self.keep(row.key, {"held": after.data(), "again": again, **own})
        return Reached(
            held,
            level=None if fallen else level,
            state=state,
            again=again,
            refused=refused,
            fallen=fallen,
            still=after.level,
        )

    def _to_clear(self, known: Held, after: Held) -> Held | None:
        """Return what was held, when less is held now and that is to be told."""
        is_lower = known.level is not None and (after.level is None or after.level < known.level)
        return known if self._data["cleared"] and is_lower else None

    def _fallen(self, row: Judged, known: Held, fell: int | float | None, at: int) -> tuple[Held, int | float | None]:
        """Return what is still held, now that the row has its value, and the value of a fall that is not believed yet.

        A row that was cut in half looks like a fall: one that comes soon after a run that had the key at its level
        re-arms what the next run sees fallen, too. `fell` is what the run before saw and did not believe.
        """
        rearm, seen = self._data["rearm"], row.value
        if fell is not None:
            seen = max(fell, row.value)
        elif self._now - max(self._read_at, known.at) < SOON:
            seen = inf
        held = known.after(seen, row.limits, rearm, at)
        return held, None if held == known.after(row.value, row.limits, rearm, at) else row.value

    def silent(self, state: Kept) -> Kept:
        """Return what to keep of a key of whose level nobody is told: nobody is told when it is over, either."""
        return state._replace(value={**state.value, "silent": True})

    def gone(self, states: States) -> Iterator[Judged]:
        """Yield a row of no value for each key at a level of which the source had none; once all of it was read."""
        for key, text, *_ in states(self.scope, self.start) if self.held and self._data["vanished"] == "clear" else ():
            key = key[len(self.start) :]
            if key and self.held.get(mark_of(key)) == text and (value := self._parsed(text))["held"]["reached"]:
                self._first[key] = State(value, "", 0)
                parts = zip(self._data["key"], map(unquote, key.split(":")), strict=True)
                yield Judged(0, key, dict(parts), numbers={}, value=None, limits=[], level=None)

    def _vanished(self, key: str, kept: State | None) -> Reached:
        """Return what it comes to that a key has no row any more, which is believed when two runs saw it."""
        value: Values = kept.value if kept else {"held": Held().data()}
        known, again = Held(**value["held"]).knowing(self._data["levels"]), value.get("again", 0)
        if value != self._first[key].value:  # another run has read it meanwhile
            return Reached(known, level=None, state=None, again=again, refused=None)
        if "gone" not in value:
            return Reached(
                known,
                level=None,
                state=self.keep(key, {**value, "gone": True}),
                again=again,
                refused=value.get("refused"),
            )
        after = Held((), known.limits, max(self._now, known.at))
        fallen = known if "silent" not in value else None
        state = self.keep(key, {"held": after.data(), "again": again + 1})
        return Reached(after, level=None, state=state, again=again + 1, refused=value.get("refused"), fallen=fallen)

    def event(self, row: Judged, crossed: Reached, declaration: Declaration | None) -> Raw:
        """Return the event of a row: what its declaration has of the row's columns, and of the crossing."""
        name, fallen = self._data["name"], crossed.fallen
        before, level = (crossed.before, crossed.level) if fallen is None else (fallen, crossed.still)
        since = None if before.since is None else format_time(before.since)
        own = (name, level, before.level, row.value, since, self.period, crossed.again or None)
        known = dict(zip(CROSSED, own, strict=True))
        # The columns that the check names have values as it read them.
        values = {**known, **row.values, **{name: found for name, found in row.numbers.items() if "." not in name}}
        if declaration is not None:
            values = {name: self._fitted(field, values.get(name)) for name, field in declaration.fields.items()}
        payload = {name: value for name, value in values.items() if value is not None}
        what = f"{level:.15g}" if fallen is None else f"cleared:{fallen.level:.15g}"
        end = f"{what}:{self.period or 'ever'}" + (f":{crossed.again}" if crossed.again else "")
        key = f"{name}:{row.key}:{end}"
        if not is_key(key):
            key = f"{name}:{hashed(row.key)}:{end}"
        return Raw(self._data["emit" if fallen is None else "cleared"], payload, key, None, f"check:{name}")

    def _fitted(self, field: Field, value: object) -> Any:
        """Return a value as a declared field has it; one that does not fit is left for the gate to refuse."""
        if field.type == "string" and type(value) in (int, float):
            return key_text(value)
        if not isinstance(value, str):
            return value
        is_number = field.type in ("number", "integer") and field.values is None
        plain = self._number if is_number else self._date if field.type in ("date", "datetime") else None
        try:
            return field.read(value if plain is None else plain(value) or value)
        except ValueError:
            return value
