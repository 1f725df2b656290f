"""Everything that can be found wrong in a project: its TOML files, its entity files, and how they fit together."""

import os
from collections.abc import Iterator
from contextlib import suppress

from ...entities.file import EntityFile
from ...language.templates import template_refs
from ...model import families
from ...model.declarations import Field
from ...model.redaction import without_secrets
from ...system.errors import ProjectError
from ...system.typed import TomlTable
from .. import read
from ..facts import Facts
from ..find import FILE
from ..findings import Finding, finding, of_problems
from . import checks, foreign, sources
from .between import key_fields, of_project
from .length import Columns, longest
from .warnings import PipelineChecks


def inspect(root: str, *, keep: bool = True, entities: bool = True) -> list[Finding]:
    """Return every problem of a project, file by file, each file's from its top to its end.

    `keep=False` leaves the cache as it is. Without `entities`, entity files may be missing.
    """
    return _Inspection(read(root, keep=keep), entities).run()


class _Inspection:
    def __init__(self, facts: Facts, entities: bool) -> None:
        self.facts = facts
        self.needs_entities = entities
        self.found = of_problems(facts.problems)
        self.wrong = {found.file for found in self.found}
        tables = facts.settings.entities if facts.settings else {}
        self.names = {kind: table.file for kind, table in tables.items()}
        self.files = {
            kind: EntityFile(
                kind,
                os.path.join(facts.root, table.file),
                table.key,
                dict(table.types),
                None,
                columns=table.columns,
                format=table.format.model_dump(),
            )
            for kind, table in tables.items()
        }
        self.rows = Columns(self.files, self.names, self._columns_in_use())
        self._columns: dict[str, list[str] | None] = {}

    def run(self) -> list[Finding]:
        for kind in self.files:
            self.found += self._of_entity_file(kind)
        for pipeline in self.facts.pipelines:
            sound = f"pipelines/{pipeline['name']}.toml" not in self.wrong
            self.found += PipelineChecks(self.facts, pipeline, self.columns).run(sound)
            if sound:
                self.found += self._lengths(pipeline)
                self.found += foreign.of_pipeline(self.facts, pipeline)
        for declaration in self.facts.declarations.values():
            if declaration["file"] and declaration["file"] not in self.wrong:
                self.found += key_fields(self.facts, declaration)
                self.found += foreign.of_declaration(self.facts, declaration)
        if FILE not in self.wrong:
            self.found += [*checks.inspect(self.facts), *sources.inspect(self.facts)]
        if not self.wrong:
            self.found += of_project(self.facts)
        return self._in_order()

    def columns(self, kind: str) -> list[str] | None:
        """Return the columns of a kind's file; None when it cannot be read, or has no records to tell them."""
        if kind not in self._columns:
            try:
                self._columns[kind] = self.files[kind].columns() or None
            except ProjectError:
                self._columns[kind] = None
        return self._columns[kind]

    def _columns_in_use(self) -> dict[str, set[str]]:
        """Return the columns that texts have refs to, by the kind of entity."""
        wanted: dict[str, set[str]] = {}
        for pipeline in self.facts.pipelines:
            for _, language, parts in families.language(pipeline["destinations"]):
                for root, *names in template_refs(parts) if language == "$template" else ():
                    if root == "entity" and len(names) > 1:
                        wanted.setdefault(names[0], set()).add(names[1])
        return wanted

    def _of_entity_file(self, kind: str) -> Iterator[Finding]:
        name = self.names[kind]
        if not self.needs_entities and not os.path.exists(self.files[kind].path):
            place = self.facts.sources[FILE].place(("entities", kind, "file"), 0)
            words = f"{name} is not here: what is used of it is not checked"
            yield finding(place, words, "warning")._replace(is_expected=True)
            return
        with suppress(ProjectError):
            for note in self.files[kind].notes():
                yield finding(
                    self.facts.sources[FILE].place(("entities", kind, "file"), 0), f"{name} {note}", "warning"
                )
        for path, words in self.files[kind].problems():
            key, _, column = path.partition(".")
            if key in ("types", "columns") and not words.startswith("…") and ":" not in column:
                at = ("entities", kind, key, column)
                yield finding(self.facts.sources[FILE].place(at), f"{words} in {name}")
                continue
            if path == "key":
                yield finding(self.facts.sources[FILE].place(("entities", kind, "key"), 0), f"{words} in {name}")
                continue
            found = finding(path, words)
            if found.line or words.startswith("…"):
                # The file is called by its last name; its place in the project is told here.
                yield found._replace(file=name)
            else:
                words = words.replace(self.facts.root + os.sep, "")
                yield finding(self.facts.sources[FILE].place(("entities", kind, "file"), 0), words)

    def _lengths(self, pipeline: TomlTable) -> Iterator[Finding]:
        """Yield the texts of messages that can get longer than their destination takes."""
        source = self.facts.sources[f"pipelines/{pipeline['name']}.toml"]
        declared = self.facts.declared.get(pipeline["name"]) or [{"fields": []}]
        for index, data in enumerate(pipeline["destinations"]):
            limits = families.member("destinations", data["use"]).limits
            for path, language, parts in families.language(data):
                limit = limits.get(tuple("*" if isinstance(part, int) else part for part in path)) or limits.get(
                    (*path[:-1], "*")
                )
                if limit is None or language != "$template":
                    continue
                named = declared if any(ref[0] == "event" for ref in template_refs(parts)) else declared[:1]
                known = [{row[0]: Field(*row) for row in declaration["fields"]} for declaration in named]
                if limit.starts_whole and not isinstance(parts[0], str):
                    parts = parts[1:]  # how a value at the start is counted depends on what it is
                found = [longest(parts, fields, self.rows, limit.measure, limit.most) for fields in known]
                worst = max(found, key=lambda it: it.length)
                if worst.length > limit.most:
                    name = ".".join(str(part) for part in path if isinstance(part, str) and part != "message")
                    beyond = limit.beyond.format(most=f"{limit.most:,}")
                    words = f"{name} can reach {worst.length:,} characters, {beyond}: {worst.why}"
                    yield finding(source.place(("destinations", index, *path), 0), words, "warning")

    def _in_order(self) -> list[Finding]:
        files = [*self.facts.files, *self.names.values()]
        found = [it._replace(problem=without_secrets(it.problem)) for it in dict.fromkeys(self.found)]
        order = {name: number for number, name in enumerate(dict.fromkeys([*files, *(it.file for it in found)]))}
        # The last of a long entity file's problems counts the others.
        return sorted(found, key=lambda it: (order[it.file], it.line or 1 << 60, it.column))
