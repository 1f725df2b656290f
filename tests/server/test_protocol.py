"""HTTP itself: who is slow on purpose, who sends nonsense, and what is answered to it."""

import asyncio
import contextlib
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import uvicorn

from ingestlayer_cli.server import protocol
from ingestlayer_cli.server.life import _Server
from ingestlayer_cli.server.protocol import PatientProtocol
from tests.support.folder import Folder
from tests.support.program import wait_until
from tests.support.serving import Serving, status, usage

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once, whatever still comes."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that is patient for a tenth of a second."""
    monkeypatch.setattr(protocol, "_SECONDS", {"head": 0.1, "rest": 0.1, "end": 0.1})
    monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 3)
    config = uvicorn.Config(
        _app, http=PatientProtocol, ws="none", lifespan="off", log_config=None, log_level="critical"
    )
    server = _Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    number = listening.getsockname()[1]
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listening]),))
    thread.start()
    yield number
    server.should_exit = True
    thread.join()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def read(connection: socket.socket) -> bytes:
    """Read until the other side ends."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("start", [b"", b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_that_does_not_come_is_not_waited_for(port: int, start: bytes) -> None:
    with closing(connect(port)) as connection:
        connection.sendall(start)
        assert read(connection) == b""


def test_neither_is_that_of_a_further_request(port: int) -> None:
    with closing(connect(port)) as connection:
        connection.sendall(REQUEST)
        assert status(connection) == 200
        connection.sendall(b"GET /hea")
        assert read(connection) == b""


def test_a_body_that_nobody_wants_is_not_read_for_ever(port: int) -> None:
    with closing(connect(port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        assert b"200 OK" in read(connection)


def test_an_idle_connection_goes_where_there_are_too_many(port: int) -> None:
    idle = [connect(port) for _ in range(3)]
    for connection in idle:
        connection.sendall(REQUEST)
        assert status(connection) == 200
    with closing(connect(port)) as another:
        another.sendall(REQUEST)
        assert status(another) == 200
        assert idle[0].recv(10) == b""
    for connection in idle:
        connection.close()


# Nonsense -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(made: Callable[[str], Folder]) -> Iterator[Serving]:
    with Serving(made("protocol"), "--open", "--no-deliver") as serving:
        yield serving


def answered(serving: Serving, data: bytes) -> bytes:
    """Send bytes, and no more; return what came."""
    with closing(connect(serving.port)) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            return b""
        return read(connection)


@pytest.mark.parametrize(
    "data",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\n",
    ],
)
def test_what_is_no_http_is_answered_400_as_json(served: Serving, data: bytes) -> None:
    head, _, body = answered(served, data).partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")), head
    assert json.loads(body).keys() == {"error"}


SEEDS = [
    b"POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b",
    b"POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n",
    b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nX-Length: %d\r\n\r\n%b",
]


def mutated(chance: random.Random) -> bytes:
    """Return a request with some of its bytes changed, left out, or twice there."""
    body = json.dumps({"events": [usage(chance.randrange(5))]}).encode()
    data = bytearray(chance.choice(SEEDS) % (len(body), body))
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(len(data))
        end = min(len(data), at + chance.choice((1, 1, 2, 8, 40)))
        kind = chance.randrange(4)
        if kind == 0:
            data[at:end] = chance.randbytes(end - at)
        elif kind == 1 and len(data) > 50:
            del data[at:end]
        elif kind == 2:
            data[at:at] = data[at:end]
        else:
            data[at:at] = chance.choice((b"\r\n", b"\0", b"\xff\xfe", b"%00", b'"', b"{" * 50, b"[" * 500, b"1e999"))
    return bytes(data)


def test_no_nonsense_is_a_defect_of_ours(served: Serving) -> None:
    """Requests with faults in them: refused, or taken, and never answered 5xx."""
    chance = random.Random(7)
    statuses: dict[bytes, int] = {}
    for _ in range(400):
        data = mutated(chance)
        code = answered(served, data)[9:12]
        assert not code.startswith(b"5"), data
        statuses[code] = statuses.get(code, 0) + 1
    assert {b"202", b"400"} <= statuses.keys(), statuses
    assert served.client.get("/readyz").status_code == 200
    wait_until(lambda: served.log[-1]["path"] == "/readyz")
    assert not [line for line in served.log if line["status"] == 500]


def test_many_large_bodies_at_once_are_not_all_held(served: Serving) -> None:
    """Each is nearly there, and does not come to its end."""
    head = b"POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: 4999999\r\n\r\n"
    connections = [connect(served.port) for _ in range(45)]
    for connection in connections:
        connection.sendall(head)
        connection.settimeout(30)
        with contextlib.suppress(OSError):
            connection.sendall(b" " * 4_900_000)
    wait_until(lambda: any(line["status"] == 503 for line in served.log))
    for connection in connections:
        connection.close()
    wait_until(lambda: served.post([usage(9)]).status_code == 202)
