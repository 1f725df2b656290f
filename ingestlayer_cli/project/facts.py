"""What is known of a project's files while they are checked: the compiler fills it in, the other checks read it."""

from functools import cached_property
from typing import Any

from ..model import families
from ..system.errors import Problem, ProjectError
from .models import ProjectFile
from .source import SourceFile


class Facts:
    """One project as far as it is read and compiled."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.files: list[str] = []
        self.others: list[str] = []  # what the TOML files name and that is compiled with them
        self.problems: list[Problem] = []
        self.settings: ProjectFile | None = None
        self.declarations: dict[str, dict[str, Any]] = {}
        self.pipelines: list[dict[str, Any]] = []
        self.sources: dict[str, SourceFile] = {}
        # By the pipeline's name: the declarations of the events that it may get; None: undeclared ones, too.
        self.declared: dict[str, list[dict[str, Any]] | None] = {}
        self.written: set[str] = set()  # the kinds of entities that pipelines write
        self.undeclared_too = False  # whether events without a declaration may come

    @property
    def kinds(self) -> list[str]:
        """The kinds of entities that there are: with a file, or written by a pipeline."""
        return [*(self.settings.entities if self.settings else ()), *sorted(self.written)]

    @cached_property
    def connections(self) -> dict[str, dict[str, Any]]:
        """What ingestlayer.toml says of connections, by kind of destination; the defaults when it is broken."""
        tables = (self.settings or ProjectFile()).model_dump()
        return {kind: tables[kind] for kind in families.kinds("destinations") if kind in tables}

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with what was read."""
        return not self.problems and self.settings is not None

    def compiled(self) -> dict[str, Any]:
        """Return the compiled project; ProjectError with every problem."""
        if self.problems or self.settings is None:
            raise project_error(self.problems)
        connections = self.connections
        settings = {name: table for name, table in self.settings.model_dump().items() if name not in connections}
        return {**settings, "connections": connections, "declarations": self.declarations, "pipelines": self.pipelines}


def project_error(problems: list[Problem]) -> ProjectError:
    """Return one error for all problems of a project's files."""
    count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
    return ProjectError(f"the project has {count}", "after the edit: ingestlayer validate", problems)
