"""Events per second of a whole pipeline, and its memory: python -m tests.benchmarks.scale [EVENTS [CUSTOMERS]]

Enrich from a file of a million customers, crossing, dedupe, two destinations; 1 event in 50 is at a level and ends in
a message. Each event is of another customer, in no order: the worst there is for look-ups. Beside it a bare loop that
decodes and inserts, and the script that somebody would write in an afternoon: the file in a dict, no traces, no ids, no
checks. The peak memory is that of a tenth of the events and that of all of them: of the processes of a batch together,
each page that they share counted once, as looked at ten times a second.
"""

import json
import os
import re
import select
import sqlite3
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path

from .batch import bare_loop
from .tools import SCRIPT, compile_all, example

EVENTS = 100_000
CUSTOMERS = 1_000_000
MESSAGES = 50  # one event in so many is at a level
ROUNDS = 3
STRIDE = 7_368_787  # a prime, so that each customer comes once before one comes again
STEPS = """
[[steps]]
use = "crossing"
value = "$event.used / $event.limit"
levels = [0.8, 1]
key = "$event.customer_id:$event.metric"
period = "month"
[[steps]]
use = "dedupe"
key = "$event.customer_id:$event.metric:$crossing.level"
window = "24h"
"""
NAIVE = """
import csv, json, sqlite3, sys

customers = {row["customer_id"]: row for row in csv.DictReader(open("customers.csv"))}
store = sqlite3.connect(sys.argv[1])
store.execute("PRAGMA journal_mode = WAL")
store.execute("PRAGMA synchronous = FULL")
store.execute("CREATE TABLE events (key TEXT PRIMARY KEY, payload TEXT)")
store.execute("CREATE TABLE messages (channel TEXT, body TEXT)")
reached = {}
for number, line in enumerate(open("events.ndjson")):
    event = json.loads(line)
    payload = event["payload"]
    if store.execute("SELECT 1 FROM events WHERE key = ?", (event["idempotency_key"],)).fetchone():
        continue
    store.execute("INSERT INTO events VALUES (?, ?)", (event["idempotency_key"], json.dumps(payload)))
    customer = customers.get(payload["customer_id"], {})
    ratio = payload["used"] / payload["limit"]
    level = 1 if ratio >= 1 else 0.8 if ratio >= 0.8 else 0
    key = payload["customer_id"], payload["metric"]
    if level > reached.get(key, 0):
        reached[key] = level
        text = f"{customer.get('name')} is at {ratio:.0%} of {payload['metric']}, {customer.get('mrr')} a month"
        body = json.dumps({"text": text, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]})
        store.execute("INSERT INTO messages VALUES (?, ?)", ("#alerts" if ratio >= 1 else "#growth", body))
    if number % 1000 == 999:
        store.commit()
store.commit()
"""


def write_customers(path: Path, customers: int) -> None:
    with path.open("w") as file:
        file.write("customer_id,name,plan,mrr,renewal,csm_email\n")
        for number in range(customers):
            file.write(f"customer-{number:07},Customer {number},pro,{number % 900},2026-11-03,jane@example.com\n")


def write_events(path: Path, count: int, customers: int) -> None:
    """Write envelopes; of those that are at a level every second one is over the limit."""
    with path.open("w") as file:
        for number in range(count):
            customer = f"customer-{number * STRIDE % customers:07}"
            used = (9_000, 10_250)[number // MESSAGES % 2] if number % MESSAGES == 0 else number % 5_000
            payload = {"customer_id": customer, "metric": "api-calls", "limit": 10_000, "used": used, "plan": "pro"}
            key = f"{customer}:api-calls:{number}"
            file.write(json.dumps({"type": "usage.limit_reached", "payload": payload, "idempotency_key": key}) + "\n")


def copy(lines: Iterable[str], path: Path) -> None:
    with path.open("w") as file:
        file.writelines(lines)


def run(command: list[str]) -> tuple[float, float]:
    """Run a command to its end, output thrown away; return its wall time in seconds and its peak memory in MB."""
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=null)
    peak, ended = 0, False
    while not ended:
        peak = max(peak, memory(pid))
        ended = exits(pid, 0.1)
    took = time.perf_counter() - started
    _, status = os.waitpid(pid, 0)
    if status:
        raise SystemExit(f"{command} answered {os.waitstatus_to_exitcode(status)}")
    return took, peak / 1024


def exits(pid: int, seconds: float) -> bool:
    """Say whether a process ends within a time."""
    process = os.pidfd_open(pid)
    try:
        return bool(select.select([process], [], [], seconds)[0])
    finally:
        os.close(process)


def memory(pid: int) -> int:
    """Return the memory of a process and its children, in kB; none of one that has ended."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        found = re.search(r"^Pss: *(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1] if found else 0) + sum(memory(int(child)) for child in children)


def emit(project: Path, events: Path) -> tuple[float, float]:
    """Accept a file of events in a new store; return seconds and MB."""
    for left in (project / ".ingestlayer").glob("store.db*"):
        left.unlink()
    return run([SCRIPT, "-C", str(project), "emit", "--batch", str(events), "--no-deliver", "--json"])


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    customers = int(sys.argv[2]) if len(sys.argv) > 2 else CUSTOMERS
    compile_all()
    with example("usage-limits") as project:
        pipeline = project / "pipelines" / "usage-limit-hits.toml"
        head, first, rest = pipeline.read_text().partition("# A blocking limit")
        pipeline.write_text(head + STEPS + first + rest)
        write_customers(project / "customers.csv", customers)
        events, tenth = project / "events.ndjson", project / "tenth.ndjson"
        write_events(events, count, customers)
        with events.open() as file:
            copy(islice(file, count // 10), tenth)
        time.sleep(0.2)  # a file that was just written is not trusted to stay as it is
        with_index, _ = emit(project, tenth)  # the first compiles the project and indexes the customers
        without, small = emit(project, tenth)
        print(f"{count:,} events, {customers:,} customers (their index: {with_index - without:.1f} s)")
        for turn in range(ROUNDS):
            bare = bare_loop(events, project / f"bare{turn}.db")
            ours, peak = emit(project, events)
            naive, large = run([sys.executable, "-c", f"import os; os.chdir({str(project)!r})\n{NAIVE}", f"n{turn}.db"])
            print(
                f"  {count / ours:9,.0f}/s  bare loop {count / bare:9,.0f}/s  ratio {bare / ours:.3f}"
                f"  peak {peak:.0f} MB, of a tenth of the events {small:.0f} MB"
                f"  naive script {count / naive:9,.0f}/s  {large:.0f} MB  ratio to it {naive / ours:.2f}"
            )
        store = project / ".ingestlayer" / "store.db"
        with closing(sqlite3.connect(store)) as connection:
            ((messages,),) = connection.execute("SELECT count(*) FROM deliveries").fetchall()
        print(f"  {messages:,} messages, {os.path.getsize(store) / count:.0f} bytes an event")


if __name__ == "__main__":
    main()
