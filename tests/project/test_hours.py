"""`[hours.NAME]` and what a destination says of it."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from ingestlayer_cli.project.compile import Compiler
from ingestlayer_cli.system.errors import ProjectError
from tests.support.pipe import Pipe

BUSINESS = '[hours.business]\ndays = "mon-fri"\nfrom = "09:00"\nto = "18:00"\n'
CALENDAR = """BEGIN:VCALENDAR
BEGIN:VEVENT
SUMMARY:Christmas, long
  and folded
DTSTART;VALUE=DATE:20261225
DTEND;VALUE=DATE:20261227
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260101
RRULE:FREQ=YEARLY
END:VEVENT
END:VCALENDAR
"""


class Files:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("events/usage.toml", 'type = "usage"\n[fields]\nused = "number"\n')
        self.pipeline('hours = "business"\n')
        self.write("ingestlayer.toml", BUSINESS)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def pipeline(self, more: str, destination: str = 'use = "slack"\nchannel = "#c"\n') -> None:
        self.write("pipelines/p.toml", f'match = ["usage"]\n[[destinations]]\n{destination}{more}')

    def problems(self) -> list[str]:
        with pytest.raises(ProjectError) as raised:
            Compiler(str(self.root)).run()
        return [f"{place}: {words}" for place, words in raised.value.details]

    def hours(self) -> dict[str, object]:
        found: dict[str, object] = Compiler(str(self.root)).run()["pipelines"][0]["destinations"][0]["hours"]
        return found


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_destination_has_what_the_table_says(files: Files) -> None:
    files.write("ingestlayer.toml", f'timezone = "Europe/Berlin"\n{BUSINESS}')
    told = {"name": "business", "days": [0, 1, 2, 3, 4], "from": 540, "to": 1080, "timezone": "Europe/Berlin"}
    assert files.hours() == told | {"holidays": []}


@pytest.mark.parametrize(
    ("days", "numbers"),
    [("mon,wed,fri", [0, 2, 4]), ("Sat - Mon", [0, 5, 6]), ("sun", [6]), ("mon-sun", [0, 1, 2, 3, 4, 5, 6])],
)
def test_days_are_read(files: Files, days: str, numbers: list[int]) -> None:
    files.write("ingestlayer.toml", BUSINESS.replace("mon-fri", days))
    assert files.hours()["days"] == numbers


def test_holidays_come_from_a_calendar_or_a_table(files: Files) -> None:
    files.write("holidays.ics", CALENDAR)
    files.write("ingestlayer.toml", f'{BUSINESS}holidays = "holidays.ics"\n')
    found = files.hours()["holidays"]
    assert isinstance(found, list)
    assert {"2026-12-25", "2026-12-26", "2026-01-01", "2031-01-01"} <= set(found)
    assert "2026-12-27" not in found
    files.write("holidays.csv", "date,name\n2026-12-25,Christmas\n\n2027-01-01\n")
    files.write("ingestlayer.toml", f'{BUSINESS}holidays = "holidays.csv"\n')
    assert files.hours()["holidays"] == ["2026-12-25", "2027-01-01"]


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("mon-fri", "mon-fry", 'ingestlayer.toml:2:9: hours.business.days: "fry" is no day (did you mean "fri"?)'),
        ("09:00", "9", "must be a time in quotes, like 09:00 or 18:30, not '9'"),
        ("18:00", "24:01", "must be a time in quotes"),
        ('"18:00"\n', '"18:00"\nholiday = "x"\n', 'unknown key "holiday" (did you mean "holidays"?)'),
        ('"18:00"\n', '"18:00"\nholidays = "x.txt"\n', "x.txt is no .ics or .csv file"),
        ('"18:00"\n', '"18:00"\nholidays = "x.csv"\n', "x.csv cannot be read: No such file or directory"),
        ('from = "09:00"\n', "", 'the key "from" is missing'),
    ],
)
def test_what_is_wrong_is_told_at_its_place(files: Files, was: str, now: str, words: str) -> None:
    files.write("ingestlayer.toml", BUSINESS.replace(was, now))
    (found,) = files.problems()
    assert words in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("date\n25.12.2026\n", 'h.csv:2: "25.12.2026" is no date: write it 2026-12-25'),
        ("BEGIN:VEVENT\nEND:VEVENT\n", "h.csv:"),
    ],
)
def test_a_file_of_holidays_that_is_none_is_told_by_its_line(files: Files, text: str, words: str) -> None:
    files.write("h.csv", text)
    files.write("ingestlayer.toml", f'{BUSINESS}holidays = "h.csv"\n')
    (found,) = files.problems()
    assert words in found


def test_a_calendar_that_is_none_is_told(files: Files) -> None:
    for text, words in (
        ("BEGIN:VEVENT\nEND:VEVENT\n", "h.ics:2: an event has no date"),
        ("x", "h.ics:1: it is no calendar"),
        (CALENDAR.replace("YEARLY", "DAILY"), "comes back other than each year"),
    ):
        files.write("h.ics", text)
        files.write("ingestlayer.toml", f'{BUSINESS}holidays = "h.ics"\n')
        (found,) = files.problems()
        assert words in found


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('hours = "busines"\n', 'there is no [hours.busines] in ingestlayer.toml (did you mean "business"?)'),
        ('outside = "drop"\n', 'outside is of hours: say which, hours = "business"'),
        ("recheck = true\n", 'recheck is of messages that wait for their hours: say which, hours = "business"'),
        ('hours = "business"\noutside = "drop"\nrecheck = true\n', 'outside = "drop" lets none wait'),
        ('hours = "business"\noutside = "later"\n', 'outside must be "wait" or "drop", or a channel, "#oncall"'),
    ],
)
def test_a_destination_that_says_it_wrong_is_told(files: Files, more: str, words: str) -> None:
    files.pipeline(more)
    (found,) = files.problems()
    assert words in found


def test_a_webhook_has_no_other_channel(files: Files) -> None:
    files.pipeline('hours = "business"\noutside = "#oncall"\n', 'use = "webhook"\nurl = "https://x.example/"\n')
    (found,) = files.problems()
    assert 'outside must be "wait" or "drop", not "#oncall"' in found


def test_hours_that_never_come_are_told(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path)
    days = "\n".join(str(date.today() + timedelta(days=number)) for number in range(-8, 1200))
    pipe.write("off.csv", f"day\n{days}\n")
    pipe.write("ingestlayer.toml", BUSINESS.replace("\n\n", "\n") + 'holidays = "off.csv"\n')
    pipe.steps("", destination='hours = "business"', says="x")
    found = " ".join(pipe.found())
    assert "hours.business never come: each of their days is a holiday" in found
