"""One HTTP request and its answer: no redirect is followed, and the answer has a time and a size.

What fails before the request has left comes as URLError, what fails later comes bare.
"""

import ssl
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPSConnection, IncompleteRead
from urllib.error import URLError
from urllib.request import AbstractHTTPHandler, OpenerDirector, ProxyHandler, Request

from .deadline import Deadline
from .typed import Any, NamedTuple

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
        deadline = Deadline(self._seconds)
        opener = OpenerDirector()  # one that judges no status, and so follows no redirect
        opener.add_handler(ProxyHandler(self._proxies))
        opener.add_handler(_Handler(deadline, self._trusted))
        try:
            with opener.open(request, timeout=self._seconds) as response:
                return self._read(response, deadline)
        except URLError:
            raise
        except TimeoutError:  # of a single read, or of all
            raise deadline.over() from None
        except Exception:
            deadline.check()
            raise
        finally:
            deadline.close()

    def _read(self, response: Any, deadline: Deadline) -> Reply:
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


class _Watched(HTTPConnection):
    deadline: Deadline

    def connect(self) -> None:
        super().connect()
        self.deadline.watch(self.sock)


class _WatchedTls(HTTPSConnection, _Watched):
    """HTTPSConnection calls `_Watched.connect` before it shakes hands."""


class _Handler(AbstractHTTPHandler):
    def __init__(self, deadline: Deadline, trusted: Callable[[], ssl.SSLContext]) -> None:
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
