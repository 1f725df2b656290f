"""Which event types a pipeline takes."""

from ..model.events import OURS


def matches(match: list[str], type_: str) -> bool:
    """Say whether a pipeline with this `match` takes an event type; an empty one takes all but our own."""
    if not match:
        return not type_.startswith(OURS)
    return any(type_.startswith(pattern[:-1]) if pattern.endswith(".*") else type_ == pattern for pattern in match)
