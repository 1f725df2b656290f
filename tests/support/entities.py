"""Entity files for the tests, written so that they count as settled (not changed a moment ago)."""

import os
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.entities.file import EntityFile
from ingestlayer_cli.entities.table import Row

ALWAYS_INDEXED = 0
NEVER_INDEXED = 10**12
_hours = count(1)


def write(folder: Path, name: str, content: str | bytes) -> str:
    """Write a file whose mtime lies in the past and later than that of the file written before it."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    settle(path)
    return str(path)


def settle(path: Path) -> None:
    """Give a file an mtime in the past that no other file of the tests has."""
    at = 1_600_000_000 + next(_hours) * 3600
    os.utime(path, (at, at))


def counted_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return where the rows that are read from now on begin, one after the other."""
    reads: list[int] = []
    pread = os.pread

    def counted(file: int, length: int, start: int) -> bytes:
        reads.append(start)
        return pread(file, length, start)

    monkeypatch.setattr(os, "pread", counted)
    return reads


def look_up(
    path: str,
    key: str,
    *,
    column: str = "customer_id",
    types: Mapping[str, str] | None = None,
    index_dir: str | None = None,
    index_from: int = NEVER_INDEXED,
    **settings: Any,
) -> Row | None:
    """Look one key up with a fresh EntityFile."""
    with EntityFile("customer", path, column, dict(types or {}), index_dir, index_from=index_from, **settings) as file:
        return file.get(key)


def found(path: str, key: str, types: Mapping[str, str] | None = None) -> Row:
    """Look one key up that must be there."""
    row = look_up(path, key, types=types)
    assert row is not None
    return row


def problems(path: str, types: Mapping[str, str] | None = None, **settings: Any) -> list[tuple[str, str]]:
    """Return path and text of every problem of a file whose key is customer_id."""
    with EntityFile("customer", path, "customer_id", dict(types or {}), None, **settings) as file:
        return [(problem.path, problem.problem) for problem in file.problems()]
