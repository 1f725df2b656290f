"""`POST /v1/ingest` with faults, over real HTTP on loopback: a stand-in, or in front of the real one.

    with Door(faults=["lost", "reset"]) as door:
        ingest(...)  # to door.url

The stand-in stores by (type, idempotency key), as the real one does where a declaration has no key.
"""

import http.client
import json
import random
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

WAIT = 1.0  # seconds for which clients of tests wait for an answer
FAULTS = ("lost", "half", "reset", "reset after", "429", "500", "page", "slow")
"""
lost, half: it is stored, and the connection is closed before, or within, the answer; reset: before it is read, or after
it is stored; 429 and 500: nothing is stored; page: a proxy's, of status 502, after it was stored; slow: stored, and
not answered before the client has left.
"""


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str]


class Request(NamedTuple):
    """A request that came: its events, its headers in lower case, and the fault that it met."""

    events: list[dict[str, Any]]
    headers: dict[str, str]
    fault: str


def by_chance(share: float, seed: int) -> Iterator[str]:
    """Yield a fault for this share of the requests, and "" for the others."""
    chance = random.Random(seed)
    while True:
        yield chance.choice(FAULTS) if chance.random() < share else ""


class Door:
    """A server of one thread a connection; `faults` are met by the requests in their order."""

    def __init__(
        self,
        faults: Iterable[str] = (),
        upstream: str | None = None,
        refuse: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda event: None,
        retry_after: str = "0",
    ) -> None:
        self.requests: list[Request] = []
        self.stored: dict[tuple[str, str], str] = {}  # ids by type and key
        self.answers: deque[Answer] = deque()  # in place of the stand-in's own
        self._faults = iter(faults)
        self._upstream = upstream
        self._refuse = refuse
        self._retry_after = retry_after
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.door = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def events(self) -> list[dict[str, Any]]:
        """Return the events of all requests, in their order."""
        return [event for request in self.requests for event in request.events]

    def began(self, body: bytes, headers: dict[str, str]) -> str:
        with self._lock:
            fault = next(self._faults, "")
            self.requests.append(Request(json.loads(body)["events"], headers, fault))
            return fault

    def answer(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Do what is asked."""
        if self._upstream is not None:
            return self._forward(body, headers)
        with self._lock:
            if self.answers:
                return self.answers.popleft()
            results = [self._result(event) for event in json.loads(body)["events"]]
        return Answer(202, json.dumps({"data": {"results": results}}).encode(), {})

    def limited(self) -> Answer:
        error = {"kind": "rate", "message": "too many requests", "details": []}
        return Answer(429, json.dumps({"error": error}).encode(), {"retry-after": self._retry_after})

    def _result(self, event: dict[str, Any]) -> dict[str, Any]:
        if error := self._refuse(event):
            return {"status": "rejected", "id": None, "error": error}
        known = (event["type"], event["idempotencyKey"])
        status = "duplicate" if known in self.stored else "accepted"
        return {"status": status, "id": self.stored.setdefault(known, f"evt_{len(self.stored)}")}

    def _forward(self, body: bytes, headers: dict[str, str]) -> Answer:
        assert self._upstream is not None
        connection = http.client.HTTPConnection(self._upstream.removeprefix("http://"), timeout=60)
        passed = {name: value for name, value in headers.items() if name in ("content-type", "authorization")}
        try:
            connection.request("POST", "/v1/ingest", body, passed)
            response = connection.getresponse()
            said = {name: value for name, value in response.getheaders() if name.lower() == "retry-after"}
            return Answer(response.status, response.read(), said)
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    door: Door

    def handle_error(self, *_: object) -> None:
        """A client that left, or was left: it is what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.path == "/v1/ingest", self.path
        headers = {name.lower(): value for name, value in self.headers.items()}
        door = self.server.door
        fault = door.began(body, headers)
        if fault == "reset":
            return self._reset()
        if fault == "429":
            return self._answer(door.limited())
        if fault == "500":
            return self._answer(Answer(500, b'{"error": {"kind": "defect", "message": "no", "details": []}}', {}))
        answer = door.answer(body, headers)
        if fault == "slow":
            select.select([self.connection], [], [], 60)
            return self._leave()
        if fault == "lost":
            return self._leave()
        if fault == "reset after":
            return self._reset()
        if fault == "half":
            self.wfile.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 200\r\n\r\n" + answer.body[:20])
            return self._leave()
        if fault == "page":
            return self._answer(Answer(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"}))
        return self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        with suppress(OSError):
            self.send_response(answer.status)
            for name, value in {"content-type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    def _leave(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
