"""Commands: read arguments, call one function of the flow, show the result."""

from ..system.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..project import Project


class Settings:
    """The options before the command."""

    def __init__(self) -> None:
        self.project: str | None = None
        self.debug = False


settings = Settings()


def open_runtime(keep: bool = True) -> "Runtime":
    """Return the runtime of the project that the command line means; a `with` closes it.

    `keep=False` is for commands that read, and leave no file behind.
    """
    from ..engine.runtime import Runtime
    from ..project import load

    return Runtime(load(settings.project, keep=keep), keep=keep)


def open_beside(keep: bool = True) -> "Runtime":
    """Return the runtime for a command that needs the store alone: broken files are named, and stop nothing."""
    from ..engine.runtime import Runtime
    from ..project import load_beside

    project = load_beside(settings.project, keep=keep)
    note_problems(project)
    return Runtime(project, keep=keep)


def note_problems(project: "Project") -> None:
    """Name on stderr what is broken of a project that is used all the same."""
    from ..system.console import note

    problems = project.problems
    files = {path.rsplit(":", 2)[0]: (path, problem) for path, problem in reversed(problems)}
    for path, problem in reversed(files.values()):
        note(f"warning: {path}: {problem}", "yellow")
    if project.trouble is not None and not problems:
        note(f"warning: {project.trouble.message}", "yellow")


def note_unheard(faults: list[str]) -> None:
    """Say which monitors a heartbeat did not reach. For people: cron's mail is no second monitor."""
    from ..system.console import note

    for words in faults:
        note(f"warning: heartbeat: {words}", "yellow")
