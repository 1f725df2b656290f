"""What every command prints with --json is what its type says, in every variety."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ingestlayer_cli import main
from ingestlayer_cli.app import app
from ingestlayer_cli.commands import settings
from ingestlayer_cli.model.documents import events
from ingestlayer_cli.model.documents.schema import DOCUMENTS, schema_of
from ingestlayer_cli.model.events import ENVELOPE
from tests.support.standin import RateLimited, SlackStandin, Webhook

TYPE = "usage.limit_reached"
PROJECT = """
[slack]
connection = "bot"
api_url = "{url}"
pace = "0s"
[entities.customer]
file = "customers.csv"
key = "customer_id"
[checks.limits]
source = "usage.csv"
value = "used / limit"
key = ["customer_id"]
levels = [0.8, 1]
emit = "usage.limit_reached"
[checks.gone]
source = "gone.csv"
value = "used / limit"
key = ["customer_id"]
levels = [1]
emit = "usage.limit_reached"
stale_after = "1ms"
"""
EVENT = f"""
type = "{TYPE}"
[fields]
customer_id = "string"
used = "number"
limit = "number"
[idempotency]
on_difference = "reject"
[example]
customer_id = "acme"
used = 11
limit = 10
"""
PIPELINE = """
match = ["usage.limit_reached"]
description = "Who is over the line."
[[steps]]
use = "filter"
when = "$event.used > 0"
[[steps]]
use = "enrich.entity"
kind = "customer"
key = "$event.customer_id"
[[steps]]
use = "upsert.entity"
kind = "customer"
external_id = "$event.customer_id"
traits = { used = "$event.used" }
[[destinations]]
use = "slack"
channel = "#alerts"
thread = "$event.customer_id"
[destinations.message]
title = "$event.customer_id"
[[destinations]]
use = "slack"
channel = "#never"
when = "$event.used < 0"
[[tests]]
name = "it goes to #alerts"
event = { from_example = "usage.limit_reached" }
expect = { channels = ["#alerts"] }
[[tests]]
name = "it goes elsewhere"
event = { from_example = "usage.limit_reached" }
expect = { channels = ["#elsewhere"] }
"""


class Bench:
    """A project, the program run on it in this process, and which documents were seen."""

    def __init__(self, root: Path, slack: SlackStandin, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.slack = slack
        self._capsys = capsys
        self.write("ingestlayer.toml", PROJECT.format(url=slack.url))
        self.write(f"events/{TYPE}.toml", EVENT)
        self.write("pipelines/limits.toml", PIPELINE)
        self.write("customers.csv", "customer_id,plan\nacme,pro\nacme,free\nhooli,team\n")
        self.write("usage.csv", "customer_id,used,limit\nacme,9,10\nhooli,x,10\nglobex,1,10\n")

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *arguments: str) -> tuple[int, str]:
        self._capsys.readouterr()
        code = main.run(["-C", str(self.root), *arguments, "--json"])
        return int(code), self._capsys.readouterr().out

    def document(self, name: str, *arguments: str, code: int = 0) -> Any:
        """Run a command whose one document must be as the type of this name has it."""
        got, out = self.run(*arguments)
        assert got == code, out
        document = json.loads(out)
        check(name, document)
        return document

    def lines(self, name: str, *arguments: str, code: int = 0) -> list[Any]:
        """Run a command that prints a document a line, one at least."""
        got, out = self.run(*arguments)
        assert got == code, out
        found = [json.loads(line) for line in out.splitlines()]
        assert found
        for document in found:
            check(name, document)
        return found

    def emit(self, customer: str = "acme", *arguments: str, code: int = 0, used: int = 11) -> Any:
        given = (f"customer_id={customer}", f"used:={used}", "limit:=10")
        return self.document("emit", "emit", TYPE, *given, *arguments, code=code)

    def conflict(self, key: str) -> None:
        """Emit another event under a key that is taken."""
        self.document("error", "emit", TYPE, "customer_id=acme", "used:=12", "limit:=10", "--key", key, code=65)


def check(name: str, document: Any) -> None:
    """Compare a document with its type; an assertion says where they differ, the schema itself is long."""
    errors = Draft202012Validator(schema_of(name)).iter_errors(document)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(settings, "project", None)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-test")
    with SlackStandin() as slack:
        yield Bench(tmp_path / "project", slack, capsys)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_schema_is_one_and_allows_nothing_beside(name: str) -> None:
    Draft202012Validator.check_schema(schema_of(name))
    if name != "slack manifest":  # it is Slack's
        with pytest.raises(AssertionError):
            check(name, {"nobody": "has this"})


def test_every_command_has_its_document() -> None:
    from typer.main import get_command

    def names(command: Any, start: str) -> Iterator[str]:
        for name, inner in getattr(command, "commands", {}).items():
            if getattr(inner, "commands", None):
                yield from names(inner, f"{start}{name} ")
            else:
                yield f"{start}{name}"

    known = {name.removesuffix(" *") for name in DOCUMENTS}
    assert set(names(get_command(app), "")) <= known


def test_the_envelope_has_the_names_of_its_document() -> None:
    assert tuple(events.EventDocument.__annotations__) == ENVELOPE


# Events ---------------------------------------------------------------------------------------------------


def test_emit(bench: Bench) -> None:
    accepted = bench.emit("acme", "--key", "k")
    assert accepted["runs"][0]["deliveries"][0]["status"] == "delivered"
    assert bench.emit("acme", "--key", "k")["status"] == "duplicate"
    bench.conflict("k")
    dropped = bench.emit("acme", used=0)
    assert dropped["runs"][0]["outcome"] == "dropped"
    bench.slack.script_method("chat.postMessage", RateLimited(60))
    assert bench.emit("hooli", code=75)["runs"][0]["deliveries"][0]["status"] == "retrying"


def test_a_run_that_failed(bench: Bench) -> None:
    (bench.root / "customers.csv").unlink()
    failed = bench.emit(code=78)
    assert failed["runs"][0]["outcome"] == "failed"
    assert failed["runs"][0]["retry_at"]
    assert bench.document("events show", "events", "show", "@last")["unfinished"][0]["retry_at"]
    assert "run again" in bench.document("why", "why", "@last")["summary"]
    assert bench.document("check", "check", "limits", code=78)["checks"][0]["unfinished"] == 1
    assert bench.document("check", "check", "limits", code=78)["checks"][0]["highest"][0]["state"] == "unfinished"
    bench.document("preview", "preview", TYPE, code=78)
    bench.write("customers.csv", "customer_id,plan\nacme,pro\n")
    assert [
        row["outcome"] for row in bench.lines("deliver *", "deliver") if "outcome" in row and "pipeline" in row
    ] == [
        "queued",
        "queued",
    ]


def test_a_batch(bench: Bench) -> None:
    good = {"type": TYPE, "payload": {"customer_id": "acme", "used": 11, "limit": 10}, "idempotency_key": "k"}
    lines = [json.dumps(good), json.dumps(good), "no JSON", json.dumps({"type": TYPE, "payload": {}})]
    file = bench.write("batch.ndjson", "\n".join(lines))
    result = bench.document("emit --batch", "emit", "--batch", str(file), code=65)
    assert (result["accepted"], result["duplicates"], result["rejected"]) == (1, 1, 2)


def test_previews(bench: Bench) -> None:
    shown = bench.document("preview", "preview", TYPE)
    assert shown["runs"][0]["messages"][0]["thread"] == "acme"
    bench.document("preview", "preview", TYPE, "customer_id=acme", "used:=0", "limit:=1")
    event = bench.emit()["event"]["id"]
    bench.document("preview", "preview", "--event", event)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("emit", "no.such"), 65),
        (("emit", TYPE, "used:=many"), 65),
        (("emit", "--nonsense"), 2),
        (("events", "show", "evt_none"), 2),
        (("pipelines", "show", "none"), 2),
        (("entities", "get", "customer", "none"), 1),
        (("deliveries", "settle", "dlv_none", "--dead"), 2),
        (("check", "none"), 2),
        (("nothing",), 2),
    ],
)
def test_errors(bench: Bench, arguments: tuple[str, ...], code: int) -> None:
    bench.document("error", *arguments, code=code)


def test_explain(bench: Bench) -> None:
    assert bench.document("explain", "explain", "store")["topics"][0]["keys"]


def test_a_project_that_is_broken(bench: Bench) -> None:
    bench.write("ingestlayer.toml", "nonsense = 1\n")
    assert bench.document("error", "emit", TYPE, code=78)["error"]["details"]
    assert bench.document("validate", "validate", code=1)["problems"]


def test_stored_events(bench: Bench) -> None:
    event = bench.emit()["event"]["id"]
    bench.emit("acme", "--key", "of mine", used=0)
    bench.lines("events list *", "events", "list")
    bench.document("events show", "events", "show", event)
    tailed = bench.lines("events tail *", "events", "tail")
    assert [outcome["status"] for line in tailed for outcome in line["outcomes"]] == ["delivered", "dropped"]
    bench.document("events export", "events", "export", str(bench.root / "all.ndjson"))


def test_why(bench: Bench) -> None:
    first = bench.emit("acme", "--key", "k")
    bench.emit("acme", "--key", "k")
    bench.conflict("k")
    story = bench.document("why", "why", "k")
    assert (story["asked"], story["accepted"]["duplicates"], len(story["accepted"]["conflicts"])) == (
        {"key": "k"},
        1,
        1,
    )
    bench.document("why", "why", first["runs"][0]["deliveries"][0]["id"])
    bench.document("replay", "replay", first["event"]["id"], "--again", "--yes")
    assert len(bench.document("why", "why", first["event"]["id"])["pipelines"][0]["runs"]) == 2
    assert bench.document("why", "why", "--refused")["status"] == "refused"
    bench.lines("events list --refused *", "events", "list", "--refused")
    bench.document("pipelines pause", "pipelines", "pause", "limits")
    silent = bench.emit("hooli")["event"]["id"]
    assert bench.document("why", "why", silent)["pipelines"][0]["why_not"]


def test_why_of_somebody(bench: Bench) -> None:
    bench.emit()
    bench.emit(used=0)
    bench.conflict(bench.emit("acme", "--key", "k")["event"]["idempotency_key"])
    bench.run("check", "limits", "-q")
    story = bench.document("why", "why", "acme")
    assert (story["status"], len(story["found"])) == ("found", 5)
    known = {row["check"]: row for row in story["checks"]}
    assert len(known["limits"]["held"]) == len(known["limits"]["rows"]) == 1
    assert known["gone"]["error"]


def test_replays_and_backtests(bench: Bench) -> None:
    event = bench.emit()["event"]["id"]
    assert bench.document("replay", "replay", event, "--again", "--dry-run")["messages"] == {"#alerts": 1}
    bench.document("replay", "replay", event, "--yes")
    bench.write("pipelines/limits.toml", PIPELINE.replace("#alerts", "#limits"))
    assert bench.document("backtest", "backtest", "--since", "1d")["changes"]
    assert bench.document("backtest", "backtest", "--since", "1d", "--diff")["changes"][0]


# Deliveries -----------------------------------------------------------------------------------------------


def test_the_outbox(bench: Bench) -> None:
    waiting = bench.emit("acme", "--no-deliver")["runs"][0]["deliveries"][0]["id"]
    bench.lines("deliveries list *", "deliveries", "list")
    bench.document("deliveries show", "deliveries", "show", waiting)
    assert bench.lines("deliver *", "deliver")[0]["status"] == "delivered"
    assert bench.document("deliveries show", "deliveries", "show", waiting)["receipt"]
    bench.slack.script_method("chat.postMessage", RateLimited(60))
    other = bench.emit("hooli", code=75)["runs"][0]["deliveries"][0]["id"]
    assert bench.document("deliveries retry", "deliveries", "retry", other)["retrying"] == 1
    bench.document("deliveries settle", "deliveries", "settle", other, "--dead")
    assert bench.document("deliveries show", "deliveries", "show", other)["attempts_made"]


# Checks ---------------------------------------------------------------------------------------------------


def test_checks(bench: Bench) -> None:
    foreseen = bench.document("check", "check", "limits", "--dry-run")["checks"][0]
    assert foreseen["crossed"][0]["event"] is None
    told = bench.document("check", "check", "limits")["checks"][0]
    assert (told["emitted"], told["problem_count"]) == (1, 1)
    assert bench.document("check", "check", "limits")["checks"][0]["known"] == 1
    gone = bench.document("check", "check", "gone", code=75)["checks"][0]
    assert gone["error"]["kind"]


def test_a_check_whose_event_is_refused(bench: Bench) -> None:
    bench.write(
        f"events/{TYPE}.toml", EVENT.replace("[fields]\n", '[fields]\nplan = "string"\n').partition("[example]")[0]
    )
    (checked,) = bench.document("check", "check", "limits", code=65)["checks"]
    assert checked["rejects"]


def test_a_source_that_is_silent_for_too_long(bench: Bench) -> None:
    bench.write("gone.csv", "customer_id,used,limit\nacme,9,10\n")
    (checked,) = bench.document("check", "check", "gone", code=75)["checks"]
    assert checked["stale"]["event"]


# A project ------------------------------------------------------------------------------------------------


def test_a_project_from_a_recipe(bench: Bench) -> None:
    made = bench.document("init", "init", str(bench.root / "new"), "--recipe", "user-signups")
    assert "ingestlayer.toml" in made["created"]
    bench.document("recipes", "recipes")
    bench.document("recipes NAME", "recipes", "user-signups")


def test_a_project_from_a_table(bench: Bench) -> None:
    arguments = (
        "init",
        str(bench.root / "new"),
        "--from",
        str(bench.root / "usage.csv"),
        "--customers",
        "none",
        "--yes",
    )
    made = bench.document("init --from", *arguments)
    assert made["check"]["crossed"]


def test_validate_and_test(bench: Bench) -> None:
    assert {row["severity"] for row in bench.document("validate", "validate", code=1)["problems"]} == {
        "error",
        "warning",
    }
    told = bench.document("test", "test", code=1)
    bench.emit()
    (captured,) = bench.document("capture", "capture", "@last")["tests"]
    assert captured["line"]
    assert [test["outcome"] for test in told["tests"]] == ["passed", "failed"]


def test_pipelines(bench: Bench) -> None:
    bench.document("pipelines list", "pipelines", "list")
    bench.emit()
    assert bench.document("pipelines list", "pipelines", "list")["pipelines"][0]["last_24h"]["queued"] == 1
    assert bench.document("pipelines show", "pipelines", "show", "limits")["versions"]
    version = bench.document("pipelines diff", "pipelines", "diff", "limits")["version"]
    assert bench.document("pipelines show --version", "pipelines", "show", "limits", "--version", version)["text"]
    bench.document("pipelines restore", "pipelines", "restore", "limits", version)
    bench.document("pipelines pause", "pipelines", "pause", "limits")
    assert "paused" in bench.document("pipelines list", "pipelines", "list")["pipelines"][0]
    bench.document("pipelines resume", "pipelines", "resume", "limits")


def test_doctor(bench: Bench) -> None:
    code, out = bench.run("doctor")
    check("doctor", json.loads(out))
    assert code in (0, 1)  # of the machine


def test_status(bench: Bench) -> None:
    bench.emit("hooli", "--no-deliver")
    bench.run("check")
    bench.run("deliver")
    found = bench.document("status", "status", code=1)
    assert all(found[name] for name in ("troubles", "checks", "deliver", "pipelines", "connections", "messages"))


def test_metrics(bench: Bench) -> None:
    bench.emit()
    assert bench.document("metrics", "metrics")["metrics"]


@pytest.mark.parametrize("language", ["typescript", "python"])
def test_clients(bench: Bench, language: str) -> None:
    out = str(bench.root / "client")
    assert bench.document(f"sdk {language}", "sdk", language, "--out", out)["written"]
    assert bench.document(f"sdk {language}", "sdk", language, "--out", out, "--check")["stale"] == []


def test_the_openapi_document(bench: Bench) -> None:
    assert bench.document("sdk openapi", "sdk", "openapi")["openapi"] == "3.1.0"
    assert bench.document("sdk openapi --out", "sdk", "openapi", "--out", f"{bench.root}/o.json")["written"] == [
        "o.json"
    ]


def test_the_store(bench: Bench) -> None:
    bench.emit()
    bench.emit("hooli", "--no-deliver")
    assert bench.document("store info", "store", "info")["oldest_waiting"]
    bench.document("store prune", "store", "prune", "--older-than", "1d")
    bench.document("store vacuum", "store", "vacuum")


def test_keys(bench: Bench) -> None:
    made = bench.document("keys create", "keys", "create", "shop", "--types", "usage.*", "--expires", "90d")
    assert made["key"].startswith("il_")
    assert bench.document("keys list", "keys", "list")["keys"]
    assert bench.document("keys revoke", "keys", "revoke", "shop")["status"] == "revoked"


# Entities -------------------------------------------------------------------------------------------------


def test_entities(bench: Bench) -> None:
    assert bench.document("entities get", "entities", "get", "customer", "acme")["file"]["duplicates"]
    changed = bench.document("entities set", "entities", "set", "customer", "acme", "plan=team", "mrr:=1")
    assert [row["name"] for row in changed["changed"]] == ["plan", "mrr"]
    traits = bench.document("entities get", "entities", "get", "customer", "acme")["traits"]
    assert any(trait["over"] for trait in traits)
    bench.document("entities set", "entities", "set", "customer", "acme", "--unset", "mrr")
    bench.document("entities list", "entities", "list")
    bench.lines("entities list KIND *", "entities", "list", "customer")
    file = bench.write("more.csv", "customer_id,plan\nacme,enterprise\nnew,free\n,free\n")
    told = bench.document("entities import", "entities", "import", "customer", str(file), code=65)
    assert (told["new"], told["changed"], told["rejected"]) == (1, 1, 1)
    bench.document("entities import", "entities", "import", "customer", str(file), "--dry-run", code=65)


# Slack ----------------------------------------------------------------------------------------------------


def test_slack(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.lines("slack channels *", "slack", "channels")
    assert bench.document("slack test", "slack", "test", "#alerts")["permalink"]
    code, out = bench.run("slack", "status")
    check("slack status", json.loads(out))
    assert code in (0, 1)
    bench.document("slack manifest", "slack", "manifest")
    bench.document("error", "slack", "test", "#nowhere", code=1)


def test_connecting_by_a_token_and_by_a_webhook(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def stdin(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    monkeypatch.delenv("SLACK_BOT_TOKEN")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    stdin("xoxb-test")
    assert bench.document("slack connect", "slack", "connect", "--token-stdin")["team"]
    bench.document("slack disconnect", "slack", "disconnect")
    bench.slack.webhooks["T000/B000/X"] = Webhook("alerts")
    stdin(f"{bench.slack.base}/services/T000/B000/X")
    assert bench.document("slack connect", "slack", "connect", "--webhook-stdin")["bot"] is None
    bench.document("slack test", "slack", "test", "#alerts")
