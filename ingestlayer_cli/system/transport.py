"""One HTTP request and its answer: no redirect is followed, and the answer has a time and a size.

Made of http.client alone: what one request needs of urllib.request, its proxies, is loaded where there may be one.
"""

import os
import sys
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection, IncompleteRead, InvalidURL
from urllib.parse import SplitResult, unquote, urlsplit

from .deadline import Deadline
from .typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ssl

MOST = 16 << 20  # bytes of an answer; a page of a history has some hundred thousand
_PLATFORMS = ("darwin", "win32")  # which know proxies beside the environment's
_IN_ORDER = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")


class Reply(NamedTuple):
    """An answer, of whatever status."""

    status: int
    headers: dict[str, str]
    text: str


class TooLongError(Exception):
    """An answer without an end."""


class UnsentError(Exception):
    """What failed before the request had left."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Transport:
    """Makes requests; each has so many seconds for all of it. A `proxy` is for all of them, unless NO_PROXY says none;
    without it those of the environment are.
    """

    def __init__(self, seconds: float, proxy: str | None = None) -> None:
        self._seconds = seconds
        self._proxy = proxy
        self._context: ssl.SSLContext | None = None

    def exchange(self, method: str, url: str, headers: dict[str, str], body: bytes | None = None) -> Reply:
        """Make a request; return the answer. UnsentError before it has left; what fails later comes as it is."""
        deadline, connection = Deadline(self._seconds), None
        try:
            connection, target, more = self._route(urlsplit(url))
            connection.deadline = deadline
            try:
                connection.request(method, target, body, {**headers, **more, "Connection": "close"})
            except OSError as error:
                raise UnsentError(error) from error
            return self._read(connection.getresponse(), deadline)
        except UnsentError:
            raise
        except TimeoutError:  # of a single read, or of all
            raise deadline.over() from None
        except Exception:
            deadline.check()
            raise
        finally:
            if connection is not None:
                connection.close()
            deadline.close()

    def _route(self, url: SplitResult) -> tuple["_Watched", str, dict[str, str]]:
        """Return a connection to the host of an address or to a proxy, what to ask for there, and with what headers."""
        if url.scheme not in ("http", "https") or not url.netloc:
            raise InvalidURL(f"no address of http: {url.scheme[:10]}")
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        proxy = self._proxy_of(url)
        if proxy is None:
            return self._connection(url.scheme, unquote(url.netloc)), target, {}
        via = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        host = unquote(via.netloc.rpartition("@")[2])
        login = _login(via)
        if url.scheme == "https":
            connection = self._connection("https", host)
            connection.set_tunnel(unquote(url.netloc), headers=login)
            return connection, target, {}
        if via.scheme not in ("", "http", "https"):
            raise UnsentError(OSError(f"no proxy of http: {via.scheme[:10]}"))
        return self._connection(via.scheme or "http", host), url._replace(fragment="").geturl(), login

    def _proxy_of(self, url: SplitResult) -> str | None:
        may_be = self._proxy or sys.platform in _PLATFORMS
        if not (may_be or any(name.lower().endswith("_proxy") for name in os.environ)):
            return None
        from urllib.request import getproxies, proxy_bypass

        if proxy_bypass(unquote(url.netloc)):
            return None
        return self._proxy or getproxies().get(url.scheme)

    def _connection(self, scheme: str, host: str) -> "_Watched":
        if scheme == "http":
            return _Watched(host, timeout=self._seconds)
        return _WatchedTls(host, timeout=self._seconds, context=self._trusted())

    def _read(self, response: HTTPResponse, deadline: Deadline) -> Reply:
        found = response.read(MOST + 1)
        deadline.check()  # a body without a length looks whole when its connection is ended
        if len(found) > MOST:
            raise TooLongError(f"it is longer than {MOST >> 20} MiB")
        if response.length:
            raise IncompleteRead(found, response.length)
        return Reply(response.status, dict(response.headers.items()), found.decode("utf-8", "replace"))

    def _trusted(self) -> "ssl.SSLContext":
        if self._context is None:
            import ssl

            self._context = ssl.create_default_context()
        return self._context


class _Watched(HTTPConnection):
    deadline: Deadline

    def connect(self) -> None:
        super().connect()
        self.deadline.watch(self.sock)


class _WatchedTls(HTTPSConnection, _Watched):
    """HTTPSConnection calls `_Watched.connect` before it shakes hands."""


def first_proxy() -> str | None:
    """Return the proxy that the environment names first, whatever it is for: what Slack's SDK goes by."""
    return next((value for name in _IN_ORDER if (value := os.environ.get(name, "").strip())), None)


def _login(proxy: SplitResult) -> dict[str, str]:
    """Return the header with which one signs in to a proxy."""
    if not (proxy.username and proxy.password):
        return {}
    from base64 import b64encode

    words = f"{unquote(proxy.username)}:{unquote(proxy.password)}"
    return {"Proxy-Authorization": f"Basic {b64encode(words.encode()).decode('ascii')}"}
