"""examples/cron: its lines run as cron runs them, and systemd takes its units."""

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

EXAMPLE = ROOT / "examples" / "cron"
CRON = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "nobody"}  # crontab(5), less HOME


@pytest.fixture
def project(tmp_path: Path) -> Path:
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


def test_the_crontab_has_a_check_a_deliver_and_a_prune(project: Path) -> None:
    assert [line.split()[3] for line in lines(project)] == ["check", "deliver", "store"]


def test_the_line_of_the_check_run_three_times_is_one_alert_each(project: Path) -> None:
    for _ in range(3):
        done = cron(lines(project)[0])
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(events(project)) == 2
    assert len((project / "check.log").read_text().splitlines()) == 9


@pytest.mark.parametrize(
    "env", [{}, {"LC_ALL": "C"}, {"LANG": "C", "TZ": "America/New_York"}, {"LC_ALL": "POSIX", "HOME": "/nonexistent"}]
)
def test_locale_time_zone_and_home_make_no_difference(project: Path, env: dict[str, str]) -> None:
    text = (project / "usage.csv").read_text().replace("acme", "Büro-日本")
    (project / "usage.csv").write_text(text, encoding="utf-8")
    for _ in range(2):
        done = cron(lines(project)[0].replace(" -q", ""), env)
        assert done.returncode == 0, done
        assert "Büro-日本" in done.stdout
    assert len(events(project)) == 2


def test_every_line_runs(project: Path) -> None:
    for line in lines(project):
        done = cron(line)
        assert (done.returncode, done.stderr) == (0, ""), line


def test_what_cron_writes_is_for_its_user_alone(project: Path) -> None:
    cron(lines(project)[0])
    for path in (project / "check.log", project / ".ingestlayer", *(project / ".ingestlayer").iterdir()):
        assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path


def test_an_export_that_fails_is_mailed(project: Path) -> None:
    cron(lines(project)[0])
    (project / "usage.csv").unlink()
    done = cron(lines(project)[0])
    assert done.returncode == 75
    assert done.stderr.startswith("error: plan-limits: usage.csv cannot be read")


def test_lines_that_overlap_are_one_alert_each(project: Path) -> None:
    line = lines(project)[0]
    done = cron(" & ".join([line] * 5) + "; wait")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(events(project)) == 2


@pytest.mark.parametrize("name", ["crontab", "systemd/ingestlayer-check.service", "github/usage.yml"])
def test_every_schedule_delivers(name: str) -> None:
    assert re.search(r"^[^#\n]*ingestlayer\b.* deliver\b", (EXAMPLE / name).read_text(), re.MULTILINE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_units() -> None:
    units = sorted(map(str, (EXAMPLE / "systemd").iterdir()))
    assert len(units) == 2
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_reads_the_calendar_of_the_timer() -> None:
    (calendar,) = re.findall(r"^OnCalendar=(.*)$", (EXAMPLE / "systemd" / "ingestlayer-check.timer").read_text(), re.M)
    done = subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, text=True)
    assert "Next elapse" in done.stdout


def test_the_commands_of_the_service_and_of_the_workflow_run(project: Path) -> None:
    service = (EXAMPLE / "systemd" / "ingestlayer-check.service").read_text()
    workflow = (EXAMPLE / "github" / "usage.yml").read_text()
    (start,) = re.findall(r"^ExecStart=/usr/bin/env (.*)$", service, re.MULTILINE)
    (stop,) = re.findall(r"^ExecStopPost=/usr/bin/env (.*)$", service, re.MULTILINE)
    jobs = re.findall(r"^ +(?:- )?run: (ingestlayer .*)$", workflow, re.MULTILINE)
    for command in (start, stop, *(f"cd {project} && {job}" for job in jobs)):
        line = command.replace("/srv/usage", str(project))
        done = cron(line, {"PATH": f"{Path(PROGRAM).parent}:/usr/bin:/bin"})
        assert (done.returncode, done.stderr.removesuffix("nothing is due\n")) == (0, ""), done
    assert len(events(project)) == 2
