"""What looks like a secret inside a text, and what is shown in its place. Pure."""

import re
from functools import lru_cache

from ..system.typed import NamedTuple
from .detectors import DETECTORS

ACTIONS = ("keep", "mask", "hash", "drop")

_HIDDEN = "•••"
_REMEMBERED = 1_000  # characters of a text whose findings are remembered


class Detected(NamedTuple):
    """What a detector found in a text."""

    start: int
    end: int
    kind: str


def find(text: str) -> tuple[Detected, ...]:
    """Return what every detector finds in a text; what two of them find may overlap."""
    return _remembered(text) if len(text) <= _REMEMBERED else _find(text)


def _find(text: str) -> tuple[Detected, ...]:
    return tuple(Detected(*span, kind) for kind, detector in DETECTORS.items() for span in detector(text))


_remembered = lru_cache(maxsize=512)(_find)  # of an event and its copies each text is looked at once


# Secrets in what is shown ---------------------------------------------------------------------------------

# Looser than a detector of events has to be: what stands in a file or on a command line, half a token too.
_SHAPES = re.compile(
    r"(?:xox[a-z]|xapp)[-.][\w.~+/=:-]+|https?://hooks\.[\w.-]+/[\w.~+/=:%?&-]+|\bil_[\w-]{43}\b", re.IGNORECASE
)
SECRET = "[secret]"  # noqa: S105 - what stands for one


def without_secrets(text: str) -> str:
    """Return a text for people with every secret in it that is known by its shape left out."""
    text = _SHAPES.sub(SECRET, text)
    spans = sorted(
        (span for kind in ("bearer", "api_key", "jwt", "private_key") for span in DETECTORS[kind](text)), reverse=True
    )
    for start, end in spans:
        text = f"{text[:start]}{SECRET}{text[end:]}"
    return text


# Fields ----------------------------------------------------------------------------------------------------


def rooted(name: str) -> tuple[str, list[str]]:
    """Return what a field is of, "payload", "entity" or "body", and its path there; `$event.x` is a field, too."""
    root, *path = name.removeprefix("$").split(".")
    if path and root in ("entity", "body"):
        return root, path
    if path and root == "event":
        return "payload", path[1:] if path[0] == "payload" and path[1:] else path
    return "payload", [root, *path]


# Masks ----------------------------------------------------------------------------------------------------


def mask(text: str) -> str:
    """Return what is left of a secret for people to know it by.

    The first letter and the domain of an e-mail address, the last four digits of a card, the last two of a phone;
    of another text up to two characters at each end, together never more than a quarter; nothing of short ones.
    """
    stripped = text.strip()
    kinds = {found.kind for found in find(stripped) if (found.start, found.end) == (0, len(stripped))}
    digits = "".join(char for char in text if char.isdigit())
    if "private_key" in kinds:
        return _HIDDEN
    if "email" in kinds:
        local, _, domain = stripped.rpartition("@")
        return f"{local[0] if len(local) > 2 else ''}{_HIDDEN}@{domain}"
    if "card" in kinds:
        return f"{_HIDDEN}{digits[-4:]}"
    if "phone" in kinds:
        return f"{_HIDDEN}{digits[-2:]}"
    shown = min(len(text) // 8, 2)
    return f"{text[:shown]}{_HIDDEN}{text[-shown:]}" if shown else _HIDDEN
