"""Runs that overlap: one alert, and what a later run has read is not undone by an earlier one."""

import os
import threading
from pathlib import Path

import pytest

from ingestlayer_cli.checks.run import CheckOptions, check
from ingestlayer_cli.engine.runtime import Runtime
from tests.support.checks import Checked, table
from tests.support.program import environment, ran_at_once

MORE = [(f"c{number}", 1, 100) for number in range(999)]


@pytest.fixture(params=["sqlite", "postgres"])
def checked_on(request: pytest.FixtureRequest, checked: Checked) -> Checked:
    """The project of a check, with its store in each engine."""
    if request.param == "postgres":
        place = str(request.getfixturevalue("postgres"))
        checked.share(os.environ["DATABASE_URL"], place.partition("#")[2])
    return checked


def test_sixteen_runs_at_once_are_one_alert_each(checked_on: Checked) -> None:
    checked_on.csv(*((f"c{number}", 9, 10) for number in range(50)))
    results = ran_at_once([("check", "-q", "--no-deliver")] * 16, checked_on.root, environment())
    assert [(result.code, result.err) for result in results] == [(0, "")] * 16
    assert len(checked_on.keys) == len(set(checked_on.keys)) == 50


def test_a_run_that_was_overtaken_does_not_arm_again_what_the_later_one_told(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more='period = "month"\ncommand = ["cat", "usage.csv"]', source=""))
    checked.csv(("acme", 85, 100))
    checked.run()
    read = _Gate()
    checked.csv(("acme", 10, 100), *MORE)  # what the slow run reads
    slow = threading.Thread(target=_run, args=(checked, read))
    slow.start()
    read.reached.wait(10)
    checked.csv(("acme", 120, 100))
    assert checked.crossed() == [("acme", 1)]
    read.go.set()
    slow.join()
    assert checked.crossed() == []
    assert len(checked.keys) == 2


def test_a_run_that_was_overtaken_does_not_bring_an_old_limit_back(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more='period = "month"\ncommand = ["cat", "usage.csv"]', source=""))
    checked.csv(("acme", 85, 100))
    checked.run()
    read = _Gate()
    slow = threading.Thread(target=_run, args=(checked, read))
    checked.csv(("acme", 100, 100), *MORE)
    slow.start()
    read.reached.wait(10)
    checked.csv(("acme", 170, 200))
    assert checked.crossed() == [("acme", 0.8)]
    read.go.set()
    slow.join()  # it saw level 1 of the old limit: that is told
    assert checked.crossed() == []


def test_a_run_that_was_overtaken_does_not_tell_again_what_it_knew_and_the_later_one_armed(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more='period = "month"\ncommand = ["cat", "usage.csv"]', source=""))
    checked.csv(("acme", 85, 100), *MORE)
    checked.run()
    read = _Gate()
    slow = threading.Thread(target=_run, args=(checked, read))
    slow.start()
    read.reached.wait(10)
    checked.csv(("acme", 85, 200))  # another limit arms its level again
    assert checked.crossed() == []
    read.go.set()
    slow.join()
    assert len(checked.keys) == 1


class _Gate:
    """Stops a run after it has read its thousandth row, before its transaction."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go = threading.Event()


def _run(checked: Checked, gate: _Gate) -> None:
    def progress(_: int) -> None:
        gate.reached.set()
        gate.go.wait(10)

    with Runtime(checked.project, checked.clock) as runtime:
        check(runtime, checked.project.checks["api"], CheckOptions(deliver=False, progress=progress))
