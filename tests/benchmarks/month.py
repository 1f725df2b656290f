"""A month in fast-forward: `python -m tests.benchmarks.month [CUSTOMERS [HOURS]]`, 50000 720 unless told otherwise.

Every hour the export is written anew and `check` runs and posts to a stand-in for Slack, under a clock that is moved
on. One customer in fifty crosses 80 % and then 100 % of its limit; the others stay below, jumping about. Prints the
wall time, the posts, what the store grew by, and how many alerts were told twice.
"""

import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ingestlayer_cli.checks.run import CheckOptions, check
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.project import load
from tests.support.checks import EVENT, HOUR, NOVEMBER, table
from tests.support.clock import FakeClock
from tests.support.posting import TOKEN
from tests.support.standin import SlackStandin

CROSSING = 50  # one customer in so many
PIPELINE = """
match = ["usage.limit"]
[[destinations]]
use = "slack"
channel = "#alerts"
[destinations.message]
text = "$event.customer_id reaches ${event.level | percent}"
"""


def usage(customers: int, hour: int, hours: int) -> str:
    """Return the export of one hour as CSV."""
    lines = ["customer_id,used,limit"]
    for number in range(customers):
        noise = (number * 7_919 + hour * 104_729) % 400
        if number % CROSSING == 0:
            # It grows past 1 in the course of the month, each customer at a time of its own.
            used = 4_000 + 8_000 * hour // hours + number // CROSSING % 1_000 + noise // 8
        else:
            used = number % 7_000 + noise
        lines.append(f"customer-{number:06},{used},10000")
    return "\n".join(lines) + "\n"


def expected(customers: int, hours: int) -> Counter[tuple[str, str]]:
    """Return what has to be told, counted from the exports alone: usage grows, so that a level is reached once."""
    found: Counter[tuple[str, str]] = Counter()
    top: dict[str, float] = {}
    for hour in range(hours):
        for number in range(0, customers, CROSSING):
            noise = (number * 7_919 + hour * 104_729) % 400
            value = 4_000 + 8_000 * hour // hours + number // CROSSING % 1_000 + noise // 8
            level = 1.0 if value >= 10_000 else 0.8 if value >= 8_000 else 0.0
            name = f"customer-{number:06}"
            if level > top.get(name, 0):
                top[name] = level
                found[name, f"{level:.0%}"] += 1
    return found


def told(body: dict[str, Any]) -> tuple[str, str]:
    """Return the customer and the level that a message tells of."""
    found = re.search(r"(customer-\d+) reaches (\d+%)", json.dumps(body))
    assert found is not None, body
    return found[1], found[2]


def main() -> None:
    customers, hours = [int(word) for word in sys.argv[1:]] + [50_000, 720][len(sys.argv) - 1 :]
    os.environ["SLACK_BOT_TOKEN"] = TOKEN
    with tempfile.TemporaryDirectory() as folder, SlackStandin() as slack:
        root = Path(folder)
        slack.add_channel("alerts")
        (root / "events").mkdir()
        (root / "pipelines").mkdir()
        (root / "events" / "usage.limit.toml").write_text(EVENT)
        (root / "pipelines" / "alerts.toml").write_text(PIPELINE)
        connection = f'[slack]\nconnection = "bot"\napi_url = "{slack.url}"\npace = "0s"\n'
        (root / "ingestlayer.toml").write_text(connection + table())
        project, clock = load(str(root), keep=False), FakeClock(NOVEMBER - NOVEMBER % (24 * HOUR) - 2 * 24 * HOUR)
        start, checking = clock.at, 0.0
        for hour in range(hours):
            (root / "usage.csv").write_text(usage(customers, hour, hours))
            clock.at = start + hour * HOUR
            began = time.perf_counter()
            with Runtime(project, clock) as runtime:
                result = check(runtime, project.checks["api"], CheckOptions())
            checking += time.perf_counter() - began
            if "error" in result or result.exit_codes:
                raise SystemExit(f"hour {hour}: {result}")
        size = (root / ".ingestlayer" / "store.db").stat().st_size
        posts = Counter(told(message.body) for message in slack.posted_to("alerts"))
    wanted = expected(customers, hours)
    print(f"{customers:,} customers, {hours} checks: {checking:.0f} s, {checking / hours * 1000:.0f} ms a check")
    print(f"{posts.total():,} posts; store {size / 1e6:.1f} MB, {size / max(posts.total(), 1):,.0f} bytes a post")
    twice = sum(count - 1 for count in posts.values())
    print(f"{twice} alerts twice, {(wanted - posts).total()} missing, {(posts - wanted).total()} too many")
    sys.exit(posts != wanted)


if __name__ == "__main__":
    main()
