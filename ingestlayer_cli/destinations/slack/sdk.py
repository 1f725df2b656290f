"""Slack's SDK over our transport: its own follows redirects. Only this file loads the SDK."""

import logging
from urllib.request import Request

from slack_sdk import WebClient

from ...system.transport import Reply, Transport
from ...system.typed import Body


class AnsweredError(Exception):
    """Slack has answered: what it says is judged as every answer is, and not by the SDK."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Web(WebClient):
    """Makes the requests of the Web API; each ends in AnsweredError, or in what kept it from being answered."""

    def __init__(self, token: str, api_url: str, transport: Transport) -> None:
        # The SDK's default handler repeats a request whose connection was lost, which posts twice.
        super().__init__(token or None, base_url=api_url, retry_handlers=[], logger=_silent())
        self._transport = transport

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> Body:
        body = req.data if isinstance(req.data, bytes) else None
        raise AnsweredError(self._transport.exchange(req.get_method(), url, dict(req.header_items()), body))


def _silent() -> logging.Logger:
    """Return a logger that says nothing: the SDK would print whole answers, and what the outbox records."""
    logger = logging.Logger("slack_sdk")
    logger.addHandler(logging.NullHandler())
    return logger
