"""A stored event, with what it led to, as a test of the pipeline that ran: masked, and green at once."""

import os
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ..engine.given import FirstGiven, read_given
from ..engine.pipeline import Pipeline
from ..engine.runtime import Runtime
from ..model import families
from ..model.events import Event
from ..model.gate import Raw
from ..model.memory import Foreseen, given_entity
from ..project.appending import append_test
from ..project.match import matches
from ..project.own import ALERTS
from ..store.contract.protocols import Store
from ..store.contract.reading import FirstRun
from ..system.clock import format_time
from ..system.errors import ProjectError, RejectedError, UsageError
from ..system.typed import TomlTable, Values
from . import testing
from .making import in_toml
from .masking import Masking
from .testing.cases import Case, CaseOutcome

if TYPE_CHECKING:
    from ..model.documents.events import MessageDocument

DEPTHS = (0, 1, 2, 4, 8, 16)  # how far back what steps remembered is followed
MOST = 50  # events before it
LONGEST = 80  # characters of a text that is expected


class LedTo(NamedTuple):
    """What an event led to: where its messages went, else what dropped it."""

    targets: list[str]
    dropped_by: str | None
    reason: str | None

    @property
    def words(self) -> str:
        if self.targets:
            return f"goes to {', '.join(self.targets)}"
        return f"is dropped by {self.dropped_by}" if self.dropped_by else "sends nothing"


class Captured(NamedTuple):
    """What came of capturing one run; `why` says why it is no test, `name` and `line` are those of the test."""

    pipeline: str
    file: str
    name: str
    lines: list[str]
    masked: list[str]
    line: int | None = None  # where it was written
    known: bool = False  # the file has it already
    why: str = ""


def capture(
    runtime: Runtime, store: Store, event: Event, only: str | None, name: str | None, write: bool, anyway: bool
) -> list[Captured]:
    """Make a test of each run of an event's acceptance, or of that of one pipeline, and write those that are green."""
    firsts = store.runs.firsts([event.id], bodies=False)[event.id]
    if only is not None and only not in firsts:
        raise UsageError(f"{only} did not run on {event.id}", f"`ingestlayer why {event.id}` says what did")
    if not firsts:
        raise UsageError(f"no pipeline ran on {event.id}: it led to nothing", f"ingestlayer why {event.id}")
    return [
        _captured(runtime, store, event, pipeline, firsts=firsts, name=name, write=write, anyway=anyway)
        for pipeline in firsts
        if only in (None, pipeline)
    ]


def _captured(
    runtime: Runtime,
    store: Store,
    event: Event,
    pipeline: str,
    firsts: dict[str, FirstRun],
    name: str | None,
    write: bool,
    anyway: bool,
) -> Captured:
    row = next((row for row in runtime.filed.pipelines if row["name"] == pipeline), None)
    first, file = firsts[pipeline], f"pipelines/{pipeline}.toml"
    if pipeline == ALERTS:
        why = "it stands for [alerts] in ingestlayer.toml, and has no file for its tests"
        return Captured(pipeline, file, "", [], [], why=why)
    if row is None:
        why = "there is no such pipeline any more, or its file is wrong: ingestlayer validate"
        return Captured(pipeline, file, "", [], [], why=why)
    if first.outcome == "failed":
        why = f"its run failed, and led to nothing yet: {first.reason}"
        return Captured(pipeline, file, "", [], [], why=why)
    return _One(runtime, store, event, row, first).capture(name, write, anyway)


class _One:
    """The run of one pipeline on one event."""

    def __init__(self, runtime: Runtime, store: Store, event: Event, row: dict[str, Any], first: FirstRun) -> None:
        self.runtime = runtime
        self.store = store
        self.event = event
        self.row = row
        self.first = first
        self.pipeline: str = row["name"]
        self.file = f"pipelines/{self.pipeline}.toml"
        self.masking = Masking(it for it in runtime.filed.pipelines if matches(it["match"], event.type))

    def capture(self, name: str | None, write: bool, anyway: bool) -> Captured:
        told = next(run for run in self.store.runs.of_event(self.event.id) if run.number == self.first.number)
        then = LedTo(sorted(self.first.targets), told.dropped_by, told.reason)
        try:
            test, then, why = self._like(then)
        except (ProjectError, RejectedError) as error:
            return Captured(self.pipeline, self.file, "", [], [], why=error.message)
        test["name"] = self._named(name or f"{self.event.type} of {self._day} {then.words}")
        lines = self._lines(test)
        found = Captured(self.pipeline, self.file, test["name"], lines, sorted(self.masking.names), why=why)
        known = self._known(test)
        if known is not None:
            return found._replace(name=known, known=True, why="")
        if write and (not why or anyway):
            root = self.runtime.project.root
            line = append_test(root, os.path.join(root, self.file), self.file, lines)
            return found._replace(line=line)
        return found

    @property
    def _day(self) -> str:
        return format_time(self.event.received_at)[:10]

    # The test -----------------------------------------------------------------------------------------

    def _like(self, then: LedTo) -> tuple[TomlTable, LedTo, str]:
        """Return a test that comes to the same as then, as far back as that needs; else why none does."""
        why = ""
        for depth in DEPTHS:
            before = self._before(depth)
            if depth > 1 and len(before) == len(self._before(depth // 2)):
                break
            test, masked = self._scene(before), self._masked(then)
            outcome = self._run({**test, "expect": {"messages": len(masked.targets)}})
            if outcome.preview is None:
                why = "; ".join(failure.got for failure in outcome.failures)
                continue
            run = outcome.preview["runs"][0]
            test["expect"] = _expected(masked, run["messages"])
            failures = self._run(test).failures
            if not failures:
                return test, masked, ""
            now = LedTo(sorted(row["target"] for row in run["messages"]), run["dropped_by"], run["reason"])
            words = f"then it {masked.words}, and as a test it {now.words}: {now.reason or failures[0].got}"
            why = why or words
        test, masked = self._scene(self._before(1)), self._masked(then)
        return {**test, "expect": _expected(masked, [])}, masked, why

    def _masked(self, then: LedTo) -> LedTo:
        """Return where masked events go: a target may be of an event's value."""
        return then._replace(targets=sorted(map(self.masking.text, then.targets)))

    def _run(self, test: TomlTable) -> CaseOutcome:
        data = tomllib.loads("\n".join(self._lines({"name": "captured", **test})))["tests"][0]
        return testing.run(self.runtime, Case(self.row, self.file, 1, data))

    def _scene(self, before: list[Event]) -> TomlTable:
        entities = self._entities([self.event, *before])
        earlier = [self._given(event, is_earlier=True) for event in before]
        event = self._given(self.event)
        scene = {"now": format_time(self.event.received_at), "entities": entities, "before": earlier, "event": event}
        return {name: value for name, value in scene.items() if value}

    def _given(self, event: Event, is_earlier: bool = False) -> TomlTable:
        declaration = self.runtime.project.declaration(event.type)
        payload = _without_nulls(self.masking.payload(event.payload, declaration))
        found: TomlTable = {"type": event.type, "payload": payload}
        raw = Raw(event.type, event.payload, None, format_time(event.received_at), "test")
        if event.key is not None and self.runtime.gate.admit_own(raw, event.received_at)[0].key != event.key:
            found["idempotency_key"] = self.masking.text(event.key)
        return found | ({"timestamp": format_time(event.received_at)} if is_earlier else {})

    # What was there before ------------------------------------------------------------------------------

    def _before(self, depth: int) -> list[Event]:
        """Return the events that left what steps remembered, and those that left it for these, in their order."""
        found: dict[str, None] = {}
        wanted = {self.event.id}
        for _ in range(depth):
            wanted = {id_ for own in wanted for id_ in _left_by(self._run_given(own))} - found.keys() - {self.event.id}
            found.update(dict.fromkeys(sorted(wanted)))
            if not wanted or len(found) > MOST:
                break
        return self.store.history.events(self.store.history.in_order(list(found)[:MOST], as_accepted=True))

    def _run_given(self, id_: str) -> FirstGiven:
        firsts = self.store.runs.firsts([id_], bodies=False).get(id_, {})
        own = firsts.get(self.pipeline)
        others = [run.given for name, run in firsts.items() if name != self.pipeline]
        return read_given(own.given if own else None, others)

    def _entities(self, events: list[Event]) -> dict[str, list[Values]]:
        """Return the rows that the runs were given; what was not kept of them, as it is today."""
        pipeline = Pipeline(self.row, self.runtime.project.connections)
        rows: dict[str, dict[str, Values]] = {}
        for event in events:  # the event itself first: its rows are those that count
            given = self._run_given(event.id).entities
            foreseen = Foreseen()
            pipeline.foresee(event, event.scope(), foreseen)
            keys = {*given, *((kind, key) for kind, keys in foreseen.rows.items() for key in keys)}
            for kind, key in sorted(keys):
                if kind in self.runtime.project.entities:
                    row = self._row(kind, key, given.get((kind, key)), event.received_at)
                    rows.setdefault(kind, {}).setdefault(key, row)
        return {kind: [row for row in found.values() if row] for kind, found in rows.items()}

    def _row(self, kind: str, key: str, kept: Values | None, at: int) -> Values:
        values: Values = {}
        if kept is not None:
            values, traits = given_entity(kept, at)
            values = {**values, **(traits.values if traits else {})}
        names = self.row["uses"].get(kind, [])
        if kept is None or names is None or not values.keys() >= set(names):
            with suppress(ProjectError):
                today = self.runtime.outside.row(kind, key)
                missing = today.values if today is not None else {}
                hidden = missing if kept is None or "whole" not in kept else kept.get("hidden", ())
                chosen = hidden if names is None else names
                values = {**{name: missing[name] for name in missing if name in chosen}, **values}
        values = {name: value for name, value in values.items() if value is not None}
        if not values:
            return {}
        return self.masking.row(kind, {self.runtime.project.entities[kind]["key"]: key, **values})

    # The file -------------------------------------------------------------------------------------------

    def _tests(self) -> list[TomlTable]:
        found: list[TomlTable] = tomllib.loads(self.row["text"]).get("tests", [])
        return found

    def _named(self, name: str) -> str:
        """Return a name that no test of the pipeline has."""
        taken = {test["name"] for test in self._tests()}
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name} ({number})"
        return free

    def _known(self, test: TomlTable) -> str | None:
        """Return the name of the test that says the same already."""
        data = tomllib.loads("\n".join(self._lines(test)))["tests"][0]
        same = (it["name"] for it in self._tests() if {**it, "name": ""} == {**data, "name": ""})
        return next(same, None)

    def _lines(self, test: TomlTable) -> list[str]:
        note = f"# {self.event.id}, captured" + ("; personal data is masked" if self.masking.names else "")
        lines = ["[[tests]]", note]
        for name in ("name", "now", "entities", "before", "event", "expect"):
            if name in test:
                lines += _set(name, test[name])
        return lines


def _set(name: str, value: Any) -> Iterator[str]:
    """Yield the lines of a key; earlier events have a line each."""
    try:
        if name == "before":
            yield f"{name} = ["
            yield from (f"    {in_toml(item)}," for item in value)
            yield "]"
        else:
            yield f"{name} = {in_toml(value)}"
    except TypeError:
        raise ProjectError(f"{name} has a null in a list, which TOML does not have", "") from None


def _without_nulls(value: object) -> Any:
    """Return a value without the names of objects whose value is null: TOML has none, and a missing one is null."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _left_by(given: FirstGiven) -> set[str]:
    """Return the events that left what a run's steps found remembered."""
    ids = [it.event_id for it in given.seen.values()] + [it.event_id for it in given.states.values()]
    return {id_ for id_ in ids if id_.startswith("evt_")}


def _expected(then: LedTo, messages: "list[MessageDocument]") -> TomlTable:
    """Return what a test expects: where its messages go, and of each the first words."""
    if not then.targets:
        return {"dropped_by": then.dropped_by} if then.dropped_by else {"messages": 0}
    kinds = {row["target"]: families.member("destinations", families.kind_of(row["destination"])) for row in messages}
    channels = [target for target in then.targets if target not in kinds or kinds[target].redirectable]
    found: TomlTable = {"channels": channels, "messages": len(then.targets)}
    texts = [kinds[row["target"]].texts(row["body"]) for row in messages]
    first = dict.fromkeys(it[0] for it in texts if it and len(it[0]) <= LONGEST and "\n" not in it[0])
    return found | ({"contains": list(first)} if first else {})
