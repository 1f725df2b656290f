"""What hour, day, week, month, quarter and year are where a team is: in a zone of the IANA database, else in UTC.

The clock on the wall there decides. Where it is put back, the hour that comes twice is one hour, two hours long;
where it is put forward, there is no such hour; a day has 23 to 25 hours. Times are milliseconds as everywhere.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from .clock import HOUR, SECOND, YEARS
from .errors import as_written

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = datetime(1970, 1, 1)  # the wall's own
_STEP = HOUR // 4  # zones differ from UTC by whole quarters of an hour


class Moment(str):
    """A time as text in its zone, beside what a reader elsewhere can be shown of it."""

    __slots__ = ("seconds",)

    seconds: int
    """Unix time."""


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """Return a zone by its IANA name; UTC without one. ValueError when there is none of this name."""
    if not name:
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"there is no time zone {as_written(name)}{_near(name)}") from None


def _near(name: str) -> str:
    from zoneinfo import available_timezones

    from .errors import near_miss

    known = sorted(available_timezones())
    if not known:
        return ": this machine has none at all; pip install tzdata"
    cities = {each.rpartition("/")[2].lower(): each for each in known}
    named = cities.get(name.strip().replace(" ", "_").lower())
    near = near_miss(named or name, known)
    return near or ": it is written like Europe/Berlin (the IANA database)"


def local(at: int, name: str = "") -> datetime:
    """Return a time as a zone's clock has it; what is before year 1 or after 9999 there is as UTC has it."""
    return there(_EPOCH + timedelta(milliseconds=at), name)


def there(moment: datetime, name: str = "") -> datetime:
    """Return a moment as a zone's clock has it."""
    try:
        return moment.astimezone(zone(name))
    except OverflowError:
        return moment


def period_of(at: int, period: str, name: str = "") -> str:
    """Return the hour, day, week, month, quarter or year of a time: `2026-11`."""
    return _period_of(at - at % _STEP, period, name)


@lru_cache(maxsize=64)
def _period_of(at: int, period: str, name: str) -> str:
    """Return it for the start of a quarter of an hour, which all periods share: thousands of events are of one."""
    return _named(local(at, name), period)


def _named(moment: datetime, period: str) -> str:
    if period == "quarter":
        return f"{moment.year:04}-Q{(moment.month + 2) // 3}"
    if period == "week":
        year, week, _ = moment.isocalendar()
        return f"{year:04}-W{week:02}"
    return moment.isoformat()[: {"hour": 13, "day": 10, "month": 7, "year": 4}[period]]


def period_before(at: int, period: str, name: str = "") -> str:
    """Return the hour, day, week, month, quarter or year before that of a time, as the wall's clock has them."""
    wall = local(at, name).replace(tzinfo=None)
    start = wall.replace(minute=0)
    if period != "hour":
        start = start.replace(hour=0)
    if period == "week":
        start -= timedelta(days=start.weekday())
    elif period in ("month", "quarter", "year"):
        months = {"month": 1, "quarter": 3, "year": 12}[period]
        start = start.replace(month=start.month - (start.month - 1) % months, day=1)
    return _named(start - timedelta(minutes=1), period)


def names_of(at: int, period: str, name: str = "") -> tuple[str, ...]:
    """Return what the period of a time is called anywhere on earth: in this zone first, then from the latest on."""
    return _names_of(at - at % _STEP, period, name)


@lru_cache(maxsize=64)
def _names_of(at: int, period: str, name: str) -> tuple[str, ...]:
    first, end = YEARS
    times = (min(max(at + hours * HOUR, first), end - 1) for hours in range(14, -13, -1))
    return tuple(dict.fromkeys([period_of(at, period, name), *(period_of(time, period) for time in times)]))


def window_of(at: int, length: int, name: str = "") -> int:
    """Return when the window of a length began that a time is in: of `1h` the full hour, of `1d` midnight."""
    if not name:
        return at - at % length
    wall = _wall(at, name)
    return _utc(wall - wall % length, name)


def window_after(start: int, length: int, name: str = "") -> int:
    """Return when the window after the one that began at `start` begins."""
    return start + length if not name else _utc(_wall(start, name) + length, name)


def moment_at(day: date, since: int, name: str = "") -> int:
    """Return when the wall's clock shows first a time of a day, so long after its midnight."""
    return _utc((day - _EPOCH.date()).days * 24 * HOUR + since, name)


def _wall(at: int, name: str) -> int:
    """Return what the wall's clock shows, as milliseconds since it showed 1970-01-01."""
    shift = local(at, name).utcoffset() or timedelta()
    return at + shift // timedelta(milliseconds=1)


def _utc(wall: int, name: str) -> int:
    """Return when the wall's clock shows this first."""
    try:
        moment = (_LOCAL_EPOCH + timedelta(milliseconds=wall)).replace(tzinfo=zone(name))
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except OverflowError:
        return wall


def as_moment(moment: datetime, name: str = "") -> Moment:
    """Return a time as a person reads it in a zone: `2026-11-03 09:30 CET`."""
    shown = there(moment, name)
    # strftime does not fill up the years before 1000 everywhere
    text = Moment(shown.strftime(f"{shown.year:04}-%m-%d %H:%M %Z"))
    text.seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return text


def moment_of(at: int, name: str = "") -> Moment:
    """Return a time in milliseconds so."""
    return _moment_of(at - at % SECOND, name)


@lru_cache(maxsize=64)
def _moment_of(at: int, name: str) -> Moment:
    return as_moment(_EPOCH + timedelta(milliseconds=at), name)
