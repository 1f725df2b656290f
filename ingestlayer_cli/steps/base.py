"""What a step is and what it sees."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from ..language.conditions import REDACTED, Condition, Value, hides, source
from ..language.expressions import Node, Scope, getter
from ..language.templates import Template
from ..model.events import Event
from ..model.families import Section
from ..model.memory import Foreseen, Kept, Memory, Outside, Remembered, Seen, State, Traits, Upsert, merged
from ..system.typed import Any, ClassVar, NamedTuple, Protocol, TomlTable, Values

Names = set[str]  # of the values in a body
TRACE = "trace"  # the reader of what a run tells of itself


class Drop(NamedTuple):
    """The step ends the run; the reason is kept in the trace, and the earlier event that it is on account of."""

    reason: str
    by: str = ""


# Puts something onto a scope, made from what that scope has.
Put = Callable[[Scope], None]


class Redaction(Protocol):
    """What a reader (a kind of destination, or `TRACE`) may see of one event."""

    scope: Scope  # as it is before the first step

    def settle(self, scope: Scope, before: Scope) -> None:
        """Redact what a step has put onto a scope that was like `before`."""

    def text(self, text: str) -> str:
        """Return a text as the reader may see it."""


class _View:
    """The scope of one reader, brought up to date when it is looked at."""

    def __init__(self, scope: Scope, steps: Sequence[Step], reader: str, outside: Outside) -> None:
        self.redactions: list[Redaction] = []
        for step in steps:
            self.redactions.append(step.redaction(scope, reader, outside))
            scope = self.redactions[-1].scope
        self._scope = {**scope, "entity": {}, "learned": {}}
        self._done = 0

    def after(self, puts: list[Put]) -> Scope:
        """Return the scope after these, of which it has seen the first ones before."""
        for put in puts[self._done :]:
            before = {**self._scope, "entity": {**self._scope["entity"]}}
            put(self._scope)
            for redaction in self.redactions:
                redaction.settle(self._scope, before)
        self._done = len(puts)
        return self._scope


class Context:
    """One run of one pipeline on one event.

    A step's `note`, and what it `changed`, are kept in the trace. They may tell of values only what `told`, `says`
    and `judge` give: a pipeline may redact some. For the same reason steps change the scope by `put` alone.
    """

    place = ""  # the name of the running step in its pipeline, under which it may remember
    note = ""  # what the step has to say
    by = ""  # the earlier event on account of which it does so
    transformed = False  # whether $body is other than the payload
    not_before: int | None = None  # when messages may go, in milliseconds
    waiting: Event | None = None  # whose message is judged again, where that is; `event` may be a newer one of the same
    ends: Sequence[str] = ()  # the events of which this one says that they are over, by id

    def __init__(
        self, pipeline: str, event: Event, outside: Outside, memory: Memory, redacting: Sequence[Step] = ()
    ) -> None:
        self.pipeline = pipeline
        self.event = event
        self.outside = outside
        self._memory = memory
        self.scope: Scope = event.scope()
        self.scope["learned"] = {}  # by kind, what of $entity is from the store
        self.to_remember: list[Remembered | Kept] = []  # once the run has queued a message
        self.noticed: list[Kept] = []  # also when the run drops the event
        self.upserts: list[Upsert] = []  # also when the run drops the event
        # What it was given: of entities, what their files and the store have; of what steps remember, what there was.
        self.given: list[tuple[str, str, Any, Traits | None]] = []
        self.answers: list[dict[str, Any]] = []
        self.changed: list[str] = []  # the refs that the step changed
        self._redacting = redacting
        if redacting:
            self._views: dict[str, _View] = {}
            self._puts: list[Put] = []

    def put(self, put: Put) -> None:
        """Change the scope, and the scope of every reader: what is made of a redacted value is made anew there."""
        put(self.scope)
        if self._redacting:
            self._puts.append(put)

    def seen_by(self, reader: str) -> Scope:
        """Return the scope as a kind of destination may see it."""
        return self._view(reader).after(self._puts) if self._redacting else self.scope

    def event_seen_by(self, reader: str) -> Event:
        """Return the event as a kind of destination may see it."""
        if not self._redacting:
            return self.event
        seen = self.seen_by(reader)["event"]
        return self.event._replace(source=seen["source"], key=seen["idempotency_key"], payload=seen["payload"])

    def cleared(self, text: str) -> str:
        """Return a text that the run tells of itself without what its pipeline redacts."""
        if self._redacting and text:
            for redaction in self._view(TRACE).redactions:
                text = redaction.text(text)
        return text

    def _view(self, reader: str) -> _View:
        if reader not in self._views:
            self._views[reader] = _View(self.event.scope(), self._redacting, reader, self.outside)
        return self._views[reader]

    @property
    def told(self) -> Scope:
        """The scope as the trace may show it."""
        return self.seen_by(TRACE)

    def told_changes(self) -> Values:
        """Return what the step changed, by ref, as the trace may show it."""
        return {ref: getter(ref.split("."))(self.told) for ref in self.changed}

    def says(self, template: Template, text: str | None) -> str:
        """Return a template's text, which is `text`, as the trace may show it."""
        return str(text) if not self._redacting else template.key(self.told) or REDACTED

    def judge(self, condition: Condition) -> tuple[bool, str]:
        """Return whether a condition holds, and why, as the trace may show it."""
        holds, words = condition.judge(self.scope)
        if self._redacting and self._hides(condition.node):
            words = f"{source(condition.node)} {'holds' if holds else 'does not hold'}: a value of it is {REDACTED}"
        return holds, words

    def number(self, value: Value) -> tuple[int | float | None, str]:
        """Return a number, null for what is none, and how it came about, as the trace may show it."""
        number, words = value.of(self.scope)
        if self._redacting and self._hides(value.node):
            words = f"{source(value.node)} = {REDACTED}"
        return number, words

    def _hides(self, node: Node) -> bool:
        return hides(node, self.scope, self.told)

    def known(self, kind: str, key: str) -> tuple[Any, Traits | None]:
        """Return the row of an entity's file, and what the store knows of it and this run has learned."""
        row, traits = self.outside.row(kind, key), self._memory.traits(kind, key)
        self.given.append((kind, key, row, traits))
        for item in self.upserts:
            if (item.kind, item.key) == (kind, key):
                traits = merged(traits, item)
        return row, traits

    def seen(self, key: str, after: int, before: int) -> Seen | None:
        """Return the latest remembrance of a key under `place`, strictly between two times."""
        found = self._memory.seen(self.place, key, after, before)
        if found is not None:
            self.answers.append({"scope": self.place, "key": key, "seen": found})
        return found

    def state(self, scope: str, key: str) -> State | None:
        """Return the state that was kept last of a key."""
        found = self._memory.state(scope, key)
        if found is not None:
            self.answers.append({"scope": scope, "key": key, "state": found})
        return found

    def shown(self, kind: str, values: Values, learned: Collection[str]) -> Values:
        """Return those values of an entity, some of them from the store, that the pipeline redacts for nobody."""
        if not self._redacting:
            return values
        scope = {**self.told, "entity": {kind: values}, "learned": {kind: dict.fromkeys(learned)}}
        before = {**scope, "entity": {}}
        for redaction in self._view(TRACE).redactions:
            redaction.settle(scope, before)
        seen = scope["entity"][kind]
        return {name: value for name, value in values.items() if name in seen and seen[name] == value}


class Step(Section):
    """One step of a pipeline; calling it continues (None) or ends the run (`Drop`)."""

    redacts: ClassVar[bool] = False  # whether it has a `redaction`, of what its keys `fields` and `detect` say
    looks_up: ClassVar[bool] = False  # whether it puts an entity onto `$entity`
    saves: ClassVar[bool] = False  # whether it writes onto entities
    measures: ClassVar[bool] = False  # whether two events of one key, of `about`, measure the same thing
    # The objects that it puts on the scope under roots of its own, each with the types of its values by their names:
    # `number`, `integer`, `boolean`, `date`, `datetime`, `string`. Any of them may be null.
    # A `direction` that is `down` says that what the event tells is over.
    puts: ClassVar[dict[str, dict[str, str]]] = {}

    def __call__(self, context: Context) -> Drop | None:
        raise NotImplementedError

    def again(self, context: Context) -> Drop | None:
        """Judge again whether what an event's message says is so; what the step remembers of it is no reason."""
        return self(context)

    def about(self, scope: Scope) -> str | None:
        """Return the key of what an event is about, as far as the scope before the first step tells it."""
        return None

    @classmethod
    def remembers(cls, data: TomlTable) -> int | None:
        """Return for how long a step of this compiled data remembers, in milliseconds; None: for ever.

        For ever is what it keeps under `Context.place` itself.
        """
        return 0

    @classmethod
    def lists(cls, data: TomlTable) -> dict[str, list[Any]]:
        """Return by name all the values beside null that may be put, where compiled data tells them, for `validate`."""
        return {}

    @classmethod
    def asks_reactions(cls, data: TomlTable) -> str | None:
        """Return the key of compiled data by which it asks who has reacted to a message; None: it does not."""
        return None

    @classmethod
    def reads(cls, data: TomlTable) -> str | None:
        """Return the kind of entity that compiled data looks up; None: none."""
        return None

    @classmethod
    def writes(cls, data: TomlTable) -> dict[str, TomlTable]:
        """Return what compiled data writes onto entities: the traits, by kind."""
        return {}

    @classmethod
    def keeps(cls, data: TomlTable) -> tuple[str, Node] | None:
        """Return the key and the node of the condition that an event must meet to go on, for `validate`."""
        return None

    @classmethod
    def body_refs(cls, data: TomlTable) -> list[list[str]] | None:
        """Return the refs of what compiled data makes `$body` of; None: that stays as it is."""
        return None

    @classmethod
    def body_names(cls, data: TomlTable, names: Names | None) -> Names | None:
        """Return the names that `$body` has afterwards; `names` are those before, None where they are not known."""
        return names

    @classmethod
    def idle(cls, data: TomlTable, names: Names) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield (path, words) of what has no effect on a `$body` with these names."""
        yield from ()

    def foresee(self, place: str, event: Event, scope: Scope, foreseen: Foreseen) -> None:
        """Add what a call will look up, as far as that can be told from the scope before the first step."""

    def redaction(self, scope: Scope, reader: str, outside: Outside) -> Redaction:
        """Return what a reader may see of an event's scope. It holds for the whole pipeline, wherever the step stands.

        ProjectError when that cannot be told: then nothing is sent.
        """
        raise NotImplementedError


def know(scope: Scope, kind: str, values: Values, traits: Traits | None = None) -> None:
    """Put what is known of an entity onto a scope; `traits` is what of it the store has."""
    scope["entity"][kind] = values
    scope["learned"][kind] = traits.values if traits else {}
