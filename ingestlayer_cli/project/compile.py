"""Reading and checking a project's files: every problem of every file at once, else compiled plain data."""

import hashlib
import json
import os
from collections.abc import Iterable
from typing import Any

from ..language.expressions import ROOTS, dotted, refs
from ..language.templates import in_zone, template_refs
from ..model import families
from ..model.declarations import Declaration
from ..model.events import ENVELOPE, OURS
from ..model.redaction import without_secrets
from ..system.errors import Problem, near_miss
from ..system.typed import TomlTable
from . import checks, hours, inbound, matrix
from . import models as schema
from .alerts import AlertsFile
from .event_file import EventFile
from .facts import Facts
from .find import FILE, files_in
from .match import matches
from .own import ALERTS
from .pipeline_file import PipelineFile
from .positions import Path
from .settings import project_file
from .source import SourceFile
from .uses import uses


class Compiler:
    """Reads and compiles one project; `facts` is what it knows so far."""

    def __init__(self, root: str, last: TomlTable | None = None) -> None:
        """`last` is the compiled project as it was kept last."""
        self.facts = Facts(root)
        rows = [*last.get("broken", ()), *last.get("pipelines", ())] if last else []
        self.facts.last_matches = {row["name"]: row["match"] for row in rows}

    def run(self) -> TomlTable:
        """Read the files and return the compiled project; ProjectError with every problem."""
        return self.read().compiled()

    def read(self) -> Facts:
        """Read and compile what can be; the `problems` of what is returned have the rest, file by file."""
        facts = self.facts
        settings, facts.settings = self._read(FILE, project_file())
        facts.others.extend(settings.others)
        broken = facts.settings is None
        for name in self.names("events"):
            source, declaration = self._read(name, EventFile)
            if declaration is None and source.data is not None:
                part = source.sound_part(EventFile, source.data)
                is_told = part and part.type and part.fields and part.fields.keys() == source.data["fields"].keys()
                declaration = part if is_told else None
            if declaration is not None:
                self._declaration(source, declaration)
            else:
                broken = True  # What did not compile may declare anything: one mistake is reported once.
        checks.declare(facts)
        facts.undeclared_too = broken or (facts.settings is not None and facts.settings.events.undeclared == "accept")
        checks.validate(facts)
        inbound.validate(facts)
        read = []
        for name in self.names("pipelines"):
            source, pipeline = self._read(name, PipelineFile)
            if pipeline is None and source.data is not None:
                pipeline = source.sound_part(PipelineFile, source.data)
            if pipeline is None:
                facts.unread.append(name)
            else:
                read.append((source, pipeline))
                facts.written |= {kind for row in pipeline.steps for kind in _written_kinds(row)}
        for source, pipeline in read:
            self._pipeline(source, pipeline)
            facts.others.extend(source.others)
        matrix.spread(facts.pipelines)
        if not (facts.pipelines or facts.problems):
            words = "there is no pipeline: write pipelines/NAME.toml, or start from `ingestlayer init`"
            facts.problems.append(Problem("pipelines:1:1", words))
        self.add_alerts()
        facts.problems = in_order(facts.problems)
        return facts

    def add_alerts(self) -> None:
        """Add the pipeline of `[alerts]`, whose problems are told at the places of that table."""
        if self.facts.settings is None or self.facts.settings.alerts is None:
            return
        file = self.facts.sources[FILE]
        table = (file.data or {})["alerts"]
        source = AlertsFile(self.facts.root, table, file)
        if source.name in self.facts.sources:
            self.facts.sources[source.name].report(
                (), f"{ALERTS} is the pipeline of [alerts]: give this one another name"
            )
            return
        self.facts.sources[source.name] = source
        pipeline = source.check(PipelineFile, source.data)
        if pipeline is not None:
            self._pipeline(source, pipeline)

    def names(self, folder: str) -> list[str]:
        """Return the TOML files of a folder of the project."""
        return files_in(self.facts.root, folder)

    def opened(self, name: str) -> SourceFile:
        """Return one file of the project."""
        return SourceFile(self.facts.root, name, self.facts.problems)

    def _read(self, name: str, model: type[schema.Strict]) -> tuple[SourceFile, Any]:
        self.facts.files.append(name)
        source = self.facts.sources[name] = self.opened(name)
        return source, None if source.data is None else source.check(model, source.data)

    def _declaration(self, source: SourceFile, checked: EventFile) -> None:
        if checked.type.startswith(OURS):
            source.report(("type",), f"{OURS}* are ingestlayer's own events, which are declared already", 0)
            return
        if checked.type in self.facts.declarations:
            first = self.facts.declarations[checked.type]["file"]
            source.report(("type",), f"{checked.type} is already declared in {first}", 0)
            return
        key = checked.idempotency.key["$template"] if checked.idempotency.key else None
        key_refs = template_refs(key) if key else []
        if key and self.facts.settings and self.facts.settings.timezone:
            in_zone(key, self.facts.settings.timezone)
        compiled = {
            "file": source.name,
            "type": checked.type,
            "description": checked.description,
            "fields": [[name, *field] for name, field in checked.fields.items()],
            "key": key,
            "key_refs": key_refs,
            "window": checked.idempotency.window,
            "on_difference": checked.idempotency.on_difference,
            "example": checked.example,
        }
        at: Path = ("idempotency", "key")
        for path in _once(key_refs):
            if path[0] != "event":
                source.report(at, f"${'.'.join(path)}: an idempotency key knows $event only", 0)
            else:
                self._check_field(source, at, path, [compiled])
        for item in Declaration(compiled).problems(checked.example) if checked.example is not None else []:
            source.report(("example", item.path), f"example: {item.path} {item.problem}")
        self.facts.declarations[checked.type] = compiled

    def _pipeline(self, source: SourceFile, checked: PipelineFile) -> None:
        name = os.path.basename(source.name).removesuffix(".toml")
        compiled = {
            "steps": self._members(source, "steps", checked.steps),
            "destinations": self._members(source, "destinations", checked.destinations),
        }
        declared = self.facts.declared[name] = self._declared_for(source, checked.match)
        for at, language, parts in families.language(compiled):
            for path in _once(template_refs(parts) if language == "$template" else refs(parts)):
                self._check_ref(source, at, path, declared)
        for index, data in enumerate(compiled["steps"]):
            kind = families.reads(data)
            if kind is not None and self.facts.kinds_are_known and kind not in self.facts.kinds:
                near = near_miss(kind, self.facts.kinds)
                words = f"there is no [entities.{kind}] in {FILE}{near}"
                source.report(("steps", index, "kind"), words, 0)
        for index, data in enumerate(compiled["destinations"]):
            if data is None:
                continue
            if self.facts.settings is not None:
                table = self.facts.connections.get(data["use"], {})
                for key, words in families.member("destinations", data["use"]).problems(data, table):
                    source.report(("destinations", index, key), words, 0)
            self._hours(source, index, data)
            digest = hashlib.sha256(f"{name}\n{index}\n{data['use']}".encode()).digest()
            data["salt"] = int.from_bytes(digest[:10], "big")
        self._reactions(source, compiled)
        matrix.validate(self.facts, source, compiled, declared)
        version = hashlib.sha256((source.text + json.dumps(compiled)).encode()).hexdigest()[:12]
        head = {"name": name, "file": source.stands_in, "version": version, "status": checked.status}
        self.facts.pipelines.append(
            {**head, "match": checked.match, "text": source.text, "uses": uses(compiled), **compiled}
        )

    def _reactions(self, source: SourceFile, compiled: TomlTable) -> None:
        """Report a step that asks who has reacted to messages where nobody can."""
        kinds = {data["use"] for data in compiled["destinations"] if data is not None}
        if any(families.member("destinations", kind).reactions for kind in kinds):
            return
        for index, data in enumerate(compiled["steps"]):
            key = data and families.member("steps", data["use"]).asks_reactions(data)
            if key:
                words = f"{key} is read of messages in Slack, and no destination of this pipeline is one"
                source.report(("steps", index, key), f"{words}: add one, or leave {key} out", 0)

    def _hours(self, source: SourceFile, index: int, data: TomlTable) -> None:
        """Put what [hours] says into a destination in place of the name."""
        settings, at = self.facts.settings, ("destinations", index)
        outside, redirectable = data.get("outside"), families.member("destinations", data["use"]).redirectable
        if outside is not None and "hours" not in data:
            source.report((*at, "outside"), 'outside is of hours: say which, hours = "business"', 0)
        elif outside not in (None, "wait", "drop") and not (redirectable and outside.startswith(("#", "@", "C", "G"))):
            words = 'outside must be "wait" or "drop"' + (', or a channel, "#oncall"' if redirectable else "")
            source.report((*at, "outside"), f'{words}, not "{outside}"', 0)
        if data.get("recheck") and "hours" not in data:
            words = 'recheck is of messages that wait for their hours: say which, hours = "business"'
            source.report((*at, "recheck"), words, 0)
        elif data.get("recheck") and outside not in (None, "wait"):
            source.report(
                (*at, "recheck"), f'recheck is of messages that wait: outside = "{outside}" lets none wait', 0
            )
        if "hours" not in data or settings is None:
            return
        name = data["hours"]
        if name in settings.hours:
            data["hours"] = hours.compiled(name, settings.hours[name], settings.timezone)
        else:
            near = near_miss(name, settings.hours) or ": it has days, from and to"
            source.report((*at, "hours"), f"there is no [hours.{name}] in {FILE}{near}", 0)

    def _declared_for(self, source: SourceFile, match: list[str]) -> list[TomlTable] | None:
        """Return the declarations that a pipeline may get; None when undeclared events may come too."""
        known = self.facts.known
        found = [data for type_, data in known.items() if matches(match, type_)]
        if self.facts.undeclared_too:
            exact = match and all(pattern in known or pattern.startswith(OURS) for pattern in match)
            return found if exact else None
        for index, pattern in enumerate(match):
            if not any(matches([pattern], type_) for type_ in known):
                near = near_miss(pattern, known)
                words = near or f": write events/{pattern.removesuffix('.*')}.toml"
                source.report(("match", index), f'no declaration matches "{pattern}"{words}', 0)
        return found or None

    def _check_ref(self, source: SourceFile, at: Path, path: list[str], declared: list[TomlTable] | None) -> None:
        of_digest = at[2:3] == ("digest",) and at[3] in ("title", "text", "blocks")
        if of_digest and path[0] not in ("digest", "item"):
            source.report(at, f"${dotted(path)}: a digest is of many events: it has $digest.count and $digest.items", 0)
        elif path[0] == "digest" and not of_digest:
            source.report(at, f"${dotted(path)}: $digest stands in title, text and blocks of a digest alone", 0)
        elif path[0] == "digest" and path[1:2] not in (["count"], ["items"]):
            self._report_ref(source, at, path, "a digest has count, items", ["count", "items"])
        elif path[0] == "event" and declared is not None:
            self._check_field(source, at, path, declared)
        elif path[0] == "entity" and self.facts.kinds_are_known and path[1:]:
            if path[1] not in self.facts.kinds:
                self._report_ref(source, at, path, f"there is no [entities.{path[1]}]", self.facts.kinds)
        elif path[0] == "item" and "blocks" not in at:
            text = dotted(path)
            source.report(at, f"${text}: $item stands below a `repeat` of a blocks file", source.offset_of(at, text))
        elif path[0] not in ROOTS and path[1:]:
            names = families.member("steps", families.own_roots()[path[0]]).puts[path[0]]
            if path[1] not in names:
                self._report_ref(source, at, path, f"a {path[0]} has {', '.join(names)}", names)

    def _check_field(self, source: SourceFile, at: Path, path: list[str], declared: list[TomlTable]) -> None:
        fields: dict[str, list[str]] = {}
        for declaration in declared:
            for name, kind, *_ in declaration["fields"]:
                fields.setdefault(name, []).append(kind)
        in_payload = path[1:2] == ["payload"]
        name, *inside = path[2 if in_payload else 1 :] or [""]
        is_envelope = not in_payload and name in ENVELOPE
        if name and name not in fields and not is_envelope:
            where = " or ".join(sorted(declaration["file"] or declaration["type"] for declaration in declared))
            self._report_ref(source, at, path, f"{where} declares no such field", fields)
        elif inside and (is_envelope or "object" not in fields[name]):
            kind = "string" if is_envelope else " or ".join(dict.fromkeys(fields[name]))
            field = "$" + dotted(path[: -len(inside)])
            text = dotted(path)
            source.report(at, f"${text}: {field} is of type {kind}, with nothing inside", source.offset_of(at, text))

    def _report_ref(self, source: SourceFile, at: Path, path: list[str], words: str, known: Iterable[str]) -> None:
        text = dotted(path)
        at_name = 2 if path[1] == "payload" else 1
        full = [dotted([*path[:at_name], name, *path[at_name + 1 :]]) for name in known]
        near = near_miss("$" + text, [f"${name}" for name in full])
        source.report(at, f"${text}: {words}{near}", source.offset_of(at, text))

    def _members(self, source: SourceFile, family: str, tables: list[Any]) -> list[Any]:
        """Compile each member; None stands for one that cannot be, so that the others keep their places."""
        return [self._member(source, family, index, table) for index, table in enumerate(tables)]

    def _member(self, source: SourceFile, family: str, index: int, table: object) -> TomlTable | None:
        base: Path = (family, index)
        known = families.kinds(family)
        kind = table.get("use") if isinstance(table, dict) else None
        if not isinstance(kind, str):
            source.report(base, f'needs `use = "…"`: there are {", ".join(known)}')
            return None
        if kind not in known:
            listed = near_miss(kind, known) or f": there are {', '.join(known)}"
            source.report((*base, "use"), f'unknown {family[:-1]} "{kind}"{listed}', 0)
            return None
        cls = families.member(family, kind)
        model = schema.member_model(cls)
        checked = source.check(model, table, base)
        if checked is None:
            part = source.sound_part(model, table)
            return None if part is None else self.facts.in_zone(cls, part.given())
        values = checked.given()
        del values["use"]
        try:
            return self.facts.in_zone(cls, {"use": kind, **cls.compiled(values)})
        except ValueError as error:
            source.report((*base, *getattr(error, "path", ())), f"{kind}: {error}")
            return None


def _written_kinds(row: Any) -> Iterable[str]:
    """Return the kinds that a step as it stands in a file writes."""
    is_known = isinstance(row, dict) and isinstance(row.get("use"), str) and row["use"] in families.kinds("steps")
    return families.writes(row) if is_known else ()


def _once(paths: list[list[str]]) -> list[list[str]]:
    return [path for index, path in enumerate(paths) if path not in paths[:index]]


def in_order(problems: list[Problem]) -> list[Problem]:
    """Return the problems file by file, as the files were read, each file's from its top to its end."""
    places = [problem.path.rsplit(":", 2) for problem in problems]
    files = list(dict.fromkeys(file for file, *_ in places))
    keys = [(files.index(file), int(line), int(column)) for file, line, column in places]
    ordered = [problem for _, problem in sorted(zip(keys, problems, strict=True), key=lambda pair: pair[0])]
    # People write secrets where they do not belong: a problem is told without them, wherever it is shown.
    return [Problem(path, without_secrets(words)) for path, words in ordered]
