"""A pipeline with the steps of a test: TOML and events in, messages out, on a clock of its own."""

import json
from pathlib import Path
from typing import Any

from ingestlayer_cli import flow
from ingestlayer_cli.clock import Clock, parse_duration, parse_rfc3339
from ingestlayer_cli.document import Document
from ingestlayer_cli.gate import Raw
from ingestlayer_cli.project import Project
from ingestlayer_cli.project.checker import Checker
from ingestlayer_cli.runtime import Runtime

START = "2026-11-03T09:30:00Z"
FIELDS = """
[fields]
customer_id = "string?"
metric = "string?"
used = "number?"
limit = "number?"
tags = "array?"
more = "object?"
"""
CUSTOMERS = "customer_id,name,mrr\nacme,Acme Inc,1900\nglobex,Globex GmbH,\n"


class FakeClock(Clock):
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.at = round(parse_rfc3339(START).timestamp() * 1000)

    def now(self) -> int:
        return self.at

    def sleep(self, duration: int) -> None:
        self.at += duration

    def passes(self, duration: str) -> None:
        self.at += parse_duration(duration)


class Bench:
    """A project with one event type, customers, and pipelines of the given steps."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock()
        self.write("ingestlayer.toml", '[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n')
        self.write("events/usage.toml", f'type = "usage"\n{FIELDS}')
        self.write("events/other.toml", f'type = "other"\n{FIELDS}')
        self.write("customers.csv", CUSTOMERS)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def steps(self, text: str, name: str = "pipeline", destination: str = "", match: str = "usage") -> None:
        """Write a pipeline of these steps; its message tells the customer's name."""
        end = f'[[destinations]]\nuse = "slack"\nchannel = "#c"\n{destination}\n[destinations.message]\ntitle = "t"\n'
        self.write(
            f"pipelines/{name}.toml",
            f'match = ["{match}"]\n{text}\n{end}text = "$event.customer_id ${{entity.customer.name}}"\n',
        )

    def project(self) -> Project:
        return Project(str(self.root), Checker(str(self.root)).run())

    def emit(self, at: str | None = None, type_: str = "usage", **payload: Any) -> Document:
        """Emit one event; `at` is its own time."""
        with Runtime(self.project(), clock=self.clock) as runtime:
            return flow.emit(runtime, Raw(type_, payload, timestamp=at))

    def outcome(self, at: str | None = None, type_: str = "usage", **payload: Any) -> str:
        """Emit one event and say what became of it in the only pipeline."""
        (run,) = self.emit(at, type_, **payload).runs
        return str(run.outcome)

    def preview(self, **payload: Any) -> dict[str, Any]:
        """Return the run of the only pipeline in a preview."""
        with Runtime(self.project(), clock=self.clock, keep=False) as runtime:
            result, _ = flow.preview(runtime, Raw("usage", payload))
        (run,) = json.loads(json.dumps(result))["runs"]
        return dict(run)

    def traced(self, **payload: Any) -> dict[str, Any]:
        """Return the first entry of the only pipeline's trace."""
        return dict(self.preview(**payload)["trace"][0])

    def messages(self) -> list[str]:
        """Return the text of every message that was queued, in order."""
        with Runtime(self.project(), clock=self.clock) as runtime:
            rows = runtime.store.select("SELECT body FROM deliveries ORDER BY seq")
        return [json.loads(body)["text"].partition(": ")[2] for (body,) in rows]
