"""once: the first event of a key, ever."""

from typing import Any

from ingestlayer_cli.language.templates import Template
from ingestlayer_cli.model.memory import Remembered
from ingestlayer_cli.steps.base import Context, Drop, Step

_FAR = 1 << 62


class Once(Step):
    """Drops all events of a key but the first that led to a message.

    [[steps]]
    use = "once"
    key = "$event.customer_id"
    """

    key: Template

    @classmethod
    def remembers(cls, data: dict[str, Any]) -> int | None:
        return None

    def __call__(self, context: Context) -> Drop | None:
        key = self.key.key(context.scope) or ""
        if seen := context.seen(key, -_FAR, _FAR):
            return Drop(f"{seen.event_id} was the first")
        context.to_remember.append(Remembered(context.place, key, context.event.received_at))
        return None
