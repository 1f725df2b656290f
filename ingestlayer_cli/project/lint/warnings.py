"""The checks beyond syntax: what is well written and still cannot be meant."""

import os
from collections.abc import Callable, Iterator
from typing import Any

from ...language.conditions import show
from ...language.conditions import source as written
from ...language.expressions import ROOTS, Node, dotted, equal, evaluator, refs
from ...language.templates import template_refs
from ...model import families
from ...system.errors import near_miss
from ...system.typed import TomlTable
from ..facts import Facts
from ..find import FILE
from ..findings import Finding, Severity, finding
from ..positions import Path
from ..source import SourceFile
from .outcomes import Domain, can_hold, domain_of, is_always_null, own_of, values_of

TAKE_NULL = {"default", "json"}  # filters that make something of null
UNCHANGED = ("event", "item")  # the roots of refs that no step changes
SEEN = ("first_seen", "last_seen")  # what the store has of every entity that it knows

Columns = Callable[[str], list[str] | None]


class PipelineChecks:
    """The checks of one pipeline by itself. `columns` returns those of a kind's file; None: not known."""

    def __init__(self, facts: Facts, pipeline: TomlTable, columns: Columns) -> None:
        self.pipeline = pipeline
        self.columns = columns
        self.source: SourceFile = facts.sources[f"pipelines/{pipeline['name']}.toml"]
        self.kinds = facts.kinds
        self.files = facts.settings.entities if facts.settings else {}
        self.traits = _traits(facts)
        self.bodies = _bodies(facts, pipeline)
        self.connections = facts.connections
        self.domains = domains_of(facts, pipeline)
        self.found: list[Finding] = []

    def run(self, sound: bool) -> list[Finding]:
        """Return what is found; of a pipeline that is not `sound` only what its other problems do not touch."""
        compiled = {name: self.pipeline[name] for name in ("steps", "destinations")}
        for at, language, data in families.language(compiled):
            for path in once(template_refs(data) if language == "$template" else refs(data)):
                if path[0] == "entity" and path[1:] and path[1] in self.kinds:
                    self._entity_ref(at, path)
                elif path[0] not in ROOTS:
                    use = families.own_roots()[path[0]]
                    self._only_after(at, path, [_is(step, use) for step in self.pipeline["steps"]], use)
                elif path[0] == "body" and path[1:]:
                    self._body_ref(at, path)
            if sound and language == "$template":
                self._template(at, data)
        if sound:
            self._use()
            self._steps()
            self._destinations()
            self._reach()
        return self.found

    def note(self, at: Path, words: str, offset: int | None = 0, severity: Severity = "error") -> None:
        self.found.append(finding(self.source.place(at, offset), words, severity))

    # Refs to what steps leave

    def _only_after(self, at: Path, path: list[str], steps: list[bool], use: str, kind: str = "") -> None:
        """Warn of a ref that no step before it has given a value; `steps` says which of them do that."""
        text = dotted(path)
        offset = self.source.offset_of(at, text)
        if True not in steps:
            if None not in self.pipeline["steps"]:
                which = f' with kind = "{kind}"' if kind else ""
                words = f'${text} is always null: no step before it is `use = "{use}"`{which}'
                self.note(at, words, offset, "warning")
        elif at[0] == "steps" and isinstance(at[1], int) and at[1] <= steps.index(True):
            words = f"${text} is always null here: step {steps.index(True) + 1} puts {kind or 'it'} onto"
            self.note(at, f"{words} ${path[0]} only then", offset, "warning")

    def _entity_ref(self, at: Path, path: list[str]) -> None:
        text, kind = dotted(path), path[1]
        offset = self.source.offset_of(at, text)
        self._only_after(
            at, path, [enriches(step) == kind for step in self.pipeline["steps"]], families.kind_that("looks_up"), kind
        )
        traits = [*self.traits.get(kind, ()), *SEEN]
        if len(path) < 3 or path[2] in traits:
            return
        if kind not in self.files:
            near = near_miss(f"${text}", [f"$entity.{kind}.{name}" for name in traits])
            self.note(at, f"${text}: no pipeline writes {path[2]} onto {kind}{near}", offset, "warning")
            return
        columns = self.columns(kind)
        if columns is None:
            return
        file = self.files[kind].file
        if path[2] not in columns:
            full = [dotted(["$entity", kind, name, *path[3:]]) for name in [*columns, *self.traits.get(kind, ())]]
            self.note(at, f"${text}: {file} has no column {path[2]}{near_miss(f'${text}', full)}", offset)
        elif len(path) > 3 and file.lower().endswith(".csv"):
            self.note(at, f"${text}: ${dotted(path[:3])} is a cell, with nothing inside", offset)

    def _body_ref(self, at: Path, path: list[str]) -> None:
        index = at[1] if at[0] == "steps" and isinstance(at[1], int) else len(self.pipeline["steps"])
        names = self.bodies[index]
        if names is not None and path[1] not in names:
            text = dotted(path)
            near = near_miss(f"${text}", [dotted(["$body", name, *path[2:]]) for name in names])
            self.note(at, f"${text}: the body has no {path[1]} here{near}", self.source.offset_of(at, text))

    # Steps

    def _use(self) -> None:
        """Warn of a pipeline that nothing comes of."""
        if not self.pipeline["destinations"] and not any(map(families.writes, self.pipeline["steps"])):
            step = families.kind_that("saves")
            words = f"it neither sends nor writes anything: it has no [[destinations]], and no step {step}"
            self.note(("match",), words, None, "warning")

    def _steps(self) -> None:
        for index, step in enumerate(self.pipeline["steps"]):
            names = self.bodies[index]
            for path, words in families.member("steps", step["use"]).idle(step, names) if names is not None else ():
                self.note(("steps", index, *path), words, 0 if isinstance(path[-1], int) else None, "warning")
            for new in families.writes(step).keys() - self.files.keys():
                if near := near_miss(new, self.files):
                    words = f"there is no [entities.{new}] in {FILE}{near}: it is a kind of its own"
                    self.note(("steps", index, "kind"), words, 0, "warning")

    # Values

    def _template(self, at: Path, parts: list[Any]) -> None:
        for part in parts:
            if isinstance(part, str) or TAKE_NULL.intersection(name for name, _ in part["filters"]):
                continue
            if all(is_always_null(part["node"], domain) for domain in self.domains):
                self.note(at, f"{written(part['node'])} can only be null", self._offset(at, part["node"]))
            for words, literal in self._never(part["node"]):
                self.note(at, words, self._offset_of_literal(at, literal), "warning")

    def _offset_of_literal(self, at: Path, literal: object) -> int | None:
        text = self.source.value_at(at)
        written_so = [f"'{literal}'", f'"{literal}"'] if isinstance(literal, str) else [show(literal)]
        found = max((text.find(word) for word in written_so), default=-1)
        return max(found, 0) if text else None

    def _offset(self, at: Path, node: Node) -> int:
        named = refs(node)
        return self.source.offset_of(at, dotted(named[0])) if named else 0

    def _never(self, node: Node) -> Iterator[tuple[str, Any]]:
        """Yield words and literal for each that a field is compared with and never is."""
        if node[0] in ("==", "!="):
            for ref, other in ((node[1], node[2]), (node[2], node[1])):
                yield from self._never_one_of(ref, [other])
        elif node[0] == "in" and node[2][0] == "list":
            yield from self._never_one_of(node[1], node[2][1])
        for child in node[1:] if node[0] not in ("lit", "ref", "list") else ():
            yield from self._never(child)

    def _never_one_of(self, ref: Node, others: list[Node]) -> Iterator[tuple[str, Any]]:
        values = values_of(ref[1], self.domains) if ref[0] == "ref" else []
        for other in others:
            if not values or other[0] != "lit" or other[1] is None or any(equal(other[1], value) for value in values):
                continue
            texts = [value for value in values if isinstance(value, str)]
            near = near_miss(other[1], texts) if isinstance(other[1], str) else ""
            listed = near or f": it is one of {', '.join(show(value) for value in values)}"
            yield f"${'.'.join(ref[1])} is never {show(other[1])}{listed}", other[1]

    # Destinations

    def _destinations(self) -> None:
        """Pass on what destinations say of themselves; none may write into what the project reads."""
        read = [os.path.normpath(table.file) for table in self.files.values()]
        for index, data in enumerate(self.pipeline["destinations"]):
            member = families.member("destinations", data["use"])
            connection = member.connection(self.connections.get(data["use"], {}), member.account(data))
            for key, words, about in member.warnings(data, connection):
                at = ("destinations", index, key)
                self.note(at, words, self.source.offset_of(at, about) if about else 0, "warning")
            path = member.writes(data)
            if path and os.path.normpath(path) in read:
                words = f"{path} is read as an entity file: name another for what is written"
                self.note(("destinations", index, "path"), words)

    # Reach

    def _reach(self) -> None:
        """Look for filters that let nothing through, and destinations that nothing reaches."""
        before: list[Node] = []
        passed = 0  # steps that may have changed what a ref reads, but to one of `UNCHANGED`
        for index, step in enumerate(self.pipeline["steps"]):
            kept = families.keeps(step)
            if kept is None:
                passed += 1
                continue
            key, node = kept
            if not self._holds(("steps", index, key), node, before, passed, "every event is dropped here"):
                return
            before.append(_after(node, passed))
            passed += families.body_refs(step) is not None
        for index, data in enumerate(self.pipeline["destinations"]):
            if "when" in data:
                at = ("destinations", index, "when")
                self._holds(at, data["when"]["$condition"], before, passed, "nothing is ever sent here")

    def _holds(self, at: Path, node: Node, before: list[Node], passed: int, result: str) -> bool:
        never = list(dict.fromkeys(self._never(node)))
        start = 0 if self.source.value_at(at) else None
        if not any(can_hold([node], domain) for domain in self.domains):
            why = f": {'; '.join(words for words, _ in never)}" if never else ""
            self.note(at, f"the condition {self._verdict(node)}, so {result}{why}", start)
            return False
        for words, literal in never:
            self.note(at, words, self._offset_of_literal(at, literal), "warning")
        if before and not any(can_hold([*before, _after(node, passed)], domain) for domain in self.domains):
            self.note(at, f"the condition contradicts a filter before it, so {result}", start, "warning")
            return False
        return True

    def _verdict(self, node: Node) -> str:
        if not refs(node):
            value = evaluator(node)({})
            return "is always null" if value is None else "is always false"
        is_null = all(is_always_null(node, domain) for domain in self.domains)
        return "can only be null" if is_null else "can never hold"


def enriches(step: TomlTable | None) -> str | None:
    """Return the kind of entity that a step puts onto $entity."""
    return families.reads(step) or next(iter(families.writes(step)), None)


def _is(step: TomlTable | None, kind: str) -> bool:
    return step is not None and step.get("use") == kind


def _traits(facts: Facts) -> dict[str, set[str]]:
    """Return the names of the traits that pipelines write, by the kind of entity."""
    found: dict[str, set[str]] = {}
    for pipeline in facts.pipelines:
        for step in pipeline["steps"]:
            for kind, traits in families.writes(step).items():
                found.setdefault(kind, set()).update(traits)
    return found


def _bodies(facts: Facts, pipeline: TomlTable) -> list[set[str] | None]:
    """Return the names that `$body` has before each step and after the last one; None where they are not known."""
    declared = facts.declared.get(pipeline["name"])
    names = None if declared is None else {row[0] for data in declared for row in data["fields"]}
    found = [names]
    for step in pipeline["steps"]:
        names = None if step is None else families.member("steps", step["use"]).body_names(step, names)
        found.append(names)
    return found


def domains_of(facts: Facts, pipeline: TomlTable) -> list[Domain]:
    """Return what refs may be, for each declaration that a pipeline may get."""
    declared = facts.declared.get(pipeline["name"])
    own = own_of(pipeline["steps"]) if None not in pipeline["steps"] else {}
    return [domain_of(data, own) for data in ([None] if declared is None else declared)]


def _after(node: Node, passed: int) -> Node:
    """Return the node with its refs to what steps change told apart from those after other steps."""
    if node[0] == "lit":
        return node
    if node[0] == "ref":
        return ["ref", [*node[1], f"after {passed}"]] if node[1][0] not in UNCHANGED else node
    if node[0] == "list":
        return ["list", [_after(item, passed) for item in node[1]]]
    return [node[0], *[_after(child, passed) for child in node[1:]]]


def once(paths: list[list[str]]) -> list[list[str]]:
    return [path for index, path in enumerate(paths) if path not in paths[:index]]
