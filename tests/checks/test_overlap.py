"""Runs that overlap: one alert, and what a later run has read is not undone by an earlier one."""

import threading
from pathlib import Path

from ingestlayer_cli.checks.run import Options, check
from ingestlayer_cli.engine.runtime import Runtime
from tests.cli.support import start

from .support import Bench, table

MORE = [(f"c{number}", 1, 100) for number in range(999)]


def test_eight_runs_at_once_are_one_alert_each(bench: Bench) -> None:
    bench.csv(*((f"c{number}", 9, 10) for number in range(50)))
    running = [start("check", "-q", "--no-deliver", cwd=bench.root) for _ in range(8)]
    for process in running:
        _, complaints = process.communicate(timeout=60)
        assert (process.returncode, complaints) == (0, b"")
    assert len(bench.keys) == len(set(bench.keys)) == 50


def test_a_run_that_was_overtaken_does_not_arm_again_what_the_later_one_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path, table(more='period = "month"\ncommand = ["cat", "usage.csv"]', source=""))
    bench.csv(("acme", 85, 100))
    bench.run()
    read = _Gate()
    bench.csv(("acme", 10, 100), *MORE)  # what the slow run reads
    slow = threading.Thread(target=_run, args=(bench, read))
    slow.start()
    read.reached.wait(10)
    bench.csv(("acme", 120, 100))
    assert bench.crossed() == [("acme", 1)]
    read.go.set()
    slow.join()
    assert bench.crossed() == []
    assert len(bench.keys) == 2


def test_a_run_that_was_overtaken_does_not_bring_an_old_limit_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path, table(more='period = "month"\ncommand = ["cat", "usage.csv"]', source=""))
    bench.csv(("acme", 85, 100))
    bench.run()
    read = _Gate()
    slow = threading.Thread(target=_run, args=(bench, read))
    bench.csv(("acme", 100, 100), *MORE)
    slow.start()
    read.reached.wait(10)
    bench.csv(("acme", 170, 200))
    assert bench.crossed() == [("acme", 0.8)]
    read.go.set()
    slow.join()  # it saw level 1 of the old limit: that is told
    assert bench.crossed() == []


class _Gate:
    """Stops a run after it has read its thousandth row, before its transaction."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go = threading.Event()


def _run(bench: Bench, gate: _Gate) -> None:
    def progress(_: int) -> None:
        gate.reached.set()
        gate.go.wait(10)

    with Runtime(bench.project, bench.clock) as runtime:
        check(runtime, bench.project.checks["api"], Options(deliver=False, progress=progress))
