"""Events per second of a batch, beside a bare loop that decodes and inserts: python -m tests.benchmarks.batch [N]"""

import json
import os
import resource
import sqlite3
import sys
import time
from pathlib import Path

from .tools import SCRIPT, compile_all, example, spawn

CUSTOMERS = ["acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "tyrell", "wonka", "cyberdyne"]
FILTER = """
[[steps]]
use = "filter"
when = "$event.used / $event.limit >= 0.8"
"""


def write_events(path: Path, count: int, crossing: int) -> None:
    """Write envelopes, each with a key of its own; one in `crossing` is over the limit, the others far below."""
    with path.open("w") as file:
        for number in range(count):
            over = number % crossing == 0
            payload = {
                "customer_id": CUSTOMERS[number % len(CUSTOMERS)],
                "metric": "api-calls",
                "limit": 10000,
                "used": 10000 + number if over else number % 5000,
                "plan": "pro",
            }
            event = {"type": "usage.limit_reached", "payload": payload, "idempotency_key": f"k:{number}"}
            file.write(json.dumps(event) + "\n")


def bare_loop(path: Path, store: Path) -> float:
    """Decode each line and insert it, 1,000 a transaction; return the seconds taken."""
    started = time.perf_counter()
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, type TEXT, line TEXT)")
    rows: list[tuple[str, str]] = []
    with path.open() as file:
        for line in file:
            rows.append((json.loads(line)["type"], line))
            if len(rows) == 1000:
                insert(connection, rows)
    insert(connection, rows)
    connection.close()
    return time.perf_counter() - started


def insert(connection: sqlite3.Connection, rows: list[tuple[str, str]]) -> None:
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO events (type, line) VALUES (?, ?)", rows)
    connection.execute("COMMIT")
    rows.clear()


def measure(count: int, crossing: int) -> None:
    with example("usage-limits") as project:
        if crossing > 1:
            pipeline = project / "pipelines" / "usage-limit-hits.toml"
            head, first, rest = pipeline.read_text().partition("# A blocking limit")
            pipeline.write_text(head + FILTER + first + rest)
        events = project / "events.ndjson"
        write_events(events, count, crossing)
        bare = bare_loop(events, project / "bare.db")
        # The first start compiles the project; it is not part of the rate.
        spawn([SCRIPT, "-C", str(project), "preview", "usage.limit_reached", "--json"])
        ours = spawn([SCRIPT, "-C", str(project), "emit", "--batch", str(events), "--no-deliver", "--json"])
        size = os.path.getsize(project / ".ingestlayer" / "store.db") / count
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        name = "every event ends in a message" if crossing == 1 else f"1 event in {crossing} ends in a message"
        print(
            f"{name:32} {count / ours:9,.0f}/s  bare loop {count / bare:9,.0f}/s"
            f"  ratio {bare / ours:.3f}  {size:5.0f} bytes/event  peak {peak:.0f} MB"
        )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    compile_all()
    for crossing in (50, 1):
        measure(count, crossing)


if __name__ == "__main__":
    main()
