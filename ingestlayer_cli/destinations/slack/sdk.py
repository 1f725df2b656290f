"""Slack's SDK over our transport: its own follows redirects. Only this file loads the SDK."""

import json
import logging
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient, WebhookResponse

from ...system.transport import Reply, Transport
from ...system.typed import Any


class ForeignError(Exception):
    """What the Web API never answers: something else than a JSON object."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Web(WebClient):
    """The client of the Web API."""

    def __init__(self, token: str, api_url: str, seconds: float) -> None:
        # The SDK's default handler repeats a request whose connection was lost, which posts twice.
        super().__init__(token or None, base_url=api_url.rstrip("/") + "/", retry_handlers=[], logger=_silent())
        self._transport = Transport(seconds, self.proxy)

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        reply = self._transport.exchange(req)
        if not _is_object(reply.text):
            raise ForeignError(reply)
        return {"status": reply.status, "headers": reply.headers, "body": reply.text}


class Hook(WebhookClient):
    """The client of an incoming webhook."""

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(url, retry_handlers=[], logger=_silent())
        self._transport = Transport(seconds, self.proxy)

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        reply = self._transport.exchange(req)
        return WebhookResponse(url=url, status_code=reply.status, body=reply.text, headers=reply.headers)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _silent() -> logging.Logger:
    """Return a logger that says nothing: the SDK would print whole answers, and what the outbox records."""
    logger = logging.Logger("slack_sdk")
    logger.addHandler(logging.NullHandler())
    return logger
