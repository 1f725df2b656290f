"""`[hours.NAME]`: the days and times of a team, and its holidays."""

import csv
import os
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationInfo

from ..system.errors import near_miss
from ..system.hours import Hours
from .find import bounded
from .models import Strict
from .values import Minutes, Zone, described, problem

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVER = 50  # years for which what comes back each year is written out


def _days(value: object) -> list[int]:
    """Read `mon-fri,sun` into the numbers of its days."""
    if not isinstance(value, str):
        raise problem(f"must be days in quotes, like mon-fri or mon,wed, not {value!r}", 0)
    found: set[int] = set()
    for part in value.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        for name in (first, last or first):
            if name not in DAYS:
                near = near_miss(name, DAYS) or f": there are {', '.join(DAYS)}"
                raise problem(f'"{name}" is no day{near}', 0)
        start, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % 7 for day in range(start, end + 1 + (7 if end < start else 0))}
    return sorted(found)


def _holidays(value: object, info: ValidationInfo) -> list[str]:
    """Read the dates of a file."""
    source: Any = info.context  # the file that names it
    if not isinstance(value, str) or not value.endswith((".ics", ".csv")):
        raise problem(f"{value} is no .ics or .csv file", 0)
    source.others.append(value)
    try:
        text = bounded(os.path.join(source.root, value)).decode("utf-8-sig")
    except OSError as error:
        raise problem(f"{value} cannot be read: {error.strerror}", 0) from None
    except UnicodeDecodeError as error:
        raise problem(f"{value} is not UTF-8 (byte {error.start + 1})", 0) from None
    try:
        found = _of_calendar(text) if value.endswith(".ics") else _of_table(text)
        return sorted({day.isoformat() for day in found})
    except ValueError as error:
        raise problem(f"{value}:{error}", 0) from None


def _of_table(text: str) -> Iterator[date]:
    """Yield the dates of the first column, but for its header."""
    for number, row in enumerate(csv.reader(text.splitlines()), start=1):
        cell = row[0].strip() if row else ""
        try:
            if cell:
                yield date.fromisoformat(cell)
        except ValueError:
            if number > 1:
                raise ValueError(f'{number}: "{cell}" is no date: write it 2026-12-25') from None


def _of_calendar(text: str) -> Iterator[date]:
    """Yield the days of the events of a calendar (RFC 5545): from DTSTART to before DTEND, every year if it says so."""
    event: dict[str, str] = {}
    number = 0
    for number, line in enumerate(re.sub(r"\r?\n[ \t]", "", text).splitlines(), start=1):
        name, _, value = line.partition(":")
        name = name.partition(";")[0].upper()
        if (name, value.upper()) == ("BEGIN", "VEVENT"):
            event = {}
        elif (name, value.upper()) == ("END", "VEVENT"):
            yield from _of_event(event, number)
        else:
            event[name] = value
    if "BEGIN:VCALENDAR" not in text.upper():
        raise ValueError("1: it is no calendar: BEGIN:VCALENDAR is missing")


def _of_event(event: dict[str, str], number: int) -> Iterator[date]:
    try:
        first = _date_in(event["DTSTART"])
        last = max(_date_in(event.get("DTEND", event["DTSTART"])) - timedelta(days=1), first)
    except (KeyError, ValueError):
        raise ValueError(f"{number}: an event has no date") from None
    rule = event.get("RRULE", "").upper()
    if rule and "FREQ=YEARLY" not in rule:
        raise ValueError(f"{number}: an event comes back other than each year ({rule}): write its dates out")
    for years in range(_EVER if rule else 1):
        for days in range((last - first).days + 1):
            day = first + timedelta(days=days)
            try:
                yield day.replace(year=day.year + years)
            except ValueError:  # 29 February
                continue


def _date_in(value: str) -> date:
    return date.fromisoformat(f"{value[:4]}-{value[4:6]}-{value[6:8]}")


Holidays = Annotated[list[str], PlainValidator(_holidays), described("A file of dates: .ics or .csv")]


class HoursTable(Strict):
    """When a message may go.

    A destination names it, `hours = "business"`, and says what becomes of the others: `outside`.

        [hours.business]
        days = "mon-fri"
        from = "09:00"
        to = "18:00"
        timezone = "Europe/Berlin"
        holidays = "holidays.ics"
    """

    days: Annotated[list[int], PlainValidator(_days), described("Days of the week: mon-fri, or mon,wed,sat")] = Field(
        description="The days on which messages go."
    )
    start: Minutes = Field(alias="from", description="From when on they go.")
    to: Minutes = Field(description="Until when they go; before `from`, that is the next day.")
    timezone: Zone = Field(default="", description="Whose clock that is; without it the project's.")
    holidays: Holidays = Field(default=[], description="Days on which none goes.")


def compiled(name: str, table: HoursTable, zone: str) -> Hours:
    """Return the hours of a table as plain data, in the project's zone unless the table has its own."""
    return {
        "name": name,
        "days": table.days,
        "from": table.start,
        "to": table.to,
        "timezone": table.timezone or zone,
        "holidays": table.holidays,
    }
