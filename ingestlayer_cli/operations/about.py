"""Who an event is about, and what a message says first: what people know them by."""

from ..model import families
from ..project import Project
from ..project.glimpse import Glimpse
from ..system.typed import Payload

_FIELDS = ("customer_id", "customer", "account_id", "account", "user_id", "user", "email")


def who(project: Project | Glimpse, payload: Payload, key: str | None = None) -> str:
    """Return whom a payload names: by the key of an entity of the project, else by a usual field, else by its key."""
    for name in (*(table["key"] for table in project.entities.values()), *_FIELDS):
        value = payload.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return key or ""


def title(destination: str, body: object) -> str:
    """Return the first words of a message as its destination keeps it."""
    if not isinstance(body, dict):
        return ""
    try:
        texts = families.member("destinations", families.kind_of(destination)).texts(body)
    except (ImportError, LookupError, TypeError):  # a kind that there was, or a body that another program has queued
        texts = [str(body.get("text", ""))]
    return next((" ".join(text.split()) for text in texts if text.strip()), "")
