"""What hour, day and month are in a zone; the model is the calendar of `zoneinfo`, walked from minute to minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestlayer_cli.system.zones import moment_of, period_of, window_after, window_of, zone
from tests.support.clock import at

ZONES = ["", "Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu", "Australia/Lord_Howe", "Asia/Tokyo"]
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
times = st.integers(min_value=0, max_value=4_000_000_000_000)
zones = st.sampled_from(ZONES)


@pytest.mark.parametrize(
    ("time", "name", "period", "expected"),
    [
        ("2026-11-01T06:59:59Z", "America/Los_Angeles", "month", "2026-10"),
        ("2026-11-01T07:00:00Z", "America/Los_Angeles", "month", "2026-11"),
        ("2026-10-31T23:00:00Z", "Europe/Berlin", "month", "2026-11"),
        ("2026-12-31T23:30:00Z", "Europe/Berlin", "year", "2027"),
        ("2026-12-31T23:30:00Z", "Europe/Berlin", "quarter", "2027-Q1"),
        ("2026-12-31T23:30:00Z", "Europe/Berlin", "week", "2026-W53"),
        ("2026-11-03T18:14:59Z", "Asia/Kathmandu", "day", "2026-11-03"),
        ("2026-11-03T18:15:00Z", "Asia/Kathmandu", "day", "2026-11-04"),
        # The hour that comes twice is one; that which is left out there is not.
        ("2026-10-25T00:30:00Z", "Europe/Berlin", "hour", "2026-10-25T02"),
        ("2026-10-25T01:30:00Z", "Europe/Berlin", "hour", "2026-10-25T02"),
        ("2026-03-29T00:59:59Z", "Europe/Berlin", "hour", "2026-03-29T01"),
        ("2026-03-29T01:00:00Z", "Europe/Berlin", "hour", "2026-03-29T03"),
    ],
)
def test_a_period_is_that_of_the_zone(time: str, name: str, period: str, expected: str) -> None:
    assert period_of(at(time), period, name) == expected


@given(times, zones)
def test_periods_are_the_calendar_of_the_zone(time: int, name: str) -> None:
    there = datetime.fromtimestamp(time / 1000, ZoneInfo(name) if name else UTC)
    assert period_of(time, "day", name) == there.date().isoformat()
    assert period_of(time, "month", name) == there.strftime("%Y-%m")
    assert period_of(time, "hour", name) == there.strftime("%Y-%m-%dT%H")


@given(times, zones, st.sampled_from([HOUR, 6 * HOUR, DAY, 7 * DAY, 15 * MINUTE]))
def test_windows_follow_one_another_without_a_gap(time: int, name: str, length: int) -> None:
    start = window_of(time, length, name)
    following = window_after(start, length, name)
    assert start <= time < following
    assert window_of(start, length, name) == start
    assert window_of(following, length, name) == following
    assert window_of(following - 1, length, name) == start


@given(times, zones)
def test_a_window_of_a_day_is_the_day_there(time: int, name: str) -> None:
    start = window_of(time, DAY, name)
    there = datetime.fromtimestamp(start / 1000, ZoneInfo(name) if name else UTC)
    assert (there.hour, there.minute) == (0, 0)
    assert period_of(start, "day", name) == period_of(time, "day", name)


def test_the_day_on_which_the_clock_is_put_back_has_25_hours() -> None:
    start = window_of(at("2026-10-25T12:00:00Z"), DAY, "Europe/Berlin")
    assert window_after(start, DAY, "Europe/Berlin") - start == 25 * HOUR


def test_a_moment_is_as_a_person_there_reads_it() -> None:
    moment = moment_of(at("2026-11-03T09:30:59Z"), "Europe/Berlin")
    assert (moment, moment.seconds) == ("2026-11-03 10:30 CET", 1_793_698_259)
    assert moment_of(at("2026-07-03T09:30:00Z"), "America/Los_Angeles") == "2026-07-03 02:30 PDT"
    assert moment_of(at("2026-07-03T09:30:00Z")) == "2026-07-03 09:30 UTC"


def test_the_ends_of_the_calendar_are_no_error() -> None:
    first = int((datetime(1, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))
    assert period_of(first, "year", "America/Los_Angeles") == "0001"
    assert window_of(first, DAY, "America/Los_Angeles") <= first + DAY
    assert moment_of(first, "America/Los_Angeles").startswith("0001-01-01")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Europe/Berlim", 'did you mean "Europe/Berlin"?'),
        ("Berlin", 'did you mean "Europe/Berlin"?'),
        ("new york", 'did you mean "America/New_York"?'),
        ("../../etc/passwd", "there is no time zone"),
        ("Nowhere at all", "it is written like Europe/Berlin"),
    ],
)
def test_a_zone_that_there_is_not_is_named_with_the_near_miss(name: str, words: str) -> None:
    with pytest.raises(ValueError, match="there is no time zone") as refused:
        zone(name)
    assert words in str(refused.value)
