"""Bodies that are data and no Slack messages, wherever the program shows, compares or tests what it sends."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from tests.support.bench import Bench

STEPS = '[[steps]]\nuse = "transform"\nbody = { account = "$event.customer_id", usage = { used = "$event.used" } }\n'
SLACK = '[[destinations]]\nuse = "slack"\nchannel = "#alerts"\n'
HOOK = '[[destinations]]\nuse = "webhook"\nurl = "https://crm.example/hooks/$event.customer_id?team=blue-heron"\n'
FILE = '[[destinations]]\nuse = "file"\npath = "alerts/all.ndjson"\n'
EVENT = ("usage", "customer_id=acme", "used:=120")


@pytest.fixture
def mixed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A pipeline that sends to Slack, to a webhook and to a file."""
    monkeypatch.setenv("COLUMNS", "80")
    bench.pipeline(STEPS + SLACK + HOOK + FILE)
    return bench


def test_preview_draws_each_body_as_what_it_is(mixed: Bench) -> None:
    out = mixed.run("preview", *EVENT).out
    assert "─ #alerts ─" in out
    assert "─ webhook https://crm.example/hooks/acme ─" in out
    assert "─ file alerts/all.ndjson ─" in out
    assert out.count('"account": "acme"') == 2
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "blue-heron" not in out


def test_preview_as_json_has_the_bodies_that_emit_stores(mixed: Bench) -> None:
    messages = mixed.run("preview", *EVENT, "--json").json["runs"][0]["messages"]
    assert [message["destination"] for message in messages] == ["slack", "webhook", "file"]
    assert [message["body"] for message in messages[1:]] == [{"account": "acme", "usage": {"used": 120}}] * 2


@pytest.mark.parametrize("flag", ["--blocks", "--link"])
def test_blocks_and_links_are_of_the_messages_in_slack(mixed: Bench, flag: str) -> None:
    result = mixed.run("preview", *EVENT, flag)
    assert (result.code, result.err) == (0, "")
    if flag == "--blocks":
        assert set(result.json) == {"blocks"}
    else:
        assert len(result.out.splitlines()) == 1


@pytest.mark.parametrize("flag", ["--blocks", "--link"])
def test_without_a_message_in_slack_that_is_said(mixed: Bench, flag: str) -> None:
    mixed.pipeline(STEPS + HOOK)
    result = mixed.run("preview", *EVENT, flag)
    assert result.code == 0
    assert "no message in Slack" in result.err
    assert result.out.strip() == ("[]" if flag == "--blocks" else "")


def test_pictures_hold_them_all(mixed: Bench, tmp_path: Path) -> None:
    for flag, name in (("--svg", "p.svg"), ("--html", "p.html")):
        assert mixed.run("preview", *EVENT, flag, str(tmp_path / name)).code == 0
        text = re.sub(r"<[^>]*>", "", (tmp_path / name).read_text())
        assert "#alerts" in text
        assert "account" in text
    ElementTree.parse(tmp_path / "p.svg")


def test_no_value_of_a_body_drives_the_terminal(mixed: Bench) -> None:
    hostile = "\x1b[2J\x9b31m \u202eabc [bold red]x[/] [link=https://evil.example]y[/link]"
    mixed.write("payload.json", json.dumps({"v": hostile, hostile: 1}))
    mixed.pipeline(FILE)
    out = mixed.run("preview", "usage", "--data", f"@{mixed.root}/payload.json").out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)
    assert "[bold red]x[/]" in " ".join(out.split())


def test_a_huge_body_is_cut_visibly(mixed: Bench) -> None:
    mixed.pipeline(FILE)
    mixed.write("payload.json", json.dumps({"long": "x" * 10_000, "list": list(range(1_000))}))
    out = mixed.run("preview", "usage", "--data", f"@{mixed.root}/payload.json").out
    assert "more lines: --json has them" in out
    assert len(out.splitlines()) < 200


def test_pipelines_show_names_where_each_destination_sends(mixed: Bench) -> None:
    out = mixed.run("pipelines", "show", "alert").out
    assert "slack #alerts" in out
    assert "webhook https://crm.example/hooks/$event.customer_id" in out
    assert "file alerts/all.ndjson" in out
    assert "blue-heron" not in out


# [[tests]] ------------------------------------------------------------------------------------------------


def failed(bench: Bench, expect: str, pipeline: str) -> dict[str, Any]:
    """Give the pipeline one test; return what was expected and what came, by expectation."""
    given = 'event = { type = "usage", payload = { customer_id = "acme", used = 120 } }'
    bench.pipeline(f"{pipeline}[[tests]]\nname = 't'\n{given}\nexpect = {{ {expect} }}\n")
    (test,) = bench.run("test", "--json").json["tests"]
    return {failure["expectation"]: (failure["expected"], failure["got"]) for failure in test["failures"]}


@pytest.mark.parametrize(
    "expect",
    [
        'channels = ["#alerts"]',
        "messages = 3",
        'contains = ["acme", "120"]',
        'not_contains = ["zeta"]',
        'fields = { account = "acme", "usage.used" = "120" }',
    ],
)
def test_an_expectation_looks_into_every_body(mixed: Bench, expect: str) -> None:
    assert failed(mixed, expect, STEPS + SLACK + HOOK + FILE) == {}


def test_channels_are_those_of_slack_alone(mixed: Bench) -> None:
    assert failed(mixed, "channels = [], messages = 1", STEPS + HOOK) == {}
    assert failed(mixed, 'channels = ["#alerts"]', STEPS + HOOK) == {"channels": ("#alerts", "none")}


def test_a_text_that_is_in_no_body_fails_with_their_values(mixed: Bench) -> None:
    assert failed(mixed, 'contains = ["zeta"]', STEPS + FILE) == {"contains": ("zeta", "acme\n120")}


def test_a_body_with_a_list_called_blocks_is_no_message(mixed: Bench) -> None:
    steps = '[[steps]]\nuse = "transform"\nbody = { blocks = [1, "$event.customer_id"] }\n'
    assert failed(mixed, 'contains = ["acme"]', steps + FILE) == {}


def test_a_golden_body_may_be_data(mixed: Bench) -> None:
    mixed.write("golden.json", '{"usage": {"used": 120}, "account": "acme"}')
    assert failed(mixed, 'body = "golden.json"', STEPS + FILE) == {}


# backtest, replay, why ------------------------------------------------------------------------------------


def test_backtest_compares_the_json_of_bodies(mixed: Bench) -> None:
    mixed.pipeline(STEPS + FILE)
    mixed.run("emit", *EVENT)
    mixed.pipeline(STEPS.replace("account =", "customer =") + FILE)
    result = mixed.run("backtest", "--diff")
    assert '-  "account": "acme",' in result.out
    assert '+  "customer": "acme",' in result.out


def test_replay_and_why_name_each_target(mixed: Bench) -> None:
    mixed.pipeline(STEPS + FILE)
    event = mixed.run("emit", *EVENT, "--json").json["event"]["id"]
    assert "alerts/all.ndjson 1" in mixed.run("replay", event, "--again", "--yes").out
    assert len((mixed.root / "alerts" / "all.ndjson").read_text().splitlines()) == 2
    assert "delivered to alerts/all.ndjson" in mixed.run("why", event).out


def test_a_replay_to_another_channel_leaves_other_destinations_where_they_are(mixed: Bench) -> None:
    mixed.pipeline(STEPS + SLACK + FILE)
    event = mixed.run("emit", *EVENT, "--json").json["event"]["id"]
    out = mixed.run("replay", event, "--again", "--channel", "#test", "--dry-run").out
    assert "#test 1" in out
    assert "alerts/all.ndjson 1" in out
