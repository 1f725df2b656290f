"""`entities set`: traits set by hand."""

from typing import TYPE_CHECKING, Annotated

import typer

from ..system.errors import as_written
from ..system.typed import Values
from . import open_runtime
from .entity_arguments import Id, Kind
from .options import Json, Quiet

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..operations.entities.by_hand import HandSet


def set_traits(
    kind: Kind,
    id_: Id,
    traits: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=TEXT|NAME:=JSON]...", help="Traits, typed by [entities.KIND] types, or as JSON."),
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="NAME", help="Take this trait out of the store.")
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Set traits by hand. They win over what the file and older events say; a later event wins over them.

    ingestlayer entities set customer acme plan=team mrr:=2400
    """
    from ..operations.entities import by_hand
    from ..operations.entities.kinds import check_kind
    from ..system.console import say_json

    with open_runtime() as runtime:
        # Before the store is made or written, whatever is wrong is said.
        check_kind(runtime.project, runtime.stored, kind)
        values = _assigned(runtime, kind, traits or [], unset or [])
        done = by_hand.set_traits(runtime, kind, id_, values, unset or [])
    if json:
        say_json(done.document)
    elif not quiet:
        _say_set(done)
    return 0


def _assigned(runtime: "Runtime", kind: str, words: list[str], unset: list[str]) -> Values:
    """Return the traits that the arguments mean."""
    from ..model.gate import read_payload
    from ..operations.entities.by_hand import typed
    from ..system.errors import RejectedError, UsageError
    from .arguments import assignment

    if not (words or unset):
        raise UsageError("nothing to set", "write name=text, name:=json or --unset NAME")
    values: Values = {}
    for word in words:
        if "=" not in word:
            raise UsageError(f"{as_written(word)} sets nothing", "write name=text or name:=json")
        item = assignment(word)
        try:
            value = read_payload(item.text, f"the value of {item.name}") if item.is_json else item.text
        except RejectedError as error:
            raise UsageError(error.message, error.hint) from None
        values[item.name] = typed(runtime.project, kind, item.name, value)
    if both := [name for name in unset if name in values]:
        raise UsageError(f"{both[0]} is set and unset at once", "leave one of them out")
    return values


def _say_set(done: "HandSet") -> None:
    """Say what changed, and what looks like a slip."""
    from ..render.entities import changes
    from ..system.console import note, say

    document = done.document
    who = f"{document['kind']} {document['id']}"
    say(f"{who} is new" if document["new"] else who)
    for line in changes(document["changed"]):
        say(f"  {line}")
    for name in document["unchanged"]:
        say(f"  {name}  as before")
    for row in document["kept"]:
        note(f"{row['name']} stays: {row['origin']} is of {row['at'][:19]}Z, which is later", "yellow")
    for hint in done.slips:
        note(f"note: {hint}", "yellow")
    if document["changed"]:
        note("an event of a later time that writes a trait with upsert.entity wins over this")
