"""A pipeline with the steps of a test: TOML and events in, messages out, on a clock of its own."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Line, Raw
from ingestlayer_cli.operations import testing
from ingestlayer_cli.operations.backtest import Pair, backtest
from ingestlayer_cli.operations.naming import named
from ingestlayer_cli.operations.player import ReplayOptions
from ingestlayer_cli.operations.replay import Sending, choose, plan, replay
from ingestlayer_cli.operations.testing.cases import cases
from ingestlayer_cli.project import Project
from ingestlayer_cli.project.compile import Compiler
from ingestlayer_cli.project.lint.inspect import inspect
from ingestlayer_cli.store.contract.reading import Selection
from ingestlayer_cli.store.contract.sending import Wanted
from ingestlayer_cli.store.sql.base import Base
from ingestlayer_cli.system.document import Document
from tests.support.clock import FakeClock, at
from tests.support.stored import database

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
ALL = Selection()
SETTINGS = '[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n'
CUSTOMERS = "customer_id,name,mrr\nacme,Acme Inc,1900\nglobex,Globex GmbH,\n"


class Pipe:
    """A project with one event type, customers, and pipelines of the given steps."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock(at(START))
        self.write("ingestlayer.toml", SETTINGS)
        self.write("events/usage.toml", f'type = "usage"\n{FIELDS}')
        self.write("events/other.toml", f'type = "other"\n{FIELDS}')
        self.write("customers.csv", CUSTOMERS)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def share(self, place: str) -> None:
        """Put the store into a database."""
        url, _, schema = place.partition("#")
        self.write("ingestlayer.toml", f'{SETTINGS}[store]\nurl = "{url}"\nschema = "{schema}"\n')

    def steps(
        self,
        text: str,
        name: str = "pipeline",
        destination: str = "",
        match: str = "usage",
        says: str = "$event.customer_id ${entity.customer.name}",
        tests: str = "",
    ) -> None:
        """Write a pipeline of these steps; its message tells the customer's name, or what it `says`."""
        end = f'[[destinations]]\nuse = "slack"\nchannel = "#c"\n{destination}\n[destinations.message]\ntitle = "t"\n'
        self.write(
            f"pipelines/{name}.toml",
            f'match = ["{match}"]\n{text}\n{end}text = "{says}"\n{tests}',
        )

    def project(self) -> Project:
        return Project(str(self.root), Compiler(str(self.root)).run())

    def emit(self, at: str | None = None, type_: str = "usage", **payload: Any) -> Document:
        """Emit one event; `at` is its own time."""
        with Runtime(self.project(), clock=self.clock) as runtime:
            return flow.emit(runtime, Raw(type_, payload, timestamp=at))

    def outcome(self, at: str | None = None, type_: str = "usage", **payload: Any) -> str:
        """Emit one event and say what became of it in the only pipeline."""
        (run,) = self.emit(at, type_, **payload).runs
        return str(run.outcome)

    def batch(self, events: list[dict[str, Any]]) -> list[str]:
        """Emit payloads in one transaction and return the outcome of each in its order; `at` is an event's own time."""
        lines = []
        for number, event in enumerate(events, start=1):
            payload = {name: value for name, value in event.items() if name != "at"}
            lines.append(Line(number, Raw("usage", payload, timestamp=event.get("at")), None, b""))
        with Runtime(self.project(), clock=self.clock) as runtime:
            (last,) = database(runtime.store).rows("SELECT coalesce(max(seq), 0) FROM events")
            flow.emit_batch(runtime, [lines], deliver=False)
            rows = database(runtime.store).rows("SELECT outcome FROM runs WHERE event > ? ORDER BY event", *last)
        return [outcome for (outcome,) in rows]

    def deliver(self) -> Document:
        """Send what is due."""
        with Runtime(self.project(), clock=self.clock) as runtime:
            return flow.deliver(runtime, Wanted())

    def replay(self) -> Document:
        """Replay all events, to destinations that took them too."""
        with Runtime(self.project(), clock=self.clock) as runtime:
            ids = [item.event.id for item in runtime.store.history.select(Selection(), newest_first=False)]
            return replay(runtime, ids, ReplayOptions(again=True), Sending(deliver=False))

    def backtest(
        self, selection: Selection = ALL, pipeline: str | None = None, by_time: bool = False
    ) -> tuple[Document, list[Pair]]:
        """Compare stored events with what their pipelines do now; return the result and each pair, with bodies."""
        pairs: list[Pair] = []
        with Runtime(self.project(), clock=self.clock, keep=False) as runtime:
            told = backtest(runtime, runtime.stored, selection, pipeline, True, each=pairs.append, by_time=by_time)
        return told, pairs

    def plan(self, selection: Selection = ALL, by_time: bool = False) -> Document:
        """Plan a replay of stored events, to destinations that took them too."""
        options = ReplayOptions(again=True, by_time=by_time)
        with Runtime(self.project(), clock=self.clock, keep=False) as runtime:
            return plan(runtime, runtime.store, choose(runtime, runtime.store, selection, options), options)

    def previewed(self, back: int = 1) -> dict[str, Any]:
        """Return the run of the only pipeline in a preview of a stored event, counted from the last."""
        with Runtime(self.project(), clock=self.clock, keep=False) as runtime:
            (run,) = flow.preview_event(runtime, named(runtime.stored, f"@-{back}").event)["runs"]
        return dict(run)

    def found(self) -> list[str]:
        """Return what `validate` finds, each as `file:line:column problem`."""
        return [f"{it.path} {it.problem}" for it in inspect(str(self.root))]

    def tested(self) -> list[list[str]]:
        """Run the pipelines' own tests; return what was got in place of each expectation that was not met."""
        with Runtime(self.project(), clock=self.clock) as runtime:
            return [
                [f"{it.expectation}: {it.got}" for it in testing.run(runtime, case).failures]
                for case in cases(runtime.project)
            ]

    def select(self, sql: str) -> list[Any]:
        """Ask the store."""
        with closing(sqlite3.connect(self.root / ".ingestlayer" / "store.db", isolation_level=None)) as store:
            return store.execute(sql).fetchall()

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
            assert isinstance(runtime.store, Base)
            rows = runtime.store.rows("SELECT body FROM deliveries ORDER BY seq")
        return [json.loads(body)["text"].removeprefix("Resolved: ").partition(": ")[2] for (body,) in rows]
