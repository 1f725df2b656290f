"""What can be said of `[checks.NAME]` before its source is read: its kind, its event, the columns that it needs."""

import csv
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..language.expressions import Node, refs
from ..system.clock import DAY
from ..system.errors import near_miss
from .find import FILE
from .findings import Finding, finding
from .match import matches

if TYPE_CHECKING:
    from .compile import Checker
    from .models import CheckTable

STALE = "check.stale"  # the event that tells of a source that has been silent for too long
FORMS = {".csv": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson"}
SECRET = re.compile(r"(?<![\w:])(?:env|keyring):[\w./-]+", re.ASCII)  # where a text names one
CROSSED = ("check", "level", "previous", "value", "since", "period")  # what every event of a check can have
_STALE_FIELDS = {"check": "string", "since": "datetime", "error": "string"}
_STALE_DECLARATION = {
    "file": "",  # it is nobody's
    "type": STALE,
    "description": "The source of a check has been silent for too long.",
    "fields": [[name, type_, False, None, "", None] for name, type_ in _STALE_FIELDS.items()],
    "key": None,
    "key_refs": [],
    "window": DAY,
    "on_difference": "accept",
    "example": {"check": "api-limits", "since": "2026-11-03T09:30:00Z", "error": "usage.csv cannot be read"},
}


def kind_of(source: str) -> str:
    """Return what a source is: file, stdin, http, sqlite or postgres."""
    if source == "-":
        return "stdin"
    if source.startswith(("http://", "https://")):
        return "http"
    if source.startswith("sqlite:"):
        return "sqlite"
    if source.startswith(("postgresql://", "postgres://", "env:", "keyring:")):
        return "postgres"
    return "file"


def declare(checker: "Checker") -> None:
    """Add the declaration of `check.stale` to a project that has checks and none of its own."""
    if checker.settings is not None and checker.settings.checks:
        checker.declarations.setdefault(STALE, _STALE_DECLARATION)


def check(checker: "Checker") -> None:
    """Report the checks whose events no declaration would take."""
    tables = checker.settings.checks if checker.settings else {}
    for name, table in tables.items():
        if table.emit not in checker.declarations and not checker.undeclared_too:
            near = near_miss(table.emit, checker.declarations) or f": write events/{table.emit}.toml"
            checker.sources[FILE].report(("checks", name, "emit"), f"{table.emit} is not declared{near}", 0)
    own = checker.declarations.get(STALE, _STALE_DECLARATION)
    if tables and own["file"]:
        for field, _, optional, *_ in own["fields"]:
            if not optional and field not in _STALE_FIELDS:
                words = f"{STALE} has {', '.join(_STALE_FIELDS)}: {field} must be optional"
                checker.sources[own["file"]].report(("fields", field), words)


# For `validate` -------------------------------------------------------------------------------------------


def inspect(checker: "Checker") -> Iterator[Finding]:
    """Yield the columns that the files of checks lack, and the silence that nobody would hear of."""
    for name, table in (checker.settings.checks if checker.settings else {}).items():
        columns = _columns(checker.root, table)
        if columns is not None:
            yield from _Columns(checker, name, table, columns).findings()
        if table.stale_after is not None and not any(matches(row["match"], STALE) for row in checker.pipelines):
            words = f'no pipeline matches "{STALE}": nobody would hear of it'
            place = checker.sources[FILE].place(("checks", name, "stale_after"), 0)
            yield finding(place, words, "warning")


def _columns(root: str, table: "CheckTable") -> list[str] | None:
    """Return the columns of a check's CSV; None when it has none that can be read."""
    if table.source is None or kind_of(table.source) != "file" or not table.source.lower().endswith(".csv"):
        return None
    try:
        with open(os.path.join(root, table.source), encoding="utf-8-sig", newline="") as file:
            return next(([cell.strip() for cell in cells] for cells in csv.reader(file) if any(cells)), None)
    except (OSError, ValueError, csv.Error):
        return None


class _Columns:
    """The columns that one check needs, and those that its CSV has."""

    def __init__(self, checker: "Checker", name: str, table: "CheckTable", columns: list[str]) -> None:
        self.checker = checker
        self.source = checker.sources[FILE]
        self.at: tuple[str, str] = ("checks", name)
        self.table = table
        self.columns = columns

    def findings(self) -> Iterator[Finding]:
        table = self.table
        for name, column in table.columns.items():
            if column not in self.columns:
                yield self._lacks(("columns", name), column, 0)
        for index, name in enumerate(table.key):
            if not self._has(name):
                yield self._lacks(("key", index), name, 0)
        for key in ("value", "where"):
            node: Node | None = getattr(table, key)
            for name in dict.fromkeys(".".join(path[1:]) for path in refs(node)) if node else ():
                if not self._has(name):
                    yield self._lacks((key,), name, self.source.offset_of((*self.at, key), name))
        declaration = self.checker.declarations.get(table.emit)
        for field, _, optional, *_ in declaration["fields"] if declaration else ():
            if not optional and field not in CROSSED and not self._has(field):
                near = near_miss(field, self.columns)
                words = f"{table.emit} requires {field}, and {table.source} has no such column{near}"
                remedy = f': map it, columns = {{ {field} = "…" }}'
                yield finding(self.source.place((*self.at, "emit"), 0), words + remedy)

    def _has(self, name: str) -> bool:
        return name in self.table.columns or name in self.columns

    def _lacks(self, at: tuple[str | int, ...], column: str, offset: int) -> Finding:
        near = near_miss(column, [*self.columns, *self.table.columns]) or f": there are {', '.join(self.columns[:20])}"
        return finding(self.source.place((*self.at, *at), offset), f"{self.table.source} has no column {column}{near}")


def problem_of(table: "CheckTable") -> str | None:
    """Say what is wrong with a table that one key alone cannot tell, or None."""
    from math import isfinite

    source = table.source
    if (source is None) == (not table.command):
        return "needs either `source` or `command`"
    kind = "command" if source is None else kind_of(source)
    if not all(map(isfinite, table.levels)) or table.levels != sorted(set(table.levels)):
        return "`levels` are numbers from the lowest to the highest, each once"
    if not isfinite(table.rearm):
        return "`rearm` is a number from 0"
    return _problem_of_source(table, kind, source or "") or _problem_of_secrets(table, kind, source or "")


def _problem_of_source(table: "CheckTable", kind: str, source: str) -> str | None:
    if kind in ("sqlite", "postgres") and table.query is None:
        return "a database needs `query`: what to ask it"
    if kind not in ("sqlite", "postgres") and table.query is not None:
        return "`query` is of a database: sqlite:///FILE or postgresql://…"
    if kind == "sqlite" and not source.startswith("sqlite:///"):
        return "`source` of SQLite is sqlite:///FILE, or sqlite:////FILE with the whole path"
    if kind == "file" and os.path.splitext(source)[1].lower() not in FORMS:
        return f"`source`: there are files ({', '.join(FORMS)}), -, sqlite:///FILE, postgresql://… and https://…"
    if kind != "http" and (table.headers or table.rows or table.next):
        return "`headers`, `rows` and `next` are of an https:// source"
    return None


def _problem_of_secrets(table: "CheckTable", kind: str, source: str) -> str | None:
    from urllib.parse import urlsplit

    if kind in ("postgres", "http"):
        try:
            password = urlsplit(source).password
        except ValueError:
            return "`source` is no address"
        if password:
            remedy = "name a secret that is the address, env:NAME" if kind == "postgres" else "use `headers`"
            return f"the address has a password in it: {remedy}"
    for name, value in table.headers.items():
        if re.search(r"auth|token|key|secret|cookie", name, re.IGNORECASE) and not SECRET.search(value):
            return f"the header {name} must name a secret, env:NAME or keyring:NAME, and never be one"
    return None
