"""A project in a folder, and the program run inside it."""

import json
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.program import Argument, Result, here, ingestlayer

USAGE = "usage.limit_reached"
ACME = ("--customer", "acme", "--metric", "api-calls", "--limit", "10000", "--used", "10250", "--plan", "pro")
PAYLOAD = {"customer_id": "acme", "metric": "api-calls", "limit": 10000, "used": 10250, "plan": "pro"}


class Folder:
    """A project of a test, and the program run inside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = root / ".ingestlayer" / "store.db"

    def run(self, *arguments: Argument, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> Result:
        return ingestlayer(*arguments, cwd=self.root, stdin=stdin, env=env)

    def here(self, *arguments: str) -> Result:
        """Run the program inside this process."""
        return here(self.root, *arguments)

    def emit(self, *arguments: Argument, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> Result:
        """Run `emit usage.limit_reached …`."""
        return self.run("emit", USAGE, *arguments, stdin=stdin, env=env)

    def accepted(self, *arguments: Argument) -> Any:
        """Run `emit usage.limit_reached … --json`, which must succeed; return its document."""
        result = self.emit(*arguments, "--json")
        assert result.code == 0, result
        return result.json

    def batch(self, lines: bytes | Sequence[Any], *arguments: Argument, name: str = "events.ndjson") -> Result:
        """Write a file and run `emit --batch FILE … --json`."""
        content = lines if isinstance(lines, bytes) else b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        (self.root / name).write_bytes(content)
        return self.run("emit", *arguments, "--batch", name, "--json")

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Read the store; nothing when there is none."""
        if not self.store.exists():
            return []
        connection = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def count(self, table: str) -> int:
        """Count the rows of a table; none while another process is making the store."""
        try:
            rows = self.rows(f"SELECT count(*) FROM {table}")
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return 0
        return int(rows[0][0]) if rows else 0

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text of a file, which must be in it."""
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def declare(self, type_: str, text: str) -> None:
        """Write a declaration; `text` is what follows its type."""
        self.write(f"events/{type_}.toml", f'type = "{type_}"\n{text}')

    def listen(self, type_: str, text: str = "") -> None:
        """Write a pipeline that posts every event of a type to #events."""
        destination = '[[destinations]]\nuse = "slack"\nchannel = "#events"\n'
        self.write(f"pipelines/{type_}.toml", f'match = ["{type_}"]\n{text}\n{destination}')


def copied(template: Path, root: Path) -> Folder:
    """Copy a project with the times of its files, so that its cache stays good."""
    shutil.copytree(template, root)
    return Folder(root)


def envelope(number: int, **more: Any) -> dict[str, Any]:
    """Return the envelope of one event with an idempotency key of its own."""
    payload = {**PAYLOAD, "customer_id": f"customer-{number}", "used": number}
    return {"type": USAGE, "payload": payload, "idempotency_key": f"key-{number}", **more}


def line_of(text: str, part: str) -> int:
    """Return the number of the line on which a part of a text first stands."""
    return text[: text.index(part)].count("\n") + 1
