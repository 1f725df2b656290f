"""Idempotency keys: what is a duplicate, what a conflict, what a new event."""

import json

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Raw
from ingestlayer_cli.project import load
from ingestlayer_cli.store.sql.names import key_hash
from tests.support.clock import FakeClock
from tests.support.folder import ACME, PAYLOAD, USAGE, Folder
from tests.support.program import environment, ran_at_once

SHORT = '[fields]\nname = "string"\n[idempotency]\nkey = "$event.name"\nwindow = "1s"\n'


def test_the_same_key_in_the_window_is_a_duplicate_of_the_first(project: Folder) -> None:
    first = project.accepted(*ACME, "--key", "k")
    again = project.accepted(*ACME, "--key", "k", "--customer", "globex", "--metric", "seats")
    assert again["status"] == "duplicate"
    assert again["event"] == first["event"]
    assert again["differs"] == ["customer_id", "metric"]


def test_differs_names_a_field_that_only_one_of_the_two_has(project: Folder) -> None:
    project.declare("user.seen", '[fields]\nname = "string"\nplan = "string?"\nage = "number?"')
    project.run("emit", "user.seen", "name=Ada", "plan=pro", "--key", "k")
    again = project.run("emit", "user.seen", "name=Ada", "age=36", "--key", "k", "--json").json
    assert sorted(again["differs"]) == ["age", "plan"]


def test_words_name_the_key_and_what_differs(project: Folder) -> None:
    project.accepted(*ACME, "--key", "my-key")
    out = project.emit(*ACME, "--key", "my-key", "--used", "10300").out
    assert "idempotency key my-key" in out
    assert "differs from the first in: used" in out


def test_another_key_is_another_event(project: Folder) -> None:
    assert project.accepted(*ACME, "--key", "a")["status"] == "accepted"
    assert project.accepted(*ACME, "--key", "b")["status"] == "accepted"


def test_the_same_key_under_another_type_is_another_event(project: Folder) -> None:
    project.declare("user.seen", '[fields]\nname = "string"')
    assert project.accepted(*ACME, "--key", "k")["status"] == "accepted"
    assert project.run("emit", "user.seen", "name=Ada", "--key", "k", "--json").json["status"] == "accepted"


def test_keys_are_told_apart_by_case_and_by_spaces(project: Folder) -> None:
    for key in ("key", "Key", "k ey", " key"):
        assert project.accepted(*ACME, "--key", key)["status"] == "accepted"


def test_a_declared_key_is_derived_and_an_own_key_wins_over_it(project: Folder) -> None:
    assert project.accepted(*ACME)["event"]["idempotency_key"].startswith("acme:api-calls:")
    assert project.accepted(*ACME, "--key", "k")["event"]["idempotency_key"] == "k"


def test_a_declared_key_that_needs_a_missing_field_is_refused_with_its_name(project: Folder) -> None:
    project.declare("user.seen", '[fields]\nname = "string?"\n[idempotency]\nkey = "$event.name"')
    result = project.run("emit", "user.seen", "--json")
    assert (result.code, result.error["kind"]) == (65, "key")
    assert "$event.name" in result.error["message"]
    assert "--key" in result.error["hint"]
    assert project.run("emit", "user.seen", "--key", "k").code == 0


def test_on_difference_reject_makes_another_payload_a_conflict(project: Folder) -> None:
    project.edit(f"events/{USAGE}.toml", 'window = "31d"', 'window = "31d"\non_difference = "reject"')
    first = project.accepted(*ACME, "--key", "k")
    result = project.emit(*ACME, "--key", "k", "--used", "10300", "--json")
    assert (result.code, result.error["kind"]) == (65, "conflict")
    assert first["event"]["id"] in result.error["message"]
    assert [detail["path"] for detail in result.error["details"]] == ["used"]
    assert project.rows("SELECT kind FROM dead_letters") == [("conflict",)]


def test_on_difference_reject_leaves_the_same_payload_a_duplicate(project: Folder) -> None:
    project.edit(f"events/{USAGE}.toml", 'window = "31d"', 'window = "31d"\non_difference = "reject"')
    project.accepted(*ACME, "--key", "k")
    assert project.accepted(*ACME, "--key", "k")["status"] == "duplicate"


def test_after_the_window_a_key_is_a_new_event(project: Folder) -> None:
    project.declare("user.seen", SHORT)
    project.listen("user.seen")
    clock = FakeClock()
    with Runtime(load(str(project.root)), clock) as runtime:
        for passed, status in (("0s", "accepted"), ("999ms", "duplicate"), ("2ms", "accepted")):
            clock.passes(passed)
            assert flow.emit(runtime, Raw("user.seen", {"name": "Ada"}))["status"] == status
    assert (project.count("events"), project.count("deliveries")) == (2, 2)


def test_the_window_runs_on_the_wall_clock_whatever_the_timestamp(project: Folder) -> None:
    project.declare("user.seen", SHORT.replace("1s", "1h"))
    assert project.run("emit", "user.seen", "name=Ada", "--timestamp", "30d ago").code == 0
    again = project.run("emit", "user.seen", "name=Ada", "--json").json
    assert again["status"] == "duplicate"


def test_twenty_processes_with_one_key_make_one_event_and_one_message(project: Folder) -> None:
    results = ran_at_once([("emit", USAGE, *ACME, "--json")] * 20, project.root, environment())
    assert {(result.code, result.err) for result in results} == {(0, "")}
    documents = [result.json for result in results]
    assert sorted(document["status"] for document in documents) == ["accepted"] + ["duplicate"] * 19
    assert len({document["event"]["id"] for document in documents}) == 1
    assert (project.count("events"), project.count("deliveries"), project.count("attempts")) == (1, 1, 1)


def test_twenty_processes_with_keys_of_their_own_make_twenty_events(project: Folder) -> None:
    commands = [("emit", USAGE, *ACME, "--key", str(n), "-q") for n in range(20)]
    results = ran_at_once(commands, project.root, environment())
    assert {result.code for result in results} <= {0, 75}  # a message may be in another's hand
    assert (project.count("events"), project.count("deliveries")) == (20, 20)
    assert project.run("deliver", "-q").code == 0
    assert project.rows("SELECT DISTINCT status, attempts FROM deliveries") == [("shown", 1)]


def test_a_duplicate_inside_one_batch_is_found(project: Folder) -> None:
    line = {"type": USAGE, "payload": PAYLOAD}
    result = project.batch([line, line, line])
    assert (result.json["accepted"], result.json["duplicates"]) == (1, 2)


# Dead letters ---------------------------------------------------------------------------------------------


def test_a_refused_event_is_a_dead_letter_with_rule_place_and_content(project: Folder) -> None:
    assert project.emit(*ACME, "--metric", "seets", "--source", "cron").code == 65
    sql = "SELECT kind, type, source, line, message, details, raw FROM dead_letters"
    ((kind, type_, source, line, message, details, raw),) = project.rows(sql)
    assert (kind, type_, source, line) == ("schema", USAGE, "cron", None)
    assert "metric" in message
    assert [detail["path"] for detail in json.loads(details)] == ["metric"]
    assert json.loads(raw)["payload"]["metric"] == "seets"
    assert project.count("events") == 0


def test_wrong_usage_is_no_dead_letter(project: Folder) -> None:
    assert project.emit("--metrc", "seats").code == 2
    assert project.count("dead_letters") == 0


def test_every_rule_leaves_its_kind(project: Folder) -> None:
    refusals = [
        ("undeclared", ("emit", "no.such", "a=b")),
        ("type", ("emit", "no such", "a=b")),
        ("schema", ("emit", USAGE, "a=b")),
        ("key", ("emit", USAGE, *ACME, "--key", "\n")),
        ("timestamp", ("emit", USAGE, *ACME, "--timestamp", "soon")),
        ("schema", ("emit", USAGE, "--data", "[1]")),
    ]
    for _, arguments in refusals:
        assert project.run(*arguments).code == 65
    assert [kind for (kind,) in project.rows("SELECT kind FROM dead_letters ORDER BY seq")] == [k for k, _ in refusals]


def test_data_that_is_no_json_is_a_dead_letter_like_a_line_of_a_batch(project: Folder) -> None:
    assert project.emit("--data", "{nope").code == 65
    ((kind, raw),) = project.rows("SELECT kind, raw FROM dead_letters")
    assert kind == "json"
    assert "{nope" in raw


def test_two_keys_of_one_hash_are_two_keys(project: Folder) -> None:
    assert key_hash("plumless") == key_hash("buckeroo")
    first, other = (project.accepted(*ACME, "--key", key) for key in ("plumless", "buckeroo"))
    assert [first["status"], other["status"]] == ["accepted", "accepted"]
    assert project.accepted(*ACME, "--key", "plumless")["event"] == first["event"]
    assert project.run("why", "buckeroo", "--json").json["event"]["id"] == other["event"]["id"]
    assert project.run("events", "list", "--key", "plumless", "--json").out.count("\n") == 1
