"""Who in Slack has an e-mail address: users.lookupByEmail, asked as seldom as may be.

https://docs.slack.dev/reference/methods/users.lookupByEmail (scope users:read.email).
"""

import time
from collections.abc import Callable

from ...model.people import Person
from ...model.sending import NotConnected, Outgoing, Refused, Retry, Unknown
from ...system.typed import Body, NamedTuple
from . import mention as mentions

PATIENCE = 5.0  # seconds for all look-ups of one message: its lease is not spent on them
_UNKNOWN = ("users_not_found", "user_not_found")


Trouble = Retry | Refused | Unknown | NotConnected


class Failed(NamedTuple):
    """A call that Slack did not do: its code, if it gave one, and what that means for a delivery."""

    code: str
    result: Trouble


class Known(NamedTuple):
    """What is known of a message's addresses: answers, those that are new, and why some could not be had."""

    people: dict[str, Person]
    learned: tuple[Person, ...]
    troubles: dict[str, Trouble]

    @property
    def users(self) -> dict[str, str]:
        return {email: person.user for email, person in self.people.items() if person.user}


class Directory:
    """Looks people up; `call` makes a GET of a method with its parameters."""

    def __init__(self, call: Callable[[str, Body], Body | Failed]) -> None:
        self._call = call
        self._asked: dict[str, Person] = {}  # users, also of messages that were not taken

    def look_up(self, outgoing: Outgoing) -> Known:
        """Return what is known of the addresses of a message. After one trouble the others are not asked for."""
        people, learned = dict(outgoing.people), list[Person]()
        troubles: dict[str, Trouble] = {}
        ends = time.monotonic() + PATIENCE
        trouble: Trouble | None = None
        for email in outgoing.directions.get("people", ()):
            if email in people:
                continue
            asked = self._asked.get(email)
            if asked is None or not asked.is_fresh(outgoing.at):
                if trouble is None and time.monotonic() > ends:
                    trouble = Retry("looking people up took too long")
                answer = trouble or self._ask(email, outgoing.at)
                if not isinstance(answer, Person):
                    trouble = troubles[email] = answer
                    continue
                asked = answer
                if asked.user:  # who is not there may be at any moment; what is stored of them an operator can clear
                    self._asked[email] = asked
            people[email] = asked
            learned.append(asked)
        return Known(people, tuple(learned), troubles)

    def _ask(self, email: str, at: int) -> Person | Trouble:
        answer = self._call("users.lookupByEmail", {"email": email})
        if isinstance(answer, Failed):
            if answer.code in _UNKNOWN:
                return Person(email, None, "users_not_found", at)
            return Person(email, None, answer.code, at) if answer.code == "missing_scope" else answer.result
        user = answer.get("user")
        id_ = user.get("id") if isinstance(user, dict) else None
        if not (isinstance(user, dict) and isinstance(id_, str) and mentions.USER.fullmatch(id_)):
            return Retry("Slack's answer to users.lookupByEmail could not be read")
        if user.get("deleted"):
            return Person(email, None, "deactivated", at)
        return Person(email, id_, "", at)
