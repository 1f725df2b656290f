"""Kill the program at random moments as it accepts and delivers: python -m tests.benchmarks.crash [KILLS] [SEED]"""

import sys
import tempfile
import time
from pathlib import Path

from tests.support.crash import Campaign
from tests.support.posting import assert_each_once


def main(kills: int, seed: int | None) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Campaign(Path(folder) / "project", kills, seed=seed) as campaign:
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
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000, int(sys.argv[2]) if len(sys.argv) > 2 else None)
