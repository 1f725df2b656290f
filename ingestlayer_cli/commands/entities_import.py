"""`entities import`: traits from a file."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from ..system.errors import count_of
from . import open_runtime
from .entity_arguments import Kind
from .options import Json, Quiet

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..model.documents.entities import ImportDocument
    from ..operations.entities.imported_file import ImportedFile

SAMPLE = 4096  # bytes from which the format of stdin is told


def import_file(
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
    from ..operations.entities.importing import import_rows
    from ..operations.entities.kinds import check_kind
    from ..system.console import Progress, note, say_json
    from ..system.errors import Exit

    progress = Progress("row", quiet)
    done = 0

    def at(count: int) -> None:
        nonlocal done
        done = count
        progress.at(count)

    with ExitStack() as stack:
        runtime = stack.enter_context(open_runtime())
        stored = runtime.stored
        check_kind(runtime.project, stored, kind)
        source = _source(stack, runtime, kind, file, key, form)
        slips = source.slips()
        for slip in [*source.notes, *slips] if not quiet else ():
            note(f"note: {slip}", "yellow")
        source.check_whole()
        try:
            result = import_rows(runtime, kind, source, stored, dry_run, at)
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
    return Exit.REJECTED if result["rejected"] else Exit.OK


def _source(
    stack: ExitStack, runtime: "Runtime", kind: str, name: str, key: str | None, form: str | None
) -> "ImportedFile":
    """Return the rows of a file or of stdin."""
    import os

    from ..entities.table import FORMS
    from ..operations.entities.imported_file import ImportedFile, source_form
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


def _say_import(result: "ImportDocument") -> None:
    from ..render.entities import changes
    from ..system.console import say

    counts = ", ".join(f"{result[name]:,} {name}" for name in ("new", "changed", "unchanged", "rejected"))
    say(f"{counts}{' (nothing is written)' if result['dry_run'] else ''}", "bold")
    if result["dry_run"]:
        for row in result["changes"][:10]:
            say(f"  {row['id']}: {', '.join(changes(row['changed']))}")
        if result["changed"] > 10:
            say(f"  … and {result['changed'] - 10:,} more; --json has the first 100")


def _note_refused(result: "ImportDocument") -> None:
    from ..system.console import note

    for row in result["rejects"][:10]:
        note(f"{result['file']}:{row['line']}: {row['message']}", "red")
    if result["rejected"] > 10:
        note(f"… and {result['rejected'] - 10:,} more; --json has the first 100")
