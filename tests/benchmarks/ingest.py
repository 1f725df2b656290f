"""What `ingest()` costs in a process that lives long: `python -m tests.benchmarks.ingest [THREADS] [CALLS]`.

Each of some threads calls it often, for events that queue no message, so that a call is one commit. The reference is
that commit alone: a bare SQLite transaction that writes the same rows to a store of its own with synchronous=FULL,
from as many threads, each time right after. In a round more the project's files are edited all the while; then the
process forks, and the child goes on.
"""

import json
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ingestlayer_cli import ingest
from ingestlayer_cli.model.events import new_event_id
from ingestlayer_cli.store.sqlite.store import open_to_write

MOST = 1.5  # times the bare commit
ROUNDS = 5
PIPELINE = """
match = ["usage"]
[[steps]]
use = "enrich.entity"
kind = "customer"
key = "$event.customer_id"
[[steps]]
use = "filter"
when = "$entity.customer.mrr > 1000000"
[[destinations]]
use = "slack"
channel = "#c"
"""


def make(root: Path) -> None:
    """Write a project whose pipeline looks a customer up, and drops every event."""
    for folder in ("events", "pipelines"):
        (root / folder).mkdir()
    (root / "ingestlayer.toml").write_text('[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n')
    (root / "customers.csv").write_text("customer_id,mrr\n" + "".join(f"c{number},7\n" for number in range(1_000)))
    (root / "events" / "usage.toml").write_text('type = "usage"\n[fields]\ncustomer_id = "string"\nused = "number"\n')
    (root / "pipelines" / "usage.toml").write_text(PIPELINE)
    time.sleep(0.1)  # younger files would be read anew by each call


def together(threads: int, work: Callable[[int], None]) -> float:
    """Run work in so many threads; return how long it took, in seconds."""
    failures: list[BaseException] = []

    def go(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    running = [threading.Thread(target=go, args=(number,)) for number in range(threads)]
    began = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    took = time.perf_counter() - began
    if failures:
        raise failures[0]
    return took


def ingesting(root: Path, calls: int) -> Callable[[int], None]:
    def work(number: int) -> None:
        for call in range(calls):
            ingest("usage", {"customer_id": f"c{call % 1_000}", "used": number}, project=root)

    return work


@contextmanager
def edited(root: Path, every: float = 0.3) -> Iterator[list[int]]:
    """Edit files of the project all the while, each whole at once; yield the numbers of the edits so far."""
    over = threading.Event()
    edits: list[int] = []

    def edit() -> None:
        while not over.wait(every):
            for name, line in (("customers.csv", f"x{len(edits)},1\n"), ("pipelines/usage.toml", f"# {len(edits)}\n")):
                part = root / f"{name}.part"
                part.write_text((root / name).read_text() + line)
                os.replace(part, root / name)
            edits.append(len(edits))

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        yield edits
    finally:
        over.set()
        editor.join()


def committing(path: Path, calls: int, event: tuple[Any, ...], run: tuple[Any, ...]) -> Callable[[int], None]:
    """Write the rows of one call, each in a transaction."""

    def work(_: int) -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            for _ in range(calls):
                connection.execute("BEGIN IMMEDIATE")
                (number,) = connection.execute("SELECT coalesce(max(seq), 0) + 1 FROM events").fetchone()
                values = (number, new_event_id(0), *event[2:])
                connection.execute(f"INSERT INTO events VALUES ({','.join('?' * len(event))})", values)
                connection.execute(f"INSERT INTO runs VALUES ({','.join('?' * len(run))})", (number, *run[1:]))
                connection.execute("COMMIT")

    return work


def state() -> tuple[int, int]:
    """Return how many files this process has open, and its memory in kB."""
    with open("/proc/self/statm") as file:
        return len(os.listdir("/proc/self/fd")), int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def measure(threads: int, calls: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """Return the medians of both in seconds, their ratio, and what grew after the first round."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        root.mkdir()
        make(root)
        together(threads, ingesting(root, 10))
        store = root / ".ingestlayer" / "store.db"
        bare = Path(folder) / "bare.db"
        open_to_write(str(bare)).close()
        with closing(sqlite3.connect(store)) as connection:
            event = connection.execute("SELECT * FROM events LIMIT 1").fetchone()
            run = connection.execute("SELECT * FROM runs LIMIT 1").fetchone()
        with closing(sqlite3.connect(bare)) as connection:  # what its rows point to
            connection.execute("INSERT OR IGNORE INTO line_ups (pipelines) VALUES ('[]')")
            connection.execute("INSERT OR IGNORE INTO pipeline_versions VALUES (1, 'usage', '', '', 0)")
            connection.commit()
        ours, theirs, states = [], [], []
        for _ in range(rounds):
            ours.append(together(threads, ingesting(root, calls // rounds)))
            theirs.append(together(threads, committing(bare, calls // rounds, event, run)))
            states.append(state())
        with edited(root):
            together(threads, ingesting(root, calls // rounds))
        states.append(state())
        pid = os.fork()
        if pid == 0:
            together(threads, ingesting(root, calls // rounds))
            os._exit(0)
        child = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with closing(sqlite3.connect(store)) as connection:
            (events,) = connection.execute("SELECT count(*) FROM events").fetchone()
    return {
        "threads": threads,
        "calls": calls,
        "call_ms": round(statistics.median(ours) / (threads * (calls // rounds)) * 1000, 3),
        "ratio": round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 2),
        "more_files": states[-1][0] - states[0][0],
        "more_kB": states[-1][1] - states[0][1],
        "child": child,
        "lost": threads * (10 + (rounds + 2) * (calls // rounds)) - events,
    }


def main() -> None:
    threads, calls = (int(argument) for argument in [*sys.argv[1:], "8", "1000"][:2])
    found = measure(threads, calls)
    print(json.dumps(found))
    if found["ratio"] > MOST or found["more_files"] > 0 or found["child"] or found["lost"]:
        sys.exit(f"ingest() costs {found['ratio']} times the commit; at most {MOST}")


if __name__ == "__main__":
    main()
