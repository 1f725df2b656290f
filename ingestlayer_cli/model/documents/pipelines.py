"""Documents of pipelines and their versions."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from .events import RunCounts
from .status import LinedUp

Table = dict[str, Any]  # of its file, as it is written there


class PausedDocument(TypedDict):
    """Who paused a pipeline in the store, when and why."""

    by: str
    at: str
    why: str


class PipelineDocument(TypedDict):
    """A pipeline in a list: what it is, and its runs in the last 24 hours, 7 days, and on each of these.

    `paused` only where the store says that it is.
    """

    name: str
    status: LinedUp
    paused: NotRequired[PausedDocument]
    match: list[str]
    version: str
    since: str | None
    last_24h: RunCounts
    last_7d: RunCounts
    days: list[RunCounts]


class PipelinesDocument(TypedDict):
    """`pipelines list`."""

    pipelines: list[PipelineDocument]


class VersionDocument(TypedDict):
    """A version of a pipeline that ran."""

    version: str
    first_used: str
    current: bool


class EditDocument(TypedDict):
    """An edit that never ran and is kept, since another version was restored."""

    version: str
    kept: str


class WholePipelineDocument(PipelineDocument):
    """`pipelines show`; its texts as the file has them. `edits` only where there are some."""

    description: str
    file: str
    versions: list[VersionDocument]
    edits: NotRequired[list[EditDocument]]
    steps: list[Table]
    destinations: list[Table]
    tests: int


class PauseDocument(TypedDict):
    """`pipelines pause` and `pipelines resume`."""

    pipeline: str
    status: Literal["active", "paused", "draft"]
    changed: bool
    file: str


class DiffDocument(TypedDict):
    """`pipelines diff`: the file against a version; `diff` is unified, empty where the text is the same."""

    pipeline: str
    file: str
    version: str
    changed: bool
    diff: str


class PipelineVersionDocument(TypedDict):
    """`pipelines show --version`; `first_used` is null of an edit that never ran."""

    name: str
    version: str
    file: str
    first_used: str | None
    text: str


class RestoreDocument(TypedDict):
    """`pipelines restore`; `kept` is the version under which edits that never ran are kept now."""

    pipeline: str
    file: str
    version: str
    changed: bool
    kept: str | None
