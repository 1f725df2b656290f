"""Sending to Slack through slack_sdk, and what its answers mean. Only this file loads the SDK.

Codes: https://docs.slack.dev/reference/methods/chat.postMessage#errors and, for incoming webhooks,
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors.
"""

import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import URLError

from .base import CannotTell, Found, NotConnected, Refused, Result, Retry, Sender, Sent, Unknown

Show = Callable[[str, dict[str, Any]], None]

TIMEOUT = 10  # seconds, for the connection and for each read
SKEW = 300_000  # milliseconds by which Slack's clock and ours may differ
EXCERPT = 200  # characters of an answer that are kept

_CONNECT_HINT = "give a working bot token in SLACK_BOT_TOKEN; what waits goes out with `ingestlayer deliver`"
_MISSING = "check the channel's name in the pipeline; a private channel needs the bot: /invite @ingestlayer there"
_REMEDIES = {
    "channel_not_found": _MISSING,
    "not_in_channel": "invite the bot: type /invite @ingestlayer in the channel",
    "is_archived": "unarchive the channel in Slack, or name another in the pipeline",
    "channel_is_archived": "unarchive the channel in Slack, or make a webhook for another",
    "invalid_blocks": "look at the message with `ingestlayer preview --blocks`",
    "msg_too_long": "look at the message with `ingestlayer preview --blocks`",
    "restricted_action": "a workspace setting keeps the bot from posting there: ask an admin",
    "no_service": "the webhook is gone: make a new one and set SLACK_WEBHOOK_URL",
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


def connect(settings: dict[str, Any], show: Show) -> Sender:
    """Return the sender of a project's `[slack]` table."""
    if settings["connection"] == "terminal":
        return Terminal(show)
    name = "SLACK_BOT_TOKEN" if settings["connection"] == "bot" else "SLACK_WEBHOOK_URL"
    secret = os.environ.get(name, "").strip()
    if not secret:
        return Disconnected(settings["connection"], name)
    return Bot(secret, settings["api_url"]) if settings["connection"] == "bot" else Webhook(secret)


class Disconnected:
    """No secret: everything waits."""

    def __init__(self, connection: str, variable: str) -> None:
        self.name = connection
        self._variable = variable

    def find(self, target: str, channel: str | None, ids: list[str], since: int) -> Found | CannotTell:
        return CannotTell(f"Slack is not connected: {self._variable} is not set")

    def send(self, target: str, body: dict[str, Any]) -> Result:
        hint = f"set {self._variable}; what waits goes out with `ingestlayer deliver`"
        return NotConnected(f"Slack is not connected: {self._variable} is not set", hint)


class Terminal:
    """Draws messages on this terminal in place of Slack."""

    name = "terminal"

    def __init__(self, show: Show) -> None:
        self._show = show

    def send(self, target: str, body: dict[str, Any]) -> Result:
        self._show(target, body)
        return Sent({"connection": "terminal"})

    def find(self, target: str, channel: str | None, ids: list[str], since: int) -> Found | CannotTell:
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
        self._secret = token

    def send(self, target: str, body: dict[str, Any]) -> Result:
        from slack_sdk.errors import SlackApiError

        try:
            answer = self._client.api_call("chat.postMessage", json={"channel": target, **body})
        except SlackApiError as error:
            return _classified(*_answer_of(error.response), self._secret)
        except Exception as error:
            return _lost(error, self._secret)
        return Sent({"channel": str(answer.get("channel", "")), "ts": str(answer.get("ts", ""))})

    def find(self, target: str, channel: str | None, ids: list[str], since: int) -> Found | CannotTell:
        """Look through conversations.history, whose messages carry the delivery's id in their metadata."""
        from slack_sdk.errors import SlackApiError

        try:
            channel = channel or self._channel_id(target)
            if channel is None:
                return CannotTell(f"no channel {target} is to be seen")
            return Found(self._receipts(channel, set(ids), (since - SKEW) / 1000))
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
        self._secret = url

    def send(self, target: str, body: dict[str, Any]) -> Result:
        try:
            answer = self._client.send_dict({"text": body["text"], "blocks": body["blocks"]})
        except Exception as error:
            return _lost(error, self._secret)
        if answer.status_code == 200 and answer.body == "ok":
            return Sent({"connection": "webhook"})
        return _classified(answer.status_code, dict(answer.headers), {}, answer.body, self._secret)

    def find(self, target: str, channel: str | None, ids: list[str], since: int) -> Found | CannotTell:
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
    return response.status_code, dict(response.headers), data, str(data or response.data)


def _classified(status: int, headers: dict[str, Any], data: dict[str, Any], text: str, secret: str) -> Result:
    """Say what an answer means for the delivery."""
    excerpt = _clean(text, secret)
    code = str(data.get("error") or "") or (excerpt.strip() if status in (400, 403, 404, 410) else "")
    if status == 429 or code in ("ratelimited", "rate_limited"):
        after = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
        return Retry("Slack asks to slow down (429)", _seconds(after))
    if status >= 500 or code in _LATER:
        return Retry(f"Slack had an error ({code or status}): {excerpt}")
    if code in _CONNECTION:
        needed = f" (needs {data['needed']})" if data.get("needed") else ""
        return NotConnected(f"Slack refused the connection: {code}{needed}", _REMEDIES.get(code, _CONNECT_HINT))
    if not data and status == 200:
        return Unknown(f"Slack's answer could not be read: {excerpt}")
    pointers = "; ".join(map(str, (data.get("response_metadata") or {}).get("messages", [])))
    why = f"Slack refused the message: {code or status}" + (f" ({_clean(pointers, secret)})" if pointers else "")
    return Refused(why, _REMEDIES.get(code, ""))


def _seconds(value: Any) -> int | None:
    value = value[0] if isinstance(value, list) else value
    try:
        return max(int(float(value) * 1000), 0)
    except (TypeError, ValueError, OverflowError):
        return None


def _lost(error: Exception, secret: str) -> Result:
    """Tell a request that never left from one that may have arrived.

    urllib wraps what fails while it connects and sends in URLError; what comes later arrives bare.
    """
    reason = error.reason if isinstance(error, URLError) else None
    words = _clean(f"{type(reason or error).__name__}: {reason or error}", secret)
    safe = (socket.gaierror, ConnectionRefusedError, ssl.SSLError, TimeoutError)
    if isinstance(reason, safe) or (isinstance(reason, OSError) and not isinstance(reason, ConnectionError)):
        return Retry(f"Slack could not be reached ({words})")
    return Unknown(f"the connection was lost after the request left ({words})")


def _clean(text: str, secret: str) -> str:
    """Return an excerpt of one line that cannot hold the secret."""
    return " ".join(text.replace(secret, "[secret]").split())[:EXCERPT]
