"""A typed `ingest` for Python: over HTTP, and a stub for the one over the store; both of the same events.

The stub stands beside the package under the name of what it describes: with the folder on `mypy_path` (or as Pyright's
`stubPath`), `from ingestlayer_cli import ingest` is checked as well.
"""

import keyword
import re
from collections.abc import Iterator

from ..model.declarations import Declaration, Field
from ..project import Project
from .templates import filled

PACKAGE = "ingestlayer_sdk"
_TYPES = {
    "string": "str",
    "number": "float",
    "integer": "int",
    "boolean": "bool",
    "date": "str",
    "datetime": "str",
    "object": "dict[str, _t.Any]",
    "array": "list[_t.Any]",
}
_NOTES = {
    "date": "a date like 2026-11-03",
    "datetime": "RFC 3339 like 2026-11-03T09:30:00Z",
}
_KEYWORDS = ["*", "idempotency_key: str | None = None", "timestamp: str | datetime | None = None"]
_OF_STORE = ["allow_future: bool = False", "project: str | os.PathLike[str] | None = None"]


def files(project: Project) -> dict[str, str]:
    """Return the files of the package and of the stub beside it, by their names."""
    declarations = [found for type_ in sorted(project.types) if (found := project.declaration(type_))]
    names = _names(declarations)
    timed = sorted(declaration.type for declaration in declarations if declaration.key_reads_time)
    takes = [(f"_t.Literal[{_text(it.type)}]", f"events.{name}", f"events.{name}Event") for name, it in names]
    if project.accepts_undeclared or not names:
        takes.append(("str", "dict[str, _t.Any]", "dict[str, _t.Any]"))
    methods = _signatures(takes, ["self"], [], "Result", "BatchResult")
    functions = _signatures(takes, [], [], "Result", "BatchResult")
    of_store = _signatures(takes, [], _OF_STORE, "Document", "Document")
    return {
        "pyproject.toml": filled("python", "pyproject.toml.in"),
        f"{PACKAGE}/__init__.py": filled("python", "package.py.in"),
        f"{PACKAGE}/__init__.pyi": filled(
            "python",
            "package.pyi.in",
            METHODS="\n".join(f"    {line}" for line in methods),
            FUNCTIONS="\n".join(functions),
        ),
        f"{PACKAGE}/client.py": filled("python", "client.py.in", KEYED_BY_TIME=_listed(timed)),
        f"{PACKAGE}/events.py": filled("python", "events.py.in", EVENTS="\n".join(_events(names))),
        f"{PACKAGE}/py.typed": "",
        "ingestlayer_cli/__init__.pyi": filled("python", "store.pyi.in", FUNCTIONS="\n".join(of_store)),
    }


def _names(declarations: list[Declaration]) -> list[tuple[str, Declaration]]:
    """Name the payload of each event: UsageLimitReached; where two would have one name, the later gets a number."""
    taken: set[str] = set()
    found = []
    for declaration in declarations:
        name = "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", declaration.type))
        name = name if name[:1].isalpha() else f"Event{name}"
        number = 1
        while {own := name if number == 1 else f"{name}{number}", f"{own}Event"} & taken or keyword.iskeyword(own):
            number += 1
        taken |= {own, f"{own}Event"}
        found.append((own, declaration))
    return found


# Signatures -----------------------------------------------------------------------------------------------


def _signatures(
    takes: list[tuple[str, str, str]], first: list[str], more: list[str], result: str, batch: str
) -> Iterator[str]:
    """Yield the overloads of `ingest` and `ingest_batch`: one for each type, with its payload and its event."""
    mark = ["@_t.overload"] if len(takes) > 1 else []
    for type_, payload, _ in takes:
        yield from mark
        yield from _signature("ingest", [*first, f"type: {type_}", f"payload: {payload}", *_KEYWORDS, *more], result)
    every = " | ".join(event for _, _, event in takes)
    yield "@_t.overload"
    given = [*first, f"events: Iterable[{every}]", "*", "type: None = None", *more]
    yield from _signature("ingest_batch", given, batch)
    for type_, payload, _ in takes:
        yield "@_t.overload"
        given = [*first, f"events: Iterable[{payload}]", "*", f"type: {type_}", *more]
        yield from _signature("ingest_batch", given, batch)


def _signature(name: str, parameters: list[str], returns: str) -> Iterator[str]:
    yield f"def {name}("
    yield from (f"    {parameter}," for parameter in parameters)
    yield f") -> {returns}: ..."


# Payloads -------------------------------------------------------------------------------------------------


def _events(names: list[tuple[str, Declaration]]) -> Iterator[str]:
    for name, declaration in names:
        yield "\n"
        yield from _payload(name, declaration)
        yield "\n"
        yield f"class {name}Event(_t.TypedDict):"
        yield f"    type: _t.Literal[{_text(declaration.type)}]"
        yield f"    payload: {name}"
        yield "    idempotency_key: _t.NotRequired[str | None]"
        yield "    timestamp: _t.NotRequired[str | _d.datetime | None]"


def _payload(name: str, declaration: Declaration) -> Iterator[str]:
    fields = declaration.fields.values()
    about = declaration.description or declaration.type
    if all(field.name.isidentifier() and field.name.isascii() and not _is_special(field.name) for field in fields):
        yield f"class {name}(_t.TypedDict):"
        yield from (f"    {line}".rstrip() for line in _docstring(about))
        yield ""
        yield from (line for field in fields for line in _lines(field, f"    {field.name}: ", ""))
    else:
        yield from _comment(about)
        yield f"{name} = _t.TypedDict("
        yield f"    {_text(name)},"
        yield "    {"
        yield from (line for field in fields for line in _lines(field, f"        {_text(field.name)}: ", ","))
        yield "    },"
        yield ")"


def _is_special(name: str) -> bool:
    """Say whether a class would read the name otherwise: a keyword, or a private name, which gets the class's."""
    return keyword.iskeyword(name) or name.startswith("__")


def _lines(field: Field, start: str, end: str) -> Iterator[str]:
    about = [field.description, _NOTES.get(field.type, "") if field.values is None else ""]
    about += [f"at most {field.max_length:,} characters"] if field.max_length is not None else []
    indent = start[: len(start) - len(start.lstrip())]
    yield from (f"{indent}{line}" for line in _comment("; ".join(filter(None, about))))
    yield f"{start}{_type(field)}{end}"


def _type(field: Field) -> str:
    kind = _TYPES[field.type] if field.values is None else _enum(field)
    return f"_t.NotRequired[{kind} | None]" if field.optional else kind


def _enum(field: Field) -> str:
    """Return the type of an enum; Python knows no literal of a number with a fraction."""
    texts = [_text(value) for value in field.values or () if isinstance(value, str)]
    whole = [str(value) for value in field.values or () if isinstance(value, int)]
    parts = [f"_t.Literal[{', '.join(texts + whole)}]"] if texts or whole else []
    return " | ".join([*parts, *(["float"] if any(isinstance(value, float) for value in field.values or ()) else [])])


def _docstring(text: str) -> list[str]:
    """Return a text as a docstring, which no text can end."""
    lines = text.strip().replace("\\", "\\\\").replace('"', '\\"').splitlines()
    return [f'"""{lines[0]}"""'] if len(lines) == 1 else [f'"""{lines[0]}', *lines[1:], '"""']


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}".rstrip() for line in text.strip().splitlines())


def _text(value: str) -> str:
    quoted = repr(value)
    return quoted if '"' in value or quoted.startswith('"') else f'"{quoted[1:-1]}"'


def _listed(texts: list[str]) -> str:
    return f"[{', '.join(map(_text, texts))}]"
