"""The stories of events that ended in every way there is, as people read them and as JSON."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.operations import why as stories
from ingestlayer_cli.operations.naming import named
from ingestlayer_cli.project import load
from ingestlayer_cli.store.sqlite.reading import open_to_read
from tests.support.bench import DESTINATION, TYPE, Bench
from tests.support.program import Result
from tests.support.standin import BUSY, RateLimited, ResetAfterStore

SNAPSHOTS = Path(__file__).parent / "snapshots" / "why"
ACME = {"customer_id": "acme", "used": 120, "limit": 100}
DECLARATION = """
type = "usage.limit_reached"
[fields]
customer_id = "string"
used = "number"
limit = "number"
[idempotency]
on_difference = "reject"
"""
FILTER = '[[steps]]\nuse = "filter"\nwhen = "$event.used / $event.limit >= 2"\n'
DEDUPE = '[[steps]]\nuse = "dedupe"\nkey = "$event.customer_id"\nwindow = "1h"\n'
GROWTH = '[[destinations]]\nuse = "slack"\nchannel = "#growth"\nwhen = "$event.used / $event.limit < 1"\n'


def normal(text: str) -> str:
    """Return a story without what no two runs have in common; ids and times keep their widths."""
    text = re.sub(r"(evt|dlv)_\w{26}", lambda found: f"{found[1]}_{'0' * 26}", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "2026-11-03 09:30:00 UTC", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "2026-11-03T09:30:00.000Z", text)
    text = re.sub(r"version [0-9a-f]{12}", "version 000000000000", text)
    text = re.sub(r" in [\d,]+ ms by", " in 5 ms by", text)
    text = re.sub(r"by [\w.-]+:\d+", "by host:1", text)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", text)


def matches_snapshot(name: str, text: str) -> bool:
    """Whether the story is the stored one; UPDATE_SNAPSHOTS=1 writes it anew.

    Where a line ends depends on how long something took, and on the number of the process.
    """
    text = normal(text)
    path = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(text)
    return path.is_file() and path.read_text(encoding="utf-8").split() == text.split()


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    bench.connect()


def emit(bench: Bench, *arguments: str, **more: Any) -> Result:
    return bench.emit({**ACME, **more}, *arguments)


def why(bench: Bench, *arguments: str) -> str:
    """Run `why`, which must succeed, and return the story; no line of it is wider than the terminal."""
    result = bench.run("why", *(arguments or ("@last",)))
    assert (result.code, result.err) == (0, ""), result
    assert max(map(len, result.out.splitlines())) <= 80
    return result.out


def told(bench: Bench, *arguments: str) -> Any:
    result = bench.run("why", *(arguments or ("@last",)), "--json")
    assert result.code == 0, result
    return result.json


# How an event may end


def test_a_delivered_event(bench: Bench) -> None:
    bench.pipeline(DESTINATION + 'when = "$event.used / $event.limit >= 1"\n')
    assert emit(bench, "--key", "acme:11").code == 0
    assert matches_snapshot("delivered.txt", why(bench))


def test_a_duplicate(bench: Bench) -> None:
    for used in (120, 130, 140):
        emit(bench, "--key", "acme:11", used=used)
    assert matches_snapshot("duplicate.txt", why(bench, "acme:11"))
    assert told(bench, "acme:11")["accepted"]["duplicates"] == 2


def test_a_conflict(bench: Bench) -> None:
    bench.write("events/usage.limit_reached.toml", DECLARATION)
    emit(bench, "--key", "acme:11")
    assert emit(bench, "--key", "acme:11", used=130).code == 65
    assert matches_snapshot("conflict.txt", why(bench, "acme:11"))


def test_the_refused_event_of_a_conflict(bench: Bench) -> None:
    bench.write("events/usage.limit_reached.toml", DECLARATION)
    emit(bench, "--key", "acme:11")
    emit(bench, "--key", "acme:11", used=130)
    assert matches_snapshot("conflict_refused.txt", why(bench, "acme:11", "--refused"))


def test_a_rejected_event(bench: Bench) -> None:
    bench.write("events/usage.limit_reached.toml", DECLARATION)
    for used in ("many", "lots"):
        assert emit(bench, used=used).code == 65
    assert matches_snapshot("rejected.txt", why(bench, "acme"))


def test_a_line_of_a_batch_that_was_rejected(bench: Bench) -> None:
    path = bench.write("events.ndjson", json.dumps({"type": TYPE, "payload": ACME}) + "\nnonsense of globex\n")
    assert bench.run("emit", "--batch", str(path)).code == 65
    assert matches_snapshot("rejected_line.txt", why(bench, "globex"))


def test_a_filtered_event(bench: Bench) -> None:
    bench.pipeline(FILTER + DESTINATION)
    emit(bench)
    assert matches_snapshot("filtered.txt", why(bench))


def test_a_deduplicated_event(bench: Bench) -> None:
    bench.pipeline(DEDUPE + DESTINATION)
    emit(bench)
    emit(bench)
    assert matches_snapshot("deduplicated.txt", why(bench))


def test_a_destination_whose_condition_did_not_hold(bench: Bench) -> None:
    bench.pipeline(DESTINATION + GROWTH)
    emit(bench)
    assert matches_snapshot("skipped.txt", why(bench))


def test_no_destination_whose_condition_held(bench: Bench) -> None:
    bench.pipeline(GROWTH)
    emit(bench)
    assert matches_snapshot("all_skipped.txt", why(bench))


def test_a_paused_pipeline_and_a_draft(bench: Bench) -> None:
    bench.pipeline('status = "paused"\nmatch = ["usage.*"]\n' + DESTINATION)
    bench.pipeline('status = "draft"\n' + DESTINATION, "fresh")
    emit(bench)
    bench.pipeline(DESTINATION)  # what it is now does not matter
    assert matches_snapshot("paused.txt", why(bench))


def test_an_event_that_no_pipeline_took(bench: Bench) -> None:
    bench.pipeline('match = ["account.created", "invoice.*"]\n' + DESTINATION)
    emit(bench)
    assert matches_snapshot("unmatched.txt", why(bench))


def test_a_retrying_delivery(bench: Bench) -> None:
    bench.slack.script.append(BUSY)
    assert emit(bench).code == 75
    bench.change("UPDATE attempts SET process = 'host:1', took = 5")  # its lines break where they do everywhere
    assert matches_snapshot("retrying.txt", why(bench))


def test_a_channel_that_is_held(bench: Bench) -> None:
    bench.slack.script.append(RateLimited(30))
    assert emit(bench).code == 75
    assert "its channel is held until" in why(bench)


def test_a_dead_delivery(bench: Bench) -> None:
    bench.slack.add_channel("alerts", archived=True)
    assert emit(bench).code == 69
    assert matches_snapshot("dead.txt", why(bench))


def test_an_unknown_delivery(bench: Bench) -> None:
    bench.slack.script.append(ResetAfterStore())
    assert emit(bench).code == 75
    assert matches_snapshot("unknown.txt", why(bench))


def test_a_delivery_that_waits_for_a_connection(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(bench.root / "config"))
    assert emit(bench).code == 75
    assert matches_snapshot("not_connected.txt", why(bench))


def test_a_delivery_that_was_not_tried_yet(bench: Bench) -> None:
    emit(bench, "--no-deliver")
    emit(bench, "--no-deliver")
    assert matches_snapshot("pending.txt", why(bench))


def test_a_delivery_that_some_process_has_in_hand(bench: Bench) -> None:
    emit(bench, "--no-deliver")
    bench.change("UPDATE deliveries SET lease_by = 'elsewhere:7/x/y/z', lease_until = 1 << 50")
    assert "elsewhere:7 is sending it" in why(bench)


def test_a_failed_run(bench: Bench) -> None:
    table = '[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n'
    project = (bench.root / "ingestlayer.toml").read_text()
    bench.write("ingestlayer.toml", project + table)
    bench.write("customers.csv", "customer_id,name\nacme,Acme\n")
    bench.pipeline('[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n' + DESTINATION)
    emit(bench)
    bench.write("customers.csv", "name\nAcme\n")
    emit(bench)
    assert matches_snapshot("failed.txt", why(bench))
    assert "customer acme: customers.csv line 2" in why(bench, "@-2")


def test_an_event_of_before_the_line_ups(bench: Bench) -> None:
    emit(bench)
    bench.change("UPDATE events SET line_up = NULL")
    assert matches_snapshot("old.txt", why(bench))
    assert told(bench)["line_up_kept"] is False


def test_a_replayed_run_is_told_as_such(bench: Bench) -> None:
    emit(bench)
    bench.change(
        "INSERT INTO runs (event, number, version, outcome, dropped_by, reason, trace, replayed_at)"
        " SELECT event, 2, version, 'dropped', 'filter', 'used = 120 < 200',"
        """ '[{"step": "filter", "verdict": "drop", "note": "used = 120 < 200"}]', 1793700000000 FROM runs"""
    )
    assert matches_snapshot("replayed.txt", why(bench))
    (pipeline,) = told(bench)["pipelines"]
    assert [run["replayed_at"] is None for run in pipeline["runs"]] == [True, False]


def test_a_pipeline_that_came_later_and_was_replayed(bench: Bench) -> None:
    emit(bench)
    bench.change("UPDATE runs SET replayed_at = 1793700000000")
    bench.change("UPDATE line_ups SET pipelines = '[]'")
    (pipeline,) = told(bench)["pipelines"]
    assert (pipeline["ran"], pipeline["why_not"]) == (False, "there was no such pipeline when the event came")


# What an event met of earlier ones, and what helps

THROTTLE = '[[steps]]\nuse = "throttle"\nkey = "$event.customer_id"\nmax = 1\nwindow = "3650d"\n'
CROSSING = (
    '[[steps]]\nuse = "crossing"\nvalue = "$event.used / $event.limit"\nlevels = [0.8, 1]\nkey = "$event.customer_id"\n'
)


def step_of(story: Any) -> Any:
    return story["pipelines"][0]["runs"][0]["steps"][0]


def commands(story: Any) -> list[str]:
    """Return the commands that a story says to go on with, without their ids."""
    return [" ".join(hint.partition(": ingestlayer ")[2].split()[:2]) for hint in story["hints"]]


@pytest.mark.parametrize("step", [THROTTLE, DEDUPE, CROSSING])
def test_the_event_that_was_before_is_named_with_what_became_of_it(bench: Bench, step: str) -> None:
    bench.pipeline(step + DESTINATION)
    first = emit(bench).json["event"]["id"]
    emit(bench)
    assert (step_of(told(bench))["by"], step_of(told(bench))["came_to"]) == (first, "delivered to #alerts")
    assert f"{first} was before it" in why(bench)


@pytest.mark.parametrize("step", [THROTTLE, DEDUPE, CROSSING])
def test_where_nobody_heard_of_the_one_before_that_is_said(bench: Bench, step: str) -> None:
    bench.slack.add_channel("alerts", archived=True)
    bench.pipeline(step + DESTINATION)
    first = emit(bench).json["event"]["id"]
    emit(bench)
    assert step_of(told(bench))["came_to"] == "dead, not delivered to #alerts"
    assert f"nobody heard of that one, either: ingestlayer why {first}" in told(bench)["hints"]


def test_a_preview_names_the_event_that_was_before(bench: Bench) -> None:
    bench.pipeline(THROTTLE + DESTINATION)
    first = emit(bench).json["event"]["id"]
    shown = bench.run("preview", TYPE, "customer_id=acme", "used:=120", "limit:=100").out
    assert f"{first} was before it" in " ".join(shown.split())


def test_of_several_that_had_the_slots_the_last_is_named_also_after_a_delay(bench: Bench) -> None:
    bench.pipeline(THROTTLE.replace("max = 1", 'max = 2\nmode = "delay"') + DESTINATION)
    ids = [emit(bench, "--no-deliver").json["event"]["id"] for _ in range(5)]
    assert step_of(told(bench, ids[3]))["by"] == ids[1]
    assert step_of(told(bench, ids[4]))["by"] == ids[1]


@pytest.mark.parametrize("text", [FILTER + DESTINATION, GROWTH])
def test_no_replay_is_proposed_for_what_would_be_dropped_again(bench: Bench, text: str) -> None:
    bench.pipeline(text)
    emit(bench)
    assert commands(told(bench)) == ["preview --event"]
    bench.pipeline(DESTINATION)
    assert commands(told(bench)) == ["preview --event", "replay evt_" + told(bench)["event"]["id"][4:]]


def test_a_pipeline_that_is_still_paused_is_resumed_before_the_replay(bench: Bench) -> None:
    bench.pipeline('status = "paused"\n' + DESTINATION)
    emit(bench)
    assert commands(told(bench))[:2] == ["pipelines resume", "preview --event"]
    assert told(bench)["hints"][2].startswith("and then, to send it after all: ingestlayer replay evt_")


def test_a_delayed_message_says_when_it_goes(bench: Bench) -> None:
    bench.pipeline(THROTTLE.replace("max = 1", 'max = 1\nmode = "delay"') + DESTINATION)
    emit(bench)
    second = emit(bench)
    (row,) = [place["delivery"] for place in told(bench)["pipelines"][0]["runs"][0]["destinations"]]
    assert second.delivery["next_at"] == row["next_at"]
    assert f"#alerts pending until {row['next_at'][:2]}" in bench.run("emit", TYPE, "customer_id=acme").out
    at = f"{row['next_at'][:10]} {row['next_at'][11:19]} UTC"
    assert told(bench, row["id"])["hints"] == [
        f"from {at} on it is sent with: ingestlayer deliver",
        f"to send it now all the same: ingestlayer deliveries retry --now {row['id']}",
    ]
    assert f"= waits for #alerts until {at}" in why(bench, row["id"])


def test_a_message_behind_an_older_one_has_the_cause_of_that(bench: Bench) -> None:
    bench.pipeline(DESTINATION + 'thread = "$event.customer_id"\n')
    bench.slack.script.append(BUSY)
    first = emit(bench).delivery["id"]
    emit(bench)
    story = told(bench)
    (row,) = [place["delivery"] for place in story["pipelines"][0]["runs"][0]["destinations"]]
    assert (row["waits_for"], row["before"]["id"]) == (first, first)
    assert row["before"]["error"] == "Slack had an error: request_timeout"
    assert story["hints"][0] == f"it waits for {first}: Slack had an error: request_timeout"
    assert f"ingestlayer deliveries retry {first}" in story["hints"][-1]
    assert "request_timeout" in why(bench)


# What may be asked for


def test_by_the_start_of_an_id(bench: Bench) -> None:
    id_ = emit(bench).json["event"]["id"]
    assert told(bench, id_[:20])["event"]["id"] == id_


def test_by_a_delivery_or_the_start_of_its_id(bench: Bench) -> None:
    delivery = emit(bench).delivery["id"]
    assert told(bench, delivery)["asked"] == told(bench, delivery[:25])["asked"] == {"delivery": delivery}
    assert "(the one asked for)" in why(bench, delivery)


def test_by_a_key(bench: Bench) -> None:
    ids = [emit(bench, "--key", key).json["event"]["id"] for key in ("one", "two")]
    assert [told(bench, key)["event"]["id"] for key in ("one", "two")] == ids


def test_a_key_that_several_events_had_means_the_newest_and_names_the_others(bench: Bench) -> None:
    first = emit(bench, "--key", "k").json["event"]["id"]
    bench.change("UPDATE events SET accepted_at = 0")
    second = emit(bench, "--key", "k").json["event"]["id"]
    assert told(bench, "k")["event"]["id"] == second
    assert told(bench, "k")["accepted"]["same_key"] == [first]
    assert first in why(bench, "k").replace("\n", "")


def test_by_a_condition_the_last_that_fits(bench: Bench) -> None:
    for used in (1, 2, 3, 4):
        emit(bench, used=used)
    assert told(bench, "--where", "$event.used < 4")["event"]["payload"]["used"] == 3
    assert told(bench, "--type", TYPE)["event"]["payload"]["used"] == 4


def test_by_the_type_of_what_was_refused(bench: Bench) -> None:
    bench.run("emit", "no such type", "--data", "{}")
    assert told(bench, "no such type")["refused"]["kind"] == "type"
    assert told(bench, "--refused")["refused"]["type"] == "no such type"


def test_a_value_cannot_drive_the_terminal(bench: Bench) -> None:
    emit(bench, customer_id="\x1b[31mred\u202e\nnew")
    assert "\x1b" not in why(bench)
    assert "\u202e" not in why(bench)


def test_json_is_one_document_with_the_whole_story(bench: Bench) -> None:
    bench.pipeline(FILTER.replace(">= 2", ">= 1") + DESTINATION + GROWTH)
    event = emit(bench).json["event"]
    story = told(bench)
    assert (story["status"], story["event"], story["summary"]) == ("accepted", event, "delivered to #alerts")
    (run,) = story["pipelines"][0]["runs"]
    assert [step["step"] for step in run["steps"]] == ["filter"]
    alerts, growth = run["destinations"]
    assert (alerts["chosen"], growth["chosen"]) == (True, False)
    assert alerts["delivery"]["attempts_made"][0]["outcome"] == "sent"


def test_a_later_edit_does_not_change_the_story(bench: Bench) -> None:
    emit(bench)
    before = why(bench)
    bench.pipeline(FILTER + DESTINATION)
    assert why(bench) == before


def test_asking_leaves_no_trace(bench: Bench) -> None:
    emit(bench)
    before = {path: path.read_bytes() for path in bench.root.rglob("*") if path.is_file()}
    why(bench)
    assert {path: path.read_bytes() for path in bench.root.rglob("*") if path.is_file()} == before


def test_the_story_is_looked_up_by_indexes_alone(bench: Bench) -> None:
    for _ in range(3):
        emit(bench)
    store = open_to_read(str(bench.root / ".ingestlayer" / "store.db"))
    assert store is not None
    steps: list[str] = []
    rows = store.rows

    def explained(sql: str, *values: Any) -> list[Any]:
        steps.extend(row[3] for row in rows(f"EXPLAIN QUERY PLAN {sql}", *values))
        return rows(sql, *values)

    store.rows = explained  # type: ignore[method-assign]
    event = named(store, "@last")
    assert store.history.with_key("key") == []
    stories.tell(store, load(str(bench.root)), event, 0)
    store.close()
    scans = [step for step in steps if step.startswith("SCAN")]
    assert [step for step in scans if "CONSTANT" not in step and "json_each" not in step] == ["SCAN e"]  # the last one
    assert not [step for step in steps if "TEMP B-TREE" in step]


# All that is about somebody

CHECK = (
    '[checks.quota]\nsource = "usage.csv"\nvalue = "used / limit"\nlevels = [0.8, 1]\nkey = ["customer_id"]\n'
    'emit = "usage.limit_reached"\n'
)
CUSTOMER = '[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n'


def configure(bench: Bench, text: str) -> None:
    bench.write("ingestlayer.toml", (bench.root / "ingestlayer.toml").read_text() + text)


def usage(bench: Bench, *rows: str) -> None:
    bench.write("usage.csv", "\n".join(["customer_id,used,limit", *rows]) + "\n")


def test_of_a_customer_what_was_accepted_and_refused_is_one_story_the_newest_first(bench: Bench) -> None:
    bench.write("events/usage.limit_reached.toml", DECLARATION)
    first = emit(bench).json["event"]["id"]
    emit(bench, used="many")
    bench.pipeline(FILTER + DESTINATION)
    last = emit(bench).json["event"]["id"]
    emit(bench, customer_id="acme-2")
    story = told(bench, "ACME")
    assert [row["status"] for row in story["found"]] == ["accepted", "refused", "accepted"]
    assert [row["event"]["id"] for row in story["found"][::2]] == [last, first]
    assert story["found"][0]["runs"][0]["reason"] == "used/limit = 120/100 = 1.2 < 2"
    assert story["found"][1]["refused"]["details"][0]["path"] == "used"
    assert story["found"][2]["summary"] == "delivered to #alerts"
    assert story["summary"] == "the last one: nothing was sent: dropped by filter of alert"
    assert f"the whole story of one: ingestlayer why {last}" in story["hints"]
    assert matches_snapshot("somebody.txt", why(bench, "acme"))


def test_the_only_event_of_a_customer_is_told_whole(bench: Bench) -> None:
    emit(bench)
    emit(bench, customer_id="globex")
    story = told(bench, "globex")
    assert (story["asked"], story["event"]["payload"]["customer_id"]) == ({"text": "globex"}, "globex")


def test_the_name_of_a_customer_means_all_that_has_its_key(bench: Bench) -> None:
    configure(bench, CUSTOMER)
    bench.write("customers.csv", "customer_id,name\nacme,Acme Inc\nglobex,Globex\n")
    for _ in range(2):
        emit(bench)
    story = told(bench, "acme inc")
    assert story["meant"] == [{"kind": "customer", "key": "acme", "from": ["customers.csv line 2"]}]
    assert len(story["found"]) == 2
    assert "customer acme: customers.csv line 2" in why(bench, "Acme Inc")
    message = refused(bench, "Globex")["message"]
    assert message == "Globex is customer globex (customers.csv line 3): nothing that is stored is about it"


def test_what_a_check_holds_is_told_with_what_became_of_its_event_and_the_row_of_now(bench: Bench) -> None:
    configure(bench, CHECK)
    usage(bench, "acme,90,100", "globex,90,100")
    bench.slack.add_channel("alerts", archived=True)
    assert bench.run("check", "-q").code == 69
    usage(bench, "acme,95,100", "globex,1,100")
    (known,) = told(bench, "acme")["checks"]
    (held,) = known["held"]
    assert (held["key"], held["level"], held["came_to"]) == ("acme", 0.8, "dead, not delivered to #alerts")
    assert held["event"] == told(bench, "acme")["found"][0]["event"]["id"]
    assert (known["rows_read"], known["failing_since"]) == (2, None)
    (row,) = known["rows"]
    assert (row["key"], row["state"], row["why"]) == ("acme", "known", "used/limit = 95/100 = 0.95")
    assert matches_snapshot("checked.txt", why(bench, "acme"))


def test_a_row_that_cannot_be_judged_and_a_source_that_fails_are_told(bench: Bench) -> None:
    configure(bench, CHECK)
    usage(bench, "acme,90,100", "globex,x,100")
    bench.run("check", "-q")
    (known,) = told(bench, "globex")["checks"]
    assert known["problems"] == [{"place": "line 3", "key": "globex", "problem": "used is 'x', which is no number"}]
    assert "globex, line 3, is not judged" in why(bench, "globex")
    (bench.root / "usage.csv").unlink()
    assert "usage.csv cannot be read" in told(bench, "acme")["checks"][0]["error"]
    assert "check quota: usage.csv cannot be read" in refused(bench, "hooli")["message"]


def test_a_level_that_was_taken_as_known_says_that_nobody_was_told(bench: Bench) -> None:
    configure(bench, CHECK)
    usage(bench, "acme,90,100")
    bench.run("check", "-q", "--baseline")
    (held,) = told(bench, "acme")["checks"][0]["held"]
    assert (held["event"], held["came_to"]) == (None, "nobody was told: it was taken as known")


def test_a_source_that_is_no_file_is_not_read(bench: Bench) -> None:
    configure(bench, CHECK.replace('source = "usage.csv"', 'command = ["cat", "usage.csv"]'))
    usage(bench, "acme,90,100")
    bench.run("check", "-q")
    (known,) = told(bench, "acme")["checks"]
    assert (known["looked"], known["rows"], len(known["held"])) == (False, [], 1)
    assert "ingestlayer check quota --only acme --dry-run" in told(bench, "acme")["hints"][-1]


def test_a_part_of_a_key_and_a_text_find_as_well(bench: Bench) -> None:
    for used in (1, 2):
        emit(bench, "--key", f"hooli:seats:{used}", used=used, note="Out of 100% seats")
    assert len(told(bench, "hooli")["found"]) == len(told(bench, "of 100% sea")["found"]) == 2
    assert "nothing that is stored is called 100_" in refused(bench, "100_")["message"]


# What cannot be asked


def refused(bench: Bench, *arguments: str) -> dict[str, Any]:
    result = bench.run("why", *arguments, "--json")
    assert result.code == 2, result
    error: dict[str, Any] = result.json["error"]
    return error


def test_without_a_store(bench: Bench) -> None:
    assert refused(bench, "@last")["message"] == "nothing is stored yet"
    assert not (bench.root / ".ingestlayer").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "why what? Name an event, a delivery or a key"),
        (("@last", "--type", TYPE), "name an event by its id or by options, not by both"),
        (("evt_nothing",), "there is no event evt_nothing in the store"),
        (("dlv_nothing",), "there is no delivery dlv_nothing"),
        (("@-9",), "there is no event @-9: the store has fewer than 9"),
        (("@lats",), '@lats names no event (did you mean "@last"?)'),
        (("--refused",), "nothing like that was refused"),
        (("--refused", "--since", "2d"), "beside --refused there is --type alone"),
        (("--where", "$event.used > 1000"), "no stored event fits"),
    ],
)
def test_what_cannot_be_answered_is_said(bench: Bench, arguments: tuple[str, ...], message: str) -> None:
    emit(bench)
    error = refused(bench, *arguments)
    assert error["message"] == message
    assert error["hint"]


def test_a_word_that_is_stored_nowhere(bench: Bench) -> None:
    emit(bench)
    assert "nothing that is stored is called globex: no event" in refused(bench, "globex")["message"]
    assert 'is called amce (did you mean "acme"?): no event' in refused(bench, "amce")["message"]


def test_the_start_of_several_ids_lists_them(bench: Bench) -> None:
    ids = [emit(bench).json["event"]["id"] for _ in range(2)]
    error = refused(bench, "evt_")
    assert error["message"] == "evt_ is the start of several events' ids"
    assert [detail["problem"] for detail in error["details"]] == [f"{id_}  {TYPE}" for id_ in sorted(ids)]
