"""The types in Python, over HTTP and over the store: what fits the declarations is right for mypy --strict."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from ingestlayer_cli.project import load
from ingestlayer_cli.sdk import python
from tests.support.folder import Folder
from tests.support.node import cached
from tests.support.program import PATIENCE, environment

EVERY = '''
description = """Has \\"\\"\\" and \\\\ in it"""
[fields]
text = { type = "string", description = "What it says" }
level = { enum = [1, 2.5, "three"] }
whole = "integer?"
ok = "boolean"
at = "datetime"
tags = "array?"
more = "object?"
"odd name" = "string?"
class = "string?"
'''
RIGHT = """
from datetime import UTC, datetime

from {module} import IngestError, ingest, ingest_batch
from ingestlayer_sdk.events import EveryField, UsageLimitReached, UsageLimitReachedEvent

usage: UsageLimitReached = {{"customer_id": "acme", "metric": "seats", "limit": 5, "used": 6.5, "plan": "pro"}}
every: EveryField = {{"text": "a", "level": "three", "ok": True, "at": "2026-11-03T09:30:00Z"}}
text: str = str(1)
try:
    result = ingest("usage.limit_reached", usage, idempotency_key="a", timestamp=datetime.now(UTC))
    print(result.status, result.event.id)
except IngestError as error:
    print(error.kind, error.message, error.details)
ingest("every.field", {{**every, "whole": None, "tags": [1], "more": {{"a": 1}}, "odd name": "x", "class": "y"}})
ingest(type="every.field", payload=every)
event: UsageLimitReachedEvent = {{"type": "usage.limit_reached", "payload": usage, "idempotency_key": "a"}}
ingest_batch([event])
ingest_batch((usage for _ in range(2)), type="usage.limit_reached")
"""
WRONG = {
    "a misspelt event": 'ingest("usage.limit_reachd", usage)',
    "any text for an event": "ingest(text, usage)",
    "the payload of another event": 'ingest("every.field", usage)',
    "a field that is missing": 'ingest("usage.limit_reached", {"customer_id": "a", "limit": 5, "used": 6})',
    "a misspelt field": 'ingest("usage.limit_reached", {**usage, "usd": 6})',
    "a text for a number": 'ingest("usage.limit_reached", {**usage, "used": "6"})',
    "a number for a text": 'ingest("usage.limit_reached", {**usage, "customer_id": 6})',
    "None where a value is required": 'ingest("usage.limit_reached", {**usage, "plan": None})',
    "a value that the enum lacks": 'ingest("usage.limit_reached", {**usage, "metric": "api-cals"})',
    "any text for an enum": 'ingest("usage.limit_reached", {**usage, "metric": text})',
    "a text that the enum of mixed values lacks": 'ingest("every.field", {**every, "level": "four"})',
    "a text for a boolean": 'ingest("every.field", {**every, "ok": "true"})',
    "a fraction for a whole number": 'ingest("every.field", {**every, "whole": 1.5})',
    "a datetime in a payload": 'ingest("every.field", {**every, "at": datetime.now(UTC)})',
    "an object for an array": 'ingest("every.field", {**every, "tags": {"a": 1}})',
    "an array for an object": 'ingest("every.field", {**every, "more": [1]})',
    "no payload": 'ingest("usage.limit_reached")',
    "a key that is no keyword": 'ingest("usage.limit_reached", usage, "a")',
    "an option that is none": 'ingest("usage.limit_reached", usage, idempotencyKey="a")',
    "a number for a key": 'ingest("usage.limit_reached", usage, idempotency_key=1)',
    "a number for a timestamp": 'ingest("usage.limit_reached", usage, timestamp=1793698200)',
    "events of another type in a batch": 'ingest_batch([every], type="usage.limit_reached")',
    "payloads without their type in a batch": "ingest_batch([usage])",
    "a misspelt event in a batch": 'ingest_batch([{"type": "usage.limit_reachd", "payload": usage}])',
}
MODULES = {"over_http": "ingestlayer_sdk", "over_store": "ingestlayer_cli"}
ERROR = re.compile(r"^(\w+)\.py:(\d+): error", re.MULTILINE)


class MypyChecked(NamedTuple):
    said: str
    first: int

    def lines(self, name: str) -> set[int]:
        return {int(line) for file, line in ERROR.findall(self.said) if file == name}


@pytest.fixture(scope="module")
def declared(shared: Folder) -> Folder:
    shared.declare("every.field", EVERY)
    return shared


@pytest.fixture(scope="module")
def reported(declared: Folder, tmp_path_factory: pytest.TempPathFactory) -> MypyChecked:
    """Programs over HTTP and over the store, checked in one run, with what is made itself."""
    folder = tmp_path_factory.mktemp("program")
    assert declared.run("sdk", "python", "--out", folder / "sdk").code == 0
    first = 0
    for name, module in MODULES.items():
        text = RIGHT.format(module=module).lstrip()
        first = text.count("\n") + 1
        (folder / f"{name}.py").write_text(text + "\n".join(WRONG.values()) + "\n")
    programs = [f"{name}.py" for name in MODULES]
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cached("mypy")), *programs, "sdk"]
    env = environment({"MYPYPATH": str(folder / "sdk")})
    ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert not ended.stderr, ended.stderr
    return MypyChecked(ended.stdout, first)


@pytest.mark.parametrize("name", MODULES)
def test_what_fits_is_right(reported: MypyChecked, name: str) -> None:
    assert len(WRONG) >= 20
    assert {file for file, _ in ERROR.findall(reported.said)} == {*MODULES}, reported.said
    assert min(reported.lines(name)) == reported.first, reported.said


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_wrong(reported: MypyChecked, name: str, what: str) -> None:
    assert reported.first + list(WRONG).index(what) in reported.lines(name), WRONG[what]


def test_two_events_of_one_name_in_python_are_told_apart(declared: Folder, tmp_path: Path) -> None:
    for type_ in ("a.b", "a_b", "a.b.event", "1.2"):
        declared.declare(type_, '[fields]\nx = "string"\n')
    text = python.files(load(str(declared.root), keep=False))["ingestlayer_sdk/events.py"]
    for type_ in ("a.b", "a_b", "a.b.event", "1.2"):
        (declared.root / "events" / f"{type_}.toml").unlink()
    names = re.findall(r"^class (\w+)\(", text, re.MULTILINE)
    assert len(names) == len({*names})
    compile(text, "events.py", "exec")


def test_where_undeclared_events_are_accepted_any_name_is(declared: Folder) -> None:
    declared.edit("ingestlayer.toml", "[slack]", '[events]\nundeclared = "accept"\n[slack]')
    text = python.files(load(str(declared.root), keep=False))["ingestlayer_sdk/__init__.pyi"]
    assert "    type: str,\n    payload: dict[str, _t.Any],\n" in text
