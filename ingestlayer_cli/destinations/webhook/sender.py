"""Sending webhooks through httpx, signing them, and what the answers mean. Only this file loads httpx."""

import base64
import binascii
import hashlib
import hmac
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from urllib.parse import unquote_plus, urljoin

import httpx

from ... import __version__
from ...model.events import encode
from ...model.sending import LATE, Doubt, Harmless, NotConnected, Outgoing, Refused, Result, Retry, Sent
from ...secrets.named import resolve
from ...system.addresses import problem_of, shown
from ...system.clock import HOUR, SECOND
from ...system.deadline import Deadline
from ...system.errors import ProjectError
from ...system.typed import Any, NamedTuple

EXCERPT = 200  # characters of an answer that are kept
READ = 4_096  # bytes of an answer that are read
MIN_PAUSE, MAX_PAUSE = SECOND, HOUR  # milliseconds that a receiver may ask for
PART = 6  # characters of a part of an address that may be a secret by itself

_NUMBER = re.compile(r"^\[Errno -?\d+\] ")  # the system's, before its words
_TWICE = "a delivery that comes twice is known by its id"
_DELIVER = "what waits goes out with `ingestlayer deliver`"


class Requests:
    """One POST a delivery, which its receiver knows by its id."""

    name = "webhook"

    def find(self, channel: str | None, doubts: list[Doubt]) -> Harmless:
        """Say that to send it twice does no harm."""
        return Harmless("the receiver knows a delivery that comes twice by its id")

    def send(self, outgoing: Outgoing) -> Result:
        """Send one delivery and classify the answer."""
        told = outgoing.directions
        if "problem" in told:
            hint = "correct `url` in the pipeline, or the value in it; then replay the event"
            return Refused(f"nothing can be sent there: {told['problem']}", hint)
        try:
            request = _Request.of(outgoing)
            client = self._client
        except ProjectError as error:
            return NotConnected(f"the webhook is not connected: {error.message}", f"{error.hint}; {_DELIVER}")
        if not outgoing.is_ours():
            return LATE
        try:
            with _silence():
                return _Exchange(client, request, told["timeout"] / 1000, outgoing.at).run()
        except (httpx.InvalidURL, httpx.LocalProtocolError, httpx.UnsupportedProtocol, UnicodeError) as error:
            words = f"no request can be made of its address and headers ({type(error).__name__})"
            return Refused(words, "look at `url` and `headers` in the pipeline; then replay the event")
        except Exception as error:  # a transport's own; it may hold the address
            return Retry(f"the request failed ({type(error).__name__})")

    @cached_property
    def _client(self) -> httpx.Client:
        # A connection is used once: what ends an exchange that takes too long has to know its socket.
        try:
            return httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), follow_redirects=False)
        except Exception as error:  # its words hold the proxy's address, and a password in it
            raise ProjectError(
                f"a proxy or certificate of the environment cannot be used ({type(error).__name__})",
                "look at HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE",
            ) from None


# The request ----------------------------------------------------------------------------------------------


class _Request(NamedTuple):
    """A request as it goes out. `secrets` are the texts that nothing may show, `named` the secrets' names."""

    url: str
    headers: dict[str, str]
    content: bytes
    secrets: tuple[str, ...]
    named: tuple[str, ...]

    @classmethod
    def of(cls, outgoing: Outgoing) -> "_Request":
        """Make it of a delivery; ProjectError when a secret is not there, or is none that fits."""
        told = outgoing.directions
        content = encode(outgoing.body).encode()
        url, hidden = told.get("url", ""), _parts_of_query(told.get("url", ""))
        named = []
        if "named" in told:
            url, hidden = _address(told["named"])
            named.append(told["named"])
        at = str(outgoing.at // 1000)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"ingestlayer/{__version__}",
            "Accept-Encoding": "identity",
            **told.get("headers", {}),
            "X-Ingestlayer-Delivery": outgoing.id,
            "webhook-id": outgoing.id,
            "webhook-timestamp": at,
        }
        for name, of in told.get("secrets", {}).items():
            headers[name] = _header(of)
            hidden.append(headers[name])
            named.append(of)
        auth = told["auth"]
        if auth["type"] != "none":
            secret = _header(auth["secret"]) if auth["type"] == "bearer" else resolve(auth["secret"])
            hidden.append(secret)
            named.append(auth["secret"])
            headers |= _proof(auth, secret, outgoing.id, at, content)
        # The longest first: one may hold another.
        return cls(url, _once(headers), content, tuple(sorted(set(hidden), key=len, reverse=True)), tuple(named))


def _once(headers: dict[str, str]) -> dict[str, str]:
    """Return headers without those that a later one of the same name replaces."""
    last = {name.lower(): name for name in headers}
    return {name: value for name, value in headers.items() if last[name.lower()] == name}


def _proof(auth: dict[str, str], secret: str, id_: str, at: str, content: bytes) -> dict[str, str]:
    """Return the headers by which the receiver knows that a request is ours."""
    if auth["type"] == "bearer":
        return {"Authorization": f"Bearer {secret}"}
    if auth["type"] == "hmac":
        signed = hmac.new(secret.encode(), f"{at}.".encode() + content, hashlib.sha256).hexdigest()
        return {"X-Ingestlayer-Signature": f"t={at},v1={signed}"}
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ProjectError(
            f"the secret {auth['secret']} is not base64, as Standard Webhooks have it",
            "take the receiver's secret, whsec_…",
        )
    signature = hmac.new(key, f"{id_}.{at}.".encode() + content, hashlib.sha256).digest()
    return {"webhook-signature": f"v1,{base64.b64encode(signature).decode()}"}


def _header(name: str) -> str:
    """Return a secret that goes into a header."""
    secret = resolve(name)
    if not all(" " <= char <= "~" for char in secret):
        raise ProjectError(f"the secret {name} has characters that no header takes", "set it anew, in one line")
    return secret


def _address(name: str) -> tuple[str, list[str]]:
    """Return an address that is a secret, and what of it must not be shown: all but its scheme."""
    url = resolve(name)
    if problem := problem_of(url):
        raise ProjectError(f"the secret {name} cannot be sent to: {problem}", "set it to an http(s) address")
    rest = url.partition("://")[2]
    host, _, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    parts = [part for part in path.split("/") if len(part) >= PART]
    hidden = [url, rest, rest.removeprefix(host), host, host.partition(":")[0], path, *parts, *_parts_of_query(url)]
    return url, [part for part in hidden if part.strip("/")]


def _parts_of_query(url: str) -> list[str]:
    """Return the query of an address, and its values as they are written and as they are meant."""
    query = url.partition("#")[0].partition("?")[2]
    values = [pair.partition("=")[2] or pair for pair in query.split("&")]
    return [part for part in (query, *values, *map(unquote_plus, values)) if len(part) >= PART]


# The answer -----------------------------------------------------------------------------------------------


class _Exchange:
    """One request and its answer, in a given time. httpx's own time-outs are for each single read."""

    def __init__(self, client: httpx.Client, request: _Request, seconds: float, at: int) -> None:
        self._client = client
        self._request = request
        self._seconds = seconds
        self._at = at
        self._deadline = Deadline(seconds)

    def run(self) -> Result:
        """Return what came of it."""
        sent = self._request
        given: dict[str, Any] = {"content": sent.content, "headers": sent.headers, "timeout": self._seconds}
        try:
            with self._client.stream("POST", sent.url, **given, extensions={"trace": self._deadline.trace}) as answer:
                return self._judged(answer)
        except httpx.TransportError as error:
            return self._lost(error)
        except TimeoutError:  # it was connected too late to be sent anything
            return Retry(f"the receiver could not be reached: no connection in {self._seconds:g} s")
        finally:
            self._deadline.close()

    def _lost(self, error: httpx.TransportError) -> Result:
        seconds = f"{self._seconds:g} s"
        if isinstance(error, httpx.ConnectTimeout):
            return Retry(f"the receiver could not be reached: no connection in {seconds}")
        if self._deadline.is_late or isinstance(error, httpx.TimeoutException):
            return Retry(f"the receiver gave no answer in {seconds}; {_TWICE}")
        words = self._clean(_NUMBER.sub("", str(error)) or type(error).__name__)[:EXCERPT]
        if isinstance(error, httpx.ConnectError | httpx.ProxyError):
            return Retry(f"the receiver could not be reached ({words})")
        return Retry(f"the connection to the receiver was lost ({words}); {_TWICE}")

    def _judged(self, answer: httpx.Response) -> Result:
        status = answer.status_code
        if 200 <= status < 300:
            return Sent({"status": str(status)})
        named = " ".join(filter(None, (str(status), _phrase(status))))
        if 300 <= status < 400:
            place = self._place(answer.headers.get("location", ""))
            why = f"the receiver answered {named}{place}: redirects are not followed"
            return Retry(why, hint="put the receiver's present address into `url`")
        why = ": ".join(filter(None, (f"the receiver answered {named}", self._excerpt(answer))))
        if status == HTTPStatus.GONE:
            return Refused(why, "the receiver wants nothing more: take the destination out, or give its new address")
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            return Retry(why, _pause(answer.headers.get("retry-after"), self._at))
        return Retry(why, hint=self._hint(status))

    def _hint(self, status: int) -> str:
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            names = ", ".join(dict.fromkeys(self._request.named))
            if names:
                return f"look at the secret that the receiver expects, and at {names}"
            return "the receiver wants to know who sends: give the destination `auth`"
        is_elsewhere = status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
        return "look at `url` in the pipeline" if is_elsewhere else ""

    def _place(self, location: str) -> str:
        if not location:
            return ""
        with suppress(ValueError):
            return f" and points to {self._clean(shown(urljoin(self._request.url, location)))[:EXCERPT]}"
        return ""

    def _excerpt(self, answer: httpx.Response) -> str:
        """Return the start of what the receiver said, in one line; what is packed is not unpacked."""
        if answer.headers.get("content-encoding", "identity") != "identity":
            return ""
        found = b""
        with suppress(httpx.HTTPError):
            for chunk in answer.iter_raw():
                found += chunk[: READ - len(found)]
                if len(found) >= READ:
                    break
        text = self._clean(found.decode("utf-8", "replace"))
        if len(found) >= READ:  # at its end may stand the start of a secret
            text = text[: -max(map(len, self._request.secrets), default=0) or None]
        return " ".join(text.split())[:EXCERPT]

    def _clean(self, text: str) -> str:
        """Return a text that holds no secret, and nothing that acts on a terminal."""
        for part in self._request.secrets:
            text = text.replace(part, "[secret]")
        return "".join([char if char.isprintable() else " " for char in text])


def _phrase(status: int) -> str:
    with suppress(ValueError):
        return HTTPStatus(status).phrase
    return ""


def _pause(value: str | None, at: int) -> int | None:
    """Read Retry-After (RFC 9110, 10.2.3), seconds or a date; a nonsensical one cannot hold a target for days."""
    if value is None:
        return None
    pause = None
    if re.fullmatch(r"\d{1,12}(\.\d+)?", value, re.ASCII):
        pause = int(float(value) * 1000)
    else:
        with suppress(ValueError, OverflowError, TypeError):
            pause = int(parsedate_to_datetime(value).timestamp() * 1000) - at
    return None if pause is None else min(max(pause, MIN_PAUSE), MAX_PAUSE)


# Logs -----------------------------------------------------------------------------------------------------

_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks")
_ours = threading.local()


def _is_not_ours(record: logging.LogRecord) -> bool:
    return not getattr(_ours, "sending", False)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep our requests out of the logs of httpx, which tells addresses; those of the program around us stay."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_not_ours)  # once: it is not added again
    _ours.sending = True
    try:
        yield
    finally:
        _ours.sending = False
