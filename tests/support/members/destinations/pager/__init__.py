"""pager: a few lines on somebody's pager."""

from collections.abc import Iterator
from typing import Any

from ingestlayer_cli.destinations.base import Composing, Connection, Destination, Draw, Remark, Target
from ingestlayer_cli.language.expressions import Scope
from ingestlayer_cli.language.templates import Template
from ingestlayer_cli.model.sending import Sender

PACE = 300


class Pager(Destination):
    """Calls a pager.

    [[destinations]]
    use = "pager"
    number = "$event.plan"
    text = "$event.customer_id is over"
    """

    number: Template
    text: Template

    @classmethod
    def connection(cls, table: dict[str, Any], account: str) -> Connection:
        return Connection("radio", pace=PACE, doubt="resend")

    @classmethod
    def warnings(cls, data: dict[str, Any], connection: Connection) -> Iterator[Remark]:
        if data["number"]["$template"] == ["911"]:
            yield Remark("number", f"over the {connection.name} 911 is not for alerts")

    def target(self, scope: Scope) -> Target:
        return Target(self.number.key(scope) or "nobody")

    def compose(self, composing: Composing) -> dict[str, Any]:
        return {"lines": [self.text.render(composing.scope), composing.connection]}

    @classmethod
    def drawn(cls, body: dict[str, Any], target: str, at: str) -> Any:
        from rich.text import Text

        return Text(f"[{target}] <{' / '.join(body['lines'])}>")

    @classmethod
    def texts(cls, body: dict[str, Any]) -> list[str]:
        return [line.upper() for line in body["lines"]]

    @classmethod
    def fields(cls, body: dict[str, Any]) -> dict[str, str]:
        return {"over": body["lines"][1]}

    @classmethod
    def sender(cls, connection: Connection, draw: Draw, root: str) -> Sender:
        from .sender import Radio

        return Radio(root)
