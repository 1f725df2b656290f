"""Calls of Slack's Web API for people who set up or look; deliveries have a sender of their own."""

import json
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from ...destinations.slack import credentials
from ...destinations.slack.credentials import Secret
from ...project import Project
from ...system.clock import MINUTE, Clock
from ...system.errors import Exit, IngestlayerError

TIMEOUT = 10  # seconds, for the connection and for each read
PAGE = 999  # items; "an integer under 1000": https://docs.slack.dev/reference/methods/conversations.list
PATIENCE = MINUTE  # milliseconds that one call may be put off by Slack's rate limits
LONGEST = 300  # characters of an answer that are shown

_FORM = re.compile(r"[!-~]+")
_KINDS = {
    "xoxp": "a user's token",
    "xapp": "an app-level token",
    "xoxe": "a configuration token, or one that expires: token rotation is on",
    "xoxa": "an old workspace token",
    "xoxs": "a session's token",
    "xoxc": "a session's token",
}
_COPY = "copy the Bot User OAuth Token, xoxb-…, from OAuth & Permissions of the app"


class SlackError(IngestlayerError):
    """Slack refused a call; `code` is its word for it."""

    kind = "slack"
    exit_code = Exit.CONFIG

    def __init__(self, message: str, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


class UnreachableError(SlackError):
    """No answer of Slack's came, or one that says to come back later."""

    kind = "unreachable"
    exit_code = Exit.WAITING


class Identity(NamedTuple):
    """Who a token is: the workspace, the bot, its scopes (None: not told), and our clock less Slack's, in seconds."""

    team: str
    team_id: str
    url: str
    user: str
    bot_id: str
    scopes: list[str] | None
    skew: float | None


def check_token(token: str) -> str:
    """Return a bot token as it may be used; SlackError says what was given in its place, and never shows it."""
    token = token.strip()
    if not token:
        raise SlackError("no token was given", _COPY)
    if token.startswith(("https://", "http://")):
        raise SlackError("this is an address, not a bot token", "an incoming webhook is given with --webhook-stdin")
    if not _FORM.fullmatch(token):
        raise SlackError("the token has a character in it that no token has: a space, or a line's end", _COPY)
    if not token.startswith("xoxb-"):
        raise SlackError(f"this is {_KINDS.get(token[:4], 'no token of Slack')}, not a bot token", _COPY)
    return token


def secret_of(project: Project, connection: str, workspace: str = "") -> Secret:
    """Return the secret of a workspace's connection, `bot` or `webhook`; SlackError when there is none."""
    secret = credentials.find(project.root, connection, workspace)
    name = credentials.variable(connection, workspace)
    if secret is None:
        raise SlackError("Slack is not connected", f"ingestlayer slack connect, or set {name}")
    if not _FORM.fullmatch(secret.value):  # it fits no request, and would be told with its text
        raise SlackError(f"{secret.where} holds nothing that could be Slack's secret", f"correct {name}")
    return secret


class Client:
    """The Web API with a bot token."""

    def __init__(self, token: str, api_url: str, clock: Clock | None = None) -> None:
        from slack_sdk import WebClient

        # The SDK's default handler repeats a request whose connection was lost, which may post twice.
        self._client = WebClient(
            token or None, base_url=api_url.rstrip("/") + "/", timeout=TIMEOUT, retry_handlers=[], logger=_silent()
        )
        self._secrets = [token] if token else []
        self._clock = clock or Clock()

    def identity(self) -> Identity:
        """Ask who we are (auth.test)."""
        answer = self.call("auth.test")
        headers = {str(name).lower(): value for name, value in answer.headers.items()}
        scopes = headers.get("x-oauth-scopes")
        data = {name: str(answer.get(name) or "") for name in ("team", "team_id", "url", "user", "bot_id")}
        listed = None if scopes is None else [scope.strip() for scope in scopes.split(",") if scope.strip()]
        return Identity(**data, scopes=listed, skew=_skew(headers.get("date"), self._clock.now()))

    def call(self, method: str, arguments: dict[str, Any] | None = None, login: tuple[str, str] | None = None) -> Any:
        """Call a method and return the answer; SlackError or UnreachableError otherwise, without any secret in it.

        `login` is (client id, client secret), for what an app calls as itself.
        """
        from slack_sdk.errors import SlackApiError

        form = {name: _as_form(value) for name, value in (arguments or {}).items()}
        auth = {"client_id": login[0], "client_secret": login[1]} if login else None
        known = [*self._secrets, *(login or ())[1:], str(form.get("code", ""))]
        try:
            return self._client.api_call(method, data=form, auth=auth)
        except SlackApiError as error:
            raise _refusal(error.response, known) from None
        except Exception as error:
            words = _clean(f"Slack cannot be reached ({type(error).__name__}: {error})", known)
            raise UnreachableError(words, _NOT_SLACK) from None

    def pages(self, method: str, key: str, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the items of all pages of a method (https://docs.slack.dev/apis/web-api/pagination)."""
        cursor = ""
        while True:
            answer = self._patient(method, {**arguments, "cursor": cursor, "limit": PAGE})
            yield from answer.get(key) or []
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    def _patient(self, method: str, arguments: dict[str, Any]) -> Any:
        """Call a method, waiting as Slack asks to: a long list has many pages, of which it gives about 20 a minute."""
        waited = 0
        while True:
            try:
                return self.call(method, arguments)
            except RateLimitedError as error:
                waited += error.after
                if waited > PATIENCE:
                    raise
                self._clock.sleep(error.after)


class RateLimitedError(UnreachableError):
    """Slack asks to slow down, for `after` milliseconds."""

    after = 1_000


_NOT_SLACK = "look at the network, at any proxy in between, and at [slack] api_url"
_HINTS = {
    "invalid_auth": "the token is wrong or was revoked: ingestlayer slack connect",
    "not_authed": "there is no token: ingestlayer slack connect",
    "token_revoked": "the token was revoked: ingestlayer slack connect",
    "token_expired": "the token has expired: ingestlayer slack connect",
    "account_inactive": "the app was removed from the workspace: ingestlayer slack connect",
    "missing_scope": "add the scope under OAuth & Permissions of the app, install it again, and connect again",
}
_LATER = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}


def _refusal(response: Any, secrets: list[str]) -> SlackError:
    """Return the error that an answer comes to; what the SDK could not read is not Slack's."""
    is_read = not isinstance(response, dict)
    data = response.data if is_read and isinstance(response.data, dict) else {}
    status = response.status_code if is_read else response.get("status")
    code = str(data.get("error", ""))
    if status == 429 or code == "ratelimited":
        limited = RateLimitedError("Slack asks to slow down", "try again in a minute", "ratelimited")
        limited.after = _milliseconds(response.headers if is_read else response.get("headers"))
        return limited
    if not re.fullmatch(r"[a-z][a-z0-9_]*", code):
        return UnreachableError(f"the answer is not Slack's ({status})", _NOT_SLACK)
    if code in _LATER:
        return UnreachableError(f"Slack had an error: {code}", "try again in a minute", code)
    needed = f" (needs {data['needed']})" if data.get("needed") else ""
    return SlackError(_clean(f"Slack refused: {code}{needed}", secrets), _HINTS.get(code, ""), code)


def _milliseconds(headers: Any) -> int:
    after = {str(name).lower(): value for name, value in (headers or {}).items()}.get("retry-after", "")
    try:
        return max(int(float(after) * 1000), 1)
    except (TypeError, ValueError, OverflowError):
        return 5_000


def _as_form(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _clean(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "[secret]") if secret else text
    return " ".join(text.split())[:LONGEST]


def _skew(date: str | None, now: int) -> float | None:
    try:
        return None if date is None else now / 1000 - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _silent() -> Any:
    """Return a logger that says nothing: the SDK would print whole answers."""
    import logging

    logger = logging.Logger("slack_sdk")
    logger.addHandler(logging.NullHandler())
    return logger
