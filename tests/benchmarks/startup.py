"""How long cold commands take, as ratios to `python -c pass`: python -m tests.benchmarks.startup"""

import os
import sys
import time
from collections.abc import Iterator
from itertools import count, repeat

from .tools import SCRIPT, compile_all, example, interleaved

RUNS = 30
EVENT = ["--customer", "acme", "--metric", "api-calls", "--limit", "10000", "--used", "10250", "--plan", "pro"]


def emits(project: str) -> Iterator[list[str]]:
    """Each one a new event: declared type, enrich, filter, dedupe, composed message, durable commit."""
    for number in count():
        key = ["--key", f"benchmark:{os.getpid()}:{number}"]
        yield [SCRIPT, "-C", project, "emit", "usage.limit_reached", *EVENT, *key, "--no-deliver", "--json"]


STEPS = """
[[steps]]
use = "filter"
when = "$event.used > 0"
[[steps]]
use = "dedupe"
key = "$event.idempotency_key"
window = "1h"
"""


def main() -> None:
    compile_all()
    with example("usage-limits") as folder:
        project = str(folder)
        pipeline = folder / "pipelines" / "usage-limit-hits.toml"
        head, first, rest = pipeline.read_text().partition("# A blocking limit")
        pipeline.write_text(head + STEPS + first + rest)
        time.sleep(0.1)  # a file that was just written is not cached
        commands: dict[str, Iterator[list[str]]] = {
            "python -c pass": repeat([sys.executable, "-c", "pass"]),
            "python -c 'import typer'": repeat([sys.executable, "-c", "import typer"]),
            "emit --no-deliver --json": emits(project),
            "preview --json": repeat([SCRIPT, "-C", project, "preview", "usage.limit_reached", "--json"]),
            "preview": repeat([SCRIPT, "-C", project, "preview", "usage.limit_reached"]),
            "events list": repeat([SCRIPT, "-C", project, "events", "list"]),
            "--help": repeat([SCRIPT, "--help"]),
        }
        medians = interleaved(commands, RUNS)
    reference = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:28} {median * 1000:7.1f} ms  {median / reference:5.2f}×")


if __name__ == "__main__":
    main()
