"""Transactions of many writers at once come to what one of them would, one after the other."""

import json
import random
import threading
from contextlib import closing
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.batch import NdjsonBatch
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Raw
from ingestlayer_cli.model.memory import Kept, Remembered, Upsert
from ingestlayer_cli.project import load
from ingestlayer_cli.store.contract.reading import Selection
from ingestlayer_cli.store.opening import open_to_write
from ingestlayer_cli.store.postgres.store import PostgresStore
from ingestlayer_cli.system.document import Document
from tests.store.contract import words
from tests.support.clock import FakeClock
from tests.support.project import write
from tests.support.wire import Wire

WRITERS = 16
SETTINGS = """
[slack]
connection = "terminal"
[events]
undeclared = "accept"
[store]
{store}
"""
# Every kind of memory: states, remembrances, traits; keys that are told by the event and by what is known of it.
PIPELINES = {
    "pipelines/a.toml": """
[[steps]]
use = "crossing"
value = "$event.used / 100"
levels = [0.5, 0.8, 1]
key = "$event.customer"
[[destinations]]
use = "slack"
channel = "#a"
thread = "$event.customer"
""",
    "pipelines/b.toml": """
[[steps]]
use = "enrich.entity"
kind = "customer"
key = "$event.customer"
[[steps]]
use = "filter"
when = "$entity.customer.greeted == null"
[[steps]]
use = "upsert.entity"
kind = "customer"
key = "$event.customer"
traits = { greeted = "$event.number" }
[[destinations]]
use = "slack"
channel = "#b"
""",
    "pipelines/c.toml": """
[[steps]]
use = "dedupe"
key = "$event.customer"
window = "50ms"
[[steps]]
use = "throttle"
key = "$event.kind"
max = 3
window = "20ms"
[[destinations]]
use = "slack"
channel = "#c"
""",
    "pipelines/d.toml": """
[[steps]]
use = "crossing"
value = "$event.used / 100"
levels = [0.9]
key = "$event.customer"
period = "day"
clears = true
new_period = "clear"
[[destinations]]
use = "slack"
channel = "#d"
""",
}


def project(root: Path, store: str = "") -> Path:
    return write(
        root,
        {
            "ingestlayer.toml": SETTINGS.format(store=store),
            "pipelines/alert.toml": None,
            "events/usage.toml": None,
            **PIPELINES,
        },
    )


def outcomes(runtime: Runtime) -> list[tuple[Any, ...]]:
    """Return what became of each event, in the order of acceptance."""
    events = runtime.store.history.select(Selection(), newest_first=False, as_accepted=True)
    return [
        (
            item.event.payload["number"],
            [(run.pipeline, run.outcome, run.dropped_by) for run in runtime.store.runs.of_event(item.event.id)],
        )
        for item in events
    ]


def accept(runtime: Runtime, number: int, payload: dict[str, Any]) -> None:
    clock = runtime.clock
    assert isinstance(clock, FakeClock)
    clock.at = 1_000_000 + number
    flow.emit(runtime, Raw("usage", {"number": number, **payload}, f"{number % 90}"), deliver=False)


@pytest.mark.parametrize("seed", range(2))
def test_sixteen_writers_agree_with_one(tmp_path: Path, postgres: str, seed: int) -> None:
    url, schema = postgres.split("#")
    shared = project(tmp_path / "shared", f'url = "{url}"\nschema = "{schema}"')
    own = random.Random(seed)
    payloads = [
        {"customer": own.choice("abc"), "kind": own.choice("xy"), "used": own.randrange(120)} for _ in range(96)
    ]
    load(str(shared))
    failures: list[BaseException] = []

    def work(first: int) -> None:
        try:
            with Runtime(load(str(shared)), FakeClock(0)) as runtime:
                for number in range(first, len(payloads), WRITERS):
                    accept(runtime, number, payloads[number])
        except BaseException as error:
            failures.append(error)

    with Runtime(load(str(shared)), FakeClock(0)) as runtime:
        assert runtime.store.has_unfinished() is False
        threads = [threading.Thread(target=work, args=(first,)) for first in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        found = outcomes(runtime)
        memory = [sorted(runtime.store.states(scope, "")) for scope in ("a/crossing/1", "c/throttle/1")]
        assert runtime.store.upkeep.info()["rows"]["threads"] == len({row[0] for row in memory[0]})
    assert len(found) == 90
    with Runtime(load(str(project(tmp_path / "alone"))), FakeClock(0)) as runtime:
        for number, _ in found:
            accept(runtime, number, payloads[number])
        assert outcomes(runtime) == found
        alone = [sorted(runtime.store.states(scope, "")) for scope in ("a/crossing/1", "c/throttle/1")]
    assert [[row[:2] for row in rows] for rows in alone] == [[row[:2] for row in rows] for rows in memory]


def test_a_batch_asks_the_server_for_many_events_at_once(tmp_path: Path, postgres: str) -> None:
    """A statement for some three events, and an answer that is waited for in some six: it may be far away."""
    url, schema = postgres.split("#")
    shared = project(tmp_path / "shared", f'url = "{url}"\nschema = "{schema}"')
    payloads = [{"customer": f"c{number}", "kind": f"k{number}", "used": 60, "number": number} for number in range(300)]
    lines = [
        json.dumps({"type": "usage", "payload": payload, "idempotency_key": str(number)})
        for number, payload in enumerate(payloads)
    ]
    batch = NdjsonBatch(BytesIO("\n".join(lines).encode()), None, "cli")
    with Runtime(load(str(shared))) as runtime, Wire(runtime.store, tmp_path / "said") as wire:
        result: list[Document] = []
        said = wire.of(lambda: result.append(flow.emit_batch(runtime, batch.chunks(), deliver=False)))
    assert (result[0]["accepted"], result[0]["deliveries"]["pending"]) == (300, 600)
    assert said.waits < 300 / 6
    assert said.statements < 300 / 2.5


def test_what_an_hour_is_called_in_other_zones_is_looked_up_for_many_events_at_once(
    tmp_path: Path, postgres: str
) -> None:
    url, schema = postgres.split("#")
    root = project(tmp_path / "shared", f'url = "{url}"\nschema = "{schema}"')
    for name in PIPELINES:
        (root / name).unlink()
    (root / "pipelines" / "hour.toml").write_text(PIPELINES["pipelines/d.toml"].replace("day", "hour"))
    lines = [{"type": "usage", "payload": {"customer": f"c{number}", "used": 95}} for number in range(200)]
    with Runtime(load(str(root))) as runtime, Wire(runtime.store, tmp_path / "said") as wire:
        result: list[Document] = []
        batch = NdjsonBatch(BytesIO("\n".join(map(json.dumps, lines)).encode()), None, "cli")
        many = wire.of(lambda: result.append(flow.emit_batch(runtime, batch.chunks(), deliver=False)))
        one = wire.of(partial(flow.emit, runtime, Raw("usage", {"customer": "x", "used": 95}), deliver=False))
    assert result[0]["deliveries"]["pending"] == 200
    assert many.statements < 200
    assert one.waits <= 11


def test_an_event_of_a_process_of_its_own_waits_for_few_answers(tmp_path: Path, postgres: str) -> None:
    """What others have named by then is looked up at once, and nothing is made; a lock out of order is one more."""
    url, schema = postgres.split("#")
    shared = project(tmp_path / "shared", f'url = "{url}"\nschema = "{schema}"')
    for number in range(2):
        event = Raw("usage", {"number": number, "customer": "a", "kind": "x", "used": number})
        with Runtime(load(str(shared))) as runtime, Wire(runtime.store, tmp_path / "said") as wire:
            said = wire.of(partial(flow.emit, runtime, event, deliver=False))
    assert said.waits <= 11
    assert said.statements <= 26


def test_what_is_looked_up_goes_through_no_table(postgres: str) -> None:
    """Nobody has told the server yet how many events, and how many keys, there are by now."""
    names = [f"c{number}" for number in range(3_000)]
    with closing(open_to_write(postgres)) as store:
        assert isinstance(store, PostgresStore)
        with store.transaction() as transaction:
            for name in names:
                words.add(transaction, words.event(name, name))
                transaction.remember(Kept("s", name, {"level": 1}, 10), name)
                transaction.remember(Remembered("s", name, 10), name)
                transaction.upsert(Upsert("customer", name, {"plan": "pro"}, name, 10))
        asked = names[:100]
        with store.transaction() as transaction:
            transaction.look_ahead(store.look_up(asked), {"customer": asked}, {"s": asked}, {"s": asked})
            read = transaction.rows("SELECT relname FROM pg_stat_xact_user_tables WHERE seq_tup_read > 300")
            assert transaction.first_with_key("usage", "c7", 0)
    assert read == []
