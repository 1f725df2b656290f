"""A message drawn as its destination says, any other body as the data that it is."""

from rich.console import RenderableType

from ..model import families
from ..system.typed import Body
from .data import document


def message(label: str, target: str, body: Body, at: str = "") -> RenderableType:
    """Return what goes to `target` over the connection of a label, at the time `at`."""
    kind = families.kind_of(label)
    drawn: RenderableType | None = families.member("destinations", kind).drawn(body, target, at)
    return document(body, label, target) if drawn is None else drawn
