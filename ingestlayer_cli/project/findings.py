"""What `validate` finds: a problem with its place and how grave it is."""

from typing import TYPE_CHECKING, Literal, NamedTuple

from ..system.errors import Problem

if TYPE_CHECKING:
    from ..model.documents.projects import FindingDocument

Severity = Literal["error", "warning"]


class Finding(NamedTuple):
    """One problem; line and column count from 1, and are 0 where it is about a whole file."""

    file: str
    line: int
    column: int
    problem: str
    severity: Severity = "error"
    is_expected: bool = False  # it is of this machine, and of no file that is edited: not even a strict look minds

    @property
    def path(self) -> str:
        """The place as it is written: file:line:column."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def document(self) -> "FindingDocument":
        """Return the finding as `--json` shows it."""
        return {
            "path": self.path,
            "problem": self.problem,
            "file": self.file,
            "line": self.line or None,
            "column": self.column or None,
            "severity": self.severity,
        }


def finding(place: str, problem: str, severity: Severity = "error") -> Finding:
    """Make a finding of `file:line:column`, or of a file's name alone."""
    file, *numbers = place.rsplit(":", 2)
    if len(numbers) == 2 and all(number.isdigit() for number in numbers):
        return Finding(file, int(numbers[0]), int(numbers[1]), problem, severity)
    return Finding(place, 0, 0, problem, severity)


def of_problems(problems: list[Problem]) -> list[Finding]:
    """Make errors of problems."""
    return [finding(path, problem) for path, problem in problems]
