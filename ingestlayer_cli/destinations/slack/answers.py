"""What Slack's answers mean for a delivery, and what a lost request does.

Codes: https://docs.slack.dev/reference/methods/chat.postMessage#errors and, for incoming webhooks,
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException, InvalidURL

from ...model.sending import NotConnected, Refused, Retry, Unknown
from ...system.addresses import shown
from ...system.clock import HOUR
from ...system.errors import cause
from ...system.transport import UnsentError
from ...system.typed import Any, Body, Literal, NamedTuple
from .directory import Trouble

MAX_PAUSE = HOUR
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
    "user_disabled": "the person is deactivated in Slack: name another in the pipeline",
    "action_prohibited": "a workspace setting keeps the webhook from posting there: ask an admin",
}
_CONNECT_ANEW = "ingestlayer slack connect"
# The same for who sets the connection up, or looks at it.
SET_UP_REMEDIES = {
    "invalid_auth": f"the token is wrong or was revoked: {_CONNECT_ANEW}",
    "not_authed": f"there is no token: {_CONNECT_ANEW}",
    "token_revoked": f"the token was revoked: {_CONNECT_ANEW}",
    "token_expired": f"the token has expired: {_CONNECT_ANEW}",
    "account_inactive": f"the app was removed from the workspace: {_CONNECT_ANEW}",
    "missing_scope": "add the scope under OAuth & Permissions of the app, install it again, and connect again",
}
# What these say of a webhook: its channel is its own.
WEBHOOK_REMEDIES = {
    "channel_not_found": f"the webhook's channel is gone: {_NEW_WEBHOOK}",
    "no_service": f"the webhook is gone: {_NEW_WEBHOOK}",
}
# The token is no good any more: there is nothing to revoke.
DEAD_TOKEN = {"invalid_auth", "token_revoked", "token_expired", "account_inactive", "not_authed"}
# The connection itself is refused: every other message would be, too.
_CLOSED = {
    *DEAD_TOKEN,
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
# It did nothing, and may do it later.
_LATER = {"request_timeout", "message_limit_exceeded", "team_added_to_org", "accesslimited"}
_LIMITED = {"ratelimited", "rate_limited"}
# "It's possible some aspect of the operation succeeded before the error was raised."
_DOUBTFUL = {"internal_error", "fatal_error", "service_unavailable", "rollup_error"}

_CODE = re.compile(r"[a-z][a-z0-9_]{0,60}")
_SURROGATES = re.compile("[\ud800-\udfff]")


class Answer(NamedTuple):
    """What Slack answered in place of doing it: its word for it, if it gave one, and what kind of answer that is.

    `limited`: later, after so many milliseconds if it said so; `later`: a trouble of its own, in which it has done
    nothing; `doubtful`: one in which it may have done it; `closed`: the connection is refused, whatever is sent over
    it; `refused`: this one is; `garbled` and `foreign`: it is no answer of Slack's, of one that may have done it, and
    of one that has not.
    """

    kind: Literal["limited", "later", "doubtful", "closed", "refused", "garbled", "foreign"]
    status: int
    code: str
    excerpt: str
    after: int | None = None
    needed: str = ""  # the scope
    pointers: str = ""  # to what is wrong with the message
    place: str = ""  # to which it is a redirect


def judged(
    status: int,
    headers: Mapping[str, str],
    text: str,
    secret: tuple[str, ...] = (),
    data: Body | None = None,
) -> Answer:
    """Judge an answer of the Web API: `text` is all of it, `data` what it says in JSON."""
    said = data or {}
    error = said.get("error")
    code = error if said.get("ok") is False and isinstance(error, str) and _CODE.fullmatch(error) else ""
    found = _judged(status, headers, code, text, secret)
    more = said.get("response_metadata")
    pointers = more.get("messages") if isinstance(more, dict) else None
    told = "; ".join(map(str, pointers)) if isinstance(pointers, list) else ""
    needed = said.get("needed")
    return found._replace(needed=clean(needed, secret) if isinstance(needed, str) else "", pointers=clean(told, secret))


def judged_of_hook(status: int, headers: Mapping[str, str], text: str, secret: tuple[str, ...] = ()) -> Answer:
    """Judge an answer of an incoming webhook, which says a code as plain text."""
    return _judged(status, headers, text if _CODE.fullmatch(text) else "", text, secret)


def _judged(status: int, headers: Mapping[str, str], code: str, text: str, secret: tuple[str, ...]) -> Answer:
    found = Answer("refused", status, code, clean(text, secret))
    if status == 429 or code in _LIMITED:
        return found._replace(kind="limited", after=_milliseconds(_header(headers, "retry-after")))
    if status >= 500 or code in _DOUBTFUL:
        return found._replace(kind="doubtful")
    if 300 <= status < 400:
        # 303 is what one answers that has done it; the others say to do it elsewhere.
        place = clean(shown(_header(headers, "location") or ""), secret)
        return found._replace(kind="garbled" if status == HTTPStatus.SEE_OTHER else "foreign", code="", place=place)
    if status < 300 and not (status == 200 and code):
        return found._replace(kind="garbled", code="")
    if code in _LATER:
        return found._replace(kind="later")
    if code in _CLOSED:
        return found._replace(kind="closed")
    return found if code else found._replace(kind="foreign")


def _header(headers: Mapping[str, str], wanted: str) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == wanted), None)


def classified(answer: Answer, remedies: dict[str, str] | None = None) -> Trouble:
    """Say what an answer means for the delivery; `remedies` tells it of a webhook."""
    status, code, excerpt = answer.status, answer.code, answer.excerpt
    if answer.kind == "limited":
        return Retry(f"Slack asks to slow down ({status if status == 429 else code})", answer.after)
    if answer.kind == "later":
        return Retry(f"Slack had an error: {code}")
    if answer.kind == "doubtful":
        where = f" ({status})" if status >= 500 else ""
        return Unknown(f"Slack had an error, and may have taken it{where}: {code or excerpt}".removesuffix(": "))
    if answer.kind == "closed":
        needed = f" (needs {answer.needed})" if answer.needed else ""
        hint = remedies.get(code, _NEW_WEBHOOK) if remedies else _REMEDIES.get(code, _CONNECT_HINT)
        return NotConnected(f"Slack refused the connection: {code}{needed}", hint)
    if answer.kind == "garbled":
        return Unknown(f"Slack's answer could not be read: {_told(answer)}")
    if answer.kind == "foreign":
        return NotConnected(f"the answer is not Slack's ({status}): {_told(answer)}", _NOT_SLACK)
    why = f"Slack refused the message: {code}" + (f" ({answer.pointers})" if answer.pointers else "")
    return Refused(why, {**_REMEDIES, **(remedies or {})}.get(code, ""))


def _told(answer: Answer) -> str:
    if answer.place:
        return f"it points to {answer.place}, and redirects are not followed"
    return answer.excerpt


def _milliseconds(seconds: str | None) -> int | None:
    """Read Retry-After; a nonsensical one cannot hold a channel for days."""
    if seconds is None:
        return None
    try:
        return min(max(int(float(seconds) * 1000), 0), MAX_PAUSE)
    except (ValueError, OverflowError):
        return None


def lost(error: Exception, secret: tuple[str, ...]) -> Trouble:
    """Tell a request that never left from one that may have arrived.

    What fails while it connects and sends is an UnsentError; what comes later arrives as it is.
    """
    if type(error) in (InvalidURL, UnicodeError, UnicodeEncodeError):  # no request was made of this address
        return NotConnected(f"Slack cannot be reached at this address ({type(error).__name__})", _NOT_SLACK)
    reason = error.reason if isinstance(error, UnsentError) else None
    words = clean(cause(reason or error), secret)
    safe = (socket.gaierror, ConnectionRefusedError, ssl.SSLError, TimeoutError)
    if not isinstance(error, OSError | HTTPException | UnsentError):
        return Unknown(f"Slack's answer could not be read ({words})")
    if isinstance(reason, safe) or (isinstance(reason, OSError) and not isinstance(reason, ConnectionError)):
        return Retry(f"Slack could not be reached ({words})")
    return Unknown(f"the connection was lost after the request left ({words})")


def clean(text: str, secret: tuple[str, ...], longest: int = EXCERPT) -> str:
    """Return an excerpt of one line that cannot hold the secret."""
    for part in secret:
        text = text.replace(part, "[secret]") if part else text
    return " ".join(_SURROGATES.sub("�", text).split())[:longest]


def sound(data: object) -> Any:
    """Return what an answer says without halves of characters, which no file and no terminal takes."""
    if isinstance(data, dict):
        return {sound(name): sound(value) for name, value in data.items()}
    if isinstance(data, list):
        return [sound(value) for value in data]
    return _SURROGATES.sub("�", data) if isinstance(data, str) else data
