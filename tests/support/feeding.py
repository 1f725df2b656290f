"""A batch as the process beside gives it: through a pipe, from a thread."""

import os
import threading
from collections.abc import Iterable

from ingestlayer_cli.engine.ahead import RUNS
from ingestlayer_cli.engine.chunks import Fed
from ingestlayer_cli.engine.feeder import feed
from ingestlayer_cli.engine.feeding import Feed
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Line


class Nothing:
    notes = ("a note",)
    proposal = "a proposal"


def fed(runtime: Runtime, chunks: Iterable[list[Line]], use: int = RUNS) -> tuple[list[Fed], Feed]:
    """Feed chunks through a pipe, of whose runs so much is said to be of use; return what comes out, and the feed."""
    ours, theirs = os.pipe()

    found = Feed(runtime, iter(()), Nothing())
    found.use[0] = use

    def write() -> None:
        feed(runtime, chunks, Nothing(), theirs, found.use)
        os.close(theirs)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with open(ours, "rb", buffering=0) as pipe:
            return [*found.fed(pipe)], found
    finally:
        writer.join()
