"""`entities`: what is known of customers and the like, and where from."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated, Any, BinaryIO

import typer

from ..system.errors import as_written, count_of
from . import open_runtime, settings
from .options import MOST, Json, Quiet

app = typer.Typer(help="What is known of customers and the like, from files and events.", no_args_is_help=True)

LIMIT = 50
SAMPLE = 4096  # bytes from which the format of stdin is told


def _complete_kind(ctx: typer.Context, incomplete: str) -> list[str]:
    from ..operations.entities import kinds

    found = _completion(ctx, lambda runtime, store: kinds(runtime.project, store))
    return [kind for kind in found if kind.startswith(incomplete)]


def _complete_id(ctx: typer.Context, incomplete: str) -> list[str]:
    from ..operations.entities import completed

    kind = ctx.params.get("kind") or ""
    return _completion(ctx, lambda runtime, store: completed(runtime, store, kind, incomplete))


def _completion(ctx: typer.Context, offered: Any) -> list[str]:
    """Return what is offered; nothing where there is no sound project: a shell is no place for errors."""
    from ..system.errors import IngestlayerError

    # Completion does not call the program's own callback: its -C is known to the outermost context alone.
    settings.project = ctx.find_root().params.get("project") or settings.project
    try:
        with open_runtime(keep=False) as runtime:
            found: list[str] = offered(runtime, runtime.stored)
            return found
    except IngestlayerError:
        return []


Kind = Annotated[
    str,
    typer.Argument(metavar="KIND", help="The kind: `customer` of [entities.customer].", autocompletion=_complete_kind),
]
Id = Annotated[str, typer.Argument(metavar="ID", help="The entity's id.", autocompletion=_complete_id)]


@app.command()
def get(kind: Kind, id_: Id, quiet: Quiet = False, json: Json = False) -> int:
    """Show an entity as pipelines see it, each trait with where it is from.

    Exit 1 when nothing is known of it, 2 for an unknown kind.
    """
    from ..operations import entities as entity_store
    from ..render.entities import one
    from ..render.events import width
    from ..system.console import note, say, say_json

    with open_runtime(keep=False) as runtime:
        document = entity_store.get(runtime, runtime.stored, kind, id_)
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
        typer.Argument(metavar="[KIND]", help="Of this kind; else the kinds.", autocompletion=_complete_kind),
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

    from ..operations import entities as entity_store
    from ..system.console import say, say_json_line, while_read
    from ..system.errors import UsageError

    if kind is None:
        if search or limit:
            raise UsageError("--search and --limit are for one kind", "entities list KIND --search TEXT")
        return _list_kinds(json)
    with open_runtime(keep=False) as runtime:
        found = entity_store.listed(runtime, runtime.stored, kind, search)
        if json:
            for row in while_read(islice(found, limit)):
                say_json_line(row)
            return 0
        count = _say_rows(found, limit or LIMIT, quiet)
    if not count and not quiet:
        say(f"no {kind} has {search}" if search else f"no {kind} yet")
    return 0


def _list_kinds(json: bool) -> int:
    from ..operations import entities as entity_store
    from ..render.entities import kinds
    from ..system.console import note, say, say_json

    with open_runtime(keep=False) as runtime:
        document, now = entity_store.overview(runtime, runtime.stored), runtime.clock.now()
    if json:
        say_json(document)
        return 0
    for line in kinds(document, now):
        say(line)
    if not document["kinds"]:
        note("no kind of entity: write [entities.KIND] in ingestlayer.toml, or a step upsert.entity")
    return 0


def _say_rows(found: Iterator[dict[str, Any]], limit: int, quiet: bool) -> int:
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


@app.command("set")
def set_(
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
    from ..operations import entities as entity_store
    from ..system.console import say_json

    with open_runtime() as runtime:
        # Before the store is made or written, whatever is wrong is said.
        entity_store.check_kind(runtime.project, runtime.stored, kind)
        values = _assigned(runtime, kind, traits or [], unset or [])
        document = entity_store.set_traits(runtime, kind, id_, values, unset or [])
    if json:
        say_json(document)
    elif not quiet:
        _say_set(document)
    return 0


def _assigned(runtime: Any, kind: str, words: list[str], unset: list[str]) -> dict[str, Any]:
    """Return the traits that the arguments mean."""
    from ..model.gate import read_payload
    from ..operations.entities import typed
    from ..system.errors import RejectedError, UsageError
    from .arguments import assignment

    if not (words or unset):
        raise UsageError("nothing to set", "write name=text, name:=json or --unset NAME")
    values: dict[str, Any] = {}
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


def _say_set(document: Any) -> None:
    """Say what changed, and what looks like a slip."""
    from ..render.entities import changes
    from ..system.console import note, say

    who = f"{document['kind']} {document['id']}"
    say(f"{who} is new" if document["new"] else who)
    for line in changes(document["changed"]):
        say(f"  {line}")
    for name in document["unchanged"]:
        say(f"  {name}  as before")
    for row in document["kept"]:
        note(f"{row['name']} stays: {row['origin']} is of {row['at'][:19]}Z, which is later", "yellow")
    for hint in document.hints:
        note(f"note: {hint}", "yellow")
    if document["changed"]:
        note("an event of a later time that writes a trait with upsert.entity wins over this")


@app.command("import")
def import_(
    kind: Kind,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A .csv, .json or .ndjson file, or stdin.")],
    key: Annotated[
        str | None, typer.Option("--key", metavar="COLUMN", help="The column of the id; else [entities.KIND] key.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="csv|json|ndjson", help="What it holds; its ending says so unless given."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Merge a file into the store's traits; empty cells say nothing, rows that change nothing are not written.

    What events of a later time have said stays. Exit 65 when rows were refused; the others are imported.
    """
    from ..operations import entities as entity_store
    from ..system.console import Progress, note, say_json
    from ..system.errors import gravest

    progress = Progress("row", quiet)
    done = 0

    def at(count: int) -> None:
        nonlocal done
        done = count
        progress.at(count)

    with ExitStack() as stack:
        runtime = stack.enter_context(open_runtime())
        stored = runtime.stored
        entity_store.check_kind(runtime.project, stored, kind)
        source = _source(stack, runtime, kind, file, key, form)
        slips = source.slips()
        for slip in [*source.notes, *slips] if not quiet else ():
            note(f"note: {slip}", "yellow")
        source.check_whole()
        try:
            result = entity_store.import_rows(runtime, kind, source, stored, dry_run, at)
        except KeyboardInterrupt:
            progress.end()
            if not (json or dry_run):
                words = count_of(done, "row is done; it counts", "rows are done; they count")
                note(f"at least {words} as unchanged when you run it again", "yellow")
            raise
    progress.end()
    if json:
        say_json(result)
    elif not quiet:
        _say_import(result)
    if not json:
        _note_refused(result)
    return gravest(result.exit_codes)


def _source(stack: ExitStack, runtime: Any, kind: str, name: str, key: str | None, form: str | None) -> Any:
    """Return the rows of a file or of stdin."""
    import os

    from ..entities.table import FORMS
    from ..operations.entities import ImportedFile, source_form
    from ..system.errors import UsageError, near_miss

    table = runtime.project.entities.get(kind, {})
    column = key or table.get("key")
    if not column:
        raise UsageError(f"which column is the id? {kind} has no [entities.{kind}]", "say it: --key COLUMN")
    if form is not None and f".{form}" not in FORMS:
        known = [ending[1:] for ending in FORMS]
        raise UsageError(f"--format {form}{near_miss(form, known)}", "write csv, json or ndjson")
    stream = _opened(stack, name)
    if form is None and name == "-":
        form = _told_format(stream)
    found = FORMS[f".{form}"] if form else source_form(name)
    return ImportedFile(stream, "stdin" if name == "-" else os.path.basename(name), found, column, table)


def _opened(stack: ExitStack, name: str) -> BinaryIO:
    """Open a file; what cannot be read twice, like a pipe, is copied to a temporary one first."""
    import os
    import shutil
    from tempfile import TemporaryFile

    from ..system.console import stdin
    from ..system.errors import UsageError, near_miss

    try:
        stream = stdin() if name == "-" else stack.enter_context(open(name, "rb"))  # noqa: SIM115
        if stream.seekable():
            return stream
        copy = stack.enter_context(TemporaryFile())  # noqa: SIM115
        shutil.copyfileobj(stream, copy)
    except OSError as error:
        folder = os.path.dirname(name) or "."
        there = os.listdir(folder) if isinstance(error, FileNotFoundError) and os.path.isdir(folder) else []
        near = near_miss(os.path.basename(name), there)
        raise UsageError(f"{name} cannot be read: {error.strerror}{near}") from None
    copy.seek(0)
    return copy


def _told_format(stream: BinaryIO) -> str:
    """Tell JSON from NDJSON and CSV by how it begins."""
    start = stream.read(SAMPLE).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    stream.seek(0)
    return {b"[": "json", b"{": "ndjson"}.get(start, "csv")


def _say_import(result: Any) -> None:
    from ..render.entities import changes
    from ..system.console import say

    counts = ", ".join(f"{result[name]:,} {name}" for name in ("new", "changed", "unchanged", "rejected"))
    say(f"{counts}{' (nothing is written)' if result['dry_run'] else ''}", "bold")
    if result["dry_run"]:
        for row in result["changes"][:10]:
            say(f"  {row['id']}: {', '.join(changes(row['changed']))}")
        if result["changed"] > 10:
            say(f"  … and {result['changed'] - 10:,} more; --json has the first 100")


def _note_refused(result: Any) -> None:
    from ..system.console import note

    for row in result["rejects"][:10]:
        note(f"{result['file']}:{row['line']}: {row['message']}", "red")
    if result["rejected"] > 10:
        note(f"… and {result['rejected'] - 10:,} more; --json has the first 100")
