"""The files of a client in their folder: what differs is written, and no file of anybody else is touched."""

import json
import os
from typing import NamedTuple

from ..system.errors import UsageError

MARK = "Made by ingestlayer"


class ClientFiles(NamedTuple):
    """What came of a client's files, by their names: written now, as they were to be, or to be written."""

    written: list[str]
    current: list[str]
    stale: list[str]


def keep(folder: str, files: dict[str, str], is_to_be_written: bool = True) -> ClientFiles:
    """Bring the files of a client up to date in its folder, or say which are not.

    UsageError where one that is there is somebody else's: nothing is written then.
    """
    stale = sorted(name for name, text in files.items() if _differs(os.path.join(folder, name), text))
    current = sorted(files.keys() - stale)
    if not is_to_be_written:
        return ClientFiles([], current, stale)
    for name in stale:
        _write(os.path.join(folder, name), files[name])
    return ClientFiles(stale, current, [])


def _differs(path: str, text: str) -> bool:
    there = _read(path)
    if there is not None and there != text and not _is_ours(path, there, text):
        raise UsageError(f"{path} was not made by `sdk`", "name a folder of the client's own: --out DIR")
    return there != text


def _write(path: str, text: str) -> None:
    """Write a file in one move."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = f"{path}.{os.getpid()}"
    with open(part, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.replace(part, path)


def _read(path: str) -> str | None:
    """Return the text of a file, however its lines end: Git may have turned them."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _is_ours(path: str, there: str, text: str) -> bool:
    if os.path.basename(path) != "package.json":
        return MARK in there[:1000] or not there.strip()
    try:
        found = json.loads(there)
        return bool(found["name"] == json.loads(text)["name"])
    except (ValueError, KeyError, TypeError):
        return False
