"""narrow: a condition and a smaller body in one."""

from typing import Any

from ingestlayer_cli.language.conditions import Condition
from ingestlayer_cli.language.expressions import Node, Scope
from ingestlayer_cli.steps.base import Context, Drop, Names, Step


class Narrow(Step):
    """Goes on with what holds, and leaves a few names of the body.

    [[steps]]
    use = "narrow"
    where = "$event.used > 10"
    names = ["used"]
    """

    where: Condition
    names: list[str]

    @classmethod
    def keeps(cls, data: dict[str, Any]) -> tuple[str, Node]:
        return "where", data["where"]["$condition"]

    @classmethod
    def body_refs(cls, data: dict[str, Any]) -> list[list[str]]:
        return [["event", "payload", name] for name in data["names"]]

    @classmethod
    def body_names(cls, data: dict[str, Any], names: Names | None) -> Names:
        return set(data["names"])

    def __call__(self, context: Context) -> Drop | None:
        holds, context.note = context.judge(self.where)
        context.put(self._put)
        return None if holds else Drop(context.note)

    def _put(self, scope: Scope) -> None:
        scope["body"] = {name: scope["body"].get(name) for name in self.names}
