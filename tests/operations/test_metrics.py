"""Metrics: numbers that Prometheus reads, of a project and its store."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.events import Event
from ingestlayer_cli.operations.metrics import Metric, Number, exposition, metrics
from ingestlayer_cli.store.contract.accepting import NewDelivery, NewRun
from tests.support.checks import HOUR, NOVEMBER, Checked, table

SECONDS = NOVEMBER / 1000
Values = dict[tuple[str, ...], float]


@pytest.fixture
def numbered(tmp_path: Path) -> Checked:
    made = Checked(tmp_path / "project", table(more='every = "1h"'))
    made.csv(("acme", 9, 10), ("globex", 1, 10), ("hooli", 1, 0))
    made.run()
    return made


def read(text: str) -> dict[str, Values]:
    """Return what Prometheus reads: by name, the numbers by the values of their labels, but for the project's."""
    families = list(text_string_to_metric_families(text))
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    found: dict[str, Values] = {}
    for sample in (sample for family in families for sample in family.samples):
        labels = tuple(value for name, value in sample.labels.items() if name != "project")
        assert labels not in found.get(sample.name, {})
        found.setdefault(sample.name.removeprefix("ingestlayer_"), {})[labels] = sample.value
    return found


def of(checked: Checked, queue: Any = None) -> dict[str, Values]:
    with Runtime(checked.project, checked.clock) as runtime:
        if queue is not None:
            with runtime.store.transaction() as transaction:
                queue(transaction)
        return read(exposition(metrics(runtime.project, runtime.store, checked.clock.now())))


def test_a_project_without_a_store_has_its_version_alone(checked: Checked) -> None:
    found = read(exposition(metrics(checked.project, None, NOVEMBER)))
    assert [*found] == ["build_info", "up", "project_valid", "troubles", "trouble"]
    assert found["up"] == {(): 1}


def test_a_store_that_cannot_be_read_has_no_troubles_to_tell(checked: Checked) -> None:
    found = read(exposition(metrics(checked.project, None, NOVEMBER, is_up=False)))
    assert [*found] == ["build_info", "up", "project_valid"]
    assert found["up"] == {(): 0}


def test_what_is_stored_is_counted(numbered: Checked) -> None:
    found = of(numbered)
    assert found["events"] == {("usage.limit",): 1}
    assert found["runs"] == {("alerts", "queued"): 1}
    assert found["deliveries"] == {("slack", "#alerts", "shown"): 1}
    assert found["last_event_timestamp_seconds"] == {(): SECONDS}
    assert found["store_bytes"][()] > 4096
    assert "oldest_waiting_timestamp_seconds" not in found


def test_a_check_says_how_its_last_run_went(numbered: Checked) -> None:
    numbered.clock.sleep(HOUR)
    (numbered.root / "usage.csv").unlink()
    numbered.run()
    found = of(numbered)
    assert {name: values[("api",)] for name, values in found.items() if name.startswith("check_")} == {
        "check_every_seconds": 3600,
        "check_last_run_timestamp_seconds": SECONDS + 3600,
        "check_last_success_timestamp_seconds": SECONDS,
        "check_last_duration_seconds": 0,
        "check_last_exit_code": 75,
        "check_rows": 2,
        "check_crossed": 1,
    }
    assert found["trouble"]["source_failing", "api", "problem"] == 1
    assert found["troubles"][("problem",)] >= 1


def queued(transaction: Any) -> None:
    transaction.add_event(Event("evt_1", "usage.limit", NOVEMBER, "cli", None, {}), "{}", "[]", NOVEMBER)
    transaction.add_run("evt_1", NewRun(1, "alerts", "v", "t", "failed", None, "why", "[]"), NOVEMBER)
    transaction.add_unfinished("evt_1", 1, '["alerts"]', 1, None)
    for number, (kind, target) in enumerate(
        [
            ("slack", "@maya@acme.example"),
            ("slack", "@max@acme.example"),
            ("webhook", "https://crm.example/hooks/acme?x=1"),
            ("webhook", "https://crm.example/hooks/globex"),
            ("webhook", "env:HOOK"),
            ("file", 'a "b" \\ c\nd/é.ndjson'),
        ]
    ):
        delivery = NewDelivery(f"dlv_{number}", "alerts", kind, target, "{}")
        transaction.add_delivery("evt_1", 1, delivery, NOVEMBER + number, NOVEMBER + HOUR)


def test_what_waits_is_counted_with_no_persons_name_and_no_customers_address(numbered: Checked) -> None:
    found = of(numbered, queued)
    assert {key: count for key, count in found["deliveries"].items() if key[2] == "pending"} == {
        ("slack", "@", "pending"): 2,
        ("webhook", "https://crm.example", "pending"): 2,
        ("webhook", "env:HOOK", "pending"): 1,
        ("file", 'a "b" \\ c\nd/é.ndjson', "pending"): 1,
    }
    assert found["oldest_waiting_timestamp_seconds"] == {(): SECONDS}
    assert found["oldest_due_timestamp_seconds"] == {(): SECONDS + 3600}
    assert sum(found["unfinished_runs"].values()) == 1
    numbered.clock.sleep(3 * HOUR)
    troubles = of(numbered)["trouble"]
    assert troubles["delivery_late", "@", "problem"] == troubles["delivery_late", "https://crm.example", "problem"] == 1


@pytest.mark.parametrize(
    "text", ['"', "\\", "\n", "\\n", '\\"', "}", '"} 5', "#", " ", "\t", "\r", "é日本", "\x85", "\u2028", ""]
)
def test_a_label_is_what_it_was_whatever_it_is(text: str) -> None:
    (family,) = text_string_to_metric_families(exposition([Metric("x", f"of {text}", [Number({"l": text}, 1)])]))
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"l": text}, 1)]


def test_what_is_no_unicode_is_a_question_mark() -> None:
    assert exposition([Metric("x", "y", [Number({"l": "a\udcff"}, 0.5)])]).splitlines()[-1] == 'x{l="a?"} 0.5'
