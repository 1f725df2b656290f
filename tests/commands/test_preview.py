"""The previews of events: as text, as JSON, as Block Kit, as pictures."""

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.support import ROOT
from tests.support.bench import DESTINATION, TOKEN, TYPE, Bench
from tests.support.blocks import problems
from tests.support.program import Result

EXAMPLE = ROOT / "examples" / "usage-limits"
SNAPSHOTS = Path(__file__).parent / "snapshots" / "preview"
NUDGE = ("--customer", "acme", "--metric", "seats", "--limit", "50", "--used", "45", "--plan", "pro")
AT = ("--timestamp", "2026-11-03T09:30:00Z")


@pytest.fixture
def usage(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The example of usage limits, connected to the stand-in; nothing that needs a token is used."""
    (bench.root / "pipelines" / "alert.toml").unlink()
    for name in ("customers.csv", "events", "pipelines"):
        source, target = EXAMPLE / name, bench.root / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
    text = (EXAMPLE / "ingestlayer.toml").read_text()
    bench.write(
        "ingestlayer.toml",
        text.replace('connection = "terminal"', f'connection = "bot"\napi_url = "{bench.slack.url}"'),
    )
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    monkeypatch.setenv("COLUMNS", "80")
    return bench


def matches_snapshot(name: str, text: str) -> bool:
    """Whether the text is the stored one, ids left aside; UPDATE_SNAPSHOTS=1 writes it anew."""
    text = re.sub(r"evt_\w{26}", "evt_" + "0" * 26, text)
    path = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(text)
    return path.is_file() and path.read_text(encoding="utf-8") == text


def shown(bench: Bench, *arguments: str) -> str:
    """Run `preview TYPE …`, which must succeed, and return what it prints."""
    result = bench.run("preview", TYPE, *arguments)
    assert result.code == 0, result
    return result.out


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return every file below a folder with its time and content."""
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*") if path.is_file()}


def undeclared(bench: Bench, payload: dict[str, Any], *arguments: str) -> Result:
    """Run `preview a.b --data …` in a project that takes undeclared events."""
    return bench.run("preview", "a.b", "--data", json.dumps(payload), *arguments)


# As text


@pytest.mark.parametrize("columns", [80, 120])
def test_a_preview_looks_as_it_did(usage: Bench, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert matches_snapshot(f"blocking_{columns}.txt", shown(usage, *AT))


def test_a_preview_without_a_message_looks_as_it_did(usage: Bench) -> None:
    path = usage.root / "pipelines" / "usage-limit-hits.toml"
    steps = '[[steps]]\nuse = "filter"\nwhen = "$event.plan == \'enterprise\'"\n'
    path.write_text(path.read_text().replace("# A blocking limit", steps + "# A blocking limit"))
    usage.pipeline('match = ["usage.*"]\n' + DESTINATION + 'when = "$event.used > 99999"\n', "other")
    assert matches_snapshot("dropped_80.txt", shown(usage, *AT))


def test_no_line_of_the_trace_ends_in_blanks(usage: Bench) -> None:
    assert not [line for line in shown(usage).splitlines() if line != line.rstrip()]


@pytest.mark.parametrize("columns", ["80", "120"])
def test_no_line_is_wider_than_the_terminal(usage: Bench, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert max(map(len, shown(usage).splitlines())) <= int(columns)


def test_a_pipe_gets_no_escapes(usage: Bench) -> None:
    command = [sys.executable, "-m", "ingestlayer_cli", "preview", TYPE]
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    done = subprocess.run(command, cwd=usage.root, capture_output=True, env=env, timeout=100)
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout
    assert "#alerts" in done.stdout.decode()


def test_no_color_wins_over_everything(usage: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not re.search(r"\x1b\[[\d;]*3\d", shown(usage))


def test_colour_can_be_forced(usage: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" in shown(usage)


def test_the_condition_has_the_values_put_in(usage: Bench) -> None:
    assert "used/limit = 10250/10000 = 1.025 >= 1  ✓" in shown(usage)


def test_a_destination_whose_condition_does_not_hold_is_skipped_with_the_reason(usage: Bench) -> None:
    assert re.search(r"#growth +skipped: used/limit = 10250/10000 = 1\.025 >= 1", shown(usage))
    assert re.search(r"#alerts +skipped: used/limit = 45/50 = 0\.9 < 1", shown(usage, *NUDGE))


def test_what_a_step_set_is_shown_as_templates_name_it(usage: Bench) -> None:
    out = shown(usage)
    assert "$entity.customer.name = Acme Inc" in out
    assert "$entity.customer.mrr = 1900" in out
    head, *rows = (usage.root / "customers.csv").read_text().splitlines()
    text = "".join(f"{row}\n" for row in (head + ",CSM Channel", *(row + ",#csm" for row in rows)))
    (usage.root / "customers.csv").write_text(text)
    assert '$entity.customer["CSM Channel"] = #csm' in shown(usage)


def test_a_missing_entity_is_told(usage: Bench) -> None:
    out = shown(usage, "--customer", "nobody", *NUDGE[2:])
    assert "customer nobody is not in customers.csv" in out


def test_a_drop_is_told_with_the_step_and_the_reason(bench: Bench) -> None:
    bench.pipeline('[[steps]]\nuse = "filter"\nwhen = "$event.n > 5"\n' + DESTINATION)
    result = undeclared(bench, {"n": 3})
    assert result.code == 0
    assert "✗ filter drops the event: n = 3 <= 5" in result.out


def test_a_dedupe_drop_names_the_event_that_was_let_through(bench: Bench) -> None:
    bench.pipeline('[[steps]]\nuse = "dedupe"\nkey = "$event.n"\nwindow = "1h"\n' + DESTINATION)
    first = bench.emit({"n": 3}, type_="a.b").json["event"]["id"]
    out = " ".join(undeclared(bench, {"n": 3}).out.split())
    assert f"dedupe drops the event: 3 was let through by {first}" in out


def test_a_failure_is_told_once_and_answers_78(bench: Bench) -> None:
    bench.pipeline('[[destinations]]\nuse = "slack"\nchannel = "$event.team"\n')
    result = undeclared(bench, {"n": 3})
    assert result.code == 78
    assert result.out.count("channel came out empty") == 1
    assert "fails" in result.out


def test_a_failing_step_is_told_once(usage: Bench) -> None:
    (usage.root / "customers.csv").unlink()
    result = usage.run("preview", TYPE)
    assert result.code == 78
    assert result.out.count("enrich.entity") == 1
    assert "fails: " in " ".join(result.out.split()) + " "


def test_a_pipeline_whose_conditions_all_fail_sends_nothing(bench: Bench) -> None:
    bench.pipeline(DESTINATION + 'when = "$event.n > 5"\n')
    assert "sends nothing no destination's condition held" in " ".join(undeclared(bench, {"n": 3}).out.split())


def test_an_event_that_no_pipeline_matches_is_told(bench: Bench) -> None:
    bench.pipeline('match = ["other"]\n' + DESTINATION)
    assert "no active pipeline matches" in undeclared(bench, {}).out


def test_a_key_that_is_taken_is_told(usage: Bench) -> None:
    first = usage.run("emit", TYPE, *NUDGE, "--no-deliver", "--json").json["event"]["id"]
    result = usage.run("preview", TYPE, *NUDGE)
    assert result.code == 0
    assert f"{first} already took this idempotency key" in result.err
    assert "#growth" in result.out


# Which event


def test_only_a_type_previews_the_declarations_example(usage: Bench) -> None:
    event = json.loads(shown(usage, "--json"))["event"]
    assert event["payload"] == {
        "customer_id": "acme",
        "metric": "api-calls",
        "limit": 10000,
        "used": 10250,
        "plan": "pro",
    }


@pytest.mark.parametrize("arguments", [("customer_id=globex",), ("--customer", "globex"), ("--data", "{}")])
def test_with_any_field_the_example_is_not_used(usage: Bench, arguments: tuple[str, ...]) -> None:
    result = usage.run("preview", TYPE, *arguments)
    assert result.code == 65
    assert "is required" in result.err


def test_a_type_without_example_says_what_to_do(usage: Bench) -> None:
    path = usage.root / "events" / f"{TYPE}.toml"
    path.write_text(path.read_text().partition("[example]")[0])
    result = usage.run("preview", TYPE)
    assert result.code == 78
    assert f"{TYPE} has no [example]" in result.err
    assert "give the fields" in result.err


def test_an_undeclared_type_names_the_near_miss(usage: Bench) -> None:
    result = usage.run("preview", "usage.limit_reachd")
    assert result.code == 65
    assert f'did you mean "{TYPE}"?' in result.err


def test_an_event_that_is_not_stored_is_told(usage: Bench) -> None:
    result = usage.run("preview", "--event", "evt_01KA4WHGR0C8ZJ8MEV1WN2T9QX")
    assert result.code == 2
    assert "events list" in result.err


# As JSON


def test_the_document_is_the_contracts(usage: Bench) -> None:
    document = json.loads(shown(usage, "--json"))
    assert set(document) == {"event", "runs"}
    assert set(document["event"]) == {"id", "type", "received_at", "source", "idempotency_key", "payload"}
    (run,) = document["runs"]
    assert set(run) == {"pipeline", "outcome", "dropped_by", "reason", "trace", "messages", "skipped"}
    assert (run["pipeline"], run["outcome"], run["dropped_by"], run["reason"]) == (
        "usage-limit-hits",
        "queued",
        None,
        None,
    )
    (entry,) = run["trace"]
    assert set(entry) == {"step", "verdict", "note", "set"}
    assert (entry["step"], entry["verdict"]) == ("enrich.entity", "continue")
    assert entry["set"]["entity.customer"]["mrr"] == 1900
    (message,) = run["messages"]
    assert {"destination", "target", "body"} <= set(message)
    assert (message["destination"], message["target"]) == ("slack", "#alerts")
    assert problems(message["body"]) == []
    reason = "used/limit = 10250/10000 = 1.025 >= 1"
    assert run["skipped"] == [{"destination": "slack", "target": "#growth", "reason": reason}]


def test_the_document_of_a_drop_says_by_what_and_why(bench: Bench) -> None:
    bench.pipeline('[[steps]]\nuse = "filter"\nwhen = "$event.n > 5"\n' + DESTINATION)
    (run,) = undeclared(bench, {"n": 3}, "--json").json["runs"]
    assert (run["outcome"], run["dropped_by"], run["reason"]) == ("dropped", "filter", "n = 3 <= 5")
    assert run["trace"] == [{"step": "filter", "verdict": "drop", "note": "n = 3 <= 5", "set": {}}]


def test_the_document_of_a_failure_is_one_document(bench: Bench) -> None:
    bench.pipeline('[[destinations]]\nuse = "slack"\nchannel = "$event.team"\n')
    result = undeclared(bench, {}, "--json")
    assert (result.code, result.json["runs"][0]["outcome"]) == (78, "failed")


@pytest.mark.parametrize("connection", ["bot", "webhook", "terminal"])
def test_the_body_is_what_emit_stores_and_posts(usage: Bench, monkeypatch: pytest.MonkeyPatch, connection: str) -> None:
    path = usage.root / "ingestlayer.toml"
    path.write_text(path.read_text().replace('connection = "bot"', f'connection = "{connection}"'))
    id_ = usage.run("emit", TYPE, *NUDGE, "--no-deliver", "--json").json["event"]["id"]
    (run,) = usage.run("preview", "--event", id_, "--json").json["runs"]
    ((stored,),) = usage.rows("SELECT body FROM deliveries")
    assert json.dumps(run["messages"][0]["body"], ensure_ascii=False, separators=(",", ":")) == stored
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("SLACK_WEBHOOK_URL", usage.slack.webhook_url)
    assert usage.run("deliver").code == 0
    if connection != "terminal":
        assert usage.only.body == json.loads(stored)


def test_the_body_of_an_event_that_dedupe_let_through_is_previewed_again(bench: Bench) -> None:
    bench.pipeline('[[steps]]\nuse = "dedupe"\nkey = "$event.n"\nwindow = "1h"\n' + DESTINATION)
    id_ = bench.emit({"n": 3}, "--no-deliver").json["event"]["id"]
    ((stored,),) = bench.rows("SELECT body FROM deliveries")
    (run,) = bench.run("preview", "--event", id_, "--json").json["runs"]
    assert [message["body"] for message in run["messages"]] == [json.loads(stored)]


# As Block Kit


def test_blocks_are_what_the_builder_takes(usage: Bench) -> None:
    blocks = json.loads(shown(usage, "--blocks"))
    assert set(blocks) == {"blocks"}
    assert problems({"text": "x", **blocks}) == []


def test_blocks_of_several_messages_are_a_list(usage: Bench) -> None:
    usage.pipeline(DESTINATION, "second")
    assert [set(item) for item in json.loads(shown(usage, "--blocks"))] == [{"blocks"}] * 2


def test_blocks_of_no_message_are_an_empty_list_with_a_word(bench: Bench) -> None:
    bench.pipeline('match = ["other"]\n' + DESTINATION)
    result = undeclared(bench, {}, "--blocks")
    assert (result.json, "no message" in result.err) == ([], True)


def test_a_link_holds_the_blocks(usage: Bench) -> None:
    address, _, fragment = shown(usage, "--link").strip().partition("#")
    assert address == "https://app.slack.com/block-kit-builder"
    assert re.fullmatch(r"[\w.~/%-]+", fragment, re.ASCII)
    blocks = json.loads(unquote(fragment))
    wanted = json.loads(shown(usage, "--blocks"))
    assert [block["type"] for block in blocks["blocks"]] == [block["type"] for block in wanted["blocks"]]
    assert blocks["blocks"][:-1] == wanted["blocks"][:-1]  # the last one holds the event's id


# As pictures


def test_a_picture_is_well_formed(usage: Bench, tmp_path: Path) -> None:
    result = usage.run("preview", TYPE, "--svg", str(tmp_path / "p.svg"))
    assert (result.code, result.out) == (0, "")
    root = ElementTree.parse(tmp_path / "p.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "Acme Inc is out of api-calls" in "".join(root.itertext())


def test_a_page_is_well_formed(usage: Bench, tmp_path: Path) -> None:
    assert usage.run("preview", TYPE, "--html", str(tmp_path / "p.html")).code == 0
    page = (tmp_path / "p.html").read_text()
    open_tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag != "meta":
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Reader().feed(page)
    assert open_tags == []
    assert "Acme Inc is out of api-calls" in page


def test_a_picture_that_cannot_be_written_is_told(usage: Bench, tmp_path: Path) -> None:
    result = usage.run("preview", TYPE, "--svg", str(tmp_path / "no" / "p.svg"))
    assert result.code == 2
    assert "No such file" in result.err


# Nothing is written, nothing is needed


OUTPUTS = [(), ("--json",), ("--blocks",), ("--link",)]


@pytest.mark.parametrize("output", OUTPUTS, ids=str)
def test_without_a_store_nothing_is_written(usage: Bench, output: tuple[str, ...]) -> None:
    before = tree(usage.root)
    shown(usage, *output)
    assert tree(usage.root) == before


@pytest.mark.parametrize("output", OUTPUTS, ids=str)
def test_beside_a_store_nothing_is_written(usage: Bench, output: tuple[str, ...]) -> None:
    id_ = usage.run("emit", TYPE, *NUDGE, "--no-deliver", "--json").json["event"]["id"]
    before = tree(usage.root)
    shown(usage, *output)
    assert usage.run("preview", "--event", id_, *output).code == 0
    assert tree(usage.root) == before


def test_a_refused_event_is_not_kept_as_a_dead_letter(usage: Bench) -> None:
    before = tree(usage.root)
    assert usage.run("preview", TYPE, "customer_id=acme").code == 65
    assert tree(usage.root) == before


def test_no_request_is_made(usage: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    shown(usage)
    assert not usage.slack.requests


def test_dry_run_of_emit_is_the_preview(usage: Bench) -> None:
    before = tree(usage.root)
    result = usage.run("emit", TYPE, *NUDGE, *AT, "--dry-run")
    plain = re.compile(r"evt_\w{26}")
    assert plain.sub("", result.out) == plain.sub("", shown(usage, *NUDGE, *AT))
    assert tree(usage.root) == before


# Values that try something

HOSTILE = "\x1b[2J\x1b]0;owned\x07 [bold red]x[/] [link=https://evil.example]y[/link] \x9b31m \u202eabc\x00\r\nz :boom:"


@pytest.mark.parametrize("output", [(), ("--blocks",), ("--link",)], ids=str)
def test_no_value_drives_the_terminal(bench: Bench, output: tuple[str, ...]) -> None:
    result = undeclared(bench, {"v": HOSTILE, HOSTILE: [HOSTILE]}, *output)
    assert result.code == 0
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.out + result.err)


def test_no_value_is_read_as_rich_markup(bench: Bench) -> None:
    bench.pipeline('[[steps]]\nuse = "filter"\nwhen = "$event.v == \'x\'"\n' + DESTINATION)
    out = " ".join(undeclared(bench, {"v": "[bold]x[/bold] [/]"}).out.split())
    assert out.count("[bold]x[/bold] [/]") == 2


def test_no_value_gets_out_of_a_picture(bench: Bench, tmp_path: Path) -> None:
    payload = {"v": "</text><script>alert(1)</script>" + HOSTILE}
    for flag, name in (("--svg", "p.svg"), ("--html", "p.html")):
        assert undeclared(bench, payload, flag, str(tmp_path / name)).code == 0
    assert "<script" not in (tmp_path / "p.svg").read_text() + (tmp_path / "p.html").read_text()
    ElementTree.parse(tmp_path / "p.svg")


def test_a_huge_payload_is_shown_in_a_few_lines(bench: Bench) -> None:
    result = undeclared(bench, {f"f{n}": "x" * 500 for n in range(100)})
    assert len(result.out.partition("alert\n")[0].splitlines()) < 9


# As if it were another time -------------------------------------------------------------------------------

BUSINESS = '\n[hours.business]\ndays = "mon-fri"\nfrom = "09:00"\nto = "18:00"\n'


def test_at_shows_what_would_wait_and_until_when(bench: Bench) -> None:
    settings = 'timezone = "Europe/Berlin"\n' + (bench.root / "ingestlayer.toml").read_text() + BUSINESS
    bench.write("ingestlayer.toml", settings)
    bench.write("pipelines/alert.toml", f'match = ["{TYPE}"]\n{DESTINATION}hours = "business"\n')
    said = bench.run("preview", TYPE, "--at", "2026-12-24T20:00").out
    assert "outside the hours business (2026-12-24 20:00 CET): waits until 2026-12-25 09:00 CET" in " ".join(
        said.split()
    )
    assert bench.run("preview", TYPE, "--json", "--at", "2026-12-24T20:00").json["event"]["received_at"] == (
        "2026-12-24T19:00:00.000Z"
    )
    assert "APP   20:00" in said
    result = bench.run("preview", TYPE, "--at", "christmas")
    assert (result.code, "--at: christmas is no time" in result.err) == (2, True)
