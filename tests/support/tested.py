"""Small projects whose pipelines carry tests."""

import json
import os
import re
from pathlib import Path
from typing import Any

from tests.support import ROOT
from tests.support.folder import Folder
from tests.support.program import Result

SNAPSHOTS = ROOT / "tests" / "commands" / "snapshots"
PROJECT = """
[entities.customer]
file = "customers.csv"
key = "id"
types = { mrr = "number" }
"""
EVENT = """
type = "usage"
[fields]
customer = "string"
used = "number"
limit = "number"
note = "string?"
[example]
customer = "acme"
used = 90
limit = 100
"""
PIPELINE = """match = ["usage"]
[[steps]]
use = "enrich.entity"
kind = "customer"
key = "$event.customer"
[[steps]]
use = "filter"
when = "$event.used > 0"
[[steps]]
use = "dedupe"
key = "$event.customer"
window = "1h"
[[destinations]]
use = "slack"
channel = "#alerts"
when = "$event.used >= $event.limit"
[destinations.message]
title = "$entity.customer.name is out"
text = "$event.used of $event.limit on ${event.received_at | date}: $event.note"
fields = { Used = "$event.used", MRR = "$entity.customer.mrr" }
buttons = [{ text = "Open", url = "https://crm.example/$event.customer" }]
[[destinations]]
use = "slack"
channel = "#growth"
"""


def make(root: Path) -> Folder:
    """Write a project with one pipeline, `alert`."""
    project = Folder(root)
    project.write("ingestlayer.toml", PROJECT)
    project.write("customers.csv", "id,name,mrr\nacme,Acme Inc,1900\nzeta,Zeta,10\n")
    project.write("events/usage.toml", EVENT)
    project.write("pipelines/alert.toml", PIPELINE)
    return project


def event(used: float = 120, **more: Any) -> str:
    """Return the TOML of an event; `more` are keys beside its payload."""
    beside = "".join(f", {name} = {json.dumps(value)}" for name, value in more.items())
    return f'{{ type = "usage", payload = {{ customer = "acme", used = {used}, limit = 100 }}{beside} }}'


def write_test(project: Folder, expect: str, given: str | None = None, name: str = "a test", more: str = "") -> None:
    """Give the pipeline this one test."""
    given = f"event = {event()}" if given is None else given
    text = f"{PIPELINE}[[tests]]\nname = '{name}'\n{given}\n{more}\nexpect = {{ {expect} }}\n"
    project.write("pipelines/alert.toml", text)


def only(result: Result) -> Any:
    """Return the one test of a `--json` document."""
    (test,) = result.json["tests"]
    return test


def failures(project: Folder, *arguments: str) -> dict[str, tuple[str, str]]:
    """Run `test --json` and return the only test's failures: what was expected and what came."""
    result = project.here("test", "--json", *arguments)
    found = only(result)["failures"]
    assert result.code == bool(found), result
    return {failure["expectation"]: (failure["expected"], failure["got"]) for failure in found}


def matches_snapshot(room: str, name: str, text: str) -> bool:
    """Whether the text is the stored one, ids, versions and durations left aside; UPDATE_SNAPSHOTS=1 writes it anew."""
    text = re.sub(r"evt_(?!0{20})\w{26}", "evt_" + "0" * 26, text)
    text = re.sub(r"in \d+\.\d\d s\b", "in 0.04 s", text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "0123456789ab", text)
    path = SNAPSHOTS / room / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(text)
    return path.is_file() and path.read_text(encoding="utf-8") == text


def tree(root: Path) -> dict[str, bytes]:
    """Return every file below a folder with its content."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
