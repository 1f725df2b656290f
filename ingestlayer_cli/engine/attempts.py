"""What an attempt makes of its delivery: a destination's word, or what a look into its history has told."""

from collections.abc import Callable

from ..model.sending import NotConnected, Refused, Result, Retry, Sent, Unknown
from ..store.contract.sending import GIVEN_UP, Attempt, Claimed, Doubtful, Leased
from ..system.clock import HOUR, MINUTE, SECOND
from ..system.errors import count_of
from ..system.typed import TYPE_CHECKING, Directions

if TYPE_CHECKING:
    from ..model.documents.events import Status


Said = Callable[[Claimed | Doubtful, Attempt], None]

CURVE = (30 * SECOND, 2 * MINUTE, 10 * MINUTE, HOUR)  # after the first, second, … failed attempt; then dead
JITTER = 0.1
LONGEST = HOUR  # that a channel is held for because its service asks for it


def sent_again(row: Doubtful, why: str, now: int) -> Attempt:
    """Send a delivery again that did not arrive, unless its attempts are used up."""
    if row.attempts > len(CURVE if row.retry is None else row.retry):
        why = f"{why}; given up after {count_of(row.attempts, 'attempt')}"
        return Attempt(now, 0, "given-up", "dead", counts=False, due_at=now, error=why, hint=once_mended(row.id))
    return Attempt(now, 0, "resend", "retrying", counts=False, due_at=now, error=f"{why}: it is sent again")


def held(row: Doubtful, why: str, now: int) -> Attempt:
    """Leave what may or may not have arrived as it is."""
    return Attempt(now, 0, "held", "unknown", counts=False, due_at=now, error=why, hint=by_hand(row.id, row.target))


def found_there(receipt: dict[str, str], now: int) -> Attempt:
    """Take as delivered what a look has found."""
    return Attempt(now, 0, "found", "delivered", counts=False, due_at=now, receipt=receipt)


def vanished_with(row: Leased, claimed_at: int, now: int) -> Attempt:
    """Say of what a process had in hand that vanished that it may or may not have arrived."""
    why, hint = "the process that was sending it vanished", by_look(row.id, row.target)
    took = max(now - claimed_at, 0)
    return Attempt(claimed_at, took, "unknown", "unknown", counts=True, due_at=now, error=why, hint=hint)


def settled_by_hand(status: "Status", now: int) -> Attempt:
    """Take the operator's word."""
    why = None if status == "delivered" else GIVEN_UP
    return Attempt(now, 0, "settled", status, counts=False, due_at=now, error=why)


def once_mended(id_: str) -> str:
    return f"when it is mended: ingestlayer deliveries retry {id_}"


def by_hand(id_: str, target: str) -> str:
    """Return the remedy for a delivery of which only a person can say whether it arrived."""
    return (
        f"is it in {target}? then `ingestlayer deliveries settle {id_} --delivered`, else"
        f" `ingestlayer deliveries retry {id_}`"
    )


def by_look(id_: str, target: str) -> str:
    """Return the remedy for a delivery that may or may not have arrived."""
    said = by_hand(id_, target)
    return f"`ingestlayer deliver` looks whether it arrived, where it may read the channel; or say it: {said}"


def judged(result: Result, claimed: Claimed, at: int, now: int) -> Attempt:
    """Turn a destination's word into the delivery's next state."""
    took = now - at
    if isinstance(result, Sent):
        note, receipt = result.note or None, result.receipt
        came: tuple[str, Status] = ("shown", "shown") if result.is_shown else ("sent", "delivered")
        return Attempt(at, took, *came, True, now, note, receipt=receipt, learned=result.learned)
    if isinstance(result, Refused):
        return Attempt(at, took, "refused", "dead", counts=True, due_at=now, error=result.why, hint=result.hint)
    if isinstance(result, Unknown):
        return Attempt(
            at,
            took,
            "unknown",
            "unknown",
            counts=True,
            due_at=now,
            error=result.why,
            hint=by_look(claimed.id, claimed.target),
        )
    if isinstance(result, NotConnected):
        status: Status = "retrying" if claimed.attempts else "pending"
        return Attempt(
            at, took, "not-connected", status, counts=False, due_at=claimed.due_at, error=result.why, hint=result.hint
        )
    return _retried(result, claimed, at, now)


def outside_hours(directions: Directions, now: int) -> Attempt | None:
    """Let a delivery wait until its hours begin, where it has some and is outside them; that is no attempt."""
    if "hours" not in directions:
        return None
    from ..system.hours import opens_at
    from ..system.zones import moment_of

    hours = directions["hours"]
    opens = opens_at(hours, now)
    if opens is None or opens == now:
        return None
    why = f"outside the hours {hours['name']}: it goes at {moment_of(opens, hours['timezone'])}"
    return Attempt(now, 0, "waits", "pending", counts=False, due_at=opens, error=why)


def _retried(result: Retry, claimed: Claimed, at: int, now: int) -> Attempt:
    """Retry-After holds the whole lane and counts as no attempt; else the curve decides."""
    took = now - at
    if result.after is not None:
        free = now + min(result.after, LONGEST)
        told = (result.why, result.hint or None)
        return Attempt(at, took, "retry", "retrying", False, claimed.due_at, *told, lane_free_at=free)
    curve = CURVE if claimed.retry is None else claimed.retry
    if claimed.attempts >= len(curve):
        why = f"{result.why}; given up after {count_of(claimed.attempts + 1, 'attempt')}"
        hint = "; ".join(filter(None, (result.hint, once_mended(claimed.id))))
        return Attempt(at, took, "retry", "dead", counts=True, due_at=now, error=why, hint=hint)
    import random

    pause = curve[claimed.attempts] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (no secret)
    return Attempt(
        at,
        took,
        "retry",
        "retrying",
        counts=True,
        due_at=now + round(pause),
        error=result.why,
        hint=result.hint or None,
    )
