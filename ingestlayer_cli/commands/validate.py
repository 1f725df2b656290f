"""`validate`: every problem of a project's files."""

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..system.errors import count_of
from .options import Json, Quiet

if TYPE_CHECKING:
    from ..model.documents.projects import FindingDocument, ValidateDocument
    from ..project.findings import Finding


Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FILES]...", help="Files of projects: whole projects are checked, each once."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Make warnings fail, too.")]
Format = Annotated[
    Literal["text", "json", "github"],
    typer.Option("--output-format", help="`github`: the commands by which GitHub's workflows mark the lines."),
]
NoEntities = Annotated[
    bool,
    typer.Option("--no-entities", help="Entity files may be missing: a warning, which not even --strict makes fail."),
]
Schema = Annotated[
    str | None,
    typer.Option("--schema", metavar="pipeline|event|project", help="Print the JSON Schema of such a file instead."),
]


def validate(
    files: Files = None,
    strict: Strict = False,
    output_format: Format = "text",
    no_entities: NoEntities = False,
    schema: Schema = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Check every file of the project, entity files too, and list every problem with its place.

    Beyond the syntax: columns that no entity file has, conditions that never hold, channels that get an event
    twice, declarations and entities that nothing uses, texts that can get longer than Slack shows.
    """
    from ..project import find
    from ..project.jsonschema import refresh
    from ..project.lint.inspect import inspect
    from ..system.errors import Exit, UsageError
    from . import settings

    if schema is not None:
        return _print_schema(schema)
    if json and output_format == "github":
        raise UsageError("--json and --output-format github do not go together", "--json is --output-format json")
    found = {}
    for root in _projects(files) if files else [find(settings.project)]:
        refresh(root)
        found[root] = inspect(root, entities=not no_entities)
    if json or output_format == "json":
        _say_json(found, bool(files))
    elif output_format == "github":
        _say_commands(found)
    elif quiet:
        for root, findings in found.items():
            _say_findings(_failing(findings, strict), root, _before(root, bool(files)))
    else:
        _say(found, bool(files))
    return Exit.FOUND if any(_failing(findings, strict) for findings in found.values()) else Exit.OK


def _failing(findings: list[Any], strict: bool) -> list[Any]:
    return [it for it in findings if it.severity == "error" or (strict and not it.is_expected)]


def _projects(files: list[str]) -> list[str]:
    """Return the projects that files lie in; what lies in none is named."""
    from ..project import find
    from ..project.find import find_above
    from ..system.console import note
    from ..system.errors import UsageError
    from . import settings

    only = find(settings.project) if settings.project else None
    found: dict[str, None] = {}
    for file in files:
        if not os.path.exists(file):
            raise UsageError(f"{file}: there is no such file")
        root = find_above(file)
        if root is None or only not in (None, root):
            note(f"{file} is no file of {'the' if only else 'a'} project: it is left out")
        else:
            found[root] = None
    return list(found)


def _say_json(found: "dict[str, list[Finding]]", is_of_files: bool) -> None:
    from ..project.find import from_here
    from ..system.console import say_json

    rows: list[FindingDocument] = [
        {"project": from_here(root), **finding.document()} if is_of_files else finding.document()
        for root, findings in found.items()
        for finding in findings
    ]
    document: ValidateDocument = {"problems": rows}
    say_json(document)


def _say_commands(found: dict[str, list[Any]]) -> None:
    """Name files from the top of the checked out repository, where GitHub looks for them."""
    from ..render.problems import workflow_command
    from ..system.console import say

    top = os.environ.get("GITHUB_WORKSPACE") or os.getcwd()
    for root, findings in found.items():
        for finding in findings:
            say(workflow_command(finding, os.path.relpath(os.path.join(root, finding.file), top)))


def _say(found: "dict[str, list[Finding]]", is_of_files: bool) -> None:
    from ..project.find import from_here
    from ..system.console import note

    for root, findings in found.items():
        _say_findings(findings, root, _before(root, is_of_files))
        errors = sum(finding.severity == "error" for finding in findings)
        checked = "" if errors else f"{_checked(root)}: "
        count = _count(errors, len(findings) - errors)
        note(f"{from_here(root)}: {checked}{count}", "red" if errors else "yellow" if findings else "green")
        _note_paused(root)


def _before(root: str, is_of_files: bool) -> str:
    """Return what the path of a file begins with, for whoever named files of several projects."""
    from ..project.find import from_here

    here = from_here(root)
    return f"{here}{os.sep}" if is_of_files and here != os.curdir else ""


def _note_paused(root: str) -> None:
    """Name what is paused in the store: no file says so."""
    from ..operations.pausing import as_it_runs
    from ..project import load_beside
    from ..system.console import note

    for name in as_it_runs(load_beside(root, keep=False)).pauses:
        note(f"{name} is paused in the store; to let it run: ingestlayer pipelines resume {name}", "yellow")


def _say_findings(findings: list[Any], root: str, before: str) -> None:
    from shutil import get_terminal_size

    from ..render.problems import draw
    from ..system.console import say

    for finding, (message, *source) in draw(findings, root, get_terminal_size().columns, before):
        say(message, "red" if finding.severity == "error" else "yellow")
        for line in source:
            say(line, "dim")


def _checked(root: str) -> str:
    """Say what it was that has no problems, or warnings alone."""
    from ..project import load
    from ..project.find import FILE

    project = load(root)
    events, pipelines = project.written
    counts = [(events, "event"), (pipelines, "pipeline")]
    more = [(len(project.checks), "check"), (len(project.entities), "entity file")]
    return ", ".join([FILE, *(count_of(*row) for row in counts), *(count_of(*row) for row in more if row[0])])


def _count(errors: int, warnings: int) -> str:
    counts = [(errors, "problem"), (warnings, "warning")]
    said = [count_of(count, noun) for count, noun in counts if count]
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
