"""The Python interface: what `emit` and `emit --batch` do, for programs.

Threads may call it, and processes that fork. What changes meanwhile, files of the project, entity
files, secrets, is seen by the next call; what does not change is read once. One thread of the process sends for all
calls; a call returns when what it queued is settled, or after ten seconds: what waits then, `deliver` sends.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .engine import flow
from .engine.batch import chunked, raw_event
from .engine.resident import resident
from .engine.runtime import Runtime
from .model.events import encode
from .model.gate import Line, Raw
from .project import load_beside
from .system.document import Document
from .system.errors import ProjectError, RejectedError
from .system.typed import Body, Payload

if TYPE_CHECKING:
    from .model.documents.events import BatchDocument, EmitDocument


SOURCE = "python"


def ingest(
    type: str,
    payload: Payload,
    *,
    idempotency_key: str | None = None,
    timestamp: str | datetime | None = None,
    allow_future: bool = False,
    project: str | os.PathLike[str] | None = None,
) -> "Document[EmitDocument]":
    """Accept one event, run its pipelines and send its messages, as `ingestlayer emit` does.

    `timestamp` is when it happened: RFC 3339, `2h ago`, or a datetime with a time zone; one that is beyond tomorrow
    is taken with `allow_future` alone. `project` is the project's folder; without it, as on the command line,
    INGESTLAYER_PROJECT or the nearest one upward. The result is the document of `emit --json`, its names also
    attributes. IngestError says why an event is refused.
    """
    raw = Raw(type, payload, idempotency_key, _text(timestamp), SOURCE)
    with _runtime(project, [[Line(0, raw, None, b"")]], allow_future) as runtime:
        return flow.emit(runtime, raw)


def ingest_batch(
    events: Iterable[Payload],
    *,
    type: str | None = None,
    allow_future: bool = False,
    project: str | os.PathLike[str] | None = None,
) -> "Document[BatchDocument]":
    """Accept many events, in transactions of 1,000, as `ingestlayer emit --batch` does.

    An event is {"type", "payload", "idempotency_key"?, "timestamp"?}, or a payload when `type` is given. A refused
    one stops no other: the result, the document of `emit --batch --json`, counts them and names the first 100 by
    their number, from 1. Whatever `events` itself raises is raised here; what was accepted before it stays.
    """
    lines = (_line(number, event, type) for number, event in enumerate(events, start=1))
    chunks = chunked(lines)
    with _runtime(project, chunks, allow_future) as runtime:
        return flow.emit_batch(runtime, chunks)


@contextmanager
def _runtime(
    project: str | os.PathLike[str] | None, chunks: Iterable[list[Line]], allow_future: bool
) -> Iterator[Runtime]:
    """Lend a runtime; where the project's settings or declarations are broken, keep the events as refused."""
    with ExitStack() as stack:
        try:
            runtime = stack.enter_context(resident(_path(project), _draw).runtime())
        except ProjectError as trouble:
            from .engine.refusing import kept

            raise kept(load_beside(_path(project)), chunks, trouble) from None
        runtime.gate.allows_future = allow_future
        yield runtime


def _draw(kind: str, target: str, body: Body) -> None:
    """Draw on stdout what `connection = "terminal"` does not send, as `emit` does; where there is none, nowhere."""
    from .commands.show import as_drawn

    drawn = as_drawn(kind, target, body)
    with suppress(AttributeError, OSError, ValueError):  # it is the caller's: None, or closed, maybe
        sys.stdout.write(drawn)
        sys.stdout.flush()


def _line(number: int, event: object, type_: str | None) -> Line:
    try:
        text = encode(event).encode("utf-8", "backslashreplace")
    except (TypeError, ValueError, RecursionError):
        text = repr(event)[:1000].encode("utf-8", "backslashreplace")
    try:
        raw = raw_event(event, type_, SOURCE)
    except RejectedError as error:
        return Line(number, None, error, text)
    return Line(number, raw._replace(timestamp=_text(raw.timestamp)), None, text)


def _text(timestamp: object) -> Any:
    return timestamp.isoformat() if isinstance(timestamp, datetime) else timestamp


def _path(project: str | os.PathLike[str] | None) -> str | None:
    return None if project is None else os.fspath(project)
