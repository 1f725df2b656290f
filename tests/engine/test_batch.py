"""Reading a batch: what one transaction gets is bounded by lines and by bytes."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from ingestlayer_cli.engine.batch import CHUNK, CHUNK_BYTES, CsvBatch, NdjsonBatch, chunked
from ingestlayer_cli.model.gate import MAX_PAYLOAD, Line
from ingestlayer_cli.system.errors import UsageError
from tests.support.program import LONG_AGO

LONG = b'{"type": "t", "payload": {"x": "' + b"x" * (MAX_PAYLOAD - 50) + b'"}}\n'


def sizes(chunks: Iterator[list[Line]]) -> list[tuple[int, int]]:
    """Return how many lines each chunk has, and how many bytes."""
    return [(len(chunk), sum(len(line.text) for line in chunk)) for chunk in chunks]


def test_long_lines_come_a_few_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "long.ndjson"
    path.write_bytes(LONG * 40)
    with path.open("rb") as file:
        found = sizes(NdjsonBatch(file, None, "test").chunks())
    assert sum(lines for lines, _ in found) == 40
    assert max(size for _, size in found) <= CHUNK_BYTES + 2 * MAX_PAYLOAD


def test_long_rows_come_a_few_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"x\n" + (b"x" * (MAX_PAYLOAD - 50) + b"\n") * 40)
    with path.open("rb") as file:
        found = sizes(CsvBatch(file, "t", None, "test").chunks())
    assert sum(lines for lines, _ in found) == 40
    assert max(size for _, size in found) <= CHUNK_BYTES + 2 * MAX_PAYLOAD


def test_short_lines_come_a_thousand_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "short.ndjson"
    path.write_bytes(b'{"type": "t"}\n' * 2500)
    with path.open("rb") as file:
        assert [lines for lines, _ in sizes(NdjsonBatch(file, None, "test").chunks())] == [CHUNK, CHUNK, 500]


def test_events_of_a_program_are_bounded_the_same() -> None:
    long, short = Line(1, None, None, LONG), Line(1, None, None, b"x")
    assert max(size for _, size in sizes(chunked([long] * 40))) <= CHUNK_BYTES + MAX_PAYLOAD
    assert [lines for lines, _ in sizes(chunked([short] * 2500))] == [CHUNK, CHUNK, 500]


def test_what_cannot_be_read_is_no_batch() -> None:
    with (
        open(os.open(os.devnull, os.O_WRONLY), "rb") as file,
        pytest.raises(UsageError, match="the batch cannot be read: Bad file"),
    ):
        list(NdjsonBatch(file, None, "test").chunks())


class Growing(io.BytesIO):
    """A file that is still written: each of its pieces is there when the one before has ended."""

    def __init__(self, file: BinaryIO, *pieces: bytes) -> None:
        super().__init__()
        self._file = file  # whose time says when it has changed
        self._pieces = iter([piece for whole in pieces for piece in (whole, b"")])

    def read1(self, size: int | None = -1, /) -> bytes:
        return next(self._pieces, b"")

    def fileno(self) -> int:
        return self._file.fileno()


@pytest.mark.parametrize(
    ("is_young", "used"), [(True, "1000"), (False, "1")], ids=["is waited for", "of an old file is taken"]
)
def test_a_last_line_without_its_end(is_young: bool, used: str, tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_bytes(b"")
    if not is_young:
        os.utime(path, (LONG_AGO, LONG_AGO))
    with path.open("rb") as file:
        batch = CsvBatch(Growing(file, b"who,used\nacme,1", b"000\n"), "t", None, "test")
        payloads = [line.raw and line.raw.payload for chunk in batch.chunks() for line in chunk]
    assert payloads == [{"who": "acme", "used": used}]
