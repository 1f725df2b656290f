"""Weeks of noise of many customers: alerts, clears and reminders are those of the reference.

MONTH_CUSTOMERS and MONTH_HOURS make it longer: 1000 and 720 are a month of a company's.
"""

import os
import random
from fractions import Fraction
from pathlib import Path

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Line, Raw
from ingestlayer_cli.store.opening import is_file
from tests.support.pipe import Pipe
from tests.support.reference import DAY, HOUR, Crossing, CrossingMemory, Happened, Hours, Wall

STEP = """
[[steps]]
use = "crossing"
value = "$event.used / $event.limit"
levels = [0.8, 0.9, 1]
key = "$event.customer_id"
period = "day"
rearm = 0.05
clears = true
new_period = "clear"
remind = "6h"
"""
SAYS = "$event.customer_id $crossing.direction ${crossing.level | default('none')} $crossing.times"
RULE = Crossing((Fraction(8, 10), Fraction(9, 10), Fraction(1)), Fraction(5, 100), True, True, True, 6 * HOUR)


def test_alerts_clears_and_reminders_are_those_of_the_reference(tmp_path: Path, place: str) -> None:
    customers, hours = int(os.environ.get("MONTH_CUSTOMERS", "40")), int(os.environ.get("MONTH_HOURS", "72"))
    chance = random.Random(7)
    pipe = Pipe(tmp_path / "project")
    if not is_file(place):
        pipe.share(place)
    pipe.steps(STEP, says=SAYS)
    memory, expected = CrossingMemory(RULE, Wall("UTC", Hours((0,), 0, 60))), list[str]()
    noise = {f"c{number}": chance.choice((0, 2, 8, 30)) for number in range(customers)}
    at = dict.fromkeys(noise, 50.0)
    with Runtime(pipe.project(), clock=pipe.clock) as runtime:
        for _ in range(hours):
            pipe.clock.at += HOUR if chance.random() < 0.9 else DAY
            lines = []
            for number, name in enumerate(noise, start=1):
                at[name] = min(at[name] + chance.uniform(0, 3), 110) if chance.random() < 0.97 else 20
                used, limit = (
                    max(round(at[name] + chance.uniform(-1, 1) * noise[name]), 0),
                    chance.choice([100] * 99 + [200]),
                )
                lines.append(Line(number, Raw("usage", {"customer_id": name, "used": used, "limit": limit}), None, b""))
                seen = memory.see(Happened(number, pipe.clock.at, name, used, limit))
                if seen.passes and memory.said is not None:
                    direction, level, _, times = memory.said
                    expected.append(f"{name} {direction} {'none' if level is None else f'{float(level):g}'} {times}")
                    seen.keep()
            flow.emit_batch(runtime, [lines], deliver=False)
    assert len(expected) > 5 * customers
    assert {text.split()[-1] for text in expected} >= {"1", "2", "3"}
    assert pipe.messages() == expected
