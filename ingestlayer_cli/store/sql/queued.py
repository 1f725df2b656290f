"""Which deliveries a `Queued` means: its parts are spans of their numbers, each with the lanes that they wait in."""

from collections.abc import Collection

from ..contract.accepting import NOTHING, Queued


def span(first: int, last: int, lanes: Collection[int]) -> Queued:
    """Return the deliveries of a span of numbers, none when it is empty."""
    count = last - first + 1
    return Queued(((first, last, tuple(lanes)),), count) if count else NOTHING


def spans(queued: Queued) -> list[tuple[int, int]]:
    """Return the first and the last number of each span, in their order; those that touch each other are one."""
    found: list[tuple[int, int]] = []
    for first, last, _ in sorted(queued.parts):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def lanes(queued: Queued) -> list[int]:
    """Return the lanes that queued deliveries wait in."""
    return sorted({lane for *_, of in queued.parts for lane in of})
