"""Runs that failed and are run again: the values of what waits. Times in milliseconds."""

from ...model.events import Event
from ...system.typed import NamedTuple


class UnfinishedRun(NamedTuple):
    """A run that failed, `number` among those of its event. `retry_at` None: it waits for its cause to change alone."""

    event: Event
    number: int
    cause: str  # what it failed by, as its engine wrote it
    reason: str
    tries: int
    retry_at: int | None


class UnfinishedGroup(NamedTuple):
    """Runs that wait for one cause: how many, when the next of them is tried again, and of the first of them its event,
    when that was accepted, and the reason.
    """

    cause: str
    runs: int
    retry_at: int | None
    event: str
    since: int
    reason: str
