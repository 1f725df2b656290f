"""A pipeline's tests say when its messages go, and how many are one."""

from pathlib import Path

import pytest

from tests.support.pipe import Pipe

HOURS = '[hours.business]\ndays = "mon-fri"\nfrom = "09:00"\nto = "18:00"\ntimezone = "Europe/Berlin"\n'
EVENT = '[[tests]]\nname = "t"\nevent = { type = "usage", payload = { customer_id = "a" } }\n'
BEFORE = 'before = [{ type = "usage", timestamp = "2026-11-06T16:50:00Z", payload = { customer_id = "b" } }]\n'
FRIDAY = "2026-11-06T17:00:00Z"
MONDAY = "2026-11-09T09:00:00+01:00"


def came_out(pipe: Pipe, destination: str, expect: str, before: str = "", now: str = FRIDAY) -> list[str]:
    pipe.write("ingestlayer.toml", HOURS)
    pipe.steps("", destination=destination, says="x", tests=f'{EVENT}now = "{now}"\n{before}expect = {{ {expect} }}\n')
    (found,) = pipe.tested()
    return found


@pytest.mark.parametrize(
    ("destination", "now", "until"),
    [
        ('hours = "business"', FRIDAY, MONDAY),
        ('hours = "business"', "2026-11-06T16:59:59Z", "now"),
        ('digest = { window = "15m" }', FRIDAY, "2026-11-06T17:15:00Z"),
        ('digest = { window = "run" }', FRIDAY, "now"),
        ('digest = { at = "09:00" }', FRIDAY, "2026-11-07T09:00:00Z"),
        ('hours = "business"\ndigest = { window = "15m" }', "2026-11-06T16:50:00Z", MONDAY),
        ("", FRIDAY, "now"),
    ],
)
def test_until_when_a_message_waits(tmp_path: Path, destination: str, now: str, until: str) -> None:
    pipe = Pipe(tmp_path)
    assert came_out(pipe, destination, f'waits_until = "{until}"', now=now) == []
    (found,) = came_out(pipe, destination, 'waits_until = "2026-11-06T18:30:00Z"', now=now)
    assert found.startswith("waits_until: ")


@pytest.mark.parametrize(
    ("destination", "count", "until"),
    [
        ('digest = { window = "15m" }', 2, "2026-11-06T17:05:00Z"),  # as long as the first one's
        ('digest = { window = "10m" }', 1, "2026-11-06T17:10:00Z"),
        ('digest = { window = "1h", key = "$event.customer_id" }', 1, "2026-11-06T18:00:00Z"),
        ('hours = "business"\ndigest = { window = "15m" }', 2, MONDAY),
        ('hours = "business"', 1, MONDAY),
    ],
)
def test_how_many_are_one(tmp_path: Path, destination: str, count: int, until: str) -> None:
    pipe = Pipe(tmp_path)
    expect = f'in_one = {count}, waits_until = "{until}"'
    assert came_out(pipe, destination, expect, BEFORE) == []
    assert came_out(pipe, destination, "in_one = 7", BEFORE) == [f"in_one: {count}"]


def test_what_is_no_time_is_told(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path)
    pipe.steps("", says="x", tests=EVENT + 'expect = { waits_until = "monday" }\n')
    assert "monday" in " ".join(pipe.found())
