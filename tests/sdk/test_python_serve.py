"""The Python client, through faults, to the real `serve`: each event is stored once, by the key of its declaration."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.door import Door
from tests.support.folder import PAYLOAD, USAGE, Folder
from tests.support.program import PATIENCE, environment
from tests.support.serving import Serving

PROGRAM = f"""
from ingestlayer_sdk import IngestError, ingest, ingest_batch
payload = {PAYLOAD!r}
first = ingest("{USAGE}", payload)
again = ingest("{USAGE}", {{**payload, "used": 99_999}})
assert (first.status, again.status, again.event.id) == ("duplicate", "duplicate", first.event.id), (first, again)
batch = ingest_batch(({{**payload, "customer_id": f"c{{n}}"}} for n in range(600)), type="{USAGE}")
assert (batch.accepted + batch.duplicates, batch.rejected) == (600, 0), batch
try:
    ingest("{USAGE}", {{**payload, "metric": "api-cals"}})
except IngestError as error:
    print(error.kind, error.details[0]["path"])
"""


def test_each_event_is_stored_once_whatever_becomes_of_the_answers(project: Folder, tmp_path: Path) -> None:
    assert project.run("sdk", "python", "--out", tmp_path / "sdk").code == 0
    faults = ["lost", "half", "500", "page"]
    with Serving(project, "--no-deliver") as serving, Door(faults, upstream=serving.url) as door:
        env = {"INGESTLAYER_URL": door.url, "INGESTLAYER_KEY": serving.key(), "PYTHONPATH": str(tmp_path / "sdk")}
        command = [sys.executable, "-c", PROGRAM]
        ended = subprocess.run(command, env=environment(env), capture_output=True, text=True, timeout=PATIENCE)
    assert (ended.returncode, ended.stdout) == (0, "schema metric\n"), ended.stderr
    payloads = [json.loads(row[0]) for row in project.rows("SELECT payload FROM events")]
    assert len(payloads) == len({payload["customer_id"] for payload in payloads}) == 601
