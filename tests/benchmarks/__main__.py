"""Every benchmark, one after the other: python -m tests.benchmarks [NAME ...]

Each is a module of its own with sizes as arguments; here they run with their usual ones. Figures are ratios to a
reference that is measured in the same run: a `python -c pass`, a bare loop, a new store.
"""

import subprocess
import sys
import time

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


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    failed = []
    for name in names:
        arguments = BENCHMARKS[name]
        print(f"== {' '.join([name, *arguments])}", flush=True)
        started = time.monotonic()
        if subprocess.call([sys.executable, "-m", f"tests.benchmarks.{name}", *arguments]):
            failed.append(name)
        print(f"   ({time.monotonic() - started:.0f} s)\n", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
