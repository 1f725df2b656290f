"""Projects that post to a stand-in for Slack: the real program as processes, and the flow in this one."""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.batch import NdjsonBatch
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Raw
from ingestlayer_cli.project import load
from ingestlayer_cli.store.contract.sending import Attempt, Claimed, Doubtful, Wanted
from ingestlayer_cli.system.clock import Clock
from ingestlayer_cli.system.document import Document
from tests.support import ROOT
from tests.support.forking import Writing
from tests.support.program import LONG_AGO, PROGRAM, Argument, Result, environment, here, mother_of, ran, ran_at_once
from tests.support.standin import SlackStandin

TOKEN = "xoxb-test"
TYPE = "usage.limit_reached"
# The channel is the event's plan, so that a test chooses it.
PIPELINE = """
match = ["usage.limit_reached"]
[[destinations]]
use = "slack"
channel = "#$event.plan"
when = "$event.used / $event.limit >= 1"
{more}
"""


def ago(**span: float) -> str:
    """Return a time in the past, as an envelope has it."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def payload(number: int = 0, channel: str = "alerts", used: int = 120) -> dict[str, Any]:
    return {"customer_id": f"c{number}", "metric": "seats", "limit": 100, "used": used, "plan": channel}


def envelope(number: int, channel: str = "alerts", used: int = 120) -> dict[str, Any]:
    """Return an event with an idempotency key of its own."""
    return {"type": TYPE, "payload": payload(number, channel, used), "idempotency_key": f"key-{number}"}


class Heard(NamedTuple):
    """One attempt, as `deliver` was told of it."""

    id: str
    target: str
    outcome: str
    status: str
    error: str | None


class Posting:
    """A project in a folder, run against a stand-in."""

    def __init__(self, root: Path, slack: SlackStandin | None = None, url: str | None = None) -> None:
        self.root = root
        self.store = root / ".ingestlayer" / "store.db"
        self.database = ""  # the address of a PostgreSQL database, where that has the store
        self.url = url or (slack.url if slack else "http://127.0.0.1:9/api/")
        shutil.copytree(ROOT / "examples" / "usage-limits", root, ignore=shutil.ignore_patterns(".ingestlayer"))
        (root / "pipelines" / "usage-limit-hits.toml").unlink()
        self.settings()
        self.pipeline()

    def settings(self, pace: str = "0s", more: str = "", store: str = "") -> None:
        """Write ingestlayer.toml."""
        text = f'[slack]\nconnection = "bot"\napi_url = "{self.url}"\npace = "{pace}"\n{more}\n[store]\n{store}\n'
        self.write("ingestlayer.toml", text)

    def share(self, address: str, schema: str) -> None:
        """Put the store into a schema of a PostgreSQL database."""
        self.database = f"{address}?options=-c%20search_path%3D{schema}"
        self.settings(store=f'url = "env:DATABASE_URL"\nschema = "{schema}"')

    def pipeline(self, more: str = "", name: str = "limits") -> None:
        self.write(f"pipelines/{name}.toml", PIPELINE.format(more=more))

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (LONG_AGO, LONG_AGO + len(text) + hash(text) % 1_000_000))
        return path

    def batch(self, events: Iterable[Mapping[str, Any]], name: str = "events.ndjson") -> Path:
        """Write a batch file."""
        return self.write(name, "".join(json.dumps(event) + "\n" for event in events))

    # The program as a process --------------------------------------------------------------------------

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        own = {"DATABASE_URL": self.database} if self.database else {}
        return environment({"COLUMNS": "200", "SLACK_BOT_TOKEN": TOKEN, **own, **(more or {})})

    def start(self, *arguments: Argument, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=self.root,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def forked(self, *arguments: Argument) -> Writing:
        """Fork what is to be killed: most moments at which a start is are those of an interpreter."""
        mother = mother_of(self.environment())
        assert mother is not None
        return Writing(mother, [PROGRAM, *map(os.fsdecode, arguments)], self.root, self.environment())

    def run(self, *arguments: Argument, env: Mapping[str, str] | None = None) -> Result:
        return ran(arguments, self.root, b"", self.environment(env))

    def run_at_once(self, commands: Sequence[Sequence[Argument]]) -> list[Result]:
        return ran_at_once(commands, self.root, self.environment())

    def emit(self, number: int = 0, *arguments: Argument, channel: str = "alerts", **more: Any) -> Result:
        """Run `emit --json` with one event."""
        event = envelope(number, channel)
        data = ("--data", json.dumps(event["payload"]), "--key", event["idempotency_key"])
        return self.run("emit", TYPE, *data, "--json", *arguments, **more)

    def here(self, *arguments: str) -> Result:
        """Run the program inside this process."""
        return here(self.root, *arguments)

    def replay(self, *arguments: str, code: int = 0) -> Any:
        """Run `replay … --json --yes`; return its document."""
        result = self.here("replay", *arguments, "--json", "--yes")
        assert result.code == code, result
        return result.json

    # The flow in this process --------------------------------------------------------------------------

    @contextmanager
    def runtime(self, clock: Clock | None = None) -> Iterator[Runtime]:
        with Runtime(load(str(self.root)), clock) as runtime:
            yield runtime

    def accept(
        self, numbers: Iterable[int], channel: str = "alerts", clock: Clock | None = None, deliver: bool = False
    ) -> list[Document]:
        """Accept events here, one by one; unless told otherwise they stay in the outbox."""
        with self.runtime(clock) as runtime:
            return [accept(runtime, number, channel, deliver) for number in numbers]

    def deliver(self, clock: Clock | None = None, **wanted: Any) -> tuple[Document, list[Heard]]:
        """Deliver here; return the result, and each attempt."""
        with self.runtime(clock) as runtime:
            return deliver(runtime, **wanted)

    def stored(self, count: int, deliver: bool = True, first: int = 0, **more: Any) -> None:
        """Store events a minute apart, number 0 of them of an hour ago, each with a message to #alerts."""
        numbers = range(first, first + count)
        events = [{**envelope(number, **more), "timestamp": ago(minutes=60 - number)} for number in numbers]
        with self.runtime() as runtime:
            emit_all(runtime, self, events, deliver)

    # The store ----------------------------------------------------------------------------------------

    def sql(self, sql: str, *values: Any) -> list[Any]:
        if self.database:
            import psycopg

            with psycopg.connect(self.database, autocommit=True) as shared:
                cursor = shared.execute(sql.replace("?", "%s").encode(), values)
                return cursor.fetchall() if cursor.description else []
        connection = sqlite3.connect(self.store, timeout=60, isolation_level=None)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def statuses(self) -> dict[str, int]:
        return dict(self.sql("SELECT status, count(*) FROM deliveries GROUP BY status"))

    @property
    def delivery(self) -> dict[str, Any]:
        """The only delivery's row."""
        names = ("id", "status", "attempts", "error", "hint", "due_at", "receipt", "lease_by")
        (row,) = self.sql(f"SELECT {', '.join(names)} FROM deliveries")
        return dict(zip(names, row, strict=True))

    def attempts(self) -> list[str]:
        """Return the outcomes of all attempts, in their order for each delivery."""
        return [row[0] for row in self.sql("SELECT outcome FROM attempts ORDER BY delivery, number")]

    @property
    def ids(self) -> list[str]:
        return [id_ for (id_,) in self.sql("SELECT id FROM events ORDER BY seq")]

    def runs(self) -> list[tuple[Any, ...]]:
        """Return (event, number, outcome, whether it is a replay's) of every run."""
        return self.sql("SELECT event, number, outcome, replayed_at IS NOT NULL FROM runs ORDER BY event, number")

    def let_pass(self, seconds: float) -> None:
        """Let time pass for what waits: move the times in the store back."""
        by = int(seconds * 1000)
        self.sql("UPDATE attempts SET at = at - ?", by)
        self.sql("UPDATE deliveries SET due_at = due_at - ? WHERE status IN ('retrying', 'pending')", by)
        self.sql("UPDATE lanes SET free_at = free_at - ?", by)


def accept(runtime: Runtime, number: int, channel: str = "alerts", deliver: bool = False, **more: Any) -> Document:
    return flow.emit(runtime, Raw(TYPE, payload(number, channel), f"key-{number}"), deliver, **more)


def deliver(runtime: Runtime, limit: int | None = None, **wanted: Any) -> tuple[Document, list[Heard]]:
    heard: list[Heard] = []

    def said(row: Claimed | Doubtful, attempt: Attempt) -> None:
        heard.append(Heard(row.id, row.target, attempt.outcome, attempt.status, attempt.error))

    return flow.deliver(runtime, Wanted(**wanted), said, limit), heard


def emit_all(runtime: Runtime, folder: Posting, events: Iterable[Mapping[str, Any]], deliver: bool = False) -> Document:
    """Accept events as a batch."""
    with folder.batch(events).open("rb") as file:
        result = flow.emit_batch(runtime, NdjsonBatch(file, None, "test").chunks(), deliver)
    assert result["rejected"] == 0, result
    return result


def context_line(body: Mapping[str, Any]) -> str:
    """Return the last context line of a message."""
    found = [block for block in body["blocks"] if block["type"] == "context"]
    return str(found[-1]["elements"][0]["text"])


def posted(slack: SlackStandin, channel: str | None = None) -> list[str]:
    """Return the customers of the messages that are in Slack, in their order."""
    found = slack.messages if channel is None else slack.posted_to(channel)
    return [customer(message.body) for message in found]


def customer(body: Mapping[str, Any]) -> str:
    """Return whose event a message is about: its default message has the fields as pairs."""
    (text,) = [
        field["text"].splitlines()[-1]
        for block in body["blocks"]
        for field in block.get("fields", [])
        if "customer_id" in field["text"]
    ]
    return str(text)


def posts(slack: SlackStandin) -> int:
    """Return how many requests to post came in, whatever became of them."""
    return sum(request.method == "chat.postMessage" for request in slack.requests)


def assert_each_once(slack: SlackStandin, count: int) -> None:
    by_delivery = slack.by_delivery()
    twice = {id_: len(messages) for id_, messages in by_delivery.items() if len(messages) > 1}
    assert not twice
    assert len(by_delivery) == len(slack.messages) == count
