"""A Slack for tests: a real HTTP server on loopback that answers as Slack's Web API and incoming webhooks do.

    with SlackStandin() as slack:
        client = WebClient(token="xoxb-test", base_url=slack.url)
        slack.script.append(RateLimited(2))

The answers follow Slack's documentation of each method ("Errors"), of "Rate limits" and of incoming webhooks
("Handling errors"). Run alone: `python -m tests.support.standin [--port N] [--log FILE]`.
"""

import argparse
import base64
import binascii
import contextlib
import json
import math
import signal
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.support.blocks import refusal

DEFAULT_SCOPES = {
    *("chat:write", "chat:write.public", "users:read", "users:read.email"),
    *("channels:read", "channels:history"),
}
UPDATE_TEXT_BYTES = 4000
RATE_TOLERANCE = 0.05
"""Of the interval between messages: what the network may take from a client that keeps the pace."""

# Faults


@dataclass(frozen=True)
class Ok:
    """No fault: the request is answered as Slack would. For scripts such as `[Ok(), Status(500)]`."""


@dataclass(frozen=True)
class Status:
    """An answer of some HTTP status that did not come from the application: a 502 page, a 503."""

    code: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RateLimited:
    """429 with Retry-After in seconds (None leaves the header out)."""

    retry_after: float | None = 1


@dataclass(frozen=True)
class Hang:
    """Nothing is stored or answered; the connection closes after a while, or when the server stops."""

    seconds: float


@dataclass(frozen=True)
class HangAfterStore:
    """The message is in Slack, but the answer never comes."""

    seconds: float


@dataclass(frozen=True)
class ResetBeforeStore:
    """The connection is reset; nothing is stored."""


@dataclass(frozen=True)
class ResetAfterStore:
    """The connection is reset, but the message is in Slack."""


@dataclass(frozen=True)
class Garbage:
    """A body that is not what Slack answers, with the message stored or not."""

    text: str
    status: int = 200
    stored: bool = False


@dataclass(frozen=True)
class SlackError:
    """A refusal with this error code; nothing is stored."""

    code: str


BUSY = SlackError("request_timeout")
"""A refusal that passes: Slack says that it has done nothing."""


@dataclass(frozen=True)
class Slow:
    """The right answer, later."""

    seconds: float


Fault = (
    Ok | Status | RateLimited | Hang | HangAfterStore | ResetBeforeStore | ResetAfterStore | Garbage | SlackError | Slow
)

# What the workspace holds


@dataclass
class Channel:
    id: str
    name: str
    private: bool = False
    bot_is_member: bool = True
    archived: bool = False
    with_user: str | None = None
    """Of a direct message: the user's id."""
    created: int = 0
    """Seconds."""
    updated: int = 0
    """Milliseconds; when its name was changed last."""


@dataclass
class User:
    id: str
    email: str
    name: str
    deleted: bool = False


@dataclass
class Usergroup:
    id: str
    handle: str
    name: str


@dataclass
class Webhook:
    """An incoming webhook. `refusal` is the error it answers everything with, such as "no_service"."""

    channel: str
    refusal: str | None = None


@dataclass
class App:
    """An app that workspaces may install: its client secret, redirect addresses and bot scopes."""

    secret: str
    redirects: list[str]
    scopes: set[str]
    rotates: bool = False


@dataclass
class Code:
    """What consent gave: good once, for one app and one redirect address."""

    client_id: str
    redirect: str
    scopes: set[str]
    used: bool = False


@dataclass
class Message:
    """A message in a channel. `body` is what was posted, without metadata that Slack drops."""

    channel: str
    ts: str
    body: dict[str, Any]
    at: float
    method: str
    thread_ts: str | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    """The users who reacted, by the emoji."""
    deleted_at: str | None = None
    """The ts that a message of that moment would have."""

    @property
    def delivery_id(self) -> str | None:
        payload = self.body.get("metadata", {}).get("event_payload", {})
        return payload.get("delivery_id") if isinstance(payload, dict) else None


@dataclass
class Request:
    """A request as it came in. `status` is None until it is answered, and stays so when it never is."""

    method: str
    at: float
    params: dict[str, Any]
    channel: str | None = None
    status: int | None = None


# Inside


class _Refused(Exception):
    """Slack's `ok: false`."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


@dataclass
class _Reply:
    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    took: bool = False
    """Whether the request was done, rather than refused."""


@dataclass
class _Call:
    """One request, read."""

    method: str
    params: dict[str, Any]
    scopes: set[str] | None = None
    error: str | None = None
    """What is wrong with the request before its method is looked at."""
    hook: str | None = None
    """The webhook's path, for a post to an incoming webhook."""
    token: str = ""

    def text(self, key: str, default: str = "") -> str:
        value = self.params.get(key, default)
        return value if isinstance(value, str) else json.dumps(value)

    def flag(self, key: str) -> bool:
        return self.params.get(key) in (True, 1, "1", "true")

    def number(self, key: str, default: int, high: int) -> int:
        try:
            value = int(self.params.get(key, default))
        except (TypeError, ValueError):
            raise _Refused("invalid_limit") from None
        if not 1 <= value <= high:
            raise _Refused("invalid_limit")
        return value


_POSTING = {"chat.postMessage", "chat.update", "webhook"}
_JSON_PARAMS = {"blocks", "attachments", "metadata"}
_BOOLEAN_PARAMS = {"unfurl_links", "unfurl_media", "mrkdwn", "link_names", "reply_broadcast"}
_HOOK_STATUS = {
    "action_prohibited": 403,
    "invalid_token": 403,
    "no_service": 404,
    "no_team": 404,
    "channel_not_found": 404,
    "channel_is_archived": 410,
    "rollup_error": 500,
}


class SlackStandin:
    """The stand-in. Its attributes may be read and changed by a test while it runs."""

    def __init__(self, *, port: int = 0, log: Path | None = None) -> None:
        self.channels: dict[str, Channel] = {}
        self.users: list[User] = []
        self.usergroups: list[Usergroup] = []
        self.tokens: dict[str, set[str]] = {"xoxb-test": set(DEFAULT_SCOPES)}
        self.revoked: set[str] = set()
        self.webhooks: dict[str, Webhook] = {}
        self.apps: dict[str, App] = {}
        self.codes: dict[str, Code] = {}
        self.skew = 0.0
        """Seconds by which its clock is ahead."""
        self.messages: list[Message] = []
        self.deleted: list[Message] = []
        self.updates: list[Message] = []
        self.requests: list[Request] = []
        self.script: deque[Fault] = deque()
        self.always: Fault | None = None
        self.enforce_rate: float | None = None
        self.shows_deactivated = False
        self._channel_scripts: dict[str, deque[Fault]] = {}
        self._method_scripts: dict[str, deque[Fault]] = {}
        self._last_post: dict[str, float] = {}
        self._last_ts = 0
        self.clock = time.time_ns
        """Where its times come from, the ts of messages too; a test that lets time pass puts its own there."""
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._log_path = log
        self._log: TextIO | None = None
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        for name in ("alerts", "growth", "test"):
            self.add_channel(name)
        self.webhook = self.webhooks["T000/B000/xyz"] = Webhook("alerts")

    # Running it

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The Web API, for `WebClient(base_url=…)`."""
        return f"{self.base}/api/"

    @property
    def webhook_url(self) -> str:
        """The default incoming webhook, which posts to #alerts."""
        return f"{self.base}/services/T000/B000/xyz"

    def start(self) -> Self:
        if self._log_path:
            self._log = self._log_path.open("a", encoding="utf-8")
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stops at once, whatever hangs. A defect of the stand-in itself is raised here."""
        self._stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.drop_connections()
        self._server.server_close()
        if self._log:
            self._log.close()
        if self._server.defects:
            raise self._server.defects[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Setting it up, and looking

    def add_channel(
        self, name: str, *, private: bool = False, bot_is_member: bool = True, archived: bool = False
    ) -> Channel:
        channel = Channel(f"C{len(self.channels) + 1:010d}", name, private, bot_is_member, archived)
        channel.created = int(time.time()) if self._thread.is_alive() else 0  # those of before are old
        self.channels[name] = channel
        return channel

    def rename(self, name: str, new: str) -> None:
        """Renames a channel, as a user does; another may be given its name."""
        with self._lock:
            channel = self.channels[new] = self.channels.pop(name)
            for message in self.messages:
                message.channel = new if message.channel == name else message.channel
            channel.name, channel.updated = new, int(time.time() * 1000)

    def add_user(self, email: str, name: str | None = None, *, deleted: bool = False) -> User:
        user = User(f"U{len(self.users) + 1:010d}", email, name or email.partition("@")[0], deleted)
        self.users.append(user)
        return user

    def add_usergroup(self, handle: str, name: str | None = None) -> Usergroup:
        group = Usergroup(f"S{len(self.usergroups) + 1:010d}", handle, name or handle)
        self.usergroups.append(group)
        return group

    def add_webhook(self, channel: str) -> str:
        """A further incoming webhook; returns its URL."""
        path = f"T000/B{len(self.webhooks):03d}/{channel}"
        self.webhooks[path] = Webhook(channel)
        return f"{self.base}/services/{path}"

    def script_for(self, channel: str, *faults: Fault) -> None:
        """Faults for the next postings to one channel, used before those of `script` and `always`."""
        with self._lock:
            self._channel_scripts.setdefault(channel.lstrip("#"), deque()).extend(faults)

    def script_method(self, method: str, *faults: Fault) -> None:
        """Faults for the next calls of one method, used before all others."""
        with self._lock:
            self._method_scripts.setdefault(method, deque()).extend(faults)

    def delete(self, message: Message) -> None:
        """Deletes a message as a user does. One with replies leaves a tombstone, under which they stay."""
        with self._lock:
            self.messages.remove(message)
            self.deleted.append(message)
            message.deleted_at = self._new_ts()

    def replies_to(self, message: Message) -> list[Message]:
        return [reply for reply in list(self.messages) if self._is_reply(reply, message)]

    def _is_reply(self, reply: Message, parent: Message) -> bool:
        return (reply.channel, reply.thread_ts) == (parent.channel, parent.ts)

    def posted_to(self, channel: str) -> list[Message]:
        return [message for message in self.messages if message.channel == channel.lstrip("#")]

    def by_delivery(self) -> dict[str, list[Message]]:
        """Messages by the `delivery_id` of their metadata; those without one are left out."""
        groups: dict[str, list[Message]] = {}
        for message in list(self.messages):
            if message.delivery_id is not None:
                groups.setdefault(message.delivery_id, []).append(message)
        return groups

    # One request

    def handle(self, handler: "_Handler") -> None:
        call = self._read(handler)
        channel = self._channel_name(call)
        request = Request(call.method, time.monotonic(), call.params, channel)
        with self._lock:
            self.requests.append(request)
        fault = self._next_fault(call.method, channel)
        reply = self._play(fault, call)
        if reply is None:
            if isinstance(fault, ResetBeforeStore | ResetAfterStore):
                handler.reset()
            handler.close_connection = True
        else:
            request.status = reply.status
            reply.headers.setdefault("Date", formatdate(self.clock() / 1e9 + self.skew, usegmt=True))
            handler.answer(reply.status, reply.body, reply.headers)

    def _play(self, fault: Fault, call: _Call) -> _Reply | None:
        """The answer to give under this fault, or None for no answer."""
        match fault:
            case Status(code, body, headers):
                return _Reply(code, body, {"Content-Type": "text/html", **headers})
            case RateLimited(seconds):
                return _rate_limited(call, None if seconds is None else f"{seconds:g}")
            case SlackError(code):
                return _refused(call, _Refused(code))
            case ResetBeforeStore():
                return None
            case Hang(seconds):
                self._stopping.wait(seconds)
                return None
            case Slow(seconds):
                return None if self._stopping.wait(seconds) else self._answer(call)
            case Garbage(text, status, stored=False):
                return _Reply(status, text, {"Content-Type": "text/html"})
        reply = self._answer(call)
        if not reply.took:
            return reply
        match fault:
            case Garbage(text, status):
                return _Reply(status, text, {"Content-Type": "text/html"})
            case ResetAfterStore():
                return None
            case HangAfterStore(seconds):
                self._stopping.wait(seconds)
                return None
        return reply

    def _next_fault(self, method: str, channel: str | None) -> Fault:
        with self._lock:
            if script := self._method_scripts.get(method):
                return script.popleft()
            if method not in _POSTING:
                return Ok()
            for script in (self._channel_scripts.get(channel or ""), self.script):
                if script:
                    return script.popleft()
            return self.always or Ok()

    def _answer(self, call: _Call) -> _Reply:
        try:
            with self._lock:
                if call.hook is not None:
                    return self._hook_post(call)
                answer = self._api(call)
        except _RateExceeded as limit:
            return _rate_limited(call, str(limit.retry_after))
        except _Refused as refused:
            return _refused(call, refused)
        return _Reply(200, json.dumps({"ok": True, **answer}), _api_headers(call), took=True)

    # Reading

    def _read(self, handler: "_Handler") -> _Call:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        path, _, query = handler.path.partition("?")
        content_type = handler.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if path.startswith("/services/"):
            return _read_hook(path.removeprefix("/services/"), content_type, raw)
        call = _Call(path.removeprefix("/api/"), dict(parse_qsl(query, keep_blank_values=True)))
        if not path.startswith("/api/"):
            call.method, call.error = path, "unknown_method"
        elif raw:
            _read_api_body(call, content_type, raw)
        kind, _, token = handler.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            call.params["client_id"], _, call.params["client_secret"] = base64.b64decode(token).decode().partition(":")
        self._authenticate(call, token if kind == "Bearer" else call.params.pop("token", ""))
        return call

    def _authenticate(self, call: _Call, token: str) -> None:
        """not_authed, token_revoked and invalid_auth, in the words of every method's "Errors"."""
        if call.error:
            return
        if call.method not in _METHODS:
            call.error = "unknown_method"
        elif call.method in _WITHOUT_TOKEN:
            return
        elif not token:
            call.error = "not_authed"
        elif token in self.revoked:
            call.error = "token_revoked"
        elif token not in self.tokens:
            call.error = "invalid_auth"
        else:
            call.token, call.scopes = token, self.tokens[token]

    def _channel_name(self, call: _Call) -> str | None:
        if call.hook is not None:
            return self.webhooks[call.hook].channel if call.hook in self.webhooks else None
        channel = self._find(call.text("channel"), by_name=True)
        return channel.name if channel else None

    # The Web API

    def _api(self, call: _Call) -> dict[str, Any]:
        if call.error:
            raise _Refused(call.error)
        method = _METHODS[call.method]
        self._need(call, *method.scopes)
        return method.run(self, call)

    def _need(self, call: _Call, *scopes: str) -> None:
        """missing_scope names the scope that is needed, and those that the token has."""
        have = call.scopes or set()
        for scope in scopes:
            if scope not in have:
                raise _Refused("missing_scope", needed=scope, provided=",".join(sorted(have)))

    def _find(self, wanted: str, *, by_name: bool) -> Channel | None:
        for channel in list(self.channels.values()):
            if wanted == channel.id or (by_name and wanted.removeprefix("#") == channel.name):
                return channel
        return self._direct(wanted) if by_name and any(user.id == wanted for user in self.users) else None

    def _direct(self, user: str) -> Channel:
        """The direct message with a user, opened the first time; its name here is @ and the user's id."""
        name = f"@{user}"
        if name not in self.channels:
            self.channels[name] = Channel(f"D{len(self.channels) + 1:010d}", name, with_user=user)
        return self.channels[name]

    def _channel(self, call: _Call, *, by_name: bool = False) -> Channel:
        """A channel the bot may see: a private one without it is not there at all."""
        channel = self._find(call.text("channel"), by_name=by_name)
        if channel is None or (channel.private and not channel.bot_is_member):
            raise _Refused("channel_not_found")
        return channel

    def auth_test(self, call: _Call) -> dict[str, Any]:
        return {
            "url": "https://standin.slack.com/",
            "team": "Stand-in",
            "team_id": "T000",
            "user": "ingest",
            "user_id": "U000",
            "bot_id": "B000",
            "is_enterprise_install": False,
        }

    def chat_post_message(self, call: _Call) -> dict[str, Any]:
        """A channel by name or id; a public one without the bot needs chat:write.public."""
        channel = self._channel(call, by_name=True)
        if any(user.id == channel.with_user and user.deleted for user in self.users):
            raise _Refused("user_disabled")
        if not channel.bot_is_member and "chat:write.public" not in (call.scopes or set()):
            raise _Refused("not_in_channel")
        if channel.archived:
            raise _Refused("is_archived")
        if {"username", "icon_url", "icon_emoji"} & call.params.keys():
            self._need(call, "chat:write.customize")
        body = _without_dotted_metadata(call.params)
        _check(body)
        message = self._store(channel, body, call.method)
        return {"channel": channel.id, "ts": message.ts, "message": _shown(message, all_metadata=True)}

    def chat_update(self, call: _Call) -> dict[str, Any]:
        """A channel by id only; `text` up to 4,000 bytes; metadata stays unless other metadata is given."""
        channel = self._channel(call)
        message = self._message(channel, call.text("ts"))
        if message.method != "chat.postMessage":
            raise _Refused("cant_update_message")
        if channel.archived:
            raise _Refused("is_inactive")
        body = _without_dotted_metadata({key: value for key, value in call.params.items() if key != "ts"})
        if len(call.text("text").encode("utf-8", "surrogatepass")) > UPDATE_TEXT_BYTES:
            raise _Refused("msg_too_long")
        _check({key: value for key, value in body.items() if (key, value) != ("metadata", {})})
        kept = {"metadata": message.body["metadata"]} if "metadata" in message.body else {}
        message.body = {**kept, **body}
        updated = Message(channel.name, message.ts, message.body, time.monotonic(), call.method, message.thread_ts)
        self.updates.append(updated)
        self._write(updated)
        shown = _shown(message, all_metadata=True)
        return {"channel": channel.id, "ts": message.ts, "text": shown["text"], "message": shown}

    def chat_get_permalink(self, call: _Call) -> dict[str, Any]:
        channel = self._channel(call)
        message = self._message(channel, call.text("message_ts"))
        link = f"https://standin.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
        thread = f"?thread_ts={message.thread_ts}&cid={channel.id}" if message.thread_ts else ""
        return {"channel": channel.id, "permalink": link + thread}

    def conversations_list(self, call: _Call) -> dict[str, Any]:
        types = [kind.strip() for kind in call.text("types", "public_channel").split(",")]
        scopes = {"public_channel": "channels:read", "private_channel": "groups:read"}
        if not set(types) <= {*scopes, "im", "mpim"}:
            raise _Refused("invalid_types")
        self._need(call, *(scopes[kind] for kind in types if kind in scopes))
        visible = [
            _channel_object(channel)
            for channel in self.channels.values()
            if channel.with_user is None
            and ("private_channel" if channel.private else "public_channel") in types
            and (channel.bot_is_member or not channel.private)
            and not (channel.archived and call.flag("exclude_archived"))
        ]
        return _page(call, "channels", visible)

    def conversations_open(self, call: _Call) -> dict[str, Any]:
        """The direct message with one user; nothing happens when it is open already."""
        user = next((user for user in self.users if user.id == call.text("users")), None)
        if user is None:
            raise _Refused("user_not_found")
        if user.deleted:
            raise _Refused("user_disabled")
        return {"channel": {"id": self._direct(user.id).id}}

    def conversations_info(self, call: _Call) -> dict[str, Any]:
        channel = self._channel(call)
        self._need(call, "groups:read" if channel.private else "channels:read")
        return {"channel": _channel_object(channel)}

    def conversations_history(self, call: _Call) -> dict[str, Any]:
        """Newest first, without replies; of metadata only the type, unless include_all_metadata."""
        channel = self._readable(call)
        found = [
            self._listed(call, message)
            for message in reversed(self._between(call, channel))
            if not message.thread_ts or message.body.get("reply_broadcast")
        ]
        return _page(call, "messages", found)

    def _listed(self, call: _Call, message: Message) -> dict[str, Any]:
        """A message of a list: one with replies names itself as the first of its thread; of a deleted one little is."""
        if message in self.deleted:
            words = {"subtype": "tombstone", "text": "This message was deleted.", "hidden": True}
            return {"type": "message", "user": "USLACKBOT", "ts": message.ts, "thread_ts": message.ts, **words}
        shown = _shown(message, all_metadata=call.flag("include_all_metadata"))
        return {**shown, "thread_ts": message.ts} if self.replies_to(message) else shown

    def conversations_replies(self, call: _Call) -> dict[str, Any]:
        """The parent, then its replies, oldest first."""
        channel = self._readable(call)
        parent = next((m for m in self._with_tombstones(channel) if m.ts == call.text("ts")), None)
        if parent is None:
            raise _Refused("thread_not_found")
        found = [
            self._listed(call, message)
            for message in self._between(call, channel)
            if parent.ts in (message.ts, message.thread_ts)
        ]
        return _page(call, "messages", found)

    def _readable(self, call: _Call) -> Channel:
        """Reading needs the history scope of the channel's kind, and the bot in the channel."""
        channel = self._find(call.text("channel"), by_name=False)
        kind = "im" if channel and channel.with_user else "groups" if channel and channel.private else "channels"
        self._need(call, f"{kind}:history")
        channel = self._channel(call)
        if not channel.bot_is_member:
            raise _Refused("not_in_channel")
        return channel

    def _between(self, call: _Call, channel: Channel) -> list[Message]:
        """Messages after `oldest` and before `latest`; `inclusive` takes in the two themselves."""
        oldest, latest = _ts_number(call, "oldest", "0"), _ts_number(call, "latest", "9999999999.999999")
        return [
            message
            for message in self._with_tombstones(channel)
            if oldest < _micros(message.ts) < latest
            or (call.flag("inclusive") and _micros(message.ts) in (oldest, latest))
        ]

    def _with_tombstones(self, channel: Channel) -> list[Message]:
        """The messages of a channel by their time, and the deleted ones that have replies."""
        gone = [message for message in self.deleted if message.channel == channel.name and self.replies_to(message)]
        return sorted(self.posted_to(channel.name) + gone, key=lambda message: _micros(message.ts))

    def reactions_get(self, call: _Call) -> dict[str, Any]:
        """The reactions of one message, by its channel's id and its ts."""
        channel = self._channel(call)
        message = self._message(channel, call.text("timestamp"))
        rows = [{"name": name, "users": users, "count": len(users)} for name, users in message.reactions.items()]
        shown = _shown(message, all_metadata=False) | ({"reactions": rows} if rows else {})
        return {"type": "message", "channel": channel.id, "message": shown}

    def users_lookup_by_email(self, call: _Call) -> dict[str, Any]:
        email = call.text("email").strip().lower()
        found = [user for user in self.users if user.email.lower() == email]
        user = next((user for user in found if self.shows_deactivated or not user.deleted), None)
        if user is None:
            raise _Refused("users_not_found")
        return {"user": _user_object(user, with_email=True)}

    def users_list(self, call: _Call) -> dict[str, Any]:
        with_email = "users:read.email" in (call.scopes or set())
        return _page(call, "members", [_user_object(user, with_email) for user in self.users])

    def usergroups_list(self, call: _Call) -> dict[str, Any]:
        return {
            "usergroups": [
                {"id": group.id, "team_id": "T000", "handle": group.handle, "name": group.name}
                for group in self.usergroups
            ]
        }

    def _message(self, channel: Channel, ts: str) -> Message:
        for message in self.posted_to(channel.name):
            if message.ts == ts:
                return message
        raise _Refused("message_not_found")

    # Incoming webhooks

    def _hook_post(self, call: _Call) -> _Reply:
        """Plain text: `ok`, or the code under a status of 400, 403, 404, 410 or 500."""
        hook = self.webhooks.get(call.hook or "")
        channel = self.channels.get(hook.channel) if hook else None
        if hook is None or hook.refusal:
            raise _Refused(hook.refusal if hook and hook.refusal else "no_service")
        if call.error:
            raise _Refused(call.error)
        if channel is None:
            raise _Refused("channel_not_found")
        if channel.archived:
            raise _Refused("channel_is_archived")
        refused = refusal(call.params, webhook=True)
        if refused:
            known = ("no_text", "invalid_blocks", "too_many_attachments")
            code = "invalid_blocks" if "blocks" in refused.code else refused.code
            raise _Refused(code if code in known else "invalid_payload")
        self._store(channel, call.params, call.method)
        return _Reply(200, "ok", {"Content-Type": "text/html"}, took=True)

    # Storing

    def _store(self, channel: Channel, body: dict[str, Any], method: str) -> Message:
        thread_ts = body.get("thread_ts")
        if thread_ts and thread_ts not in [message.ts for message in self._with_tombstones(channel)]:
            if thread_ts not in [message.ts for message in self.deleted]:
                raise _Refused("thread_not_found")
            # Slack posts a reply to a message that was deleted to the channel, without an error.
            thread_ts = None
            body = {key: value for key, value in body.items() if key != "thread_ts"}
        at = time.monotonic()
        self._hold_rate(channel, at)
        message = Message(channel.name, self._new_ts(), dict(body), at, method, thread_ts)
        self.messages.append(message)
        self._write(message)
        return message

    def _hold_rate(self, channel: Channel, at: float) -> None:
        """Rate limits: about one message per second per channel; Retry-After is in whole seconds."""
        if self.enforce_rate:
            interval = 1 / self.enforce_rate
            left = self._last_post.get(channel.name, -math.inf) + interval - at
            if left > interval * RATE_TOLERANCE:
                raise _RateExceeded(math.ceil(left))
            self._last_post[channel.name] = at

    def _new_ts(self) -> str:
        self._last_ts = max(self.clock() // 1000, self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def _write(self, message: Message) -> None:
        if self._log:
            entry = {
                "channel": message.channel,
                "ts": message.ts,
                "thread_ts": message.thread_ts,
                "method": message.method,
                "delivery_id": message.delivery_id,
                "body": message.body,
            }
            self._log.write(json.dumps(entry) + "\n")
            self._log.flush()

    # Apps and their tokens

    def add_app(self, client_id: str, secret: str, *redirects: str, rotates: bool = False) -> App:
        app = self.apps[client_id] = App(secret, list(redirects), set(DEFAULT_SCOPES), rotates)
        return app

    def consent(self, address: str, *, allow: bool = True) -> str:
        """What a browser does at `/oauth/v2/authorize`: returns the address that Slack sends it to."""
        found = urlsplit(address)
        query = dict(parse_qsl(found.query))
        app = self.apps[query["client_id"]]
        assert f"{found.scheme}://{found.netloc}{found.path}" == f"{self.base}/oauth/v2/authorize"
        assert query["redirect_uri"] in app.redirects, "bad_redirect_uri"
        if not allow:
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': query['state']})}"
        code = f"{len(self.codes) + 1}.distinctive-secret-code"
        self.codes[code] = Code(query["client_id"], query["redirect_uri"], set(query["scope"].split(",")) & app.scopes)
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def oauth_v2_access(self, call: _Call) -> dict[str, Any]:
        """https://docs.slack.dev/reference/methods/oauth.v2.access: client id and secret by HTTP Basic or as fields."""
        app, code = self.apps.get(call.text("client_id")), self.codes.get(call.text("code"))
        if app is None:
            raise _Refused("invalid_client_id")
        if call.text("client_secret") != app.secret:
            raise _Refused("bad_client_secret")
        if code is None or code.client_id != call.text("client_id"):
            raise _Refused("invalid_code")
        if code.used:
            raise _Refused("code_already_used")
        if code.redirect != call.text("redirect_uri"):
            raise _Refused("bad_redirect_uri")
        code.used = True
        token = f"{'xoxe.' * app.rotates}xoxb-{len(self.tokens)}-distinctive-secret-oauth"
        self.tokens[token] = set(code.scopes)
        answer = {"access_token": token, "token_type": "bot", "scope": ",".join(sorted(code.scopes)), "app_id": "A000"}
        rotating = {"refresh_token": "xoxe-1-distinctive-secret-refresh", "expires_in": 43_200} if app.rotates else {}
        return {**answer, **rotating, "bot_user_id": "U000", "team": {"id": "T000", "name": "Stand-in"}}

    def auth_revoke(self, call: _Call) -> dict[str, Any]:
        """https://docs.slack.dev/reference/methods/auth.revoke"""
        if not call.flag("test"):
            self.revoked.add(call.token)
        return {"revoked": not call.flag("test")}


class _RateExceeded(Exception):
    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


@dataclass(frozen=True)
class _Method:
    run: Callable[[SlackStandin, _Call], dict[str, Any]]
    scopes: tuple[str, ...] = ()


_METHODS = {
    "auth.test": _Method(SlackStandin.auth_test),
    "chat.postMessage": _Method(SlackStandin.chat_post_message, ("chat:write",)),
    "chat.update": _Method(SlackStandin.chat_update, ("chat:write",)),
    "chat.getPermalink": _Method(SlackStandin.chat_get_permalink),
    "conversations.list": _Method(SlackStandin.conversations_list),
    "conversations.open": _Method(SlackStandin.conversations_open, ("im:write",)),
    "conversations.info": _Method(SlackStandin.conversations_info),
    "conversations.history": _Method(SlackStandin.conversations_history),
    "conversations.replies": _Method(SlackStandin.conversations_replies),
    "reactions.get": _Method(SlackStandin.reactions_get, ("reactions:read",)),
    "users.lookupByEmail": _Method(SlackStandin.users_lookup_by_email, ("users:read.email",)),
    "users.list": _Method(SlackStandin.users_list, ("users:read",)),
    "usergroups.list": _Method(SlackStandin.usergroups_list, ("usergroups:read",)),
    "oauth.v2.access": _Method(SlackStandin.oauth_v2_access),
    "auth.revoke": _Method(SlackStandin.auth_revoke),
}
_WITHOUT_TOKEN = {"oauth.v2.access"}


def _read_api_body(call: _Call, content_type: str, raw: bytes) -> None:
    """JSON or a form; in a form, blocks and the like are JSON in a string, and booleans are 0 and 1."""
    try:
        if content_type == "application/json":
            body = json.loads(raw)
            if not isinstance(body, dict):
                call.error = "json_not_object"
                return
            body.pop("token", None)
            call.params.update(body)
        elif content_type == "application/x-www-form-urlencoded":
            for key, value in parse_qsl(raw.decode(), keep_blank_values=True):
                call.params[key] = _from_form(key, value)
        else:
            call.error = "invalid_post_type"
    except ValueError:
        call.error = "invalid_json" if content_type == "application/json" else "invalid_form_data"


def _from_form(key: str, value: str) -> Any:
    if key in _JSON_PARAMS:
        return json.loads(value)
    if key in _BOOLEAN_PARAMS:
        return {"1": True, "true": True, "0": False, "false": False}.get(value, value)
    return value


def _read_hook(path: str, content_type: str, raw: bytes) -> _Call:
    """JSON, or a form whose `payload` is JSON."""
    call = _Call("webhook", {}, hook=path)
    try:
        if content_type == "application/x-www-form-urlencoded":
            raw = dict(parse_qsl(raw.decode())).get("payload", "").encode()
        elif content_type != "application/json":
            raw = b""
        body = json.loads(raw)
    except ValueError:
        body = None
    if isinstance(body, dict):
        call.params = body
    else:
        call.error = "invalid_payload"
    return call


def _check(body: dict[str, Any]) -> None:
    refused = refusal(body)
    if refused:
        messages = [f"[ERROR] {text}" for text in refused.messages]
        raise _Refused(refused.code, errors=refused.messages, response_metadata={"messages": messages})


def _without_dotted_metadata(body: dict[str, Any]) -> dict[str, Any]:
    """Slack drops metadata whose event_type holds a dot, and says nothing."""
    metadata = body.get("metadata")
    event_type = metadata.get("event_type") if isinstance(metadata, dict) else None
    dotted = isinstance(event_type, str) and "." in event_type
    return {key: value for key, value in body.items() if not (dotted and key == "metadata")}


def _refused(call: _Call, refused: _Refused) -> _Reply:
    if call.hook is not None:
        return _Reply(_HOOK_STATUS.get(refused.code, 400), refused.code, {"Content-Type": "text/html"})
    body = {"ok": False, "error": refused.code, **refused.more}
    return _Reply(200, json.dumps(body), _api_headers(call))


def _rate_limited(call: _Call, retry_after: str | None) -> _Reply:
    reply = _refused(call, _Refused("rate_limited" if call.hook is not None else "ratelimited"))
    reply.status = 429
    if retry_after is not None:
        reply.headers["Retry-After"] = retry_after
    return reply


def _api_headers(call: _Call) -> dict[str, str]:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if call.scopes is not None:
        headers["X-OAuth-Scopes"] = ",".join(sorted(call.scopes))
    return headers


def _page(call: _Call, key: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Cursor pages ("Pagination"): 100 items unless `limit` says otherwise, at most 1,000."""
    limit = call.number("limit", 100, 1000)
    start = _read_cursor(call.text("cursor"))
    end = start + limit
    more = end < len(items)
    page: dict[str, Any] = {key: items[start:end], "response_metadata": {"next_cursor": ""}}
    if more:
        page["response_metadata"]["next_cursor"] = base64.b64encode(f"next:{end}".encode()).decode()
    if key == "messages":
        page["has_more"] = more
    return page


def _read_cursor(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).removeprefix(b"next:"))
    except (binascii.Error, ValueError):
        raise _Refused("invalid_cursor") from None


def _micros(ts: str) -> int:
    seconds, _, rest = ts.partition(".")
    return int(seconds) * 1_000_000 + int(rest.ljust(6, "0")[:6])


def _ts_number(call: _Call, key: str, default: str) -> int:
    try:
        return _micros(call.text(key, default))
    except ValueError:
        raise _Refused(f"invalid_ts_{key}") from None


def _shown(message: Message, *, all_metadata: bool) -> dict[str, Any]:
    """A message as Slack gives it back."""
    shown: dict[str, Any] = {
        "type": "message",
        "subtype": "bot_message",
        "bot_id": "B000",
        "ts": message.ts,
        "text": message.body.get("text", ""),
    }
    for key in ("blocks", "attachments", "thread_ts", "username"):
        if key in message.body:
            shown[key] = message.body[key]
    metadata = message.body.get("metadata")
    if metadata:
        shown["metadata"] = metadata if all_metadata else {"event_type": metadata["event_type"]}
    return shown


def _channel_object(channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "created": channel.created,
        "updated": channel.updated,
        "is_channel": True,
        "is_private": channel.private,
        "is_archived": channel.archived,
        "is_member": channel.bot_is_member,
    }


def _user_object(user: User, with_email: bool) -> dict[str, Any]:
    profile = {"real_name": user.name, **({"email": user.email} if with_email else {})}
    identity = {"id": user.id, "team_id": "T000", "name": user.name, "real_name": user.name}
    return {**identity, "deleted": user.deleted, "is_bot": False, "profile": profile}


# The server


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, writes each answer in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"
    connection: socket.socket

    def do_GET(self) -> None:
        self.server.standin.handle(self)

    do_POST = do_GET

    def answer(self, status: int, body: str, headers: dict[str, str]) -> None:
        content = body.encode("utf-8", "surrogatepass")
        reason = self.responses.get(status, ("",))[0]
        lines = [f"HTTP/1.1 {status} {reason}", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + content)

    def reset(self) -> None:
        """Closes with SO_LINGER 0, so that the client's kernel sees RST, not an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())

    def log_message(self, format: str, *args: object) -> None:
        """Silent: tests read `requests`."""


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that it can stop without waiting for any of them."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, standin: SlackStandin, port: int) -> None:
        self.standin = standin
        self.defects: list[BaseException] = []
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Without the look-up of the host's name that http.server does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._lock:
            self._open[request] = thread
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        super().process_request_thread(request, client_address)
        with self._lock:
            self._open.pop(request, None)

    def drop_connections(self) -> None:
        with self._lock:
            held = list(self._open.items())
        for connection, thread in held:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no defect; anything else is, and `stop` raises it."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.defects.append(error)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the stand-in until SIGTERM; the first line on stdout is the URL of its Web API."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.standin")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, help="append each stored message to this file, one JSON a line")
    parser.add_argument("--slow", type=float, metavar="SECONDS", help="delay the answer to every posting")
    parser.add_argument("--hang-after-store", type=float, metavar="SECONDS", help="store, but do not answer")
    options = parser.parse_args(arguments)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    with SlackStandin(port=options.port, log=options.log) as standin:
        if options.slow is not None:
            standin.always = Slow(options.slow)
        if options.hang_after_store is not None:
            standin.always = HangAfterStore(options.hang_after_store)
        print(standin.url, standin.webhook_url, sep="\n", flush=True)
        done.wait()


if __name__ == "__main__":
    main()
