"""What every command prints with --json is what its type says, in every variety."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ingestlayer_cli.app import app
from ingestlayer_cli.commands import settings
from ingestlayer_cli.model.documents import events
from ingestlayer_cli.model.documents.schema import DOCUMENTS, schema_of
from ingestlayer_cli.model.events import ENVELOPE
from tests.support.folder import Folder
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


class Documented(Folder):
    """A project, and the program run on it in this process, whose documents are compared with their types."""

    def __init__(self, root: Path, slack: SlackStandin) -> None:
        super().__init__(root)
        self.slack = slack
        self.write("ingestlayer.toml", PROJECT.format(url=slack.url))
        self.write(f"events/{TYPE}.toml", EVENT)
        self.write("pipelines/limits.toml", PIPELINE)
        self.write("customers.csv", "customer_id,plan\nacme,pro\nacme,free\nhooli,team\n")
        self.write("usage.csv", "customer_id,used,limit\nacme,9,10\nhooli,x,10\nglobex,1,10\n")

    def document(self, name: str, *arguments: str, code: int = 0) -> Any:
        """Run a command whose one document must be as the type of this name has it."""
        result = self.here(*arguments, "--json")
        assert result.code == code, result
        document = result.json
        check(name, document)
        return document

    def lines(self, name: str, *arguments: str, code: int = 0) -> list[Any]:
        """Run a command that prints a document a line, one at least."""
        result = self.here(*arguments, "--json")
        assert result.code == code, result
        found = result.lines
        assert found
        for document in found:
            check(name, document)
        return found

    def emitted(self, customer: str = "acme", *arguments: str, code: int = 0, used: int = 11) -> Any:
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
def documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Documented]:
    monkeypatch.setattr(settings, "project", None)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-test")
    with SlackStandin() as slack:
        yield Documented(tmp_path / "project", slack)


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


def test_emit(documented: Documented) -> None:
    accepted = documented.emitted("acme", "--key", "k")
    assert accepted["runs"][0]["deliveries"][0]["status"] == "delivered"
    assert documented.emitted("acme", "--key", "k")["status"] == "duplicate"
    documented.conflict("k")
    dropped = documented.emitted("acme", used=0)
    assert dropped["runs"][0]["outcome"] == "dropped"
    documented.slack.script_method("chat.postMessage", RateLimited(60))
    assert documented.emitted("hooli", code=75)["runs"][0]["deliveries"][0]["status"] == "retrying"


def test_a_run_that_failed(documented: Documented) -> None:
    (documented.root / "customers.csv").unlink()
    failed = documented.emitted(code=78)
    assert failed["runs"][0]["outcome"] == "failed"
    assert failed["runs"][0]["retry_at"]
    assert documented.document("events show", "events", "show", "@last")["unfinished"][0]["retry_at"]
    assert "run again" in documented.document("why", "why", "@last")["summary"]
    assert documented.document("check", "check", "limits", code=78)["checks"][0]["unfinished"] == 1
    assert documented.document("check", "check", "limits", code=78)["checks"][0]["highest"][0]["state"] == "unfinished"
    documented.document("preview", "preview", TYPE, code=78)
    documented.write("customers.csv", "customer_id,plan\nacme,pro\n")
    assert [
        row["outcome"] for row in documented.lines("deliver *", "deliver") if "outcome" in row and "pipeline" in row
    ] == [
        "queued",
        "queued",
    ]


def test_a_batch(documented: Documented) -> None:
    good = {"type": TYPE, "payload": {"customer_id": "acme", "used": 11, "limit": 10}, "idempotency_key": "k"}
    lines = [json.dumps(good), json.dumps(good), "no JSON", json.dumps({"type": TYPE, "payload": {}})]
    file = documented.write("batch.ndjson", "\n".join(lines))
    result = documented.document("emit --batch", "emit", "--batch", str(file), code=65)
    assert (result["accepted"], result["duplicates"], result["rejected"]) == (1, 1, 2)


def test_previews(documented: Documented) -> None:
    shown = documented.document("preview", "preview", TYPE)
    assert shown["runs"][0]["messages"][0]["thread"] == "acme"
    documented.document("preview", "preview", TYPE, "customer_id=acme", "used:=0", "limit:=1")
    event = documented.emitted()["event"]["id"]
    documented.document("preview", "preview", "--event", event)


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
def test_errors(documented: Documented, arguments: tuple[str, ...], code: int) -> None:
    documented.document("error", *arguments, code=code)


def test_explain(documented: Documented) -> None:
    assert documented.document("explain", "explain", "store")["topics"][0]["keys"]


def test_a_project_that_is_broken(documented: Documented) -> None:
    documented.write("ingestlayer.toml", "nonsense = 1\n")
    assert documented.document("error", "emit", TYPE, code=78)["error"]["details"]
    assert documented.document("validate", "validate", code=1)["problems"]


def test_stored_events(documented: Documented) -> None:
    event = documented.emitted()["event"]["id"]
    documented.emitted("acme", "--key", "of mine", used=0)
    documented.lines("events list *", "events", "list")
    documented.document("events show", "events", "show", event)
    tailed = documented.lines("events tail *", "events", "tail")
    assert [outcome["status"] for line in tailed for outcome in line["outcomes"]] == ["delivered", "dropped"]
    documented.document("events export", "events", "export", str(documented.root / "all.ndjson"))


def test_why(documented: Documented) -> None:
    first = documented.emitted("acme", "--key", "k")
    documented.emitted("acme", "--key", "k")
    documented.conflict("k")
    story = documented.document("why", "why", "k")
    assert (story["asked"], story["accepted"]["duplicates"], len(story["accepted"]["conflicts"])) == (
        {"key": "k"},
        1,
        1,
    )
    documented.document("why", "why", first["runs"][0]["deliveries"][0]["id"])
    documented.document("replay", "replay", first["event"]["id"], "--again", "--yes")
    assert len(documented.document("why", "why", first["event"]["id"])["pipelines"][0]["runs"]) == 2
    assert documented.document("why", "why", "--refused")["status"] == "refused"
    documented.lines("events list --refused *", "events", "list", "--refused")
    documented.document("pipelines pause", "pipelines", "pause", "limits")
    silent = documented.emitted("hooli")["event"]["id"]
    assert documented.document("why", "why", silent)["pipelines"][0]["why_not"]


def test_why_of_somebody(documented: Documented) -> None:
    documented.emitted()
    documented.emitted(used=0)
    documented.conflict(documented.emitted("acme", "--key", "k")["event"]["idempotency_key"])
    documented.here("check", "limits", "-q")
    story = documented.document("why", "why", "acme")
    assert (story["status"], len(story["found"])) == ("found", 5)
    known = {row["check"]: row for row in story["checks"]}
    assert len(known["limits"]["held"]) == len(known["limits"]["rows"]) == 1
    assert known["gone"]["error"]


def test_replays_and_backtests(documented: Documented) -> None:
    event = documented.emitted()["event"]["id"]
    assert documented.document("replay", "replay", event, "--again", "--dry-run")["messages"] == {"#alerts": 1}
    documented.document("replay", "replay", event, "--yes")
    documented.write("pipelines/limits.toml", PIPELINE.replace("#alerts", "#limits"))
    assert documented.document("backtest", "backtest", "--since", "1d")["changes"]
    assert documented.document("backtest", "backtest", "--since", "1d", "--diff")["changes"][0]


# Deliveries -----------------------------------------------------------------------------------------------


def test_the_outbox(documented: Documented) -> None:
    waiting = documented.emitted("acme", "--no-deliver")["runs"][0]["deliveries"][0]["id"]
    documented.lines("deliveries list *", "deliveries", "list")
    documented.document("deliveries show", "deliveries", "show", waiting)
    assert documented.lines("deliver *", "deliver")[0]["status"] == "delivered"
    assert documented.document("deliveries show", "deliveries", "show", waiting)["receipt"]
    documented.slack.script_method("chat.postMessage", RateLimited(60))
    other = documented.emitted("hooli", code=75)["runs"][0]["deliveries"][0]["id"]
    assert documented.document("deliveries retry", "deliveries", "retry", other)["retrying"] == 1
    documented.document("deliveries settle", "deliveries", "settle", other, "--dead")
    assert documented.document("deliveries show", "deliveries", "show", other)["attempts_made"]


# Checks ---------------------------------------------------------------------------------------------------


def test_checks(documented: Documented) -> None:
    foreseen = documented.document("check", "check", "limits", "--dry-run")["checks"][0]
    assert foreseen["crossed"][0]["event"] is None
    told = documented.document("check", "check", "limits")["checks"][0]
    assert (told["emitted"], told["problem_count"]) == (1, 1)
    assert documented.document("check", "check", "limits")["checks"][0]["known"] == 1
    gone = documented.document("check", "check", "gone", code=75)["checks"][0]
    assert gone["error"]["kind"]


def test_a_check_whose_event_is_refused(documented: Documented) -> None:
    documented.write(
        f"events/{TYPE}.toml", EVENT.replace("[fields]\n", '[fields]\nplan = "string"\n').partition("[example]")[0]
    )
    (checked,) = documented.document("check", "check", "limits", code=65)["checks"]
    assert checked["rejects"]


def test_a_source_that_is_silent_for_too_long(documented: Documented) -> None:
    documented.write("gone.csv", "customer_id,used,limit\nacme,9,10\n")
    (checked,) = documented.document("check", "check", "gone", code=75)["checks"]
    assert checked["stale"]["event"]


# A project ------------------------------------------------------------------------------------------------


def test_a_project_from_a_recipe(documented: Documented) -> None:
    made = documented.document("init", "init", str(documented.root / "new"), "--recipe", "user-signups")
    assert "ingestlayer.toml" in made["created"]
    documented.document("recipes", "recipes")
    documented.document("recipes NAME", "recipes", "user-signups")


def test_a_project_from_a_table(documented: Documented) -> None:
    arguments = (
        "init",
        str(documented.root / "new"),
        "--from",
        str(documented.root / "usage.csv"),
        "--customers",
        "none",
        "--yes",
    )
    made = documented.document("init --from", *arguments)
    assert made["check"]["crossed"]


def test_validate_and_test(documented: Documented) -> None:
    assert {row["severity"] for row in documented.document("validate", "validate", code=1)["problems"]} == {
        "error",
        "warning",
    }
    told = documented.document("test", "test", code=1)
    documented.emitted()
    (captured,) = documented.document("capture", "capture", "@last")["tests"]
    assert captured["line"]
    assert [test["outcome"] for test in told["tests"]] == ["passed", "failed"]


def test_pipelines(documented: Documented) -> None:
    documented.document("pipelines list", "pipelines", "list")
    documented.emitted()
    assert documented.document("pipelines list", "pipelines", "list")["pipelines"][0]["last_24h"]["queued"] == 1
    assert documented.document("pipelines show", "pipelines", "show", "limits")["versions"]
    version = documented.document("pipelines diff", "pipelines", "diff", "limits")["version"]
    assert documented.document("pipelines show --version", "pipelines", "show", "limits", "--version", version)["text"]
    documented.document("pipelines restore", "pipelines", "restore", "limits", version)
    documented.document("pipelines pause", "pipelines", "pause", "limits")
    assert "paused" in documented.document("pipelines list", "pipelines", "list")["pipelines"][0]
    documented.document("pipelines resume", "pipelines", "resume", "limits")


def test_doctor(documented: Documented) -> None:
    result = documented.here("doctor", "--json")
    check("doctor", result.json)
    assert result.code in (0, 1)  # of the machine


def test_status(documented: Documented) -> None:
    documented.emitted("hooli", "--no-deliver")
    documented.here("check")
    documented.here("deliver")
    found = documented.document("status", "status", code=1)
    assert all(found[name] for name in ("troubles", "checks", "deliver", "pipelines", "connections", "messages"))


def test_metrics(documented: Documented) -> None:
    documented.emitted()
    assert documented.document("metrics", "metrics")["metrics"]


@pytest.mark.parametrize("language", ["typescript", "python"])
def test_clients(documented: Documented, language: str) -> None:
    out = str(documented.root / "client")
    assert documented.document(f"sdk {language}", "sdk", language, "--out", out)["written"]
    assert documented.document(f"sdk {language}", "sdk", language, "--out", out, "--check")["stale"] == []


def test_the_openapi_document(documented: Documented) -> None:
    assert documented.document("sdk openapi", "sdk", "openapi")["openapi"] == "3.1.0"
    assert documented.document("sdk openapi --out", "sdk", "openapi", "--out", f"{documented.root}/o.json")[
        "written"
    ] == ["o.json"]


def test_the_store(documented: Documented) -> None:
    documented.emitted()
    documented.emitted("hooli", "--no-deliver")
    assert documented.document("store info", "store", "info")["oldest_waiting"]
    documented.document("store prune", "store", "prune", "--older-than", "1d")
    documented.document("store vacuum", "store", "vacuum")


def test_keys(documented: Documented) -> None:
    made = documented.document("keys create", "keys", "create", "shop", "--types", "usage.*", "--expires", "90d")
    assert made["key"].startswith("il_")
    assert documented.document("keys list", "keys", "list")["keys"]
    assert documented.document("keys revoke", "keys", "revoke", "shop")["status"] == "revoked"


# Entities -------------------------------------------------------------------------------------------------


def test_entities(documented: Documented) -> None:
    assert documented.document("entities get", "entities", "get", "customer", "acme")["file"]["duplicates"]
    changed = documented.document("entities set", "entities", "set", "customer", "acme", "plan=team", "mrr:=1")
    assert [row["name"] for row in changed["changed"]] == ["plan", "mrr"]
    traits = documented.document("entities get", "entities", "get", "customer", "acme")["traits"]
    assert any(trait["over"] for trait in traits)
    documented.document("entities set", "entities", "set", "customer", "acme", "--unset", "mrr")
    documented.document("entities list", "entities", "list")
    documented.lines("entities list KIND *", "entities", "list", "customer")
    file = documented.write("more.csv", "customer_id,plan\nacme,enterprise\nnew,free\n,free\n")
    told = documented.document("entities import", "entities", "import", "customer", str(file), code=65)
    assert (told["new"], told["changed"], told["rejected"]) == (1, 1, 1)
    documented.document("entities import", "entities", "import", "customer", str(file), "--dry-run", code=65)


# Slack ----------------------------------------------------------------------------------------------------


def test_slack(documented: Documented, monkeypatch: pytest.MonkeyPatch) -> None:
    documented.lines("slack channels *", "slack", "channels")
    assert documented.document("slack test", "slack", "test", "#alerts")["permalink"]
    result = documented.here("slack", "status", "--json")
    check("slack status", result.json)
    assert result.code in (0, 1)
    documented.document("slack manifest", "slack", "manifest")
    documented.document("error", "slack", "test", "#nowhere", code=1)


def test_connecting_by_a_token_and_by_a_webhook(documented: Documented, monkeypatch: pytest.MonkeyPatch) -> None:
    def stdin(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    monkeypatch.delenv("SLACK_BOT_TOKEN")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    stdin("xoxb-test")
    assert documented.document("slack connect", "slack", "connect", "--token-stdin")["team"]
    documented.document("slack disconnect", "slack", "disconnect")
    documented.slack.webhooks["T000/B000/X"] = Webhook("alerts")
    stdin(f"{documented.slack.base}/services/T000/B000/X")
    assert documented.document("slack connect", "slack", "connect", "--webhook-stdin")["bot"] is None
    documented.document("slack test", "slack", "test", "#alerts")
