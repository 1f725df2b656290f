"""Running the tests that pipelines carry: the real gate, pipeline and composing, on a clock that stands.

Nothing is stored, sent or written. Earlier events of a test leave their keys and their steps' memory in a
memory of its own; entity rows of a test stand in for the project's files.
"""

import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..engine import accepting, flow
from ..engine.memory import FreshMemory
from ..engine.pipeline import Pipeline, Run
from ..engine.runtime import Runtime
from ..entities import Row
from ..entities.reading.cells import key_text, typed
from ..model import families
from ..model.events import Event
from ..model.gate import Raw, read_json
from ..project import Project
from ..project.match import matches
from ..project.positions import Positions
from ..system.clock import parse_time
from ..system.errors import ProjectError, RejectedError, near_miss

NOW = "2026-01-15T12:00:00Z"  # where a test names no time of its own


class Case(NamedTuple):
    """One test as its file has it. `line` is where it stands in `file`."""

    pipeline: dict[str, Any]
    file: str
    line: int
    data: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.data["name"])


class Failure(NamedTuple):
    """One expectation that was not met; `diff` is a unified diff, line by line."""

    expectation: str
    expected: str
    got: str
    diff: tuple[str, ...] = ()


class CaseOutcome(NamedTuple):
    """What came of a test. `preview` is the document of `preview`, None when the gate refused the event."""

    case: Case
    failures: list[Failure]
    preview: dict[str, Any] | None
    golden: tuple[str, str] | None = None  # path and content to write


def cases(project: Project, only: str | None = None) -> list[Case]:
    """Return the tests of every pipeline, or of one, in the order of their files."""
    found = []
    for data in project.pipelines:
        if only in (None, data["name"]):
            places = Positions(data["text"])
            for index, test in enumerate(tomllib.loads(data["text"]).get("tests", [])):
                file = f"pipelines/{data['name']}.toml"
                found.append(Case(data, file, places.place(("tests", index))[0], test))
    return found


def run(runtime: Runtime, case: Case, update: bool = False) -> CaseOutcome:
    """Run one test. With `update` a golden body is not compared: the caller writes it."""
    surroundings = _Surroundings(runtime, case)
    try:
        event, tested = surroundings.go()
    except _NotRun as error:
        return CaseOutcome(case, [error.failure], None)
    preview = {"event": event.document(), "runs": [flow.previewed(tested)]}
    if tested.error is not None:
        return CaseOutcome(case, [Failure("run", "a run without an error", tested.error.message)], preview)
    bodies = [json.loads(message.body) for message in tested.messages]
    failures = list(_compared(case.data["expect"], tested, bodies))
    golden = None
    if name := case.data["expect"].get("body"):
        got = _pretty(bodies[0] if len(bodies) == 1 else bodies)
        path = os.path.join(runtime.project.root, name)
        if not bodies:
            failures.append(Failure("body", f"a message like {name}", "no message"))
        elif update:
            golden = path, got
        else:
            failures += _compared_body(path, name, got)
    return CaseOutcome(case, failures, preview, golden)


def update(outcomes: list[CaseOutcome]) -> list[str]:
    """Write the golden bodies of outcomes and return the names of the files that changed.

    Two tests that want different bodies in one file both keep the first; the second fails.
    """
    written: dict[str, str] = {}
    changed = []
    for outcome in outcomes:
        if outcome.golden is None:
            continue
        path, content = outcome.golden
        name = outcome.case.data["expect"]["body"]
        if written.setdefault(path, content) != content:
            diff = _diff(written[path], content, name, "got")
            outcome.failures.append(Failure("body", f"the body that an earlier test wrote to {name}", "another", diff))
        elif _write(path, name, content):
            changed.append(name)
    return changed


def _write(path: str, name: str, content: str) -> bool:
    """Write a golden unless it is so already; say whether it was written."""
    try:
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                if file.read() == content:
                    return False
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise ProjectError(f"{name} cannot be written: {error.strerror}", "check its permissions") from None
    return True


# Running --------------------------------------------------------------------------------------------------


class _NotRun(Exception):
    """The test's event did not come as far as the pipeline."""

    def __init__(self, expectation: str, expected: str, got: str) -> None:
        super().__init__(got)
        self.failure = Failure(expectation, expected, got)


class _Outside:
    """The rows of a test before the project's own files; one that is not here, as in CI, has no row."""

    def __init__(self, runtime: Runtime, given: dict[str, list[dict[str, Any]]]) -> None:
        self._project = runtime.outside
        self._given = given
        self._tables = runtime.project.entities
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

    def secret(self, name: str) -> str:
        return self._project.secret(name)


def _cell(value: Any, kind: str | None) -> Any:
    """Return a value of a row as an entity file would have it: TOML's dates are texts there."""
    plain = value.isoformat() if hasattr(value, "isoformat") else value
    return plain if kind is None else typed(plain, kind)


class _Surroundings:
    """All that one test runs in."""

    def __init__(self, runtime: Runtime, case: Case) -> None:
        self._runtime = runtime
        self._case = case
        self._pipeline = Pipeline(case.pipeline, runtime.project.connections)
        self._outside = _Outside(runtime, case.data.get("entities", {}))
        self._memory = FreshMemory()
        self._now = parse_time(case.data.get("now", NOW), 0)
        self._accepted: list[Event] = []

    def go(self) -> tuple[Event, Run]:
        """Run the earlier events, then the tested one; its number is always 0, so that goldens stay."""
        data = self._case.data
        known = self._runtime.project.entities
        for kind in data.get("entities", {}):
            if kind not in known:
                words = f"there is no [entities.{kind}] in ingestlayer.toml{near_miss(kind, known)}"
                raise _NotRun("entities", "rows of a kind of the project", words)
        for index, given in enumerate(data.get("before", [])):
            event, earlier = self._run(given, f"before[{index}]", index + 1)
            if earlier.error is not None:
                raise _NotRun(f"before[{index}]", "a run without an error", earlier.error.message)
            self._memory.remember(earlier, event.id)
            if earlier.dropped_by != "duplicate":  # which is not accepted, and does not prolong the first one's window
                self._accepted.append(event)
        return self._run(data.get("event", data), "event", 0)

    def _run(self, given: dict[str, Any], what: str, number: int) -> tuple[Event, Run]:
        try:
            event = self._admitted(given, what, number)
            first = self._first(event)
            if first is not None:
                accepting.check_conflict(self._runtime.project.declaration(event.type), first, event)
        except RejectedError as error:
            problems = [f"{path} {problem}".strip() for path, problem in error.details[1:]]
            raise _NotRun(what, "an event that the gate admits", "\n".join([error.message, *problems])) from None
        if first is not None:
            words = f"{first.id} already took the idempotency key {event.key}: emit answers duplicate"
            return event, self._stopped("duplicate", words)
        if not matches(self._case.pipeline["match"], event.type):
            return event, self._stopped("match", f"the pipeline does not match {event.type}")
        return event, self._pipeline.run(event, self._outside, self._memory, with_sets=True)

    def _admitted(self, given: dict[str, Any], what: str, number: int) -> Event:
        raw = Raw(
            given["type"] if "type" in given else given["from_example"],
            given.get("payload", {}) if "type" in given else self._example(given, what),
            given.get("idempotency_key"),
            given.get("timestamp"),
            "test",
        )
        event, _ = self._runtime.gate.admit_own(raw, self._now)
        return event._replace(id=f"evt_{number:026}")

    def _example(self, given: dict[str, Any], what: str) -> dict[str, Any]:
        type_, project = given["from_example"], self._runtime.project
        declaration = project.declaration(type_)
        if declaration is None:
            words = f"the event type {type_} is not declared{near_miss(type_, project.types)}"
            raise _NotRun(what, "the example of a declaration", words)
        if declaration.example is None:
            raise _NotRun(what, "the example of a declaration", f"the declaration of {type_} has no [example]")
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
        trace = [{"step": by, "verdict": "drop", "note": why}]
        name, version = self._pipeline.name, self._pipeline.version
        return Run(name, version, "dropped", dropped_by=by, reason=why, trace=trace, sets=[{}])


# Comparing ------------------------------------------------------------------------------------------------


def _compared(expect: dict[str, Any], tested: Run, bodies: list[dict[str, Any]]) -> Iterator[Failure]:
    """Yield what is not as expected. The order of channels does not count: that of destinations is no promise."""
    members = [families.member("destinations", families.kind_of(message.destination)) for message in tested.messages]
    targets = [message.target for message in tested.messages]
    channels = [target for target, member in zip(targets, members, strict=True) if member.redirectable]
    count = f"{len(targets)}{f' ({_listed(targets)})' if targets else ''}"
    if "channels" in expect and Counter(expect["channels"]) != Counter(channels):
        yield Failure("channels", _listed(expect["channels"]), _listed(channels))
    if "messages" in expect and expect["messages"] != len(targets):
        yield Failure("messages", str(expect["messages"]), count)
    if "dropped_by" in expect and expect["dropped_by"] != tested.dropped_by:
        yield Failure("dropped_by", expect["dropped_by"], _dropper(tested))
    told = list(zip(members, bodies, strict=True))
    texts = "\n\n".join("\n".join(member.texts(body)) for member, body in told)
    for words in expect.get("contains", []):
        if words not in texts:
            yield Failure("contains", words, texts if bodies else "no message")
    for words in expect.get("not_contains", []):
        if words in texts:
            yield Failure("not_contains", f"no {words}", texts)
        elif not bodies:
            yield Failure("not_contains", f"a message without {words}", "no message")
    if "fields" in expect:
        yield from _compared_fields(expect["fields"], [member.fields(body) for member, body in told])


def _dropper(tested: Run) -> str:
    if tested.outcome == "queued":
        return "not dropped"
    return tested.dropped_by or f"not dropped by a step: {tested.reason}"


def _compared_fields(expected: dict[str, str], found: list[dict[str, str]]) -> Iterator[Failure]:
    """Yield a failure unless one message has all the fields; `found` are those of each."""
    if any(expected.items() <= fields.items() for fields in found):
        return
    # Of several messages, the nearest is shown.
    nearest = max(found, key=lambda fields: len(expected.items() & fields.items()), default=None)
    if nearest is None:
        yield Failure("fields", _lines(expected), "no message")
    else:
        wanted = {**{name: value for name, value in nearest.items() if name not in expected}, **expected}
        diff = _diff(_lines(wanted, nearest), _lines(nearest), "expected", "got")
        yield Failure("fields", _lines(expected), _lines(nearest), diff)


def _lines(fields: dict[str, str], order: dict[str, str] | None = None) -> str:
    names = [*[name for name in order or {} if name in fields], *fields]
    return "\n".join(f"{name} = {fields[name]}" for name in dict.fromkeys(names))


def _compared_body(path: str, name: str, got: str) -> Iterator[Failure]:
    try:
        with open(path, "rb") as file:
            expected = _pretty(read_json(file.read(), name))
    except FileNotFoundError:
        yield Failure("body", f"the body in {name}", f"{name} does not exist: `ingestlayer test --update` writes it")
    except OSError as error:
        yield Failure("body", f"the body in {name}", f"{name} cannot be read: {error.strerror}")
    except RejectedError as error:
        yield Failure("body", f"the body in {name}", error.message)
    else:
        if expected != got:
            yield Failure("body", f"the body in {name}", "another body", _diff(expected, got, name, "got"))


def _pretty(body: Any) -> str:
    # Sorted: the order of an object's names says nothing, and would fill a diff.
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _diff(expected: str, got: str, name: str, other: str) -> tuple[str, ...]:
    from difflib import unified_diff

    return tuple(unified_diff(expected.splitlines(), got.splitlines(), name, other, lineterm=""))


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


# Results --------------------------------------------------------------------------------------------------


def document(outcome: CaseOutcome) -> dict[str, Any]:
    """Return one outcome as `--json` shows it; the preview of a failed test alone."""
    case = outcome.case
    return {
        "name": case.name,
        "pipeline": case.pipeline["name"],
        "file": case.file,
        "line": case.line,
        "outcome": "failed" if outcome.failures else "passed",
        "failures": [{**failure._asdict(), "diff": "\n".join(failure.diff) or None} for failure in outcome.failures],
        "preview": outcome.preview if outcome.failures else None,
    }
