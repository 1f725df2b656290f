"""Looking whether messages have arrived: in the history of a channel, and in threads."""

import re
from typing import Any

from ...model.sending import CannotTell, Doubt, Found, Outgoing, Place
from . import mention as mentions
from .answers import Answer, clean
from .client import FailedPageError, Lost, WebApi
from .directory import Directory, Known

SKEW = 300_000  # milliseconds by which Slack's clock and ours may differ

_HINTS = {
    "missing_scope": ": the token needs channels:history",
    "not_in_channel": ": invite the bot",
    "channel_not_found": ": invite the bot",
}


class History:
    """What can be seen with a bot token. Messages carry the delivery's id in their metadata."""

    def __init__(self, api: WebApi, directory: Directory) -> None:
        self._api = api
        self._directory = directory

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        """Look through the channel and the threads; never raises."""
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
        except FailedPageError as error:
            return CannotTell(f"the channel's history cannot be read ({self._words(error.why)})")
        except Exception as error:
            return CannotTell(f"the channel's history cannot be read ({clean(str(error), self._api.secret)})")
        return Found(found)

    def _replies(self, place: Place, query: dict[str, Any], ids: set[str]) -> dict[str, dict[str, str]]:
        """Return the receipts of replies; a thread whose first message is deleted has none."""
        try:
            return self._receipts("conversations.replies", {**query, **place._asdict()}, ids)
        except FailedPageError as error:
            if isinstance(error.why, Answer) and error.why.code in ("thread_not_found", "message_not_found"):
                return {}
            raise

    def _words(self, why: Answer | Lost) -> str:
        if isinstance(why, Lost):
            return clean(str(why.error), self._api.secret)
        needed = f": the token needs {why.needed}" if why.needed else ""
        return f"{why.code or 'no answer'}{needed or _HINTS.get(why.code, '')}"

    def _receipts(self, method: str, query: dict[str, Any], ids: set[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for page in self._api.pages(method, query):
            for message in page.data["messages"]:
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
        user = user_of(outgoing, self._directory.look_up(outgoing))
        if user and not (channel or "").startswith("D"):
            answer = self._api.post("conversations.open", {"users": user})
            if isinstance(answer, Answer | Lost):
                raise FailedPageError(answer)
            ids.append(str((answer.data.get("channel") or {})["id"]))
        if (instead := outgoing.directions.get("instead")) and (other := self._channel_id(instead)):
            ids.append(other)
        return list(dict.fromkeys(ids))

    def _channel_id(self, name: str) -> str | None:
        """Return the id of a channel; chat.postMessage alone takes names."""
        if re.fullmatch(r"[CGD][A-Z0-9]{6,}", name):
            return name
        query = {"limit": 200, "exclude_archived": True, "types": "public_channel"}
        for page in self._api.pages("conversations.list", query):
            for channel in page.data["channels"]:
                if channel["name"] == name.removeprefix("#"):
                    return str(channel["id"])
        return None


def user_of(outgoing: Outgoing, known: Known) -> str | None:
    """Return the id of the user that a direct message is for, if it is one."""
    to = outgoing.directions.get("to")
    if to is not None:
        return known.users.get(to)
    name = outgoing.target.removeprefix("@")
    return name if mentions.USER.fullmatch(name) else None
