"""`from ingestlayer_cli import ingest, ingest_batch, IngestError`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ingestlayer_cli import IngestError, ingest, ingest_batch
from tests.support.folder import ACME, PAYLOAD, USAGE, Folder, envelope


def test_an_event_is_accepted_and_its_message_delivered(project: Folder) -> None:
    result = ingest(USAGE, PAYLOAD, project=project.root)
    assert result.status == "accepted"
    assert result.runs[0].deliveries[0].status == "shown"
    assert project.rows("SELECT source, type FROM events") == [("python", USAGE)]


def test_the_result_is_the_document_of_emit_json(project: Folder) -> None:
    result = ingest(USAGE, PAYLOAD, idempotency_key="a", timestamp="2026-11-03T09:30:00Z", project=project.root)
    emitted = project.accepted(*ACME, "--key", "b", "--timestamp", "2026-11-03T09:30:00Z", "--source", "python")
    ours = json.loads(json.dumps(result))
    for document in (ours, emitted):
        document["event"].pop("id")
        document["event"].pop("idempotency_key")
        document["runs"][0]["deliveries"][0].pop("id")
    assert ours == emitted


def test_the_same_key_is_a_duplicate(project: Folder) -> None:
    first = ingest(USAGE, PAYLOAD, idempotency_key="k", project=project.root)
    again = ingest(USAGE, {**PAYLOAD, "used": 10300}, idempotency_key="k", project=project.root)
    assert (again.status, again.differs, again.event.id, again.runs) == ("duplicate", ["used"], first.event.id, [])


def test_the_key_of_the_declaration_counts_without_an_own_one(project: Folder) -> None:
    ingest(USAGE, PAYLOAD, timestamp="2026-11-03T09:30:00Z", project=project.root)
    assert project.rows("SELECT key FROM events") == [("acme:api-calls:2026-11:true",)]


@pytest.mark.parametrize(
    "timestamp",
    [
        "2026-11-03T09:30:00Z",
        datetime(2026, 11, 3, 9, 30, tzinfo=UTC),
        datetime(2026, 11, 3, 10, 30, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_a_timestamp_is_a_text_or_a_datetime(project: Folder, timestamp: str | datetime) -> None:
    result = ingest(USAGE, PAYLOAD, timestamp=timestamp, project=project.root)
    assert result.event.received_at == "2026-11-03T09:30:00.000Z"


def test_a_datetime_without_a_time_zone_is_refused(project: Folder) -> None:
    with pytest.raises(IngestError) as caught:
        ingest(USAGE, PAYLOAD, timestamp=datetime(2026, 11, 3, 9, 30), project=project.root)
    assert caught.value.kind == "timestamp"


def test_a_refusal_has_kind_message_and_details(project: Folder) -> None:
    with pytest.raises(IngestError) as caught:
        ingest(USAGE, {**PAYLOAD, "metric": "seets"}, project=project.root)
    error = caught.value
    assert (error.kind, [detail.path for detail in error.details]) == ("schema", ["metric"])
    assert "metric" in error.message
    assert error.message in str(error)
    assert project.rows("SELECT kind, source FROM dead_letters") == [("schema", "python")]


@pytest.mark.parametrize(
    ("type_", "payload", "kind"),
    [
        ("no.such", {}, "undeclared"),
        ("no such", {}, "type"),
        (USAGE, [1], "schema"),
        (USAGE, {**PAYLOAD, "used": float("nan")}, "schema"),
        (USAGE, {**PAYLOAD, "used": 10**30}, "schema"),
        (USAGE, {**PAYLOAD, "plan": "\ud800"}, "schema"),
        (USAGE, {**PAYLOAD, "plan": datetime.now(UTC)}, "schema"),
        (7, {}, "type"),
    ],
)
def test_whatever_a_program_gives_is_refused_by_its_rule(project: Folder, type_: Any, payload: Any, kind: str) -> None:
    with pytest.raises(IngestError) as caught:
        ingest(type_, payload, project=project.root)
    assert caught.value.kind == kind


def test_a_payload_with_names_that_are_no_texts_is_refused(project: Folder) -> None:
    payload: Any = {**PAYLOAD, 1: 2}
    with pytest.raises(IngestError) as caught:
        ingest(USAGE, payload, project=project.root)
    assert caught.value.kind == "schema"


def test_the_callers_payload_is_left_as_it_is(project: Folder) -> None:
    payload = dict(PAYLOAD)
    ingest(USAGE, payload, project=project.root)
    assert payload == PAYLOAD


def test_no_project_is_an_ingest_error_too(tmp_path: Any) -> None:
    with pytest.raises(IngestError) as caught:
        ingest(USAGE, PAYLOAD, project=tmp_path)
    assert caught.value.kind == "project"
    assert "ingestlayer init" in caught.value.hint


def test_the_project_is_found_from_the_working_directory(project: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INGESTLAYER_PROJECT", raising=False)
    monkeypatch.chdir(project.root / "events")
    assert ingest(USAGE, PAYLOAD).status == "accepted"


def test_the_project_is_found_from_the_environment(project: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGESTLAYER_PROJECT", str(project.root))
    assert ingest(USAGE, PAYLOAD).status == "accepted"


def test_what_is_shown_is_drawn_as_emit_draws_it(project: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    ingest(USAGE, PAYLOAD, idempotency_key="a", project=project.root)
    drawn = capfd.readouterr()
    emitted = project.emit(*ACME, "--key", "b", env={"COLUMNS": "80"})
    assert drawn.err == ""
    assert "Acme Inc is out of api-calls" in drawn.out
    assert emitted.out.splitlines()[:13] == drawn.out.splitlines()[:13]


def test_without_a_stdout_it_is_accepted_all_the_same(project: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert ingest(USAGE, PAYLOAD, project=project.root).status == "accepted"


def test_nothing_else_is_printed(project: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    project.edit("ingestlayer.toml", 'connection = "terminal"', 'connection = "bot"')
    ingest(USAGE, PAYLOAD, project=project.root)
    ingest_batch([envelope(1)], project=project.root)
    assert capfd.readouterr() == ("", "")


def test_a_project_may_be_edited_while_a_program_runs(project: Folder) -> None:
    project.declare("user.seen", '[fields]\nname = "string"')
    assert ingest("user.seen", {"name": "Ada"}, project=project.root).status == "accepted"
    project.declare("user.left", '[fields]\nname = "string"')
    assert ingest("user.left", {"name": "Ada"}, project=project.root).status == "accepted"


# Batches --------------------------------------------------------------------------------------------------


def test_a_batch_of_envelopes_answers_with_the_batch_document(project: Folder) -> None:
    result = ingest_batch([envelope(1), envelope(1), envelope(2, payload={})], project=project.root)
    assert (result.accepted, result.duplicates, result.rejected) == (1, 1, 1)
    assert (result.runs.queued, result.deliveries.shown) == (1, 1)
    assert (result.rejects[0].line, result.rejects[0].kind) == (3, "schema")
    assert list(result) == ["accepted", "duplicates", "rejected", "runs", "deliveries", "rejects"]
    assert project.rows("SELECT DISTINCT source FROM events") == [("python",)]
    assert project.rows("SELECT line, source FROM dead_letters") == [(3, "python")]


def test_a_batch_of_payloads_has_its_type_beside_it(project: Folder) -> None:
    payloads = [{**PAYLOAD, "customer_id": str(number)} for number in range(3)]
    assert ingest_batch(payloads, type=USAGE, project=project.root).accepted == 3


def test_a_batch_takes_a_datetime_in_an_envelope(project: Folder) -> None:
    moment = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
    assert ingest_batch([envelope(1, timestamp=moment)], project=project.root).accepted == 1
    assert project.rows("SELECT received_at FROM events") == [(round(moment.timestamp() * 1000),)]


@pytest.mark.parametrize("event", [7, None, "x", [], {}, {"type": 7}, {"type": USAGE, 3: 4}, {"a": {1, 2}}])
def test_what_is_no_envelope_is_refused_and_the_rest_accepted(project: Folder, event: Any) -> None:
    result = ingest_batch([envelope(1), event, envelope(2)], project=project.root)
    assert (result.accepted, result.rejected, result.rejects[0].line) == (2, 1, 2)


def test_a_batch_streams_in_chunks_of_a_thousand(project: Folder) -> None:
    committed = []

    def events() -> Iterator[dict[str, Any]]:
        for number in range(2_001):
            if number % 1_000 == 0:
                committed.append(project.count("events"))
            yield envelope(number)

    assert ingest_batch(events(), project=project.root).accepted == 2_001
    assert committed == [0, 1_000, 2_000]


def test_what_the_events_raise_is_raised_and_what_was_accepted_stays(project: Folder) -> None:
    def events() -> Iterator[dict[str, Any]]:
        yield from (envelope(number) for number in range(1_000))
        raise LookupError("the source is gone")

    with pytest.raises(LookupError, match="the source is gone"):
        ingest_batch(events(), project=project.root)
    assert project.count("events") == 1_000


def test_an_empty_batch_is_fine(project: Folder) -> None:
    assert ingest_batch([], project=project.root).accepted == 0


# The package ----------------------------------------------------------------------------------------------


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = "import sys, ingestlayer_cli; print(*(name for name in sys.modules if name.startswith('ingestlayer_cli')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ingestlayer_cli"]


def test_the_package_has_no_other_attributes() -> None:
    import ingestlayer_cli

    with pytest.raises(AttributeError, match="no attribute 'digest'"):
        _ = ingestlayer_cli.digest  # type: ignore[attr-defined]


# A broken project -----------------------------------------------------------------------------------------


def test_a_broken_pipeline_fails_its_own_run_and_is_seen_when_it_is_mended(project: Folder) -> None:
    text = project.write("pipelines/more.toml", "[[")
    runs = ingest(USAGE, PAYLOAD, idempotency_key="a", project=project.root).runs
    assert {run["pipeline"]: run["outcome"] for run in runs} == {"usage-limit-hits": "queued", "more": "failed"}
    text.write_text('[[destinations]]\nuse = "slack"\nchannel = "#more"\n')
    runs = ingest(USAGE, PAYLOAD, idempotency_key="b", project=project.root).runs
    assert {run["outcome"] for run in runs} == {"queued"}


@pytest.mark.parametrize("file", ["ingestlayer.toml", f"events/{USAGE}.toml"])
def test_an_event_for_broken_settings_or_declarations_is_kept_whole_as_refused(project: Folder, file: str) -> None:
    project.write(file, "[[")
    with pytest.raises(IngestError) as caught:
        ingest(USAGE, PAYLOAD, idempotency_key="a", project=project.root)
    assert (caught.value.kind, "the event is kept as refused" in caught.value.hint) == ("project", True)
    with pytest.raises(IngestError):
        ingest_batch([PAYLOAD, PAYLOAD], type=USAGE, project=project.root)
    kept = [json.loads(raw)["payload"] for (raw,) in project.rows("SELECT raw FROM dead_letters")]
    assert kept == [PAYLOAD] * 3
