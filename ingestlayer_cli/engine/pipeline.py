"""A pipeline on one event: its steps in order, then its destinations. Pure but for what the context gives."""

from collections.abc import Collection, Sequence
from functools import partial

from ..destinations.base import Composing, Destination
from ..language.expressions import Scope
from ..model import families
from ..model.events import Event, delivery_id, encode_ascii, quoted
from ..model.memory import Foreseen, Kept, Memory, Outside, Remembered, Upsert, kept_entity
from ..steps.base import Context, Step
from ..system.clock import format_duration
from ..system.errors import IngestlayerError
from ..system.typed import TYPE_CHECKING, Any, NamedTuple
from .connections import connection, label_of

if TYPE_CHECKING:
    from ..model.documents.events import RunOutcome


Entry = tuple[str, str, str, str]  # of a trace: step, verdict, note, and the earlier event that is the reason, if any


class Message(NamedTuple):
    """A composed message for one destination; `body` is JSON text, as it is stored and sent."""

    id: str
    destination: str
    target: str
    body: str
    when: str  # the condition that held, with its values; empty without one
    retry: list[families.Duration] | None
    directions: dict[str, Any]  # what its sender needs beside the body


class Run(NamedTuple):
    """What one pipeline did with one event.

    `trace` has an entry for each step, `sets` what each of these steps changed, by ref, where that was asked for;
    `skipped` is [{destination, target, reason}].
    """

    pipeline: str
    version: str
    outcome: "RunOutcome"
    dropped_by: str | None = None
    reason: str | None = None
    trace: Sequence[Entry] = ()
    sets: Sequence[dict[str, Any]] = ()
    messages: Sequence[Message] = ()
    skipped: Sequence[dict[str, str]] = ()
    to_remember: Sequence[Remembered | Kept] = ()
    upserts: Sequence[Upsert] = ()
    not_before: int | None = None  # when the messages may go, in milliseconds
    given: str | None = None  # JSON: what it was given of entities and of what steps remember; None when it failed
    error: IngestlayerError | None = None

    def stored_trace(self) -> str:
        """Return the trace as the store keeps it, the destinations' decisions at its end."""
        told = [_stored(*entry) for entry in self.trace]
        told += [_decided(m.destination, m.target, "note", m.when) for m in self.messages]
        told += [_decided(it["destination"], it["target"], "reason", it["reason"]) for it in self.skipped]
        return f"[{','.join(told)}]"


def entry_document(entry: Entry) -> dict[str, str]:
    """Return an entry of a trace as documents have it."""
    step, verdict, note, by = entry
    found = {"step": step, "verdict": verdict, "note": note}
    return {**found, "by": by} if by else found


def _stored(step: str, verdict: str, note: str, by: str) -> str:
    """Return the same as JSON; to encode it as an object takes three times as long."""
    reason = f',"by":{quoted(by)}' if by else ""
    return f'{{"step":"{step}","verdict":"{verdict}","note":{quoted(note)}{reason}}}'


def _decided(destination: str, target: str, name: str, words: str) -> str:
    """Return what a run decided about a destination so."""
    return f'{{"destination":{quoted(destination)},"target":{quoted(target)},"{name}":{quoted(words)}}}'


class Replay(NamedTuple):
    """How a replay's run differs: its number among the runs of its event, the mark and the channel of its messages."""

    number: int
    mark: str = ""
    channel: str | None = None

    def salt(self, salt: int) -> int:
        """Return the salt of this run's delivery ids: those of the first run are taken."""
        return salt ^ self.number * _STRIDE % (1 << 80)


_OUTSIDE = "outside the hours"
_ROWS = 1_000
_STRIDE = 0x9E3779B97F4A7C15F39D  # odd: no two numbers of a run give one salt


class Pipeline:
    """A compiled pipeline."""

    def __init__(self, data: dict[str, Any], tables: dict[str, dict[str, Any]]) -> None:
        self.name: str = data["name"]
        self.version: str = data["version"]
        self.text: str = data["text"]
        self._steps: list[tuple[str, str, Step]] = [
            (row["use"], place, families.build("steps", row))
            for row, place in zip(data["steps"], places(data["name"], data["steps"]), strict=True)
        ]
        self._destinations: list[tuple[_Connection, int, Destination]] = [
            (
                _connection(row, tables),
                row["salt"],
                families.build("destinations", {k: v for k, v in row.items() if k != "salt"}),
            )
            for row in data["destinations"]
        ]
        self._foreseeing = [(place, step) for _, place, step in self._steps if type(step).foresee is not Step.foresee]
        self.looking = [(place, step) for place, step in self._foreseeing if step.looks_up]
        self._redacting = [step for _, _, step in self._steps if step.redacts]
        self.uses: dict[str, list[str] | None] = data["uses"]
        self._rows: dict[tuple[str, str], tuple[Any, str]] = {}  # of entities: the row given last, and how it is kept

    def foresee(self, event: Event, scope: Scope, foreseen: Foreseen) -> None:
        """Add what a run on an event of this scope will look up."""
        for place, step in self._foreseeing:
            step.foresee(place, event, scope, foreseen)

    def run(
        self, event: Event, outside: Outside, memory: Memory, replay: Replay | None = None, with_sets: bool = False
    ) -> Run:
        """Run the pipeline. What goes wrong inside is the run's outcome, so that no other run is blocked."""
        context = Context(self.name, event, outside, memory, self._redacting)
        trace: list[Entry] = []
        sets: list[dict[str, Any]] = []
        kind = ""
        try:
            for kind, context.place, step in self._steps:
                context.note, context.by, context.changed = "", "", []
                dropped = step(context)
                verdict, note, by = ("continue", context.note, context.by) if dropped is None else ("drop", *dropped)
                if self._redacting:
                    note = context.cleared(note)
                trace.append((kind, verdict, note, by))
                if with_sets:
                    sets.append(context.told_changes() if dropped is None else {})
                if dropped is not None:
                    return self._dropped(context, kind, note, trace, sets, [])
            kind = ""
            return self._composed(context, trace, sets, replay)
        except Exception as error:
            return self._failed(context, error, kind, trace, sets)

    def _composed(self, context: Context, trace: list[Entry], sets: list[dict[str, Any]], replay: Replay | None) -> Run:
        messages: list[Message] = []
        skipped: list[dict[str, str]] = []
        event, mark = context.event, replay.mark if replay else ""
        for number, ((kind, label, way, budgets), own, destination) in enumerate(self._destinations, start=1):
            scope, when, salt = context.seen_by(kind), "", own
            target, note = destination.target(scope)
            if destination.when is not None:
                holds, when = context.judge(destination.when)
                if not holds:
                    skipped.append(_cleared(context, {"destination": label, "target": target, "reason": when}))
                    continue
            if destination.hours is not None:
                target, note, is_dropped = _within_hours(destination, event.received_at, target, note)
                if is_dropped:
                    skipped.append(_cleared(context, {"destination": label, "target": target, "reason": note}))
                    continue
            if replay is not None:
                salt = replay.salt(salt)
                target = replay.channel if replay.channel and destination.redirectable else target
            id_ = delivery_id(event.id, salt)
            seen = context.event_seen_by(kind)
            composing = Composing(seen, self.name, scope, target, id_, way, context.transformed, mark)
            body, directions = destination.compose(composing), destination.directions(composing)
            if destination.hours is not None and destination.outside == "wait":
                directions = {**directions, "hours": destination.hours}
                directions |= {"recheck": own} if destination.recheck else {}
            if "digest" in directions:
                directions["digest"]["number"] = number
                note = "; ".join(filter(None, (note, f"in one message with others: {_span(directions['digest'])}")))
            if rate := budgets.get(target.removeprefix("#")):
                note = "; ".join(filter(None, (note, f"at most {rate} go there: beyond, one message says many")))
            when = context.cleared(f"{when}; {note}".removeprefix("; ") if note else when)
            messages.append(Message(id_, label, target, body, when, destination.retry, directions))
        if not messages:
            reason = "no destination's condition held" if skipped else "the pipeline has no destination"
            return self._dropped(context, None, reason, trace, sets, skipped)
        return Run(
            self.name,
            self.version,
            "queued",
            trace=trace,
            sets=sets,
            messages=messages,
            skipped=skipped,
            to_remember=[*context.noticed, *context.to_remember],
            upserts=context.upserts,
            not_before=context.not_before,
            given=self._given(context),
        )

    def _dropped(
        self,
        context: Context,
        by: str | None,
        reason: str,
        trace: list[Entry],
        sets: list[dict[str, Any]],
        skipped: list[dict[str, str]],
    ) -> Run:
        return Run(
            self.name,
            self.version,
            "dropped",
            dropped_by=by,
            reason=reason,
            trace=trace,
            sets=sets,
            skipped=skipped,
            to_remember=context.noticed,
            upserts=context.upserts,
            given=self._given(context),
        )

    def _given(self, context: Context) -> str:
        """Return what the run was given, as the store keeps it: of entities what the pipeline uses, and once."""
        given, at = context.given, context.event.received_at
        if not (given or context.answers):
            return ""
        if len(given) == 1 and given[0][3] is None and not (context.answers or self._redacting):
            return self._given_row(*given[0][:3], at)
        entities: dict[tuple[str, str], dict[str, Any]] = {}
        for kind, key, row, traits in given:
            if (kind, key) not in entities:
                shown = partial(context.shown, kind)
                kept = kept_entity(row and row.values, traits, self.uses.get(kind, []), at, shown)
                entities[kind, key] = {"kind": kind, "key": key, **kept}
        return encode_ascii([*entities.values(), *context.answers])

    def _given_row(self, kind: str, key: str, row: Any, at: int) -> str:
        """Return the same of a run that was given one row of a file, and nothing beside: most are."""
        known = self._rows.get((kind, key))
        if known is None or known[0] is not row:
            kept = kept_entity(row and row.values, None, self.uses.get(kind, []), at, _whole)
            if len(self._rows) >= _ROWS:
                self._rows.clear()
            known = self._rows[kind, key] = row, encode_ascii([{"kind": kind, "key": key, **kept}])
        return known[1]

    def _failed(
        self, context: Context, error: Exception, kind: str, trace: list[Entry], sets: list[dict[str, Any]]
    ) -> Run:
        """Return the run in which an error came up, in a step of a kind or after all steps."""
        if isinstance(error, IngestlayerError):
            known = error
            known.message, known.hint = context.cleared(known.message), context.cleared(known.hint)
        elif self._redacting:
            # What an unforeseen error says may hold a value that is to be redacted, and so may its traceback.
            known = IngestlayerError(f"a defect of ours: {type(error).__name__}", "run it with --debug")
        else:
            known = IngestlayerError(f"a defect of ours: {type(error).__name__}: {error}", "run it with --debug")
            known.__cause__ = error
        if kind:
            trace.append((kind, "error", known.message, ""))
            sets.append({})
        return Run(self.name, self.version, "failed", reason=known.message, trace=trace, sets=sets, error=known)


class _Connection(NamedTuple):
    """What a destination is sent over: its kind, its name as rows have it, and how its kind calls the connection."""

    kind: str
    label: str
    connection: str
    budgets: dict[str, str]  # of its targets


def _connection(row: dict[str, Any], tables: dict[str, dict[str, Any]]) -> _Connection:
    label = label_of(row)
    found = connection(tables, label)
    return _Connection(row["use"], label, found.name, found.budgets)


def is_outside(skipped: dict[str, str]) -> bool:
    """Say whether a message is dropped, for it came outside of its hours."""
    return skipped["reason"].startswith(_OUTSIDE)


def _within_hours(destination: Destination, at: int, target: str, note: str) -> tuple[str, str, bool]:
    """Return where a message of a time goes as its destination's hours have it, why, and whether it is dropped."""
    from ..system.hours import opens_at
    from ..system.zones import moment_of

    hours: dict[str, Any] = destination.hours or {}
    opens = opens_at(hours, at)
    if opens == at:
        return target, note, False
    outside = f"{_OUTSIDE} {hours['name']} ({moment_of(at, hours['timezone'])})"
    if destination.outside == "wait":
        again = ", and is judged again then" if destination.recheck else ""
        until = "" if opens is None else f" until {moment_of(opens, hours['timezone'])}"
        return target, "; ".join(filter(None, (note, f"{outside}: waits{until}{again}"))), False
    if destination.outside == "drop":
        return target, outside, True
    return destination.outside, "; ".join(filter(None, (note, f"{outside}: in place of {target}"))), False


def _span(told: dict[str, Any]) -> str:
    """Say when a digest goes."""
    if told["at"] is not None:
        return f"at {told['at'] // 60:02}:{told['at'] % 60:02}"
    return f"{format_duration(told['window'])} after the first" if told["window"] else "those of one run"


def _whole(values: dict[str, Any], _: Collection[str]) -> dict[str, Any]:
    return values


def _cleared(context: Context, entry: dict[str, str]) -> dict[str, str]:
    """Return an entry of the trace without what the pipeline redacts."""
    return {name: context.cleared(text) for name, text in entry.items()}


def places(pipeline: str, steps: list[dict[str, Any]]) -> list[str]:
    """Name each step by its kind and its number among those: an edit beside it leaves it its memory."""
    kinds = [row["use"] for row in steps]
    return [f"{pipeline}/{kind}/{kinds[: index + 1].count(kind)}" for index, kind in enumerate(kinds)]
