"""How long an emitter waits while `store prune` forgets a million events: python -m tests.benchmarks.prune [EVENTS]

One process accepts events one after the other, with pauses of up to 10 ms between them, each in a durable
transaction of its own. The longest and the median time that one took are told with and without a prune beside it.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.project import load
from tests.support.stored import database

from .keys import fill, make_project, raw
from .tools import SCRIPT, compile_all, spawn

EVENTS = 1_000_000
PAUSE = 0.01  # seconds at most
EMITTER = "import sys; from tests.benchmarks.prune import emitter; emitter(sys.argv[1], sys.argv[2])"


def emitter(root: str, name: str) -> None:
    """Accept events until stdin ends; print the milliseconds that each took."""
    import select

    took: list[float] = []
    with Runtime(load(root)) as runtime:
        database(runtime.store).rows("SELECT 1")
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], random.random() * PAUSE)[0]:
            event = raw(f"{name}-{len(took)}", len(took))
            started = time.perf_counter()
            flow.emit(runtime, event, deliver=False)
            took.append((time.perf_counter() - started) * 1000)
    print(json.dumps(took))


class Emitting:
    """An emitter in a process of its own, for as long as the `with` lasts; then `took` has its milliseconds."""

    def __init__(self, root: Path, name: str) -> None:
        self._command = [sys.executable, "-c", EMITTER, str(root), name]
        self.took: list[float] = []

    def __enter__(self) -> "Emitting":
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        out, _error = self._process.communicate("")
        self.took = json.loads(out)

    def told(self) -> str:
        longest = sorted(self.took)
        over = sum(took > 200 for took in longest)
        return (
            f"longest {longest[-1]:6.1f} ms  99.9 % {longest[-1 - len(longest) // 1000]:6.1f} ms"
            f"  median {median(longest):5.2f} ms  {over} over 200 ms  ({len(longest):,} events)"
        )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    compile_all()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        fill(Path(make_project(root).store_path), count)
        load(str(root))
        command = [SCRIPT, "-C", str(root), "store", "prune", "--older-than", "31d", "--json"]
        with Emitting(root, "beside") as beside:
            seconds = spawn(command)
        with Emitting(root, "alone") as alone:
            time.sleep(min(seconds, 60))
    print(f"prune of 69 % of {count:,} events: {seconds:.1f} s; one accept took an emitter")
    print(f"  while it ran      {beside.told()}")
    print(f"  without a prune   {alone.told()}")
    print(f"  longest, as a ratio {max(beside.took) / max(alone.took):.1f}×")


if __name__ == "__main__":
    main()
