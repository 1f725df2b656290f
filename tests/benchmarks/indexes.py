"""What the indexes for people's choices cost a batch: python -m tests.benchmarks.indexes [N] [ROUNDS] [INDEX ...]

The same batch into new stores with these indexes and without them, in turn, by the processor's time of the whole
process. Three batches: every event ends in a message, the events are of a thousand sources in turn, and one event in
fifty ends in a message while the filter drops the others.
"""

import json
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from statistics import median

from .batch import FILTER, write_events
from .tools import SCRIPT, compile_all, example, spawn

INDEXES = ("events_by_source", "runs_by_outcome", "deliveries_by_lane")


def worked() -> float:
    """Return the processor's seconds of the processes that have ended: others on the machine do not lengthen them."""
    times = os.times()
    return times.children_user + times.children_system


def new_store(project: Path, without: tuple[str, ...]) -> None:
    """Make the project's store anew, less these indexes."""
    folder = project / ".ingestlayer"
    for path in folder.glob("store.db*"):
        path.unlink()
    spawn([SCRIPT, "-C", str(project), "deliver", "-q"])
    with closing(sqlite3.connect(folder / "store.db", isolation_level=None)) as connection:
        for name in without:
            connection.execute(f"DROP INDEX {name}")


def measure(name: str, project: Path, events: Path, rounds: int, indexes: tuple[str, ...]) -> None:
    times: dict[bool, list[float]] = {True: [], False: []}
    sizes: dict[bool, int] = {}
    for round_ in range(rounds + 1):
        for indexed in (True, False) if round_ % 2 else (False, True):
            new_store(project, () if indexed else indexes)
            before = worked()
            spawn([SCRIPT, "-C", str(project), "emit", "--batch", str(events), "--no-deliver", "--json"])
            took = worked() - before
            sizes[indexed] = (project / ".ingestlayer" / "store.db").stat().st_size
            if round_:  # the first is a warm-up
                times[indexed].append(took)
    with_, without = median(times[True]), median(times[False])
    best = min(times[True]) / min(times[False])
    count = sum(1 for _ in events.open())
    print(
        f"{name:34} with {with_ / count * 1e6:5.1f} µs  without {without / count * 1e6:5.1f} µs an event"
        f"  {with_ / without:.3f}× (of the best {best:.3f}×)  {(sizes[True] - sizes[False]) / count:.1f} bytes an event"
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    indexes = tuple(sys.argv[3:]) or INDEXES
    compile_all()
    with example("usage-limits") as project:
        events = project / "events.ndjson"
        write_events(events, count, 1)
        measure("every event ends in a message", project, events, rounds, indexes)
        sources = project / "sources.ndjson"
        with events.open() as lines, sources.open("w") as file:
            for number, line in enumerate(lines):
                file.write(json.dumps({**json.loads(line), "source": f"import:{number * 7919 % 1000}"}) + "\n")
        measure("a thousand sources in turn", project, sources, rounds, indexes)
        pipeline = project / "pipelines" / "usage-limit-hits.toml"
        head, first, rest = pipeline.read_text().partition("# A blocking limit")
        pipeline.write_text(head + FILTER + first + rest)
        write_events(events, count, 50)
        measure("1 event in 50 ends in a message", project, events, rounds, indexes)


if __name__ == "__main__":
    main()
