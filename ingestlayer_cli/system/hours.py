"""Working hours: when a message may go, as compiled data of `[hours.NAME]` say. Times in milliseconds.

`{"name", "days": [0, …] (0 is Monday), "from", "to" (minutes since midnight), "timezone", "holidays": ["2026-12-25"]}`;
where `to` is not after `from`, the hours end on the next day. The clock on the wall there decides.
"""

from datetime import date, timedelta

from .clock import MINUTE
from .typed import Any
from .zones import local, moment_at

Hours = dict[str, Any]
_FAR = 800  # days that are looked through


def opens_at(hours: Hours, at: int) -> int | None:
    """Return the first time from `at` on that is within the hours: `at` itself when it is; None where none comes."""
    today = local(at, hours["timezone"]).date()
    for days in range(-1, _FAR):
        start, end = _of_day(hours, today, days)
        if at < end and start < end:
            return max(at, start)
    return None


def opened_at(hours: Hours, at: int) -> int | None:
    """Return when the hours began that a time is in, those before it that end then counted in; None outside of them."""
    today, found = local(at, hours["timezone"]).date(), None
    for days in range(1, -_FAR, -1):
        start, end = _of_day(hours, today, days)
        if start < end and (start <= at < end if found is None else end >= found):
            found = start
        elif found is not None:
            break
    return found


def _of_day(hours: Hours, today: date, days: int) -> tuple[int, ...]:
    """Return when the hours of a day begin and end; the same time where it has none."""
    try:
        day = today + timedelta(days=days)
    except OverflowError:
        return 0, 0
    if day.weekday() not in hours["days"] or day.isoformat() in hours["holidays"]:
        return 0, 0
    length = (hours["to"] - hours["from"]) % (24 * 60) or 24 * 60
    start = hours["from"]
    return tuple(moment_at(day, minutes * MINUTE, hours["timezone"]) for minutes in (start, start + length))
