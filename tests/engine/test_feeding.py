"""A long batch is fed by a process beside: it comes to the same, and no end of either process loses an event."""

import io
import json
import marshal
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.engine import feeder, feeding
from ingestlayer_cli.engine.batch import NdjsonBatch
from ingestlayer_cli.engine.chunks import Admitted, admit_lines
from ingestlayer_cli.engine.feeding import Feed
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Line
from ingestlayer_cli.project import load
from ingestlayer_cli.system.errors import IngestlayerError, RejectedError, UsageError
from tests.support.clock import FakeClock
from tests.support.feeding import Nothing, fed
from tests.support.folder import PAYLOAD, USAGE, Folder, envelope
from tests.support.posting import Posting
from tests.support.posting import envelope as posted
from tests.support.program import start, wait_until

beside = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is no second processor to read on")

# What goes through the pipe -------------------------------------------------------------------------------

TEXTS = st.sampled_from(["acme", "globex", "nobody", "", "é\U0001f600", "\ud800", "a\0b", "x" * 300])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
PAYLOADS = st.fixed_dictionaries(
    {
        "customer_id": TEXTS,
        "metric": st.sampled_from(["seats", "storage", "no metric"]),
        "limit": st.sampled_from([100, 0.1, 10**30]),
        "used": st.integers(0, 200),
        "plan": TEXTS,
    },
    optional={"more": JSON},
)
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from([USAGE, USAGE, USAGE, "un.declared", "ingestlayer.own", "no type"])},
    optional={
        "payload": PAYLOADS | JSON,
        "idempotency_key": st.sampled_from(["k1", "k2", "\n", None, 7]),
        "timestamp": st.sampled_from(["2026-11-03T09:30:00Z", "2h ago", "soon", None]),
        "source": st.sampled_from(["billing", "\x01", None, ["of", {"many": 1}]]),
    },
)
LINES = EVENTS.map(lambda event: json.dumps(event).encode()) | st.sampled_from(
    [b"", b"nope", b"[1]", b"\xff", b'{"a": 1, "a": 2}', b'{"type": NaN}', b"[" * 5_000, b'"' + b"x" * (1 << 20)]
)


def told(line: Line, item: Admitted) -> tuple[Any, ...]:
    """Return all that an accepted batch shows of a line, but for the event's id."""
    if not isinstance(item, RejectedError):
        return line.number, line.text, item[0][1:], item[1]
    of = line.raw and (line.raw.type, str(line.raw.source))
    return line.number, line.text, of, item.kind, item.message, item.hint, item.details, item.text


@pytest.fixture(scope="module")
def loaded(template: Path) -> Iterator[Runtime]:
    with Runtime(load(str(template)), FakeClock()) as runtime:
        yield runtime


@given(st.lists(LINES, max_size=12))
@settings(max_examples=60, deadline=None)
def test_lines_come_as_the_gate_here_lets_them_pass(loaded: Runtime, lines: list[bytes]) -> None:
    chunks = [*NdjsonBatch(io.BytesIO(b"\n".join(lines)), None, "cli").chunks()]
    found, _ = fed(loaded, chunks)
    here = [admit_lines(loaded, chunk) for chunk in chunks]
    assert [told(*it) for chunk in found for it in chunk.admitted] == [told(*it) for chunk in here for it in chunk]
    assert all(chunk.ahead is not None for chunk in found)


def test_a_payload_that_is_nested_more_deeply_than_marshal_goes_comes_whole(
    loaded: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dumps(message: Any) -> bytes:
        if message[0] == "lines" and len(message) == 4:
            raise ValueError("object too deeply nested to marshal")
        return marshal.dumps(message)

    monkeypatch.setattr(feeder, "marshal", SimpleNamespace(dumps=dumps))
    chunk = next(NdjsonBatch(io.BytesIO(json.dumps(envelope(1)).encode() + b"\nnope"), None, "cli").chunks())
    (found,), _ = fed(loaded, [chunk])
    assert [told(*it) for it in found.admitted] == [told(*it) for it in admit_lines(loaded, chunk)]


def test_what_reading_raises_is_raised_where_it_is_accepted_with_what_the_reader_has_told(loaded: Runtime) -> None:
    def broken() -> Iterator[list[Line]]:
        yield []
        raise UsageError("the batch cannot be read: Input/output error", "name a file, or a pipe")

    with pytest.raises(UsageError) as caught:
        fed(loaded, broken())
    assert caught.value.hint == "name a file, or a pipe"


def test_a_defect_of_the_reader_is_told_as_one(loaded: Runtime) -> None:
    def broken() -> Iterator[list[Line]]:
        yield []
        raise LookupError("ours")

    with pytest.raises(IngestlayerError, match="a defect of ours: LookupError: ours"):
        fed(loaded, broken())


def test_a_process_with_threads_is_not_forked() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert not feeding.can_fork()
    finally:
        ended.set()
        thread.join()


# With and without -----------------------------------------------------------------------------------------

SHOWN = (
    "SELECT type, received_at, source, key, payload, duplicates FROM events ORDER BY seq",
    "SELECT kind, type, source, line, message, details, raw FROM dead_letters ORDER BY seq",
    "SELECT event, number, outcome, dropped_by, reason, trace, given FROM runs ORDER BY event, number",
    "SELECT event, run, pipeline, destination, target, status FROM deliveries ORDER BY seq",
    "SELECT content FROM given ORDER BY seq",
)


def mixed(count: int) -> bytes:
    """Return lines of which some are refused, by each rule, some are duplicates, and some conflict."""
    lines = []
    for number in range(count):
        first = number - 1_200 if number % 7 == 6 else number
        used = first if number % 2 else number
        payload = {**PAYLOAD, "customer_id": ["acme", "globex", "nobody"][number % 3], "used": used}
        event = {"type": USAGE, "payload": payload, "idempotency_key": f"k{first}"}
        event["timestamp"] = "2026-11-03T09:30:00Z"
        event |= {"type": "un.declared"} if number % 401 == 5 else {"source": "\x01"} if number % 401 == 6 else {}
        lines.append(json.dumps(event).encode() if number % 97 else [b"nope", b"\xff", b"", b"[]"][number % 4])
    return b"\n".join(lines)


def without_ids(found: object) -> str:
    return re.sub("evt_[0-9A-Z]{26}", "evt", str(found))


@beside
def test_a_batch_comes_to_the_same_with_the_process_beside_as_without_it(
    project: Folder, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, results = made("alone"), []
    for folder in (project, other):
        folder.edit(f"events/{USAGE}.toml", "[idempotency]", '[idempotency]\non_difference = "reject"')
        (folder.root / "events.ndjson").write_bytes(mixed(4_000))
    command = ("emit", "--batch", "events.ndjson", "--no-deliver", "--json", "--rejects", "rejects.ndjson")
    results.append(project.run(*command))
    monkeypatch.setattr(feeding, "can_fork", lambda: False)
    monkeypatch.chdir(other.root)
    results.append(other.here(*command))
    assert without_ids(results[0]) == without_ids(results[1])
    assert results[0].json["duplicates"] > 100
    for sql in SHOWN:
        assert without_ids(project.rows(sql)) == without_ids(other.rows(sql))
    rejects, others = ((folder.root / "rejects.ndjson").read_text() for folder in (project, other))
    assert without_ids(rejects) == without_ids(others)
    kinds = {json.loads(line)["kind"] for line in rejects.splitlines()}
    assert kinds == {"json", "schema", "undeclared", "conflict"}
    ids = [id_ for (id_,) in project.rows("SELECT id FROM events ORDER BY seq")]
    assert ids == sorted(ids)


@beside
def test_the_format_that_a_long_csv_lacks_is_proposed_by_all_its_cells(project: Folder) -> None:
    rows = b"".join(b'c%d,seats,"10,000","9,100",pro\n' % number for number in range(2_600))
    (project.root / "batch.csv").write_bytes(b"customer_id,metric,limit,used,plan\n" + rows)
    result = project.run("emit", USAGE, "--batch", "batch.csv", "--json")
    assert result.json["notes"] == ["""--format 'thousands = ","' would read 5,200 of 5,200"""]


@beside
def test_a_long_batch_into_postgresql_is_fed_too(shared_posting: Posting) -> None:
    """The fork takes a connection along: it must leave that to the process that it feeds."""
    shared_posting.batch(posted(number) for number in range(2_400))
    result = shared_posting.run("emit", "--batch", "events.ndjson", "--no-deliver", "--json")
    assert (result.code, result.err, result.json["accepted"]) == (0, "", 2_400)
    keys = shared_posting.sql("SELECT key FROM events ORDER BY seq")
    assert keys == [(f"key-{number}",) for number in range(2_400)]


# How they end ---------------------------------------------------------------------------------------------

COUNT = 3_000


class Batch:
    """A batch from a pipe that stays open, COUNT lines of which are accepted, and the process that feeds it."""

    def __init__(self, project: Folder, **more: Any) -> None:
        self.project = project
        ours, self.pipe = os.pipe()
        fcntl(self.pipe, F_SETPIPE_SZ, 1 << 20)  # all of it is there before it is read
        self.write(*range(COUNT))
        arguments = ("emit", "--batch", "-", "--no-deliver", "--json")
        self.process = start(*arguments, cwd=project.root, stdin=ours, start_new_session=True, **more)
        os.close(ours)
        self.accepted(COUNT)
        pid = self.process.pid
        (self.feeder,) = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def write(self, *numbers: int) -> None:
        data = b"".join(json.dumps(envelope(number)).encode() + b"\n" for number in numbers)
        assert os.write(self.pipe, data) == len(data)

    def accepted(self, count: int) -> None:
        """Wait until so many are committed."""
        wait_until(lambda: self.project.count("events") == count)

    def ended(self) -> tuple[int, Any]:
        """Return what it answered, once it has ended, though its input has not."""
        out, err = self.process.communicate(timeout=60)
        assert err == b""
        return self.process.returncode, json.loads(out)

    def has_fed(self) -> bool:
        """Say whether the process that fed it is gone."""
        try:
            return Path(f"/proc/{self.feeder}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True


@contextmanager
def running(project: Folder, **more: Any) -> Iterator[Batch]:
    found = Batch(project, **more)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.communicate()
        os.close(found.pipe)
        wait_until(found.has_fed)


@pytest.fixture
def batch(project: Folder) -> Iterator[Batch]:
    with running(project) as found:
        yield found


@beside
def test_lines_that_trickle_in_later_are_accepted_as_they_come(batch: Batch) -> None:
    batch.write(COUNT)
    batch.accepted(COUNT + 1)
    assert not batch.has_fed()


@beside
def test_where_the_process_beside_is_killed_it_is_told_how_far_the_batch_came(batch: Batch) -> None:
    os.kill(batch.feeder, signal.SIGKILL)
    code, result = batch.ended()
    assert (code, result["accepted"]) == (75, COUNT)
    words = "the batch cannot be read: the process that reads it was killed (SIGKILL)"
    assert result["trouble"]["message"] == f"stopped after line 3,000: {words}"
    assert "is there enough memory?" in result["trouble"]["hint"]
    assert "what came until line 3,000 is safe: emit the lines after it alone" in result["trouble"]["hint"]


def test_a_process_that_is_gone_when_it_is_to_be_killed_has_ended(
    loaded: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where SIGCHLD is ignored it may go between the look at it and that."""
    feed = Feed(loaded, iter(()), Nothing())
    feed._feeder = 1 << 30, open(os.devnull, "rb", buffering=0)  # noqa: SIM115 - the feed closes it
    monkeypatch.setattr(os, "waitpid", lambda *_: (0, 0))
    assert feed._end() is None


def test_a_signal_without_a_name_is_told_by_its_number(loaded: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(loaded, iter(()), Nothing())
    monkeypatch.setattr(feed, "_end", lambda: -40)
    with (
        open(os.devnull, "rb", buffering=0) as pipe,
        pytest.raises(IngestlayerError, match=r"was killed \(signal 40\)"),
    ):
        next(feed.fed(pipe))


@beside
def test_how_the_process_beside_ended_is_not_told_where_nobody_knows(project: Folder) -> None:
    """Whoever has started the program ignores SIGCHLD, which is handed down: nothing is told of a child then."""
    with running(project, preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)) as batch:
        os.kill(batch.feeder, signal.SIGKILL)
        code, result = batch.ended()
    assert (code, result["accepted"]) == (75, COUNT)
    words = "stopped after line 3,000: the batch cannot be read: the process that reads it has ended"
    assert result["trouble"]["message"] == words


@beside
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_batch_that_is_killed_leaves_no_process_behind(batch: Batch, number: signal.Signals) -> None:
    """Though that waits for the next line, which never comes."""
    os.kill(batch.process.pid, number)
    assert batch.process.wait() == -number
    wait_until(batch.has_fed)


@beside
def test_ctrl_c_which_both_get_ends_the_batch_as_ever(batch: Batch) -> None:
    os.killpg(batch.process.pid, signal.SIGINT)
    code, result = batch.ended()
    assert (code, result["error"]["kind"]) == (130, "interrupted")
    found = re.search(
        r"stopped after line ([0-9,]+): \1 accepted(; of the next [0-9,]+ lines it is not known)?",
        result["error"]["hint"],
    )
    assert found
    assert (found[1] == "3,000") is not bool(found[2])  # it may come between the commit and the count
    assert batch.has_fed()
