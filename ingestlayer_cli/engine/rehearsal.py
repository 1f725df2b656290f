"""A batch as it would go, with nothing written and nothing sent."""

from collections.abc import Callable, Iterable

from ..model.gate import Line
from ..system.document import Document
from ..system.errors import Exit, RejectedError
from ..system.typed import Any
from .accepting import window
from .memory import FreshMemory, OverlaidMemory
from .runtime import Runtime
from .tally import count, no_runs


def rehearse(
    runtime: Runtime, chunks: Iterable[list[Line]], progress: Callable[[Document], None] | None = None
) -> Document:
    """Return what accepting the lines would come to: the counts, and the messages by where they would go.

    Each event meets what those before it would have left: their keys, and what their steps would remember.
    """
    stored = runtime.stored
    memory: Any = FreshMemory() if stored is None else OverlaidMemory(stored)
    result = Document(
        dry_run=True, accepted=0, duplicates=0, rejected=0, runs=no_runs(), deliveries={}, messages={}, rejects=[]
    )
    taken: set[int] = set()  # hashes of the keys
    now = runtime.clock.now()
    for chunk in chunks:
        for line in chunk:
            try:
                if line.raw is None:
                    raise line.error or RejectedError("json", "the line cannot be read")
                event, _ = runtime.gate.admit(line.raw, now)
            except RejectedError as error:
                result["rejected"] += 1
                if len(result["rejects"]) < 100:
                    result["rejects"].append({"line": line.number, "kind": error.kind, "message": error.message})
                continue
            mark = hash((event.type, event.key))
            after = now - window(runtime.project.declaration(event.type))
            if event.key is not None and (
                mark in taken or (stored is not None and stored.first_with_key(event.type, event.key, after))
            ):
                result["duplicates"] += 1
                continue
            if event.key is not None:
                taken.add(mark)
            result["accepted"] += 1
            for pipeline in runtime.pipelines(event.type):
                run = pipeline.run(event, runtime.outside, memory)
                memory.remember(run, event.id)
                count(result, [run])
                for message in run.messages:
                    result["messages"][message.target] = result["messages"].get(message.target, 0) + 1
        memory.settle()
        if progress is not None:
            progress(result)
    result.exit_codes += [Exit.REJECTED] * bool(result["rejected"])
    return result
