"""What each kind of step costs per event, beside a bare loop that decodes and inserts.

    python -m tests.benchmarks.steps [EVENTS]

Batches in this process, 1,000 events a transaction, in turn with a pipeline without the step; the cost of a step
is what it takes beyond that (less than nothing where it spares the composing of messages).
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.families import kinds
from ingestlayer_cli.model.gate import Line, Raw
from ingestlayer_cli.project import Project, read
from tests.support.stored import database

from .batch import CUSTOMERS, bare_loop, write_events

EVENTS = 10_000
ROUNDS = 5
CHUNK = 1_000
FIELDS = ("customer_id", "metric", "plan")
KEY = 'key = "$event.customer_id:$event.metric"\n'
OWN_KEY = 'key = "$event.customer_id:$event.used"\n'
CROSSING = 'value = "$event.used / $event.limit"\nlevels = [0, 0.8, 1]\nperiod = "month"\n'
THROTTLE = 'max = 1000000\nwindow = "1h"\n'
# Events are dropped by the last step; for those after `THROUGH` they end in a message.
STEPS = {
    "": "",
    "filter": 'when = "$event.used / $event.limit >= 0"\n',
    "dedupe": KEY + 'window = "1h"\n',
    "enrich.entity": 'kind = "customer"\nkey = "$event.customer_id"\n',
    "upsert.entity": 'kind = "customer"\nexternal_id = "$event.customer_id"\ntraits = { used = "$event.used" }\n',
    "transform": 'set = { share = "${event.used / event.limit}" }\nremove = ["plan"]\n',
    "throttle": KEY + THROTTLE,
    "crossing": KEY + CROSSING,
    "redact.pii": 'fields = { customer_id = "mask" }\ndetect = { "*" = "mask" }\n',
}
THROUGH = {
    "": "",
    "dedupe, each key new": OWN_KEY + 'window = "1h"\n',
    "throttle, one key": KEY + THROTTLE,
    "throttle, each key new": OWN_KEY + THROTTLE,
    "crossing, all at a level that is held": KEY + CROSSING,
    "crossing, each newly at a level": OWN_KEY + CROSSING,
    "redact.pii": STEPS["redact.pii"],
}
LAST = '[[steps]]\nuse = "filter"\nwhen = "$event.used < -1"\n'
Case = tuple[str, bool]  # a name of `STEPS`, or of `THROUGH`


def pipeline(case: Case) -> str:
    """Return a pipeline of one step, whose events go through or are dropped in the end."""
    name, through = case
    keys = THROUGH[name] if through else STEPS[name]
    step = f'[[steps]]\nuse = "{name.partition(",")[0]}"\n{keys}' if name else ""
    end = '[[destinations]]\nuse = "slack"\nchannel = "#c"\n[destinations.message]\ntitle = "t"\n'
    return f"{step}{'' if through else LAST}{end}"


def project(root: Path, case: Case) -> Project:
    """Write and compile a project with one pipeline."""
    (root / "events").mkdir(parents=True)
    (root / "pipelines").mkdir()
    fields = "".join(f'{name} = "string"\n' for name in FIELDS)
    (root / "ingestlayer.toml").write_text('[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n')
    (root / "customers.csv").write_text("customer_id,name\n" + "".join(f"{name},{name} Inc\n" for name in CUSTOMERS))
    (root / "events" / "usage.toml").write_text(
        f'type = "usage.limit_reached"\n[fields]\n{fields}limit = "number"\nused = "number"\n'
    )
    (root / "pipelines" / "one.toml").write_text(pipeline(case))
    return Project(str(root), read(str(root), keep=False).compiled())


def batches(count: int) -> list[list[Line]]:
    """Return chunks of events that are admitted as they are."""
    chunks = []
    for start in range(0, count, CHUNK):
        numbers = range(start, min(start + CHUNK, count))
        chunks.append([Line(number, Raw("usage.limit_reached", payload(number)), None, b"") for number in numbers])
    return chunks


def payload(number: int) -> dict[str, Any]:
    customer = CUSTOMERS[number % len(CUSTOMERS)]
    return {"customer_id": customer, "metric": "seats", "limit": 10_000_000, "used": number, "plan": "pro"}


def run(root: Path, case: Case, count: int) -> float:
    """Accept a batch in a new store; return the seconds that it took."""
    with Runtime(project(root, case), keep=False) as runtime:
        database(runtime.store).rows("SELECT 1")
        started = time.perf_counter()
        result = flow.emit_batch(runtime, batches(count), deliver=False)
        took = time.perf_counter() - started
    if result["runs"]["failed"]:
        raise SystemExit(f"{case}: {result.hints}")
    return took


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    if unknown := set(kinds("steps")) - set(STEPS):
        print(f"not measured: {', '.join(sorted(unknown))}")
    cases = [*((name, False) for name in STEPS), *((name, True) for name in THROUGH)]
    bare: list[float] = []
    times: dict[Case, list[float]] = {case: [] for case in cases}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_events(root / "events.ndjson", count, 2)
        for turn in range(ROUNDS):
            bare.append(bare_loop(root / "events.ndjson", root / f"bare{turn}.db"))
            for number, case in enumerate(cases):
                times[case].append(run(root / f"{turn}-{number}", case, count))
    reference = median(bare) / count * 1e6
    each = {case: median(taken) / count * 1e6 for case, taken in times.items()}
    print(f"{count:,} events, {ROUNDS} rounds; bare loop {reference:.1f} µs an event")
    for (name, through), whole in each.items():
        if not name:
            print("events go through, each ends in a message:" if through else "events are dropped in the end:")
        own = whole - each["", through]
        cost = f"  the step {own:6.1f} µs {own / reference:5.2f}×" if name else ""
        print(f"  {name or 'no step':38} {whole:6.1f} µs {whole / reference:5.2f}×{cost}")


if __name__ == "__main__":
    main()
