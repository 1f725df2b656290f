"""`validate`: every problem of the project's files."""

from typing import Annotated, Any

import typer

from .options import Json

Strict = Annotated[bool, typer.Option("--strict", help="Make warnings fail, too.")]
Schema = Annotated[
    str | None,
    typer.Option("--schema", metavar="pipeline|event|project", help="Print the JSON Schema of such a file instead."),
]


def validate(strict: Strict = False, schema: Schema = None, json: Json = False) -> int:
    """Check every file of the project, entity files too, and list every problem with its place.

    Beyond the syntax: columns that no entity file has, conditions that never hold, channels that get an event
    twice, declarations and entities that nothing uses, texts that can get longer than Slack shows.
    """
    from ..project import find
    from ..project.find import from_here
    from ..project.jsonschema import refresh
    from ..project.lint.inspect import inspect
    from ..system.console import note, say_json
    from ..system.errors import Exit
    from . import settings

    if schema is not None:
        return _print_schema(schema)
    root = find(settings.project)
    refresh(root)
    findings = inspect(root)
    errors = sum(found.severity == "error" for found in findings)
    if json:
        say_json({"problems": [found.document() for found in findings]})
    else:
        _say(findings, root)
        count = _count(errors, len(findings) - errors)
        note(f"{from_here(root)}: {count}", "red" if errors else "yellow" if findings else "green")
    return Exit.FOUND if errors or (strict and findings) else Exit.OK


def _say(findings: list[Any], root: str) -> None:
    if not findings:
        return
    from shutil import get_terminal_size

    from ..render.problems import draw
    from ..system.console import say

    for found, (message, *source) in draw(findings, root, get_terminal_size().columns):
        say(message, "red" if found.severity == "error" else "yellow")
        for line in source:
            say(line, "dim")


def _count(errors: int, warnings: int) -> str:
    counts = [(errors, "problem"), (warnings, "warning")]
    said = [f"{count} {noun}{'s' if count > 1 else ''}" for count, noun in counts if count]
    return ", ".join(said) or "no problems"


def _print_schema(name: str) -> int:
    from ..project.jsonschema import KINDS, schema_of
    from ..system.console import say_json
    from ..system.errors import UsageError, near_miss

    if name not in KINDS:
        known = ", ".join(KINDS)
        raise UsageError(f"--schema {name}: there is no such schema{near_miss(name, KINDS)}", f"there are {known}")
    say_json(schema_of(name))
    return 0
