"""Kill the program at random moments as it accepts and delivers: python -m tests.benchmarks.crash [KILLS] [SEED]

With --postgres its store is in a PostgreSQL server that is started for it.
"""

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.support.crash import Campaign
from tests.support.postgres import server
from tests.support.posting import assert_each_once


def main(kills: int, seed: int | None, is_shared: bool) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        database = stack.enter_context(server()).url if is_shared else ""
        campaign = stack.enter_context(Campaign(Path(folder) / "project", kills, seed=seed, database=database))
        campaign.kill_all()
        campaign.send_again()
        code = campaign.deliver_all().code
        print(campaign.summary())
        campaign.check()
        assert_each_once(campaign.slack, campaign.messages)
    if code:
        raise SystemExit(f"deliver still answers {code}")
    print(f"every event is stored once and every delivery posted once; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word != "--postgres"]
    seed = numbers[1] if len(numbers) > 1 else None
    main(numbers[0] if numbers else 2_000, seed, "--postgres" in sys.argv)
