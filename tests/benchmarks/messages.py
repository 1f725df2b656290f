"""Random projects and histories beside the reference: python -m tests.benchmarks.messages [HISTORIES [SEED [STEPS]]]

One history in ten is over PostgreSQL. A failure tells its seed, which is played alone by giving it: SEED of 1 history.
"""

import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.support.histories import play
from tests.support.postgres import shared
from tests.support.posting import TOKEN

STEPS = 40


def main(histories: int, seed: int, steps: int) -> None:
    os.environ["SLACK_BOT_TOKEN"] = TOKEN
    began, counts, failed = time.monotonic(), Counter[str](), 0
    with tempfile.TemporaryDirectory() as name, shared(Path(name)) as server:
        os.environ["DATABASE_URL"] = server
        for number in range(seed, seed + histories):
            address = server if number % 10 == 9 else ""
            try:
                counts += play(Path(name) / f"h{number}", str(number), steps, number % 2 == 1, address)
            except AssertionError as error:
                failed += 1
                print(f"{error}\n", flush=True)
    told = "\n".join(f"  {count:9,} {what}" for what, count in sorted(counts.items()))
    print(f"histories {seed} to {seed + histories - 1}: {time.monotonic() - began:.0f} s\n{told}")
    print(f"{failed} are not as the reference has them" if failed else "each is as the reference has it")
    sys.exit(failed > 0)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*given, *(500, random.randrange(1_000_000) * 10, STEPS)[len(given) :])
