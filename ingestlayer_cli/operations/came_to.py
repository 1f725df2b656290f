"""What became of events, in one line."""

from collections.abc import Iterable

from ..store.contract.reading import Outcome

STATES = {
    "delivered": "delivered to",
    "shown": "shown on a terminal, for",
    "dead": "dead, not delivered to",
    "unknown": "unknown whether it arrived in",
    "retrying": "tried, and waits for",
    "pending": "waits for",
    "dropped": "dropped, not sent to",
}


def came_to(outcomes: list[Outcome]) -> str:
    """Return in one line what became of messages, and of runs without one."""
    sent = {row.target: row.status for row in outcomes if row.target}
    parts = states(sent.items())
    failed = [f"{row.pipeline} failed" for row in outcomes if row.status == "failed"]
    dropped = [f"{row.reason} of {row.pipeline}" for row in outcomes if row.status == "dropped" and row.reason]
    if parts or failed:
        return "; ".join(parts + failed)
    return "nothing was sent" + (f": dropped by {', '.join(dropped)}" if dropped else "")


def states(sent: Iterable[tuple[str, str]]) -> list[str]:
    """Return in words where messages are, from (target, status)."""
    found = [(target, status) for target, status in sent]
    parts = []
    for status, words in STATES.items():
        if targets := list(dict.fromkeys(target for target, it in found if it == status)):
            parts.append(f"{words} {', '.join(targets)}")
    return parts


def utc(text: str) -> str:
    """Write `2026-11-03T09:30:00.000Z` for people."""
    return f"{text[:10]} {text[11:19]} UTC"
