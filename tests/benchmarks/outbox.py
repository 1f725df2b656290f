"""What sending costs: python -m tests.benchmarks.outbox [DELIVERIES] [SETTLED]

First, deliveries per second to an instant stand-in without pacing, beside a bare slack_sdk loop that posts the same
bodies. Then, what claiming one delivery costs with few and with very many settled ones in the store.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from slack_sdk import WebClient

from ingestlayer_cli.store.contract.sending import Attempt, Wanted
from ingestlayer_cli.store.sqlite.store import SqliteStore, open_to_write
from tests.support.posting import TOKEN, Posting, envelope
from tests.support.standin import SlackStandin

from .tools import SCRIPT, compile_all, spawn

CHANNELS = [f"channel-{number}" for number in range(8)]
CLAIMS = 300
WAITING = 40  # deliveries that wait in each lane
ROUNDS = 3
STAND_IN = "from tests.benchmarks.outbox import serve; serve()"


def serve() -> None:
    """Run a stand-in with all channels until stdin ends."""
    with SlackStandin() as slack:
        for name in CHANNELS:
            slack.add_channel(name)
        print(slack.url, flush=True)
        sys.stdin.read()


@contextmanager
def stand_in() -> Iterator[str]:
    """Yield the address of a stand-in in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", STAND_IN], stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate("")


def bare_loop(bodies: Sequence[str], url: str) -> float:
    """Post the bodies one after the other; return the seconds taken."""
    client = WebClient(TOKEN, base_url=url, retry_handlers=[])
    began = time.perf_counter()
    for body in bodies:
        client.api_call("chat.postMessage", json=json.loads(body))
    return time.perf_counter() - began


def bare_threads(bodies: Sequence[str], url: str) -> float:
    """Post the bodies with as many threads as there are channels; return the seconds taken."""
    client = WebClient(TOKEN, base_url=url, retry_handlers=[])
    began = time.perf_counter()
    with ThreadPoolExecutor(len(CHANNELS)) as pool:
        list(pool.map(lambda body: client.api_call("chat.postMessage", json=json.loads(body)), bodies))
    return time.perf_counter() - began


def measure_sending(count: int) -> None:
    rates: dict[str, list[float]] = {"ingestlayer deliver": [], "bare loop": [], "bare, 8 threads": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as root, stand_in() as url:
            folder = Posting(Path(root) / "project", url=url)
            batch = folder.batch(envelope(number, CHANNELS[number % len(CHANNELS)]) for number in range(count))
            os.environ["SLACK_BOT_TOKEN"] = TOKEN
            spawn([SCRIPT, "-C", str(folder.root), "emit", "--batch", str(batch), "--no-deliver", "-q"])
            bodies = [body for (body,) in folder.sql("SELECT body FROM deliveries ORDER BY seq")]
            rates["bare loop"].append(count / bare_loop(bodies, url))
            rates["ingestlayer deliver"].append(count / spawn([SCRIPT, "-C", str(folder.root), "deliver", "-q"]))
            rates["bare, 8 threads"].append(count / bare_threads(bodies, url))
            assert folder.statuses() == {"delivered": count}
    reference = statistics.median(rates["bare loop"])
    print(f"{count:,} deliveries to 8 channels, pace 0s, median of {ROUNDS} runs, start of the process included:")
    for name, found in rates.items():
        median = statistics.median(found)
        print(f"  {name:20} {median:8,.0f}/s   {median / reference:5.2f} of the bare loop")


# Claiming -------------------------------------------------------------------------------------------------


def fill(store: SqliteStore, settled: int, waiting: int = WAITING) -> None:
    """Fill a store with settled deliveries, and with some that wait in each lane."""
    numbers = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    body = json.dumps({"channel": "#x", "text": "x" * 300})
    execute = store.connection.execute
    with store.transaction():
        for lane in range(len(CHANNELS)):
            execute("INSERT INTO lanes (name) VALUES (?)", (f"slack #channel-{lane}",))
        if settled:
            execute(
                f"{numbers} INSERT INTO deliveries (seq, id, event, run, pipeline, destination, target, lane, body,"
                " status, queued_at, due_at, attempts, receipt, settled_at) SELECT i, 'dlv_' || i, i, 1, 'limits',"
                " 'slack', '#x', 1 + i % 8, ?, iif(i % 100, 'delivered', 'dead'), i, i, 1, '{}', i FROM n",
                (settled, body),
            )
            execute(f"{numbers} INSERT INTO attempts SELECT i, 1, i, 5, 'sent', NULL, 'p' FROM n", (settled,))
        execute(
            f"{numbers} INSERT INTO deliveries (seq, id, event, run, pipeline, destination, target, lane, body, status,"
            " queued_at, due_at) SELECT ? + i, 'dlv_w' || i, ? + i, 1, 'limits', 'slack', '#x', 1 + i % 8, ?,"
            " 'pending', 1, 1 FROM n",
            (waiting * len(CHANNELS), settled, settled, body),
        )
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def steps_of_a_claim(store: SqliteStore) -> int:
    """Return how many of SQLite's instructions one claim takes."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    store.connection.set_progress_handler(count, 1)
    try:
        claim_and_return(store)
    finally:
        store.connection.set_progress_handler(None, 1)
    return steps


def claim_and_return(store: SqliteStore) -> float:
    """Claim one delivery and give it back as it was; return the seconds of the claim alone."""
    began = time.perf_counter()
    claimed = store.outbox.claim(Wanted(), 10, 1000, lambda kind: 0, "benchmark")
    took = time.perf_counter() - began
    assert claimed is not None
    store.outbox.record(claimed, Attempt(1, 0, "retry", "pending", False, claimed.due_at), "benchmark")
    return took


def measure_claiming(settled: Sequence[int]) -> None:
    with tempfile.TemporaryDirectory() as root:
        stores = {count: open_to_write(f"{root}/{count}/store.db") for count in settled}
        for count, store in stores.items():
            fill(store, count)
        times: dict[int, list[float]] = {count: [] for count in settled}
        for _ in range(CLAIMS):  # in turn, so that a drift of the machine meets all of them
            for count, store in stores.items():
                times[count].append(claim_and_return(store))
        print(f"claiming one delivery, its durable commit included, median of {CLAIMS}:")
        reference = statistics.median(times[settled[0]])
        for count, store in stores.items():
            median = statistics.median(times[count])
            size = os.path.getsize(store.path) / 1e6
            print(
                f"  {count:9,} settled ({size:5,.0f} MB)  {median * 1000:6.2f} ms  {median / reference:5.2f}×"
                f"  {steps_of_a_claim(store):,} instructions of SQLite"
            )
            store.close()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    settled = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    compile_all()
    measure_sending(count)
    measure_claiming([10, 10_000, settled])


if __name__ == "__main__":
    main()
