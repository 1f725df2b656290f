"""Projects that post to a Slack stand-in, and the program run on them in this process."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli import main
from tests.support.program import Result
from tests.support.standin import Message, SlackStandin

TOKEN = "xoxb-test"
TYPE = "usage.limit_reached"
DESTINATION = '[[destinations]]\nuse = "slack"\nchannel = "#alerts"\n'


class Bench:
    """A project in a folder, a Slack, and the program between them."""

    def __init__(self, root: Path, slack: SlackStandin, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.slack = slack
        self._capsys = capsys
        self.connect()
        self.pipeline(DESTINATION)

    def connect(self, connection: str = "bot", api_url: str | None = None) -> None:
        self.write(
            "ingestlayer.toml",
            f'[slack]\nconnection = "{connection}"\napi_url = "{api_url or self.slack.url}"\npace = "0s"\n'
            '[events]\nundeclared = "accept"\n',
        )

    def pipeline(self, text: str, name: str = "alert") -> None:
        self.write(f"pipelines/{name}.toml", text)

    def message(self, text: str, destination: str = DESTINATION) -> None:
        """Write the pipeline with this `[destinations.message]`."""
        self.pipeline(f"{destination}[destinations.message]\n{text}\n")

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *arguments: str) -> Result:
        self._capsys.readouterr()
        code = main.run(["-C", str(self.root), *arguments])
        out, err = self._capsys.readouterr()
        return Result(int(code), out, err)

    def emit(self, payload: Mapping[str, Any] | None = None, *arguments: str, type_: str = TYPE) -> Result:
        """Run `emit TYPE --data PAYLOAD --json`."""
        self.write("payload.json", json.dumps(payload or {"customer_id": "acme"}))
        return self.run("emit", type_, "--data", f"@{self.root}/payload.json", "--json", *arguments)

    def body(self, payload: Mapping[str, Any] | None = None, type_: str = TYPE) -> dict[str, Any]:
        """Emit an event and return the body of its only message, which Slack must have taken."""
        result = self.emit(payload, type_=type_)
        assert result.code == 0, result
        return self.only.body

    def blocks(self, payload: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = self.body(payload)["blocks"]
        return blocks

    @property
    def only(self) -> Message:
        (message,) = self.slack.messages
        return message

    def rows(self, sql: str) -> list[Any]:
        connection = sqlite3.connect(self.root / ".ingestlayer" / "store.db")
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def change(self, sql: str) -> None:
        """Change the store behind the program's back."""
        with closing(sqlite3.connect(self.root / ".ingestlayer" / "store.db", isolation_level=None)) as connection:
            connection.execute(sql)

    def make_due(self) -> None:
        """Let the time pass that deliveries and channels wait for."""
        connection = sqlite3.connect(self.root / ".ingestlayer" / "store.db", isolation_level=None)
        try:
            connection.execute("UPDATE deliveries SET due_at = 0 WHERE status IN ('pending', 'retrying')")
            connection.execute("UPDATE lanes SET free_at = 0")
        finally:
            connection.close()


def texts(data: Any) -> Iterator[str]:
    """Yield every text object's text below `data`."""
    if isinstance(data, list):
        for item in data:
            yield from texts(item)
    elif isinstance(data, dict):
        if isinstance(data.get("text"), str):
            yield data["text"]
        for value in data.values():
            yield from texts(value)


def all_text(blocks: list[dict[str, Any]]) -> str:
    return "\n".join(texts(blocks))
