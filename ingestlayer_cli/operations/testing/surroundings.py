"""All that one test runs in: its rows before the project's files, a clock that stands, a memory of its own."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...engine import accepting
from ...engine.memory import FreshMemory
from ...engine.pipeline import Message, Pipeline, Run
from ...engine.runtime import Runtime
from ...entities.reading.cells import key_text, typed
from ...entities.table import Row
from ...model.events import Event
from ...model.gate import Raw
from ...model.memory import UNASKED, Reacted
from ...project.match import matches
from ...system.clock import parse_time
from ...system.errors import RejectedError, near_miss
from ...system.typed import Payload, TomlTable, Values
from .cases import Case, Failure

Given = list[Values] | dict[str, Values]  # rows: as a list, or by their keys

NOW = "2026-01-15T12:00:00Z"  # where a test names no time of its own


class NotRun(Exception):
    """The test's event did not come as far as the pipeline."""

    def __init__(self, expectation: str, expected: str, got: str) -> None:
        super().__init__(got)
        self.failure = Failure(expectation, expected, got)


class _Outside:
    """The rows of a test before the project's own files; one that is not here, as in CI, has no row."""

    def __init__(self, runtime: Runtime, given: dict[str, Given]) -> None:
        self._project = runtime.outside
        self._tables = runtime.project.entities
        self._given = {kind: _rows(rows, self._tables[kind]["key"]) for kind, rows in given.items()}
        self._root = runtime.project.root

    def row(self, kind: str, key: str) -> Row | None:
        if kind not in self._given:
            return self._project.row(kind, key) if self._is_here(kind) else None
        table = self._tables[kind]
        rows = enumerate(self._given[kind], start=1)
        found = [(number, row) for number, row in rows if key_text(row.get(table["key"])) == key]
        if not found:
            return None
        number, row = found[0]
        values = {name: _cell(value, table["types"].get(name)) for name, value in row.items()}
        return Row(values, number, tuple(number for number, _ in found[1:]))

    def near_key(self, kind: str, key: str) -> str:
        return "" if kind in self._given or not self._is_here(kind) else self._project.near_key(kind, key)

    def file_name(self, kind: str) -> str:
        if kind in self._given:
            return f"the test's entities.{kind}"
        return (
            self._project.file_name(kind)
            if self._is_here(kind)
            else f"{self._tables[kind]['file']}, which is not here,"
        )

    def _is_here(self, kind: str) -> bool:
        return kind not in self._tables or os.path.exists(os.path.join(self._root, self._tables[kind]["file"]))

    def reacted(self, pipeline: str, events: Sequence[str], emoji: str) -> Reacted:
        return UNASKED

    def secret(self, name: str) -> str:
        return self._project.secret(name)


def _rows(given: Given, column: str) -> list[Values]:
    """Return rows with their keys, which those that stand by their keys need not say: whatever the column is called."""
    return given if isinstance(given, list) else [{column: key} | row | {column: key} for key, row in given.items()]


def _cell(value: object, kind: str | None) -> Any:
    """Return a value of a row as an entity file would have it: TOML's dates are texts there."""
    plain = value.isoformat() if hasattr(value, "isoformat") else value
    return plain if kind is None else typed(plain, kind)


class Waits(NamedTuple):
    """How the messages of an event that came at a time wait: until when, and with how many in one."""

    now: int
    until: list[int]
    together: list[int]


class Surroundings:
    """All that one test runs in."""

    def __init__(self, runtime: Runtime, case: Case) -> None:
        self._runtime = runtime
        self._case = case
        self._pipeline = Pipeline(case.pipeline, runtime.project.connections)
        known = runtime.project.entities
        given = case.data.get("entities", {})
        self._outside = _Outside(runtime, {kind: rows for kind, rows in given.items() if kind in known})
        self._memory = FreshMemory()
        self._now = parse_time(case.data.get("now", NOW), 0)
        self._accepted: list[Event] = []
        self._waiting: list[tuple[str | None, int]] = []  # of earlier messages: their digest, and when they go

    def go(self) -> tuple[Event, Run]:
        """Run the earlier events, then the tested one; its number is always 0, so that goldens stay."""
        data = self._case.data
        known = self._runtime.project.entities
        for kind, rows in data.get("entities", {}).items():
            if kind not in known:
                words = f"there is no [entities.{kind}] in ingestlayer.toml{near_miss(kind, known)}"
                raise NotRun("entities", "rows of a kind of the project", words)
            column = known[kind]["key"]
            if isinstance(rows, list) and any(column not in row for row in rows):
                words = f"a row of {kind} without it; by its key it needs none: {{ {kind} = {{ acme = {{ … }} }} }}"
                raise NotRun("entities", f"{column} in each row, the key of [entities.{kind}]", words)
        for index, given in enumerate(data.get("before", [])):
            event, earlier = self._run(given, f"before[{index}]", index + 1)
            if earlier.error is not None:
                raise NotRun(f"before[{index}]", "a run without an error", earlier.error.message)
            self._memory.remember(earlier, event.id)
            self._waiting += [(accepting.digest_of(earlier, each), at) for each, at in self._due(event, earlier)]
            if earlier.dropped_by != "duplicate":  # which is not accepted, and does not prolong the first one's window
                self._accepted.append(event)
        return self._run(data.get("event", data), "event", 0)

    def waits(self, event: Event, run: Run) -> Waits:
        """Return until when each message of a run waits, and how many are one with it, of what came before, too."""
        due, names = self._due(event, run), [accepting.digest_of(run, message) for message in run.messages]
        together = [
            1 if name is None else 1 + self._waiting.count((name, at)) for name, (_, at) in zip(names, due, strict=True)
        ]
        return Waits(event.received_at, [at for _, at in due], together)

    def _due(self, event: Event, run: Run) -> list[tuple[Message, int]]:
        """Return when each message of a run goes: with those that wait to be in one, or first of all."""
        found = []
        for message in run.messages:
            name = accepting.digest_of(run, message)
            at = accepting.due_of(message, max(event.received_at, run.not_before or 0))
            ends = [other for of, other in self._waiting if name is not None and of == name]
            found.append((message, min([at, *(other for other in ends if other > event.received_at)])))
        return found

    def _run(self, given: TomlTable, what: str, number: int) -> tuple[Event, Run]:
        try:
            event = self._admitted(given, what, number)
            first = self._first(event)
            if first is not None:
                accepting.check_conflict(self._runtime.project.declaration(event.type), first, event)
        except RejectedError as error:
            problems = [f"{path} {problem}".strip() for path, problem in error.details[1:]]
            raise NotRun(what, "an event that the gate admits", "\n".join([error.message, *problems])) from None
        if first is not None:
            words = f"{first.id} already took the idempotency key {event.key}: emit answers duplicate"
            return event, self._stopped("duplicate", words)
        if not matches(self._case.pipeline["match"], event.type):
            return event, self._stopped("match", f"the pipeline does not match {event.type}")
        return event, self._pipeline.run(event, self._outside, self._memory, with_sets=True)

    def _admitted(self, given: TomlTable, what: str, number: int) -> Event:
        raw = Raw(
            given["type"] if "type" in given else given["from_example"],
            given.get("payload", {}) if "type" in given else self._example(given, what),
            given.get("idempotency_key"),
            given.get("timestamp"),
            "test",
        )
        event, _ = self._runtime.gate.admit_own(raw, self._now)
        return event._replace(id=f"evt_{number:026}")

    def _example(self, given: TomlTable, what: str) -> Payload:
        type_, project = given["from_example"], self._runtime.project
        declaration = project.declaration(type_)
        if declaration is None:
            words = f"the event type {type_} is not declared{near_miss(type_, project.types)}"
            raise NotRun(what, "the example of a declaration", words)
        if declaration.example is None:
            raise NotRun(what, "the example of a declaration", f"the declaration of {type_} has no [example]")
        return {**declaration.example, **given.get("with", {})}

    def _first(self, event: Event) -> Event | None:
        """Return the earlier event that took this one's key, as if each had been accepted at its own time."""
        if event.key is None:
            return None
        window = accepting.window(self._runtime.project.declaration(event.type))
        after, key = event.received_at - window, (event.type, event.key)
        held = [other for other in self._accepted if (other.type, other.key) == key]
        return next((other for other in reversed(held) if after < other.received_at <= event.received_at), None)

    def _stopped(self, by: str, why: str) -> Run:
        trace = [(by, "drop", why, "")]
        name, version = self._pipeline.name, self._pipeline.version
        return Run(name, version, "dropped", dropped_by=by, reason=why, trace=trace, sets=[{}])
