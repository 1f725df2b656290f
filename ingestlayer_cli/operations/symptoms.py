"""What `doctor` finds."""

from typing import NamedTuple


class Symptom(NamedTuple):
    """One thing that was looked at. `mark` is ok, warning or problem."""

    check: str
    mark: str
    words: str
    hint: str = ""
