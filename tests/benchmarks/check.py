"""How long a cold `check` of 10,000 rows takes when nothing is new, as a ratio to `python -c pass`.

`python -m tests.benchmarks.check [ROWS]`; one row in fifty is at a level and known. `… memory [ROWS]`: the peak memory
of a `check` of 1,000,000 rows of which two in seven are at a level and known, each with a limit of its own.
"""

import sys
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

from .scale import run
from .tools import SCRIPT, compile_all, example, interleaved, spawn

RUNS = 30
ROWS = 10_000
CHECK = """
[checks.usage]
source = "usage.{form}"
value = "used / limit"
levels = [0.8, 1.0]
period = "month"
key = ["customer_id", "metric"]
emit = "usage.limit_reached"
"""


Row = Callable[[int], tuple[str, str, int, int, str]]


def row(number: int) -> tuple[str, str, int, int, str]:
    """Return one row; its ratio is below 0.75, or for one in fifty 0.9."""
    used = 9_000 if number % 50 == 0 else number * 7_919 % 7_500
    return f"customer-{number:06}", "api-calls", 10_000, used, "pro"


def write_usage(folder: Path, rows: int, row: Row = row) -> None:
    names = ("customer_id", "metric", "limit", "used", "plan")
    with (folder / "usage.csv").open("w") as file:  # in no more memory than what is measured
        file.write(",".join(names) + "\n")
        file.writelines(",".join(map(str, row(number))) + "\n" for number in range(rows))


def known_row(number: int) -> tuple[str, str, int, int, str]:
    """Return one row of those of which two in seven are at a level; no two have the same limit."""
    limit = 10_000 + number
    return f"customer-{number:07}", "api-calls", limit, limit if number % 7 in (0, 3) else number % 7_500, "pro"


def memory(rows: int) -> None:
    with example("usage-limits") as folder:
        write_usage(folder, rows, known_row)
        settings = folder / "ingestlayer.toml"
        settings.write_text(settings.read_text() + CHECK.format(form="csv"))
        time.sleep(3)  # a file that was just written may be one that is being written
        command = [SCRIPT, "-C", str(folder), "check", "usage", "-q", "--no-deliver"]
        run([*command, "--baseline"])
        took, peak = run(command)
    print(f"check of {rows:,} rows, {-(-rows * 2 // 7):,} known: {took:.1f} s, {peak:.0f} MB")


def main() -> None:
    if sys.argv[1:2] == ["memory"]:
        memory(int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    compile_all()
    with example("usage-limits") as folder:
        write_usage(folder, rows)
        settings = folder / "ingestlayer.toml"
        settings.write_text(settings.read_text() + CHECK.format(form="csv"))
        time.sleep(0.1)  # a file that was just written is not cached
        command = [SCRIPT, "-C", str(folder), "check", "usage", "-q", "--no-deliver"]
        spawn(command)  # what is known from now on
        commands: dict[str, Iterator[list[str]]] = {
            "python -c pass": repeat([sys.executable, "-c", "pass"]),
            f"check of {rows:,} rows": repeat(command),
        }
        medians = interleaved(commands, RUNS)
    reference = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:28} {median * 1000:7.1f} ms  {median / reference:5.2f}×")


if __name__ == "__main__":
    main()
