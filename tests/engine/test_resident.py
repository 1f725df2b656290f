"""A process that lives long: threads, forks, and files that change between two calls of `ingest()`."""

import gc
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli import IngestError, ingest
from ingestlayer_cli.engine.resident import resident
from tests.benchmarks.ingest import edited, ingesting, make, state, together
from tests.support import ROOT
from tests.support.folder import PAYLOAD, USAGE, Folder
from tests.support.posting import TOKEN
from tests.support.program import environment, wait_until
from tests.support.standin import SlackStandin

THREADS = 8


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose pipeline looks a customer up, and drops every event."""
    make(tmp_path)
    return tmp_path


@pytest.fixture
def posting_to(project: Folder, slack: SlackStandin) -> Folder:
    """The project that `init` makes, posting to the stand-in."""
    toml = project.root / "ingestlayer.toml"
    table = f'connection = "bot"\napi_url = "{slack.url}"\npace = "0s"'
    toml.write_text(toml.read_text().replace('connection = "terminal"', table))
    assert 'connection = "bot"' in toml.read_text()
    return project


def senders() -> int:
    return [thread.name for thread in threading.enumerate()].count("ingestlayer-sender")


def used(project: Folder, number: int, **more: Any) -> Any:
    return ingest(USAGE, {**PAYLOAD, "customer_id": f"c{number}"}, project=project.root, **more)


# What changes between two calls ---------------------------------------------------------------------------


def test_a_changed_entity_file_is_seen_by_the_next_call(project: Folder) -> None:
    def name() -> str:
        ingest(USAGE, PAYLOAD, idempotency_key=str(time.time_ns()), project=project.root)
        return str(project.rows("SELECT body FROM deliveries ORDER BY seq DESC LIMIT 1")[0][0])

    assert "Acme Inc" in name()
    project.edit("customers.csv", "Acme Inc", "Acme Ltd")
    assert "Acme Ltd" in name()


def test_a_changed_pipeline_is_seen_by_the_next_call(project: Folder) -> None:
    assert used(project, 1).runs[0].deliveries[0].target == "#alerts"
    project.edit("pipelines/usage-limit-hits.toml", '"#alerts"', '"#others"')
    assert used(project, 2).runs[0].deliveries[0].target == "#others"


def test_a_run_that_failed_is_done_by_a_later_call(posting_to: Folder, slack: SlackStandin) -> None:
    path = posting_to.root / "customers.csv"
    path.rename(posting_to.root / "away.csv")
    first = used(posting_to, 1, idempotency_key="k")
    assert (first.runs[0].outcome, bool(first.runs[0].retry_at)) == ("failed", True)
    (posting_to.root / "away.csv").rename(path)
    other = used(posting_to, 2)
    assert [row.status for row in other.runs[0].deliveries] == ["delivered"]
    wait_until(lambda: len(slack.messages) == 2)  # it was not waited for
    assert used(posting_to, 1, idempotency_key="k").runs == []


def test_a_project_is_read_once_while_nothing_changes(root: Path) -> None:
    ingesting(root, 2)(0)
    with resident(str(root)).runtime() as one:
        first = one.project
    ingesting(root, 2)(0)
    with resident(str(root)).runtime() as other:
        assert other.project is first


def test_a_broken_file_is_an_error_until_it_is_mended(project: Folder) -> None:
    used(project, 1)
    text = (project.root / "ingestlayer.toml").read_text()
    project.write("ingestlayer.toml", text + "\nnonsense = [")
    with pytest.raises(IngestError) as caught:
        used(project, 2)
    assert caught.value.kind == "project"
    project.write("ingestlayer.toml", text)
    assert used(project, 3).status == "accepted"


def test_a_connection_that_is_made_meanwhile_is_posted_over(
    project: Folder, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    assert used(project, 1).runs[0].deliveries[0].status == "shown"
    project.edit("ingestlayer.toml", 'connection = "terminal"', f'connection = "bot"\napi_url = "{slack.url}"')
    assert used(project, 2).runs[0].deliveries[0].status == "delivered"
    assert len(slack.messages) == 1


def test_a_missing_secret_that_is_mended_is_seen_by_the_next_call(
    posting_to: Folder, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    delivery = used(posting_to, 1).runs[0].deliveries[0]
    assert (delivery.status, "SLACK_BOT_TOKEN is not set" in delivery.error) == ("pending", True)
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    assert used(posting_to, 2).runs[0].deliveries[0].status == "delivered"
    assert len(slack.messages) == 2  # what waited in the channel went first


def test_a_store_that_was_put_in_the_place_of_another_is_written_to(root: Path) -> None:
    ingesting(root, 3)(0)
    for path in (root / ".ingestlayer").glob("store.db*"):
        path.rename(path.with_name(f"old-{path.name}"))
    ingesting(root, 2)(0)
    assert Folder(root).count("events") == 2


def test_a_sender_of_a_store_that_was_made_anew_sends_from_that(posting_to: Folder, slack: SlackStandin) -> None:
    assert used(posting_to, 1).runs[0].deliveries[0].status == "delivered"
    shutil.rmtree(posting_to.store.parent)
    assert used(posting_to, 2).runs[0].deliveries[0].status == "delivered"
    assert len(slack.messages) == 2


# Threads --------------------------------------------------------------------------------------------------


def objects(root: Path) -> int:
    """Return how many objects there are once nothing is open that the next call would open anew."""
    shared = resident(str(root))
    shared.rest()
    shared.go_on()
    gc.collect()
    return len(gc.get_objects())


def test_threads_lose_nothing_while_files_are_edited_and_nothing_grows(root: Path) -> None:
    files, _ = state()
    rounds, found = 0, []
    with edited(root, 0.05) as edits:
        for wanted in (2, 10):
            while len(edits) < wanted or rounds < wanted:
                together(THREADS, ingesting(root, 2))
                rounds += 1
            found.append(objects(root))
    assert state()[0] <= files + 3 * (THREADS + 1)  # a store has three files: one a thread, and the sender's own
    assert found[1] - found[0] < 1_000  # of the eight edits between, each makes more than 500 anew
    assert Folder(root).count("events") == THREADS * 2 * rounds
    assert Folder(root).rows("SELECT DISTINCT outcome, dropped_by FROM runs") == [("dropped", "filter")]


def test_threads_share_one_sender(posting_to: Folder, slack: SlackStandin) -> None:
    before = senders()
    done: list[Any] = []

    def work(number: int) -> None:
        done.extend(used(posting_to, number * 10 + call).runs[0].deliveries[0].status for call in range(3))

    together(THREADS, work)
    assert done == ["delivered"] * THREADS * 3
    assert len(slack.messages) == THREADS * 3
    assert senders() == before + 1


# Forks ----------------------------------------------------------------------------------------------------

FORKING = """
import os, sys, threading
from pathlib import Path
from ingestlayer_cli import ingest
from tests.benchmarks.ingest import edited, state

def go(times):
    for _ in range(times):
        ingest("usage", {"customer_id": "c1", "used": 1}, project=sys.argv[1])

def together(threads, times):
    running = [threading.Thread(target=go, args=(times,)) for _ in range(threads)]
    for thread in running:
        thread.start()
    return running

go(1)
busy, children = together(1, 50), []
with edited(Path(sys.argv[1]), 0.05):
    for _ in range(4):
        pid = os.fork()
        if not pid:
            open_files = state()[0]
            for thread in together(5, 2):
                thread.join()
            os._exit(state()[0] > open_files + 3 * (5 + 1))
        children.append(pid)
    print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children])
    busy[0].join()
go(1)
"""


def test_a_fork_in_the_middle_of_calls_is_another_process(root: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKING, str(root)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.stderr) == ("[0, 0, 0, 0]\n", "")
    assert Folder(root).count("events") == 1 + 50 + 4 * 5 * 2 + 1
    assert Folder(root).rows("PRAGMA integrity_check") == [("ok",)]


def test_a_child_sends_by_a_sender_of_its_own(posting_to: Folder, slack: SlackStandin) -> None:
    code = (
        "import os, sys; from ingestlayer_cli import ingest\n"
        f"def go(n): return ingest({USAGE!r}, {{**{PAYLOAD!r}, 'customer_id': n}}, project=sys.argv[1])"
        ".runs[0].deliveries[0].status\n"
        "print(go('a'), flush=True)\n"
        "pid = os.fork()\n"
        "print(go('b' if pid else 'c'), flush=True)\n"
        "if pid: os.waitpid(pid, 0)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(posting_to.root)]
    env = environment({"SLACK_BOT_TOKEN": TOKEN})
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["delivered"] * 3, "")
    assert len(slack.messages) == 3
