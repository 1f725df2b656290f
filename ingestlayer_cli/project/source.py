"""One file of a project while it is checked: its text, its data, where everything in it stands, its problems."""

import copy
import os
import re
import tomllib
from itertools import pairwise
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError, create_model

from ..system.errors import Problem, as_written, near_miss
from ..system.typed import TomlTable
from .find import bounded, not_utf_8
from .positions import Path, Positions

_LOOKS = 20  # lines above a mistake that may be part of it


PARTS = 64  # of a dotted key
# Each part more costs the reader as much as all before it.
_PART = r"[ \t]*+(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+"
_DEEP = re.compile(rf"(?:^|[\[{{,])({_PART}(?:\.{_PART}){{{PARTS},}})", re.MULTILINE)


class SourceFile:
    """One file of the project while it is checked. Its problems go to the list that all files share."""

    def __init__(self, root: str, name: str, problems: list[Problem]) -> None:
        self.root = root
        self.name = name
        self.stands_in = name  # the file that people edit
        self.problems = problems
        self.data: TomlTable | None = None
        self.text = ""
        self.others: list[str] = []  # files that this one names and that are compiled with it
        self.wrong: set[str | int] = set()  # the outermost keys that problems are about
        self._broken_at = 0  # the line that is not TOML
        self._positions: Positions | None = None
        try:
            raw = self.read()
            self.text = raw.decode("utf-8-sig")
            if deep := _DEEP.search(self.text):
                self._broken_at = self.text.count("\n", 0, deep.start(1)) + 1
                place = f"{name}:{self._broken_at}:{deep.start(1) - self.text.rfind(chr(10), 0, deep.start(1))}"
                problems.append(Problem(place, f"a key has more than {PARTS} parts"))
                return
            self.data = tomllib.loads(self.text)
            self._positions = Positions(self.text)
        except UnicodeDecodeError as error:
            before = raw[: error.start]
            place = f"{name}:{before.count(10) + 1}:{error.start - before.rfind(10)}"
            problems.append(Problem(place, not_utf_8(raw, error)))
        except OSError as error:
            self.report((), f"cannot be read: {error.strerror}")
        except (ValueError, RecursionError) as error:
            from .not_toml import why

            self._broken_at, column, words = why(self.text, error)
            problems.append(Problem(f"{name}:{self._broken_at}:{column}", f"is not TOML: {words}"))

    def read(self) -> bytes:
        return bounded(os.path.join(self.root, self.name))

    def above(self) -> TomlTable:
        """Return what stands above the place where a text stops being TOML, as far as it goes."""
        lines = self.text.splitlines()[: max(self._broken_at - 1, 0)]
        for end in range(len(lines), max(len(lines) - _LOOKS, 0), -1):
            try:
                return tomllib.loads("\n".join(lines[:end]))
            except (ValueError, RecursionError):
                continue
        return {}

    def value_at(self, path: Path) -> str:
        """Return the text at a path, or nothing when there is none."""
        value: Any = self.data
        for part in path:
            try:
                value = value[part]
            except (LookupError, TypeError):
                return ""
        return value if isinstance(value, str) else ""

    def offset_of(self, path: Path, text: str) -> int:
        """Return where a ref or another word first stands whole in the text at a path; 0 when it does not."""
        found = re.search(rf"\$?\b{re.escape(text)}(?!\w|\.[A-Za-z_])", self.value_at(path))
        return found.start() if found else 0

    def place(self, path: Path, offset: int | None = None) -> str:
        """Return `file:line:column` of a path's key, or of a character of its value."""
        line, column = self._positions.place(path, offset) if self._positions else (1, 1)
        return f"{self.name}:{line}:{column}"

    def report(self, path: Path, words: str, offset: int | None = None) -> None:
        self.wrong.update(path[:1])
        self.problems.append(Problem(self.place(path, offset), words))

    def check(self, model: type[BaseModel], data: object, base: Path = ()) -> Any:
        """Validate data by a model; report every problem and return None when there is one."""
        try:
            return model.model_validate(data, context=self)
        except ValidationError as error:
            for item in error.errors():
                self._report_item(model, base, item)
            return None

    def sound_part(self, model: type[BaseModel], data: Any) -> Any:
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
        is_hushed = not _SECRET_PLACES.isdisjoint(path) and _has_text(value)
        if kind == "ingestlayer":
            path = (*path, *context.get("path", ()))
            words = context["words"].partition(", not ")[0] if is_hushed else context["words"]
            self.report(path, _at((*base, *item["loc"]), base) + words, context["offset"])
        elif kind == "extra_forbidden":
            known = _keys_at(model, item["loc"][:-1])
            listed = near_miss(str(path[-1]), known) or f": there are {', '.join(known)}"
            self.report(path, f'unknown key "{path[-1]}"{listed}')
        elif kind == "missing":
            self.report(path, f'the key "{path[-1]}" is missing')
        elif kind == "literal_error":
            expected = re.findall(r"'([^']*)'", context["expected"])
            near = near_miss(value, expected) if isinstance(value, str) and value[:1].isalpha() else ""
            words = re.sub(r"'([^']*)'", lambda found: as_written(found[1]), context["expected"])
            self.report(path, f"{_at(path, base)}must be {words}, not {as_written(value)}{near}", 0)
        else:
            words = _WORDS.get(kind) or item["msg"].replace("Input should be", "must be")
            shown = "" if is_hushed else f", not {as_written(value)}"
            self.report(path, f"{_at(path, base)}{words.format(**context)}{shown}", 0)


def _has_text(value: object) -> bool:
    """Say whether a value may hold a secret."""
    if isinstance(value, dict | list):
        return any(_has_text(inner) for inner in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, str)


# What stands there is not shown: people write secrets there.
_SECRET_PLACES = {"auth", "headers", "heartbeat", "secret"}

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
    "too_short": "must have at least {min_length} in it",
    "too_long": "must have at most {max_length} characters",
}


def _remove(data: object, path: tuple[str | int, ...]) -> None:
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
    return [field.alias or name for name, field in inside.model_fields.items()] if inside is not None else []


def _is_table_of(annotation: object) -> bool:
    return get_origin(annotation) is dict


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
