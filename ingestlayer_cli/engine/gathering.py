"""One message for many: when it goes, and what it says once it does."""

import json
from collections.abc import Callable

from ..destinations.base import Destination
from ..model import families
from ..model.events import encode
from ..store.contract.sending import RUN, Claimed, Gathered
from ..system.clock import MINUTE
from ..system.typed import TYPE_CHECKING, Directions
from ..system.zones import local, moment_at

if TYPE_CHECKING:
    from ..store.contract.roles.outbox import StoredGathering

Still = Callable[[list[Gathered]], list[Gathered]]
MOST = 10_000  # messages that are one; more are another
TRIES = 5
KEPT = ("hours", "to", "people", "instead")  # what is of the target, and not of one message


def name_of(pipeline: str, destination: str, target: str, told: Directions) -> str:
    """Return what messages have in common that are one: the table by which they are gathered, the target and the key.

    `told` is what the directions of each say.
    """
    of_run = RUN if told["at"] is None and not told["window"] else ""
    return f"{of_run}{pipeline} {told['number']} {destination} {target} {told['key']}"


def goes_at(told: Directions, now: int) -> int:
    """Return when a message goes that is the first of its digest now."""
    if told["at"] is None:
        return now + int(told["window"])
    today, since = local(now, told["zone"]).date(), told["at"] * MINUTE
    at = moment_at(today, since, told["zone"])
    return at if at > now else moment_at(today.fromordinal(today.toordinal() + 1), since, told["zone"])


def gathered(stored: "StoredGathering", claimed: Claimed, now: int, owner: str, still: Still) -> Claimed:
    """Return a claimed delivery that says all that is due of its digest, once that is kept; itself where it is alone.

    `still` chooses those of the others that are still to be said.
    Only then is it sent: whoever sends it after a crash sends the same.
    """
    told = claimed.directions["digest"]
    member: type[Destination] = families.member("destinations", families.kind_of(claimed.destination))
    for _ in range(TRIES):
        others = still(stored.gather(claimed, now, MOST))
        if len(others) + 1 < max(told["at_least"], 2):
            break
        all_told = [told, *(other.directions["digest"] for other in others)]
        body = encode(member.gathered(claimed.id, json.loads(claimed.body), all_told, now))
        rest = {name: value for name, value in claimed.directions.items() if name in KEPT}
        if stored.carry(claimed, [other.id for other in others], body, rest, owner):
            return claimed._replace(body=body, directions=rest)
    return claimed
