"""Sending to Slack through slack_sdk, and what its answers mean. Only this file loads the SDK.

Codes: https://docs.slack.dev/reference/methods/chat.postMessage#errors and, for incoming webhooks,
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors.
"""

import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from http.client import HTTPException, InvalidURL
from typing import Any
from urllib.error import URLError

from .base import CannotTell, Doubt, Found, NotConnected, Outgoing, Refused, Result, Retry, Sender, Sent, Unknown

Show = Callable[[str, dict[str, Any]], None]

TIMEOUT = 10  # seconds, for the connection and for each read
SKEW = 300_000  # milliseconds by which Slack's clock and ours may differ
MAX_PAUSE = 3_600_000  # milliseconds
EXCERPT = 200  # characters of an answer that are kept

_CONNECT_HINT = "give a working bot token in SLACK_BOT_TOKEN; what waits goes out with `ingestlayer deliver`"
_MISSING = "check the channel's name in the pipeline; a private channel needs the bot: /invite @ingestlayer there"
_REINSTALL = "then install the app again and put its new token into SLACK_BOT_TOKEN"
_NEW_WEBHOOK = "make a new webhook and set SLACK_WEBHOOK_URL; what waits goes out with `ingestlayer deliver`"
_LOOK = "look at the message with `ingestlayer preview --event EVENT --blocks`"
_NOT_SLACK = "no Slack answered: look at [slack] api_url, SLACK_WEBHOOK_URL and any proxy in between"
_REMEDIES = {
    "missing_scope": f"add the scope under OAuth & Permissions of the Slack app, {_REINSTALL}",
    "channel_not_found": _MISSING,
    "not_in_channel": "invite the bot: type /invite @ingestlayer in the channel",
    "is_archived": "unarchive the channel in Slack, or name another in the pipeline",
    "channel_is_archived": "unarchive the channel in Slack, or make a webhook for another",
    "invalid_blocks": _LOOK,
    "invalid_blocks_format": _LOOK,
    "invalid_payload": _LOOK,
    "msg_blocks_too_long": _LOOK,
    "msg_too_long": _LOOK,
    "restricted_action": "a workspace setting keeps the bot from posting there: ask an admin",
    "action_prohibited": "a workspace setting keeps the webhook from posting there: ask an admin",
}
# What these say of a webhook: its channel is its own.
_WEBHOOK_REMEDIES = {
    "channel_not_found": f"the webhook's channel is gone: {_NEW_WEBHOOK}",
    "no_service": f"the webhook is gone: {_NEW_WEBHOOK}",
}
# The connection itself is refused: every other message would be, too.
_CONNECTION = {
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "missing_scope",
    "no_permission",
    "not_allowed_token_type",
    "org_login_required",
    "ekm_access_denied",
    "team_access_not_granted",
    "access_denied",
    "enterprise_is_restricted",
    "no_service",
    "invalid_token",
    "no_team",
    "team_disabled",
}
_LATER = {
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "message_limit_exceeded",
    "team_added_to_org",
    "accesslimited",
}


_HISTORY_HINTS = {
    "missing_scope": ": the token needs channels:history",
    "not_in_channel": ": invite the bot",
    "channel_not_found": ": invite the bot",
}


_TOKEN = re.compile(r"[!-~]+")
_ADDRESS = re.compile(r"https?://[\w.-]+(:\d+)?/[!-~]*", re.IGNORECASE | re.ASCII)
_NOT_JSON = "Received a response in a non-JSON format: "
_CODE = re.compile(r"[a-z][a-z0-9_]{0,60}")


def connect(settings: dict[str, Any], show: Show) -> Sender:
    """Return the sender of a project's `[slack]` table."""
    if settings["connection"] == "terminal":
        return Terminal(show)
    name = "SLACK_BOT_TOKEN" if settings["connection"] == "bot" else "SLACK_WEBHOOK_URL"
    secret = os.environ.get(name, "").strip()
    if not secret:
        return Disconnected(settings["connection"], f"{name} is not set", f"set {name}")
    # What does not fit a request would be told with its text: by urllib, in a traceback.
    if settings["connection"] == "bot" and not _TOKEN.fullmatch(secret):
        return Disconnected("bot", f"{name} holds no token", f"set {name} to the bot token, xoxb-…")
    if settings["connection"] == "webhook" and not _ADDRESS.fullmatch(secret):
        return Disconnected("webhook", f"{name} holds no address", f"set {name} to https://hooks.slack.com/services/…")
    return Bot(secret, settings["api_url"]) if settings["connection"] == "bot" else Webhook(secret)


class Disconnected:
    """No secret, or none that could be one: everything waits."""

    def __init__(self, connection: str, why: str, remedy: str) -> None:
        self.name = connection
        self._why = f"Slack is not connected: {why}"
        self._remedy = remedy

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        return CannotTell(self._why)

    def send(self, outgoing: Outgoing) -> Result:
        return NotConnected(self._why, f"{self._remedy}; what waits goes out with `ingestlayer deliver`")


class Terminal:
    """Draws messages on this terminal in place of Slack."""

    name = "terminal"

    def __init__(self, show: Show) -> None:
        self._show = show

    def send(self, outgoing: Outgoing) -> Result:
        self._show(outgoing.target, outgoing.body)
        return Sent({"connection": "terminal"})

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        return CannotTell("a terminal keeps no history")


class Bot:
    """chat.postMessage with a bot token."""

    name = "bot"

    def __init__(self, token: str, api_url: str) -> None:
        from slack_sdk import WebClient

        # The SDK's default handler repeats a request whose connection was lost, which posts twice.
        self._client = WebClient(
            token, base_url=api_url.rstrip("/") + "/", timeout=TIMEOUT, retry_handlers=[], logger=_silent()
        )
        self._secret = (token,)

    def send(self, outgoing: Outgoing) -> Result:
        from slack_sdk.errors import SlackApiError

        try:
            answer = self._client.api_call("chat.postMessage", json={"channel": outgoing.target, **outgoing.body})
        except SlackApiError as error:
            return _classified(*_answer_of(error.response), self._secret)
        except Exception as error:
            return _lost(error, self._secret)
        return Sent({"channel": str(answer.get("channel", "")), "ts": str(answer.get("ts", ""))})

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        """Look through conversations.history, whose messages carry the delivery's id in their metadata."""
        from slack_sdk.errors import SlackApiError

        try:
            target = doubts[0].outgoing.target
            channel = channel or self._channel_id(target)
            if channel is None:
                return CannotTell(f"no channel {target} is to be seen")
            since = min(doubt.since for doubt in doubts)
            return Found(self._receipts(channel, {doubt.outgoing.id for doubt in doubts}, (since - SKEW) / 1000))
        except SlackApiError as error:
            _, _, data, _ = _answer_of(error.response)
            code = str(data.get("error", "no answer"))
            return CannotTell(f"the channel's history cannot be read ({code}{_HISTORY_HINTS.get(code, '')})")
        except Exception as error:
            return CannotTell(f"the channel's history cannot be read ({_clean(str(error), self._secret)})")

    def _receipts(self, channel: str, ids: set[str], oldest: float) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        query = {"channel": channel, "oldest": f"{oldest:.6f}", "include_all_metadata": True, "limit": 200}
        for page in self._pages("conversations.history", query):
            for message in page["messages"]:
                id_ = message.get("metadata", {}).get("event_payload", {}).get("delivery_id")
                if id_ in ids:
                    found[id_] = {"channel": channel, "ts": str(message["ts"])}
        return found

    def _channel_id(self, name: str) -> str | None:
        """Return the id of a channel; chat.postMessage alone takes names."""
        if re.fullmatch(r"[CGD][A-Z0-9]{6,}", name):
            return name
        query = {"limit": 200, "exclude_archived": True, "types": "public_channel"}
        for page in self._pages("conversations.list", query):
            for channel in page["channels"]:
                if channel["name"] == name.removeprefix("#"):
                    return str(channel["id"])
        return None

    def _pages(self, method: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the pages of a method (https://docs.slack.dev/apis/web-api/pagination)."""
        cursor = ""
        while True:
            answer = self._client.api_call(method, http_verb="GET", params={**query, "cursor": cursor})
            page = answer.data if isinstance(answer.data, dict) else {}
            yield page
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return


class Webhook:
    """An incoming webhook: its channel is the one that it was made for."""

    name = "webhook"

    def __init__(self, url: str) -> None:
        from slack_sdk.webhook import WebhookClient

        self._client = WebhookClient(url, timeout=TIMEOUT, retry_handlers=[], logger=_silent())
        # Error pages like to repeat the path, which is the secret.
        self._secret = url, url.partition("://")[2].partition("/")[2]

    def send(self, outgoing: Outgoing) -> Result:
        body = outgoing.body
        try:
            answer = self._client.send_dict({"text": body["text"], "blocks": body["blocks"]})
        except Exception as error:
            return _lost(error, self._secret)
        if answer.status_code == 200 and answer.body == "ok":
            return Sent({"connection": "webhook"})
        return _classified(answer.status_code, dict(answer.headers), {}, answer.body, self._secret, _WEBHOOK_REMEDIES)

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        return CannotTell("a webhook cannot read the channel")


def _silent() -> Any:
    """Return a logger that says nothing: the SDK would print what the outbox records."""
    import logging

    logger = logging.Logger("slack_sdk")
    logger.addHandler(logging.NullHandler())
    return logger


def _answer_of(response: Any) -> tuple[int, dict[str, Any], dict[str, Any], str]:
    """Return (status, headers, JSON or {}, text) of what a SlackApiError carries."""
    if isinstance(response, dict):  # the body was not JSON
        return response["status"], dict(response["headers"]), {}, str(response["body"])
    data = response.data if isinstance(response.data, dict) else {}
    said = str(data.get("error", ""))
    if said.startswith(_NOT_JSON):  # the SDK's words, not Slack's
        return response.status_code, dict(response.headers), {}, said.removeprefix(_NOT_JSON)
    return response.status_code, dict(response.headers), data, str(data or response.data)


def _classified(
    status: int,
    headers: dict[str, Any],
    data: dict[str, Any],
    text: str,
    secret: tuple[str, ...],
    remedies: dict[str, str] | None = None,
) -> Result:
    """Say what an answer means for the delivery; `remedies` tells it of a webhook."""
    excerpt = _clean(text, secret)
    said = str(data["error"]) if data.get("error") else excerpt
    code = said if _CODE.fullmatch(said) else ""
    if status == 429 or code in ("ratelimited", "rate_limited"):
        after = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
        return Retry(f"Slack asks to slow down ({status if status == 429 else code})", _milliseconds(after))
    if status >= 500 or code in _LATER:
        where = f" ({status})" if status >= 500 else ""
        return Retry(f"Slack had an error{where}: {code or excerpt}".removesuffix(": "))
    if code in _CONNECTION:
        needed = f" (needs {data['needed']})" if data.get("needed") else ""
        hint = remedies.get(code, _NEW_WEBHOOK) if remedies else _REMEDIES.get(code, _CONNECT_HINT)
        return NotConnected(f"Slack refused the connection: {code}{needed}", hint)
    if status == 200 and not (data and code):
        return Unknown(f"Slack's answer could not be read: {excerpt}")
    if not code:
        return NotConnected(f"the answer is not Slack's ({status}): {excerpt}", _NOT_SLACK)
    pointers = "; ".join(map(str, (data.get("response_metadata") or {}).get("messages", [])))
    why = f"Slack refused the message: {code}" + (f" ({_clean(pointers, secret)})" if pointers else "")
    return Refused(why, {**_REMEDIES, **(remedies or {})}.get(code, ""))


def _milliseconds(seconds: Any) -> int | None:
    """Read Retry-After; a nonsensical one cannot hold a channel for days."""
    seconds = seconds[0] if isinstance(seconds, list) else seconds
    try:
        return min(max(int(float(seconds) * 1000), 0), MAX_PAUSE)
    except (TypeError, ValueError, OverflowError):
        return None


def _lost(error: Exception, secret: tuple[str, ...]) -> Result:
    """Tell a request that never left from one that may have arrived.

    urllib wraps what fails while it connects and sends in URLError; what comes later arrives bare.
    """
    if type(error) in (InvalidURL, UnicodeError, UnicodeEncodeError):  # no request was made of this address
        return NotConnected(f"Slack cannot be reached at this address ({type(error).__name__})", _NOT_SLACK)
    reason = error.reason if isinstance(error, URLError) else None
    words = _clean(f"{type(reason or error).__name__}: {reason or error}", secret)
    safe = (socket.gaierror, ConnectionRefusedError, ssl.SSLError, TimeoutError)
    if not isinstance(error, OSError | HTTPException):
        return Unknown(f"Slack's answer could not be read ({words})")
    if isinstance(reason, safe) or (isinstance(reason, OSError) and not isinstance(reason, ConnectionError)):
        return Retry(f"Slack could not be reached ({words})")
    return Unknown(f"the connection was lost after the request left ({words})")


def _clean(text: str, secret: tuple[str, ...]) -> str:
    """Return an excerpt of one line that cannot hold the secret."""
    for part in secret:
        text = text.replace(part, "[secret]") if part else text
    return " ".join(text.split())[:EXCERPT]
