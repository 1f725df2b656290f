"""A run that failed is run again until it is done: nothing that was accepted is lost, nothing is sent twice."""

import json
import os
from typing import Any

import pytest

from ingestlayer_cli.engine import flow, unfinished
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.engine.tally import FEW
from ingestlayer_cli.model.gate import Line, Raw
from ingestlayer_cli.operations.naming import named
from tests.support.pipe import CUSTOMERS, Pipe

ENRICH = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
# What a file is for a moment, while it is written or its disk is ill.
BROKEN: dict[str, bytes | None] = {
    "missing": None,
    "empty": b"",
    "a bad byte": CUSTOMERS.encode().replace(b"Acme", b"Ac\xffme"),
    "an open quote": CUSTOMERS.encode().replace(b"Acme", b'"Acme'),
    "another header": CUSTOMERS.encode().replace(b"customer_id", b"id"),
}


@pytest.fixture
def enriched(pipe: Pipe) -> Pipe:
    pipe.steps(ENRICH)
    return pipe


def broken(pipe: Pipe, content: bytes | None = None) -> None:
    """Put the customers' file away, or something else into its place."""
    path = pipe.root / "customers.csv"
    path.unlink()
    if content is not None:
        path.write_bytes(content)


def mended(pipe: Pipe) -> None:
    pipe.write("customers.csv", CUSTOMERS)


def emit(pipe: Pipe, key: str | None = None, **payload: Any) -> Any:
    with Runtime(pipe.project(), clock=pipe.clock) as runtime:
        return flow.emit(runtime, Raw("usage", {"customer_id": "acme", **payload}, key))


def outcomes(pipe: Pipe) -> list[str]:
    return [outcome for (outcome,) in pipe.select("SELECT outcome FROM runs ORDER BY event, number")]


def waits(pipe: Pipe) -> list[Any]:
    """Return (tries, milliseconds from now until it is run again) of what waits."""
    rows = pipe.select("SELECT tries, retry_at FROM unfinished ORDER BY event, run")
    return [(tries, None if at is None else at - pipe.clock.now()) for tries, at in rows]


# What is run again, and when ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_run_that_failed_by_a_file_is_run_again_as_soon_as_that_has_changed(
    enriched: Pipe, content: bytes | None
) -> None:
    broken(enriched, content)
    assert emit(enriched).runs[0].outcome == "failed"
    enriched.deliver()
    assert outcomes(enriched) == ["failed"]
    mended(enriched)
    enriched.deliver()
    assert (outcomes(enriched), enriched.messages(), waits(enriched)) == (["queued"], ["acme Acme Inc"], [])


def test_a_file_that_is_written_anew_with_the_same_size_and_time_has_changed(enriched: Pipe) -> None:
    broken(enriched, CUSTOMERS.encode().replace(b"Acme", b"Ac\xffe"))
    path = enriched.root / "customers.csv"
    os.utime(path, (1_700_000_000, 1_700_000_000))
    emit(enriched)
    path.write_text(CUSTOMERS)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    enriched.deliver()
    assert outcomes(enriched) == ["queued"]


def test_what_nobody_sees_change_is_tried_on_the_retry_curve_and_never_given_up(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDACTION", raising=False)
    pipe.steps('[[steps]]\nuse = "redact.pii"\nsecret = "env:REDACTION"\nfields = { customer_id = "hash" }\n')
    failed = emit(pipe)
    assert (failed.runs[0].outcome, failed.runs[0].retry_at) == ("failed", "2026-11-03T09:30:30.000Z")
    pauses = []
    for _ in range(6):
        ((_, pause),) = waits(pipe)
        pauses.append(pause // 1000)
        pipe.clock.at += pause - 1
        pipe.deliver()
        assert waits(pipe)[0][1] == 1  # not before its time
        pipe.clock.at += 1
        pipe.deliver()
    assert pauses == [30, 120, 600, 3600, 3600, 3600]
    monkeypatch.setenv("REDACTION", "key")
    pipe.clock.passes("1h")
    pipe.deliver()
    assert (outcomes(pipe), waits(pipe)) == (["queued"], [])


def test_a_time_that_a_wrong_clock_wrote_holds_nothing(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDACTION", raising=False)
    pipe.steps('[[steps]]\nuse = "redact.pii"\nsecret = "env:REDACTION"\nfields = { customer_id = "hash" }\n')
    now = pipe.clock.at
    pipe.clock.passes("365d")
    emit(pipe)
    pipe.clock.at = now
    monkeypatch.setenv("REDACTION", "key")
    pipe.deliver()
    assert outcomes(pipe) == ["queued"]


def test_an_edited_pipeline_runs_at_once_what_it_failed_on(pipe: Pipe) -> None:
    text = 'match = ["usage"]\n[[destinations]]\nuse = "slack"\nchannel = "$event.metric"\n'
    pipe.write("pipelines/pipeline.toml", text)
    assert emit(pipe).runs[0].outcome == "failed"
    pipe.write("pipelines/pipeline.toml", f'{text}channel_default = "#c"\n')
    pipe.deliver()
    assert (outcomes(pipe), pipe.select("SELECT target FROM deliveries")) == (["queued"], [("#c",)])


def test_an_edit_of_the_projects_file_runs_again_at_once_what_failed(enriched: Pipe) -> None:
    broken(enriched)
    emit(enriched)
    enriched.write("others.csv", CUSTOMERS)
    enriched.write("ingestlayer.toml", '[entities.customer]\nfile = "others.csv"\nkey = "customer_id"\n')
    enriched.deliver()
    assert outcomes(enriched) == ["queued"]


def test_a_pipeline_that_was_edited_to_take_the_type_no_more_drops_the_event(enriched: Pipe) -> None:
    broken(enriched)
    emit(enriched)
    enriched.steps(ENRICH, match="other")
    enriched.deliver()
    assert enriched.select("SELECT outcome, reason FROM runs") == [("dropped", "pipeline takes usage no more")]
    assert waits(enriched) == []


@pytest.mark.parametrize("status", ["paused", "draft"])
def test_the_runs_of_a_pipeline_that_is_not_active_wait_for_it(enriched: Pipe, status: str) -> None:
    broken(enriched)
    emit(enriched, key="k")
    enriched.steps(f"{ENRICH}", name="pipeline")
    text = (enriched.root / "pipelines/pipeline.toml").read_text()
    enriched.write("pipelines/pipeline.toml", f'status = "{status}"\n{text}')
    mended(enriched)
    enriched.clock.passes("1d")
    assert enriched.deliver().exit_codes == []
    assert emit(enriched, key="k").runs == []
    assert outcomes(enriched) == ["failed"]
    enriched.write("pipelines/pipeline.toml", text)
    enriched.deliver()
    assert outcomes(enriched) == ["queued"]


def test_the_runs_of_a_pipeline_that_is_gone_wait_for_it(enriched: Pipe) -> None:
    enriched.steps("", name="other")
    broken(enriched)
    emit(enriched)
    (enriched.root / "pipelines/pipeline.toml").rename(enriched.root / "away")
    mended(enriched)
    enriched.deliver()
    assert outcomes(enriched) == ["queued", "failed"]
    (enriched.root / "away").rename(enriched.root / "pipelines/pipeline.toml")
    enriched.deliver()
    assert outcomes(enriched) == ["queued", "queued"]


# Who runs it again -------------------------------------------------------------------------------------------------


def test_a_duplicate_runs_it_again_at_once_and_tells_of_it(enriched: Pipe) -> None:
    broken(enriched)
    first = emit(enriched, key="k", used=1)
    again = emit(enriched, key="k", used=2)
    assert (again.status, again.differs, [run.outcome for run in again.runs]) == ("duplicate", ["used"], ["failed"])
    assert (again.event.id, flow.exit_code(again)) == (first.event.id, 78)
    mended(enriched)
    third = emit(enriched, key="k")
    assert (third.status, [run.outcome for run in third.runs], flow.exit_code(third)) == ("duplicate", ["queued"], 0)
    assert [row.status for row in third.runs[0].deliveries] == ["shown"]
    assert emit(enriched, key="k").runs == []


def test_duplicates_of_a_batch_run_it_again_at_once(enriched: Pipe) -> None:
    lines = [Line(number, Raw("usage", {"customer_id": "acme"}, f"k{number}"), None, b"") for number in range(3)]

    def batch() -> Any:
        with Runtime(enriched.project(), clock=enriched.clock) as runtime:
            return flow.emit_batch(runtime, [lines])

    broken(enriched)
    assert batch().runs == {"queued": 0, "dropped": 0, "failed": 3}
    enriched.clock.passes("1s")
    mended(enriched)
    again = batch()
    assert (again.duplicates, again.runs, again.exit_codes) == (3, {"queued": 3, "dropped": 0, "failed": 0}, [])
    assert again.deliveries["shown"] == 3
    assert batch().runs == {"queued": 0, "dropped": 0, "failed": 0}


def test_an_emit_of_another_event_runs_it_again_and_tells_nothing_of_it(enriched: Pipe) -> None:
    broken(enriched)
    emit(enriched)
    mended(enriched)
    enriched.clock.passes("1s")
    other = emit(enriched, customer_id="globex")
    assert (len(other.runs), flow.exit_code(other)) == (1, 0)
    assert enriched.messages() == ["globex Globex GmbH", "acme Acme Inc"]


def test_an_emit_runs_again_no_more_than_some(enriched: Pipe) -> None:
    broken(enriched)
    enriched.batch([{"customer_id": "acme"}] * (FEW + 10))
    mended(enriched)
    enriched.clock.passes("1s")
    emit(enriched)
    assert outcomes(enriched).count("failed") == 10


# What it is to be run again -------------------------------------------------------------------------------------------


def test_it_is_the_same_run_with_the_same_ids(pipe: Pipe) -> None:
    pipe.steps("", name="a")
    pipe.steps(ENRICH, name="b")
    broken(pipe)
    event = emit(pipe).event.id
    mended(pipe)
    with Runtime(pipe.project(), clock=pipe.clock, keep=False) as runtime:
        previewed = flow.preview_event(runtime, named(runtime.stored, event).event)["runs"][1]["messages"][0]["body"]
    pipe.deliver()
    runs = pipe.select("SELECT number, outcome, replayed_at FROM runs ORDER BY number")
    assert runs == [(1, "queued", None), (2, "queued", None)]
    ((run, body),) = pipe.select("SELECT run, body FROM deliveries WHERE pipeline = 'b'")
    assert (run, json.loads(body)) == (2, previewed)


def test_a_level_counts_only_once_its_message_is_queued(pipe: Pipe) -> None:
    crossing = '[[steps]]\nuse = "crossing"\nvalue = "$event.used"\nlevels = [80, 90]\nkey = "$event.customer_id"\n'
    pipe.steps(crossing + ENRICH)
    broken(pipe)
    emit(pipe, used=80)
    assert pipe.select("SELECT count(*) FROM states") == [(0,)]
    emit(pipe, used=81)
    mended(pipe)
    pipe.deliver()
    assert outcomes(pipe) == ["queued", "dropped"]  # in the order of acceptance: one message, as it would have been


def test_what_came_meanwhile_and_was_told_is_not_told_again(pipe: Pipe) -> None:
    pipe.steps('[[steps]]\nuse = "dedupe"\nkey = "$event.customer_id"\nwindow = "24h"\n' + ENRICH)
    broken(pipe)
    emit(pipe)
    mended(pipe)
    with Runtime(pipe.project(), clock=pipe.clock) as runtime:  # one that sends nothing, and so runs nothing again
        second = flow.emit(runtime, Raw("usage", {"customer_id": "acme"}), deliver=False)
    assert second.runs[0].outcome == "queued"
    pipe.deliver()
    ((outcome, reason),) = pipe.select("SELECT outcome, reason FROM runs WHERE event = 1")
    assert outcome == "dropped"
    assert second.event.id in reason


def test_two_processes_that_run_it_again_at_once_do_so_once(enriched: Pipe) -> None:
    broken(enriched)
    event = emit(enriched).event.id
    mended(enriched)
    with (
        Runtime(enriched.project(), clock=enriched.clock) as one,
        Runtime(enriched.project(), clock=enriched.clock) as other,
    ):
        rows = one.store.unfinished.of_events([event])
        assert len(unfinished._run(other, rows, other.clock.now())[0]) == 1
        done, queued = unfinished._run(one, rows, one.clock.now())
        assert not done
        assert not queued
    assert len(enriched.messages()) == 1


def test_what_waits_is_never_pruned(enriched: Pipe) -> None:
    from ingestlayer_cli.operations import upkeep

    broken(enriched)
    emit(enriched)
    enriched.clock.passes("400d")
    with Runtime(enriched.project(), clock=enriched.clock) as runtime:
        assert upkeep.prune(runtime, upkeep.retention(runtime.project, 0)) == 0
    mended(enriched)
    enriched.deliver()
    assert outcomes(enriched) == ["queued"]
