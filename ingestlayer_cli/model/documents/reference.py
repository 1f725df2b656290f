"""What `explain` prints with `--json`."""

from typing import Any, Literal

from typing_extensions import TypedDict

TopicKind = Literal[
    "file",
    "table",
    "key",
    "step",
    "destination",
    "language",
    "filter",
    "status",
    "exit",
    "error",
    "event",
    "variable",
    "word",
    "page",
    "section",
]


class TopicDocument(TypedDict):
    """One thing that is explained. `keys` are the names of the topics below it.

    Of a key: what its value is, what it is where the file does not have it, whether the file must, and a line for it.
    """

    name: str
    kind: TopicKind
    title: str
    summary: str
    text: str
    type: str | None
    default: Any
    required: bool
    example: str | None
    keys: list[str]


class ExplainDocument(TypedDict):
    """`explain`: what was asked for, and the topics that answer it, the nearest first; without a question all."""

    topic: str | None
    topics: list[TopicDocument]
