"""A batch as it would go, with nothing written and nothing sent."""

from collections.abc import Callable, Iterable

from ..model.gate import Line
from ..system.document import Document
from ..system.errors import Exit, RejectedError
from ..system.typed import TYPE_CHECKING, Any, cast
from .accepting import window
from .memory import FreshMemory, OverlaidMemory
from .runtime import Runtime
from .tally import count, no_runs

if TYPE_CHECKING:
    from ..model.documents.events import BatchDocument, DeliveryCounts


def rehearse(
    runtime: Runtime, chunks: Iterable[list[Line]], progress: "Callable[[BatchDocument], None] | None" = None
) -> "Document[BatchDocument]":
    """Return what accepting the lines would come to: the counts, and the messages by where they would go.

    Each event meets what those before it would have left: their keys, and what their steps would remember.
    """
    stored = runtime.stored
    memory: Any = FreshMemory() if stored is None else OverlaidMemory(stored)
    messages: dict[str, int] = {}
    nothing: BatchDocument = {
        "dry_run": True,
        "accepted": 0,
        "duplicates": 0,
        "rejected": 0,
        "runs": no_runs(),
        "deliveries": cast("DeliveryCounts", {}),  # nothing is queued
        "messages": messages,
        "rejects": [],
    }
    result = Document(nothing)
    told = result.told
    taken: set[int] = set()  # hashes of the keys
    now = runtime.clock.now()
    for chunk in chunks:
        for line in chunk:
            try:
                if line.raw is None:
                    raise line.error or RejectedError("json", "the line cannot be read")
                event, _ = runtime.gate.admit(line.raw, now)
            except RejectedError as error:
                told["rejected"] += 1
                if len(told["rejects"]) < 100:
                    told["rejects"].append({"line": line.number, "kind": error.kind, "message": error.message})
                continue
            mark = hash((event.type, event.key))
            after = now - window(runtime.project.declaration(event.type))
            if event.key is not None and (
                mark in taken or (stored is not None and stored.first_with_key(event.type, event.key, after))
            ):
                told["duplicates"] += 1
                continue
            if event.key is not None:
                taken.add(mark)
            told["accepted"] += 1
            for pipeline in runtime.pipelines(event.type):
                run = pipeline.run(event, runtime.outside, memory)
                memory.remember(run, event.id)
                count(result, [run])
                for message in run.messages:
                    messages[message.target] = messages.get(message.target, 0) + 1
        memory.settle()
        if progress is not None:
            progress(told)
    result.exit_codes += [Exit.REJECTED] * bool(told["rejected"])
    return result
