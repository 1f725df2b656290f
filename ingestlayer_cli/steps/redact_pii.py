"""redact.pii: what each kind of destination may see of an event."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from ..language.conditions import REDACTED
from ..language.expressions import ROOTS, Scope
from ..language.templates import as_text
from ..model.detectors import DETECTORS
from ..model.events import OWN, Event
from ..model.families import Actions, Secret, WrongKeyError
from ..model.memory import Foreseen, Outside
from ..model.redaction import find, mask, rooted
from ..system.typed import Annotated, Any, ClassVar, NamedTuple, Payload, TomlTable, Values
from .base import TRACE, Context, Drop, Redaction, Step

_SHORT = 4  # characters; a shorter value is not looked for in other texts
_LEAST = 3  # characters of the shortest secret that is detected: ::1
_LONG = 8  # a shorter one counts there only as a word of its own
_NOT_OWN = {*ROOTS, "learned"}  # the roots of a scope that are not some step's own
_HIDE = "hide"  # what the trace does, whatever the others do


class RedactPii(Step):
    """Says what becomes of personal data and secrets for each kind of destination: `keep`, `mask`, `hash` or `drop`.

        [[steps]]
        use = "redact.pii"
        secret = "env:REDACTION_KEY"
        fields = { customer_id = "hash", plan = { slack = "drop", webhook = "keep" } }
        detect = { "*" = "mask", card = { slack = "drop", "*" = "mask" } }

    It holds for the whole pipeline, wherever it stands: conditions and keys of steps work with the real values, but
    no message, trace, reason or error shows one. The trace shows `[redacted]` for all that some destination does not
    keep. `ingestlayer events show` shows the event whole.

    `fields` are paths into the payload, `contact.phone`, into lists too; or `entity.customer.email`, or `body.email`
    of what a `transform` made. `detect` looks through every text and name for what looks like `email`, `phone`,
    `card`, `iban`, `ip`, `bearer`, `api_key`, `jwt` or `private_key`; `"*"` stands for all that are not named. It
    looks through the event, what a `transform` made of it and traits of the store, but not through entity files:
    there, what is redacted of the event is found again by its value. A field that is kept is not looked through.

    An action is for every destination, or a table has one for each kind, `"*"` for the others. A mask leaves
    `j•••@acme.com`, the last four digits of a card, the last two of a phone, of other long texts the ends. `hash` puts
    16 hex digits of an HMAC-SHA256 with `secret` in place: the same value, the same digits. `drop` takes the field
    away, and in a text leaves `[redacted]`. An object is masked or hashed as a whole.
    """

    redacts: ClassVar[bool] = True

    secret: Annotated[Secret | None, "The secret that `hash` needs."] = None
    fields: Annotated[dict[str, Actions], "What becomes of fields, by their paths."] = {}
    detect: Annotated[
        dict[str, Actions], "What becomes of what looks like personal data or a secret, by its detector."
    ] = {}

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._plans: dict[str, _Plan] = {}
        rows = [*self.fields.values(), *self.detect.values()]
        self._hashes = any("hash" in row.values() for row in rows)

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
        rows = {(key, name): row for key in ("fields", "detect") for name, row in values.get(key, {}).items()}
        if not rows:
            raise ValueError('needs `fields` or `detect`, like detect = { "*" = "mask" }')
        hashing = next((place for place, row in rows.items() if "hash" in row.values()), None)
        if "secret" not in values and hashing is not None:
            raise WrongKeyError('`hash` needs a key: secret = "env:REDACTION_KEY"', *hashing)
        return values

    def __call__(self, context: Context) -> Drop | None:
        context.note = "holds for every step and message of this pipeline"
        return None

    def redaction(self, scope: Scope, reader: str, outside: Outside) -> Redaction:
        if reader not in self._plans:
            self._plans[reader] = self._plan(reader)
        return _Reading(self._plans[reader], scope, lambda: outside.secret(self.secret or ""))

    def foresee(self, place: str, event: Event, scope: Scope, foreseen: Foreseen) -> None:
        if self._hashes and self.secret:
            foreseen.secrets.add(self.secret)

    def _plan(self, reader: str) -> _Plan:
        plan = _Plan(_Node(), _Node(), _Node(), {})
        for name, row in self.fields.items():
            root, path = rooted(name)
            getattr(plan, root).add(path, _action(row, reader))
        for kind in DETECTORS:
            found = self.detect.get(kind) or self.detect.get("*")
            if found and (action := _action(found, reader)) != "keep":
                plan.detect[kind] = action
        return plan


def _action(row: Actions, reader: str) -> str:
    """Return what a reader gets. Of a kind that is not named, nothing is known: it gets a mask."""
    if reader == TRACE:
        return "keep" if set(row.values()) == {"keep"} else _HIDE
    return row.get(reader) or row.get("*") or "mask"


class _Node:
    """What becomes of the values at a path, and below it."""

    def __init__(self) -> None:
        self.action: str | None = None
        self.inside: dict[str, _Node] = {}

    def add(self, path: list[str], action: str) -> None:
        node = self
        for name in path:
            node = node.inside.setdefault(name, _Node())
        node.action = action

    def under(self, name: str, action: str | None) -> tuple[_Node, str | None]:
        """Return the node of a name below, and what becomes of its values."""
        node = self.inside.get(name, _EMPTY)
        return node, node.action or action


_EMPTY = _Node()


class _Plan(NamedTuple):
    """What one reader gets."""

    payload: _Node
    entity: _Node
    body: _Node
    detect: dict[str, str]  # the action for each kind that is not kept


class _Reading:
    """What one reader sees of one event."""

    def __init__(self, plan: _Plan, scope: Scope, secret: Callable[[], str]) -> None:
        self._plan = plan
        self._secret = secret
        self._secrets: dict[str, str] = {}  # what stands in place of each
        self._kept: set[str] = set()
        event = scope["event"]
        payload = event["payload"]
        source, key = event["source"], event["idempotency_key"]
        self._gather(payload, plan.payload)
        for text in (source, key or ""):
            self._gather_found(text)
        seen = self._seen(payload, plan.payload)
        head = {name: event[name] for name in OWN}  # never redacted
        head["source"] = self.text(source)
        head["idempotency_key"] = None if key is None else self._key_text(key)
        body = self._of_body(seen) if plan.body.inside else seen
        self.scope: Scope = {**scope, "event": {**seen, **head, "payload": seen}, "body": body}

    def settle(self, scope: Scope, before: Scope) -> None:
        """Redact what a step has put onto a scope that was like `before`."""
        if scope["body"] is not before["body"]:
            scope["body"] = self._of_body(scope["body"])
        for root in scope.keys() - _NOT_OWN:
            if scope[root] is not before.get(root):
                scope[root] = self._seen(scope[root], _EMPTY)
        for kind, row in scope["entity"].items():
            if row is not before["entity"].get(kind):
                scope["entity"][kind] = self._of_entity(kind, row, scope["learned"][kind])

    def text(self, text: str) -> str:
        """Return a text as the reader may see it."""
        return self._cut(text, [*self._places(text), *self._findings(text)]) if len(text) >= _LEAST else text

    def _of_body(self, body: object) -> Any:
        self._gather(body, self._plan.body)
        return self._seen(body, self._plan.body)

    def _of_entity(self, kind: str, row: Values, learned: Values) -> Any:
        node, action = self._plan.entity.under(kind, None)
        if action not in (None, "keep"):
            self._gather(row, node, action)
            return {}
        stored = {name: value for name, value in row.items() if name in learned}
        self._gather(stored, node)
        others = {name: value for name, value in row.items() if name not in learned}
        self._gather(others, node, detect=False)
        seen = self._seen(stored, node) | self._seen(others, node, detect=False)
        return {name: seen[name] for name in [*row, *seen] if name in seen}

    # First: what is secret -----------------------------------------------------------------------------

    def _gather(self, value: object, node: _Node, action: str | None = None, detect: bool = True) -> None:
        """Learn which values below a node are redacted, and which are kept."""
        detect = detect and bool(self._plan.detect)
        if not (detect or action or node.inside):
            return
        if isinstance(value, dict):
            for name, inner in value.items():
                if action is None and detect:
                    self._gather_found(name)
                self._gather(inner, *node.under(name, action), detect)
        elif isinstance(value, list):
            for item in value:
                self._gather(item, node, action, detect)
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            text = _text(value)
            if action == "keep":
                self._kept.add(text)
                return
            if action is not None:
                self._learn(text, self._replaced(text, action))
            if detect:
                self._gather_found(text)

    def _learn(self, text: str, replacement: str) -> None:
        """Learn a value of a redacted field, and the other forms in which it may be put into a text."""
        self._secrets[text] = replacement
        if (escaped := json.dumps(text, ensure_ascii=False)[1:-1]) != text:
            self._secrets[escaped] = replacement
        if text.isdecimal() and text.isascii() and len(text) < 20:
            self._secrets[f"{int(text):,}"] = replacement

    def _gather_found(self, text: str) -> None:
        for start, end, kind in find(text) if len(text) >= _LEAST else ():
            if (action := self._plan.detect.get(kind)) is not None:
                self._secrets.setdefault(text[start:end], self._replaced(text[start:end], action))

    def _replaced(self, text: str, action: str) -> str:
        """Return what stands in place of a text."""
        if action == "mask":
            return mask(text)
        if action != "hash":
            return REDACTED
        import hmac

        return hmac.new(self._secret().encode(), text.encode(), "sha256").hexdigest()[:16]

    # Then: what is seen --------------------------------------------------------------------------------

    def _seen(self, value: object, node: _Node, action: str | None = None, detect: bool = True) -> Any:
        """Return the value at a node as the reader may see it."""
        if isinstance(value, list):
            return [self._seen(item, node, action, detect) for item in value]
        if isinstance(value, dict) and (node.inside or action in (None, "keep")):
            return self._seen_object(value, node, action, detect)
        if action == "keep" or value is None:
            return value
        if action is not None:
            return self._replaced(_text(value), action)
        return self._seen_leaf(value, detect)

    def _seen_object(self, value: Payload, node: _Node, action: str | None, detect: bool) -> Payload:
        found: Payload = {}
        for name, inner in value.items():
            below, becomes = node.under(name, action)
            if becomes == "drop" and not below.inside:
                continue
            shown = self._name(name) if action != "keep" and detect and name not in node.inside else name
            found[_unlike(shown, found)] = self._seen(inner, below, becomes, detect)
        return found

    def _seen_leaf(self, value: object, detect: bool) -> Any:
        if isinstance(value, str):
            return self._leaf(value, detect)
        if isinstance(value, bool):
            return value
        text = _text(value)
        return value if (seen := self._leaf(text, detect)) == text else seen

    def _leaf(self, text: str, detect: bool) -> str:
        if text in self._kept:
            return text
        if detect:
            return self.text(text)
        # A short value stands by chance in what the operator's own files say.
        return self._secrets.get(text) or self._cut(text, self._places(text, _LONG))

    def _name(self, name: str) -> str:
        """Return a name; a short value stands there by chance."""
        return self._cut(name, [*self._places(name, _LONG), *self._findings(name)])

    def _key_text(self, key: str) -> str:
        """Return an idempotency key, in which a value may be as short as it likes."""
        return self._cut(key, [*self._places(key, 1), *self._findings(key)])

    def _places(self, text: str, least: int = _SHORT) -> Iterator[_Span]:
        """Yield where secrets stand in a text, in any case."""
        lower = text.lower()
        if len(lower) != len(text):  # a few letters are two in the other case
            lower = text
        for secret, replacement in self._secrets.items():
            if not least <= len(secret) <= len(text) or secret in self._kept:
                continue
            for wanted in {secret, secret.lower()}:
                start = lower.find(wanted)
                while start >= 0:
                    end = start + len(wanted)
                    if len(wanted) >= _LONG or not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()):
                        yield _Span(start, end, replacement)
                    start = lower.find(wanted, end)

    def _findings(self, text: str) -> Iterator[_Span]:
        for start, end, kind in find(text) if self._plan.detect and len(text) >= _LEAST else ():
            action = self._plan.detect.get(kind)
            if action is not None and text[start:end] not in self._kept:
                yield _Span(start, end, self._replaced(text[start:end], action))

    def _cut(self, text: str, spans: Iterator[_Span] | list[_Span]) -> str:
        """Return a text with spans of it replaced; those that overlap are one."""
        joined: list[_Span] = []
        for span in sorted(spans, key=lambda span: (span.start, -span.end)):
            if not joined or span.start >= joined[-1].end:
                joined.append(span)
            elif span.end > joined[-1].end:
                joined[-1] = _Span(joined[-1].start, span.end, REDACTED)
        parts, place = [], 0
        for start, end, replacement in joined:
            parts += [text[place:start], replacement]
            place = end
        return "".join([*parts, text[place:]])


class _Span(NamedTuple):
    start: int
    end: int
    replacement: str


def _text(value: object) -> str:
    """Return a value as text; a whole number by all of its digits, however it came."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else as_text(value)


def _unlike(name: str, others: Values) -> str:
    """Return a name that is not taken: two names may have one mask."""
    number, free = 1, name
    while free in others:
        number += 1
        free = f"{name} ({number})"
    return free
