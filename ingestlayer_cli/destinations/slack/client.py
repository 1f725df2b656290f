"""Requests to Slack through its SDK; no secret comes out of here in an error."""

from collections.abc import Callable, Iterator
from urllib.parse import quote

from ...system.errors import count_of
from ...system.typed import Any, NamedTuple
from .answers import Answer, judged, judged_of_hook, sound

TIMEOUT = 10  # seconds, for all of a request and its answer
QUICK = 3  # the same for what a message does not hang on
MOST_PAGES = 500  # of a list


class Lost(NamedTuple):
    """A request without an answer. The error's words may hold a secret."""

    error: Exception


class Said(NamedTuple):
    """What Slack answered to what it did; the names of headers are in small letters."""

    data: dict[str, Any]
    headers: dict[str, str]


class EndlessError(Exception):
    """A list whose pages do not end."""


class FailedPageError(Exception):
    """A page of a list that could not be had."""

    def __init__(self, why: Answer | Lost) -> None:
        super().__init__(type(why).__name__)
        self.why = why


class WebApi:
    """The Web API with a bot token; none for what an app calls as itself."""

    def __init__(self, token: str, api_url: str, is_quick: bool = False) -> None:
        from .sdk import Web

        self._client = Web(token, api_url, QUICK if is_quick else TIMEOUT)
        self.secret = (token,)

    def post(self, method: str, body: dict[str, Any]) -> Said | Answer | Lost:
        """Call a method with JSON."""
        return self._asked(lambda: self._client.api_call(method, json=body))

    def get(self, method: str, query: dict[str, Any]) -> Said | Answer | Lost:
        """Call a method that reads."""
        return self._asked(lambda: self._client.api_call(method, http_verb="GET", params=query))

    def form(
        self, method: str, form: dict[str, Any], auth: dict[str, str] | None = None, secrets: tuple[str, ...] = ()
    ) -> Said | Answer | Lost:
        """Call a method with a form."""
        return self._asked(lambda: self._client.api_call(method, data=form, auth=auth), secrets)

    def pages(self, method: str, query: dict[str, Any]) -> Iterator[Said]:
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

    def _asked(self, call: Callable[[], Any], secrets: tuple[str, ...] = ()) -> Said | Answer | Lost:
        from slack_sdk.errors import SlackApiError

        from .sdk import ForeignError

        hidden = (*self.secret, *secrets)
        try:
            response = call()
        except SlackApiError as error:
            response = error.response
        except ForeignError as error:
            return judged(*error.reply, hidden)
        except Exception as error:
            return Lost(error)
        status, headers, data = response.status_code, response.headers, response.data
        if status == 200 and data.get("ok") is True:
            return Said(sound(data), {name.lower(): value for name, value in headers.items()})
        return judged(status, headers, str(data), hidden, data)


class IncomingWebhook:
    """An incoming webhook by its address, which is its secret."""

    def __init__(self, url: str) -> None:
        from .sdk import Hook

        self._client = Hook(url, TIMEOUT)
        self.secret = secrets_of(url)

    def post(self, body: dict[str, Any]) -> Answer | Lost | None:
        """Post a body; None when it was taken."""
        try:
            answer = self._client.send_dict(body)
        except Exception as error:
            return Lost(error)
        if answer.status_code == 200 and answer.body == "ok":
            return None
        return judged_of_hook(answer.status_code, dict(answer.headers), answer.body, self.secret)


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
