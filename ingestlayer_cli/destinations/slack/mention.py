"""Whom a message is for: `cc` and up to five people or groups, by Slack's ids or by e-mail address.

An address is composed as plain text and stays so in what is stored; what Slack says of it is put in when the message
is sent, in this one line alone.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from ...model.people import Person
from ...system.patterns import lazy
from ...system.typed import Any, Body, Directions, NamedTuple
from . import text as texts

MOST = 5
LONGEST = 100  # characters of a name

# Ids have a digit: WILLIAMS is a name.
USER = lazy(r"(?=[A-Z]+\d)[UW][A-Z0-9]{5,20}", re.ASCII)
_GROUP = lazy(r"(?=[A-Z]+\d)S[A-Z0-9]{5,20}", re.ASCII)
EMAIL = lazy(r"[^\s@<>,;|\"]{1,64}@[^\s@<>,;|\"]{1,255}")
_NAMED = lazy(rf"(.*?)\s*<({EMAIL.pattern})>")

_WHY_NOT = {
    "users_not_found": "nobody in Slack has this address",
    "deactivated": "deactivated in Slack",
    "missing_scope": "the token needs the scope users:read.email",
}


class Mentioned(NamedTuple):
    """One who is mentioned: Slack's markup, or plain text; `email` is to be looked up."""

    shown: str
    email: str | None = None


@lru_cache(maxsize=256)  # few people own many accounts, and each message asks twice
def told(text: str) -> tuple[str, Directions]:
    """Return the line of a message for those that a text names, and what its sender needs for it; see `owners`."""
    found = owners(text)
    return line(found), directions(found)


def owners(text: str) -> tuple[Mentioned, ...]:
    """Read `maya@acme.com, Bo Li <bo@acme.com>, U0123ABCD, S0123ABCD, Any Name`; the same one counts once."""
    parts = [" ".join(part.split()) for part in text.split(",")]
    found = list(dict.fromkeys(_owner(part) for part in parts if part))
    left = len(found) - MOST
    return (*found[:MOST], Mentioned(f"and {left} more")) if left > 0 else tuple(found)


def _owner(text: str) -> Mentioned:
    if USER.fullmatch(text):
        return Mentioned(f"<@{text}>")
    if _GROUP.fullmatch(text):
        return Mentioned(f"<!subteam^{text}>")
    if EMAIL.fullmatch(text):
        return Mentioned(_plain(text), text.lower())
    if named := _NAMED.fullmatch(text):
        return Mentioned(_plain(named[1].strip('" ') or named[2]), named[2].lower())
    return Mentioned(_plain(text))


def _plain(text: str) -> str:
    return texts.clip(texts.escape(text), LONGEST)


def line(found: Sequence[Mentioned]) -> str:
    """Return the line of a message; empty without anybody."""
    return f"cc {', '.join(owner.shown for owner in found)}" if found else ""


def directions(found: Sequence[Mentioned]) -> Directions:
    """Return what the sender needs to mention those that are known by address; nothing when there are none."""
    emails = list(dict.fromkeys(owner.email for owner in found if owner.email))
    return {"mention": [list(owner) for owner in found], "people": emails} if emails else {}


def put_in(body: Body, composed: list[list[Any]], users: dict[str, str]) -> tuple[Body, bool]:
    """Return a body with users mentioned, by their ids, in its composed line; and whether that line is there.

    The line is at the end of the last section: what comes after it has no sections with a text.
    """
    found = [Mentioned(*row) for row in composed]
    blocks = body["blocks"]
    before = line(found)
    after = line([Mentioned(f"<@{users[owner.email]}>") if owner.email in users else owner for owner in found])
    at = max((at for at, block in enumerate(blocks) if block["type"] == "section" and "text" in block), default=-1)
    text = blocks[at]["text"]["text"] if at >= 0 else ""
    if text != before and not text.endswith(f"\n{before}"):
        return body, False
    text = text[: len(text) - len(before)] + after
    section = {**blocks[at], "text": {**blocks[at]["text"], "text": text}}
    return {**body, "blocks": [*blocks[:at], section, *blocks[at + 1 :]]}, True


def why_not(person: Person) -> str:
    """Return in words why an address is no user."""
    return _WHY_NOT.get(person.why, person.why)
