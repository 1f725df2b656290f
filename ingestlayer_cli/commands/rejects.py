"""`--rejects FILE`: the refused lines of a batch, with their reasons, as NDJSON."""

import json
import os
import stat
from contextlib import ExitStack
from typing import BinaryIO

from ..model.gate import Line
from ..system.console import as_json, note
from ..system.errors import RejectedError, UsageError

_NAMES = {"line", "kind", "message", "raw"}  # what a line of ours has, at least


class Rejects:
    """The file. Once it cannot be written, that is said; the lines are dead letters all the same."""

    def __init__(self, stack: ExitStack, path: str, batch: BinaryIO) -> None:
        self._path = path
        try:
            if os.path.exists(path):
                _check(path, os.fstat(batch.fileno()))
            self._file = stack.enter_context(open(path, "wb", buffering=0))  # noqa: SIM115
        except OSError as error:
            raise UsageError(f"--rejects {path}: {error.strerror}") from None
        self._is_broken = False

    def __call__(self, line: Line, error: RejectedError) -> None:
        raw = line.text.decode("utf-8", "backslashreplace")
        data = (as_json({"line": line.number, **error.document()["error"], "raw": raw}) + "\n").encode()
        try:
            while data and not self._is_broken:
                data = data[self._file.write(data) :]
        except OSError as failure:
            self._is_broken = True
            hint = "the refused lines are in the store: ingestlayer why --refused"
            note(f"warning: --rejects {self._path}: {failure.strerror}; {hint}", "yellow")


def _check(path: str, batch: os.stat_result) -> None:
    """Refuse to overwrite a file that is not an earlier one of ours."""
    found = os.stat(path)
    if os.path.samestat(found, batch):
        raise UsageError(f"--rejects {path} would overwrite the batch", "name another file")
    if stat.S_ISREG(found.st_mode) and found.st_size and not _is_ours(path):
        raise UsageError(f"--rejects {path} would overwrite a file of something else", "name one that is not there yet")


def _is_ours(path: str) -> bool:
    with open(path, "rb") as file:
        try:
            row = json.loads(file.readline(1 << 24))
        except (ValueError, RecursionError):
            return False
    return isinstance(row, dict) and row.keys() >= _NAMES
