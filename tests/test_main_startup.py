"""cron starts the program thousands of times a day: what a plain `emit` must not load."""

import json
import subprocess
import sys
import time

import pytest

from tests.support.folder import ACME, USAGE, Folder
from tests.support.posting import TOKEN, Posting
from tests.support.program import environment
from tests.support.startup import HEAVY, loaded, modules

STEPS = """
match = ["usage.limit_reached"]
[[steps]]
use = "enrich.entity"
kind = "customer"
key = "$event.customer_id"
[[steps]]
use = "filter"
when = "$event.used > 0"
[[steps]]
use = "dedupe"
key = "$event.customer_id"
window = "1h"
[[destinations]]
use = "slack"
channel = "#alerts"
"""


@pytest.fixture
def warm(project: Folder) -> Folder:
    """A project with every step whose cache is warm."""
    project.write("pipelines/usage-limit-hits.toml", STEPS)
    time.sleep(0.06)  # younger files are not cached
    assert project.emit(*ACME, "--no-deliver").code == 0
    return project


def test_a_plain_emit_loads_nothing_heavy(warm: Folder) -> None:
    names = loaded(warm, "emit", USAGE, *ACME, "--metric", "seats", "--no-deliver", "--json")
    assert "sqlite3" in names  # so that an empty list does not pass
    assert names & HEAVY == set()


def test_a_duplicate_loads_nothing_heavy(warm: Folder) -> None:
    assert loaded(warm, "emit", USAGE, *ACME, "--no-deliver", "--json") & HEAVY == set()


def test_a_batch_loads_nothing_heavy(warm: Folder) -> None:
    warm.write("events.ndjson", '{"type": "usage.limit_reached"}\n')
    project = warm
    command = [sys.executable, "-X", "importtime", "-m", "ingestlayer_cli", "emit", "--batch", "events.ndjson", "-q"]
    done = subprocess.run(command, cwd=project.root, env=environment(), capture_output=True, text=True)
    assert done.returncode == 65
    assert not [line for line in done.stderr.splitlines() if line.rpartition("|")[2].strip() in HEAVY]


def test_a_terminal_delivery_under_json_loads_nothing_heavy(warm: Folder) -> None:
    names = loaded(warm, "emit", USAGE, *ACME, "--customer", "globex", "--json")
    assert names & HEAVY == set()
    assert warm.rows("SELECT count(*) FROM deliveries WHERE status = 'shown'") != [(0,)]


def test_the_first_emit_after_an_edit_checks_the_files_with_pydantic(warm: Folder) -> None:
    warm.edit("pipelines/usage-limit-hits.toml", "#alerts", "#growth")
    assert "pydantic" in loaded(warm, "emit", USAGE, *ACME, "--metric", "seats", "--no-deliver", "--json")


def test_a_deliver_as_cron_has_it_loads_nothing_heavy(warm: Folder) -> None:
    assert warm.run("deliver", "-q").code == 0
    assert loaded(warm, "deliver", "-q", "--log", "deliver.log") & HEAVY == set()
    assert loaded(warm, "deliver", "--json") & HEAVY == set()


def test_a_posted_message_loads_what_one_message_needs(posting: Posting) -> None:
    event = (
        "emit",
        USAGE,
        "--data",
        '{"customer_id": "acme", "metric": "seats", "limit": 1, "used": 2, "plan": "alerts"}',
    )
    time.sleep(0.06)  # younger files are not cached
    assert posting.run(*event, "--key", "1").code == 0
    names = modules(posting.root, *event, "--key", "2", "--json", env={"SLACK_BOT_TOKEN": TOKEN})
    assert "http.client" in names
    assert {name.partition(".")[0] for name in names} & HEAVY == set()
    assert names & {"urllib.request", "concurrent.futures", "logging", "html", "tempfile"} == set()


LEAVING = "import atexit; atexit.register(print, 'taken to pieces'); {}from ingestlayer_cli.main import main; main()"


@pytest.mark.parametrize("more", ["", "import threading; "])
def test_a_plain_start_leaves_with_all_said_and_is_not_taken_to_pieces(warm: Folder, more: str) -> None:
    command = [sys.executable, "-c", LEAVING.format(more), "emit", USAGE, *ACME, "--no-deliver", "--json"]
    done = subprocess.run(command, cwd=warm.root, env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    document, *rest = done.stdout.splitlines()
    assert json.loads(document)["status"] == "duplicate"
    assert rest == (["taken to pieces"] if more else [])
