"""What stands in for PgBouncer with `pool_mode = transaction`, before a server that asks nobody for a password.

A server is lent for a transaction, and a client has another one each time: what a session remembers is not there.
"""

import contextlib
import os
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Self

CANCEL = 80877102  # what a client may say instead of its greeting, as it may ask for TLS
SERVERS = 4  # for each user and database

Message = tuple[bytes, bytes]  # its kind, and what it says


class End:
    """One end of a connection, read in messages."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self._read = b""

    def fileno(self) -> int:
        return self.connection.fileno()

    def greeting(self) -> bytes:
        """Return what a client begins by."""
        while True:
            size = struct.unpack("!I", self._taken(4))[0]
            said = self._taken(size - 4)
            code = struct.unpack("!I", said[:4])[0]
            if code >> 16 == 3:
                return said
            if code == CANCEL:
                raise EOFError
            self.connection.sendall(b"N")

    def message(self) -> Message:
        kind, size = struct.unpack("!cI", self._taken(5))
        return kind, self._taken(size - 4)

    def messages(self) -> Iterator[Message]:
        """Yield the next message, and others that are there whole."""
        yield self.message()
        while len(self._read) >= 5 and len(self._read) > struct.unpack("!I", self._read[1:5])[0]:
            yield self.message()

    def said(self) -> list[Message]:
        """Return what a client has said; EOFError when that is that it leaves."""
        said = [*self.messages()]
        if said[-1][0] == b"X":
            raise EOFError
        return said

    def send(self, message: Message) -> None:
        self.connection.sendall(message[0] + struct.pack("!I", len(message[1]) + 4) + message[1])

    def _taken(self, size: int) -> bytes:
        while len(self._read) < size:
            part = self.connection.recv(65_536)
            if not part:
                raise EOFError
            self._read += part
        taken, self._read = self._read[:size], self._read[size:]
        return taken


class Servers:
    """The connections of one user to one database; who waited longest is lent next."""

    def __init__(self, port: int, greeting: bytes) -> None:
        self._port = port
        self._greeting = struct.pack("!I", len(greeting) + 4) + greeting
        self._idle = deque[End]()
        self._changed = threading.Condition()
        self.hello: list[Message] = []
        for _ in range(SERVERS):
            self._begin()

    def _begin(self) -> None:
        server, hello = End(socket.create_connection(("127.0.0.1", self._port))), []
        server.connection.sendall(self._greeting)
        while (said := server.message())[0] != b"Z":
            hello += [said] if said[0] in b"RSE" else []
        self.hello = hello
        self._put(server)

    def close(self) -> None:
        for server in self._idle:
            server.connection.close()

    def _put(self, server: End) -> None:
        with self._changed:
            self._idle.append(server)
            self._changed.notify()

    def lend(self, client: End) -> None:
        """Pass on what one transaction says, and what it is answered; EOFError when the client has left."""
        said = client.said()
        with self._changed:
            self._changed.wait_for(lambda: self._idle)
            server = self._idle.popleft()
        try:
            _pass_on(client, server, said)
        except (OSError, EOFError):
            server.connection.close()  # in the middle of something
            self._begin()
            raise
        self._put(server)


def _pass_on(client: End, server: End, said: list[Message]) -> None:
    asked, status = 0, b""
    while True:
        for message in said:
            asked += message[0] in b"QS"
            server.send(message)
        said = []
        if not asked and status == b"I":
            return
        for end in select.select([client, server], [], [])[0]:
            if end is client:
                said = client.said()
                continue
            for message in server.messages():
                client.send(message)
                if message[0] == b"Z":
                    asked, status = asked - 1, message[1]


class Bouncer:
    """The pooler: who comes to its port is served until it leaves, or this ends."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._servers: dict[bytes, Servers] = {}
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._threads = [threading.Thread(target=self._work)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:  # its clients have left
            thread.join()
        for servers in self._servers.values():
            servers.close()

    def _work(self) -> None:
        with self._listening, contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(End(client),)))
                self._threads[-1].start()

    def _serve(self, client: End) -> None:
        with contextlib.closing(client.connection), contextlib.suppress(OSError, EOFError):
            greeting = client.greeting()
            said = greeting[4:].split(b"\0")
            given = dict(zip(said[::2], said[1::2], strict=False))
            if b"options" in given:
                client.send((b"E", b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"))
                return
            with self._lock:
                servers = self._servers.get(greeting)
                servers = self._servers[greeting] = servers or Servers(self._to, greeting)
            for message in (*servers.hello, (b"K", os.urandom(8)), (b"Z", b"I")):
                client.send(message)
            while True:
                servers.lend(client)
