"""One HTTP request and its answer: no redirect is followed, and the answer has a time and a size.

What fails before the request has left comes as URLError, what fails later comes bare.
"""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPSConnection, IncompleteRead
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.request import AbstractHTTPHandler, OpenerDirector, ProxyHandler, Request

MOST = 16 << 20  # bytes of an answer; a page of a history has some hundred thousand


class Reply(NamedTuple):
    """An answer, of whatever status."""

    status: int
    headers: dict[str, str]
    text: str


class TooLongError(Exception):
    """An answer without an end."""


class Transport:
    """Makes requests; each has so many seconds for all of it."""

    def __init__(self, seconds: float, proxy: str | None) -> None:
        self._seconds = seconds
        self._proxies = {"http": proxy, "https": proxy} if proxy else None  # else those of the environment
        self._context: ssl.SSLContext | None = None

    def exchange(self, request: Request) -> Reply:
        """Make a request; return the answer."""
        deadline = _Deadline(self._seconds)
        opener = OpenerDirector()  # one that judges no status, and so follows no redirect
        opener.add_handler(ProxyHandler(self._proxies))
        opener.add_handler(_Handler(deadline, self._trusted))
        try:
            with opener.open(request, timeout=self._seconds) as response:
                return self._read(response, deadline)
        except URLError:
            raise
        except Exception:
            deadline.check()
            raise
        finally:
            deadline.close()

    def _read(self, response: Any, deadline: "_Deadline") -> Reply:
        found = response.read(MOST + 1)
        deadline.check()  # a body without a length looks whole when its connection is ended
        if len(found) > MOST:
            raise TooLongError(f"it is longer than {MOST >> 20} MiB")
        if response.length:
            raise IncompleteRead(found, response.length)
        return Reply(response.status, dict(response.headers.items()), found.decode("utf-8", "replace"))

    def _trusted(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context


class _Deadline:
    """Ends a connection when its time is over: the time-outs of sockets are for each single read."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self._is_late = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connected: socket.socket) -> None:
        """Watch a connection; TimeoutError when it came too late."""
        with self._lock:
            self._socket = connected.dup()  # TLS takes the first one over
        self.check()

    def check(self) -> None:
        """Raise TimeoutError when the time is over."""
        if self._is_late:
            raise TimeoutError(f"no whole answer in {self._seconds:g} s")

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _end(self) -> None:
        with self._lock:
            self._is_late = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


class _Watched(HTTPConnection):
    deadline: _Deadline

    def connect(self) -> None:
        super().connect()
        self.deadline.watch(self.sock)


class _WatchedTls(HTTPSConnection, _Watched):
    """HTTPSConnection calls `_Watched.connect` before it shakes hands."""


class _Handler(AbstractHTTPHandler):
    def __init__(self, deadline: _Deadline, trusted: Callable[[], ssl.SSLContext]) -> None:
        super().__init__()
        self._deadline = deadline
        self._trusted = trusted

    def http_open(self, request: Request) -> Any:
        return self.do_open(partial(self._made, _Watched), request)

    def https_open(self, request: Request) -> Any:
        return self.do_open(partial(self._made, _WatchedTls), request, context=self._trusted())

    http_request = https_request = AbstractHTTPHandler.do_request_

    def _made(self, kind: type[_Watched], *arguments: Any, **more: Any) -> _Watched:
        connection = kind(*arguments, **more)
        connection.deadline = self._deadline
        return connection
