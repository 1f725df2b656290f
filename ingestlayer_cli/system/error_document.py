"""What an error says with `--json`. A start needs none of it: types alone read it."""

from typing_extensions import TypedDict


class ProblemDocument(TypedDict):
    """One thing that is wrong, and where."""

    path: str
    problem: str


class Failing(TypedDict):
    """What an error says."""

    kind: str
    message: str
    hint: str
    details: list[ProblemDocument]


class ErrorDocument(TypedDict):
    """An error, of any command."""

    error: Failing
