"""Projects with checks: run in this process under a clock of the test's own, or as the real program."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingestlayer_cli.checks.run import CheckOptions, check
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.project import Project, load
from ingestlayer_cli.system.document import Document
from tests.support.clock import FakeClock, at
from tests.support.folder import Folder

NOVEMBER = at("2026-11-03T09:30:00Z")
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EVENT = """
type = "usage.limit"
[fields]
customer_id = "string"
metric = "string?"
limit = "number?"
used = "number?"
level = "number?"
previous = "number?"
value = "number?"
since = "datetime?"
period = "string?"
check = "string?"
"""
PIPELINE = """
match = ["{type}"]
[[destinations]]
use = "slack"
channel = "#alerts"
"""
TABLE = """
[checks.{name}]
{source}
value = "{value}"
levels = {levels}
key = {key}
emit = "usage.limit"
{more}
"""


def table(
    source: str = 'source = "usage.csv"',
    name: str = "api",
    value: str = "used / limit",
    levels: str = "[0.8, 1.0]",
    key: str = '["customer_id"]',
    more: str = 'period = "month"',
) -> str:
    """Return the TOML of one check."""
    return TABLE.format(source=source, name=name, value=value, levels=levels, key=key, more=more)


class Checked:
    """A project with checks. `clock` stands still unless it is moved."""

    def __init__(self, root: Path, tables: str | None = None) -> None:
        self.root = root
        self.clock = FakeClock(NOVEMBER)
        self.folder = Folder(root)
        self.write("events/usage.limit.toml", EVENT)
        self.write("pipelines/alerts.toml", PIPELINE.format(type="usage.limit"))
        self._project: Project | None = None
        self._shared = ("", "")  # the address of a database, and the schema in it; else the store is a file
        self._tables = table() if tables is None else tables
        self.tables(self._tables)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self._project = None

    def tables(self, text: str) -> None:
        self._tables = text
        schema = self._shared[1]
        store = f'\n[store]\nurl = "env:DATABASE_URL"\nschema = "{schema}"\n' if schema else ""
        self.write("ingestlayer.toml", text + store)

    def share(self, address: str, schema: str) -> None:
        """Put the store into a schema of a PostgreSQL database."""
        self._shared = (address, schema)
        self.tables(self._tables)

    def csv(self, *rows: Sequence[Any], columns: str = "customer_id,used,limit", name: str = "usage.csv") -> None:
        lines = [columns, *(",".join(map(str, row)) for row in rows)]
        (self.root / name).write_text("\n".join(lines) + "\n")

    @property
    def project(self) -> Project:
        if self._project is None:
            self._project = load(str(self.root), keep=False)
        return self._project

    def run(self, name: str = "api", **options: Any) -> Document:
        """Run one check, whatever comes of it."""
        with Runtime(self.project, self.clock) as runtime:
            return check(runtime, self.project.checks[name], CheckOptions(**options))

    def crossed(self, *rows: Sequence[Any], **options: Any) -> list[tuple[str, float]]:
        """Run the check on these rows, else on what is there; return the keys that newly reached a level, with it."""
        if rows:
            self.csv(*rows)
        result = self.run(**options)
        assert "error" not in result, result
        return [(row["key"], row["level"]) for row in result["crossed"]]

    def select(self, sql: str, *values: Any) -> list[Any]:
        address, schema = self._shared
        if address:
            import psycopg

            with psycopg.connect(address, options=f"-c search_path={schema}") as shared:
                return shared.execute(sql.replace("?", "%s").encode(), values).fetchall()
        store = self.root / ".ingestlayer" / "store.db"
        if not store.exists():
            return []
        connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """The stored events: type and payload."""
        return [
            (type_, json.loads(text)) for type_, text in self.select("SELECT type, payload FROM events ORDER BY seq")
        ]

    @property
    def keys(self) -> list[str]:
        """The idempotency keys of the stored events."""
        return [key for (key,) in self.select("SELECT key FROM events ORDER BY seq")]
