"""pager: a few lines on somebody's pager."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

from ingestlayer_cli.destinations.base import Composing, Connection, Destination, Draw, Remark, Target
from ingestlayer_cli.language.expressions import Scope
from ingestlayer_cli.language.templates import Template
from ingestlayer_cli.model.families import Duration, Section
from ingestlayer_cli.model.forms import Form
from ingestlayer_cli.model.sending import Sender


class PagerTable(Section):
    """How calls reach a pager.

    [pager]
    pace = "300ms"
    operator = "north"
    """

    pace: Annotated[Duration, "The time between two calls to one number."] = Duration(300)
    operator: Annotated[str, Form("[a-z]+", "a name in small letters"), "Who calls."] = "nobody"
    mute: Annotated[list[str] | None, "The numbers that are not called.", ["911"]] = None


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
        return Connection("radio", pace=table["pace"], doubt="resend", settings=table)

    @classmethod
    def settings(cls) -> type[Section]:
        return PagerTable

    @classmethod
    def idle(cls, table: dict[str, Any], used: list[dict[str, Any]]) -> Iterator[tuple[tuple[str, ...], str]]:
        numbers = [data["number"]["$template"] for data in used]
        for number in table["mute"] or ():
            if [number] not in numbers:
                yield ("mute",), f"{number} is called by nobody"

    @classmethod
    def post(cls, data: dict[str, Any]) -> tuple[str, str] | None:
        parts = data["number"]["$template"]
        return ("number", f"pager {parts[0]}") if parts == [part for part in parts if isinstance(part, str)] else None

    @classmethod
    def warnings(cls, data: dict[str, Any], connection: Connection) -> Iterator[Remark]:
        if data["number"]["$template"] == ["911"]:
            yield Remark("number", f"over the {connection.name} 911 is not for alerts")

    def target(self, scope: Scope) -> Target:
        return Target(self.number.key(scope) or "nobody")

    def compose(self, composing: Composing) -> str:
        return json.dumps({"lines": [self.text.render(composing.scope), composing.connection]})

    @classmethod
    def drawn(cls, body: dict[str, Any], target: str, at: str) -> Any:
        from rich.text import Text

        return Text(f"[{target}] <{' / '.join(body['lines'])}>")

    @classmethod
    def texts(cls, body: dict[str, Any]) -> list[str]:
        return [line.upper() for line in body["lines"]]

    @classmethod
    def lines(cls, body: dict[str, Any]) -> list[str] | None:
        return body["lines"] if body.keys() == {"lines"} else None

    @classmethod
    def fields(cls, body: dict[str, Any]) -> dict[str, str]:
        return {"over": body["lines"][1]}

    @classmethod
    def sender(cls, connection: Connection, draw: Draw, root: str) -> Sender:
        from .sender import Radio

        return Radio(root)
