"""Requests to Slack; no secret comes out of here in an error."""

import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

from ... import __version__
from ...system.errors import count_of
from ...system.transport import Reply, Transport, first_proxy
from ...system.typed import TYPE_CHECKING, Body, NamedTuple
from .answers import Answer, judged, judged_of_hook, sound

if TYPE_CHECKING:
    from slack_sdk import WebClient

TIMEOUT = 10  # seconds, for all of a request and its answer
QUICK = 3  # the same for what a message does not hang on
MOST_PAGES = 500  # of a list
_HEADERS = {"Content-Type": "application/json;charset=utf-8", "User-Agent": f"ingestlayer/{__version__}"}


class Lost(NamedTuple):
    """A request without an answer. The error's words may hold a secret."""

    error: Exception


class Said(NamedTuple):
    """What Slack answered to what it did; the names of headers are in small letters."""

    data: Body
    headers: dict[str, str]


class EndlessError(Exception):
    """A list whose pages do not end."""


class FailedPageError(Exception):
    """A page of a list that could not be had."""

    def __init__(self, why: Answer | Lost) -> None:
        super().__init__(type(why).__name__)
        self.why = why


class WebApi:
    """The Web API with a bot token; none for what an app calls as itself.

    What has an effect goes straight to Slack: it is all that most starts ask of it, and the SDK takes four times as
    long to load as all else. The rest goes by the SDK.
    """

    def __init__(self, token: str, api_url: str, is_quick: bool = False) -> None:
        self._token = token
        self._url = api_url.rstrip("/") + "/"
        self._transport = Transport(QUICK if is_quick else TIMEOUT, first_proxy())
        self.secret = (token,)

    def post(self, method: str, body: Body) -> Said | Answer | Lost:
        """Call a method with JSON."""
        headers = {**_HEADERS, "Authorization": f"Bearer {self._token}"}
        try:
            reply = self._transport.exchange("POST", self._url + method, headers, json.dumps(body).encode())
        except Exception as error:
            return Lost(error)
        return _heard(reply, self.secret)

    def get(self, method: str, query: Body) -> Said | Answer | Lost:
        """Call a method that reads."""
        return self._asked(lambda sdk: sdk.api_call(method, http_verb="GET", params=query))

    def form(
        self, method: str, form: Body, auth: dict[str, str] | None = None, secrets: tuple[str, ...] = ()
    ) -> Said | Answer | Lost:
        """Call a method with a form."""
        return self._asked(lambda sdk: sdk.api_call(method, data=form, auth=auth), secrets)

    def pages(self, method: str, query: Body) -> Iterator[Said]:
        """Yield the pages of a method (https://docs.slack.dev/apis/web-api/pagination); FailedPageError."""

        def page(cursor: str) -> Said:
            found = self.get(method, {**query, "cursor": cursor})
            if isinstance(found, Answer | Lost):
                raise FailedPageError(found)
            return found

        try:
            yield from pages(page)
        except EndlessError as error:
            raise FailedPageError(Lost(error)) from None

    def _asked(self, call: "Callable[[WebClient], object]", secrets: tuple[str, ...] = ()) -> Said | Answer | Lost:
        from .sdk import AnsweredError, Web

        try:
            call(Web(self._token, self._url, self._transport))
        except AnsweredError as answered:
            return _heard(answered.reply, (*self.secret, *secrets))
        except Exception as error:
            return Lost(error)
        raise AssertionError("the SDK took an answer that is not its own")  # pragma: no cover


def _heard(reply: Reply, secrets: tuple[str, ...]) -> Said | Answer:
    """Return what an answer of the Web API says it did, else what it did in place of that."""
    try:
        data = json.loads(reply.text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):  # what the Web API never answers
        return judged(reply.status, reply.headers, reply.text, secrets)
    if reply.status == 200 and data.get("ok") is True:
        return Said(sound(data), {name.lower(): value for name, value in reply.headers.items()})
    return judged(reply.status, reply.headers, str(data), secrets, data)


class IncomingWebhook:
    """An incoming webhook by its address, which is its secret."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._transport = Transport(TIMEOUT, first_proxy())
        self.secret = secrets_of(url)

    def post(self, body: Body) -> Answer | Lost | None:
        """Post a body; None when it was taken."""
        try:
            reply = self._transport.exchange("POST", self._url, _HEADERS, json.dumps(body).encode())
        except Exception as error:
            return Lost(error)
        if reply.status == 200 and reply.text == "ok":
            return None
        return judged_of_hook(reply.status, reply.headers, reply.text, self.secret)


def pages(page: Callable[[str], Said]) -> Iterator[Said]:
    """Yield the pages of a list, each asked for with the cursor of the one before; EndlessError."""
    cursor, seen = "", set[str]()
    while cursor not in seen:
        seen.add(cursor)
        found = page(cursor)
        yield found
        following = found.data.get("response_metadata")
        cursor = str(following.get("next_cursor") or "") if isinstance(following, dict) else ""
        if not cursor:
            return
        if len(seen) >= MOST_PAGES:
            break
    raise EndlessError(f"the list does not end in {count_of(len(seen), 'page')}")


def secrets_of(url: str) -> tuple[str, ...]:
    """Return what of a webhook's address nothing may show, the longest first: error pages like to repeat its path."""
    path = url.partition("://")[2].partition("/")[2]
    parts = [part for part in path.split("/") if part]
    ends = ["/".join(parts[at:]) for at in range(len(parts))]
    plain = [part for part in (url, path, *ends, *parts[1:]) if part]
    written = {form for part in plain for form in (part, quote(part, safe=""))}
    return tuple(sorted(written, key=len, reverse=True))
