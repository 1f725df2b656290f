"""Restart PostgreSQL again and again: python -m tests.benchmarks.postgres_restarts [RESTARTS] [EVENTS]"""

import sys
import tempfile
import time
from pathlib import Path

from tests.support.posting import Posting
from tests.support.restarts import restarted
from tests.support.standin import SlackStandin


def main(restarts: int, events: int) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, SlackStandin() as slack:
        stored, posted = restarted(Posting(Path(folder) / "project", slack), slack, restarts, events)
    took = time.monotonic() - began
    print(f"{restarts} restarts: {stored:,} events stored, {posted:,} messages posted, each once; {took:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, int(sys.argv[2]) if len(sys.argv) > 2 else 3_000)
