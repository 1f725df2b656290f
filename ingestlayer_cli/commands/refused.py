"""`emit` into a project whose settings or declarations are broken: what was given is kept, as refused."""

from contextlib import ExitStack

from ..engine.refusing import kept
from ..model.gate import Line
from ..project import Project, load_beside
from ..system.errors import ProjectError, RejectedError, UsageError
from . import Settings
from .arguments import EMIT, Arguments, parse
from .batch import opened


def keep(settings: Settings, args: list[str], trouble: ProjectError) -> ProjectError:
    """Keep what was to be emitted; return the error that says why, and that it is kept."""
    project = load_beside(settings.project, keep=False)
    arguments = _parsed(args, project)
    if arguments.on("--dry-run") or not (arguments.type or arguments.on("--batch")):
        return trouble
    with ExitStack() as stack:
        if not arguments.on("--batch"):
            return kept(project, [[_line(project, arguments)]], trouble)
        chunks, refused, _ = opened(stack, project, arguments)
        return kept(project, chunks, trouble, refused)


def _parsed(args: list[str], project: Project) -> Arguments:
    """Read arguments by what can be known of the declarations; an option that none of these has is a field's."""
    try:
        return parse(args, EMIT, project.declaration)
    except UsageError:
        return parse(args, EMIT, lambda _: None)


def _line(project: Project, arguments: Arguments) -> Line:
    try:
        return Line(0, arguments.raw(project.declaration(arguments.type)), None, b"")
    except RejectedError as error:
        return Line(0, None, error, error.text.encode("utf-8", "backslashreplace"))
