"""What fails after the commit: the result says what was committed, exit 75; before it, that nothing was."""

import json
import os
import resource
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingestlayer_cli import IngestError, ingest, ingest_batch
from tests.support.posting import TYPE, Posting, accept, envelope, payload, posted
from tests.support.program import PROGRAM, Result
from tests.support.standin import SlackStandin

# As SQLite says it of a disk that is full, at one place: claiming, recording, accepting the event of one customer.
FULL = "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
CLAIMING = f"BEFORE UPDATE OF lease_by ON deliveries WHEN NEW.lease_by IS NOT NULL {FULL}"
RECORDING = f"BEFORE INSERT ON attempts {FULL}"
ACCEPTING = f"BEFORE INSERT ON events WHEN NEW.payload ->> 'customer_id' IN ('c7', 'c1001500') {FULL}"
EMIT_AGAIN = "nothing was accepted: emit again"


@pytest.fixture
def full(posting: Posting) -> Callable[[str], Posting]:
    """A store whose disk is full when something is done."""

    def make(when: str) -> Posting:
        assert posting.run("emit", TYPE, "--data", json.dumps(payload(999)), "--no-deliver", "-q").code == 0
        posting.sql("DELETE FROM deliveries")
        posting.sql(f"CREATE TRIGGER disk_full {when}")
        return posting

    return make


def trouble(result: Result) -> Any:
    assert "emit again" not in result.said
    return result.json["trouble"]


@pytest.mark.parametrize(
    ("when", "messages", "status"), [(CLAIMING, 0, "pending"), (RECORDING, 1, "unknown")], ids=["claiming", "recording"]
)
def test_a_full_disk_after_the_commit_is_told_with_the_event(
    when: str, messages: int, status: str, full: Callable[[str], Posting], slack: SlackStandin
) -> None:
    folder = full(when)
    result = folder.emit(1)
    assert (result.code, result.json["status"], len(slack.messages)) == (75, "accepted", messages)
    assert (result.delivery["status"], result.json["event"]["id"]) == (status, folder.ids[1])
    assert trouble(result)["kind"] == "store"
    assert trouble(result)["message"].startswith(f"after {folder.ids[1]} was accepted: the store ")
    assert "do not emit it again" in trouble(result)["hint"]


def test_people_are_told_the_same(full: Callable[[str], Posting]) -> None:
    folder = full(CLAIMING)
    result = folder.run("emit", TYPE, "--data", json.dumps(payload(1)), "-q")
    assert (result.code, result.out) == (75, "")
    assert result.err.startswith(f"error: after {folder.ids[1]} was accepted: the store ")
    assert "hint: free some space; what was accepted is safe, do not emit it again" in result.err


def test_a_full_disk_before_the_commit_says_that_nothing_was_accepted(full: Callable[[str], Posting]) -> None:
    folder = full(ACCEPTING)
    result = folder.emit(7)
    assert (result.code, len(folder.ids)) == (78, 1)
    assert result.error["hint"] == f"free some space; {EMIT_AGAIN}"


def test_a_refused_event_is_refused_though_its_dead_letter_finds_no_room(full: Callable[[str], Posting]) -> None:
    folder = full(f"BEFORE INSERT ON dead_letters {FULL}")
    result = folder.run("emit", TYPE, "--data", "{}", "--json")
    assert (result.code, result.error["kind"]) == (65, "schema")
    assert "it is not kept as a dead letter" in result.error["hint"]


def test_a_batch_tells_how_far_it_came(full: Callable[[str], Posting], slack: SlackStandin) -> None:
    folder = full(ACCEPTING)
    folder.batch(envelope(number) for number in range(1_000_000, 1_003_000))
    result = folder.run("emit", "--batch", "events.ndjson", "--json", "--no-deliver")
    assert (result.code, result.json["accepted"], len(folder.ids)) == (75, 1000, 1001)
    assert trouble(result)["message"].startswith("stopped after line 1,000: the store ")
    assert "emit the lines after it alone" in trouble(result)["hint"]


def test_a_batch_whose_first_chunk_finds_no_room_accepted_nothing(full: Callable[[str], Posting]) -> None:
    folder = full(ACCEPTING)
    folder.batch(envelope(number) for number in range(10))
    result = folder.run("emit", "--batch", "events.ndjson", "--json")
    assert (result.code, len(folder.ids)) == (78, 1)
    assert EMIT_AGAIN in result.error["hint"]


def test_a_batch_whose_messages_cannot_be_claimed_has_its_counts(full: Callable[[str], Posting]) -> None:
    folder = full(CLAIMING)
    folder.batch(envelope(number) for number in range(3))
    result = folder.run("emit", "--batch", "events.ndjson", "--json")
    assert (result.code, result.json["accepted"], result.json["deliveries"]["pending"]) == (75, 3, 3)
    assert trouble(result)["message"].startswith("after the commit: the store ")


def test_a_replay_whose_messages_cannot_be_claimed_has_its_counts(full: Callable[[str], Posting]) -> None:
    folder = full(CLAIMING)
    result = folder.run("replay", "@last", "--yes", "--json")
    assert (result.code, result.json["events"], result.json["deliveries"]["pending"]) == (75, 1, 1)
    assert trouble(result)["message"].startswith("after the commit: the store ")


def test_python_has_the_result_and_its_trouble(full: Callable[[str], Posting], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-test")
    folder = full(CLAIMING)
    result = ingest(TYPE, payload(1), project=folder.root)
    assert (result.status, result.runs[0].deliveries[0].status) == ("accepted", "pending")
    assert "disk is full" in result.trouble.message
    batch = ingest_batch([envelope(2)], project=folder.root)
    assert (batch.accepted, "disk is full" in batch.trouble.message) == (1, True)


def test_python_is_refused_what_finds_no_room(full: Callable[[str], Posting]) -> None:
    folder = full(ACCEPTING)
    with pytest.raises(IngestError, match="disk is full") as caught:
        ingest(TYPE, payload(7), project=folder.root)
    assert EMIT_AGAIN in caught.value.hint


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No thread that sends can be started, as where a user has too many processes; the stand-in's can."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith(("ThreadPool", "ingestlayer")):
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        yield


def test_without_threads_messages_are_sent_by_the_only_one(
    posting: Posting, slack: SlackStandin, no_threads: None
) -> None:
    with posting.runtime() as runtime:
        results = [accept(runtime, number, deliver=True) for number in range(3)]
    assert [result["runs"][0]["deliveries"][0]["status"] for result in results] == ["delivered"] * 3
    assert posted(slack) == ["c0", "c1", "c2"]


def test_python_without_threads_has_accepted(
    posting: Posting, monkeypatch: pytest.MonkeyPatch, no_threads: None
) -> None:
    result = ingest(TYPE, payload(1), project=posting.root)
    assert (result.runs[0].deliveries[0].status, result.trouble.kind) == ("pending", "machine")
    again = ingest(TYPE, payload(2), project=posting.root)
    assert again.trouble.message == f"after {again.event.id} was accepted: no thread can be started"


def test_a_read_of_a_store_never_says_that_something_was_not_accepted(posting: Posting) -> None:
    posting.accept([0])
    posting.sql("UPDATE events SET payload = 'x'")
    os.truncate(posting.store, 8192)
    for command in (["events", "list"], ["deliveries", "list"], ["why", "@last"]):
        assert "accepted" not in posting.run(*command).err


@pytest.mark.parametrize("blocks", range(20, 400, 60))
def test_on_a_disk_that_fills_up_what_is_told_is_what_is_stored(
    blocks: int, posting: Posting, slack: SlackStandin
) -> None:
    """Files cannot grow beyond a size: wherever that strikes, the answer and the store agree."""
    posting.accept([999])

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (blocks * 1024, resource.RLIM_INFINITY))

    posting.batch(envelope(number, used=1) for number in range(3000))
    command = [PROGRAM, "emit", "--batch", "events.ndjson", "--json"]
    done = subprocess.run(command, cwd=posting.root, env=posting.environment(), capture_output=True, preexec_fn=limit)
    document = json.loads(done.stdout)
    stored = len(posting.ids) - 1
    if "error" in document:
        assert (done.returncode, stored) == (78, 0)
    else:
        assert document["accepted"] == stored
        assert done.returncode == (75 if "trouble" in document else 0)
    assert b"Traceback" not in done.stderr
