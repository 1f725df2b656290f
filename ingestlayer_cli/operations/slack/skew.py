"""By how much this machine's clock differs from Slack's, told by the last messages: nobody is asked."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...store.contract.reading import DeliverySelection
from ...system.clock import DAY, MINUTE, parse_time
from ..troubles.symptoms import Symptom, age, minute, trouble

if TYPE_CHECKING:
    from ...model.documents.deliveries import DeliveryDocument
    from ...store.contract.protocols import Store

NEWEST = 10  # deliveries that are looked at
MOST = 5 * MINUTE  # that a message may have been under way


def skew(store: "Store", now: int) -> Iterator[Symptom]:
    """Yield that Slack took the last message, within a day, at another time than it was here."""
    rows = store.deliveries.find(DeliverySelection(since=now - DAY), NEWEST)
    for row in rows:
        if (sent := _sent(store, row)) is None or sent[0] > now + MOST:  # a clock that was set right since
            continue
        here, there = sent
        if abs(here - there) > MOST:
            side = "ahead of" if here > there else "behind"
            words = f"this machine's clock was {age(abs(here - there))} {side} Slack's when it posted last"
            hint = "set the clock, for example with NTP"
            yield trouble(
                "clock", "problem", "slack_clock", "Slack", words, why=f"here it was {minute(here)}", hint=hint
            )
        return


def _sent(store: "Store", row: "DeliveryDocument") -> tuple[int, int] | None:
    """Return when a message was sent, here and by Slack's clock; None where that is not told."""
    ts = (row["receipt"] or {}).get("ts")
    if row["status"] != "delivered" or not row["destination"].startswith("slack") or not ts:
        return None
    whole = store.deliveries.whole(row["id"])
    last = whole["attempts_made"][-1] if whole["attempts_made"] else None
    if whole["update"] or last is None or last["outcome"] != "sent":  # it is an older message's, or was found later
        return None
    return parse_time(last["at"], 0) + last["took_ms"], int(float(ts) * 1000)
