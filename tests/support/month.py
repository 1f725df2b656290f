"""A month of hourly checks under a clock of its own, with processes that are killed, against a model of the rule.

    python -m tests.support.month [CUSTOMERS [HOURS [KILLS [ZONE]]]] [--postgres]    # 1000 720 200 UTC: the whole month

The model is written from the words of docs/checks.md, not from the code: exact fractions, one table of what is held.
What it says must be told, when, must be exactly what the store has. Shared with `test_month.py`.
"""

import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.support.checks import EVENT, HOUR, Checked, table
from tests.support.postgres import server
from tests.support.program import environment, mother_of

START = datetime(2026, 11, 22, tzinfo=UTC)  # the first of December is in it
METRICS = ("seats", "api-calls", "storage")
LEVELS = (Fraction(8, 10), Fraction(9, 10), Fraction(1))
REARM = Fraction(5, 100)
MORE = 'period = "month"\ncleared = "usage.cleared"'
TABLE = table(levels="[0.8, 0.9, 1.0]", key='["customer_id", "metric"]', more=MORE)


class Alert(NamedTuple):
    """What is told: in which hour from the start, of whom, of which level, and of what is over, which it was."""

    hour: int
    customer: str
    metric: str
    level: float  # of what is over, the one that is still held; 0 for none
    over: float = 0


Usage = dict[tuple[str, str], tuple[int, int]]  # customer and metric: used and limit


# The model ------------------------------------------------------------------------------------------------


class Model:
    """What has to be told. A level is held from when it was reached, until the value is more than REARM below it,
    the limit is another, or the month is over; a level above all that are held is told, and so is that the highest one
    is held no more. Of other limits, that is told of who is at a lower level than before, and not that one."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.held: dict[tuple[str, str], set[Fraction]] = {}
        self.limits: dict[tuple[str, str], int] = {}
        self.month = 0
        self.alerts: list[Alert] = []

    def see(self, hour: int, usage: Usage) -> None:
        month = (START + timedelta(hours=hour)).astimezone(self.zone).month
        if month != self.month:
            self.held.clear()
            self.month = month
        for key, (used, limit) in usage.items():
            if limit <= 0 or used < 0:
                continue
            value = Fraction(used, limit)
            held = self.held.get(key, set())
            before = max(held, default=Fraction(0))
            if self.limits.get(key) != limit:
                held = set()
            held = {level for level in held if value >= level - REARM}
            reached = {level for level in LEVELS if value >= level}
            is_new = bool(reached) and (not held or max(reached) > max(held))
            if is_new:
                held |= reached
                self.limits[key] = limit
            now = max(held, default=Fraction(0))
            if now < before:
                self.alerts.append(Alert(hour, *key, float(now), float(before)))
            elif is_new:
                self.alerts.append(Alert(hour, *key, float(now)))
            self.held[key] = held


# Usage ----------------------------------------------------------------------------------------------------


def runs_of(hours: int, apart: int) -> list[int]:
    """Return the hours at which the check runs, `apart` but where the month ends in every zone: there, each."""
    border = (datetime(2026, 12, 1, tzinfo=UTC) - START) // timedelta(hours=1)
    return [hour for hour in range(hours) if hour % apart == 0 or abs(hour - border) < 15]


def month_of_usage(customers: int, hours: list[int], chance: random.Random) -> Iterator[Usage]:
    """Yield the usage of each hour: it grows with the month, jumps about, loses rows, and gets other limits."""
    keys = [(f"customer-{number}", metric) for number in range(customers) for metric in METRICS]
    limits = {key: chance.choice((10, 100, 997, 10_000)) for key in keys}
    pace = {key: chance.choice((0.0, 0.3, 0.7, 0.85, 1.0, 1.3)) * chance.uniform(0.9, 1.1) for key in keys}
    noise = {key: chance.choice((0, 0.01, 0.08, 0.3)) for key in keys}
    for hour in hours:
        moment = START + timedelta(hours=hour)
        passed = (moment.day - 1 + moment.hour / 24) / 30
        usage: Usage = {}
        for key in keys:
            if chance.random() < 0.002:
                limits[key] = chance.choice((0, 10, 100, 997, 10_000, limits[key] * 2))
            if chance.random() < 0.01:
                continue  # the export has lost it
            ratio = pace[key] * (0.6 + 0.6 * passed) + noise[key] * chance.uniform(-1, 1)
            usage[key] = round(max(ratio, -0.01) * limits[key]), limits[key]
        yield usage


# The processes --------------------------------------------------------------------------------------------


class Worker:
    """A process that runs the check at the hours that it is told; it may be killed."""

    def __init__(self, root: Path) -> None:
        mother = mother_of(environment())
        assert mother is not None
        source, told = os.pipe()
        said, out = os.pipe()
        self.process = mother.start(["tests.support.month:work", str(root)], root, (source, out, 2), environment())
        os.close(source)
        os.close(out)
        self._told, self._said = open(told, "w"), open(said)  # noqa: SIM115
        assert self._answer() == "ready"

    def run(self, hour: int) -> None:
        self._tell(hour)
        assert self._answer() == "done"

    def killed_at(self, hour: int, after: float) -> None:
        """Begin a run, and kill the process so many seconds later."""
        self._tell(hour)
        time.sleep(after)
        self.process.kill()
        self.close()

    def close(self) -> None:
        with self._said, suppress(BrokenPipeError):  # what it was told as it was killed
            self._told.close()
        self.process.wait()

    def _tell(self, hour: int) -> None:
        self._told.write(f"{hour}\n")
        self._told.flush()

    def _answer(self) -> str:
        return self._said.readline().strip()


def work() -> None:
    """Run the check of a project at each hour that stdin names."""
    from ingestlayer_cli.checks.run import CheckOptions, check
    from ingestlayer_cli.engine.runtime import Runtime
    from ingestlayer_cli.project import load
    from tests.support.clock import FakeClock

    project = load(sys.argv[1], keep=False)
    print("ready", flush=True)
    for line in sys.stdin:
        clock = FakeClock(int(START.timestamp()) * 1000 + int(line) * HOUR)
        with Runtime(project, clock) as runtime:
            result = check(runtime, project.checks["api"], CheckOptions(deliver=False))
            assert "error" not in result, result
        print("done", flush=True)


class Campaign:
    """A month of a check, that runs every `apart` hours.

    `told` is what the store has in the end, `expected` what the model says.
    """

    def __init__(
        self, root: Path, customers: int, hours: int, kills: int, zone: str = "UTC", seed: int = 7, apart: int = 1
    ) -> None:
        self.bench = Checked(root, f'timezone = "{zone}"\n{TABLE}')
        self.bench.write("events/usage.cleared.toml", EVENT.replace("usage.limit", "usage.cleared"))
        self.hours = runs_of(hours, apart)
        self.kills = kills
        self.model = Model(zone)
        self._usage = month_of_usage(customers, self.hours, random.Random(seed))
        self._random = random.Random(seed + 1)

    def run(self) -> None:
        killed_in = set(self._random.sample(self.hours, min(self.kills, len(self.hours))))
        worker = Worker(self.bench.root)
        took = 0.05  # seconds of a run, as it shows
        for hour, usage in zip(self.hours, self._usage, strict=True):
            self.bench.csv(*((*key, *row) for key, row in usage.items()), columns="customer_id,metric,used,limit")
            if hour in killed_in:
                worker.killed_at(hour, self._random.uniform(0, 1.1 * took))
                worker = Worker(self.bench.root)
            began = time.monotonic()
            worker.run(hour)
            took = 0.8 * took + 0.2 * (time.monotonic() - began)
            if self._random.random() < 0.05:
                worker.run(hour)  # cron, or an operator, runs it once more
            self.model.see(hour, usage)
        worker.close()

    @property
    def expected(self) -> list[Alert]:
        return sorted(self.model.alerts)

    @property
    def told(self) -> list[Alert]:
        rows = self.bench.select("SELECT received_at FROM events ORDER BY seq")
        start = int(START.timestamp()) * 1000
        return sorted(
            Alert((at - start) // HOUR, payload["customer_id"], payload["metric"], *_levels(type_, payload))
            for (at,), (type_, payload) in zip(rows, self.bench.events, strict=True)
        )


def _levels(type_: str, payload: dict[str, Any]) -> tuple[float, float]:
    return payload.get("level", 0), payload["previous"] if type_ == "usage.cleared" else 0


def main() -> None:
    given = [word for word in sys.argv[1:] if word != "--postgres"]
    words = given + ["1000", "720", "200", "UTC"][len(given) :]
    customers, hours, kills = map(int, words[:3])
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        campaign = Campaign(Path(folder) / "project", customers, hours, kills, words[3])
        if "--postgres" in sys.argv:
            os.environ["DATABASE_URL"] = stack.enter_context(server()).url
            campaign.bench.share(os.environ["DATABASE_URL"], "month")
        began = time.monotonic()
        campaign.run()
        took = time.monotonic() - began
        told, expected = campaign.told, campaign.expected
    print(f"{customers:,} customers, {len(METRICS)} metrics, {hours} hours in {words[3]}, {kills} kills: {took:.0f} s")
    print(f"{len(told):,} alerts, {len(set(expected) - set(told))} missing, {len(set(told) - set(expected))} too many")
    sys.exit(told != expected)


if __name__ == "__main__":
    main()
