"""Looking whether messages have arrived: in the history of a channel, and in threads.

What is not found has not arrived only if the look could have found it: where it was sent to, when it was sent by
Slack's own clock, and by the mark that it carries. Else it is not known.
"""

import re
import time
from collections.abc import Iterator

from ...model.sending import CannotTell, Doubt, Found, Outgoing, Place
from ...system.clock import DAY, MINUTE
from ...system.typed import Body
from . import mention as mentions
from .answers import DEAD_TOKEN, Answer, clean
from .client import FailedPageError, Lost, Said, WebApi
from .directory import Directory, Known

MARGIN = DAY  # milliseconds by which our clock may have been wrong when a message was sent
SKEW = 5 * MINUTE  # and by which it usually is not
PATIENCE = 20.0  # seconds for all pages of one look

_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{6,}")
TS = re.compile(r"\d+\.\d+", re.ASCII)
_GONE = ("thread_not_found", "message_not_found")
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
        try:
            return _Look(self._api, self._directory, channel, doubts).run()
        except FailedPageError as error:
            return CannotTell(f"the channel's history cannot be read ({self._words(error.why)})", _passes(error.why))
        except Exception as error:
            words = clean(f"{type(error).__name__}: {error}", self._api.secret)
            return CannotTell(f"the channel's history cannot be read ({words})", passes=True)

    def has(self, thread: Place, mark: str) -> bool | CannotTell:
        """Say whether a message that carries a mark is in a thread; never raises."""
        query = {**thread._asdict(), "include_all_metadata": True, "limit": 200}
        try:
            rows = (row for page in self._api.pages("conversations.replies", query) for row in page.data["messages"])
            return any(_mark(row) == mark for row in rows)
        except FailedPageError as error:
            return CannotTell(f"the thread cannot be read ({self._words(error.why)})", _passes(error.why))
        except Exception as error:
            words = clean(f"{type(error).__name__}: {error}", self._api.secret)
            return CannotTell(f"the thread cannot be read ({words})", passes=True)

    def _words(self, why: Answer | Lost) -> str:
        if isinstance(why, Lost):
            return clean(str(why.error), self._api.secret)
        needed = f": the token needs {why.needed}" if why.needed else ""
        return f"{why.code or why.status or 'no answer'}{needed or _HINTS.get(why.code, '')}"


def _passes(why: Answer | Lost) -> bool:
    """Say whether a look that failed may go well later, with nobody having mended anything in Slack."""
    return isinstance(why, Lost) or why.kind not in ("closed", "refused") or why.code in DEAD_TOKEN


class _Look:
    """One look for the messages of one target."""

    def __init__(self, api: WebApi, directory: Directory, channel: str | None, doubts: list[Doubt]) -> None:
        self._api = api
        self._directory = directory
        self._channel = channel
        self._first = doubts[0].outgoing
        self._outgoing = {doubt.outgoing.id: doubt.outgoing for doubt in doubts}
        self._texts = {doubt.outgoing.id: _plain(doubt.outgoing.body.get("text")) for doubt in doubts}
        self._marked = {doubt.outgoing.id for doubt in doubts if _mark(doubt.outgoing.body) == doubt.outgoing.id}
        self._threads = list(dict.fromkeys(doubt.outgoing.thread for doubt in doubts if doubt.outgoing.thread))
        self._since = min(doubt.since for doubt in doubts)
        self._ends = time.monotonic() + PATIENCE
        self._found: dict[str, dict[str, str]] = {}
        self._alike: set[str] = set()  # those whose text is there without a mark
        self._why = ""  # why what is not found may be there all the same
        self._ahead, self._after = 0, self._since

    def run(self) -> Found | CannotTell:
        if not self._marked:
            return CannotTell("it was composed for a webhook, and carries no mark that it could be known by")
        places = [*self._places(), *(place.channel for place in self._threads)]
        if not places:
            return CannotTell(f"no channel {self._first.target} is to be seen")
        for place in dict.fromkeys(places):
            self._read("conversations.history", {"channel": place})
        for thread in self._threads:
            self._read_thread(thread)
        if not self._is_done():
            self._doubt_places()
        return Found(self._found, self._unseen(), self._ahead)

    def _is_done(self) -> bool:
        return self._marked <= self._found.keys()

    def _unseen(self) -> dict[str, str]:
        unseen = dict.fromkeys(self._texts.keys() - self._marked, "it carries no mark that it could be known by")
        unseen |= dict.fromkeys(self._alike, "a message that says the same is there, without the delivery's mark")
        return unseen | (dict.fromkeys(self._texts, self._why) if self._why else {})

    # When ------------------------------------------------------------------------------------------------

    def _learn_time(self, page: Said) -> None:
        """Learn by how much our clock is ahead of Slack's."""
        from email.utils import parsedate_to_datetime

        now = int(parsedate_to_datetime(page.headers["date"]).timestamp() * 1000) + 999  # it has whole seconds
        self._ahead = self._first.at - now
        # Right then, or as wrong as now: it was sent after the earlier of the two.
        self._after = self._since - max(self._ahead, 0)
        if self._ahead > MARGIN - SKEW or self._since > max(now, self._first.at) + SKEW:
            self._why = "this machine's clock is or was too far ahead of Slack's to say when it was sent"

    # Where -----------------------------------------------------------------------------------------------

    def _places(self) -> list[str]:
        """Return the ids of the channels in which a message may be; that of an earlier message of its target first."""
        target, known = self._first.target, self._channel
        if not _is_person(target):
            return [known] if known else self._named(target)
        places = [known] if known else []
        user = user_of(self._first, self._people())
        if user and not (known or "").startswith("D"):
            answer = self._api.post("conversations.open", {"users": user})
            if isinstance(answer, Answer | Lost):
                raise FailedPageError(answer)
            places.append(str(answer.data["channel"]["id"]))
        instead = self._first.directions.get("instead")
        if instead:
            others = self._named(instead)
            if not others:
                self._why = f"no channel {instead} is to be seen"
            places += others
        return places

    def _people(self) -> Known:
        known = self._directory.look_up(self._first)
        to = self._first.directions.get("to")
        if to in known.troubles:
            raise OSError(f"{to} could not be looked up: {known.troubles[to].why}")
        return known

    def _named(self, name: str) -> list[str]:
        """Return the id of the channel of a name, if there is one; chat.postMessage alone takes names."""
        if _CHANNEL_ID.fullmatch(name):
            return [name]
        query = {"limit": 999, "exclude_archived": True, "types": "public_channel"}
        for row in self._rows("conversations.list", query, "channels"):
            if row.get("name") == name.removeprefix("#"):
                times = [row.get("created", 0) * 1000, row.get("updated", 0)]
                if max(times) > self._after - SKEW:
                    self._why = f"{name} was made or changed since: it may be another channel than the one it went to"
                return [str(row["id"])]
        return []

    def _doubt_places(self) -> None:
        """Look whether the channel of an earlier message is still that of the target."""
        target, known = self._first.target, self._channel
        if known is None or self._why or _CHANNEL_ID.fullmatch(target) or mentions.USER.fullmatch(target[1:]):
            return
        answer = self._api.get("conversations.info", {"channel": known})
        if isinstance(answer, Answer | Lost):
            if isinstance(answer, Lost) or _passes(answer):
                raise FailedPageError(answer)
            self._why = f"whether {target} is still the channel that it went to before cannot be seen ({answer.code})"
            return
        channel = answer.data["channel"]
        if _is_person(target):
            user = user_of(self._first, self._people())
            if known.startswith("D") and channel.get("user") != user:
                self._why = f"{target} is another person now than the one that it went to before"
        elif channel.get("name") != target.removeprefix("#"):
            for place in self._named(target):
                self._read("conversations.history", {"channel": place})
            self._why = f"{target} is another channel now than the one that it went to before"

    # What is there ---------------------------------------------------------------------------------------

    def _read_thread(self, thread: Place) -> None:
        """Read the replies of a thread; one whose first message is gone has none."""
        try:
            self._read("conversations.replies", thread._asdict())
        except FailedPageError as error:
            if not (isinstance(error.why, Answer) and error.why.code in _GONE):
                raise
            link = self._api.get("chat.getPermalink", {"channel": thread.channel, "message_ts": thread.ts})
            if not (isinstance(link, Answer) and link.code in _GONE):
                self._why = "the replies of its thread cannot be seen"

    def _read(self, method: str, query: Body) -> None:
        """Read messages, the newest first, until all are found."""
        if self._is_done():
            return
        oldest = f"{max(self._since - MARGIN, 0) / 1000:.6f}"
        wanted = {**query, "oldest": oldest, "include_all_metadata": True, "limit": 200}
        for message in self._rows(method, wanted, "messages"):
            self._look_at(message, query["channel"])
            if self._is_done():
                return

    def _look_at(self, message: Body, channel: str) -> None:
        ts, id_ = str(message.get("ts")), _mark(message)
        if id_ in self._marked and TS.fullmatch(ts):
            thread = message.get("thread_ts")
            in_thread = {"thread_ts": str(thread)} if thread and thread != ts else {}
            self._found[id_] = at_instead(self._outgoing[id_], {"channel": channel, "ts": ts, **in_thread})
        elif id_ is None and TS.fullmatch(ts) and float(ts) * 1000 > self._after - SKEW:
            metadata = message.get("metadata")
            if isinstance(metadata, dict) and "event_payload" not in metadata:
                self._why = "Slack does not show what messages carry"
            text = _plain(message.get("text"))
            self._alike |= {id_ for id_, own in self._texts.items() if own and own == text}

    def _rows(self, method: str, query: Body, key: str) -> Iterator[Body]:
        """Yield the rows of all pages of a list."""
        page: Said | None = None
        for page in self._api.pages(method, query):
            self._learn_time(page)
            rows = page.data[key]
            if not all(isinstance(row, dict) for row in rows):
                raise TypeError(f"{method} has other {key} than Slack's")
            yield from rows
            if time.monotonic() > self._ends:
                raise TimeoutError(f"it took over {PATIENCE:g} s")
        if page is not None and page.data.get("has_more"):
            self._why = "Slack does not show all of it"


def _is_person(target: str) -> bool:
    return target.startswith("@") or bool(mentions.USER.fullmatch(target))


def _mark(message: Body) -> str | None:
    """Return the id of the delivery that a message carries, if it does."""
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
    id_ = payload.get("delivery_id") if isinstance(payload, dict) else None
    return id_ if isinstance(id_, str) else None


def _plain(text: object) -> str:
    """Return a text as people read it: Slack may write its signs in another way."""
    from html import unescape

    return " ".join(unescape(text).split()) if isinstance(text, str) else ""


def at_instead(outgoing: Outgoing, receipt: dict[str, str]) -> dict[str, str]:
    """Return a receipt that tells, of a direct message which went to a channel, to which."""
    instead = outgoing.directions.get("instead")
    return receipt if instead is None or receipt["channel"].startswith("D") else {**receipt, "target": str(instead)}


def user_of(outgoing: Outgoing, known: Known) -> str | None:
    """Return the id of the user that a direct message is for, if it is one."""
    to = outgoing.directions.get("to")
    if to is not None:
        return known.users.get(to)
    name = outgoing.target.removeprefix("@")
    return name if mentions.USER.fullmatch(name) else None
