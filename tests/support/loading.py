"""Many senders at once over HTTP: as quick as one process of Python can send, each answer looked at."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.support.folder import PAYLOAD, USAGE


class Answered(NamedTuple):
    """What was answered to one request: how many seconds it took, and its status."""

    took: float
    status: int
    body: bytes


Heard = Callable[[int, Answered], None]


def body_of(numbers: range) -> bytes:
    """Return a request with these events, each with a key of its own."""
    events = [
        {
            "type": USAGE,
            "payload": {**PAYLOAD, "customer_id": f"customer-{number}", "used": number},
            "idempotencyKey": f"key-{number}",
        }
        for number in numbers
    ]
    return json.dumps({"events": events}).encode()


def bodies(count: int, size: int = 1, first: int = 0) -> list[bytes]:
    """Return so many requests of `size` events."""
    return [body_of(range(first + at * size, first + (at + 1) * size)) for at in range(count)]


def request(body: bytes, headers: str = "") -> bytes:
    head = f"POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def send_all(port: int, requests: list[bytes], connections: int, heard: Heard) -> None:
    """Send requests over so many connections at once; tell of each that was answered. Broken ones are left."""
    asyncio.run(_send_all(port, iter(enumerate(requests)), connections, heard))


async def _send_all(port: int, requests: Iterator[tuple[int, bytes]], connections: int, heard: Heard) -> None:
    await asyncio.gather(*(_connection(port, requests, heard) for _ in range(connections)))


async def _connection(port: int, requests: Iterator[tuple[int, bytes]], heard: Heard) -> None:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return
    try:
        for number, data in requests:
            began = time.perf_counter()
            writer.write(data)
            status, body = await _answer(reader)
            heard(number, Answered(time.perf_counter() - began, status, body))
    except (OSError, EOFError, ValueError):
        pass  # it was killed, maybe
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    _, _, rest = head.lower().partition(b"content-length: ")
    body = await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    return int(head[9:12]), body


def results(answered: Answered) -> list[Any]:
    """Return what became of the events of a request that was taken."""
    return list(json.loads(answered.body)["data"]["results"])
