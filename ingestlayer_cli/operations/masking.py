"""Personal data out of what leaves the store for a file: by the rules of redact.pii, and the same for the same value.

Two values that differ have masks that differ, so that whatever compares them, a dedupe key or a condition, still does.
"""

from collections.abc import Iterable
from typing import Any

from ..language.templates import as_text
from ..model import families
from ..model.declarations import Declaration, Field
from ..model.redaction import find, mask, rooted
from ..system.typed import Payload, TomlTable, Values

_HIDDEN = "•••"
_SHORT = 4  # characters; a shorter value is not looked for inside of other texts

Path = tuple[str, ...]


class Masking:
    """Masks what detectors find, and the fields that pipelines redact; what one keeps for everybody, it leaves."""

    def __init__(self, pipelines: Iterable[TomlTable]) -> None:
        self._hidden: set[Path] = set()
        self._kept: set[Path] = set()
        self._made: dict[str, str] = {}  # what stands in place of each text
        self._numbers: dict[float, int] = {}
        self.names: set[str] = set()  # of the fields in which anything was masked
        for pipeline in pipelines:
            for step in pipeline["steps"]:
                for name, actions in families.redacted(step).items():
                    root, path = rooted(name)
                    (self._kept if set(actions.values()) == {"keep"} else self._hidden).add((root, *path))
        self._kept -= self._hidden

    def payload(self, payload: Payload, declaration: Declaration | None) -> Payload:
        """Return a payload that its declaration admits as it did."""
        fields = declaration.fields if declaration is not None else {}
        return {name: self._value(value, ("payload", name), name, fields.get(name)) for name, value in payload.items()}

    def row(self, kind: str, row: Values) -> Values:
        """Return a row of an entity."""
        return {name: self._value(value, ("entity", kind, name), f"{kind}.{name}") for name, value in row.items()}

    def text(self, text: str) -> str:
        """Return a text with all that was masked, and all that is detected, masked."""
        for secret in sorted(self._made, key=len, reverse=True):
            if len(secret) >= _SHORT:
                text = text.replace(secret, self._made[secret])
        return self._detected(text)

    def _value(self, value: object, path: Path, name: str, field: Field | None = None, hides: bool = False) -> Any:
        hides = hides or path in self._hidden
        if path in self._kept or value is None or isinstance(value, bool) or (field and field.values is not None):
            return value
        if isinstance(value, dict):
            return {key: self._value(inner, (*path, key), name, None, hides) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner, path, name, None, hides) for inner in value]
        masked = self._masked(value, field.type if field else "", hides)
        if masked != value:
            self.names.add(name)
        return masked

    def _masked(self, value: Any, kind: str, hides: bool) -> Any:
        if isinstance(value, str):
            if not hides:
                return self._detected(value)
            if kind in ("date", "datetime"):
                return "2000-01-01" + ("T00:00:00Z" if kind == "datetime" else "")
            return self._in_place_of(value) if value else value
        digits = as_text(value)
        if hides or any(it.end - it.start == len(digits) for it in find(digits)):
            whole = len(str(abs(int(value))))
            return self._numbers.setdefault(value, 10 ** (whole - 1) + len(self._numbers))
        return value

    def _detected(self, text: str) -> str:
        spans = sorted(find(text), key=lambda it: (it.start, -it.end))
        parts, at = [], 0
        for start, end, _ in spans:
            if start >= at:
                parts += [text[at:start], self._in_place_of(text[start:end])]
                at = end
        return "".join([*parts, text[at:]])

    def _in_place_of(self, text: str) -> str:
        if text in self._made.values():  # it is a mask
            return text
        if text not in self._made:
            made = base = mask(text)
            taken, number = set(self._made.values()), 1
            while made in taken:
                number += 1
                made = base.replace(_HIDDEN, f"{_HIDDEN}{number}", 1)
            self._made[text] = made
        return self._made[text]
