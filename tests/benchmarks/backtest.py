"""Stored events per second of `backtest`, beside a loop that decodes them: python -m tests.benchmarks.backtest [N]"""

import json
import resource
import sqlite3
import sys
import time
from pathlib import Path

from .batch import FILTER, write_events
from .tools import SCRIPT, compile_all, example, spawn


def bare_loop(store: Path) -> float:
    """Read every event by its time and decode its payload; return the seconds taken."""
    started = time.perf_counter()
    connection = sqlite3.connect(store)
    for _, payload in connection.execute("SELECT id, payload FROM events ORDER BY received_at, seq"):
        json.loads(payload)
    connection.close()
    return time.perf_counter() - started


def measure(count: int, crossing: int) -> None:
    with example("usage-limits") as project:
        if crossing > 1:
            pipeline = project / "pipelines" / "usage-limit-hits.toml"
            head, first, rest = pipeline.read_text().partition("# A blocking limit")
            pipeline.write_text(head + FILTER + first + rest)
        events = project / "events.ndjson"
        write_events(events, count, crossing)
        spawn([SCRIPT, "-C", str(project), "emit", "--batch", str(events), "--no-deliver", "--json"])
        bare = bare_loop(project / ".ingestlayer" / "store.db")
        ours = spawn([SCRIPT, "-C", str(project), "backtest", "--json"])
        planned = spawn([SCRIPT, "-C", str(project), "replay", "--until", "now", "--again", "--dry-run", "--json"])
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        name = "every event ends in a message" if crossing == 1 else f"1 event in {crossing} ends in a message"
        print(
            f"{name:32} backtest {count / ours:9,.0f}/s  replay --dry-run {count / planned:9,.0f}/s"
            f"  bare loop {count / bare:9,.0f}/s  ratio {bare / ours:.3f}  peak {peak:.0f} MB"
        )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    compile_all()
    for crossing in (50, 1) if count <= 100_000 else (50,):
        measure(count, crossing)


if __name__ == "__main__":
    main()
