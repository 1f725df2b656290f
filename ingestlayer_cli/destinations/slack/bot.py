"""Sending with a bot token: into a channel, to a person, into a thread."""

from ...model.sending import (
    LATE,
    CannotTell,
    Doubt,
    Found,
    NotConnected,
    Opening,
    Outgoing,
    Place,
    Refused,
    Result,
    Retry,
    Sent,
    Unknown,
)
from ...system.clock import MINUTE
from ...system.typed import Body, NamedTuple
from . import mention as mentions
from .answers import Answer, classified, clean, lost
from .client import Lost, Said, WebApi
from .directory import Directory, Failed, Known
from .history import TS, History, at_instead, user_of

# The first message of a thread is deleted, or its channel is no more what it was.
_GONE = {
    "message_not_found",
    "thread_not_found",
    "cannot_reply_to_message",
    "channel_not_found",
    "is_archived",
    "is_inactive",
}

# A message is worth more than whom it mentions: for how long it waits for that.
MENTION_TRIES = 2
MENTION_PAUSE = MINUTE  # milliseconds that Slack may ask for

_LOOKS = ("username", "icon_emoji", "icon_url")  # what the scope chat:write.customize is for


class _To(NamedTuple):
    """The channel of a message that is not in a thread, and why it is that one. `instead`: it is another's."""

    channel: str
    note: str = ""
    instead: bool = False


class Bot:
    """chat.postMessage with a bot token; chat.update for the first message of a thread."""

    name = "bot"

    def __init__(self, token: str, api_url: str) -> None:
        self._api, self._quick = WebApi(token, api_url), WebApi(token, api_url, is_quick=True)
        self._directory = Directory(self._ask)
        self._history = History(self._api, self._directory)

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        """Look whether messages have arrived."""
        return self._history.find(channel, doubts)

    def reacted(self, place: Place, emoji: str) -> bool | CannotTell:
        """Ask Slack; whoever has taken a reaction back has not reacted."""
        answer = self._quick.get("reactions.get", {"channel": place.channel, "timestamp": place.ts, "full": True})
        if isinstance(answer, Lost):
            return CannotTell(f"Slack cannot be asked ({clean(str(answer.error), self._quick.secret)})")
        if isinstance(answer, Answer):
            needed = ": the token needs reactions:read" if answer.code == "missing_scope" else ""
            return CannotTell(f"Slack does not say it ({answer.code or answer.status or 'no answer'}{needed})")
        message = answer.data.get("message")
        rows = message.get("reactions", ()) if isinstance(message, dict) else ()
        names = [str(row.get("name")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return any(name.partition("::")[0] == emoji for name in names)  # of any colour of skin

    def send(self, outgoing: Outgoing) -> Result:
        """Post a message: into its thread, whose first message is updated before; else into its channel.

        The update comes first and may be done twice; what is posted once is posted last. So whenever a process
        dies, what is left to be done is all of it or nothing, as the history tells. What the first message said is
        posted before its first update, with a mark of its own that is looked for.
        """
        known = self._directory.look_up(outgoing)
        to = _addressed(outgoing, known)
        if not isinstance(to, _To):
            return to
        if (passing := _passing(outgoing, known)) is not None:
            return passing
        body, notes = _mentioned(outgoing, known)
        result: Result | Failed | None = None
        place = outgoing.thread
        if place is not None and not (to.instead and place.channel.startswith("D")):
            looked = self._look_at_first(outgoing, place, body)
            if not isinstance(looked, _First):
                return looked
            if looked.is_there:
                notes.append(looked.note)
                result = self._post(outgoing, {**body, "channel": place.channel, "thread_ts": place.ts})
            if not looked.is_there or (isinstance(result, Failed) and result.code in _GONE):
                # Nothing was posted: the message begins the thread anew.
                notes.append("the thread's first message is gone: this one begins it anew")
                result = None
        if result is None:
            notes.append(to.note)
            result = self._post(outgoing, {**body, "channel": to.channel})
        if isinstance(result, Failed):
            return result.result
        if isinstance(result, Sent):
            result = result._replace(receipt=at_instead(outgoing, result.receipt))
            note = "; ".join(note for note in [*notes, result.note] if note)
            return result._replace(note=note, learned=known.learned)
        return result

    def _post(self, outgoing: Outgoing, body: Body) -> Sent | Failed:
        answer, note = self._call(outgoing, "chat.postMessage", body), ""
        if isinstance(answer, Failed) and answer.code == "missing_scope" and any(name in body for name in _LOOKS):
            # Slack is known to ignore them then. Where it does not, the message is worth more than its looks.
            plain = {name: value for name, value in body.items() if name not in _LOOKS}
            answer = self._call(outgoing, "chat.postMessage", plain)
            note = "posted under the app's own name and icon: the token needs the scope chat:write.customize"
        if isinstance(answer, Failed):
            return answer
        channel, ts = answer.get("channel"), answer.get("ts")
        if not (isinstance(channel, str) and channel and isinstance(ts, str) and TS.fullmatch(ts)):
            return Failed("", Unknown("Slack's answer could not be read: it does not say where the message is"))
        receipt = {"channel": channel, "ts": ts}
        if "thread_ts" not in body:
            return Sent(receipt, note)
        posted = answer.get("message")
        if isinstance(posted, dict) and not posted.get("thread_ts"):
            # What Slack does, without an error, when the first message is deleted at that very moment.
            return Sent(receipt, "the thread's first message is gone: Slack made this one the first")
        return Sent({**receipt, "thread_ts": body["thread_ts"]}, note)

    def _look_at_first(self, outgoing: Outgoing, place: Place, body: Body) -> "_First | Result":
        """Update the first message of a thread, or look whether it is still there.

        It is looked for by chat.getPermalink, which needs no scope; whatever else that answers stops no delivery.
        """
        note = f"in the thread of {outgoing.directions.get('thread')}"
        if not outgoing.directions.get("update"):
            return _First(self._is_there(place), note)
        if outgoing.overtaken:
            note += "; its first message stays as it is: a newer one of the thread is delivered"
            return _First(self._is_there(place), note)
        if outgoing.opening is not None:
            kept = self._keep(outgoing, place, outgoing.opening)
            if kept is not None:
                return kept._replace(note=f"{note}{kept.note}") if isinstance(kept, _First) else kept
        new = {"channel": place.channel, "ts": place.ts, "text": body["text"], "blocks": body["blocks"]}
        new["attachments"] = body.get("attachments", [])  # else Slack leaves those that there are
        answer = self._call(outgoing, "chat.update", new)
        if not isinstance(answer, Failed):
            words = "; its first message is updated" + ("" if outgoing.opening is None else ", what it said is a reply")
            return _First(True, f"{note}{words}")
        if isinstance(answer.result, Retry | NotConnected):
            return answer.result
        if isinstance(answer.result, Unknown):
            return Retry(f"{answer.result.why}; nothing was posted yet")
        if answer.code in _GONE or (answer.code == "cant_update_message" and not self._is_there(place)):
            return _First(False, note)
        return _First(True, f"{note}; its first message could not be updated: {answer.code}")

    def _keep(self, outgoing: Outgoing, place: Place, opening: Opening) -> "_First | Result | None":
        """Post what the first message of a thread says as a reply, before it is edited for the first time; None: done.

        It carries a mark of its own: where it may have been posted before, it is looked for, and where that cannot be
        seen it counts as posted.
        """
        if not self._is_there(place):
            return _First(False, "")
        mark = f"{opening.id}/first"
        if opening.may_be_kept:
            found = self._history.has(place, mark)
            if isinstance(found, CannotTell) and found.passes:
                return Retry(f"{found.why}; nothing was posted yet")
            if found:
                return None
        metadata = opening.body.get("metadata", {})
        payload = {**metadata.get("event_payload", {}), "delivery_id": mark}
        marked = {**opening.body, "metadata": {**metadata, "event_payload": payload}}
        posted = self._post(outgoing, {**marked, "channel": place.channel, "thread_ts": place.ts})
        if isinstance(posted, Sent):
            return None
        if posted.code in _GONE:
            return _First(False, "")
        if isinstance(posted.result, Refused):
            return _First(True, f"; its first message stays as it is: no reply can keep what it says ({posted.code})")
        return posted.result

    def _is_there(self, place: Place) -> bool:
        answer = self._ask("chat.getPermalink", {"channel": place.channel, "message_ts": place.ts})
        return not (isinstance(answer, Failed) and answer.code in _GONE)

    def _call(self, outgoing: Outgoing, method: str, body: Body) -> Body | Failed:
        """Do what has an effect, unless another process may do it by now."""
        return self._told(self._api.post(method, body)) if outgoing.is_ours() else Failed("", LATE)

    def _ask(self, method: str, query: Body) -> Body | Failed:
        return self._told(self._quick.get(method, query))

    def _told(self, answer: Said | Answer | Lost) -> Body | Failed:
        if isinstance(answer, Answer):
            return Failed(answer.code, classified(answer))
        return Failed("", lost(answer.error, self._api.secret)) if isinstance(answer, Lost) else answer.data


class _First(NamedTuple):
    """Whether the first message of a thread is there, and what is to be noted of it."""

    is_there: bool
    note: str


def _addressed(outgoing: Outgoing, known: Known) -> _To | Result:
    """Return where a message goes, unless that cannot be told (now, or at all)."""
    to, instead = outgoing.directions.get("to"), outgoing.directions.get("instead")
    user = user_of(outgoing, known)
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


def _passing(outgoing: Outgoing, known: Known) -> Retry | None:
    """Return for how long to wait for who is to be mentioned, if what keeps Slack from telling passes."""
    for email in dict.fromkeys(email for _, email in outgoing.directions.get("mention", ()) if email):
        trouble = known.troubles.get(email)
        after = trouble.after if isinstance(trouble, Retry) else None
        if isinstance(trouble, Retry | Unknown) and (
            outgoing.attempts < MENTION_TRIES if after is None else after <= MENTION_PAUSE
        ):
            return Retry(f"{email} could not be looked up: {trouble.why}", after)
    return None


def _mentioned(outgoing: Outgoing, known: Known) -> tuple[Body, list[str]]:
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
