"""`keys`: who may send to `serve`."""

from typing import TYPE_CHECKING, Annotated

import typer

from . import open_beside
from .options import Hushed, Json

if TYPE_CHECKING:
    from ..model.documents.keys import KeysDocument, NewKeyDocument


app = typer.Typer(help="Keys: who may send to `serve`.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is: billing-backend.")]


@app.command()
def create(
    name: Name,
    types: Annotated[
        list[str] | None,
        typer.Option("--types", metavar="TYPES", help='The event types it is for: usage.limit_reached, "usage.*".'),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DURATION", help="For how long it is good: 90d.")
    ] = None,
    json: Json = False,
) -> int:
    """Make a key and print it, this once: what is stored is its SHA-256.

    ingestlayer keys create billing-backend --types "usage.*" --expires 90d
    """
    from ..operations import keys
    from ..system.console import note, say, say_json

    patterns = [part.strip() for text in types or ["*"] for part in text.split(",")]
    with open_beside() as runtime:
        key, token = keys.create(runtime.store, runtime.clock, name, patterns, expires)
        for pattern in keys.unknown_types(runtime.project, key):
            note(f"note: --types: no declared event is {pattern}", "yellow")
        document = keys.document(key, runtime.clock.now())
    if json:
        made: NewKeyDocument = {**document, "key": token}
        say_json(made)
    else:
        say(token)
        note(f"this is all that is ever shown of it: {name}, for {', '.join(patterns)}{_until(document['expires_at'])}")
    return 0


@app.command("list")
def list_keys(json: Json = False) -> int:
    """List the keys, with their last use."""
    from ..operations import keys
    from ..system.console import say, say_json

    with open_beside(keep=False) as runtime:
        now = runtime.clock.now()
        found = [keys.document(key, now) for key in (runtime.stored.keys.every() if runtime.stored else [])]
    if json:
        listed: KeysDocument = {"keys": found}
        say_json(listed)
        return 0
    for document in found:
        used = f"last used {document['last_used_at']}" if document["last_used_at"] else "never used"
        words = document["status"] + (_until(document["expires_at"]) if document["status"] == "active" else "")
        say(f"{document['name']}  {words}  {used}  {', '.join(document['types'])}")
    if not found:
        say("no key yet: ingestlayer keys create NAME")
    return 0


@app.command()
def revoke(name: Name, json: Json = False, hushed: Hushed = False) -> int:
    """Let a key be worth nothing from now on, also for a `serve` that runs."""
    from ..operations import keys
    from ..system.console import say, say_json

    with open_beside() as runtime:
        key = keys.revoke(runtime.store, runtime.clock, name)
        document = keys.document(key, runtime.clock.now())
    if json:
        say_json(document)
    else:
        say(f"{name} is revoked")
    return 0


def _until(expires_at: str | None) -> str:
    return f", until {expires_at[:10]}" if expires_at else ""
