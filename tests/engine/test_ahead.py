"""Runs that are made ahead count for as long as they are what would be made now, and not a moment longer."""

import os
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.engine.ahead import NOTHING, ROWS, RUNS
from ingestlayer_cli.engine.chunks import Batch
from ingestlayer_cli.engine.feeder import REST
from ingestlayer_cli.engine.flow import emit
from ingestlayer_cli.engine.pipeline import Pipeline
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.entities import opened
from ingestlayer_cli.model.events import Event
from ingestlayer_cli.model.gate import Line, Raw
from ingestlayer_cli.model.memory import Seen, State, Traits
from tests.support.entities import settle
from tests.support.feeding import fed
from tests.support.pipe import Pipe

ENRICH = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
DEDUPE = '[[steps]]\nuse = "dedupe"\nkey = "$event.customer_id"\nwindow = "24h"\n'
CROSSING = '[[steps]]\nuse = "crossing"\nvalue = "$event.used"\nlevels = [80]\nkey = "$event.customer_id"\n'
UPSERT = '[[steps]]\nuse = "upsert.entity"\nkind = "customer"\nexternal_id = "$event.customer_id"\n'
UPSERT += 'traits = { seats = "$event.used" }\n'


@pytest.fixture
def fresh(pipe: Pipe) -> Pipe:
    settle(pipe.root / "customers.csv")
    return pipe


def lines(*payloads: dict[str, Any]) -> list[Line]:
    return [Line(number, Raw("usage", payload), None, b"") for number, payload in enumerate(payloads, start=1)]


def made(runtime: Runtime, *payloads: dict[str, Any]) -> tuple[Any, list[Event], Pipeline]:
    """Return the runs that are made ahead on payloads, the events, and the pipeline."""
    ((admitted, ahead),), _ = fed(runtime, [lines(*payloads)])
    events = [item[0] for _, item in admitted if isinstance(item, tuple)]
    (pipeline,) = runtime.pipelines("usage")
    assert isinstance(pipeline, Pipeline)
    return ahead, events, pipeline


class Remembering:
    """A memory that has something of each kind, and is asked for no other than what it has."""

    def __init__(self, what: str = "") -> None:
        self._what = what

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        return Seen("evt_1", after + 1) if self._what == "seen" else None

    def state(self, scope: str, key: str) -> State | None:
        return State({}, "evt_1", 0) if self._what == "state" else None

    def traits(self, kind: str, key: str) -> Traits | None:
        return Traits({}, {}, 0, 0) if self._what == "traits" else None


@pytest.mark.parametrize("what", ["seen", "state", "traits"])
def test_a_run_holds_while_memory_has_nothing_of_what_it_asked_for(fresh: Pipe, what: str) -> None:
    fresh.steps(ENRICH + CROSSING + DEDUPE)
    with Runtime(fresh.project(), clock=fresh.clock) as runtime:
        ahead, (event,), pipeline = made(runtime, {"customer_id": "acme", "used": 90})
        run = ahead.run(event, pipeline, Remembering())
        assert run == pipeline.run(event, runtime.outside, Remembering())
        assert (run.outcome, len(run.messages), len(run.to_remember)) == ("queued", 1, 3)
        assert ahead.run(event, pipeline, Remembering(what)) is None


def test_a_run_of_another_version_of_its_pipeline_is_none(fresh: Pipe) -> None:
    fresh.steps(ENRICH)
    with Runtime(fresh.project(), clock=fresh.clock) as runtime:
        ahead, (event,), pipeline = made(runtime, {"customer_id": "acme"})
        pipeline.version = "another"
        assert ahead.run(event, pipeline, Remembering()) is None


@pytest.mark.parametrize(
    ("steps", "payload"),
    [
        (ENRICH, {"customer_id": "nobody"}),  # what is like it is looked up, in the store, too
        ('[[steps]]\nuse = "redact.pii"\nsecret = "env:SALT"\nfields = { metric = "hash" }\n', {"metric": "seats"}),
        (CROSSING + 'period = "hour"\n', {"customer_id": "acme", "used": 90}),
    ],
    ids=["of a row that is not there", "with a secret", "that asks for much"],
)
def test_what_was_not_read_is_left_to_the_transaction(
    fresh: Pipe, steps: str, payload: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALT", "salt")
    fresh.steps(steps)
    with Runtime(fresh.project(), clock=fresh.clock) as runtime:
        ahead, (event,), pipeline = made(runtime, payload)
        assert ahead.run(event, pipeline, Remembering()) is None
        assert pipeline.run(event, runtime.outside, Remembering()).error is None


def accept(pipe: Pipe, runtime: Runtime, chunks: list[Any]) -> list[tuple[str, str, str]]:
    """Accept chunks; return of each run its outcome, its trace, and what it was given."""
    Batch(runtime, None, None).accept(chunks)
    return pipe.select("SELECT outcome, trace, content FROM runs LEFT JOIN given ON given.seq = given ORDER BY event")


def test_rows_of_a_file_that_has_changed_since_do_not_count(fresh: Pipe) -> None:
    fresh.steps(ENRICH + DEDUPE)
    file = fresh.root / "customers.csv"
    with Runtime(fresh.project(), clock=fresh.clock) as runtime:
        chunks, _ = fed(runtime, [lines({"customer_id": "acme"}), lines({"customer_id": "globex"})])
        file.write_text("customer_id,name,mrr\nglobex,Globex AG,2\nacme,Acme SE,1\n")
        settle(file)
        found = accept(fresh, runtime, chunks)
    assert ["old) line 3" in trace for _, trace, _ in found] == [True, False]
    assert ["old) line 2" in trace for _, trace, _ in found] == [False, True]


def test_rows_of_a_file_that_may_change_unseen_do_not_count(fresh: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor in the run of a pipeline that looks up what another one does, and tells nothing of the file."""
    monkeypatch.setattr(opened, "TICK", 10**12)
    fresh.steps(ENRICH, name="enriching")
    fresh.steps(UPSERT, name="writing")
    file = fresh.root / "customers.csv"
    os.utime(file)
    with Runtime(fresh.project(), clock=fresh.clock) as runtime:
        chunks, _ = fed(runtime, [lines({"customer_id": "acme", "used": 7})])
        file.write_text("customer_id,name,mrr\nacme,Acme SE,1\n")
        settle(file)
        accept(fresh, runtime, chunks)
    assert fresh.messages() == ["acme Acme SE"] * 2


def test_the_age_of_a_file_is_told_as_it_is_in_the_transaction(fresh: Pipe) -> None:
    fresh.steps(ENRICH)
    with Runtime(fresh.project(), clock=fresh.clock) as runtime:
        (chunk,), _ = fed(runtime, [lines({"customer_id": "acme"})])
        fresh.clock.passes("2d")
        ((_, trace, _),) = accept(fresh, runtime, [chunk])
        days = (runtime.clock.now() - file_time(fresh.root / "customers.csv")) // 86_400_000
    assert f"customers.csv ({days:,} days old) line 2" in trace


def file_time(path: Path) -> int:
    return int(path.stat().st_mtime * 1000)


def test_a_run_that_is_made_again_needs_no_second_transaction(fresh: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows that it looks up came with those that were made ahead."""
    fresh.steps(UPSERT + ENRICH + DEDUPE)
    with Runtime(fresh.project(), clock=fresh.clock) as runtime:
        chunks, _ = fed(runtime, [lines(*[{"customer_id": name, "used": 7} for name in ("acme", "globex", "acme")])])
        monkeypatch.setattr(runtime.outside, "read_on", lambda: pytest.fail("not all was read"))
        found = accept(fresh, runtime, chunks)
    assert [outcome for outcome, _, _ in found] == ["queued", "queued", "dropped"]
    assert all("seats from the store" in trace and "old) line" in trace for _, trace, _ in found)


def test_a_pipeline_that_was_paused_since_does_not_run(fresh: Pipe) -> None:
    fresh.steps(ENRICH)
    with Runtime(fresh.project(), clock=fresh.clock) as runtime:
        (pipeline,) = runtime.pipelines("usage")
        (chunk,), _ = fed(runtime, [lines({"customer_id": "acme"})])
        with runtime.store.transaction() as transaction:
            transaction.write_note("paused", pipeline.name, {"at": 0, "by": "jane", "why": ""}, 0)
        assert accept(fresh, runtime, [chunk]) == []
    assert fresh.select("SELECT count(*) FROM events") == [(1,)]


# How much is made ahead --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "name", "use"), [("k1", "acme", NOTHING), (None, "acme", ROWS), ("k2", "globex", RUNS)]
)
def test_what_is_made_ahead_is_told_to_be_of_use(fresh: Pipe, key: str | None, name: str, use: int) -> None:
    """Of a duplicate nothing is, of a run that is made again the row of its file."""
    fresh.steps(ENRICH + DEDUPE)
    with Runtime(fresh.project(), clock=fresh.clock) as runtime:
        emit(runtime, Raw("usage", {"customer_id": "acme"}, "k1"), deliver=False)
        (chunk,), _ = fed(runtime, [[Line(1, Raw("usage", {"customer_id": name}, key), None, b"")]])
        accept(fresh, runtime, [chunk])
    assert chunk.ahead is not None
    assert chunk.ahead.use == use


@pytest.mark.parametrize(("use", "is_there"), [(NOTHING, False), (ROWS, True)])
def test_what_is_of_no_use_is_not_made_for_some_chunks(fresh: Pipe, use: int, is_there: bool) -> None:
    fresh.steps(ENRICH)
    with Runtime(fresh.project(), clock=fresh.clock) as runtime:
        chunks, _ = fed(runtime, [lines({"customer_id": "acme"})] * (REST + 3), use)
    assert [chunk.ahead is not None and chunk.ahead.has_runs for chunk in chunks] == [False] * (REST + 1) + [True] * 2
    assert {chunk.ahead is not None for chunk in chunks[: REST + 1]} == {is_there}
