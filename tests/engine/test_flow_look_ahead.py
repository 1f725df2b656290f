"""What is read ahead for a chunk changes nothing: a batch ends as its events do one by one."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Line, Raw
from tests.support.entities import counted_reads, settle
from tests.support.feeding import fed
from tests.support.pipe import Pipe

STEPS = {
    "upsert": '[[steps]]\nuse = "upsert.entity"\nkind = "customer"\nexternal_id = "$event.customer_id"\n'
    'traits = { plan = "$event.metric" }\n',
    "enrich": '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n',
    "crossing": '[[steps]]\nuse = "crossing"\nvalue = "$event.used / $event.limit"\nlevels = [0.8, 1]\n'
    'key = "$event.customer_id:$event.metric"\nperiod = "month"\n',
    "clearing": '[[steps]]\nuse = "crossing"\nvalue = "$event.used / $event.limit"\nlevels = [0.8, 1]\n'
    'key = "$event.customer_id:$event.metric"\nperiod = "day"\nclears = true\nnew_period = "clear"\nremind = "1h"\n',
    "throttle": '[[steps]]\nuse = "throttle"\nkey = "$event.metric"\nmax = 3\nwindow = "1h"\nmode = "delay"\n',
    "dedupe": '[[steps]]\nuse = "dedupe"\nkey = "$event.customer_id:$event.used"\nwindow = "24h"\n',
}
CUSTOMERS = 'customer_id,name,mrr\nacme,Acme Inc,1900\nglobex,Globex GmbH,\nacme,Twice,1\n"a,b",Comma,7\né,Accent,3\n'
EVENTS = st.fixed_dictionaries(
    {
        # SQLite's JSON ends a text at a NUL: such a key must not be taken for one that is not there.
        "customer_id": st.sampled_from(["acme"] * 6 + ["globex", "a,b", "é", "nobody", "", "a\0b", "line\nend", '"']),
        "metric": st.sampled_from(["seats", "seats", "calls\0", "é"]),
        "used": st.sampled_from([79, 80, 80, 100]),
        "limit": st.sampled_from([100, 100, 100, 200]),
    }
)
KEYS = st.sampled_from([None, None, "k1", "k2", "plumless", "buckeroo"])  # the last two have one hash
TIMES = st.sampled_from(
    [f"2026-{at}Z" for at in ("11-03T09:30:00", "11-03T09:30:00", "11-03T09:31:00", "11-20T10:00:00", "10-31T23:59:59")]
)


def bench_of(root: Path, steps: list[str]) -> Pipe:
    pipe = Pipe(root)
    pipe.write("customers.csv", CUSTOMERS)
    os.utime(root / "customers.csv", (1_600_000_000,) * 2)  # its age is told in days
    pipe.steps("".join(STEPS[name] for name in steps))
    return pipe


def one_by_one(pipe: Pipe, events: list[Raw]) -> None:
    with Runtime(pipe.project(), clock=pipe.clock) as runtime:
        for event in events:
            flow.emit(runtime, event, deliver=False)


def in_chunks(pipe: Pipe, events: list[Raw], size: int, is_fed: bool) -> None:
    """Accept events, their runs made ahead where they are fed."""
    lines = [Line(number, event, None, b"") for number, event in enumerate(events, start=1)]
    chunks = [lines[at : at + size] for at in range(0, len(lines), size)]
    with Runtime(pipe.project(), clock=pipe.clock) as runtime:
        flow.emit_batch(runtime, fed(runtime, chunks)[0] if is_fed else chunks, deliver=False)


def told(pipe: Pipe) -> list[Any]:
    """Return all that is stored, with the events' numbers in place of their ids, which are made at random."""
    ids = {id_: f"event {seq}" for id_, seq in pipe.select("SELECT id, seq FROM events")}

    def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
        texts = []
        for value in row:
            for id_, name in ids.items():
                value = value.replace(id_, name) if isinstance(value, str) else value
            texts.append(value)
        return tuple(texts)

    tables = {
        "events": "seq, id, type, received_at, key, payload, duplicates",
        "runs": "event, number, outcome, dropped_by, reason, trace",
        "deliveries": "seq, event, run, target, due_at, json_extract(body, '$.text')",
        "memory": "scope, key, at, event_id",
        "states": "scope, key, value, event_id, at",
        "entities": "kind, key, traits, origins, first_seen, last_seen",
    }
    rows = [pipe.select(f"SELECT {columns} FROM {table}") for table, columns in tables.items()]
    return [sorted(map(plain, found), key=repr) for found in rows]


@settings(deadline=None, max_examples=40)
@given(
    steps=st.lists(st.sampled_from(list(STEPS)), min_size=1, max_size=4, unique=True),
    events=st.lists(st.tuples(EVENTS, KEYS, TIMES), min_size=12, max_size=30),
    before=st.integers(0, 8),
    size=st.integers(1, 25),
    is_fed=st.booleans(),
)
def test_a_batch_leaves_what_its_events_leave_one_by_one(
    steps: list[str], events: list[tuple[dict[str, Any], str | None, str]], before: int, size: int, is_fed: bool
) -> None:
    raws = [Raw("usage", payload, key, at) for payload, key, at in events]
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        single, batch = bench_of(Path(first), steps), bench_of(Path(second), steps)
        one_by_one(single, raws)
        one_by_one(batch, raws[:before])  # so that the chunks find something in the store
        in_chunks(batch, raws[before:], size, is_fed)
        assert told(batch) == told(single)


def test_a_row_is_read_once_for_all_events_of_a_chunk(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = counted_reads(monkeypatch)
    pipe.steps(STEPS["enrich"])
    settle(pipe.root / "customers.csv")
    pipe.batch([{"customer_id": name} for name in ("acme", "globex") * 50])
    assert len(reads) == 2


def test_an_event_whose_file_is_missing_is_accepted_and_its_run_fails(pipe: Pipe) -> None:
    pipe.steps(STEPS["enrich"])
    (pipe.root / "customers.csv").unlink()
    assert pipe.batch([{"customer_id": "acme"}, {"customer_id": "globex"}]) == ["failed", "failed"]
    ((reason,),) = pipe.select("SELECT DISTINCT reason FROM runs")
    assert "customers.csv does not exist" in reason
