"""Documents of a project's files, its tests, its set-up and its store."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from .checks import CheckedDocument, FailedCheckDocument
from .events import PreviewDocument

Schema = dict[str, Any]  # of JSON, or a part of it
Mark = Literal["ok", "warning", "problem"]


class InitDocument(TypedDict):
    """`init`."""

    directory: str
    recipe: str
    created: list[str]
    kept: list[str]
    changed: list[str]


class InitFromDocument(TypedDict):
    """`init --from`: what was written, the answers by their flags, the dry run, and the lines for the crontab."""

    directory: str
    created: list[str]
    kept: list[str]
    changed: list[str]
    answers: dict[str, str]
    check: CheckedDocument | FailedCheckDocument
    crontab: list[str]


class RecipeDocument(TypedDict):
    """A recipe: what it is for, and its files."""

    name: str
    title: str
    summary: str
    description: str
    event: str
    sample: str
    files: list[str]


class RecipesDocument(TypedDict):
    """`recipes`."""

    recipes: list[RecipeDocument]


class RecipePreviewDocument(RecipeDocument):
    """`recipes NAME`."""

    preview: PreviewDocument


class FindingDocument(TypedDict):
    """A problem of a file; line and column are null where it is about the whole file.

    `project` is the folder in which `file` lies, from the working directory; there where files were named.
    """

    project: NotRequired[str]

    path: str
    problem: str
    file: str
    line: int | None
    column: int | None
    severity: Literal["error", "warning"]


class ValidateDocument(TypedDict):
    """`validate`."""

    problems: list[FindingDocument]


class FailureDocument(TypedDict):
    """An expectation of a test that was not met."""

    expectation: str
    expected: str
    got: str
    diff: str | None


class TestedDocument(TypedDict):
    """One test of a pipeline; the preview of a failed one alone."""

    name: str
    pipeline: str
    file: str
    line: int
    outcome: Literal["passed", "failed"]
    failures: list[FailureDocument]
    preview: PreviewDocument | None


class TestsDocument(TypedDict):
    """`test`."""

    passed: int
    failed: int
    seconds: float
    updated: list[str]
    tests: list[TestedDocument]


class CapturedDocument(TypedDict):
    """A run as a test. `line` is where it was written, null where it was not; `reason` says why it would not pass."""

    pipeline: str
    file: str
    name: str | None
    line: int | None
    known: bool
    masked: list[str]
    toml: str | None
    reason: str | None


class CaptureDocument(TypedDict):
    """`capture`."""

    event: str
    tests: list[CapturedDocument]


class LookDocument(TypedDict):
    """One thing that was looked at. A trouble is known by its `kind` and `subject`; what is ok has no kind.

    `why` stands in `words`, too; `by_hand` is what is mended first, `command` what is typed then, and `hint` has both.
    """

    check: str
    mark: Mark
    words: str
    hint: str
    kind: str
    subject: str
    since: str | None
    why: str
    by_hand: str
    command: str


class DoctorDocument(TypedDict):
    """`doctor`."""

    findings: list[LookDocument]


class OpenApiDocument(TypedDict):
    """`sdk openapi`: an OpenAPI document, 3.1."""

    openapi: str
    info: dict[str, str]
    servers: list[dict[str, str]]
    paths: dict[str, Schema]
    components: dict[str, Schema]


class SdkDocument(TypedDict):
    """`sdk … --out`: the names of the files, in their directory; `stale` under --check alone."""

    language: Literal["typescript", "python", "openapi"]
    directory: str
    events: int
    written: list[str]
    current: list[str]
    stale: list[str]


class StoredDocument(TypedDict):
    """What a store holds."""

    rows: dict[str, int]
    deliveries: dict[str, int]
    oldest_waiting: str | None


class StoreDocument(StoredDocument):
    """`store info`; `integrity` is "ok", or what is wrong."""

    path: str
    schema_version: int
    bytes: int
    free_bytes: int
    wal_bytes: int
    integrity: str | list[str]


class PruneDocument(TypedDict):
    """`store prune`."""

    removed: int


class VacuumDocument(TypedDict):
    """`store vacuum`."""

    bytes_before: int
    bytes_after: int
