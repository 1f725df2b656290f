"""What is kept of what was refused. Few starts need it."""

from ...system.typed import NamedTuple


class NewDeadLetter(NamedTuple):
    """An event that was refused, as it came, with the rule; `details` are [{path, problem}]."""

    at: int
    kind: str
    type: str
    source: str
    line: int | None
    message: str
    details: list[dict[str, str]]
    raw: str
