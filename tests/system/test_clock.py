"""The clock: durations, RFC 3339, relative times."""

from datetime import UTC, date, datetime, timedelta
from datetime import timezone as fixed

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.system.clock import (
    Clock,
    format_duration,
    format_time,
    parse_date_or_time,
    parse_duration,
    parse_rfc3339,
    parse_time,
)

NOW = 1_793_698_200_123  # 2026-11-03T09:30:00.123Z
FIRST = int(datetime(1, 1, 1, tzinfo=UTC).timestamp()) * 1000
LAST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) * 1000 + 999


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("250ms", 250),
        ("30s", 30_000),
        ("5m", 300_000),
        ("1h", 3_600_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
        ("0s", 0),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, millis: int) -> None:
    assert parse_duration(text) == millis


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "h",
        "5 minutes",
        "1.5h",
        "-1h",
        "+1h",
        "1h30m",
        "5M",
        "1w",
        "1h\n",
        " 1h",
        "٣h",
        "1e3s",
        "9" * 40 + "s",
    ],
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write a number and a unit, like 30s 5m 1h 24h 7d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("millis", "text"),
    [(90_000, "90s"), (86_400_000, "1d"), (3_600_000, "1h"), (60_000, "1m"), (1_500, "1500ms"), (0, "0s")],
)
def test_a_duration_is_written_in_its_largest_exact_unit(millis: int, text: str) -> None:
    assert format_duration(millis) == text


@settings(deadline=None)
@given(st.integers(0, 999_999_999))
def test_a_written_duration_reads_as_the_same(millis: int) -> None:
    assert parse_duration(format_duration(millis)) == millis


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-03T09:30:00Z", "2026-11-03T09:30:00.000Z"),
        ("2026-11-03t09:30:00z", "2026-11-03T09:30:00.000Z"),
        ("2026-11-03 09:30:00Z", "2026-11-03T09:30:00.000Z"),
        ("2026-11-03T11:30:00+02:00", "2026-11-03T09:30:00.000Z"),
        ("2026-11-03T04:00:00-05:30", "2026-11-03T09:30:00.000Z"),
        ("2026-11-03T00:30:00+01:00", "2026-11-02T23:30:00.000Z"),
        ("2026-11-03T09:30:00-00:00", "2026-11-03T09:30:00.000Z"),
        ("2026-11-03T09:30:00.1Z", "2026-11-03T09:30:00.100Z"),
        ("2026-11-03T09:30:00.1239Z", "2026-11-03T09:30:00.123Z"),
        ("2026-11-03T09:30:00.123456789Z", "2026-11-03T09:30:00.123Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("2026-11-03", "2026-11-03T00:00:00.000Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_time_is_read_with_its_offset_and_fraction(text: str, utc: str) -> None:
    assert format_time(parse_time(text, NOW)) == utc


@pytest.mark.parametrize("text", ["2026-11-03T09:30:00", "2026-11-03T09:30:00.5", "2026-11-03T09:30Z"])
def test_a_time_without_an_offset_or_seconds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an RFC 3339 time with an offset, like 2026-11-03T09:30:00Z"):
        parse_time(text, NOW)


@pytest.mark.parametrize(
    "text",
    ["2026-02-29T00:00:00Z", "2026-13-01", "2026-11-03T24:00:00Z", "2026-11-03T00:00:00+25:00", "0000-01-01"],
)
def test_a_time_that_no_calendar_has_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time of the calendar"):
        parse_time(text, NOW)


@pytest.mark.parametrize(
    "text", ["2026-11-3", "2026-1-03", "2026-11-03Z", "２０２６-11-03", "2026-11-03T09:30:00Z "[:-2]]
)
def test_a_date_has_four_two_and_two_ascii_digits(text: str) -> None:
    with pytest.raises(ValueError):
        parse_date_or_time(text)


@pytest.mark.parametrize("text", ["2h ago", "2h", "  2h ago ", "2h  ago"])
def test_a_duration_ago_is_that_long_before_now(text: str) -> None:
    assert parse_time(text, NOW) == NOW - 7_200_000


def test_now_is_now() -> None:
    assert parse_time("now", NOW) == NOW


@pytest.mark.parametrize("text", ["", "ago", "yesterday", "2 hours ago", "1793698200", "2h later", "ago 2h"])
def test_any_other_text_is_no_time_and_the_error_names_both_forms(text: str) -> None:
    with pytest.raises(ValueError, match="is neither an RFC 3339 time nor a duration like `2h ago`"):
        parse_time(text, NOW)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "999999999d ago"])
def test_a_time_outside_the_years_1_to_9999_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text, NOW)


def test_a_long_text_is_not_repeated_whole_in_the_error() -> None:
    with pytest.raises(ValueError) as caught:
        parse_time("x" * 10_000, NOW)
    assert len(str(caught.value)) < 300


@settings(deadline=None)
@given(st.integers(FIRST, LAST))
def test_a_written_time_reads_as_the_same(at: int) -> None:
    assert parse_time(format_time(at), NOW) == at


@settings(deadline=None)
@given(st.lists(st.integers(FIRST, LAST), min_size=2, max_size=5))
def test_written_times_sort_as_the_times_do(times: list[int]) -> None:
    assert sorted(map(format_time, times)) == list(map(format_time, sorted(times)))


@settings(deadline=None)
@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_any_offset_names_the_same_moment(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=UTC)
    there = aware.astimezone(fixed(timedelta(minutes=minutes)))
    assert parse_rfc3339(there.isoformat()) == aware


@settings(deadline=None)
@given(st.dates())
def test_a_date_is_its_start_in_utc(day: date) -> None:
    assert parse_date_or_time(day.isoformat()) == datetime(day.year, day.month, day.day, tzinfo=UTC)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_reading_any_text_as_a_time_succeeds_or_says_why_not(text: str) -> None:
    try:
        at = parse_time(text, NOW)
    except ValueError as error:
        message = str(error)
    else:
        message = format_time(at)
    assert message


def test_the_clock_tells_milliseconds() -> None:
    assert parse_time("2024-01-01", 0) < Clock().now() < parse_time("2200-01-01", 0)
