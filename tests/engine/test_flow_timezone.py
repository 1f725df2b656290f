"""What day, month and hour mean is the team's: in keys, periods, windows and messages."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.project import load
from ingestlayer_cli.system.clock import format_time
from ingestlayer_cli.system.errors import ProjectError
from tests.support.bench import Bench
from tests.support.checks import Checked, table
from tests.support.clock import at
from tests.support.folder import Folder
from tests.support.pipe import Pipe

LOS_ANGELES = 'timezone = "America/Los_Angeles"\n'
BERLIN = 'timezone = "Europe/Berlin"\n'
CROSSING = """
[[steps]]
use = "crossing"
value = "$event.used / $event.limit"
levels = [0.8, 1]
key = "$event.customer_id"
period = "month"
"""
THROTTLE = """
[[steps]]
use = "throttle"
key = "$event.customer_id"
max = 1
window = "1d"
"""


def zoned(pipe: Pipe, zone: str) -> Pipe:
    pipe.write("ingestlayer.toml", zone + (pipe.root / "ingestlayer.toml").read_text())
    return pipe


def usage(pipe: Pipe, time: str, used: int = 90) -> str:
    return pipe.outcome(time, customer_id="acme", used=used, limit=100)


# Steps


def test_a_billing_month_is_told_once_in_the_zone_that_bills(pipe: Pipe) -> None:
    zoned(pipe, LOS_ANGELES).steps(CROSSING)
    assert usage(pipe, "2026-10-31T20:00:00Z") == "queued"
    assert usage(pipe, "2026-11-01T00:07:00Z") == "dropped"  # still October there
    assert usage(pipe, "2026-11-01T06:59:59Z") == "dropped"
    assert usage(pipe, "2026-11-01T07:00:00Z") == "queued"


def test_a_step_has_a_zone_of_its_own(pipe: Pipe) -> None:
    zoned(pipe, BERLIN).steps(CROSSING + LOS_ANGELES)
    assert usage(pipe, "2026-10-31T23:30:00Z") == "queued"
    assert usage(pipe, "2026-11-01T06:30:00Z") == "dropped"


def test_no_level_is_told_again_when_the_project_gets_a_zone(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert usage(pipe, "2026-11-01T01:00:00Z") == "queued"
    zoned(pipe, LOS_ANGELES)
    assert usage(pipe, "2026-11-01T02:00:00Z") == "dropped"  # October there, and told
    assert usage(pipe, "2026-11-01T08:00:00Z") == "dropped"


@pytest.mark.parametrize(
    ("period", "before", "then", "again"),
    [
        ("month", "2026-11-01T04:00:00Z", "2026-11-01T06:00:00Z", "2026-12-01T08:00:00Z"),
        ("day", "2026-11-05T04:00:00Z", "2026-11-05T06:00:00Z", "2026-11-06T08:00:00Z"),
        ("week", "2026-11-09T04:00:00Z", "2026-11-09T06:00:00Z", "2026-11-16T08:00:00Z"),
        ("hour", "2026-11-05T12:05:00Z", "2026-11-05T12:35:00Z", "2026-11-05T13:05:00Z"),
    ],
)
def test_no_level_is_told_again_when_the_zone_becomes_another(
    period: str, before: str, then: str, again: str, pipe: Pipe
) -> None:
    zoned(pipe, BERLIN).steps(CROSSING.replace("month", period))
    assert usage(pipe, before) == "queued"
    pipe.write("ingestlayer.toml", (pipe.root / "ingestlayer.toml").read_text().replace(BERLIN, LOS_ANGELES))
    assert usage(pipe, then) == "dropped"
    assert usage(pipe, again) == "queued"


def test_the_hour_of_another_zone_that_is_called_the_same_is_another(pipe: Pipe) -> None:
    zoned(pipe, BERLIN).steps(CROSSING.replace("month", "hour"))
    assert usage(pipe, "2026-11-05T03:05:00Z") == "queued"  # four o'clock
    pipe.write("ingestlayer.toml", (pipe.root / "ingestlayer.toml").read_text().replace(BERLIN, LOS_ANGELES))
    assert usage(pipe, "2026-11-05T12:05:00Z") == "queued"  # four o'clock there


def test_a_daily_window_is_the_day_there_also_when_the_clock_is_put_back(pipe: Pipe) -> None:
    zoned(pipe, BERLIN).steps(THROTTLE)
    assert usage(pipe, "2026-10-24T22:00:00Z") == "queued"  # midnight
    assert usage(pipe, "2026-10-25T22:59:59Z") == "dropped"  # 25 hours later it is still the 25th
    assert usage(pipe, "2026-10-25T23:00:00Z") == "queued"


def test_what_is_delayed_goes_at_the_next_midnight_there(pipe: Pipe) -> None:
    zoned(pipe, BERLIN).steps(THROTTLE + 'mode = "delay"\n')
    pipe.clock.at = at("2026-10-25T10:00:00Z")
    for _ in range(3):
        usage(pipe, "2026-10-25T10:00:00Z")
    due = [format_time(when)[:16] for (when,) in pipe.select("SELECT due_at FROM deliveries ORDER BY seq")]
    assert due == ["2026-10-25T10:00", "2026-10-25T23:00", "2026-10-26T23:00"]


# Keys and messages


def test_the_month_of_a_key_is_that_of_the_zone(tmp_path: Path) -> None:
    project = Folder(tmp_path)
    project.write("ingestlayer.toml", LOS_ANGELES)
    project.declare("hit", '[fields]\nwho = "string"\n[idempotency]\nkey = "$event.who:${event.received_at | month}"\n')
    project.listen("hit")
    document = project.here("emit", "hit", "who=acme", "--timestamp", "2026-11-01T00:07:00Z", "--no-deliver", "--json")
    assert document.json["event"]["idempotency_key"] == "acme:2026-10"


def body(bench: Bench, message: str, zone: str = "", **payload: Any) -> Any:
    bench.write("ingestlayer.toml", zone + (bench.root / "ingestlayer.toml").read_text())
    bench.message(message)
    bench.emit(payload, "--timestamp", "2026-07-03T22:30:00Z")
    return bench.only.body


def test_a_time_is_shown_to_each_reader_in_their_own_zone(bench: Bench) -> None:
    text = 'text = "at ${event.received_at | datetime}, <https://a.example|see>"'
    found = body(bench, f'title = "T ${{event.received_at | datetime}}"\n{text}', BERLIN, customer_id="acme")
    header, section, context = found["blocks"]
    time = "<!date^1783117800^{date_num} {time}|2026-07-04 00:30 CEST>"
    assert section["text"]["text"] == f"at {time}, <https://a.example|see>"
    assert f" · {time} · " in context["elements"][0]["text"]
    # Slack puts no times into plain texts and notifications.
    assert header["text"]["text"] == "T 2026-07-04 00:30 CEST"
    assert found["text"].startswith("T 2026-07-04 00:30 CEST: at 2026-07-04 00:30 CEST, ")


def test_a_day_alone_is_the_same_day_everywhere(bench: Bench) -> None:
    text = 'text = "${event.due | date} ${event.due | month} ${event.received_at | day} ${event.received_at | hour}"'
    section = body(bench, f'title = "T"\n{text}', LOS_ANGELES, due="2026-11-01")["blocks"][1]
    assert section["text"]["text"] == "2026-11-01 2026-11 2026-07-03 2026-07-03T15"


def test_a_preview_shows_the_zone_of_the_project(bench: Bench) -> None:
    bench.write("ingestlayer.toml", BERLIN + (bench.root / "ingestlayer.toml").read_text())
    bench.message('title = "T"\ntext = "at ${event.received_at | datetime}"')
    said = bench.run("preview", "usage.limit_reached", "customer_id=acme", "--timestamp", "2026-07-03T22:30:00Z").out
    assert "at 2026-07-04 00:30 CEST" in said
    assert "alert · 2026-07-04 00:30 CEST" in said
    assert "!date" not in said


def test_a_text_of_an_event_is_no_time_whatever_it_says(bench: Bench) -> None:
    found = body(bench, 'title = "T"\ntext = "$event.v"', v="<!date^1^{date}|now>")
    assert found["blocks"][1]["text"]["text"] == "&lt;!date^1^{date}|now&gt;"


# Checks


@pytest.mark.parametrize("zone", [LOS_ANGELES, ""])
def test_the_period_of_a_check_is_the_projects_or_its_own(tmp_path: Path, zone: str) -> None:
    own = "" if zone else LOS_ANGELES
    checked = Checked(tmp_path, zone + table(more=f'period = "month"\n{own}'))
    checked.clock.at = at("2026-10-31T12:00:00Z")
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    checked.clock.at = at("2026-11-01T00:07:00Z")
    assert checked.crossed() == []
    checked.clock.at = at("2026-11-01T07:07:00Z")
    assert checked.crossed() == [("acme", 0.8)]
    assert checked.keys == ["api:acme:0.8:2026-10", "api:acme:0.8:2026-11"]


def test_a_check_tells_no_level_again_when_the_project_gets_a_zone(tmp_path: Path) -> None:
    checked = Checked(tmp_path)
    checked.clock.at = at("2026-11-01T01:00:00Z")
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    checked.tables(LOS_ANGELES + table())
    for time in ("2026-11-01T02:00:00Z", "2026-11-01T08:00:00Z", "2026-11-20T08:00:00Z"):
        checked.clock.at = at(time)
        assert checked.crossed() == []


@pytest.mark.parametrize("period", ["month", "day", "hour"])
def test_a_check_tells_no_level_again_when_the_zone_becomes_another(period: str, tmp_path: Path) -> None:
    own = table(more=f'period = "{period}"\n')
    checked = Checked(tmp_path, BERLIN + own)
    checked.clock.at = at("2026-11-01T04:05:00Z")
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    checked.tables(LOS_ANGELES + own)
    checked.clock.at = at("2026-11-01T04:35:00Z")
    assert checked.crossed() == []


# The file


@pytest.mark.parametrize("where", ["top", "check"])
def test_a_zone_that_there_is_not_is_named_at_its_place(tmp_path: Path, where: str) -> None:
    wrong = 'timezone = "Europe/Berlim"\n'
    checked = Checked(tmp_path, wrong + table() if where == "top" else table(more=f'period = "month"\n{wrong}'))
    with pytest.raises(ProjectError) as refused:
        load(str(checked.root))
    (problem,) = refused.value.details
    line = 1 + (checked.root / "ingestlayer.toml").read_text().split(wrong)[0].count("\n")
    assert problem.path == f"ingestlayer.toml:{line}:13"
    assert 'did you mean "Europe/Berlin"?' in problem.problem


def test_what_is_compiled_without_a_zone_has_none(pipe: Pipe) -> None:
    pipe.steps(CROSSING)
    assert "timezone" not in json.dumps(pipe.project().pipelines)
