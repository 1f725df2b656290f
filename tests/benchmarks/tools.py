"""Shared by the benchmarks: timing whole processes, and a copy of an example to run them in."""

import compileall
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ingestlayer_cli

ROOT = Path(__file__).parents[2]
SCRIPT = str(Path(sys.executable).parent / "ingestlayer")


def compile_all() -> None:
    """Compile the package and what it imports: a first start is not what cron sees."""
    compileall.compile_dir(str(Path(ingestlayer_cli.__file__).parent), quiet=2)
    for folder in sys.path:
        if folder.endswith("site-packages"):
            compileall.compile_dir(folder, quiet=2)


def spawn(command: list[str]) -> float:
    """Run a command to its end, output thrown away; return its wall time in seconds."""
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=null)
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{command} answered {os.waitstatus_to_exitcode(status)}")
    return took


def interleaved(commands: dict[str, Iterator[list[str]]], runs: int) -> dict[str, float]:
    """Run the commands in turn, so that a drift of the machine meets all of them; return their medians."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(runs + 1):
        for name, lines in commands.items():
            took = spawn(next(lines))
            if run:  # the first is a warm-up
                times[name].append(took)
    return {name: statistics.median(taken) for name, taken in times.items()}


@contextmanager
def example(name: str) -> Iterator[Path]:
    """Yield a fresh copy of an example project in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / name
        shutil.copytree(ROOT / "examples" / name, copy, ignore=shutil.ignore_patterns(".ingestlayer"))
        yield copy
