"""`capture`: a stored event becomes a test that passes, and no personal data stands in it."""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support.folder import Folder
from tests.support.tested import PIPELINE

EVENT = """
type = "seen"
[fields]
email = "string"
friend = "string?"
code = "number"
plan = { enum = ["pro", "free"] }
[idempotency]
key = "$event.email:$event.code"
"""
MINIMAL = """match = ["seen"]
[[destinations]]
use = "slack"
channel = "#a"
[destinations.message]
title = "$event.email"
"""


def emit(project: Folder, used: float = 120, customer: str = "acme", *more: str) -> Any:
    fields = ("--customer", customer, "--used", str(used), "--limit", "100", *more)
    return project.here("emit", "usage", *fields, "--json").json


def seen(tested: Folder, pipeline: str = MINIMAL) -> None:
    """Give the project events with personal data, and one pipeline for them."""
    tested.write("events/seen.toml", EVENT)
    os.unlink(tested.root / "pipelines/alert.toml")
    tested.write("pipelines/seen.toml", pipeline)


def see(tested: Folder, email: str = "maya@acme.com", code: float = 1, **more: Any) -> Any:
    data = {"email": email, "code": code, "plan": "pro", **more}
    return tested.here("emit", "seen", "--data", json.dumps(data), "--json").json


def captured(project: Folder, event: str = "@last", *more: str, code: int = 0) -> Any:
    result = project.here("capture", event, "--json", *more)
    assert result.code == code, result
    (test,) = result.json["tests"]
    return test


def kept(project: Folder, name: str = "alert") -> list[Any]:
    found: list[Any] = tomllib.loads(file(project, name).read_text()).get("tests", [])
    return found


def file(project: Folder, name: str = "alert") -> Path:
    return project.root / f"pipelines/{name}.toml"


def passes(project: Folder) -> bool:
    return project.here("test").code == 0


# What is captured -----------------------------------------------------------------------------------------


def test_an_event_with_what_it_led_to_is_a_test_that_passes(tested: Folder) -> None:
    emit(tested)
    captured(tested)
    (test,) = kept(tested)
    assert test["event"] == {"type": "usage", "payload": {"customer": "acme", "used": 120, "limit": 100}}
    assert test["entities"] == {"customer": [{"id": "acme", "mrr": 1900, "name": "Acme Inc"}]}
    assert test["expect"] == {
        "channels": ["#alerts", "#growth"],
        "messages": 2,
        "contains": ["Acme Inc is out", "usage"],
    }
    assert passes(tested)


def test_all_that_stands_in_the_file_stays_as_it_is(tested: Folder) -> None:
    text = "\ufeff# ours\r\n" + PIPELINE.replace("\n", "\r\n") + "# at the end"
    file(tested).write_bytes(text.encode())
    emit(tested)
    captured(tested)
    after = file(tested).read_bytes().decode()
    assert after.startswith(text + "\r\n\r\n[[tests]]\r\n")
    assert "\n" not in after.replace("\r\n", "")
    assert passes(tested)


def test_the_rows_are_those_of_then(tested: Folder) -> None:
    emit(tested)
    tested.write("customers.csv", "id,name,mrr\nacme,Another,1\n")
    captured(tested)
    assert kept(tested)[0]["entities"]["customer"][0]["name"] == "Acme Inc"
    assert passes(tested)


def test_a_customer_whom_no_file_knew_has_no_row(tested: Folder) -> None:
    emit(tested, customer="new")
    tested.write("customers.csv", "id,name,mrr\nnew,New,1\n")
    captured(tested)
    assert kept(tested)[0]["entities"] == {"customer": []}
    assert passes(tested)


def test_what_a_filter_dropped_is_expected_to_be_dropped(tested: Folder) -> None:
    emit(tested, 0)
    captured(tested)
    assert kept(tested)[0]["expect"] == {"dropped_by": "filter"}
    assert passes(tested)


def test_what_dedupe_dropped_has_the_event_before_it(tested: Folder) -> None:
    first = emit(tested)["event"]
    emit(tested, 130)
    captured(tested)
    (test,) = kept(tested)
    assert test["expect"] == {"dropped_by": "dedupe"}
    assert [it["timestamp"] for it in test["before"]] == [first["received_at"]]
    assert passes(tested)


@pytest.mark.parametrize(
    ("step", "values", "channels"),
    [
        ('use = "throttle"\nkey = "$event.customer"\nmax = 3\nwindow = "1d"', (50, 60, 70, 80), None),
        ('use = "crossing"\nkey = "$event.customer"\nvalue = "$event.used / $event.limit"\nlevels = [0.5, 0.8, 1]\n'
         'period = "month"', (50, 80, 100), ["#alerts", "#growth"]),
        ('use = "crossing"\nkey = "$event.customer"\nvalue = "$event.used / $event.limit"\nlevels = [0.5, 0.8, 1]\n'
         'period = "month"', (50, 80, 81), None),
    ],
)  # fmt: skip
def test_what_steps_remembered_is_followed_as_far_as_it_takes(
    tested: Folder, step: str, values: tuple[int, ...], channels: list[str] | None
) -> None:
    tested.write(
        "pipelines/alert.toml", PIPELINE.replace('use = "dedupe"\nkey = "$event.customer"\nwindow = "1h"', step)
    )
    for used in values:
        emit(tested, used)
    captured(tested)
    (test,) = kept(tested)
    assert ("before" in test) == (channels is None)  # what passes without is as short as it can be
    assert test["expect"].get("channels") == channels
    assert passes(tested)


def test_each_pipeline_gets_its_own(tested: Folder) -> None:
    tested.write("pipelines/other.toml", PIPELINE.replace("#growth", "#other"))
    emit(tested)
    result = tested.here("capture", "@last", "--json")
    assert [test["pipeline"] for test in result.json["tests"]] == ["alert", "other"]
    assert kept(tested)[0]["expect"]["channels"] != kept(tested, "other")[0]["expect"]["channels"]
    assert passes(tested)


def test_one_pipeline_alone_is_named(tested: Folder) -> None:
    tested.write("pipelines/other.toml", PIPELINE)
    emit(tested)
    captured(tested, "@last", "--pipeline", "other", "--name", "so it was")
    assert (kept(tested), kept(tested, "other")[0]["name"]) == ([], "so it was")


# Personal data --------------------------------------------------------------------------------------------


def test_what_looks_personal_is_masked_everywhere(tested: Folder) -> None:
    seen(tested, MINIMAL.replace('"#a"', '"@$event.email"'))
    see(tested, friend="jo of maya@acme.com and jo@x.org")
    assert captured(tested)["masked"] == ["email", "friend"]
    text = file(tested, "seen").read_text()
    assert "maya" not in text
    assert "jo@x.org" not in text
    (test,) = kept(tested, "seen")
    assert test["event"]["payload"]["email"] == "m•••@acme.com"
    assert test["event"]["payload"]["friend"] == "jo of m•••@acme.com and •••@x.org"
    assert test["expect"]["channels"] == ["@m•••@acme.com"]
    assert passes(tested)


def test_values_that_differ_have_masks_that_differ(tested: Folder) -> None:
    step = '[[steps]]\nuse = "filter"\nwhen = "$event.email != $event.friend"\n'
    seen(tested, MINIMAL.replace("[[destinations]]", f"{step}[[destinations]]"))
    see(tested, "maya@acme.com", friend="mark@acme.com")
    captured(tested)
    (test,) = kept(tested, "seen")
    assert test["event"]["payload"]["friend"] == "m•••2@acme.com"
    assert test["expect"]["channels"] == ["#a"]
    assert passes(tested)


def test_a_row_of_an_entity_is_masked(tested: Folder) -> None:
    tested.write("customers.csv", "id,name,mrr\nacme,maya@acme.com,1900\n")
    emit(tested)
    assert captured(tested)["masked"] == ["customer.name"]
    assert "maya@" not in file(tested).read_text()
    assert passes(tested)


REDACTING = """[[steps]]
use = "redact.pii"
fields = { code = "drop", friend = "mask", email = "keep", plan = "hash" }
secret = "env:SALT"
"""


def test_what_a_pipeline_redacts_is_masked_and_what_it_keeps_is_kept(
    tested: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALT", "pepper")
    seen(tested, MINIMAL.replace("[[destinations]]", f"{REDACTING}[[destinations]]"))
    see(tested, code=4711, friend="Maya Lindqvist")
    assert captured(tested)["masked"] == ["code", "friend"]
    (test,) = kept(tested, "seen")
    assert test["event"]["payload"] == {"email": "maya@acme.com", "friend": "M•••t", "code": 1000, "plan": "pro"}
    assert passes(tested)


def test_a_key_that_the_sender_gave_is_masked(tested: Folder) -> None:
    seen(tested)
    tested.here("emit", "seen", "email=maya@acme.com", "code=1", "plan=pro", "--key", "maya@acme.com:7")
    captured(tested)
    assert kept(tested, "seen")[0]["event"]["idempotency_key"] == "m•••@acme.com:7"
    assert passes(tested)


# What is no test ------------------------------------------------------------------------------------------


def test_the_same_is_not_captured_twice(tested: Folder) -> None:
    emit(tested)
    name = captured(tested)["name"]
    before = file(tested).read_text()
    again = captured(tested)
    assert (again["known"], again["name"], again["line"]) == (True, name, None)
    assert file(tested).read_text() == before


def test_no_name_stands_twice(tested: Folder) -> None:
    for used in (120, 130):
        emit(tested, used, f"customer-{used}")
        captured(tested, "@last", "--name", "over")
    assert [test["name"] for test in kept(tested)] == ["over", "over (2)"]
    assert passes(tested)


def test_an_edited_pipeline_that_does_something_else_is_told_and_nothing_is_written(tested: Folder) -> None:
    emit(tested)
    tested.edit("pipelines/alert.toml", "$event.used > 0", "$event.used > 500")
    before = file(tested).read_text()
    why = captured(tested, code=1)["reason"]
    assert why.startswith("then it goes to #alerts, #growth, and as a test it is dropped by filter: ")
    assert file(tested).read_text() == before


def test_it_is_written_all_the_same_where_that_is_said(tested: Folder) -> None:
    emit(tested)
    tested.edit("pipelines/alert.toml", "$event.used > 0", "$event.used > 500")
    captured(tested, "@last", "--anyway", code=1)
    assert kept(tested)[0]["expect"]["channels"] == ["#alerts", "#growth"]
    assert not passes(tested)


def test_a_dry_run_prints_the_test_alone(tested: Folder) -> None:
    emit(tested)
    result = tested.here("capture", "@last", "--dry-run")
    assert tomllib.loads(result.out)["tests"][0]["expect"]["messages"] == 2
    assert kept(tested) == []


def test_tests_that_are_a_list_take_no_table(tested: Folder) -> None:
    given = '{ name = "a", from_example = "usage", expect = { messages = 1 } }'
    file(tested).write_text(f"tests = [{given}]\n{PIPELINE}")
    emit(tested)
    result = tested.here("capture", "@last")
    assert result.code == 78
    assert "write its tests as [[tests]] tables" in result.err


def test_a_run_that_failed_led_to_nothing_yet(tested: Folder) -> None:
    os.unlink(tested.root / "customers.csv")
    emit(tested)
    assert "its run failed" in captured(tested, code=1)["reason"]


def test_an_event_on_which_nothing_ran_is_a_usage_error(tested: Folder) -> None:
    tested.here("pipelines", "pause", "alert")
    emit(tested)
    assert tested.here("capture", "@last").code == 2
    assert tested.here("capture", "@-2").code == 2


def test_the_pipeline_of_alerts_has_no_file_for_a_test(tested: Folder) -> None:
    settings = (tested.root / "ingestlayer.toml").read_text()
    check = '[checks.gone]\nsource = "gone.csv"\nvalue = "used"\nlevels = [1]\nkey = ["id"]\nemit = "usage"\n'
    tested.write("ingestlayer.toml", f'{settings}\n{check}[alerts]\nchannel = "#ops"\n')
    tested.here("check")
    found = captured(tested, "@last", code=1)
    assert found["reason"] == "it stands for [alerts] in ingestlayer.toml, and has no file for its tests"
