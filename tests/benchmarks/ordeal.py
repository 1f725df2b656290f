"""Everything that goes wrong at once: python -m tests.benchmarks.ordeal [ROUNDS] [SEED]"""

import sys
import tempfile
import time
from pathlib import Path

from tests.support.ordeal import Ordeal


def main(rounds: int, seed: int | None) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Ordeal(Path(folder) / "ordeal", rounds, seed) as ordeal:
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
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000, int(sys.argv[2]) if len(sys.argv) > 2 else None)
