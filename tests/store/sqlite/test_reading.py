"""The door for reading: live beside writers, without a trace, and wherever the file may be read."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ingestlayer_cli.store.contract.refused import NewDeadLetter
from ingestlayer_cli.store.sqlite.reading import open_to_read
from ingestlayer_cli.store.sqlite.store import SqliteStore, open_to_write
from ingestlayer_cli.system.errors import StoreError
from tests.support.folder import PAYLOAD, USAGE, Folder
from tests.support.program import Result

COUNT = "SELECT count(*) FROM dead_letters"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A store that nobody has open."""
    path = str(tmp_path / "store.db")
    with closing(open_to_write(path)) as store:
        bury(store)
    return path


def bury(store: SqliteStore, count: int = 1) -> None:
    with store.transaction() as transaction:
        for _ in range(count):
            transaction.add_dead_letter(NewDeadLetter(1, "json", "a.b", "cli", None, "no", [], "x" * 1000))


def reader(path: str) -> SqliteStore:
    found = open_to_read(path)
    assert found is not None
    return found


def test_a_reader_that_was_there_first_sees_what_is_committed_later(path: str) -> None:
    with closing(reader(path)) as reading, closing(open_to_write(path)) as writing:
        assert reading.rows(COUNT) == [(1,)]
        for number in range(2, 6):
            bury(writing)
            assert reading.rows(COUNT) == [(number,)]


def test_a_reader_outlives_many_writers_that_copy_their_log_into_the_file(path: str) -> None:
    with closing(reader(path)) as reading:
        for number in range(1, 6):
            with closing(open_to_write(path)) as writing:
                bury(writing, 100)
                writing.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert reading.rows(COUNT) == [(1 + 100 * number,)]
            assert reading.rows("PRAGMA quick_check") == [("ok",)]


def test_readers_leave_nothing_behind(path: str) -> None:
    before = Path(path).read_bytes()
    first, second = reader(path), reader(path)
    assert first.rows(COUNT) == second.rows(COUNT) == [(1,)]
    first.close()
    second.close()
    assert os.listdir(os.path.dirname(path)) == ["store.db"]
    assert Path(path).read_bytes() == before


def test_a_reader_writes_nothing(path: str) -> None:
    with closing(reader(path)) as reading:
        with pytest.raises(StoreError, match="cannot be written"):
            bury(reading)
        assert reading.rows(COUNT) == [(1,)]


def test_a_reader_opens_while_writers_come_and_go(path: str) -> None:
    ends = threading.Event()

    def write() -> None:
        while not ends.is_set():
            with closing(open_to_write(path)) as store:
                bury(store)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        last = 0
        for _ in range(200):
            with closing(reader(path)) as reading:
                ((count,),) = reading.rows(COUNT)
            assert count >= last
            last = count
    finally:
        ends.set()
        writer.join()


# Where only others may write ------------------------------------------------------------------------------

NOBODY = """
import os, sys
from ingestlayer_cli.store.sqlite.reading import open_to_read
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everywhere
store = open_to_read(sys.argv[1])
for line in sys.stdin:
    print(store.rows("SELECT count(*) FROM dead_letters")[0][0], flush=True)
store.close()
"""


@pytest.fixture
def guarded() -> Iterator[str]:
    """A store in a folder that nobody but its owner may write."""
    with tempfile.TemporaryDirectory() as folder:
        with closing(open_to_write(f"{folder}/store.db")) as store:
            bury(store)
        os.chmod(f"{folder}/store.db", 0o444)
        os.chmod(folder, 0o555)
        yield f"{folder}/store.db"
        os.chmod(folder, 0o755)


class Nobody:
    """A process that reads a store that it may not write."""

    def __init__(self, path: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", NOBODY, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def count(self) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0


def test_a_store_that_may_not_be_written_is_read(guarded: str) -> None:
    with closing(Nobody(guarded)) as nobody:
        assert nobody.count() == 1
    assert os.listdir(os.path.dirname(guarded)) == ["store.db"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes where its children may not")
def test_a_store_that_only_others_may_write_is_read_as_they_left_it(guarded: str) -> None:
    with closing(Nobody(guarded)) as nobody:
        assert nobody.count() == 1
        with closing(open_to_write(guarded)) as store:  # their -wal comes after the reader
            bury(store, 100)
            assert nobody.count() == 101
            bury(store)
            assert nobody.count() == 102
    with closing(Nobody(guarded)) as nobody:
        assert nobody.count() == 102
        with closing(open_to_write(guarded)) as store:  # and has come and gone between two reads
            bury(store, 100)
        assert nobody.count() == 202


# What is said of a file that cannot be read -----------------------------------------------------------------


def test_a_store_is_called_damaged_once_sqlite_has_checked_it(path: str) -> None:
    with closing(reader(path)) as reading:
        ((page,),) = reading.rows("SELECT rootpage FROM sqlite_master WHERE name = 'dead_letters'")
    with open(path, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(4096))
    with closing(reader(path)) as reading, pytest.raises(StoreError, match="is damaged") as told:
        reading.rows("SELECT raw FROM dead_letters")
    assert ".recover" in told.value.hint


def test_what_is_no_damage_is_not_called_so(path: str) -> None:
    with closing(reader(path)) as reading, pytest.raises(StoreError, match="failed: malformed JSON"):
        reading.rows("SELECT * FROM json_each('{')")


# The program itself ---------------------------------------------------------------------------------------


def lines(first: int, count: int) -> bytes:
    """Return a batch of events, each with a key of its own."""
    numbers = range(first, first + count)
    return b"".join(
        json.dumps({"type": USAGE, "payload": PAYLOAD, "idempotency_key": f"k{number}"}).encode() + b"\n"
        for number in numbers
    )


def test_exports_beside_batches_have_all_that_was_committed_before_them(project: Folder) -> None:
    project.edit("pipelines/usage-limit-hits.toml", 'status = "active"', 'status = "paused"')
    (project.root / "first.ndjson").write_bytes(lines(0, 1_000))
    assert project.run("emit", "--batch", "first.ndjson", "-q").code == 0
    ends = threading.Event()
    batches: list[Result] = []

    def write() -> None:  # one batch after another: they come and go while an export reads
        while not ends.is_set():
            content = lines(10_000 + 200 * len(batches), 200)
            batches.append(project.run("emit", "--batch", "-", "-q", stdin=content))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(12):
            before = project.count("events")
            result = project.here("events", "export", "-q")
            assert (result.code, result.err) == (0, "")
            exported = [json.loads(line)["idempotency_key"] for line in result.out.splitlines()]
            assert len(exported) == len(set(exported)) >= before
    finally:
        ends.set()
        writer.join()
    assert {(batch.code, batch.out, batch.err) for batch in batches} == {(0, "", "")}
