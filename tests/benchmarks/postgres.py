"""A store in PostgreSQL beside one in SQLite: python -m tests.benchmarks.postgres [EVENTS]

Single emits, batches, and deliveries claimed and recorded, per second, with 1, 4 and 8 processes at once, without their
starts. Then what a batch costs with 1 and 4 writers: the CPU of clients and of the server an event, and the share of
the time in a transaction in which others were waited for; and how that grows on the cores of this machine, how far its
CPU lets it, and on how many cores it would be twice as much.
Where procrastinate is installed (`pip install -e '.[bench]'`), as many of its jobs as there are single emits are
deferred and worked on the same server.
"""

import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.batch import NdjsonBatch
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.project import load
from ingestlayer_cli.store.contract.sending import Attempt, Wanted
from ingestlayer_cli.store.opening import open_to_write
from tests.benchmarks.accounts import account
from tests.support.postgres import Server, server
from tests.support.posting import Posting, accept, envelope

PROCESSES = (1, 4, 8)
WRITERS = (1, 4)
ENOUGH = 16_000  # events: what a process and its connection cost once is little beside them
CHANNELS = 40
Work = Callable[[str, int, int, Any], None]


def emits(root: str, first: int, number: int, ready: Any) -> None:
    """Accept events one by one, each in a transaction."""
    with Runtime(load(root)) as runtime:
        runtime.store.has_unfinished()
        ready.wait()
        for at in range(first, first + number):
            accept(runtime, at, f"c{at % CHANNELS}")


def batches(root: str, first: int, number: int, ready: Any) -> None:
    with Runtime(load(root)) as runtime, (Path(root) / f"{first}.ndjson").open("rb") as file:
        runtime.store.has_unfinished()
        ready.wait()
        flow.emit_batch(runtime, NdjsonBatch(file, None, "bench").chunks(), deliver=False)


def claims(root: str, first: int, number: int, ready: Any) -> None:
    """Claim and record until nothing is left."""
    store = open_to_write(load(root).store_path)
    ready.wait()
    now = 4_000_000_000_000
    while (claimed := store.outbox.claim(Wanted(), now, 60_000, lambda kind: 0, f"bench:{first}")) is not None:
        sent = Attempt(now, 0, "sent", "delivered", True, now, receipt={"channel": "C", "ts": claimed.id})
        store.outbox.record(claimed, sent, f"bench:{first}")
    store.close()


class Start:
    """Where a process waits for the others, and begins to count the CPU that it uses."""

    def __init__(self, barrier: Any) -> None:
        self._barrier = barrier
        self.used = 0.0

    def wait(self) -> None:
        self._barrier.wait()
        self.used = time.process_time()


def counted(work: Work, root: str, first: int, number: int, barrier: Any, used: Any) -> None:
    start = Start(barrier)
    work(root, first, number, start)
    used.put(time.process_time() - start.used)


def measured(work: Work, root: str, events: int, processes: int, first: int) -> tuple[float, float]:
    """Return how many events a second several processes did together, and the seconds of CPU that they used."""
    context = multiprocessing.get_context("spawn")
    ready, used, each = context.Barrier(processes + 1), context.Queue(), events // processes
    running = [
        context.Process(target=counted, args=(work, root, first + number * each, each, ready, used))
        for number in range(processes)
    ]
    for process in running:
        process.start()
    ready.wait()
    began = time.perf_counter()
    for process in running:
        process.join()
    took = time.perf_counter() - began
    if any(process.exitcode for process in running):
        raise SystemExit(f"{work.__name__} failed")
    return each * processes / took, sum(used.get() for _ in running)


def lines(posting: Posting, first: int, number: int, processes: int) -> None:
    """Write the batch of each process."""
    for start in range(first, first + number, number // processes):
        events = (envelope(at, f"c{at % CHANNELS}") for at in range(start, start + number // processes))
        posting.batch(events, f"{start}.ndjson")


def store(posting: Posting, name: str, events: int) -> int:
    """Measure a store; return how many events it has then."""
    root, first = str(posting.root), 0
    for processes in PROCESSES:
        figures = []
        for work, number in ((emits, events // 10), (batches, events)):
            lines(posting, first, number, processes)
            figures.append(measured(work, root, number, processes, first)[0])
            first += number
        figures.append(measured(claims, root, events // 10 + events, processes, 0)[0])
        emitted, batched, claimed = (f"{figure:,.0f}" for figure in figures)
        print(
            f"{name:10} {processes} at once: {emitted} emits/s, {batched}/s in batches, {claimed} claims/s", flush=True
        )
    return first


def costs(posting: Posting, own: Server, events: int, first: int) -> None:
    """Tell what an event of a batch costs, with one writer and with several."""
    events, found = max(events, ENOUGH), list[tuple[float, float]]()
    for processes in WRITERS:
        lines(posting, first, events, processes)
        with account(own) as taken:
            rate, used = measured(batches, str(posting.root), events, processes, first)
        first += events
        found.append((rate, (used + taken.cpu) / events))
        of_clients, of_server = (f"{cpu / events * 1_000_000:,.0f}" for cpu in (used, taken.cpu))
        print(
            f"batch with {processes} writers: {rate:,.0f}/s; CPU an event: {of_clients} µs of clients,"
            f" {of_server} µs of the server; waited in a transaction: {taken.share('Lock'):.1%} for others' locks,"
            f" {taken.share('LWLock', 'BufferPin'):.1%} for others' pages, {taken.share('IO'):.1%} for the disk",
            flush=True,
        )
    print(growth(found, len(os.sched_getaffinity(0))), flush=True)


def growth(found: Sequence[tuple[float, float]], cores: int) -> str:
    """Say how batches grow from the fewest writers to the most, and why no more; `found`: rates, and CPU an event."""
    (one, _), (many, cpu) = found[0], found[-1]
    return (
        f"batch with {WRITERS[-1]} writers: {many / one:.2f} × of {WRITERS[0]}, by {many * cpu:.1f} of {cores} cores:"
        f" at {cpu * 1_000_000:,.0f} µs of CPU an event these do {cores / cpu:,.0f}/s at most; 2 × takes"
        f" {2 * one * cpu:.1f} cores"
    )


def app_of(url: str) -> Any:
    """Return procrastinate's application, with one task that does nothing."""
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=url))

    async def post(number: int) -> None:
        """Do nothing."""

    app.task(name="post")(post)
    return app


def deferred(url: str, first: int, number: int, ready: Any) -> None:
    async def run() -> None:
        app = app_of(url)
        async with app.open_async():
            ready.wait()
            for at in range(first, first + number):
                await app.tasks["post"].defer_async(number=at)

    asyncio.run(run())


def worked(url: str, first: int, number: int, ready: Any) -> None:
    """Work until nothing is left."""

    async def run() -> None:
        app = app_of(url)
        async with app.open_async():
            ready.wait()
            await app.run_worker_async(wait=False, concurrency=1)

    asyncio.run(run())


def procrastinate(url: str, jobs: int) -> None:
    if find_spec("procrastinate") is None:
        print("procrastinate is not installed: pip install -e '.[bench]'")
        return

    async def make() -> None:
        app = app_of(url)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    asyncio.run(make())
    for processes in PROCESSES:
        figures = [measured(work, url, jobs, processes, 0)[0] for work in (deferred, worked)]
        deferrals, works = (f"{figure:,.0f}" for figure in figures)
        print(f"procrastinate {processes} at once: {deferrals} deferred/s, {works} worked/s", flush=True)


def main(events: int) -> None:
    with tempfile.TemporaryDirectory() as folder, server(durable=True) as own:
        os.environ["DATABASE_URL"] = own.url
        store(Posting(Path(folder) / "sqlite"), "SQLite", events)
        shared = Posting(Path(folder) / "postgres")
        shared.share(own.url, "bench")
        costs(shared, own, events, store(shared, "PostgreSQL", events))
        procrastinate(own.url, events // 10)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8_000)
