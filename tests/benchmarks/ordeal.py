"""Everything that goes wrong at once: python -m tests.benchmarks.ordeal [ROUNDS] [SEED]

With --postgres its store is in a PostgreSQL server that is started for it.
"""

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.support.ordeal import Ordeal
from tests.support.postgres import server


def main(rounds: int, seed: int | None, is_shared: bool) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        database = stack.enter_context(server()).url if is_shared else ""
        ordeal = stack.enter_context(Ordeal(Path(folder) / "ordeal", rounds, seed, database))
        try:
            ordeal.run()
            code = ordeal.calm_down().code
        finally:
            print(ordeal.summary(), flush=True)
        if code:
            raise SystemExit(f"deliver still answers {code}: {ordeal.folder.statuses()}")
        ordeal.check()
    print(f"nothing is lost, nothing is twice, every status is true; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word != "--postgres"]
    main(numbers[0] if numbers else 2_000, numbers[1] if len(numbers) > 1 else None, "--postgres" in sys.argv)
