"""Which event types a pipeline takes."""


def matches(match: list[str], type_: str) -> bool:
    """Say whether a pipeline with this `match` takes an event type; an empty one takes all."""
    return not match or any(
        type_.startswith(pattern[:-1]) if pattern.endswith(".*") else type_ == pattern for pattern in match
    )
