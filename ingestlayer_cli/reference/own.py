"""The events that this tool emits itself."""

from collections.abc import Iterator

from ..model.declarations import Declaration, Field
from ..project.check_table import STALE_DECLARATION
from ..project.own import OWN
from ..system.typed import TomlTable
from .topics import Topic


def topics() -> Iterator[Topic]:
    """Yield the types of its own events, each with its fields."""
    every: list[TomlTable] = [STALE_DECLARATION, *OWN.values()]
    for data in every:
        found = Declaration(data)
        fields = "; ".join(map(_told, found.fields.values()))
        text = f"{found.description}\n\nA pipeline may match it, without a declaration. Its fields: {fields}."
        yield Topic(found.type, "event", f"the event {found.type}", text)


def _told(field: Field) -> str:
    """Return a field with what is known of it: `state` (open, resolved)."""
    words = ", ".join(map(str, field.values or [])) or field.description.rstrip(".") or field.type
    return f"`{field.name}` ({words})"
