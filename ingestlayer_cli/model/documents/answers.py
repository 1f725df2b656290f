"""What `serve` answers over HTTP."""

from typing import NotRequired

from typing_extensions import TypedDict

from ...system.error_document import ProblemDocument


class AnsweredErrorDocument(TypedDict):
    """What is wrong with a request, or with one event of it."""

    kind: str
    message: str
    details: list[ProblemDocument]


class AnsweredEventDocument(TypedDict):
    """What became of one event: `id` is the first one's for a duplicate, null for one that is refused."""

    status: str
    id: str | None
    error: NotRequired[AnsweredErrorDocument]
