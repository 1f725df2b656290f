"""examples/cron: its lines run as cron runs them, and systemd takes its units."""

import configparser
import os
import re
import shutil
import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.program import PROGRAM
from tests.support.workflow import Runner, Workflow

EXAMPLE = ROOT / "examples" / "cron"
CRON = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "nobody"}  # crontab(5), less HOME


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "usage"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".ingestlayer"))
    (root / "usage.csv").touch()
    return root


def lines(root: Path) -> list[str]:
    """Return the commands of the crontab, with the paths of this machine."""
    found = re.findall(r"^(?:\S+ +){5}(/.*)$", (EXAMPLE / "crontab").read_text(), re.MULTILINE)
    return [
        line.replace("/opt/ingestlayer/bin/ingestlayer", PROGRAM).replace("/srv/usage", str(root)) for line in found
    ]


def cron(line: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a line as cron does: no terminal, next to no environment, files for its user alone."""
    words = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in {**CRON, **(env or {})}.items())]
    return subprocess.run(
        [*words, "/bin/sh", "-c", f"umask 077; {line}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
    )


def events(root: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(f"file:{root}/.ingestlayer/store.db?mode=ro", uri=True)
    try:
        return connection.execute("SELECT type, key FROM events ORDER BY seq").fetchall()
    finally:
        connection.close()


def test_the_crontab_has_a_check_a_deliver_and_a_prune(root: Path) -> None:
    assert [line.split()[3] for line in lines(root)] == ["check", "deliver", "store"]


def test_the_line_of_the_check_run_three_times_is_one_alert_each(root: Path) -> None:
    for _ in range(3):
        done = cron(lines(root)[0])
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(events(root)) == 2
    assert len((root / "check.log").read_text().splitlines()) == 9


@pytest.mark.parametrize(
    "env", [{}, {"LC_ALL": "C"}, {"LANG": "C", "TZ": "America/New_York"}, {"LC_ALL": "POSIX", "HOME": "/nonexistent"}]
)
def test_locale_time_zone_and_home_make_no_difference(root: Path, env: dict[str, str]) -> None:
    text = (root / "usage.csv").read_text().replace("acme", "Büro-日本")
    (root / "usage.csv").write_text(text, encoding="utf-8")
    for _ in range(2):
        done = cron(lines(root)[0].replace(" -q", ""), env)
        assert done.returncode == 0, done
        assert "Büro-日本" in done.stdout
    assert len(events(root)) == 2


def test_what_cron_writes_is_for_its_user_alone(root: Path) -> None:
    cron(lines(root)[0])
    for path in (root / "check.log", root / ".ingestlayer", *(root / ".ingestlayer").iterdir()):
        assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path


def test_an_export_that_fails_is_mailed(root: Path) -> None:
    cron(lines(root)[0])
    (root / "usage.csv").unlink()
    done = cron(lines(root)[0])
    assert done.returncode == 75
    assert done.stderr.startswith("error: plan-limits: usage.csv cannot be read")


def test_lines_that_overlap_are_one_alert_each(root: Path) -> None:
    line = lines(root)[0]
    done = cron(" & ".join([line] * 5) + "; wait")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(events(root)) == 2


@pytest.mark.parametrize("name", ["crontab", "systemd/ingestlayer-deliver.service", "github/usage.yml"])
def test_every_schedule_delivers(name: str) -> None:
    assert re.search(r"^[^#\n]*ingestlayer\b.* deliver\b", (EXAMPLE / name).read_text(), re.MULTILINE)


# systemd --------------------------------------------------------------------------------------------------

UNITS = EXAMPLE / "systemd"
NAMES = ["check", "deliver"]
analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def unit(name: str) -> dict[str, dict[str, str]]:
    """Return the sections of a unit."""
    parser = configparser.ConfigParser(strict=True, interpolation=None, comment_prefixes="#", delimiters="=")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((UNITS / name).read_text())
    return {section: dict(parser[section]) for section in parser.sections()}


@analyze
def test_systemd_takes_the_units() -> None:
    units = sorted(map(str, UNITS.iterdir()))
    assert len(units) == 4
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@analyze
@pytest.mark.parametrize("name", NAMES)
def test_systemd_reads_the_calendars_of_the_timers(name: str) -> None:
    calendar = unit(f"ingestlayer-{name}.timer")["Timer"]["OnCalendar"]
    done = subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, text=True)
    assert "Next elapse" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_timer_starts_a_service_that_runs_once(name: str) -> None:
    assert unit(f"ingestlayer-{name}.timer")["Install"] == {"WantedBy": "timers.target"}
    service = unit(f"ingestlayer-{name}.service")["Service"]
    assert (service["Type"], service["SuccessExitStatus"]) == ("oneshot", "75")


def test_both_services_may_do_the_same() -> None:
    check, deliver = (unit(f"ingestlayer-{name}.service")["Service"] for name in NAMES)
    assert {name for name in check if check[name] != deliver.get(name)} == {"ExecStart", "TimeoutStartSec"}


def test_the_commands_of_the_services_run(root: Path) -> None:
    for name in NAMES:
        command = unit(f"ingestlayer-{name}.service")["Service"]["ExecStart"].replace("/srv/usage", str(root))
        done = cron(command, {"PATH": f"{Path(PROGRAM).parent}:/usr/bin:/bin"})
        assert (done.returncode, done.stderr) == (0, ""), done
    assert len(events(root)) == 2


# GitHub ---------------------------------------------------------------------------------------------------


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(Workflow(EXAMPLE / "github" / "usage.yml"), tmp_path / "tools")


def checkout(tmp_path: Path, name: str) -> Path:
    """Return the project as a run of the workflow gets it: without a store."""
    root = tmp_path / name
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".ingestlayer"))
    (root / "usage.csv").touch()
    return root


def test_a_workflow_tells_each_crossing_once_however_often_it_runs(runner: Runner, tmp_path: Path) -> None:
    roots = [checkout(tmp_path, name) for name in ("first", "second")]
    for root in roots:
        done = runner.run(root)
        assert [(step.name, step.code) for step in done] == [("install", 0), ("check", 0), ("deliver", 0)], done
    assert [len(events(root)) for root in roots] == [2, 2]


def test_a_run_that_is_red_keeps_what_it_told(runner: Runner, tmp_path: Path) -> None:
    red = checkout(tmp_path, "red")
    with (red / "ingestlayer.toml").open("a") as file:
        file.write(GONE)
    done = runner.run(red)
    assert [(step.name, step.code) for step in done] == [("install", 0), ("check", 75), ("deliver", 0)], done
    assert len(events(red)) == 2
    after = checkout(tmp_path, "after")
    assert [step.code for step in runner.run(after)] == [0, 0, 0]
    assert len(events(after)) == 2


GONE = """
[checks.gone]
source = "gone.csv"
key = ["customer_id"]
value = "used / limit"
levels = [1]
emit = "usage.limit_reached"
"""


def test_what_is_installed_can_be(runner: Runner, tmp_path: Path) -> None:
    runner.run(checkout(tmp_path, "project"))
    (asked,) = runner.installed
    assert re.fullmatch(r"install git\+https://\S+@\S+", asked)
    assert 'name = "ingestlayer-cli"' in (ROOT / "pyproject.toml").read_text()
