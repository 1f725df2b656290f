"""What a store full of keys costs an event: python -m tests.benchmarks.keys [KEYS]

A store that holds so many idempotency keys and so many keys of a `dedupe` takes batches in turn with a new one,
in this process; 1 event in 50 ends in a message. Its rows are made by SQL, as a batch leaves them, keys in no order.
Then both take one event after the other, each from a process of its own, as cron sends them.
"""

import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Line, Raw
from ingestlayer_cli.project import Project, read
from ingestlayer_cli.store.sql.names import key_hash
from ingestlayer_cli.store.sqlite.store import open_to_write

from .tools import SCRIPT, compile_all, interleaved

KEYS = 1_000_000
EVENTS = 10_000  # of a round
ROUNDS = 7
COLD = 30  # events from a process of their own
CHUNK = 1_000
MESSAGES = 50  # one event in so many ends in a message
DAYS = 100  # that the stored events are spread over
TYPE = "usage.limit_reached"
EVENT = f"""
type = "{TYPE}"
[fields]
customer_id = "string"
metric = "string"
limit = "number"
used = "number"
plan = "string"
[idempotency]
window = "31d"
"""
PIPELINE = """
[[steps]]
use = "dedupe"
key = "$event.customer_id:$event.metric"
window = "31d"
[[steps]]
use = "filter"
when = "$event.used >= $event.limit"
[[destinations]]
use = "slack"
channel = "#alerts"
[destinations.message]
text = "$event.customer_id is out of $event.metric"
"""
# A number n from 1 and from it a number k that is as far from its neighbours as can be; the stride is a prime.
NUMBERS = f"""
WITH RECURSIVE n(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < :count),
  rows AS (SELECT n, n * 7368787 % :count AS k, :now - (:count - n) * {DAYS * 86_400_000} / :count AS at FROM n),
  named AS (SELECT *, printf('01%011X%013X', at, n) AS ulid, printf('customer-%08d', k) AS customer FROM rows)
"""
FILL = [
    f"""INSERT INTO events (seq, id, type, received_at, accepted_at, source, key, payload, line_up, key_hash) {NUMBERS}
    SELECT n, 'evt_' || ulid, '{TYPE}', at, at, 'batch', customer || ':api-calls:2026-11', json_object(
        'customer_id', customer, 'metric', 'api-calls', 'limit', 10000, 'used', n % 10000, 'plan', 'pro'), 1,
        key_hash(customer || ':api-calls:2026-11')
    FROM named""",
    f"""INSERT INTO runs (event, number, version, outcome, dropped_by, reason, trace) {NUMBERS}
    SELECT n, 1, 1, iif(n % {MESSAGES}, 'dropped', 'queued'), iif(n % {MESSAGES}, 'filter', NULL),
        iif(n % {MESSAGES}, 'used >= limit = ' || n % 10000 || ' >= 10000', NULL),
        json_array(json_object('step', 'dedupe', 'verdict', 'continue',
            'note', customer || ':api-calls is new in 31d')) FROM named""",
    f"""INSERT INTO deliveries (seq, id, event, run, pipeline, destination, target, lane, body, status, queued_at,
        due_at, attempts, receipt, settled_at) {NUMBERS}
    SELECT n / {MESSAGES}, 'dlv_' || ulid, n, 1, 'keys', 'slack', '#alerts', 1,
        json_object('channel', '#alerts', 'text', customer || ' is out of api-calls', 'blocks', printf('%.600c', 'x')),
        'delivered', at, at, 1, '{{}}', at FROM named WHERE n % {MESSAGES} = 0""",
    "INSERT INTO attempts SELECT seq, 1, queued_at, 80, 'sent', NULL, 'host:1' FROM deliveries",
    f"""INSERT INTO memory {NUMBERS} SELECT 'keys/dedupe/1', customer || ':api-calls', at, 'evt_' || ulid FROM named""",
]


def fill(store: Path, rows: int, cache: int = 2_000_000) -> None:
    """Fill a new store with events, keys and memory; one event in fifty with a message that is delivered.

    `cache` is in kB; there is no journal, so that ten million rows are a matter of minutes.
    """
    open_to_write(str(store)).close()
    now = time.time_ns() // 1_000_000
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        execute = connection.execute
        connection.create_function("key_hash", 1, key_hash, deterministic=True)
        execute("PRAGMA journal_mode = OFF")
        execute("PRAGMA synchronous = OFF")
        execute(f"PRAGMA cache_size = -{cache}")
        execute("BEGIN")
        execute("INSERT INTO line_ups (pipelines) VALUES ('[]')")
        execute("INSERT INTO lanes (name) VALUES ('slack #alerts')")
        execute("INSERT INTO pipeline_versions (pipeline, version, text, first_used) VALUES ('keys', '0', '', 0)")
        for statement in FILL:
            execute(statement, {"count": rows, "now": now} if ":count" in statement else ())
        execute("COMMIT")
        execute("PRAGMA journal_mode = WAL")
    # Else the first checkpoint of whoever comes next waits until the kernel has written all of it.
    with store.open("rb+") as file:
        os.fsync(file.fileno())


def make_project(root: Path) -> Project:
    """Write and compile a project with one pipeline."""
    (root / "events").mkdir(parents=True)
    (root / "pipelines").mkdir()
    (root / "ingestlayer.toml").write_text("")
    (root / "events" / "usage.toml").write_text(EVENT)
    (root / "pipelines" / "keys.toml").write_text(PIPELINE)
    return Project(str(root), read(str(root), keep=False).compiled())


def raw(customer: str, number: int) -> Raw:
    used = 10_000 if number % MESSAGES == 0 else number % 10_000
    payload: dict[str, Any] = {"customer_id": customer, "metric": "api-calls", "limit": 10_000, "used": used}
    return Raw(TYPE, {**payload, "plan": "pro"}, f"{customer}:api-calls:2026-11")


def batch(customers: list[str]) -> list[list[Line]]:
    """Return chunks of events, one for each customer."""
    lines = [Line(number, raw(name, number), None, b"") for number, name in enumerate(customers, 1)]
    return [lines[start : start + CHUNK] for start in range(0, len(lines), CHUNK)]


def took(runtime: Runtime, chunks: list[list[Line]], expected: str) -> float:
    """Accept a batch all of which has to be `expected`; return the seconds for each event."""
    events = sum(map(len, chunks))
    started = time.perf_counter()
    result = flow.emit_batch(runtime, chunks, deliver=False)
    seconds = time.perf_counter() - started
    if result[expected] != events or result["runs"]["failed"]:
        raise SystemExit(f"{result}")
    return seconds / events


def scattered(turn: int, rows: int) -> list[str]:
    """Return customers that are in no store, whose keys fall between those that are there."""
    return [f"customer-{number * 7_368_787 % rows:08}-{turn}" for number in range(EVENTS)]


def following(turn: int, rows: int) -> list[str]:
    """Return customers whose keys come after those that are there, as those of an export or of a counter do."""
    return [f"customer-{rows + turn * EVENTS + number:08}" for number in range(EVENTS)]


def emits(root: Path) -> Iterator[list[str]]:
    """Each one a new event from a process of its own."""
    for number in count():
        event = raw(f"cold-{number}", number)
        told = ["--data", json.dumps(event.payload), "--key", str(event.key), "--no-deliver", "--json"]
        yield [SCRIPT, "-C", str(root), "emit", TYPE, *told]


def main() -> None:
    compile_all()
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else KEYS
    with tempfile.TemporaryDirectory() as folder:
        new, full = (make_project(Path(folder) / name) for name in ("new", "full"))
        started = time.perf_counter()
        fill(Path(full.store_path), rows)
        seconds, size = time.perf_counter() - started, os.path.getsize(full.store_path)
        print(f"{rows:,} keys of events, as many of a dedupe: {size / 1e6:,.0f} MB (filled in {seconds:.0f} s)")
        ways = {"new keys in order": following, "new keys in no order": scattered}
        names = (*ways, "known keys")
        times: dict[tuple[str, bool], list[float]] = {
            (name, is_full): [] for name in names for is_full in (False, True)
        }
        with Runtime(new, keep=False) as empty, Runtime(full, keep=False) as filled:
            for turn in range(ROUNDS + 1):
                for name, customers in ways.items():
                    chunks = batch(customers(turn, rows))
                    for runtime in (empty, filled):
                        times[name, runtime is filled].append(took(runtime, chunks, "accepted"))
                for runtime in (empty, filled):
                    times["known keys", runtime is filled].append(took(runtime, chunks, "duplicates"))
        grown = os.path.getsize(new.store_path) / (EVENTS * len(ways) * (ROUNDS + 1))
        cold = interleaved({project.root: emits(Path(project.root)) for project in (new, full)}, COLD)
    print(f"batches of {EVENTS:,} events, µs an event, median of {ROUNDS} rounds; {grown:,.0f} bytes an event")
    for name in names:
        # The first round is a warm-up.
        few, many = (median(times[name, is_full][1:]) * 1e6 for is_full in (False, True))
        print(f"  {name:22} a new store {few:6.1f}   {rows:,} keys {many:6.1f}   {many / few:5.2f}×")
    few, many = (cold[project.root] * 1e3 for project in (new, full))
    print(f"a process each, ms, median of {COLD}: a new store {few:.1f}, {rows:,} keys {many:.1f}, {many / few:.2f}×")


if __name__ == "__main__":
    main()
