"""The budget of a channel: so many messages in an hour; beyond them one says what many would."""

import json

from ..destinations.base import Destination, Listed
from ..model import families
from ..model.events import encode
from ..store.contract.sending import Attempt, Claimed
from ..system.rates import parse_rate
from ..system.typed import TYPE_CHECKING, Directions
from ..system.zones import Moment, moment_of
from .attempts import outside_hours
from .gathering import KEPT, MOST, TRIES, Still

if TYPE_CHECKING:
    from ..store.contract.roles.outbox import StoredGathering

SHOWN = 50  # messages that are a line; more are counted


def within(
    stored: "StoredGathering", claimed: Claimed, rate: str, now: int, owner: str, still: Still, zone: str = ""
) -> Claimed | Attempt:
    """Return a claimed delivery as its target's budget has it, once that is kept, or the attempt that lets it wait.

    The last message of a budget says all that is due, of which `still` chooses, and that it is used up; so does each
    after that, once it may go. Times are told as in the zone of the delivery's hours, else as in `zone`.
    Nobody else posts to the target meanwhile, and what was posted is asked of the store: it holds for all machines.
    """
    most, window = most_and_window(rate)
    zone = claimed.directions.get("hours", {}).get("timezone", zone)
    posted = stored.posted(claimed, now - window)
    if len(posted) >= most:
        until = posted[-most] + window
        why = f"the budget of {claimed.target}, {rate}, is used up: it goes with others at {moment_of(until, zone)}"
        stored.hold_back(claimed, now, until, why)
        return Attempt(now, 0, "waits", "pending", counts=False, due_at=until, error=why)
    is_last = len(posted) == most - 1
    if not is_last and not claimed.held_back:
        return claimed
    ends = moment_of([*posted, now][-most] + window, zone) if is_last else None
    return _said(stored, claimed, rate, now, ends, owner, still)


def most_and_window(rate: str) -> tuple[int, int]:
    """Return how many messages there may be, and in how many milliseconds."""
    frequency = parse_rate(rate)
    return int(frequency.most), round(frequency.most * 1000 / frequency.per_second)


def _said(
    stored: "StoredGathering", claimed: Claimed, rate: str, now: int, until: Moment | None, owner: str, still: Still
) -> Claimed:
    """Return a delivery that says what is due beside it, too, and that nothing goes `until` then."""
    member: type[Destination] = families.member("destinations", families.kind_of(claimed.destination))
    for _ in range(TRIES):
        beside = stored.beside(claimed, now, MOST, SHOWN - 1)
        others = still([other for other in beside if outside_hours(other.directions, now) is None])
        if not others and until is None:
            break
        lines = [_line(claimed.body, claimed.directions)]
        lines += [_line(other.body, other.directions) for other in others]
        body = encode(member.flooded(claimed.id, claimed.target, lines, rate, until))
        rest = {name: value for name, value in claimed.directions.items() if not others or name in KEPT}
        if stored.carry(claimed, [other.id for other in others], body, rest, owner):
            return claimed._replace(body=body, directions=rest)
    return claimed


def _line(body: str | None, directions: Directions) -> Listed:
    return Listed(json.loads(body) if body else None, directions)
