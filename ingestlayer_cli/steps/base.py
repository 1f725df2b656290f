"""What a step is and what it sees."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol

from ..conditions import Condition, Value, hides, source
from ..events import Event, Kept, Remembered, Seen, State, Traits, Upsert, merged
from ..expressions import Node, Scope
from ..families import Section
from ..templates import Template

REDACTED = "[redacted]"
TRACE = "trace"  # the reader of what a run tells of itself


class Drop(NamedTuple):
    """The step ends the run; the reason is kept in the trace."""

    reason: str


class Memory(Protocol):
    """What steps remember between events, and what the store knows of entities."""

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        """Return the latest remembrance of a key strictly between two times."""

    def state(self, scope: str, key: str) -> State | None:
        """Return the state that was kept last of a key."""

    def traits(self, kind: str, key: str) -> Traits | None:
        """Return what the store knows of an entity."""


class Entities(Protocol):
    """Look-up of entity rows."""

    def get(self, kind: str, key: str) -> Any:
        """Return the row (`values`, `line`, `duplicates`) or None; ProjectError when the file is unusable."""

    def name(self, kind: str) -> str:
        """Return the file's name, for people; empty for a kind without one."""


# What a reader (a kind of destination, or `TRACE`) may see of a scope.
Redact = Callable[[Scope, str], Scope]


class Context:
    """One run of one pipeline on one event.

    A step's `note`, and what it `changed`, are kept in the trace. They may tell of values only what `told`, `says`
    and `judge` give: a pipeline may redact some.
    """

    def __init__(
        self, pipeline: str, event: Event, entities: Entities, memory: Memory, redact: Redact | None = None
    ) -> None:
        self.pipeline = pipeline
        self.place = ""  # the name of the running step in its pipeline, under which it may remember
        self.event = event
        self.entities = entities
        self.memory = memory
        self.scope: Scope = event.scope()
        self.to_remember: list[Remembered | Kept] = []  # once the run has queued a message
        self.noticed: list[Kept] = []  # also when the run drops the event
        self.upserts: list[Upsert] = []  # also when the run drops the event
        self.transformed = False  # whether $body is other than the payload
        self.not_before: int | None = None  # when messages may go, in milliseconds
        self.note = ""  # what the step has to say
        self.changed: list[str] = []  # the refs that the step changed
        self._redact = redact

    def seen_by(self, reader: str) -> Scope:
        """Return the scope as a kind of destination may see it."""
        return self.scope if self._redact is None else self._redact(self.scope, reader)

    @property
    def told(self) -> Scope:
        """The scope as the trace may show it."""
        return self.seen_by(TRACE)

    def says(self, template: Template, text: str | None) -> str:
        """Return a template's text, which is `text`, as the trace may show it."""
        return str(text if self._redact is None else template.key(self.told))

    def judge(self, condition: Condition) -> tuple[bool, str]:
        """Return whether a condition holds, and why, as the trace may show it."""
        holds, words = condition.judge(self.scope)
        if self._hides(condition.node):
            words = f"{source(condition.node)} {'holds' if holds else 'does not hold'}: a value of it is {REDACTED}"
        return holds, words

    def number(self, value: Value) -> tuple[int | float | None, str]:
        """Return a number, null for what is none, and how it came about, as the trace may show it."""
        number, words = value.of(self.scope)
        return number, f"{source(value.node)} = {REDACTED}" if self._hides(value.node) else words

    def _hides(self, node: Node) -> bool:
        return self._redact is not None and hides(node, self.scope, self.told)

    def traits(self, kind: str, key: str) -> Traits | None:
        """Return what the store knows of an entity, and this run has learned of it."""
        known = self.memory.traits(kind, key)
        for item in self.upserts:
            if (item.kind, item.key) == (kind, key):
                known = merged(known, item)
        return known


class Step(Section):
    """One step of a pipeline; calling it continues (None) or ends the run (`Drop`)."""

    redacts: ClassVar[bool] = False  # whether it has `redacted`

    def __call__(self, context: Context) -> Drop | None:
        raise NotImplementedError

    def redacted(self, scope: Scope, reader: str) -> Scope:
        """Return the scope as a reader may see it. It holds for the whole pipeline, wherever the step stands."""
        raise NotImplementedError
