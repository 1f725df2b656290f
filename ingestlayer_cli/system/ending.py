"""That this process was told to end: what does not come by itself is waited for no longer than it must be."""

HURRIED = 2  # seconds for an answer from then on

_is_told = False


def tell() -> None:
    """Note it. For handlers of signals, too."""
    global _is_told
    _is_told = True


def forget() -> None:
    global _is_told
    _is_told = False


def is_told() -> bool:
    return _is_told


def hurried(seconds: float) -> float:
    """Return for how long an answer is waited for."""
    return min(seconds, HURRIED) if _is_told else seconds
