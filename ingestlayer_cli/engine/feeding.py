"""A long batch is fed by a process beside the one that accepts it.

Reading lines, the gate, and the rows of entity files need nothing of the store: a fork of the process does that, some
chunks ahead. It writes to nothing but a pipe, and ends when nobody reads that any more. It is no more than a reader:
where it is lost, the batch ends as one does that cannot be read on.
"""

import _thread
import marshal
import os
import pickle
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ..entities.files import EntityFiles
from ..entities.table import Row
from ..model.events import Event
from ..model.gate import Line, Raw, read_json
from ..model.memory import Foreseen
from ..system.errors import MachineError, Problem, RejectedError, in_words
from ..system.typed import TYPE_CHECKING, Any, BinaryIO, NoReturn, Protocol, Self
from .accepting import foresee
from .batch import CHUNK
from .chunks import Admitted, Chunk, Fed, admit_lines
from .runtime import Runtime

if TYPE_CHECKING:
    from ..project import Project

BIG = 250  # lines of a chunk, at least, that was there at once: a pipe gives so many
MANY = 2_000  # lines of such chunks after which a batch is long
AHEAD = 1 << 20  # bytes that are ready: two chunks of usual lines; a third one is in the making
_HEAD = 8  # bytes that say how long a message is


class ReadBatch(Protocol):
    """What a reader of batches tells of the file that it reads."""

    @property
    def notes(self) -> Iterable[str]: ...

    @property
    def proposal(self) -> str: ...


class Feed:
    """The chunks of a batch, and what their `reader` tells of it. Use it in a `with`: it leaves no process behind."""

    def __init__(self, runtime: Runtime, chunks: Iterator[list[Line]], reader: ReadBatch) -> None:
        self._runtime = runtime
        self._chunks = chunks
        self._reader = reader
        self._told: tuple[list[str], str] | None = None
        self._feeder: tuple[int, BinaryIO] | None = None  # its process, and what it writes

    @property
    def notes(self) -> Iterable[str]:
        return self._reader.notes if self._told is None else self._told[0]

    @property
    def proposal(self) -> str:
        return self._reader.proposal if self._told is None else self._told[1]

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks as they are read here, and once there were many, as they come from a process beside."""
        many = 0
        for chunk in self._chunks:
            yield chunk
            many += len(chunk) if len(chunk) >= BIG else 0
            if many >= MANY:
                break
        if many >= MANY and can_fork():
            self._begin()
        yield from self._chunks if self._feeder is None else self.fed(self._feeder[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _begin(self) -> None:
        """Fork, where the machine has room for it; else all goes on here."""
        runtime = self._runtime
        clock = runtime.clock
        with suppress(OSError):
            ours, theirs = os.pipe()
            # Ctrl-C is for this process alone, which ends the other.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                pid = os.fork()
                if pid == 0:
                    os.close(ours)
                    runtime.clock = clock  # it asks no database, not one that was out of reach either
                    _run(runtime, self._chunks, self._reader, theirs)
                self._feeder = pid, open(ours, "rb", buffering=0)  # noqa: SIM115
                runtime.entities.keep_at_most(CHUNK)
            except OSError:
                os.close(ours)
                raise
            finally:
                os.close(theirs)
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def fed(self, pipe: BinaryIO) -> Iterator[Fed]:
        """Yield what `feed` writes to a pipe."""
        project = self._runtime.project
        while (fed := self._next(pipe, project)) is not None:
            yield fed

    def _next(self, pipe: BinaryIO, project: "Project") -> Fed | None:
        """Return the next lines; None at the end. Whatever reading them raised there is raised here."""
        size = int.from_bytes(_read(pipe, _HEAD))
        message = _read(pipe, size) if size else b""
        if not message:
            raise self._lost()
        kind, *rest = marshal.loads(message)  # noqa: S302 - from our own fork
        if kind == "lines":
            return _unpacked(self._runtime, project, *rest)
        *self._told, failure = rest
        self._end()
        if failure is not None:
            class_, words, known = pickle.loads(failure)  # noqa: S301 - from our own fork
            error = class_.__new__(class_, words)
            vars(error).update(known)
            raise error
        return None

    def _end(self) -> int:
        """End the process; return what it ended with."""
        if self._feeder is not None:
            (pid, pipe), self._feeder = self._feeder, None
            pipe.close()
            with suppress(ChildProcessError):  # where SIGCHLD is ignored, as whoever started us may have it
                found, status = os.waitpid(pid, os.WNOHANG)
                if not found:
                    os.kill(pid, signal.SIGKILL)
                    _, status = os.waitpid(pid, 0)
                return os.waitstatus_to_exitcode(status)
        return 0

    def _lost(self) -> MachineError:
        code = self._end()
        ended = f"ended with {code}"
        if code < 0:
            ended = f"was killed ({signal.Signals(-code).name})"
        hint = "is there enough memory?" if code == -signal.SIGKILL else ""
        return MachineError(f"the batch cannot be read: the process that reads it {ended}", hint)


def can_fork() -> bool:
    """Say whether another process is a gain, and a fork is safe: it takes no thread along."""
    return hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1 and not _thread._count()


# What goes through the pipe: messages, each with its length before it ---------------------------------------

Head = tuple[str, str, int, str, str | None, Any]  # an event
Refusal = tuple[tuple[str, str] | None, str, str, str, list[tuple[str, str]], str]  # type and source, and the error
Rows = list[tuple[str, tuple[int, int, int, int], dict[str, tuple[Any, ...] | None]]]  # of files: kind, stamp, by key
Sets = dict[str, list[str]]


def _read(pipe: BinaryIO, size: int) -> bytes | bytearray:
    """Read so many bytes; none where the pipe ends before."""
    data = bytearray(size)
    left = memoryview(data)
    while left:
        count = pipe.readinto(left)  # type: ignore[attr-defined]
        if not count:
            return b""
        left = left[count:]
    return data


def _write(pipe: int, *message: Any) -> None:
    data = marshal.dumps(message)
    for part in (len(data).to_bytes(_HEAD), data):
        left = memoryview(part)
        while left:
            left = left[os.write(pipe, left) :]


def _unpacked(
    runtime: Runtime,
    project: "Project",
    lines: list[tuple[Any, ...]],
    items: list[tuple[Head | None, Any]],
    foreseen: tuple[Sets, list[str], list[tuple[str, tuple[str, ...], str]], Sets, Sets] | None,
    rows: Rows,
    is_flat: bool = False,
) -> Fed:
    """Return what the fork has made of lines; keep the rows that it has read."""
    if is_flat:
        items = [(head and (*head[:-1], read_json(rest, "")), rest) for head, rest in items]
    new = tuple.__new__  # `_make` asks how many there are, a thousand times
    for kind, stamp, found in rows:
        runtime.entities.take(kind, stamp, {key: None if row is None else new(Row, row) for key, row in found.items()})
    admitted: list[tuple[Line, Admitted]] = [
        (new(Line, line), (new(Event, head), rest)) if head is not None else _refused(line, rest)
        for line, (head, rest) in zip(lines, items, strict=True)
    ]
    if foreseen is None or runtime.project is not project:  # other pipelines run by now
        return Fed(admitted)
    known = Foreseen()
    known.rows.update((kind, set(keys)) for kind, keys in foreseen[0].items())
    known.secrets.update(foreseen[1])
    known.reactions.update(foreseen[2])
    known.states.update((scope, set(keys)) for scope, keys in foreseen[3].items())
    known.seen.update((scope, set(keys)) for scope, keys in foreseen[4].items())
    return Fed(admitted, known)


def _refused(line: tuple[Any, ...], refusal: Refusal) -> tuple[Line, RejectedError]:
    of, kind, message, hint, details, text = refusal
    error = RejectedError(kind, message, hint, map(Problem._make, details))
    error.text = text
    raw = of and Raw(of[0], None, source=of[1])
    return Line._make(line)._replace(raw=raw), error


# In the process beside --------------------------------------------------------------------------------------


def _run(runtime: Runtime, chunks: Iterable[list[Line]], reader: ReadBatch, pipe: int) -> NoReturn:
    """Feed the rest of a batch, and leave: nothing of what the fork took along is closed or flushed by it."""
    code = 1
    try:
        _set_apart(pipe)
        feed(runtime, chunks, reader, pipe)
        code = 0
    finally:
        os._exit(code)


def feed(runtime: Runtime, chunks: Iterable[list[Line]], reader: ReadBatch, pipe: int) -> None:
    """Write chunks to a pipe, for `Feed.fed`, and what the reader tells then; or why it cannot read on."""
    project, failure = runtime.project, None
    files = EntityFiles(project.root, project.entities, runtime.clock, project.home)
    files.keep_at_most(CHUNK)
    try:
        for chunk in chunks:
            _feed(runtime, files, chunk, pipe)
            del chunk  # before the next is made
    except Exception as error:
        known = in_words(error)
        failure = pickle.dumps((type(known), known.message, vars(known)))
    files.close()
    _write(pipe, "end", [*reader.notes], reader.proposal, failure)


def _feed(runtime: Runtime, files: EntityFiles, chunk: list[Line], pipe: int) -> None:
    packed = _packed(runtime, files, chunk)
    try:
        _write(pipe, "lines", *packed)
    except ValueError:
        _write(pipe, "lines", *_flattened(*packed))


def _set_apart(pipe: int) -> None:
    """Say nothing, end with the process that is fed, and give no id that it gave."""
    import fcntl
    import gc
    import sys
    import time

    sys.stderr = None
    with suppress(RuntimeError):  # no room for a thread: then it ends with what it writes next
        _thread.start_new_thread(_end_with, (pipe,))
    with suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, AHEAD)
    gc.freeze()  # what both have is not touched, and stays shared
    time.sleep(0.002)  # ids count up within a millisecond, and each process counts from a start of its own


def _end_with(pipe: int) -> None:
    """Leave once nobody reads the pipe, even where reading the batch is waiting for whoever writes it."""
    import select

    readers = select.poll()
    readers.register(pipe, 0)  # but for errors, which are always told
    readers.poll()
    os._exit(0)


def _packed(runtime: Runtime, files: EntityFiles, chunk: list[Line]) -> tuple[Any, ...]:
    """Return what `_unpacked` takes."""
    admitted = admit_lines(runtime, chunk)
    lines = [(number, None, None, text, is_lasting) for number, _, _, text, is_lasting in chunk]
    items = [_item(line, item) for line, item in admitted]
    rows: Rows = []
    foreseen = None
    with suppress(Exception):  # it is but a hint: what fails of it fails where it is asked for
        known = foresee(runtime, [item[0] for _, item in admitted if not isinstance(item, RejectedError)])
        foreseen = (
            *(_lists(known.rows), [*known.secrets], [*known.reactions]),
            *(_lists(known.states), _lists(known.seen)),
        )
        for kind, keys in known.rows.items():
            if (read := files.read_new(kind, keys)) is not None:
                stamp, found = read
                rows.append((kind, stamp, {key: row and tuple(row) for key, row in found.items()}))
    return lines, items, foreseen, rows


def _lists(sets: dict[str, set[str]]) -> Sets:
    # Marshal puts a set into an order, which takes longer than all the rest.
    return {name: [*keys] for name, keys in sets.items()}


def _item(line: Line, item: Admitted) -> tuple[Head | None, Any]:
    if not isinstance(item, RejectedError):
        return (*item[0],), item[1]
    of = line.raw and (line.raw.type, str(line.raw.source))
    return None, (of, item.kind, item.message, item.hint, [tuple(it) for it in item.details], item.text)


def _flattened(
    lines: list[tuple[Any, ...]], items: list[tuple[Head | None, Any]], foreseen: Any, _: Rows
) -> tuple[Any, ...]:
    """Return the same where some payload, or row, is nested more deeply than marshal goes: payloads as JSON alone."""
    return lines, [(head and (*head[:-1], None), rest) for head, rest in items], foreseen, [], True
