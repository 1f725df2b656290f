"""transform: another body for the destinations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..language.expressions import Scope
from ..language.templates import substitute
from ..model.families import NO_ZONE, Structure, TimeZone, WrongKeyError, refs_in
from ..system.errors import as_written, near_miss
from ..system.typed import Annotated, Any, Body, TomlTable
from .base import Context, Drop, Names, Step


class Transform(Step):
    """Changes the body that destinations get, `$body`; without it that is the event's payload.

    Either as a whole, every text in it a template. A text that is nothing but one ref or `${…}` keeps the type of
    its value:

        [[steps]]
        use = "transform"
        body = { account = "$event.customer_id", share = "${event.used / event.limit}" }

    or in parts. Names may be paths, `usage.used`; first comes `rename`, of all names at once, then `remove`, then
    `set`:

        [[steps]]
        use = "transform"
        rename = { customer_id = "account" }
        remove = ["plan"]
        set = { "usage.share" = "${event.used / event.limit | percent}" }

    `$event` stays the event as it was sent. A `webhook` or `file` sends the new body in place of its own; the default
    message of `slack` lists its fields.
    """

    body: Annotated[Structure | None, "The whole new body."] = None
    rename: Annotated[dict[str, str], "Other names for fields of the payload: old = new."] = {}
    remove: Annotated[list[str], "Fields that are left out."] = []
    set: Annotated[dict[str, Structure], "Fields that are put in, by their paths."] = {}
    timezone: Annotated[TimeZone, "What times in texts mean; without it the project's."] = NO_ZONE

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
        if not values:
            raise ValueError("needs `body`, `rename`, `remove` or `set`")
        body = values.get("body", {})
        if not isinstance(body, dict) or "$template" in body:
            words = f"body must be a table, not {'a text' if isinstance(body, dict) else as_written(body)}"
            raise WrongKeyError(words, "body")
        rename = values.get("rename", {})
        names = [("rename", old, name) for old, new in rename.items() for name in (old, new)]
        names += [("remove", index, name) for index, name in enumerate(values.get("remove", []))]
        names += [("set", name, name) for name in values.get("set", {})]
        for key, place, name in names:
            if not all(name.split(".")):
                raise WrongKeyError(f'"{name}" is neither a name nor a path of names', key, place)
        return values

    @classmethod
    def body_refs(cls, data: TomlTable) -> list[list[str]]:
        made = [data.get("body"), data.get("set")]
        return [*refs_in(made), *(["event", "payload", *name.split(".")] for name in data.get("rename", {}))]

    @classmethod
    def body_names(cls, data: TomlTable, names: Names | None) -> Names | None:
        if "body" in data:
            names = set(data["body"])
        if names is None:
            return None
        renamed = data.get("rename", {})
        names = (names - set(renamed)) | _firsts(renamed.values())
        return (names - set(data.get("remove", []))) | _firsts(data.get("set", {}))

    @classmethod
    def idle(cls, data: TomlTable, names: Names) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if "body" in data:
            return
        renamed = data.get("rename", {})
        gone: list[tuple[str, str | int, str]] = [("rename", name, name) for name in renamed]
        gone += [("remove", number, name) for number, name in enumerate(data.get("remove", []))]
        for key, place, name in gone:
            if name.split(".")[0] not in names | _firsts(renamed.values()):
                yield (key, place), f"{key}: the body has no {name}{near_miss(name, names)}"

    def __call__(self, context: Context) -> Drop | None:
        context.put(self._put_body)
        context.transformed = True
        context.changed.append("body")
        context.note = f"the body has {', '.join(context.scope['body']) or 'no fields'}"
        return None

    def _put_body(self, scope: Scope) -> None:
        body = scope["body"] if self.body is None else substitute(self.body, scope)
        moved = []
        for old, new in self.rename.items():
            body, value = _taken(body, old.split("."))
            moved.append((new, value))
        for new, value in moved:
            if value is not _MISSING:
                body = _put(body, new.split("."), value)
        for name in self.remove:
            body, _ = _taken(body, name.split("."))
        for name, value in self.set.items():
            body = _put(body, name.split("."), substitute(value, scope))
        scope["body"] = body


_MISSING: Any = object()


def _firsts(paths: Iterable[str]) -> Names:
    """Return the first name of each path."""
    return {path.split(".")[0] for path in paths}


def _taken(body: Body, path: list[str]) -> tuple[Body, Any]:
    """Return the body without the value at a path, and that value. The body that was given stays as it is."""
    name, *rest = path
    if name not in body:
        return body, _MISSING
    if not rest:
        return {other: value for other, value in body.items() if other != name}, body[name]
    inner = body[name]
    if not isinstance(inner, dict):
        return body, _MISSING
    inner, value = _taken(inner, rest)
    return {**body, name: inner}, value


def _put(body: Body, path: list[str], value: object) -> Body:
    """Return the body with a value at a path, making the objects on the way to it."""
    name, *rest = path
    if not rest:
        return {**body, name: value}
    inner = body.get(name)
    return {**body, name: _put(inner if isinstance(inner, dict) else {}, rest, value)}
