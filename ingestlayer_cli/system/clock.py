"""The one clock. Times are whole milliseconds since 1970-01-01 UTC, durations are milliseconds."""

import re
import time
from datetime import UTC, datetime, timedelta

from .errors import as_written
from .patterns import lazy

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}

_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
# How long a period is where it is longest: in one of them the clock is put back.
PERIODS = {"hour": 2 * HOUR, **{period: days * DAY + HOUR for period, days in _DAYS.items()}}

# RFC 3339, section 5.6; `T` and `Z` may be lower case there, and a space may stand for `T`.
RFC_3339 = lazy(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEARS = (-62_135_596_800_000, 253_402_300_800_000)  # from year 1 until before year 10000


class Clock:
    """What time it is, and how much of it passes. Tests put a clock of their own in its place."""

    def now(self) -> int:
        """Return what time it is. It may be set while one waits: what has an end ends by `steady`."""
        return time.time_ns() // 1_000_000

    def steady(self) -> int:
        """Return a number of milliseconds that only passing time adds to."""
        return time.monotonic_ns() // 1_000_000

    def sleep(self, duration: int) -> None:
        time.sleep(duration / 1000)


def format_time(at: int) -> str:
    """Return RFC 3339 in UTC with milliseconds: `2026-11-03T09:30:00.000Z`. What is after year 9999 is its end."""
    return (_EPOCH + timedelta(milliseconds=min(at, YEARS[1] - 1))).isoformat(timespec="milliseconds")[:23] + "Z"


def parse_rfc3339(text: str) -> datetime:
    """Read an RFC 3339 time; ValueError says what is wrong with it."""
    if not RFC_3339.fullmatch(text):
        raise ValueError("not an RFC 3339 time with an offset, like 2026-11-03T09:30:00Z")
    # datetime reads at most six digits of a fraction; the rest is below our resolution.
    whole = re.sub(r"(\.\d{6})\d+", r"\1", text.upper().replace(" ", "T"))
    try:
        return datetime.fromisoformat(whole)
    except ValueError:  # whose words are of Python's own
        raise ValueError("not a time of the calendar, or of the clock") from None


def parse_date_or_time(text: str) -> datetime:
    """Read `2026-11-03`, the start of that day in UTC, or an RFC 3339 time; ValueError otherwise."""
    return parse_rfc3339(text + "T00:00:00Z" if len(text) == 10 else text)


def parse_time(text: str, now: int) -> int:
    """Read RFC 3339, `2h ago`, `2h` (the same), `now`, or a date (its start in UTC)."""
    text = text.strip()
    if text == "now":
        return now
    if text[4:5] == "-":
        at = (parse_date_or_time(text) - _EPOCH) // timedelta(milliseconds=1)
    else:
        try:
            at = now - parse_duration(text.removesuffix("ago").rstrip())
        except ValueError:
            raise ValueError(f"{as_written(text)} is neither an RFC 3339 time nor a duration like `2h ago`") from None
    if not YEARS[0] <= at < YEARS[1]:
        raise ValueError(f"{as_written(text)} is outside the years 1 to 9999")
    return at


def parse_duration(text: str) -> int:
    """Read `30s 5m 1h 24h 7d`, always with a unit, into milliseconds; ValueError otherwise."""
    match = re.fullmatch(r"(\d{1,9}) ?(ms|s|m|h|d)", text, re.ASCII)
    if not match:
        raise ValueError(f"{as_written(text)} is not a duration: write a number and a unit, like 30s 5m 1h 24h 7d")
    return int(match[1]) * UNITS[match[2]]


def format_duration(duration: int) -> str:
    """Return the shortest exact form: `90000` is `90s`, `86400000` is `1d`."""
    units = ("d", "h", "m", "s") if duration else ("s",)
    for unit in units:
        if duration % UNITS[unit] == 0:
            return f"{duration // UNITS[unit]}{unit}"
    return f"{duration}ms"
