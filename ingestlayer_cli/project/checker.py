"""Reading and checking a project's files: every problem of every file at once, else compiled plain data."""

import copy
import hashlib
import json
import os
import re
import tomllib
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError, create_model

from .. import families
from ..errors import Problem, ProjectError, near_miss
from ..events import Declaration
from ..expressions import refs
from ..templates import template_refs
from . import schema
from .find import FILE
from .match import matches
from .positions import Path, Positions

ENVELOPE = ("id", "type", "received_at", "source", "payload", "idempotency_key")


class SourceFile:
    """One file of the project while it is checked. Its problems go to the list that all files share."""

    def __init__(self, root: str, name: str, problems: list[Problem]) -> None:
        self.root = root
        self.name = name
        self.problems = problems
        self.data: dict[str, Any] | None = None
        self.text = ""
        self.others: list[str] = []  # files that this one names and that are compiled with it
        self._positions: Positions | None = None
        try:
            with open(os.path.join(root, name), "rb") as file:
                raw = file.read()
            self.text = raw.decode("utf-8-sig")
            self.data = tomllib.loads(self.text)
            self._positions = Positions(self.text)
        except UnicodeDecodeError as error:
            before = raw[: error.start]
            place = f"{name}:{before.count(10) + 1}:{error.start - before.rfind(10)}"
            problems.append(Problem(place, f"is not UTF-8: byte {raw[error.start]:#04x}"))
        except OSError as error:
            self.report((), f"cannot be read: {error.strerror}")
        except (ValueError, RecursionError) as error:
            found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
            line, column = found.groups() if found else ("1", "1")
            if "(at end of document)" in str(error):
                line, column = str(self.text.count("\n") + 1), str(len(self.text) - self.text.rfind("\n"))
            words = re.sub(r" \(at .*\)|; use sys.*", "", str(error))
            problems.append(Problem(f"{name}:{line}:{column}", f"is not TOML: {words}"))

    def value_at(self, path: Path) -> str:
        """Return the text at a path, or nothing when there is none."""
        value: Any = self.data
        for part in path:
            try:
                value = value[part]
            except (LookupError, TypeError):
                return ""
        return value if isinstance(value, str) else ""

    def report(self, path: Path, words: str, offset: int | None = None) -> None:
        line, column = self._positions.place(path, offset) if self._positions else (1, 1)
        self.problems.append(Problem(f"{self.name}:{line}:{column}", words))

    def check(self, model: type[schema.Strict], data: Any, base: Path = ()) -> Any:
        """Validate data by a model; report every problem and return None when there is one."""
        try:
            return model.model_validate(data, context=self)
        except ValidationError as error:
            for item in error.errors():
                self._report_item(model, base, item)
            return None

    def sound_part(self, model: type[schema.Strict], data: Any) -> Any:
        """Validate what is left without the keys that are wrong: they are reported, the rest can still be checked."""
        try:
            return model.model_validate(data, context=self)
        except ValidationError as error:
            rest = copy.deepcopy(data)
            for item in error.errors():
                _remove(rest, item["loc"])
        required = [name for name, field in model.model_fields.items() if field.is_required()]
        optional: dict[str, Any] = {name: (Any, None) for name in required if name not in rest}
        try:
            return create_model("Part", __base__=model, **optional).model_validate(rest, context=self)
        except ValidationError:
            return None

    def _report_item(self, model: type[BaseModel], base: Path, item: Any) -> None:
        path: Path = (*base, *item["loc"])
        kind, context, value = item["type"], item.get("ctx", {}), item["input"]
        if kind == "ingestlayer":
            self.report(path, _at(path, base) + context["words"], context["offset"])
        elif kind == "extra_forbidden":
            known = _keys_at(model, item["loc"][:-1])
            listed = near_miss(str(path[-1]), known) or f": there are {', '.join(known)}"
            self.report(path, f'unknown key "{path[-1]}"{listed}')
        elif kind == "missing":
            self.report(path, f'the key "{path[-1]}" is missing')
        elif kind == "literal_error":
            expected = re.findall(r"'([^']*)'", context["expected"])
            near = near_miss(value, expected) if isinstance(value, str) and value[:1].isalpha() else ""
            self.report(path, f"{_at(path, base)}must be {context['expected']}, not {value!r}{near}", 0)
        else:
            words = _WORDS.get(kind) or item["msg"].replace("Input should be", "must be")
            shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:59] + "…"
            self.report(path, f"{_at(path, base)}{words.format(**context)}, not {shown}", 0)


# Kinds of pydantic's errors in our words.
_WORDS = {
    "string_type": "must be a text in quotes",
    "list_type": "must be a list in brackets",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "string_too_short": "must have at least {min_length} character",
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must have at most {max_length} characters",
}


def _remove(data: Any, path: tuple[str | int, ...]) -> None:
    """Take the key of a problem out of a table; a list that holds the problem goes as a whole."""
    for part, then in pairwise(path):
        if not (isinstance(then, str) and isinstance(data, dict) and isinstance(data.get(part), dict)):
            break
        data = data[part]
    else:
        part = path[-1]
    if isinstance(data, dict):
        data.pop(part, None)


def _at(path: Path, base: Path) -> str:
    """Name the key that a problem is about: `channel: `, `message.title: `."""
    names = [str(part) for part in path[len(base) :] if isinstance(part, str)]
    return f"{'.'.join(names)}: " if names else ""


def _keys_at(model: type[BaseModel] | None, path: Path) -> list[str]:
    """Return the keys that the table at a path may have."""
    annotation: Any = model
    for part in path:
        inside = _model_in(annotation)
        if _is_table_of(annotation) or isinstance(part, int) or inside is None:
            annotation = inside  # the table's own name, or the number of an item
        elif part in inside.model_fields:
            annotation = inside.model_fields[part].annotation
    inside = _model_in(annotation)
    return list(inside.model_fields) if inside is not None else []


def _is_table_of(annotation: Any) -> bool:
    return get_origin(annotation) is dict


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


class Checker:
    """Checks one project and holds what is compiled so far."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.files: list[str] = []
        self.others: list[str] = []  # what the TOML files name and that is compiled with them
        self.problems: list[Problem] = []
        self.settings: schema.ProjectFile | None = None
        self.declarations: dict[str, dict[str, Any]] = {}
        self.pipelines: list[dict[str, Any]] = []
        self._undeclared_too = False  # whether events without a declaration may come

    def run(self) -> dict[str, Any]:
        """Return the compiled project; ProjectError with every problem."""
        self.settings = self._read(FILE, schema.ProjectFile)[1]
        broken = self.settings is None
        for name in self._names("events"):
            source, declaration = self._read(name, schema.EventFile)
            if declaration is None and source.data is not None:
                part = source.sound_part(schema.EventFile, source.data)
                is_told = part and part.type and part.fields and part.fields.keys() == source.data["fields"].keys()
                declaration = part if is_told else None
            if declaration is not None:
                self._declaration(source, declaration)
            else:
                broken = True  # What did not compile may declare anything: one mistake is reported once.
        self._undeclared_too = broken or (self.settings is not None and self.settings.events.undeclared == "accept")
        for name in self._names("pipelines"):
            source, pipeline = self._read(name, schema.PipelineFile)
            if pipeline is None and source.data is not None:
                pipeline = source.sound_part(schema.PipelineFile, source.data)
            if pipeline is not None:
                self._pipeline(source, pipeline)
        if not (self.pipelines or self.problems):
            words = "there is no pipeline: write pipelines/NAME.toml, or start from `ingestlayer init`"
            self.problems.append(Problem("pipelines:1:1", words))
        if self.problems or self.settings is None:
            raise project_error(_in_order(self.problems))
        settings = self.settings.model_dump()
        return {
            **settings,
            "declarations": self.declarations,
            "pipelines": self.pipelines,
        }

    def _names(self, folder: str) -> list[str]:
        path = os.path.join(self.root, folder)
        if not os.path.isdir(path):
            return []
        return [f"{folder}/{name}" for name in sorted(os.listdir(path)) if name.endswith(".toml")]

    def _read(self, name: str, model: type[schema.Strict]) -> tuple[SourceFile, Any]:
        self.files.append(name)
        source = SourceFile(self.root, name, self.problems)
        return source, None if source.data is None else source.check(model, source.data)

    def _declaration(self, source: SourceFile, checked: schema.EventFile) -> None:
        if checked.type in self.declarations:
            first = self.declarations[checked.type]["file"]
            source.report(("type",), f"{checked.type} is already declared in {first}", 0)
            return
        key = checked.idempotency.key["$template"] if checked.idempotency.key else None
        key_refs = template_refs(key) if key else []
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
        self.declarations[checked.type] = compiled

    def _pipeline(self, source: SourceFile, checked: schema.PipelineFile) -> None:
        name = os.path.basename(source.name).removesuffix(".toml")
        compiled = {
            "steps": self._members(source, "steps", checked.steps),
            "destinations": self._members(source, "destinations", checked.destinations),
        }
        declared = self._declared_for(source, checked.match)
        for at, language, parts in families.language(compiled):
            for path in _once(template_refs(parts) if language == "$template" else refs(parts)):
                self._check_ref(source, at, path, declared)
        for index, data in enumerate(compiled["steps"]):
            kind = data.get("kind") if data and data["use"] == "enrich.entity" else None
            if kind is not None and self.settings is not None and kind not in self.settings.entities:
                near = near_miss(kind, self.settings.entities)
                words = f"there is no [entities.{kind}] in {FILE}{near}"
                source.report(("steps", index, "kind"), words, 0)
        for index, data in enumerate(compiled["destinations"]):
            if data is None:
                continue
            digest = hashlib.sha256(f"{name}\n{index}\n{data['use']}".encode()).digest()
            data["salt"] = int.from_bytes(digest[:10], "big")
        self.others.extend(source.others)
        version = hashlib.sha256((source.text + json.dumps(compiled)).encode()).hexdigest()[:12]
        head = {"name": name, "version": version, "status": checked.status, "match": checked.match}
        self.pipelines.append({**head, "text": source.text, **compiled})

    def _declared_for(self, source: SourceFile, match: list[str]) -> list[dict[str, Any]] | None:
        """Return the declarations that a pipeline may get; None when undeclared events may come too."""
        found = [data for type_, data in self.declarations.items() if matches(match, type_)]
        if self._undeclared_too:
            exact = match and all(pattern in self.declarations for pattern in match)
            return found if exact else None
        for index, pattern in enumerate(match):
            if not any(matches([pattern], type_) for type_ in self.declarations):
                words = near_miss(pattern, self.declarations) or f": write events/{pattern.removesuffix('.*')}.toml"
                source.report(("match", index), f'no declaration matches "{pattern}"{words}', 0)
        return found or None

    def _check_ref(self, source: SourceFile, at: Path, path: list[str], declared: list[dict[str, Any]] | None) -> None:
        if path[0] == "event" and declared is not None:
            self._check_field(source, at, path, declared)
        elif path[0] == "entity" and self.settings is not None and path[1:]:
            kinds = self.settings.entities
            if path[1] not in kinds:
                self._report_ref(source, at, path, f"there is no [entities.{path[1]}]", kinds)

    def _check_field(self, source: SourceFile, at: Path, path: list[str], declared: list[dict[str, Any]]) -> None:
        names = {field[0] for declaration in declared for field in declaration["fields"]}
        field = path[2:3] if path[1:2] == ["payload"] else path[1:2]
        if field and field[0] not in names and (path[1] == "payload" or field[0] not in ENVELOPE):
            where = " or ".join(sorted(declaration["file"] for declaration in declared))
            self._report_ref(source, at, path, f"{where} declares no such field", names)

    def _report_ref(self, source: SourceFile, at: Path, path: list[str], words: str, known: Iterable[str]) -> None:
        text = ".".join(path)
        at_name = 2 if path[1] == "payload" else 1
        full = [".".join([*path[:at_name], name, *path[at_name + 1 :]]) for name in known]
        near = near_miss("$" + text, [f"${name}" for name in full])
        found = re.search(rf"\$?\b{re.escape(text)}(?!\w|\.[A-Za-z_])", source.value_at(at))
        source.report(at, f"${text}: {words}{near}", found.start() if found else 0)

    def _members(self, source: SourceFile, family: str, tables: list[Any]) -> list[Any]:
        """Compile each member; None stands for one that cannot be, so that the others keep their places."""
        return [self._member(source, family, index, table) for index, table in enumerate(tables)]

    def _member(self, source: SourceFile, family: str, index: int, table: Any) -> dict[str, Any] | None:
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
        model = schema.section_model(cls, use=(str, ...))
        checked = source.check(model, table, base)
        if checked is None:
            part = source.sound_part(model, table)
            return None if part is None else part.given()
        values = checked.given()
        del values["use"]
        try:
            return {"use": kind, **cls.compiled(values)}
        except ValueError as error:
            source.report(base, f"{kind}: {error}")
            return None


def _once(paths: list[list[str]]) -> list[list[str]]:
    return [path for index, path in enumerate(paths) if path not in paths[:index]]


def _in_order(problems: list[Problem]) -> list[Problem]:
    """Return the problems file by file, as the files were read, each file's from its top to its end."""
    places = [problem.path.rsplit(":", 2) for problem in problems]
    files = list(dict.fromkeys(file for file, *_ in places))
    keys = [(files.index(file), int(line), int(column)) for file, line, column in places]
    return [problem for _, problem in sorted(zip(keys, problems, strict=True), key=lambda pair: pair[0])]


def project_error(problems: list[Problem]) -> ProjectError:
    """Return one error for all problems of a project's files."""
    count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
    return ProjectError(f"the project has {count}", "after the edit: ingestlayer validate", problems)
