"""A receiver of webhooks on loopback, strict about what comes in, scripted in what it answers.

It speaks HTTP/1.1 over bare sockets, so that it can also do what no server library lets it do: hang, reset, answer
byte by byte, or answer nonsense. Whatever a request does wrong is kept in `problems`.
"""

import contextlib
import gzip
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?|")
_ID = re.compile(r"dlv_[0-9A-HJKMNP-TV-Z]{26}")
NEEDED = ("host", "content-type", "content-length", "user-agent")
IDS = ("x-ingestlayer-delivery", "webhook-id")


class Request(NamedTuple):
    """One request as it came: the headers by their lower-case names, the body byte for byte."""

    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def id(self) -> str:
        return self.headers["x-ingestlayer-delivery"]


Answer = Callable[[socket.socket, "Receiver"], None]


def status(code: int, text: str | bytes = b"", **headers: str) -> Answer:
    """Answer with a status, a body, and headers (`retry_after` is Retry-After)."""
    content = text.encode() if isinstance(text, str) else text
    lines = [f"HTTP/1.1 {code} Whatever", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + content)


def raw(data: bytes) -> Answer:
    """Answer with these bytes and close."""

    def answer(connection: socket.socket, receiver: "Receiver") -> None:
        connection.sendall(data)

    return answer


def hang(connection: socket.socket, receiver: "Receiver") -> None:
    """Say nothing until the receiver is closed or the other side is gone."""
    receiver.wait_for(connection)


def then_hang(data: bytes) -> Answer:
    """Say these bytes, and nothing more."""

    def answer(connection: socket.socket, receiver: "Receiver") -> None:
        connection.sendall(data)
        hang(connection, receiver)

    return answer


def reset(connection: socket.socket, receiver: "Receiver") -> None:
    """Break the connection off."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drip(data: bytes, pause: float) -> Answer:
    """Answer byte by byte, each in time for a read and all of them never."""

    def answer(connection: socket.socket, receiver: "Receiver") -> None:
        for number in range(len(data)):
            if receiver.closing.wait(pause):
                return
            connection.sendall(data[number : number + 1])

    return answer


def endless(head: bytes) -> Answer:
    """Answer with a head, and a body without an end."""

    def answer(connection: socket.socket, receiver: "Receiver") -> None:
        connection.sendall(head)
        while not receiver.closing.is_set():
            connection.sendall(b"x" * 65_536)
            receiver.sent += 65_536

    return answer


def bomb() -> Answer:
    """Answer 500 with a few kilobytes that unpack to 64 MB."""
    packed = gzip.compress(b"0" * (64 << 20), 9)
    return status(500, packed, Content_Encoding="gzip", Content_Type="text/plain")


class Receiver:
    """Answers `default` unless something is in `answers`, which are used up one by one."""

    def __init__(self, of_deliveries: bool = True) -> None:
        self._of_deliveries = of_deliveries  # whether each request is one, known by its id
        self.requests: list[Request] = []
        self.problems: list[str] = []
        self.answers: list[Answer] = []
        self.default: Answer = status(200, "ok")
        self.closing = threading.Event()
        self.sent = 0  # bytes of endless answers
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            request = self._read(connection)
            if request is None:
                return
            with self._lock:
                self.requests.append(request)
                answer = self.answers.pop(0) if self.answers else self.default
            answer(connection, self)

    def _read(self, connection: socket.socket) -> Request | None:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65_536)
            if not more:
                return None
            data += more
        head, _, content = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        method, path, version = first.decode("ascii").split(" ")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(b":")
            value = value.strip(b" ")
            if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
                self.problems.append(f"a header that is none: {line!r}")
            if name.decode().lower() in headers:
                self.problems.append(f"a header twice: {name!r}")
            headers[name.decode().lower()] = value.decode("latin-1")
        while len(content) < int(headers.get("content-length", 0)):
            content += connection.recv(65_536)
        self._check(method, version, headers, content)
        return Request(path, headers, content)

    def _check(self, method: str, version: str, headers: dict[str, str], content: bytes) -> None:
        if (method, version) != ("POST", "HTTP/1.1"):
            self.problems.append(f"{method} {version}")
        needed = (*NEEDED, *IDS) if self._of_deliveries else NEEDED
        self.problems += [f"no {name}" for name in needed if name not in headers]
        if len(content) != int(headers["content-length"]):
            self.problems.append("another length than was said")
        if not headers["user-agent"].startswith("ingestlayer/"):
            self.problems.append(f"from {headers['user-agent']}")
        ids = {headers[name] for name in IDS} if self._of_deliveries else set()
        if len(ids) > 1 or not all(map(_ID.fullmatch, ids)):
            self.problems.append("no id of a delivery")
        if headers["content-type"].startswith("application/json"):
            try:
                json.loads(content.decode("utf-8"), parse_constant=self.problems.append)
            except ValueError as error:
                self.problems.append(f"no JSON: {error}")

    def wait_for(self, connection: socket.socket) -> None:
        """Wait until the other side is gone, or this one is closed."""
        connection.settimeout(0.05)
        while not self.closing.is_set():
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    def close(self) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        ends = time.monotonic() + 100
        for thread in self._threads:
            thread.join(max(ends - time.monotonic(), 0))

    @property
    def only(self) -> Request:
        (request,) = self.requests
        return request
