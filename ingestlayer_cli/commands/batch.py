"""`emit --batch`: many events from a file or stdin, streaming."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BufferedReader

from ..engine import flow
from ..engine.batch import CsvBatch, JsonBatch, NdjsonBatch
from ..engine.feeder import ReadBatch
from ..engine.feeding import Feed
from ..engine.runtime import Runtime
from ..model.gate import Line
from ..project import Project
from ..system.console import Progress, note, say, say_json, stdin
from ..system.errors import Exit, RejectedError, UsageError, count_of, near_miss
from ..system.typed import TYPE_CHECKING, BinaryIO, TomlTable
from .arguments import Arguments
from .show import drawing, note_trouble, note_unsent

if TYPE_CHECKING:
    from ..model.documents.events import BatchDocument
    from ..system.log import Log


Rejected = Callable[[Line, RejectedError], None]
Reader = NdjsonBatch | CsvBatch | JsonBatch
_FORMS = ("csv", "ndjson", "json")


def run_batch(project: Project, arguments: Arguments, deliver: bool, wait: int) -> Exit:
    """Accept every line that is an event; report the others."""
    for flag in ("--data", "--key", "--timestamp"):
        if arguments.on(flag):
            raise UsageError(f"{flag} is for one event; a batch has them in its lines")
    dry = arguments.on("--dry-run")
    for flag in ("--no-deliver", "--wait", "--rejects", "--log") if dry else ():
        if arguments.on(flag):
            raise UsageError(f"{flag} is of a batch that is accepted; --dry-run writes nothing")
    if arguments.assignments:
        raise UsageError(f"{arguments.assignments[0].flag} sets a field of one event; a batch has them in its lines")
    as_json, quiet = arguments.on("--json"), arguments.on("--quiet")
    name = arguments.options["--batch"]
    progress = Progress("event", quiet)
    # Events make no circles: to look for them among the objects of each chunk is for nothing.
    gc.set_threshold(100_000)
    if dry:
        return _rehearse(project, arguments, progress)
    with ExitStack() as stack:
        log = _log(arguments)
        chunks, rejected, reader = opened(stack, project, arguments, log)
        runtime = stack.enter_context(Runtime(project, show=drawing(as_json or quiet)))
        runtime.gate.allows_future = arguments.on("--allow-future")
        feed = stack.enter_context(Feed(runtime, chunks, reader))
        result = flow.emit_batch(
            runtime,
            feed.chunks(),
            deliver,
            wait,
            rejected,
            lambda so_far: progress.at(so_far["accepted"] + so_far["duplicates"] + so_far["rejected"]),
        )
        if quiet and not as_json:
            note_unsent(runtime, result.told["deliveries"].get("shown", 0))
    progress.end()
    _add_notes(result.told, feed)
    if log is not None:
        counts = {name: result[name] for name in ("accepted", "duplicates", "rejected", "runs", "deliveries")}
        log.add("batch", file=name, **counts)
    if as_json:
        say_json(result)
    elif not quiet:
        say_batch(result.told)
    if not as_json:
        _note_rejects(name, result.told)
        note_trouble(result)
    return flow.exit_code(result, deliver)


def _rehearse(project: Project, arguments: Arguments, progress: Progress) -> Exit:
    """Show what would become of a batch: its counts, the messages by where they would go, the first refusals."""
    from ..engine.rehearsal import rehearse

    as_json, quiet = arguments.on("--json"), arguments.on("--quiet")
    with ExitStack() as stack:
        chunks, _, reader = opened(stack, project, arguments)
        runtime = stack.enter_context(Runtime(project, keep=False))
        runtime.gate.allows_future = arguments.on("--allow-future")
        result = rehearse(runtime, chunks, lambda so_far: progress.at(so_far["accepted"] + so_far["rejected"]))
    progress.end()
    _add_notes(result.told, reader)
    if as_json:
        say_json(result)
    elif not quiet:
        say_batch(result.told)
        for target, number in sorted(result.told["messages"].items()):
            say(f"    {number:,} to {target}")
        note("a dry run: nothing is accepted, nothing is sent", "yellow")
    if not as_json:
        _note_rejects(arguments.options["--batch"], result.told)
    return flow.exit_code(result, False)


def opened(
    stack: ExitStack, project: Project, arguments: Arguments, log: "Log | None" = None
) -> tuple[Iterator[list[Line]], Rejected | None, Reader]:
    """Open the files of a batch; return its lines, what is told of those that are refused, and what reads it."""
    name = arguments.options["--batch"]
    file = _open(stack, name)
    reader = _reader(project, arguments, name, file)
    chunks = reader.chunks()
    if not (arguments.on("--quiet") or arguments.on("--json")):
        chunks = _noting(chunks, reader, name)
    return chunks, _logging(log, _rejects(stack, arguments, file)), reader


def _add_notes(result: "BatchDocument", reader: ReadBatch) -> None:
    """Tell what was settled by the looks of the file, and the setting that would read what was not read."""
    if notes := [*reader.notes, *filter(None, [reader.proposal if result["rejected"] else ""])]:
        result["notes"] = notes


def _noting(chunks: Iterator[list[Line]], reader: Reader, name: str) -> Iterator[list[Line]]:
    """Yield the lines; say before the first ones what was settled by the looks of the file."""
    said = False
    for chunk in chunks:
        for words in () if said else reader.notes:
            note(f"note: {name} {words}", "yellow")
        said = True
        yield chunk


def _log(arguments: Arguments) -> "Log | None":
    if not arguments.on("--log"):
        return None
    from ..system.log import Log

    return Log(arguments.options["--log"], "emit")


def _logging(log: "Log | None", rejected: Rejected | None) -> Rejected | None:
    """Return what writes the refused lines to the log, too."""
    if log is None:
        return rejected

    def write(line: Line, error: RejectedError) -> None:
        log.add("refused", line=line.number, kind=error.kind, why=error.message)
        if rejected is not None:
            rejected(line, error)

    return write


def _open(stack: ExitStack, name: str) -> BinaryIO:
    if name == "-":
        return stdin()
    try:
        return stack.enter_context(open(name, "rb"))
    except OSError as error:
        raise UsageError(f"--batch {name}: {error.strerror}") from None


def _reader(project: Project, arguments: Arguments, name: str, file: BinaryIO) -> Reader:
    from ..entities.table import form_of

    said, format = _told_format(arguments.options.get("--format", ""))
    form = said or form_of(name) or ("csv" if format else "")
    if name == "-" and not form:
        head: bytes = file.peek(1) if isinstance(file, BufferedReader) else b""
        form = "json" if head.lstrip()[:1] == b"[" else "ndjson"
    source = arguments.options.get("--source", "cli")
    if form == "csv":
        if not arguments.type:
            raise UsageError("a CSV batch needs the event type: emit TYPE --batch FILE.csv")
        return CsvBatch(file, arguments.type, project.declaration(arguments.type), source, format)
    if format:
        raise UsageError("--format: settings are of CSV; what JSON holds has its types")
    if form in ("ndjson", "json"):
        return (NdjsonBatch if form == "ndjson" else JsonBatch)(file, arguments.type or None, source)
    if form:
        raise UsageError(f"--format {form}{near_miss(form, _FORMS)}", "write csv or ndjson")
    raise UsageError(f"--batch {name}: a batch is a .ndjson, .jsonl or .csv file", "or say which with --format")


def _told_format(text: str) -> tuple[str, TomlTable]:
    """Return what a batch is said to hold, and how it is said to be written: `csv`, settings, or both."""
    form, _, rest = (text if "=" not in text.partition(",")[0] else f",{text}").partition(",")
    if not rest:
        return form.strip(), {}
    from ..project.format_text import read_format

    return form.strip(), read_format(rest)


def _rejects(stack: ExitStack, arguments: Arguments, batch: BinaryIO) -> Rejected | None:
    if not arguments.on("--rejects"):
        return None
    from .rejects import Rejects

    path = arguments.options["--rejects"]
    if arguments.on("--log") and os.path.realpath(path) == os.path.realpath(arguments.options["--log"]):
        raise UsageError(f"--rejects and --log are both {path}", "name two files")
    return Rejects(stack, path, batch)


def say_batch(result: "BatchDocument") -> None:
    """Say the counts of a batch."""
    duplicates = count_of(result["duplicates"], "duplicate")
    say(f"{result['accepted']:,} accepted, {duplicates}, {result['rejected']:,} rejected", "bold")
    for title, counts in (("runs", {**result["runs"]}), ("deliveries", {**result["deliveries"]})):
        words = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        say(f"  {title}: {words or 'none'}")


def _note_rejects(name: str, result: "BatchDocument") -> None:
    for reject in result["rejects"][:10]:
        note(f"{name}:{reject['line']}: {reject['kind']}: {reject['message']}", "red")
    if result["rejected"] > 10:
        note(f"… and {result['rejected'] - 10:,} more: --rejects FILE keeps them all")
    for words in result.get("notes", ()):
        if words.startswith("--format"):  # the others were said as it was read
            note(f"hint: {words}", "yellow")
