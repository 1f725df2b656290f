"""How often something may be done: `100/s`, `30/m`."""

import re
from functools import lru_cache

from .clock import UNITS
from .typed import NamedTuple


class Frequency(NamedTuple):
    """So many, at once and then spread evenly, in a unit of time."""

    words: str
    most: float  # at least 1
    per_second: float


@lru_cache(maxsize=64)
def parse_rate(text: str) -> Frequency:
    """Read a number and the time in which it may be; ValueError otherwise."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)/([smh])", text, re.ASCII)
    if not found or not float(found[1]):
        raise ValueError("not a rate: write 2/s or 30/m")
    number = float(found[1])
    return Frequency(text, max(1.0, number), number * 1000 / UNITS[found[2]])
