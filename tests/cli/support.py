"""Running the real program: its script, as a subprocess, without a shell."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from ingestlayer_cli import main
from ingestlayer_cli.commands import settings

PROGRAM = str(Path(sys.executable).parent / "ingestlayer")
USAGE = "usage.limit_reached"
ACME = ("--customer", "acme", "--metric", "api-calls", "--limit", "10000", "--used", "10250", "--plan", "pro")
PAYLOAD = {"customer_id": "acme", "metric": "api-calls", "limit": 10000, "used": 10250, "plan": "pro"}

Argument = str | bytes | Path


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which nothing of the caller's changes what the program does."""
    ours = ("INGESTLAYER_", "_INGESTLAYER", "SLACK_", "COMP_", "PYTHON", "NO_COLOR", "FORCE_COLOR", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "TERM": "dumb", "COLUMNS": "160", "PYTHONWARNINGS": "error", "LC_ALL": "C.UTF-8", **(more or {})}


class Result(NamedTuple):
    """What one call of the program did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error of the one JSON document on stdout."""
        return self.json["error"]


def ingestlayer(
    *arguments: Argument,
    cwd: Path,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> Result:
    """Run the program to its end."""
    done = subprocess.run(
        [PROGRAM, *arguments], cwd=cwd, input=stdin or b"", capture_output=True, env=environment(env), timeout=60
    )
    result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in result.err, result.err
    return result


def start(*arguments: Argument, cwd: Path, **more: Any) -> subprocess.Popen[bytes]:
    """Start the program; its streams are pipes unless `more` says otherwise."""
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen([PROGRAM, *arguments], cwd=cwd, env=environment(), **streams)


class Folder:
    """A project of a test, and the program run inside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = root / ".ingestlayer" / "store.db"

    def run(self, *arguments: Argument, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> Result:
        return ingestlayer(*arguments, cwd=self.root, stdin=stdin, env=env)

    def here(self, *arguments: str) -> Result:
        """Run the program inside this process, for what needs pydantic: loading it takes five times as long."""
        before = vars(settings).copy()
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            try:
                code = main.run(["-C", str(self.root), *arguments])
            finally:
                vars(settings).update(before)
        return Result(int(code), out.getvalue(), err.getvalue())

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
