"""Working hours: when a message may go."""

from typing import Any

import pytest

from ingestlayer_cli.system.hours import opens_at
from tests.support.clock import at


def hours(**more: Any) -> dict[str, Any]:
    told = {"name": "business", "days": [0, 1, 2, 3, 4], "from": 9 * 60, "to": 18 * 60, "timezone": "", "holidays": []}
    return told | more


@pytest.mark.parametrize(
    ("when", "opens"),
    [
        ("2026-11-30T09:00:00Z", "2026-11-30T09:00:00Z"),
        ("2026-11-30T17:59:59Z", "2026-11-30T17:59:59Z"),
        ("2026-11-30T18:00:00Z", "2026-12-01T09:00:00Z"),
        ("2026-11-30T08:59:59Z", "2026-11-30T09:00:00Z"),
        ("2026-12-04T18:00:00Z", "2026-12-07T09:00:00Z"),
        ("2026-12-05T12:00:00Z", "2026-12-07T09:00:00Z"),
    ],
)
def test_what_is_outside_waits_for_the_next_opening(when: str, opens: str) -> None:
    assert opens_at(hours(), at(when)) == at(opens)
    assert (opens_at(hours(), at(when)) == at(when)) == (when == opens)


def test_a_holiday_is_no_day() -> None:
    found = opens_at(hours(holidays=["2026-12-24", "2026-12-25"]), at("2026-12-23T20:00:00Z"))
    assert found == at("2026-12-28T09:00:00Z")


def test_hours_over_midnight_are_of_the_day_on_which_they_begin() -> None:
    night = hours(**{"days": [4], "from": 22 * 60, "to": 6 * 60})
    assert opens_at(night, at("2026-12-05T05:59:00Z")) == at("2026-12-05T05:59:00Z")
    assert opens_at(night, at("2026-12-05T06:00:00Z")) == at("2026-12-11T22:00:00Z")


def test_a_whole_day_is_from_midnight_to_midnight() -> None:
    always = hours(**{"days": [0], "from": 0, "to": 24 * 60})
    assert opens_at(always, at("2026-12-06T23:59:59Z")) == at("2026-12-07T00:00:00Z")
    assert opens_at(always, at("2026-12-07T23:59:59Z")) == at("2026-12-07T23:59:59Z")


@pytest.mark.parametrize(
    ("when", "opens"),
    [
        ("2026-10-23T20:00:00Z", "2026-10-26T08:00:00Z"),  # the clock was put back on Sunday
        ("2026-03-27T20:00:00Z", "2026-03-30T07:00:00Z"),  # and forward
        ("2026-07-01T06:59:59Z", "2026-07-01T07:00:00Z"),
    ],
)
def test_the_clock_on_the_wall_decides(when: str, opens: str) -> None:
    assert opens_at(hours(timezone="Europe/Berlin"), at(when)) == at(opens)


def test_an_hour_that_is_missing_begins_when_the_clock_goes_on() -> None:
    early = hours(**{"days": [6], "from": 150, "to": 240, "timezone": "Europe/Berlin"})  # 02:30 to 04:00
    assert opens_at(early, at("2026-03-29T00:00:00Z")) == at("2026-03-29T01:30:00Z")


def test_hours_that_never_come_are_none() -> None:
    days = [f"2026-12-{day:02}" for day in range(1, 32)]
    assert opens_at(hours(days=[]), at("2026-12-01T00:00:00Z")) is None
    assert opens_at(hours(holidays=days), at("2026-12-01T00:00:00Z")) == at("2027-01-01T09:00:00Z")


def test_the_end_of_time_is_no_day() -> None:
    assert opens_at(hours(), at("9999-12-31T23:00:00Z")) is None
