"""Changing one value of a TOML file where it stands: comments, order and line ends stay."""

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Iterable

from ..system.errors import Problem, ProjectError
from ..system.typed import TomlTable
from .find import bounded, not_utf_8
from .not_toml import why

BOM = "\ufeff"


def read_text(path: str, name: str) -> str:
    """Return the text of a file, line ends as they are; ProjectError says why it is none."""
    try:
        raw = bounded(path)
        return raw.decode()
    except OSError as error:
        raise ProjectError(f"{name} cannot be read: {error.strerror}", "check its permissions") from None
    except UnicodeDecodeError as error:
        raise ProjectError(f"{name} is not TOML", "", [Problem(name, not_utf_8(raw, error))]) from None


def read(path: str, name: str) -> tuple[str, TomlTable]:
    """Return the text of a TOML file, line ends as they are, and its data; ProjectError names the place."""
    text = read_text(path, name)
    try:
        return text, tomllib.loads(text.removeprefix(BOM))
    except (ValueError, RecursionError) as error:
        line, column, words = why(text.removeprefix(BOM), error)
        raise ProjectError(f"{name} is not TOML", "", [Problem(f"{name}:{line}:{column}", words)]) from None


def replaced(text: str, place: tuple[int, int], word: str) -> str:
    """Return a text whose quoted word at a place (line and column, from 1) is another one."""
    line, column = place
    at = sum(len(before) + 1 for before in text.split("\n")[: line - 1]) + column - 1
    return text[:at] + re.sub(r"\A[^\"']*", word, text[at:])


def told(data: TomlTable | None) -> str:
    """Return data as a text to compare, whatever the order of its tables' keys: no NaN is equal to another."""
    return json.dumps(data or {}, sort_keys=True, default=repr)


def parsed(lines: Iterable[str]) -> TomlTable | None:
    """Return the data of TOML text, None when it is none."""
    try:
        return tomllib.loads("".join(lines))
    except tomllib.TOMLDecodeError:
        return None


def replace(path: str, name: str, text: str) -> None:
    """Put a new text in the file's place in one move, with its mode; of a link, in the place of its target."""
    target = os.path.realpath(path)
    part = ""
    try:
        mode = os.stat(target).st_mode
        handle, part = tempfile.mkstemp(prefix=".edit-", dir=os.path.dirname(target))
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode & 0o7777)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        raise ProjectError(f"{name} cannot be written: {error.strerror}", "check the folder's permissions") from None
    finally:
        if part and os.path.exists(part):
            os.unlink(part)


def write_new(path: str, name: str, text: str) -> None:
    """Write a file that is not there."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "x", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise ProjectError(f"{name} cannot be written: {error.strerror}", "check the folder's permissions") from None
