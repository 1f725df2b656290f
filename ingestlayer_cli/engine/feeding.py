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

from ..model.events import Event
from ..model.gate import Line, Raw, read_json
from ..system.errors import MachineError, Problem, RejectedError
from ..system.typed import TYPE_CHECKING, Any, BinaryIO, Self
from .ahead import RUNS, Ahead, Files, Made
from .chunks import Admitted, Chunk, Fed
from .feeder import HEAD, Head, ReadBatch, Refusal, feed_and_leave
from .runtime import Runtime

if TYPE_CHECKING:
    from ..project import Project
    from .feeder import Byte

BIG = 250  # lines of a chunk, at least, that was there at once: a pipe gives so many
MANY = 1_000  # lines of such chunks after which a batch is long


class Feed:
    """The chunks of a batch, and what their `reader` tells of it. Use it in a `with`: it leaves no process behind."""

    def __init__(self, runtime: Runtime, chunks: Iterator[list[Line]], reader: ReadBatch) -> None:
        self._runtime = runtime
        self._chunks = chunks
        self._reader = reader
        self._told: tuple[list[str], str] | None = None
        self._feeder: tuple[int, BinaryIO] | None = None  # its process, and what it writes
        self.use: Byte = bytearray([RUNS])  # what is of use of what is made ahead

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
        from mmap import mmap

        runtime = self._runtime
        clock = runtime.clock
        with suppress(OSError):
            self.use = mmap(-1, 1)
            self.use[0] = RUNS
            ours, theirs = os.pipe()
            # Ctrl-C is for this process alone, which ends the other.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                pid = os.fork()
                if pid == 0:
                    os.close(ours)
                    runtime.clock = clock  # it asks no database, not one that was out of reach either
                    feed_and_leave(runtime, self._chunks, self._reader, theirs, self.use)
                self._feeder = pid, open(ours, "rb", buffering=0)  # noqa: SIM115
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
            if fed.ahead is not None and fed.ahead.has_runs:
                self.use[0] = fed.ahead.use
            del fed  # before the next is read

    def _next(self, pipe: BinaryIO, project: "Project") -> Fed | None:
        """Return the next lines; None at the end. Whatever reading them raised there is raised here."""
        size = int.from_bytes(_read(pipe, HEAD))
        message = _read(pipe, size) if size else b""
        if not message:
            raise self._lost()
        kind, *rest = marshal.loads(message)  # noqa: S302 - from our own fork
        del message
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

    def _end(self) -> int | None:
        """End the process; return what it ended with, where that is told."""
        if self._feeder is not None:
            (pid, pipe), self._feeder = self._feeder, None
            pipe.close()
            # Where SIGCHLD is ignored, as whoever started us may have it, it is gone without a word, at any moment.
            with suppress(ChildProcessError, ProcessLookupError):
                found, status = os.waitpid(pid, os.WNOHANG)
                if not found:
                    os.kill(pid, signal.SIGKILL)
                    _, status = os.waitpid(pid, 0)
                return os.waitstatus_to_exitcode(status)
        return None

    def _lost(self) -> MachineError:
        code = self._end()
        ended = "has ended" if code is None else f"ended with {code}"
        if code is not None and code < 0:
            names = {it.value: it.name for it in signal.Signals}  # those for real time have none
            ended = f"was killed ({names.get(-code, f'signal {-code}')})"
        hint = "is there enough memory?" if code == -signal.SIGKILL else ""
        return MachineError(f"the batch cannot be read: the process that reads it {ended}", hint)


def can_fork() -> bool:
    """Say whether another process is a gain, and a fork is safe: it takes no thread along."""
    return hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1 and not _thread._count()


# What goes through the pipe: messages, each with its length before it ---------------------------------------


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


def _unpacked(
    runtime: Runtime,
    project: "Project",
    lines: list[tuple[Any, ...]],
    items: list[tuple[Head | None, Any]],
    ahead: tuple[Made, Files, bytes] | None,
    is_flat: bool = False,
) -> Fed:
    """Return what the fork has made of lines."""
    if is_flat:
        items = [(head and (*head[:-1], read_json(rest, "")), rest) for head, rest in items]
    new = tuple.__new__  # `_make` asks how many there are, a thousand times
    admitted: list[tuple[Line, Admitted]] = [
        (new(Line, line), (new(Event, head), rest)) if head is not None else _refused(line, rest)
        for line, (head, rest) in zip(lines, items, strict=True)
    ]
    if ahead is None or runtime.project is not project:  # other pipelines run by now
        return Fed(admitted)
    return Fed(admitted, Ahead(*ahead))


def _refused(line: tuple[Any, ...], refusal: Refusal) -> tuple[Line, RejectedError]:
    of, kind, message, hint, details, text = refusal
    error = RejectedError(kind, message, hint, map(Problem._make, details))
    error.text = text
    raw = of and Raw(of[0], None, source=of[1])
    return Line._make(line)._replace(raw=raw), error
