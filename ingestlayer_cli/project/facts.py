"""What is known of a project's files while they are checked: the compiler fills it in, the other checks read it."""

from functools import cached_property

from ..language.templates import in_zone
from ..model import families
from ..system.errors import Problem, ProjectError, count_of
from ..system.typed import TomlTable
from .broken import broken_pipeline
from .own import OWN
from .remedy import remedy
from .settings import ProjectFile, project_file
from .source import SourceFile

PIPELINES = "pipelines/"


class Facts:
    """One project as far as it is read and compiled."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.files: list[str] = []
        self.others: list[str] = []  # what the TOML files name and that is compiled with them
        self.problems: list[Problem] = []
        self.unread: list[str] = []  # pipeline files of which nothing could be read: they may write any entity
        self.settings: ProjectFile | None = None
        self.declarations: dict[str, TomlTable] = {}
        self.pipelines: list[TomlTable] = []
        self.sources: dict[str, SourceFile] = {}
        # By the pipeline's name: the declarations of the events that it may get; None: undeclared ones, too.
        self.declared: dict[str, list[TomlTable] | None] = {}
        self.written: set[str] = set()  # the kinds of entities that pipelines write
        self.last_matches: dict[str, list[str]] = {}  # what pipelines took when they were read last, by name
        self.undeclared_too = False  # whether events without a declaration may come

    def in_zone(self, cls: type[families.Section], data: TomlTable) -> TomlTable:
        """Return the compiled data of a step or destination, told its time zone: its own, else the project's."""
        own = data.get("timezone") or (self.settings.timezone if self.settings else "")
        for _, language, parts in families.language(data) if own else ():
            if language == "$template":
                in_zone(parts, own)
        return {**data, "timezone": own} if own and hasattr(cls, "timezone") else data

    @property
    def kinds(self) -> list[str]:
        """The kinds of entities that there are: with a file, or written by a pipeline."""
        return [*(self.settings.entities if self.settings else ()), *sorted(self.written)]

    @property
    def known(self) -> dict[str, TomlTable]:
        """The declarations that there are, our own too."""
        return {**self.declarations, **OWN}

    @cached_property
    def connections(self) -> dict[str, TomlTable]:
        """What ingestlayer.toml says of connections, by kind of destination; the defaults when it is broken."""
        connections: dict[str, TomlTable] = settings_of(self.settings or project_file()())["connections"]
        return connections

    @property
    def kinds_are_known(self) -> bool:
        """Whether a kind of entities that is not among `kinds` is a mistake."""
        return self.settings is not None and not self.unread

    @property
    def is_usable(self) -> bool:
        """Whether nothing is wrong but with single pipelines: their own runs fail, the others go on."""
        return self.settings is not None and all(problem.path.startswith(PIPELINES) for problem in self.problems)

    def compiled(self) -> TomlTable:
        """Return the compiled project; ProjectError with every problem."""
        if self.problems:
            raise project_error(self.problems)
        return self.usable()

    def usable(self) -> TomlTable:
        """Return the compiled project, broken pipelines apart; ProjectError when something else is wrong."""
        if not self.is_usable or self.settings is None:
            raise project_error(self.problems)
        return {**settings_of(self.settings), "declarations": self.declarations, **self.line_up()}

    def line_up(self) -> dict[str, list[TomlTable]]:
        """Return the pipelines: those that can run, and the broken ones."""
        found: dict[str, list[Problem]] = {}
        for problem in self.problems:
            found.setdefault(problem.path.rsplit(":", 2)[0], []).append(problem)
        sound = [row for row in self.pipelines if f"{PIPELINES}{row['name']}.toml" not in found]
        names = [name for name in self.sources if name.startswith(PIPELINES) and name in found]
        rows = [broken_pipeline(self.sources[name], found[name], self.last_matches) for name in names]
        return {"pipelines": sound, "broken": rows}


def settings_of(checked: ProjectFile) -> TomlTable:
    """Return the tables of ingestlayer.toml, those of connections under one name."""
    # Alerts are a pipeline. Tables of destinations hold others as they are compiled, plain data, of which it warns.
    tables = checked.model_dump(exclude={"alerts"}, warnings=False)
    for row in tables["checks"].values():
        row["timezone"] = row["timezone"] or checked.timezone
    for row in tables["sources"].values() if checked.timezone else ():
        for _, language, parts in families.language(row):
            if language == "$template":
                in_zone(parts, checked.timezone)
    connections = {
        kind: {**tables.pop(kind), "timezone": checked.timezone}
        for kind in families.kinds("destinations")
        if kind in tables
    }
    return {**tables, "connections": connections}


def project_error(problems: list[Problem]) -> ProjectError:
    """Return one error for all problems of a project's files."""
    count = count_of(len(problems), "problem") if len(problems) > 1 else "a problem"
    return ProjectError(f"the project has {count}", remedy(problems), problems)
