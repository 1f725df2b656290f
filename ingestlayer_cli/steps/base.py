"""What a step is and what it sees."""

from typing import Any, NamedTuple, Protocol

from ..events import Event, Remembered, Seen
from ..expressions import Scope
from ..families import Section


class Drop(NamedTuple):
    """The step ends the run; the reason is kept in the trace."""

    reason: str


class Memory(Protocol):
    """What steps remember between events, as the store keeps it."""

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        """Return the latest remembrance of a key strictly between two times."""


class Entities(Protocol):
    """Look-up of entity rows."""

    def get(self, kind: str, key: str) -> Any:
        """Return the row (`values`, `line`, `duplicates`) or None; ProjectError when the file is unusable."""

    def name(self, kind: str) -> str:
        """Return the file's name, for people."""


class Context:
    """One run of one pipeline on one event."""

    def __init__(self, pipeline: str, event: Event, entities: Entities, memory: Memory) -> None:
        self.pipeline = pipeline
        self.place = ""  # the name of the running step in its pipeline, under which it may remember
        self.event = event
        self.entities = entities
        self.memory = memory
        self.scope: Scope = event.scope()
        self.to_remember: list[Remembered] = []
        self.note = ""  # what the step has to say; kept in the trace
        self.set: dict[str, Any] = {}  # what the step changed, by ref


class Step(Section):
    """One step of a pipeline; calling it continues (None) or ends the run (`Drop`)."""

    def __call__(self, context: Context) -> Drop | None:
        raise NotImplementedError
