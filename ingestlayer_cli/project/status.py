"""The `status` line of a pipeline's file, edited where it stands."""

import os
import re
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import Problem, ProjectError
from .positions import Positions

BOM = "\ufeff"
_HEADER = re.compile(r"[ \t]*\[")
_COMMENT = re.compile(r"[ \t]*#")


def read(path: str, name: str) -> tuple[str, dict[str, Any]]:
    """Return the text of a pipeline's file, line ends as they are, and its data; ProjectError names the place."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        return text, tomllib.loads(text.removeprefix(BOM))
    except OSError as error:
        raise ProjectError(f"{name} cannot be read: {error.strerror}", "check its permissions") from None
    except (ValueError, RecursionError) as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        place = f"{name}:{found[1]}:{found[2]}" if found else name
        raise ProjectError(f"{name} is not TOML", "", [Problem(place, str(error))]) from None


def write(path: str, name: str, status: str) -> bool:
    """Set the status of a pipeline's file, nothing else of it; say whether it had another one."""
    text, data = read(path, name)
    if data.get("status", "active") == status:
        return False
    bom = BOM if text.startswith(BOM) else ""
    wanted = _told({**data, "status": status})
    for edited in _edits(text.removeprefix(BOM), status, data):
        if _told(_parsed([edited])) == wanted:
            _replace(path, name, bom + edited)
            return True
    raise ProjectError(f"{name}: its status cannot be edited", f'write status = "{status}" above its first table')


def _edits(text: str, status: str, data: dict[str, Any]) -> Iterator[str]:
    """Yield candidates, the best place first."""
    positions = Positions(text)
    if "status" in data:
        line, column = positions.place(("status",), 0)
        at = sum(len(before) + 1 for before in text.split("\n")[: line - 1]) + column - 1
        yield text[:at] + re.sub(r"\A[^\"']*", status, text[at:])
        return
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    for number in _places(lines, positions.place(("match",))[0] if "match" in data else None):
        before, after = "".join(lines[:number]), "".join(lines[number:])
        if before and not before.endswith("\n"):
            yield f'{before}{newline}status = "{status}"'
        else:
            yield f'{before}status = "{status}"{newline}{after}'


def _places(lines: list[str], match: int | None) -> Iterator[int]:
    """Yield after how many lines the status may go: after `match`, which stands on that line, else above all tables."""
    headers = (
        number for number, line in enumerate(lines) if _HEADER.match(line) and _parsed(lines[:number]) is not None
    )
    above = header = next(headers, len(lines))
    # Comments right above the table belong to it.
    while above and _COMMENT.match(lines[above - 1]):
        above -= 1
    while above and not lines[above - 1].strip():
        above -= 1
    if match is not None:
        yield from range(match, above)  # inside a value of several lines a place is no good
    yield from (above, header)  # what looks like a comment may be the end of such a value


def _told(data: dict[str, Any] | None) -> str:
    """Return data as a text to compare: no NaN is equal to another."""
    return repr(sorted((data or {}).items(), key=lambda item: item[0]))


def _parsed(lines: Iterable[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads("".join(lines))
    except tomllib.TOMLDecodeError:
        return None


def _replace(path: str, name: str, text: str) -> None:
    """Put a new text in the file's place in one move, with its mode; of a link, in the place of its target."""
    target = os.path.realpath(path)
    part = ""
    try:
        mode = os.stat(target).st_mode
        handle, part = tempfile.mkstemp(prefix=".status-", dir=os.path.dirname(target))
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
