"""People of a workspace, known by their e-mail addresses."""

from typing import NamedTuple


class Person(NamedTuple):
    """What a workspace said of an e-mail address: a user's id, or why there is none. `at` in milliseconds."""

    email: str
    user: str | None
    why: str
    at: int
