"""A body's words, one line each: for comparing two of them."""

from ..model import families
from ..system.typed import Body
from . import data


def lines(body: Body) -> list[str]:
    """Return the lines of a message, by the kind of destination that knows it, or of a body that is none, as JSON.

    Ids of events and deliveries are data like any other.
    """
    for kind in families.kinds("destinations"):
        words: list[str] | None = families.member("destinations", kind).lines(body)
        if words is not None:
            return words
    return data.lines(body)
