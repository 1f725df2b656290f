"""`entities`: what is known of customers and the like, and where from."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from . import open_runtime
from .entities_import import import_file
from .entities_set import set_traits
from .entity_arguments import Id, Kind
from .options import MOST, Json, Quiet

if TYPE_CHECKING:
    from ..model.documents.entities import ListedDocument

app = typer.Typer(help="What is known of customers and the like, from files and events.", no_args_is_help=True)

LIMIT = 50


@app.command()
def get(kind: Kind, id_: Id, quiet: Quiet = False, json: Json = False) -> int:
    """Show an entity as pipelines see it, each trait with where it is from.

    Exit 1 when nothing is known of it, 2 for an unknown kind.
    """
    from ..operations.entities import one as entity
    from ..render.entities import one
    from ..render.events import width
    from ..system.console import note, say, say_json

    with open_runtime(keep=False) as runtime:
        document = entity.get(runtime, runtime.stored, kind, id_)
    if json:
        say_json(document)
        return 0
    for line in one(document, width()):
        say(line)
    if document["file"] and document["file"]["duplicates"] and not quiet:
        others = ", ".join(map(str, document["file"]["duplicates"]))
        note(f"{id_} stands again in {document['file']['name']}, line {others}: the first counts")
    return 0


@app.command("list")
def list_entities(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="[KIND]", help="Of this kind; else the kinds."),
    ] = None,
    search: Annotated[
        str, typer.Option("--search", metavar="TEXT", help="With this text in the id or a value, whatever its case.")
    ] = "",
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", min=1, max=MOST, help=f"At most so many; {LIMIT} unless given, with --json all."),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """List the entities of a kind, or the kinds there are. --json prints a kind's entities as NDJSON."""
    from itertools import islice

    from ..operations.entities.many import listed
    from ..system.console import say, say_json_line, while_read
    from ..system.errors import UsageError

    if kind is None:
        if search or limit:
            raise UsageError("--search and --limit are for one kind", "entities list KIND --search TEXT")
        return _list_kinds(json)
    with open_runtime(keep=False) as runtime:
        found = listed(runtime, runtime.stored, kind, search)
        if json:
            for row in while_read(islice(found, limit)):
                say_json_line(row)
            return 0
        count = _say_rows(found, limit or LIMIT, quiet)
    if not count and not quiet:
        say(f"no {kind} has {search}" if search else f"no {kind} yet")
    return 0


def _list_kinds(json: bool) -> int:
    from ..operations.entities.many import overview
    from ..render.entities import kinds
    from ..system.console import note, say, say_json

    with open_runtime(keep=False) as runtime:
        document, now = overview(runtime, runtime.stored), runtime.clock.now()
    if json:
        say_json(document)
        return 0
    for line in kinds(document, now):
        say(line)
    if not document["kinds"]:
        note("no kind of entity: write [entities.KIND] in ingestlayer.toml, or a step upsert.entity")
    return 0


def _say_rows(found: "Iterator[ListedDocument]", limit: int, quiet: bool) -> int:
    """Say up to `limit` lines, page by page; return how many."""
    from itertools import islice

    from ..render.entities import MOST_ID, line
    from ..render.events import cells, cut, width
    from ..system.console import note, say

    wide, count = width(), 0
    while page := list(islice(found, min(LIMIT, limit - count))):
        ids = max(cells(cut(row["id"], MOST_ID if wide is not None else None)) for row in page)
        for row in page:
            say(line(row, ids, wide))
        count += len(page)
    if next(found, None) is not None and not quiet:
        note(f"the first {count:,}; --limit shows more, --search TEXT finds")
    return count


app.command("set")(set_traits)
app.command("import")(import_file)
