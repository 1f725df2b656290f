"""@ingestlayer/sdk, through faults, to the real `serve`: each event is stored once."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.support.door import WAIT, Door, by_chance
from tests.support.folder import PAYLOAD, Folder
from tests.support.node import installed, node
from tests.support.serving import Serving

VIEWED = "page.viewed"  # it has no key
COUNT = int(os.environ.get("SDK_EVENTS", "200"))
SCRIPT = """
    import { createClient } from "@ingestlayer/sdk";
    const client = createClient({ attemptTimeout: ATTEMPT, retries: 40 });
    const numbers = (from, count) => Array.from({ length: count }, (_, index) => from + index);
    const event = (n) => n % 2
        ? { type: "page.viewed", payload: { n } }
        : { type: "usage.limit_reached", payload: { ...PAYLOAD, customer_id: `c${n}` } };
    await Promise.all(numbers(0, COUNT / 2).map((n) => client.ingest(event(n).type, event(n).payload)));
    const batches = numbers(0, 10).map((n) => numbers(COUNT / 2 + n * COUNT / 20, COUNT / 20));
    const found = await Promise.all(batches.map((batch) => client.ingestBatch(batch.map(event))));
    if (found.some(({ rejected }) => rejected)) throw new Error(JSON.stringify(found));
    const again = await client.ingest("usage.limit_reached", { ...PAYLOAD, customer_id: "c0", used: 99999 });
    console.log(JSON.stringify(again.status));
"""


@pytest.fixture(scope="module")
def declared(shared: Folder) -> Folder:
    shared.declare(VIEWED, '[fields]\nn = "integer"\n')
    return shared


def stored(project: Folder) -> Counter[str]:
    """Count the events by what tells one from another."""
    payloads = [json.loads(row[0]) for row in project.rows("SELECT payload FROM events")]
    return Counter(str(payload.get("customer_id", payload.get("n"))) for payload in payloads)


def test_each_event_is_stored_once_whatever_becomes_of_the_answers(declared: Folder, tmp_path: Path) -> None:
    """Those of a type with a key, and those of one without; and the key of the declaration is the one that counts."""
    assert declared.run("sdk", "typescript", "--out", tmp_path / "sdk").code == 0
    app = installed(tmp_path / "sdk", tmp_path)
    script = SCRIPT.replace("COUNT", str(COUNT)).replace("PAYLOAD", json.dumps(PAYLOAD))
    with Serving(declared, "--no-deliver") as serving:
        key = serving.key()
        with Door(by_chance(0.3, 2026), upstream=serving.url) as door:
            env = {"INGESTLAYER_URL": door.url, "INGESTLAYER_KEY": key}
            assert node(app, script.replace("ATTEMPT", str(WAIT * 1000)), env) == "duplicate"
    found = stored(declared)
    assert set(found.values()) == {1}
    assert len(found) == COUNT
