"""Sending to Slack through slack_sdk. Only this file loads the SDK."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ...system.errors import ProjectError
from ..base import (
    CannotTell,
    Doubt,
    Draw,
    Found,
    NotConnected,
    Outgoing,
    Place,
    Refused,
    Result,
    Retry,
    Sender,
    Sent,
    Unknown,
    in_thread,
)
from . import credentials
from . import kit as kit
from . import mention as mentions
from .answers import WEBHOOK_REMEDIES, answer_of, classified, clean, lost
from .directory import Directory, Failed, Known
from .text import escape
from .workspaces import table_of

TIMEOUT = 10  # seconds, for the connection and for each read
QUICK = 3  # the same for what a message does not hang on
SKEW = 300_000  # milliseconds by which Slack's clock and ours may differ

# The first message of a thread is deleted, or its channel is no more what it was.
_GONE = {
    "message_not_found",
    "thread_not_found",
    "cannot_reply_to_message",
    "channel_not_found",
    "is_archived",
    "is_inactive",
}

_LOOKS = ("username", "icon_emoji", "icon_url")  # what the scope chat:write.customize is for

_HISTORY_HINTS = {
    "missing_scope": ": the token needs channels:history",
    "not_in_channel": ": invite the bot",
    "channel_not_found": ": invite the bot",
}


_TOKEN = re.compile(r"[!-~]+")
_ADDRESS = re.compile(r"https?://[\w.-]+(:\d+)?/[!-~]*", re.IGNORECASE | re.ASCII)


def connect(settings: dict[str, Any], draw: Draw, root: str) -> Sender:
    """Return the sender of one workspace of a project, with the secret that the environment or `slack connect` gave."""
    connection, workspace = settings["connection"], settings["workspace"]
    if not settings["known"]:
        return Disconnected(connection, f"there is no [{table_of(workspace)}]", "write it into ingestlayer.toml")
    if connection == "terminal":
        return Terminal(draw)
    name = credentials.variable(connection, workspace)
    try:
        secret = credentials.find(root, connection, workspace)
    except ProjectError as error:
        return Disconnected(connection, error.message, error.hint)
    if secret is None:
        return Disconnected(connection, f"{name} is not set", f"set {name}, or: ingestlayer slack connect")
    # What does not fit a request would be told with its text: by urllib, in a traceback.
    if connection == "bot" and not _TOKEN.fullmatch(secret.value):
        return Disconnected(connection, f"{secret.where} holds no token", f"set {name} to the bot token, xoxb-…")
    if connection == "webhook" and not _ADDRESS.fullmatch(secret.value):
        remedy = f"set {name} to https://hooks.slack.com/services/…"
        return Disconnected(connection, f"{secret.where} holds no address", remedy)
    return Bot(secret.value, settings["api_url"]) if connection == "bot" else Webhook(secret.value)


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

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def send(self, outgoing: Outgoing) -> Result:
        body = outgoing.body
        if "thread" in outgoing.directions:
            words = f"in Slack: {in_thread(outgoing.directions)}"
            body = {**body, "blocks": [*body["blocks"], kit.context(escape(words))]}
        self._draw(outgoing.target, body)
        return Sent({"connection": "terminal"})

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        return CannotTell("a terminal keeps no history")


class _To(NamedTuple):
    """The channel of a message that is not in a thread, and why it is that one. `instead`: it is another's."""

    channel: str
    note: str = ""
    instead: bool = False


class Bot:
    """chat.postMessage with a bot token; chat.update for the first message of a thread."""

    name = "bot"

    def __init__(self, token: str, api_url: str) -> None:
        from slack_sdk import WebClient

        def client(timeout: float) -> WebClient:
            # The SDK's default handler repeats a request whose connection was lost, which posts twice.
            url = api_url.rstrip("/") + "/"
            return WebClient(token, base_url=url, timeout=timeout, retry_handlers=[], logger=_silent())  # type: ignore[arg-type]

        self._client, self._quick = client(TIMEOUT), client(QUICK)
        self._secret = (token,)
        self._directory = Directory(self._ask)

    # Sending ------------------------------------------------------------------------------------------

    def send(self, outgoing: Outgoing) -> Result:
        """Post a message: into its thread, whose first message is updated before; else into its channel.

        The update comes first and may be done twice; what is posted once is posted last. So whenever a process
        dies, what is left to be done is all of it or nothing, as the history tells.
        """
        known = self._directory.look_up(outgoing)
        to = _addressed(outgoing, known)
        if not isinstance(to, _To):
            return to
        body, notes = _mentioned(outgoing, known)
        result: Result | Failed | None = None
        place = outgoing.thread
        if place is not None and not (to.instead and place.channel.startswith("D")):
            looked = self._look_at_first(outgoing, place, body)
            if not isinstance(looked, _First):
                return looked
            if looked.is_there:
                notes.append(looked.note)
                result = self._post({**body, "channel": place.channel, "thread_ts": place.ts})
            if not looked.is_there or (isinstance(result, Failed) and result.code in _GONE):
                # Nothing was posted: the message begins the thread anew.
                notes.append("the thread's first message is gone: this one begins it anew")
                result = None
        if result is None:
            notes.append(to.note)
            result = self._post({**body, "channel": to.channel})
        if isinstance(result, Failed):
            return result.result
        if isinstance(result, Sent):
            note = "; ".join(note for note in [*notes, result.note] if note)
            return result._replace(note=note, learned=known.learned)
        return result

    def _post(self, body: dict[str, Any]) -> Sent | Failed:
        answer, note = self._call("chat.postMessage", body), ""
        if isinstance(answer, Failed) and answer.code == "missing_scope" and any(name in body for name in _LOOKS):
            # Slack is known to ignore them then. Where it does not, the message is worth more than its looks.
            answer = self._call("chat.postMessage", {k: value for k, value in body.items() if k not in _LOOKS})
            note = "posted under the app's own name and icon: the token needs the scope chat:write.customize"
        if isinstance(answer, Failed):
            return answer
        receipt = {"channel": str(answer.get("channel", "")), "ts": str(answer.get("ts", ""))}
        if "thread_ts" not in body:
            return Sent(receipt, note)
        posted = answer.get("message")
        if isinstance(posted, dict) and not posted.get("thread_ts"):
            # What Slack does, without an error, when the first message is deleted at that very moment.
            return Sent(receipt, "the thread's first message is gone: Slack made this one the first")
        return Sent({**receipt, "thread_ts": body["thread_ts"]}, note)

    def _look_at_first(self, outgoing: Outgoing, place: Place, body: dict[str, Any]) -> "_First | Result":
        """Update the first message of a thread, or look whether it is still there.

        It is looked for by chat.getPermalink, which needs no scope; whatever else that answers stops no delivery.
        """
        note = f"in the thread of {outgoing.directions.get('thread')}"
        if not outgoing.directions.get("update"):
            return _First(self._is_there(place), note)
        if outgoing.overtaken:
            note += "; its first message stays as it is: a newer one of the thread is delivered"
            return _First(self._is_there(place), note)
        new = {"channel": place.channel, "ts": place.ts, "text": body["text"], "blocks": body["blocks"]}
        answer = self._call("chat.update", new)
        if not isinstance(answer, Failed):
            return _First(True, f"{note}; its first message is updated")
        if isinstance(answer.result, Retry | NotConnected):
            return answer.result
        if isinstance(answer.result, Unknown):
            return Retry(f"{answer.result.why}; nothing was posted yet")
        if answer.code in _GONE or (answer.code == "cant_update_message" and not self._is_there(place)):
            return _First(False, note)
        return _First(True, f"{note}; its first message could not be updated: {answer.code}")

    def _is_there(self, place: Place) -> bool:
        answer = self._ask("chat.getPermalink", {"channel": place.channel, "message_ts": place.ts})
        return not (isinstance(answer, Failed) and answer.code in _GONE)

    def _call(self, method: str, body: dict[str, Any]) -> dict[str, Any] | Failed:
        return self._answered(lambda: self._client.api_call(method, json=body))

    def _ask(self, method: str, query: dict[str, Any]) -> dict[str, Any] | Failed:
        return self._answered(lambda: self._quick.api_call(method, http_verb="GET", params=query))

    def _answered(self, call: Callable[[], Any]) -> dict[str, Any] | Failed:
        from slack_sdk.errors import SlackApiError

        try:
            answer = call()
        except SlackApiError as error:
            status, headers, data, text = answer_of(error.response)
            return Failed(str(data.get("error", "")), classified(status, headers, data, text, self._secret))
        except Exception as error:
            return Failed("", lost(error, self._secret))
        return answer.data if isinstance(answer.data, dict) else {}

    # Looking whether it arrived -----------------------------------------------------------------------

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        """Look through the channel and the threads; messages carry the delivery's id in their metadata."""
        from slack_sdk.errors import SlackApiError

        ids = {doubt.outgoing.id for doubt in doubts}
        since = min(doubt.since for doubt in doubts)
        query = {"oldest": f"{(since - SKEW) / 1000:.6f}", "include_all_metadata": True, "limit": 200}
        found: dict[str, dict[str, str]] = {}
        try:
            channels = self._channels(channel, doubts[0].outgoing)
            if not channels:
                return CannotTell(f"no channel {doubts[0].outgoing.target} is to be seen")
            for id_ in channels:
                found |= self._receipts("conversations.history", {**query, "channel": id_}, ids)
            for place in dict.fromkeys(doubt.outgoing.thread for doubt in doubts):
                if place is not None:
                    found |= self._replies(place, query, ids)
        except SlackApiError as error:
            _, _, data, _ = answer_of(error.response)
            code = str(data.get("error", "no answer"))
            needed = f": the token needs {data['needed']}" if data.get("needed") else ""
            return CannotTell(f"the channel's history cannot be read ({code}{needed or _HISTORY_HINTS.get(code, '')})")
        except Exception as error:
            return CannotTell(f"the channel's history cannot be read ({clean(str(error), self._secret)})")
        return Found(found)

    def _replies(self, place: Place, query: dict[str, Any], ids: set[str]) -> dict[str, dict[str, str]]:
        """Return the receipts of replies; a thread whose first message is deleted has none."""
        from slack_sdk.errors import SlackApiError

        try:
            return self._receipts("conversations.replies", {**query, **place._asdict()}, ids)
        except SlackApiError as error:
            if answer_of(error.response)[2].get("error") in ("thread_not_found", "message_not_found"):
                return {}
            raise

    def _receipts(self, method: str, query: dict[str, Any], ids: set[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for page in self._pages(method, query):
            for message in page["messages"]:
                id_ = message.get("metadata", {}).get("event_payload", {}).get("delivery_id")
                if id_ in ids:
                    ts, thread = str(message["ts"]), message.get("thread_ts")
                    in_thread = {"thread_ts": str(thread)} if thread and thread != ts else {}
                    found[id_] = {"channel": query["channel"], "ts": ts, **in_thread}
        return found

    def _channels(self, channel: str | None, outgoing: Outgoing) -> list[str]:
        """Return the ids of the channels in which a message may be. `channel` is of an earlier one of its target."""
        if not outgoing.target.startswith("@") and not mentions.USER.fullmatch(outgoing.target):
            found = channel or self._channel_id(outgoing.target)
            return [found] if found else []
        ids = [channel] if channel else []
        user = _user_of(outgoing, self._directory.look_up(outgoing))
        if user and not (channel or "").startswith("D"):
            answer = self._client.api_call("conversations.open", json={"users": user})
            ids.append(str((answer.get("channel") or {})["id"]))
        if (instead := outgoing.directions.get("instead")) and (other := self._channel_id(instead)):
            ids.append(other)
        return list(dict.fromkeys(ids))

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
        body, directions = outgoing.body, outgoing.directions
        missed = [words for key, words in _NO_WEBHOOK.items() if key in directions.get("missed", ())]
        try:
            answer = self._client.send_dict({"text": body["text"], "blocks": body["blocks"]})
        except Exception as error:
            return lost(error, self._secret)
        if answer.status_code == 200 and answer.body == "ok":
            return Sent({"connection": "webhook"}, "; ".join(missed))
        return classified(answer.status_code, dict(answer.headers), {}, answer.body, self._secret, WEBHOOK_REMEDIES)

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        return CannotTell("a webhook cannot read the channel")


# What a webhook cannot do, by what the directions would have had.
_NO_WEBHOOK = {
    "thread": "not in a thread: a webhook has none",
    "mention": "nobody is mentioned by e-mail address: a webhook cannot look people up",
    "to": "not a direct message: a webhook has one channel",
}


class _First(NamedTuple):
    """Whether the first message of a thread is there, and what is to be noted of it."""

    is_there: bool
    note: str


def _user_of(outgoing: Outgoing, known: Known) -> str | None:
    """Return the id of the user that a direct message is for, if it is one."""
    to = outgoing.directions.get("to")
    if to is not None:
        return known.users.get(to)
    name = outgoing.target.removeprefix("@")
    return name if mentions.USER.fullmatch(name) else None


def _addressed(outgoing: Outgoing, known: Known) -> _To | Result:
    """Return where a message goes, unless that cannot be told (now, or at all)."""
    to, instead = outgoing.directions.get("to"), outgoing.directions.get("instead")
    user = _user_of(outgoing, known)
    if to is None or user is not None:
        return _To(user or outgoing.target)
    trouble = known.troubles.get(to)
    if trouble is not None and not isinstance(trouble, Refused):
        if isinstance(trouble, Unknown):  # nothing was posted
            return Retry(f"{to} could not be looked up: {trouble.why}")
        return trouble._replace(why=f"{to} could not be looked up: {trouble.why}")
    why = trouble.why if trouble else mentions.why_not(known.people[to])
    if instead:
        return _To(instead, f"to {instead} in place of {outgoing.target}: {why}", True)
    hint = "give the destination a channel_default, or correct the address; then `ingestlayer deliveries retry`"
    return Refused(f"there is nobody to write to: {to}: {why}", hint)


def _mentioned(outgoing: Outgoing, known: Known) -> tuple[dict[str, Any], list[str]]:
    """Return the body with those mentioned who are known by address, and what is to be noted of each."""
    composed = outgoing.directions.get("mention")
    if composed is None:
        return outgoing.body, []
    body, is_there = mentions.put_in(outgoing.body, composed, known.users)
    notes = []
    for email in dict.fromkeys(email for _, email in composed if email):
        if email in known.users:
            why = "" if is_there else "the line was cut: the message is too long"
        else:
            why = known.troubles[email].why if email in known.troubles else mentions.why_not(known.people[email])
        notes.append(f"{email} is not mentioned: {why}" if why else f"mentions {email} ({known.users[email]})")
    return body, notes


def _silent() -> Any:
    """Return a logger that says nothing: the SDK would print what the outbox records."""
    import logging

    logger = logging.Logger("slack_sdk")
    logger.addHandler(logging.NullHandler())
    return logger
