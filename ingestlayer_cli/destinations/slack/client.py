"""Requests to Slack through slack_sdk. Only this file loads the SDK, and no secret comes out of it in an error."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .answers import Answer, answer_of, judged

if TYPE_CHECKING:
    import logging

TIMEOUT = 10  # seconds, for the connection and for each read
QUICK = 3  # the same for what a message does not hang on


class Lost(NamedTuple):
    """A request without an answer. The error's words may hold a secret."""

    error: Exception


class FailedPageError(Exception):
    """A page of a list that could not be had."""

    def __init__(self, why: Answer | Lost) -> None:
        super().__init__(type(why).__name__)
        self.why = why


class WebApi:
    """The Web API with a bot token; none for what an app calls as itself."""

    def __init__(self, token: str, api_url: str, is_quick: bool = False) -> None:
        from slack_sdk import WebClient

        # The SDK's default handler repeats a request whose connection was lost, which posts twice.
        self._client = WebClient(
            token or None,
            base_url=api_url.rstrip("/") + "/",
            timeout=QUICK if is_quick else TIMEOUT,
            retry_handlers=[],
            logger=_silent(),
        )
        self.secret = (token,)

    def post(self, method: str, body: dict[str, Any]) -> dict[str, Any] | Answer | Lost:
        """Call a method with JSON."""
        return _data(self._asked(lambda: self._client.api_call(method, json=body)))

    def get(self, method: str, query: dict[str, Any]) -> dict[str, Any] | Answer | Lost:
        """Call a method that reads."""
        return _data(self._asked(lambda: self._client.api_call(method, http_verb="GET", params=query)))

    def form(
        self, method: str, form: dict[str, Any], auth: dict[str, str] | None = None, secrets: tuple[str, ...] = ()
    ) -> Any:
        """Call a method with a form; return the SDK's response, which has the headers, an `Answer` or `Lost`."""
        return self._asked(lambda: self._client.api_call(method, data=form, auth=auth), secrets)

    def pages(self, method: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the pages of a method (https://docs.slack.dev/apis/web-api/pagination); FailedPageError."""
        cursor = ""
        while True:
            page = self.get(method, {**query, "cursor": cursor})
            if isinstance(page, Answer | Lost):
                raise FailedPageError(page)
            yield page
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    def _asked(self, call: Callable[[], Any], secrets: tuple[str, ...] = ()) -> Any:
        from slack_sdk.errors import SlackApiError

        try:
            return call()
        except SlackApiError as error:
            return answer_of(error.response, (*self.secret, *secrets))
        except Exception as error:
            return Lost(error)


class IncomingWebhook:
    """An incoming webhook by its address, which is its secret."""

    def __init__(self, url: str) -> None:
        from slack_sdk.webhook import WebhookClient

        self._client = WebhookClient(url, timeout=TIMEOUT, retry_handlers=[], logger=_silent())
        # Error pages like to repeat the path, which is the secret.
        self.secret = url, url.partition("://")[2].partition("/")[2]

    def post(self, body: dict[str, Any]) -> Answer | Lost | None:
        """Post a body; None when it was taken."""
        try:
            answer = self._client.send_dict(body)
        except Exception as error:
            return Lost(error)
        if answer.status_code == 200 and answer.body == "ok":
            return None
        return judged(answer.status_code, dict(answer.headers), {}, answer.body, self.secret)


def _data(answer: Any) -> dict[str, Any] | Answer | Lost:
    if isinstance(answer, Answer | Lost):
        return answer
    return dict(answer.data) if isinstance(answer.data, dict) else {}


def _silent() -> "logging.Logger":
    """Return a logger that says nothing: the SDK would print whole answers, and what the outbox records."""
    import logging

    logger = logging.Logger("slack_sdk")
    logger.addHandler(logging.NullHandler())
    return logger
