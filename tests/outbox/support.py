"""Projects that post to a stand-in for Slack: the real program as processes, and the flow in this one."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Raw
from ingestlayer_cli.project import load
from ingestlayer_cli.store.sqlite.outbox import Attempt, Claimed, Doubtful, Wanted
from ingestlayer_cli.system.clock import Clock
from ingestlayer_cli.system.document import Document
from tests.slack.standin import SlackStandin

ROOT = Path(__file__).parents[2]
PROGRAM = str(Path(sys.executable).parent / "ingestlayer")
TOKEN = "xoxb-test"
TYPE = "usage.limit_reached"
LONG_AGO = 1_577_836_800  # seconds; for files that are not to be taken for just changed
# The channel is the event's plan, so that a test chooses it.
PIPELINE = """
match = ["usage.limit_reached"]
[[destinations]]
use = "slack"
channel = "#$event.plan"
when = "$event.used / $event.limit >= 1"
{more}
"""
Argument = str | Path


def payload(number: int = 0, channel: str = "alerts", used: int = 120) -> dict[str, Any]:
    return {"customer_id": f"c{number}", "metric": "seats", "limit": 100, "used": used, "plan": channel}


def envelope(number: int, channel: str = "alerts", used: int = 120) -> dict[str, Any]:
    """Return an event with an idempotency key of its own."""
    return {"type": TYPE, "payload": payload(number, channel, used), "idempotency_key": f"key-{number}"}


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which nothing of the caller's changes what the program does."""
    ours = ("INGESTLAYER_", "SLACK_", "PYTHON", "NO_COLOR", "FORCE_COLOR", "XDG_", "HTTP", "http", "ALL_PROXY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
    fixed = {"TERM": "dumb", "COLUMNS": "200", "PYTHONWARNINGS": "error", "LC_ALL": "C.UTF-8"}
    return {**kept, **path, **fixed, "SLACK_BOT_TOKEN": TOKEN, **(more or {})}


class Result(NamedTuple):
    """What one call of the program did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The NDJSON on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def delivery(self) -> Any:
        """The only delivery of `emit --json`."""
        (found,) = [delivery for run in self.json["runs"] for delivery in run["deliveries"]]
        return found


class FakeClock(Clock):
    """Stands still; sleeping moves it on."""

    def __init__(self, at: int | None = None) -> None:
        self.at = super().now() if at is None else at

    def now(self) -> int:
        return self.at

    def sleep(self, duration: int) -> None:
        self.at += duration


class Heard(NamedTuple):
    """One attempt, as `deliver` was told of it."""

    id: str
    target: str
    outcome: str
    status: str
    error: str | None


class Folder:
    """A project in a folder, run against a stand-in."""

    def __init__(self, root: Path, slack: SlackStandin | None = None, url: str | None = None) -> None:
        self.root = root
        self.store = root / ".ingestlayer" / "store.db"
        self.url = url or (slack.url if slack else "http://127.0.0.1:9/api/")
        shutil.copytree(ROOT / "examples" / "usage-limits", root, ignore=shutil.ignore_patterns(".ingestlayer"))
        (root / "pipelines" / "usage-limit-hits.toml").unlink()
        self.settings()
        self.pipeline()

    def settings(self, pace: str = "0s", more: str = "", store: str = "") -> None:
        """Write ingestlayer.toml."""
        text = f'[slack]\nconnection = "bot"\napi_url = "{self.url}"\npace = "{pace}"\n{more}\n[store]\n{store}\n'
        self.write("ingestlayer.toml", text)

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

    def start(self, *arguments: Argument, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=self.root,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: Argument, env: Mapping[str, str] | None = None) -> Result:
        return finished(self.start(*arguments, env=env))

    def run_at_once(self, commands: Sequence[Sequence[Argument]]) -> list[Result]:
        """Start all of them, then wait for each."""
        running = [self.start(*command) for command in commands]
        return [finished(process) for process in running]

    def emit(self, number: int = 0, *arguments: Argument, channel: str = "alerts", **more: Any) -> Result:
        """Run `emit --json` with one event."""
        event = envelope(number, channel)
        data = ("--data", json.dumps(event["payload"]), "--key", event["idempotency_key"])
        return self.run("emit", TYPE, *data, "--json", *arguments, **more)

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

    # The store ----------------------------------------------------------------------------------------

    def sql(self, sql: str, *values: Any) -> list[Any]:
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

    def let_pass(self, seconds: float) -> None:
        """Let time pass for what waits: move the times in the store back."""
        by = int(seconds * 1000)
        self.sql("UPDATE attempts SET at = at - ?", by)
        self.sql("UPDATE deliveries SET due_at = due_at - ? WHERE status IN ('retrying', 'pending')", by)
        self.sql("UPDATE lanes SET free_at = free_at - ?", by)


def finished(process: subprocess.Popen[str], timeout: float = 100) -> Result:
    """Wait for a process; kill it when it does not end."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"{process.args!r} did not end: {out} {err}") from None
    assert "Traceback" not in err, err
    return Result(process.returncode, out, err)


def accept(runtime: Runtime, number: int, channel: str = "alerts", deliver: bool = False, **more: Any) -> Document:
    return flow.emit(runtime, Raw(TYPE, payload(number, channel), f"key-{number}"), deliver, **more)


def deliver(runtime: Runtime, limit: int | None = None, **wanted: Any) -> tuple[Document, list[Heard]]:
    heard: list[Heard] = []

    def said(row: Claimed | Doubtful, attempt: Attempt) -> None:
        heard.append(Heard(row.id, row.target, attempt.outcome, attempt.status, attempt.error))

    return flow.deliver(runtime, Wanted(**wanted), said, limit), heard


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


def wait_until(condition: Any, seconds: float = 60) -> None:
    """Wait for something that another process or thread does."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.005)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()
