"""`events`: the stored events."""

from typing import Annotated

import typer

from . import open_runtime
from .options import Json

app = typer.Typer(help="The stored events.", no_args_is_help=True)


@app.command("list")
def list_events(
    type_: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Of this type only.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    json: Json = False,
) -> int:
    """List the newest events, newest first."""
    from ..console import say, say_json

    with open_runtime() as runtime:
        events = runtime.store.events(type_, limit)
    for event in events:
        document = event.document()
        if json:
            say_json(document)
        else:
            say(f"{event.id}  {document['received_at']}  {event.type}  {event.key or ''}")
    return 0


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The event's id, or the start of it.")],
    json: Json = False,
) -> int:
    """Show one event whole."""
    from ..console import say, say_json
    from ..errors import UsageError

    with open_runtime() as runtime:
        found = runtime.store.events_starting(id_)
    if len(found) != 1:
        words = f"{id_} is the start of several events" if found else f"there is no event {id_}"
        raise UsageError(words, "`ingestlayer events list` shows the latest")
    document = found[0].document()
    if json:
        say_json(document)
        return 0
    for name in ("id", "type", "received_at", "source", "idempotency_key"):
        say(f"{name:16} {document[name] if document[name] is not None else '-'}")
    for name, value in document["payload"].items():
        say(f"  {name} = {_json(value)}")
    return 0


def _json(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
