"""Requests a second and their 99th percentile: python -m tests.benchmarks.serve [REQUESTS]

Beside (a) Starlette that answers without doing anything, and (b) Starlette with one transaction of SQLite, as durable
as ours, for each request; on the same uvicorn, in the same run, with the same requests. Last, the memory of `serve`
over many requests.
"""

import contextlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.loading import Answered, bodies, request, send_all

from .tools import ROOT, SCRIPT

CONNECTIONS = (1, 16, 64)
PROJECT = ROOT / "examples" / "usage-limits"


# What it is measured beside ---------------------------------------------------------------------------------


def reference(kind: str, port: int, path: str) -> None:
    """Serve (a) or (b), in a process of its own."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, body TEXT)")

    async def bare(_: Request) -> JSONResponse:
        return JSONResponse({"data": {}}, 202)

    async def stored(asked: Request) -> JSONResponse:
        body = (await asked.body()).decode()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO events (body) VALUES (?)", (body,))
        connection.execute("COMMIT")
        return JSONResponse({"data": {}}, 202)

    routes = [Route("/v1/ingest", bare if kind == "bare" else stored, methods=["POST"])]
    uvicorn.run(Starlette(routes=routes), port=port, http="h11", loop="asyncio", log_level="critical")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def serving(kind: str, folder: Path) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Start one of the three; end it."""
    port = free_port()
    if kind == "serve":
        shutil.copytree(PROJECT, folder / "project", ignore=shutil.ignore_patterns(".ingestlayer"))
        command = [SCRIPT, "-C", str(folder / "project"), "serve", "--open", "--port", str(port), "-q", "--no-deliver"]
    else:
        command = [sys.executable, "-m", "tests.benchmarks.serve", kind, str(port), str(folder / "reference.db")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


# Measuring --------------------------------------------------------------------------------------------------


def measure(port: int, requests: list[bytes], connections: int) -> tuple[float, float]:
    """Return requests a second, and the 99th percentile in milliseconds."""
    took: list[float] = []

    def heard(_: int, answered: Answered) -> None:
        assert answered.status == 202, answered
        took.append(answered.took)

    began = time.perf_counter()
    send_all(port, requests, connections, heard)
    total = time.perf_counter() - began
    assert len(took) == len(requests)
    return len(took) / total, sorted(took)[len(took) * 99 // 100] * 1000


def compare(count: int, size: int) -> None:
    figures: dict[tuple[str, int], tuple[float, float]] = {}
    for kind in ("bare", "stored", "serve"):
        with tempfile.TemporaryDirectory() as folder, serving(kind, Path(folder)) as (port, _):
            measure(port, [request(body) for body in bodies(20, size, 10**9)], 4)
            for connections in CONNECTIONS:
                some = count if connections > 1 else max(count // 4, 20)
                requests = [request(body) for body in bodies(some, size, connections * 10**7)]
                figures[kind, connections] = measure(port, requests, connections)
    print(f"requests of {size} event{'s' if size > 1 else ''}, {count:,} of them: a second, and the 99th percentile")
    for connections in CONNECTIONS:
        (a, a99), (b, b99), (ours, p99) = (figures[kind, connections] for kind in ("bare", "stored", "serve"))
        print(
            f"  {connections:3} connections: serve {ours:7,.0f} {p99:6.1f} ms"
            f"   (a) {a:7,.0f} {a99:6.1f} ms   (b) {b:7,.0f} {b99:6.1f} ms"
            f"   serve/(a) {ours / a:.2f}  serve/(b) {ours / b:.2f}",
            flush=True,
        )


def resident(process: Any) -> float:
    """Return the memory of a process in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def memory(count: int) -> None:
    """Send many requests, in ten parts; print the memory after each."""
    with tempfile.TemporaryDirectory() as folder, serving("serve", Path(folder)) as (port, process):
        found = []
        for part in range(10):
            requests = [request(body) for body in bodies(count // 10, 1, part * count)]
            measure(port, requests, 16)
            found.append(resident(process))
    print(f"memory over {count:,} requests, MB: {' '.join(f'{it:.0f}' for it in found)}")


def main(count: int) -> None:
    compare(count, 1)
    compare(count // 10, 100)
    memory(count * 50)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        reference(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000)
