"""Every command over a store in PostgreSQL."""

import json
from pathlib import Path
from typing import Any

from ingestlayer_cli.checks.run import CheckOptions
from ingestlayer_cli.checks.run import check as run_check
from tests.support.posting import TYPE, Posting, envelope, payload
from tests.support.program import Result, here
from tests.support.standin import SlackStandin
from tests.support.wire import Wire

CHECK = """
[checks.quota]
source = "usage.csv"
value = "used / limit"
levels = [0.8, 1.0]
key = ["customer_id", "metric"]
period = "month"
emit = "usage.limit_reached"
"""


def run(shared_posting: Posting, *arguments: str, code: int = 0) -> Result:
    result = here(shared_posting.root, *arguments)
    assert result.code == code, result
    return result


def told(shared_posting: Posting, *arguments: str, code: int = 0) -> Any:
    return run(shared_posting, *arguments, "--json", code=code).json


def batch(shared_posting: Posting, count: int, *arguments: str, code: int = 0) -> Any:
    file = shared_posting.batch([envelope(number) for number in range(count)])
    return told(shared_posting, "emit", "--batch", str(file), *arguments, code=code)


def emit(shared_posting: Posting, number: int, *arguments: str, code: int = 0) -> Any:
    data = ("--data", json.dumps(payload(number)), "--key", f"key-{number}")
    return told(shared_posting, "emit", TYPE, *data, *arguments, code=code)


def test_what_is_emitted_is_posted_once_and_told(shared_posting: Posting, slack: SlackStandin) -> None:
    assert emit(shared_posting, 0)["runs"][0]["deliveries"][0]["status"] == "delivered"
    assert emit(shared_posting, 0)["status"] == "duplicate"
    found = batch(shared_posting, 5)
    assert (found["accepted"], found["duplicates"], found["deliveries"]["delivered"]) == (4, 1, 4)
    assert len(slack.messages) == 5
    assert not (shared_posting.root / ".ingestlayer" / "store.db").exists()
    assert len(run(shared_posting, "events", "list", "--json").out.splitlines()) >= 5
    assert "= delivered to #alerts" in run(shared_posting, "why", "@last").out
    assert "key-4" in run(shared_posting, "events", "show", "@last").out
    assert len(run(shared_posting, "events", "tail").out.splitlines()) == 5
    exported = run(shared_posting, "events", "export").out
    assert len(exported.splitlines()) == 5
    assert "waiting" in run(shared_posting, "status").out
    run(shared_posting, "metrics")


def test_what_waits_is_listed_settled_and_delivered(shared_posting: Posting, slack: SlackStandin) -> None:
    batch(shared_posting, 3, "--no-deliver")
    ids = [json.loads(line)["id"] for line in run(shared_posting, "deliveries", "list", "--json").out.splitlines()]
    assert len(ids) == 3
    run(shared_posting, "deliveries", "show", ids[0])
    assert told(shared_posting, "deliveries", "settle", ids[0], "--dead")["settled"] == [ids[0]]
    assert len(run(shared_posting, "deliver", "--json").out.splitlines()) == 2
    run(shared_posting, "deliveries", "retry", ids[0])
    run(shared_posting, "deliver", "--json")
    assert len(slack.messages) == 3


def test_what_is_stored_is_replayed_backtested_and_forgotten(shared_posting: Posting, slack: SlackStandin) -> None:
    batch(shared_posting, 3)
    assert told(shared_posting, "replay", "--type", TYPE, "--again", "--yes")["deliveries"]["delivered"] == 3
    assert len(slack.messages) == 6
    assert told(shared_posting, "backtest", "--since", "1d")["events"] == 3
    assert told(shared_posting, "store", "info")["rows"]["events"] == 3
    assert (
        told(shared_posting, "store", "prune", "--older-than", "0s", "--trust-clock")["removed"] == 0
    )  # within its window
    run(shared_posting, "store", "vacuum")
    run(shared_posting, "pipelines", "list")
    run(shared_posting, "doctor")


def test_a_check_tells_a_level_once(shared_posting: Posting, slack: SlackStandin) -> None:
    settings = shared_posting.root / "ingestlayer.toml"
    shared_posting.write("ingestlayer.toml", settings.read_text() + CHECK)
    shared_posting.write(
        "usage.csv", "customer_id,metric,limit,used,plan\nc1,seats,100,120,alerts\nc2,seats,100,10,alerts\n"
    )
    found = [told(shared_posting, "check", "quota") for _ in range(2)]
    assert [len(one["checks"][0]["crossed"]) for one in found] == [1, 0]
    assert len(slack.messages) == 1


def test_a_check_locks_its_rows_and_looks_at_them_at_once(shared_posting: Posting, tmp_path: Path) -> None:
    settings = shared_posting.root / "ingestlayer.toml"
    shared_posting.write("ingestlayer.toml", settings.read_text() + CHECK)
    rows = [f"c{number},seats,100,{80 + number % 30},alerts" for number in range(300)]
    shared_posting.write("usage.csv", "\n".join(["customer_id,metric,limit,used,plan", *rows]))
    options = CheckOptions(deliver=False)
    with shared_posting.runtime() as runtime, Wire(runtime.store, tmp_path / "said") as wire:
        said = wire.of(lambda: run_check(runtime, runtime.project.checks["quota"], options))
        assert said.statements < 60, said
    assert shared_posting.statuses() == {"pending": 100}


def test_what_is_known_of_customers_is_set_and_told(shared_posting: Posting) -> None:
    settings = shared_posting.root / "ingestlayer.toml"
    shared_posting.write("customers.csv", "customer_id,name\nacme,Acme\n")
    table = '[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n'
    shared_posting.write("ingestlayer.toml", settings.read_text() + table)
    run(shared_posting, "entities", "set", "customer", "acme", "plan=pro")
    assert told(shared_posting, "entities", "get", "customer", "acme")["values"]["plan"] == "pro"
    rows = shared_posting.write("more.csv", "customer_id,plan\nacme,team\nglobex,free\n")
    assert told(shared_posting, "entities", "import", "customer", str(rows))["new"] == 1
    assert "globex" in run(shared_posting, "entities", "list", "customer").out
