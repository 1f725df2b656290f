"""The process beside one that accepts a long batch: what `feeding` forks, and reads from a pipe."""

import _thread
import marshal
import os
import pickle
from collections.abc import Iterable
from contextlib import suppress

from ..entities.files import EntityFiles
from ..model.events import Event
from ..model.gate import Line
from ..system.errors import RejectedError, in_words
from ..system.typed import TYPE_CHECKING, Any, NoReturn, Protocol
from .ahead import NOTHING, RUNS, Files, Made, ReadRows, foresee_rows, packed_rows, run_ahead
from .batch import CHUNK
from .chunks import admit_lines
from .runtime import Runtime

if TYPE_CHECKING:
    from mmap import mmap
    from queue import Queue

    Byte = bytearray | mmap  # that both processes see

AHEAD = 1 << 20  # bytes that the pipe holds: a chunk of usual lines
REST = 15  # chunks of which no more is made ahead than is of use
READY = 1  # messages that wait for it; another one is in the making
HEAD = 8  # bytes that say how long a message is

Head = tuple[str, str, int, str, str | None, Any]  # an event
Refusal = tuple[tuple[str, str] | None, str, str, str, list[tuple[str, str]], str]  # type and source, and the error


class ReadBatch(Protocol):
    """What a reader of batches tells of the file that it reads."""

    @property
    def notes(self) -> Iterable[str]: ...

    @property
    def proposal(self) -> str: ...


def feed_and_leave(
    runtime: Runtime, chunks: Iterable[list[Line]], reader: ReadBatch, pipe: int, use: "Byte"
) -> NoReturn:
    """Feed the rest of a batch, and leave: nothing of what the fork took along is closed or flushed by it."""
    code = 1
    try:
        _set_apart(pipe)
        feed(runtime, chunks, reader, pipe, use)
        code = 0
    finally:
        os._exit(code)


def feed(runtime: Runtime, chunks: Iterable[list[Line]], reader: ReadBatch, pipe: int, use: "Byte") -> None:
    """Write chunks to a pipe, for `Feed.fed`, and what the reader tells then; or why it cannot read on."""
    writer = _Writer(pipe)
    feeder, failure = _Feeder(runtime, use), None
    try:
        for chunk in chunks:
            writer.write(feeder.message(chunk))
            del chunk  # before the next is made
    except Exception as error:
        known = in_words(error)
        failure = pickle.dumps((type(known), known.message, vars(known)))
    feeder.close()
    writer.write(marshal.dumps(("end", [*reader.notes], reader.proposal, failure)))
    writer.close()


class _Feeder:
    """What makes of lines what the other process needs of them."""

    def __init__(self, runtime: Runtime, use: "Byte") -> None:
        project = runtime.project
        self._runtime = runtime
        self._files = EntityFiles(project.root, project.entities, runtime.clock, project.home, most=CHUNK)
        self._use = use
        self._mode, self._left = RUNS, 0  # what is made ahead, and of how many more chunks, where that is not all

    def close(self) -> None:
        self._files.close()

    def message(self, chunk: list[Line]) -> bytes:
        packed = self._packed(chunk)
        try:
            return marshal.dumps(("lines", *packed))
        except ValueError:
            return marshal.dumps(("lines", *_flattened(*packed)))

    def _packed(self, chunk: list[Line]) -> tuple[Any, ...]:
        """Return what `feeding` unpacks."""
        admitted = admit_lines(self._runtime, chunk)
        lines = [(number, None, None, text, is_lasting) for number, _, _, text, is_lasting in chunk]
        items = [
            _refusal(line, item) if isinstance(item, RejectedError) else ((*item[0],), item[1])
            for line, item in admitted
        ]
        events = [item[0] for _, item in admitted if not isinstance(item, RejectedError)]
        ahead = None
        self._heed()
        if self._mode != NOTHING:
            with suppress(Exception):  # what fails of it fails where it is accepted
                ahead = self._ahead(events)
        return lines, items, ahead

    def _heed(self) -> None:
        """Make no more than what is of use, for some chunks; then all of it, to see."""
        if self._left:
            self._left -= 1
        else:
            self._mode, self._use[0] = self._use[0], RUNS
            self._left = 0 if self._mode == RUNS else REST

    def _ahead(self, events: list[Event]) -> tuple[Made, Files, bytes]:
        """Run the pipelines on events; return what an `Ahead` is made of."""
        files, wanted = self._files, foresee_rows(self._runtime, events)
        files.refresh()
        rows = {kind: files.look_up(kind, keys) for kind, keys in wanted.items()}
        read = [(kind, stamp, files.name(kind)) for kind in rows if (stamp := files.as_read(kind)) is not None]
        rows = {kind: rows[kind] for kind, _, _ in read}  # of the others it would not be seen that they change
        some = events if self._mode == RUNS else []
        return run_ahead(self._runtime, some, ReadRows(rows, read)), read, packed_rows(rows)


def _refusal(line: Line, why: RejectedError) -> tuple[None, Refusal]:
    of = line.raw and (line.raw.type, str(line.raw.source))
    return None, (of, why.kind, why.message, why.hint, [(it.path, it.problem) for it in why.details], why.text)


def _flattened(lines: list[tuple[Any, ...]], items: list[tuple[Head | None, Any]], _: object) -> tuple[Any, ...]:
    """Return the same where some payload, or row, is nested more deeply than marshal goes: payloads as JSON alone."""
    return lines, [(head and (*head[:-1], None), rest) for head, rest in items], None, True


class _Writer:
    """What writes messages to a pipe, in a thread of its own, so that who reads it may halt for a moment."""

    def __init__(self, pipe: int) -> None:
        from queue import Queue

        self._pipe = pipe
        self._messages: Queue[bytes] | None = Queue(READY)
        self._ended = _thread.allocate_lock()
        self._ended.acquire()
        try:
            _thread.start_new_thread(self._run, (self._messages,))
        except RuntimeError:  # no room for a thread
            self._messages = None

    def write(self, message: bytes) -> None:
        if self._messages is None:
            _write(self._pipe, message)
        else:
            self._messages.put(message)

    def close(self) -> None:
        """Wait until all is written."""
        if self._messages is not None:
            self._messages.put(b"")
            self._ended.acquire()

    def _run(self, messages: "Queue[bytes]") -> None:
        try:
            while message := messages.get():
                _write(self._pipe, message)
        except OSError:  # nobody reads it any more
            os._exit(1)
        self._ended.release()


def _write(pipe: int, message: bytes) -> None:
    for part in (len(message).to_bytes(HEAD), message):
        left = memoryview(part)
        while left:
            left = left[os.write(pipe, left) :]


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
