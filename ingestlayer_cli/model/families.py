"""Families: steps and destinations are found by their file or folder; adding one is one new file or folder.

A member is a `Section`: a class whose annotated fields are its TOML keys (class attributes are defaults) and
whose docstring is its reference. `steps/enrich_entity.py` holds `EnrichEntity`, which is `use = "enrich.entity"`.
"""

import os
from collections.abc import Iterator
from importlib import import_module

from ..language.conditions import Condition, Value
from ..language.templates import Template
from ..system.typed import Any, NewType, TomlTable

_PACKAGE = __name__.partition(".")[0]

# In TOML `24h`; compiled and at run time whole milliseconds.
Duration = NewType("Duration", int)

# In TOML `15m`, or `run`: what one call queues; compiled whole milliseconds, 0 for a run.
Window = NewType("Window", int)

# In TOML `09:00`; compiled minutes since midnight.
TimeOfDay = NewType("TimeOfDay", int)

# In TOML the name of a JSON file of the project; compiled its content, every text in it a template.
JsonFile = NewType("JsonFile", list[TomlTable])

# In TOML any value; compiled every text in it a template, whose values are put in as JSON.
Structure = NewType("Structure", object)

# In TOML `env:NAME` or `keyring:NAME`, never the secret itself; compiled the same.
Secret = NewType("Secret", str)

# In TOML one of `redaction.ACTIONS`, or a table of them by kind of destination, "*" for the others; compiled the table.
Actions = NewType("Actions", dict[str, str])

# In TOML the name of a table of [hours]; compiled what that says: `system.hours.Hours`.
WorkingHours = NewType("WorkingHours", TomlTable)

# In TOML a zone of the IANA database; compiled the same, empty for UTC.
TimeZone = NewType("TimeZone", str)
NO_ZONE = TimeZone("")


# The only name of a table of compiled data that stands for an expression or a template.
LANGUAGES = ("$condition", "$value", "$template")


class WrongKeyError(ValueError):
    """What is wrong with a table of a project file, and at which of its keys."""

    def __init__(self, words: str, *path: str | int) -> None:
        super().__init__(words)
        self.path = path


class Section:
    """A table of a project file."""

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
        """Check what one key alone cannot tell and return the plain data to keep; WrongKeyError otherwise."""
        return values


def kind_of(label: str) -> str:
    """Return the kind in the name of a connection: of a further Slack workspace that is `slack/NAME`."""
    return label.partition("/")[0]


def kinds(family: str) -> list[str]:
    """Return the kinds of the `steps` or `destinations` family, from the names of its files and folders."""
    files = [name for folder in import_module(f"{_PACKAGE}.{family}").__path__ for name in os.listdir(folder)]
    names = sorted({name.removesuffix(".py") for name in files if name.endswith(".py") or "." not in name})
    return [name.replace("_", ".") for name in names if name != "base" and not name.startswith("_")]


def member(family: str, kind: str) -> Any:
    """Return the class of one member of a family."""
    file = kind.replace(".", "_")
    module = import_module(f"{_PACKAGE}.{family}.{file}")
    return getattr(module, "".join(word.capitalize() for word in file.split("_")))


def writes(step: TomlTable | None) -> dict[str, TomlTable]:
    """Return the traits that a compiled step writes, by the kind of entity."""
    found: dict[str, TomlTable] = member("steps", step["use"]).writes(step) if step else {}
    return found


def reads(step: TomlTable | None) -> str | None:
    """Return the kind of entity that a compiled step looks up."""
    found: str | None = member("steps", step["use"]).reads(step) if step else None
    return found


def keeps(step: TomlTable | None) -> tuple[str, Any] | None:
    """Return the key and the node of the condition that a compiled step makes of an event."""
    found: tuple[str, Any] | None = member("steps", step["use"]).keeps(step) if step else None
    return found


def body_refs(step: TomlTable | None) -> list[list[str]] | None:
    """Return the refs of what a compiled step makes `$body` of; None: it does not."""
    found: list[list[str]] | None = member("steps", step["use"]).body_refs(step) if step else None
    return found


def redacted(step: TomlTable | None) -> dict[str, dict[str, str]]:
    """Return what becomes of the fields that a compiled step redacts, by their paths."""
    fields: dict[str, dict[str, str]] = step.get("fields", {}) if step and member("steps", step["use"]).redacts else {}
    return fields


def kind_that(does: str) -> str:
    """Return the kind of step that `looks_up` entities, or `saves` them."""
    return next(kind for kind in kinds("steps") if getattr(member("steps", kind), does))


def own_roots() -> dict[str, str]:
    """Return the roots of refs that steps put on the scope, each with the kind of step that does."""
    return {root: kind for kind in kinds("steps") for root in member("steps", kind).puts}


def thaw(data: object) -> Any:
    """Make compiled plain data runnable: conditions and templates become objects."""
    if isinstance(data, dict):
        if "$condition" in data:
            return Condition(data["$condition"])
        if "$value" in data:
            return Value(data["$value"])
        if "$template" in data:
            return Template(data["$template"])
        return {name: thaw(value) for name, value in data.items()}
    if isinstance(data, list):
        return [thaw(value) for value in data]
    return data


def build(family: str, data: TomlTable) -> Any:
    """Make the member that compiled data (with its `use`) describes."""
    values = thaw({name: value for name, value in data.items() if name != "use"})
    return member(family, data["use"])(**values)


def language(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str, Any]]:
    """Yield (path, "$condition", "$value" or "$template", its plain data) for each one inside compiled data."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name in LANGUAGES:
                yield path, name, value
            else:
                yield from language(value, (*path, name))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from language(value, (*path, index))


def refs_in(data: object) -> list[list[str]]:
    """Return the refs of every expression and template inside compiled data."""
    from ..language.expressions import refs
    from ..language.templates import template_refs

    readers = {"$template": template_refs}
    return [path for _, kind, parts in language(data) for path in readers.get(kind, refs)(parts)]
