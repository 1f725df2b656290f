"""A pipeline whose file is wrong: what happens to the others must not wait for it."""

from ..language.expressions import Scope
from ..model.events import Event
from ..model.memory import Foreseen, Memory, Outside
from ..project.remedy import remedy
from ..system.errors import IngestlayerError, Problem, ProjectError
from ..system.typed import TomlTable
from .pipeline import Replay, Run


class FailingPipeline:
    """A pipeline that cannot run: each of its runs fails, and says why."""

    looking = ()

    def __init__(self, name: str, version: str, text: str, error: IngestlayerError) -> None:
        self.uses: dict[str, list[str] | None] = {}
        self.name = name
        self.version = version
        self.text = text
        self._error = error

    def foresee(self, event: Event, scope: Scope, foreseen: Foreseen) -> None:
        """Look nothing up."""

    def run(
        self, event: Event, outside: Outside, memory: Memory, replay: Replay | None = None, with_sets: bool = False
    ) -> Run:
        """Return a failed run."""
        return Run(self.name, self.version, "failed", reason=self._error.message, error=self._error)


def broken(data: TomlTable) -> FailingPipeline:
    """Return the pipeline of a file that is wrong."""
    problems = [Problem(*problem) for problem in data["problems"]]
    first, more = problems[0], len(problems) - 1
    words = f"{first.path}: {first.problem}" + (f" (and {more} more)" if more else "")
    error = ProjectError(words, remedy(problems), problems)
    error.lasting = True
    return FailingPipeline(data["name"], data["version"], data["text"], error)
