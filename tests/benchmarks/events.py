"""How long a look into a store of a million events takes: python -m tests.benchmarks.events [EVENTS]

Whole processes, as ratios to `python -c pass`. The store is filled with what `emit` leaves: three event types, five
thousand customers, a run for each event and a delivery for four in five; a few are of another source, failed or dead.
"""

import json
import os
import sys
import time
from itertools import repeat
from pathlib import Path

from ingestlayer_cli.model.events import Event, delivery_id, new_event_id
from ingestlayer_cli.project import load
from ingestlayer_cli.store.contract.accepting import NewDelivery, NewRun
from ingestlayer_cli.store.sqlite.store import open_to_write

from .tools import SCRIPT, compile_all, example, interleaved

EVENTS = 1_000_000
CHUNK = 10_000
RARE = 100_000
RUNS = 15
TYPES = ("usage.limit_reached", "usage.limit_reached", "usage.limit_reached", "account.created", "invoice.failed")
TRACE = [
    {"step": "enrich.entity", "verdict": "continue", "note": "customer acme: customers.csv line 2"},
    {"destination": "slack", "target": "#alerts", "note": "used/limit = 10250/10000 = 1.025 >= 1"},
]


def fill(folder: Path, count: int) -> None:
    """Fill a project's store with events of the last hundred days, by transactions as `emit` uses them."""
    project = load(str(folder))
    store = open_to_write(project.store_path)
    store.connection.execute("PRAGMA synchronous = OFF")
    now = time.time_ns() // 1_000_000
    step = 100 * 86_400_000 // count
    body = json.dumps({"channel": "#alerts", "text": "acme is out of api-calls"})
    for first in range(0, count, CHUNK):
        with store.transaction() as transaction:
            for number in range(first, min(first + CHUNK, count)):
                at = now - (count - number) * step
                payload = {"customer_id": f"c{number % 5000}", "metric": "api-calls", "limit": 10000, "used": number}
                key = f"c{number}:api-calls"
                source = "check:quota" if number % RARE == 3 else "cron"
                event = Event(new_event_id(at), TYPES[number % 5], at, source, key, payload)
                transaction.add_event(event, json.dumps(payload), project.line_up, at)
                run = NewRun(1, "usage-limit-hits", "0" * 64, "text", "queued", None, None, json.dumps(TRACE))
                if number % RARE == 9:
                    run = run._replace(outcome="failed", reason="a defect of ours")
                elif number % 5 == 4:
                    run = run._replace(outcome="dropped", dropped_by="filter", reason="used = 1 < 2")
                transaction.add_run(event.id, run, now)
                if run.outcome != "queued":
                    continue
                message = NewDelivery(delivery_id(event.id, 7), "usage-limit-hits", "slack", "#alerts", body, None)
                transaction.add_delivery(event.id, 1, message, at, at)
    with store.transaction() as transaction:
        transaction.connection.execute(
            "UPDATE deliveries SET status = CASE seq % 100000 WHEN 7 THEN 'dead' ELSE 'delivered' END, attempts = 1"
        )
    store.close()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    compile_all()
    with example("usage-limits") as folder:
        time.sleep(0.1)  # a file that was just written is not cached
        fill(folder, count)
        size = os.path.getsize(folder / ".ingestlayer" / "store.db") / 1e6
        print(f"{count:,} events, {size:,.0f} MB")
        events = [SCRIPT, "-C", str(folder), "events", "list", "--limit", "50"]
        deliveries = [SCRIPT, "-C", str(folder), "deliveries", "list"]
        why = [SCRIPT, "-C", str(folder), "why"]
        lines = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "--help": [SCRIPT, "--help"],
            "events list": events,
            "events list --json": [*events, "--json"],
            "events list --type": [*events, "--type", "invoice.failed"],
            "events list --type usage.*": [*events, "--type", "usage.*"],
            "events list --since 50d": [*events, "--since", "50d"],
            "events list --until 50d": [*events, "--until", "50d"],
            "events list --key": [*events, "--key", f"c{count // 2}:api-calls"],
            "events list --source (rare)": [*events, "--source", "check:quota"],
            "events list --source (no hit)": [*events, "--source", "nobody"],
            "events list --status dead": [*events, "--status", "dead"],
            "events list --status failed": [*events, "--status", "failed"],
            "events list --status dropped": [*events, "--status", "dropped"],
            "events list CUSTOMER": [*events, "c77"],
            "events list WORD (no hit)": [*events, "nobody"],
            "deliveries list": deliveries,
            "deliveries list --status dead": [*deliveries, "--status", "dead"],
            "deliveries list CUSTOMER": [*deliveries, "c77"],
            "deliveries list WORD (no hit)": [*deliveries, "nobody"],
            "why CUSTOMER": [*why, "c77"],
            "events list --where (hit)": [*events, "--where", "$event.used % 10 == 0"],
            "events show @last": [SCRIPT, "-C", str(folder), "events", "show", "@last"],
            "why @last": [*why, "@last"],
            "why KEY": [*why, f"c{count // 2}:api-calls"],
        }
        medians = interleaved({name: repeat(line) for name, line in lines.items()}, RUNS)
    reference = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:28} {median * 1000:7.1f} ms  {median / reference:5.2f}×")


if __name__ == "__main__":
    main()
