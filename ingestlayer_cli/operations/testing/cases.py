"""A test of a pipeline as its file has it, and what came of it."""

import tomllib
from typing import TYPE_CHECKING, NamedTuple

from ...project import Project
from ...project.positions import Positions
from ...system.typed import TomlTable

if TYPE_CHECKING:
    from ...model.documents.events import PreviewDocument
    from ...model.documents.projects import FailureDocument, TestedDocument


class Case(NamedTuple):
    """One test as its file has it. `line` is where it stands in `file`."""

    pipeline: TomlTable
    file: str
    line: int
    data: TomlTable

    @property
    def name(self) -> str:
        return str(self.data["name"])


class Failure(NamedTuple):
    """One expectation that was not met; `diff` is a unified diff, line by line."""

    expectation: str
    expected: str
    got: str
    diff: tuple[str, ...] = ()


class CaseOutcome(NamedTuple):
    """What came of a test. `preview` is the document of `preview`, None when the gate refused the event."""

    case: Case
    failures: list[Failure]
    preview: "PreviewDocument | None"
    golden: tuple[str, str] | None = None  # path and content to write


def cases(project: Project, only: str | None = None) -> list[Case]:
    """Return the tests of every pipeline, or of one, in the order of their files."""
    found = []
    for data in project.pipelines:
        if only in (None, data["name"]):
            places = Positions(data["text"])
            for index, test in enumerate(tomllib.loads(data["text"]).get("tests", [])):
                file = f"pipelines/{data['name']}.toml"
                found.append(Case(data, file, places.place(("tests", index))[0], test))
    return found


def document(outcome: CaseOutcome) -> "TestedDocument":
    """Return one outcome as `--json` shows it; the preview of a failed test alone."""
    case = outcome.case
    failures: list[FailureDocument] = [
        {"expectation": it.expectation, "expected": it.expected, "got": it.got, "diff": "\n".join(it.diff) or None}
        for it in outcome.failures
    ]
    return {
        "name": case.name,
        "pipeline": case.pipeline["name"],
        "file": case.file,
        "line": case.line,
        "outcome": "failed" if outcome.failures else "passed",
        "failures": failures,
        "preview": outcome.preview if outcome.failures else None,
    }
