"""Every benchmark, one after the other: python -m tests.benchmarks [NAME ...]

Each is a module of its own with sizes as arguments, `keys:20000`; without them they are the usual ones. Figures are
ratios to a reference that is measured in the same run: a `python -c pass`, a bare loop, a new store. With `--beside`
another checkout does each as well, right after this one.
"""

import os
import re
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator

# `month`, `crash`, `ordeal` and `outbox` take many minutes when they are whole.
BENCHMARKS: dict[str, list[str]] = {
    "startup": [],
    "check": [],
    "events": ["200000"],
    "batch": [],
    "indexes": ["20000", "5"],
    "scale": [],
    "steps": [],
    "ingest": [],
    "keys": [],
    "prune": ["200000"],
    "backtest": [],
    "outbox": ["500", "100000"],
    "entities": [],
    "entities_import": [],
    "serve": [],
    "serve_crash": ["2000", "64", "10"],
    "month": ["5000", "72"],
    "crash": ["100"],
    "postgres": [],
    "postgres_restarts": ["10", "500"],
    "ordeal": ["100"],
    "messages": ["100"],
}


NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
SAME = 24  # characters at the start of two lines by which they tell of the same


def shape(line: str) -> str:
    """Return what a line tells of, without its figures."""
    return " ".join(NUMBER.sub("#", line).split())[:SAME]


def compared(here: list[str], there: list[str]) -> Iterator[str]:
    """Yield each line, and below it its figures as parts of those of the line there that tells of the same."""
    left = list(there)
    for line in here:
        yield line
        other = next((other for other in left if shape(other) == shape(line)), None)
        if other is not None:
            left.remove(other)
            pairs = zip(figures(line), figures(other), strict=False)
            if parts := [f"{ours / theirs:.2f}" for ours, theirs in pairs if theirs and ours != theirs]:
                yield f"      {'  '.join(parts)} of what it is beside: {' '.join(other.split())}"


def figures(line: str) -> list[float]:
    return [float(it.replace(",", "")) for it in NUMBER.findall(line)]


def run(name: str, arguments: list[str], folder: str, python: str) -> list[str]:
    """Run a benchmark of a checkout; return its lines."""
    command = [python, "-m", f"tests.benchmarks.{name}", *arguments]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        print(done.stdout, f"it answered {done.returncode} in {folder}", sep="\n", flush=True)
    return [] if done.returncode else done.stdout.splitlines()


def main() -> None:
    parser = ArgumentParser("python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME[:SIZE...]", help="else every one")
    parser.add_argument("--beside", nargs=2, metavar=("CHECKOUT", "PYTHON"), help="another one, and what it runs by")
    parser.add_argument("--rounds", type=int, default=1, help="how often, each time here first and then there")
    given = parser.parse_args()
    failed = []
    for name, *sizes in (it.split(":") for it in given.names or BENCHMARKS):
        if name not in BENCHMARKS:
            sys.exit(f"no such benchmark: {name}; there are {', '.join(BENCHMARKS)}")
        arguments = sizes or BENCHMARKS[name]
        print(f"== {' '.join([name, *arguments])}", flush=True)
        started = time.monotonic()
        for _ in range(given.rounds):
            ours = run(name, arguments, os.getcwd(), sys.executable)
            theirs = run(name, arguments, *given.beside) if given.beside else []
            print(*compared(ours, theirs), sep="\n", flush=True)
            failed += [] if ours and (theirs or not given.beside) else [name]
        print(f"   ({time.monotonic() - started:.0f} s)\n", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
