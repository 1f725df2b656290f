"""How long a cold `check` of 10,000 rows takes when nothing is new, as a ratio to `python -c pass`.

`python -m tests.benchmarks.check [ROWS]`; one row in fifty is at a level and known.
"""

import sys
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

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


def row(number: int) -> tuple[str, str, int, int, str]:
    """Return one row; its ratio is below 0.75, or for one in fifty 0.9."""
    used = 9_000 if number % 50 == 0 else number * 7_919 % 7_500
    return f"customer-{number:06}", "api-calls", 10_000, used, "pro"


def write_usage(folder: Path, rows: int) -> None:
    names = ("customer_id", "metric", "limit", "used", "plan")
    lines = [",".join(names), *(",".join(map(str, row(number))) for number in range(rows))]
    (folder / "usage.csv").write_text("\n".join(lines) + "\n")


def main() -> None:
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
