"""streak: every so manyth event of a key."""

from typing import Any, ClassVar

from ingestlayer_cli.language.templates import Template
from ingestlayer_cli.model.families import Duration
from ingestlayer_cli.model.memory import Kept
from ingestlayer_cli.steps.base import Context, Drop, Step


class Streak(Step):
    """Lets every `every`th event of a key pass; who rests for as long as `lasts` begins anew.

        [[steps]]
        use = "streak"
        key = "$event.customer_id"
        every = 2
        lasts = "300d"

    Without `lasts` nobody begins anew. Later steps and messages have `$streak.count` and `$streak.key`.
    """

    puts: ClassVar[dict[str, dict[str, str]]] = {"streak": {"count": "integer", "key": "string"}}

    key: Template
    every: int
    lasts: Duration | None = None

    @classmethod
    def remembers(cls, data: dict[str, Any]) -> int | None:
        return data.get("lasts")

    def __call__(self, context: Context) -> Drop | None:
        key, at = self.key.key(context.scope) or "", context.event.received_at
        kept = context.state(context.place, key)
        goes_on = kept is not None and (self.lasts is None or at - kept.at < self.lasts)
        count = kept.value["count"] + 1 if kept is not None and goes_on else 1
        context.noticed.append(Kept(context.place, key, {"count": count}, at))
        context.put(lambda scope: scope.update(streak={"count": count, "key": self.key.key(scope)}))
        context.changed.append("streak")
        return None if count % self.every == 0 else Drop(f"{count} is not {self.every}")
