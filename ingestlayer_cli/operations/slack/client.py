"""Calls of Slack's Web API for people who set up or look; deliveries have a sender of their own."""

import json
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from ...destinations.slack.answers import SET_UP_REMEDIES, Answer, clean
from ...destinations.slack.client import EndlessError, Lost, Said, WebApi, pages
from ...system.clock import MINUTE, Clock
from ...system.transport import UnsentError
from ...system.typed import Body
from .secret import SlackError, UnreachableError

PAGE = 999  # items; "an integer under 1000": https://docs.slack.dev/reference/methods/conversations.list
PATIENCE = MINUTE  # milliseconds that one call may be put off by Slack's rate limits
LONGEST = 300  # characters of an answer that are shown


class Identity(NamedTuple):
    """Who a token is: the workspace, the bot, its scopes (None: not told), and our clock less Slack's, in seconds."""

    team: str
    team_id: str
    url: str
    user: str
    bot_id: str
    scopes: list[str] | None
    skew: float | None


class Client:
    """The Web API with a bot token."""

    def __init__(self, token: str, api_url: str, clock: Clock | None = None) -> None:
        self._api = WebApi(token, api_url)
        self._clock = clock or Clock()

    def identity(self) -> Identity:
        """Ask who we are (auth.test)."""
        answer = self._said("auth.test")
        data = {name: _text(answer.data.get(name)) for name in ("team", "team_id", "url", "user", "bot_id")}
        if not (data["team"] and data["user"]):
            raise UnreachableError("the answer is not Slack's: it does not say who the token is", NOT_SLACK)
        scopes = answer.headers.get("x-oauth-scopes")
        listed = None if scopes is None else [scope.strip() for scope in scopes.split(",") if scope.strip()]
        return Identity(**data, scopes=listed, skew=_skew(answer.headers.get("date"), self._clock.now()))

    def call(self, method: str, arguments: Body | None = None, login: tuple[str, str] | None = None) -> Body:
        """Call a method and return what it says; SlackError or UnreachableError otherwise."""
        return self._said(method, arguments, login).data

    def _said(self, method: str, arguments: Body | None = None, login: tuple[str, str] | None = None) -> Said:
        """Call a method and return the answer; SlackError or UnreachableError otherwise, without any secret in it.

        `login` is (client id, client secret), for what an app calls as itself.
        """
        form = {name: _as_form(value) for name, value in (arguments or {}).items()}
        auth = {"client_id": login[0], "client_secret": login[1]} if login else None
        secrets = (*(login or ())[1:], str(form.get("code", "")))
        answer = self._api.form(method, form, auth, secrets)
        if isinstance(answer, Answer):
            raise _refusal(answer)
        if isinstance(answer, Lost):
            error = answer.error.reason if isinstance(answer.error, UnsentError) else answer.error
            words = f"Slack cannot be reached ({type(error).__name__}: {error})"
            raise UnreachableError(clean(words, (*self._api.secret, *secrets), LONGEST), NOT_SLACK)
        return answer

    def pages(self, method: str, key: str, arguments: Body) -> Iterator[Body]:
        """Yield the items of all pages of a method (https://docs.slack.dev/apis/web-api/pagination)."""
        try:
            for page in pages(lambda cursor: self._patient(method, {**arguments, "cursor": cursor, "limit": PAGE})):
                rows = page.data.get(key)
                if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                    raise UnreachableError(f"the answer is not Slack's: it has no {key}", NOT_SLACK)
                yield from rows
        except EndlessError as error:
            raise UnreachableError(f"the answer is not Slack's: {error}", NOT_SLACK) from None

    def _patient(self, method: str, arguments: Body) -> Said:
        """Call a method, waiting as Slack asks to: a long list has many pages, of which it gives about 20 a minute."""
        waited = 0
        while True:
            try:
                return self._said(method, arguments)
            except RateLimitedError as error:
                waited += error.after
                if waited > PATIENCE:
                    raise
                self._clock.sleep(error.after)


class RateLimitedError(UnreachableError):
    """Slack asks to slow down, for `after` milliseconds."""

    after = 1_000


NOT_SLACK = "look at the network, at any proxy in between, and at [slack] api_url"


def _refusal(answer: Answer) -> SlackError:
    """Return the error that an answer comes to."""
    if answer.kind == "limited":
        limited = RateLimitedError("Slack asks to slow down", "try again in a minute", "ratelimited")
        limited.after = 5_000 if answer.after is None else max(answer.after, 1)
        return limited
    if not answer.code:
        place = f": it points to {answer.place}, and redirects are not followed" if answer.place else ""
        return UnreachableError(f"the answer is not Slack's ({answer.status}){place}", NOT_SLACK)
    if answer.kind in ("later", "doubtful"):
        return UnreachableError(f"Slack had an error: {answer.code}", "try again in a minute", answer.code)
    needed = f" (needs {answer.needed})" if answer.needed else ""
    return SlackError(f"Slack refused: {answer.code}{needed}", SET_UP_REMEDIES.get(answer.code, ""), answer.code)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _as_form(value: object) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _skew(date: str | None, now: int) -> float | None:
    try:
        return None if date is None else now / 1000 - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
