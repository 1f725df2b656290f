"""A batch as the process beside gives it: through a pipe, from a thread."""

import os
import threading
from collections.abc import Iterable

from ingestlayer_cli.engine.chunks import Fed
from ingestlayer_cli.engine.feeder import feed
from ingestlayer_cli.engine.feeding import Feed
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Line


class Nothing:
    notes = ("a note",)
    proposal = "a proposal"


def fed(runtime: Runtime, chunks: Iterable[list[Line]]) -> tuple[list[Fed], Feed]:
    """Feed chunks through a pipe; return what comes out of it, and the feed."""
    ours, theirs = os.pipe()

    def write() -> None:
        feed(runtime, chunks, Nothing(), theirs)
        os.close(theirs)

    writer, found = threading.Thread(target=write), Feed(runtime, iter(()), Nothing())
    writer.start()
    try:
        with open(ours, "rb", buffering=0) as pipe:
            return [*found.fed(pipe)], found
    finally:
        writer.join()
