"""Kill `serve` while many send: python -m tests.benchmarks.serve_crash [EVENTS] [CONNECTIONS] [KILLS]"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.support.folder import Folder
from tests.support.serve_crash import Ordeal

from .tools import ROOT


def main(events: int, connections: int, kills: int) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        shutil.copytree(ROOT / "examples" / "usage-limits", root, ignore=shutil.ignore_patterns(".ingestlayer"))
        ordeal = Ordeal(Folder(root), events, connections)
        ordeal.run(kills)
        ordeal.check()
    print(f"{events:,} events over {connections} connections, killed {kills} times: each is stored once", end="")
    print(f"; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    main(*(given + [20_000, 64, 10][len(given) :]))
